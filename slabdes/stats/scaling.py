# SPDX-License-Identifier: GPL-2.0-only
"""Throughput and waiting by point with confidence intervals over replications: what scaling figures and tables show.

Leaves out any fit of a law: points are shown as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slabdes.results import metrics
from slabdes.results.frames import Frames
from slabdes.stats.intervals import CONFIDENCE, Interval, half_width, paired_difference

if TYPE_CHECKING:
    import polars as pl

RATES: Final = ("operations_per_s", "share_waiting")


def scaling(frames: Frames, confidence: float = CONFIDENCE) -> pl.DataFrame:
    """`metrics.scaling` with operations_per_s_half and share_waiting_half: half widths; null for one replication."""
    import polars as pl

    table = metrics.scaling(frames)
    for name in RATES:
        spread = table[f"{name}_sd"].to_list()
        counts = table["replications"].to_list()
        halves = [None if sd is None else half_width(sd, n, confidence) for sd, n in zip(spread, counts, strict=True)]
        table = table.with_columns(pl.Series(f"{name}_half", halves, pl.Float64))
    return table


def compare_points(frames: Frames, first: int, second: int, rate: str = RATES[0], confidence: float = CONFIDENCE) -> Interval:
    """How much a rate of point `second` exceeds that of point `first`, paired by replication (same seed, same streams).

    Raises InputError if a point is not there or they differ in replications.
    """
    sides = []
    for point in (first, second):
        table = metrics.rates(frames.of_points([point]))
        sides.append([float(value) for value in table.sort("replication")[rate]])
    return paired_difference(sides[0], sides[1], confidence)

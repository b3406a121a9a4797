# SPDX-License-Identifier: GPL-2.0-only
"""Throughput and waiting by point with confidence intervals over replications: what scaling figures and tables show.

Laws are fitted to lines by CPUs. Leaves out what makes a curve bend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slabdes.errors import InputError
from slabdes.measures.names import RATES
from slabdes.results import metrics
from slabdes.results.frames import Frames
from slabdes.stats.intervals import CONFIDENCE, Interval, half_width, paired_difference
from slabdes.stats.laws import Fitted, fitted

if TYPE_CHECKING:
    import polars as pl


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


def laws(frames: Frames, confidence: float = CONFIDENCE) -> dict[tuple[Any, ...], Fitted]:
    """The Universal Scalability Law of throughput by CPUs, of each line of a sweep, by the values that tell lines apart.

    Raises InputError for fewer than three numbers of CPUs, and for points of a line that have the same number.
    """
    keys = [key for key in metrics.series_keys(frames) if key != "cpus"]
    rates = metrics.rates(frames)
    lines: dict[tuple[Any, ...], dict[int, list[float]]] = {}
    for row in frames.points.sort("cpus").iter_rows(named=True):
        line = lines.setdefault(tuple(row[key] for key in keys), {})
        if row["cpus"] in line:
            raise InputError("laws", f"several points of {row['cpus']} CPUs", allowed="a sweep by CPUs")
        line[row["cpus"]] = rates.filter(point=row["point"]).sort("replication")[RATES[0]].to_list()
    return {
        name: fitted(list(line), list(zip(*line.values(), strict=True)), confidence=confidence) for name, line in lines.items()
    }

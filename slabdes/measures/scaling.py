# SPDX-License-Identifier: GPL-2.0-only
"""Throughput and waiting by point with confidence intervals over replications: what scaling figures and tables show.

Laws are fitted to lines by CPUs. Leaves out what makes a curve bend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slabdes.errors import InputError
from slabdes.measures.estimates import Estimated
from slabdes.measures.names import RATES
from slabdes.results import metrics
from slabdes.results.frames import Frames
from slabdes.stats.intervals import CONFIDENCE
from slabdes.stats.laws import Fitted, fitted

if TYPE_CHECKING:
    import polars as pl


def scaling(frames: Frames, confidence: float = CONFIDENCE) -> pl.DataFrame:
    """`metrics.scaling` with operations_per_s_half and share_waiting_half: half widths; null for one replication."""
    import polars as pl

    rows = Estimated(frames, confidence).rows("rates")
    halves = [pl.Series(f"{name}_half", [row.intervals[name].half_width for row in rows], pl.Float64) for name in RATES]
    return metrics.scaling(frames).with_columns(halves)


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

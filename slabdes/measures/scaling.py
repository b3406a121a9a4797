# SPDX-License-Identifier: GPL-2.0-only
"""Throughput and waiting by point with confidence intervals over replications: what scaling figures and tables show.

Laws are fitted to lines by CPUs. Leaves out what makes a curve bend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slabdes.errors import InputError
from slabdes.measures.estimates import Estimated
from slabdes.measures.names import RATES
from slabdes.results import metrics
from slabdes.results.frames import Frames
from slabdes.stats.intervals import CONFIDENCE
from slabdes.stats.laws import Fitted, fitted

if TYPE_CHECKING:
    import polars as pl

FEWEST: Final = 5
"""Numbers of CPUs of a line that a law is fitted to: two more than the law has parts (a choice: with three any line fits)."""


def scaling(frames: Frames, confidence: float = CONFIDENCE) -> pl.DataFrame:
    """`metrics.scaling` with operations_per_s_half and share_waiting_half: half widths; null for one replication."""
    import polars as pl

    rows = Estimated(frames, confidence).rows("rates")
    halves = [pl.Series(f"{name}_half", [row.intervals[name].half_width for row in rows], pl.Float64) for name in RATES]
    return metrics.scaling(frames).with_columns(halves)


def laws(frames: Frames, confidence: float = CONFIDENCE) -> dict[tuple[Any, ...], Fitted]:
    """The Universal Scalability Law of throughput by CPUs, of each line of a sweep, by the values that tell lines apart.

    Lines of fewer than FEWEST numbers of CPUs have none. Raises InputError where no line has more, and for points of a line that
    have the same number.
    """
    keys = [key for key in metrics.series_keys(frames) if key != "cpus"]
    rates = metrics.rates(frames)
    lines: dict[tuple[Any, ...], dict[int, list[float]]] = {}
    for row in frames.points.sort("cpus").iter_rows(named=True):
        line = lines.setdefault(tuple(row[key] for key in keys), {})
        if row["cpus"] in line:
            raise InputError("laws", f"several points of {row['cpus']} CPUs", allowed="a sweep by CPUs")
        line[row["cpus"]] = rates.filter(point=row["point"]).sort("replication")[RATES[0]].to_list()
    long = {name: line for name, line in lines.items() if len(line) >= FEWEST}
    if not long:
        most = max(map(len, lines.values()), default=0)
        raise InputError("laws", f"{most} numbers of CPUs tell no law, which has three parts", allowed=f"{FEWEST} or more")
    return {
        name: fitted(list(line), list(zip(*line.values(), strict=True)), confidence=confidence) for name, line in long.items()
    }

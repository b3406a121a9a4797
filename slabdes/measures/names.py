# SPDX-License-Identifier: GPL-2.0-only
"""Measures by the names that users give them, and each point's with its interval.

Leaves out differences between points (`compare`).
"""

from __future__ import annotations

from math import nan
from typing import Final

from slabdes.errors import InputError, nearest, shown
from slabdes.measures.compare import MEASURES, RATES
from slabdes.measures.estimates import Estimated, apart
from slabdes.results import metrics
from slabdes.results.frames import Frames
from slabdes.stats.intervals import CONFIDENCE, Interval

_SHORT: Final = {"operations/s": "operations_per_s", "waiting": "share_waiting"}
_TIMES: Final = {"mean": "mean_ns", "p50": "p50_ns", "p99": "p99_ns", "p99.9": "p999_ns", "p999": "p999_ns"}
HIGHER_IS_BETTER: Final = ("operations_per_s",)
"""Of times and waiting, less is better."""


def measure_of(name: str, where: str = "--decide") -> str:
    """A measure by the name that users give it: `alloc.p99`, `free.mean`, `operations/s`, `waiting`, or as frames have it."""
    op, dot, time = name.partition(".")
    found = _SHORT.get(name, f"{op}_{_TIMES.get(time, '')}" if dot else name)
    if found not in MEASURES:
        known = [*_SHORT, *(f"{op}.{time}" for op in ("alloc", "free", "section") for time in ("mean", "p50", "p99", "p99.9"))]
        raise InputError(f"{where} {shown(name)}", f"no measure{nearest(name, known)}", allowed=", ".join(known))
    return found


def intervals(frames: Frames, measure: str, confidence: float = CONFIDENCE) -> dict[int, Interval]:
    """A measure of each point that has it, with its interval over replications; not a number where too few samples tell it."""
    figures = Estimated(frames, confidence)
    if measure in RATES:
        return {row["point"]: row.intervals[measure] for row in figures.rows("rates")}
    op, _, time = measure.partition("_")
    rows = [row for row in figures.rows("summary") if row["op"] == op]
    return {row["point"]: row.intervals.get(time, Interval(nan, None, row["replications"], confidence)) for row in rows}


def alone(frames: Frames, measure: str) -> dict[int, list[float]]:
    """A measure of each replication alone, by point; replications and points without it are left out."""
    separate, whose = apart(frames)
    op, _, time = ("", "", measure) if measure in RATES else measure.partition("_")
    found: dict[int, dict[int, float]] = {}
    for row in metrics.summary(separate).iter_rows(named=True):
        if op in ("", row["op"]) and row[time] is not None:
            found.setdefault(whose[row["point"]], {})[row["point"]] = float(row[time])
    return {point: list(values.values()) for point, values in found.items()}

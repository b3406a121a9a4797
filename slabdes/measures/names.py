# SPDX-License-Identifier: GPL-2.0-only
"""Measures by the names that users give them, and each point's with its interval.

Leaves out differences between points (`compare`).
"""

from __future__ import annotations

from math import nan
from typing import Final

from slabdes.errors import InputError, nearest, shown
from slabdes.measures.compare import MEASURES, OPS, RATES
from slabdes.measures.estimates import Estimated
from slabdes.results.frames import Frames
from slabdes.stats.intervals import CONFIDENCE, Interval

_SHORT: Final = {"operations/s": "operations_per_s", "waiting": "share_waiting"}
_TIMES: Final = {"mean": "mean_ns", "p50": "p50_ns", "p99": "p99_ns", "p99.9": "p999_ns", "p999": "p999_ns"}


def measure_of(name: str, where: str = "--decide") -> str:
    """A measure by the name that users give it: `alloc.p99`, `free-response.mean`, `operations/s`, or as frames have it."""
    op, dot, time = name.partition(".")
    found = _SHORT.get(name, f"{op}_{_TIMES.get(time, '')}" if dot else name)
    if found not in MEASURES:
        known = [*_SHORT, *(f"{op}.{time}" for op in OPS for time in ("mean", "p50", "p99", "p99.9"))]
        raise InputError(f"{where} {shown(name)}", f"no measure{nearest(name, known)}", allowed=", ".join(known))
    return found


def intervals(frames: Frames, measure: str) -> dict[int, Interval]:
    """A measure of each point that has it, with its interval over replications; not a number where too few samples tell it."""
    figures = Estimated(frames)
    if measure in RATES:
        return {row["point"]: row.intervals[measure] for row in figures.rows("rates")}
    op, _, time = measure.partition("_")
    op, responds, _ = op.partition("-")
    rows = [row for row in figures.rows("response" if responds else "summary") if row["op"] == op]
    return {row["point"]: row.intervals.get(time, Interval(nan, None, row["replications"], CONFIDENCE)) for row in rows}

# SPDX-License-Identifier: GPL-2.0-only
"""What tables and sentences call measures, and how they write a measure's figure and its difference, each with its interval.

Leaves out what is said of them.
"""

from __future__ import annotations

from math import isfinite
from typing import Final

from slabdes.answers.figures import QUANTILE_NAMES, points_digits, share_interval, value_text
from slabdes.measures.compare import Compared
from slabdes.measures.names import DEFAULT, MEMORY, RATES, SHARES, text_of
from slabdes.results import metrics
from slabdes.results.upkeep import NAMES as UPKEEP
from slabdes.stats.intervals import Interval

RATE, WAITING = RATES
TIME_NAMES: Final = {"mean_ns": "mean", **QUANTILE_NAMES, "held_ns": "holds locks", "lost_ns": "others wait"}
HELD, USED = MEMORY
_NAMED: Final = {WAITING: "CPU time waiting", HELD: "memory held", USED: "part of it used"}
_WHOSE: Final = UPKEEP | {"off": "interrupts off", "wait": "interrupt wait"}


def measure_name(measure: str) -> str:
    """What tables and sentences call a measure."""
    if measure == RATE:
        return DEFAULT
    if measure in _NAMED:
        return _NAMED[measure]
    who, _, time = measure.partition("_")
    return f"{_WHOSE.get(who, who)} {TIME_NAMES[time]}"


def side_text(measure: str, interval: Interval) -> str:
    """A figure with its interval; what is said in place of a percentile that too few samples tell."""
    if not isfinite(interval.value):
        return metrics.TOO_FEW[measure.partition("_")[2]]
    if measure in SHARES:
        return share_interval(interval.value, interval)
    return value_text(interval, text_of(measure))


def change_text(row: Compared) -> str:
    """The difference with half its interval: `+20.5 M ±5.88 M`, `-20.8 ±2.0 points`."""
    change = row.difference
    if row.measure in SHARES:
        half = "" if change.half_width is None else f" ±{points_digits(change.half_width)}"
        return f"{change.value * 100:+.1f}{half} points" if change.value else f"0{half} points"
    text = text_of(row.measure)
    sign = "" if not change.value else "-" if change.value < 0 else "+"
    return f"{sign}{text(abs(change.value))}" + ("" if change.half_width is None else f" ±{text(change.half_width)}")

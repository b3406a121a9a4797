# SPDX-License-Identifier: GPL-2.0-only
"""A statistic of two sides: their difference and their ratio, with intervals from what it is in each replication.

Paired where common random numbers cancel, else by Welch's method. Leaves out which difference matters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import fmean
from typing import Final

from slabdes.stats.intervals import CONFIDENCE, Interval, section_interval, t_quantile

Each = Mapping[int, float]
"""A statistic of each replication that has it, by the replication's number."""


def dropped(ones: Each, others: Each) -> int:
    """How many replications have no like on the other side: they are in no pair."""
    return len(ones.keys() ^ others.keys())


def difference(
    first: float,
    ones: Each,
    second: float,
    others: Each,
    paired: bool,
    confidence: float = CONFIDENCE,
    resolution: float = 0.0,
) -> Interval:
    """How much a statistic of the second side exceeds the first's, from those of each replication.

    Paired by the replication's number where common random numbers cancel: what one side lacks is dropped, and the difference is
    then the mean of the pairs', not that of the pooled values `first` and `second`. Else by Welch's method (Biometrika 34,
    1947), both sides' spreads taken around the pooled values as `section_interval` does.
    """
    change = second - first
    if paired:
        changes = [others[number] - value for number, value in ones.items() if number in others]
        if not changes:
            return Interval(change, None, 0, confidence)
        middle = fmean(changes) if dropped(ones, others) else change
        return section_interval(middle, changes, confidence, resolution=resolution)
    n = min(len(ones), len(others))
    if n < 2:
        return Interval(change, None, n, confidence)
    parts = [_variance(value, each) / len(each) for value, each in ((first, ones), (second, others))]
    spread = sum(parts)
    if not spread:
        return Interval(change, resolution, n, confidence)
    freedom = spread**2 / sum(part**2 / (len(each) - 1) for part, each in zip(parts, (ones, others), strict=True))
    half = t_quantile((1 + confidence) / 2, freedom) * math.sqrt(spread)
    return Interval(change, max(half, resolution), n, confidence)


def ratio(
    first: float,
    ones: Each,
    second: float,
    others: Each,
    paired: bool,
    confidence: float = CONFIDENCE,
    resolution: float = 0.0,
) -> Interval | None:
    """How many times the first side's statistic the second's is; None where the first's is 0.

    Its interval is that of the logarithms' difference, taken to either side as it is upwards, where it is wider. `resolution` is
    the part of themselves that statistics are known to. A replication with 0 has no logarithm: then the interval is not known.
    """
    if not first:
        return None
    value = second / first
    if not value or min(*ones.values(), *others.values(), second) <= 0:
        return Interval(value, None, min(len(ones), len(others)), confidence, least=0.0)
    logs = [{number: math.log(one) for number, one in each.items()} for each in (ones, others)]
    change = difference(math.log(first), logs[0], math.log(second), logs[1], paired, confidence, resolution)
    value = math.exp(change.value) if paired and dropped(ones, others) else value
    half = None if change.half_width is None else value * math.expm1(min(change.half_width, MOST_LOG))
    return Interval(value, half, change.n, confidence, least=0.0)


MOST_LOG: Final = 100.0
"""Of a ratio's half interval: whatever is wider is not known at all."""


def _variance(around: float, each: Each) -> float:
    return math.fsum((value - around) ** 2 for value in each.values()) / (len(each) - 1)

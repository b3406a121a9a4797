# SPDX-License-Identifier: GPL-2.0-only
"""A statistic of two sides: their difference and their ratio, with intervals from what it is in each replication.

Paired where common random numbers cancel, else by Welch's method. Leaves out which difference matters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import fmean, variance
from typing import Final

from slabdes.stats.intervals import CONFIDENCE, Interval, mean_interval, t_quantile

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
    then the mean of the pairs', not that of the pooled values `first` and `second`. Else by Welch's method (Biometrika 34, 1947).
    The interval lies around the difference of the pooled values and holds that of the mean of each replication's differences: a
    pooled percentile of lumpy times has a spread of its own, which does not fall with the number of replications as that of
    their mean does (of equal sides `section_interval` alone calls up to 40 % different, this at most 5 %).
    """
    change = second - first
    if paired:
        changes = [others[number] - value for number, value in ones.items() if number in others]
        if not changes:
            return Interval(change, None, 0, confidence)
        mean = mean_interval(changes, confidence)
        change = mean.value if dropped(ones, others) else change
    else:
        mean = _welch(ones, others, confidence)
    if mean.half_width is None:
        return Interval(change, None, mean.n, confidence)
    return Interval(change, max(mean.half_width + abs(mean.value - change), resolution), mean.n, confidence)


def _welch(ones: Each, others: Each, confidence: float) -> Interval:
    """The difference of two means, each of replications of their own."""
    n = min(len(ones), len(others))
    if n < 2:
        return Interval(0.0, None, n, confidence)
    change = fmean(others.values()) - fmean(ones.values())
    parts = [variance(each.values()) / len(each) for each in (ones, others)]
    if not (spread := sum(parts)):
        return Interval(change, 0.0, n, confidence)
    freedom = spread**2 / sum(part**2 / (len(each) - 1) for part, each in zip(parts, (ones, others), strict=True))
    return Interval(change, t_quantile((1 + confidence) / 2, freedom) * math.sqrt(spread), n, confidence)


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

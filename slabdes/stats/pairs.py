# SPDX-License-Identifier: GPL-2.0-only
"""A statistic of two sides: their difference and their ratio, with intervals from what it is in each replication.

Paired where common random numbers cancel, else by Welch's method. Leaves out which difference matters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from slabdes.stats.intervals import CONFIDENCE, Interval, section_interval, t_quantile


def difference(
    first: float,
    ones: Sequence[float],
    second: float,
    others: Sequence[float],
    paired: bool,
    confidence: float = CONFIDENCE,
    resolution: float = 0.0,
) -> Interval:
    """How much a statistic of the second side exceeds the first's, from those of each replication.

    Paired by replication where common random numbers cancel; else by Welch's method (Biometrika 34, 1947), both sides' spreads
    taken around the pooled values as `section_interval` does.
    """
    change = second - first
    if paired and len(ones) == len(others) and ones:
        changes = [after - before for before, after in zip(ones, others, strict=True)]
        return section_interval(change, changes, confidence, resolution=resolution)
    n = min(len(ones), len(others))
    if n < 2:
        return Interval(change, None, n, confidence)
    parts = [_variance(value, values) / len(values) for value, values in ((first, ones), (second, others))]
    spread = sum(parts)
    if not spread:
        return Interval(change, resolution, n, confidence)
    freedom = spread**2 / sum(part**2 / (len(values) - 1) for part, values in zip(parts, (ones, others), strict=True))
    half = t_quantile((1 + confidence) / 2, freedom) * math.sqrt(spread)
    return Interval(change, max(half, resolution), n, confidence)


def ratio(
    first: float,
    ones: Sequence[float],
    second: float,
    others: Sequence[float],
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
    if not value or min(*ones, *others, second) <= 0:
        return Interval(value, None, min(len(ones), len(others)), confidence, least=0.0)
    logs = [math.log(one) for one in ones], [math.log(one) for one in others]
    change = difference(math.log(first), logs[0], math.log(second), logs[1], paired, confidence, resolution)
    half = None if change.half_width is None else value * math.expm1(min(change.half_width, MOST_LOG))
    return Interval(value, half, change.n, confidence, least=0.0)


MOST_LOG: Final = 100.0
"""Of a ratio's half interval: whatever is wider is not known at all."""


def _variance(around: float, values: Sequence[float]) -> float:
    return math.fsum((value - around) ** 2 for value in values) / (len(values) - 1)

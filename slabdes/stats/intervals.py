# SPDX-License-Identifier: GPL-2.0-only
"""Estimates over replications with Student's t intervals, and differences paired on common random numbers.

Replications are independent, since their random streams are. Leaves out warm-up, and intervals from within one run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from slabdes.errors import InputError
from slabdes.units import percent

CONFIDENCE: Final = 0.95
"""Customary; assumed where nobody asks for another."""


@dataclass(frozen=True)
class Interval:
    """An estimate from `n` replications and the half width of its confidence interval, None for one replication (not known).

    `mean` is the estimate, also where it is a percentile. The interval ends at `least` and `most`, beyond which no such value is.
    `below` is how far it goes beneath the estimate where that is not as far as above, as of a quotient.
    """

    mean: float
    half_width: float | None
    n: int
    confidence: float
    least: float = -math.inf
    most: float = math.inf
    below: float | None = None

    def __str__(self) -> str:
        """The estimate with the interval's ends, in the estimate's unit."""
        times = f"{self.n} replication{'s' if self.n != 1 else ''}"
        if self.low is None or self.high is None:
            return f"{self.mean:.6g} (no interval of {times})"
        return f"{self.mean:.6g} ({self.low:.6g} to {self.high:.6g}, {percent(self.confidence)} of {times})"

    @property
    def value(self) -> float:
        """The estimate, whatever it estimates."""
        return self.mean

    @property
    def low(self) -> float | None:
        """The interval's lower end, None if it is not known."""
        return None if self.half_width is None else max(self.mean - self._beneath(self.half_width), self.least)

    @property
    def high(self) -> float | None:
        """The interval's upper end, None if it is not known."""
        return None if self.half_width is None else min(self.mean + self.half_width, self.most)

    def contains(self, value: float) -> bool:
        """Whether the interval is known and `value` lies within it."""
        if self.half_width is None:
            return False
        return -self._beneath(self.half_width) <= value - self.mean <= self.half_width

    def is_beneath(self, other: Interval) -> bool:
        """Whether both are known, and all of this one lies beneath all of the other."""
        return self.high is not None and other.low is not None and self.high < other.low

    def _beneath(self, above: float) -> float:
        return above if self.below is None else self.below


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """The mean of `values`, one a replication, with its t interval. Raises InputError for no values or a bad confidence."""
    if len(values) == 0:
        raise InputError("interval", "no replications", allowed="1 or more")
    n = len(values)
    mean = math.fsum(values) / n
    if n == 1:
        check_confidence(confidence)
        return Interval(mean, None, n, confidence)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return Interval(mean, half_width(deviation, n, confidence), n, confidence)


def section_interval(
    pooled: float,
    sections: Sequence[float],
    confidence: float = CONFIDENCE,
    least: float = -math.inf,
    most: float = math.inf,
    resolution: float = 0.0,
) -> Interval:
    """The interval of `pooled`, a statistic of all replications together, from the same statistic of each one alone.

    Sectioning (Asmussen and Glynn, Stochastic Simulation, 2007, III.5; for quantiles Nakayama, ACM TOMACS 24(4), 2014): the
    interval lies around the pooled value, which is less biased than the mean of the sections' values where the statistic is a
    percentile or a quotient of sums; their spread is taken around it, too, so that their bias widens the interval. Of a mean of
    replications it is `mean_interval`. It is at least `resolution` to either side: as finely as values are known. Raises
    InputError for no sections or a bad confidence.
    """
    if len(sections) == 0:
        raise InputError("interval", "no replications", allowed="1 or more")
    n = len(sections)
    if n == 1:
        check_confidence(confidence)
        return Interval(pooled, None, 1, confidence, least, most)
    deviation = math.sqrt(math.fsum((value - pooled) ** 2 for value in sections) / (n - 1))
    return Interval(pooled, max(half_width(deviation, n, confidence), resolution), n, confidence, least, most)


def half_width(deviation: float, n: int, confidence: float = CONFIDENCE) -> float:
    """The half width of the interval of a mean of `n` >= 2 values whose sample standard deviation is `deviation`."""
    check_confidence(confidence)
    return t_quantile((1 + confidence) / 2, n - 1) * deviation / math.sqrt(n)


def paired_difference(first: Sequence[float], second: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """The mean of second - first, replication by replication, with its interval.

    Both sides must have the same replications of the same seed: what their common random numbers do to both then cancels.
    Raises InputError if they differ in number.
    """
    if len(first) != len(second):
        raise InputError("paired comparison", f"{len(first)} and {len(second)} replications", allowed="as many on both sides")
    return mean_interval([after - before for before, after in zip(first, second, strict=True)], confidence)


def t_quantile(probability: float, freedom: float) -> float:
    """The value that Student's t with `freedom` >= 1 degrees of freedom stays below with `probability` (0 to 1, both outside).

    Raises InputError for a probability or freedom out of range.
    """
    from scipy.special import stdtrit

    if not 0 < probability < 1:
        raise InputError("t quantile", f"probability {probability!r}", allowed="between 0 and 1")
    if freedom < 1:
        raise InputError("t quantile", f"{freedom:g} degrees of freedom", allowed="1 or more")
    return float(stdtrit(freedom, probability))


def check_confidence(confidence: float) -> None:
    """Raise InputError for a confidence that is not between 0 and 1, both outside."""
    if not 0 < confidence < 1:
        raise InputError("confidence", f"{confidence!r}", allowed="between 0 and 1, such as 0.95")

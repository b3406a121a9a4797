# SPDX-License-Identifier: GPL-2.0-only
"""A quantile of one sample of independent values, with its interval by order statistics: no replications are needed.

Says how many values that takes, and how many a dependent series is worth. Leaves out how values were come by.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from slabdes.errors import InputError
from slabdes.stats.intervals import CONFIDENCE, check_confidence


@dataclass(frozen=True)
class Between:
    """A value and its interval of `confidence` from `n` values; the ends need not lie equally far from it."""

    value: float
    low: float
    high: float
    n: int
    confidence: float

    def contains(self, value: float) -> bool:
        """Whether `value` lies within the interval."""
        return self.low <= value <= self.high


def samples_needed(q: float, confidence: float = CONFIDENCE) -> int:
    """The fewest independent values that tell the quantile `q`: with fewer, it may well lie beyond all of them.

    Raises InputError for a q or confidence that is not between 0 and 1. See `quantile_ranks` for the rule.
    """
    check_quantile(q)
    check_confidence(confidence)
    # P(all n values lie on one side of the quantile) is at most what may be missed on that side.
    return math.ceil(math.log((1 - confidence) / 2) / math.log(max(q, 1 - q)))


def too_few(q: float, confidence: float = CONFIDENCE) -> str:
    """What is said in place of a quantile that fewer values than `samples_needed` tell.

    >>> too_few(0.999)
    'not enough samples (needs 3,688)'
    """
    return f"not enough samples (needs {samples_needed(q, confidence):,})"


def least_tail(n: int, confidence: float = CONFIDENCE) -> float:
    """The least share of values beyond a quantile that `n` values tell: of fewer, `n` is less than `samples_needed`."""
    check_confidence(confidence)
    return 1 - ((1 - confidence) / 2) ** (1 / n) if n > 0 else 1.0


def quantile_ranks(n: int, q: float, confidence: float = CONFIDENCE) -> tuple[int, int] | None:
    """Which two of `n` independent values in order, from 1, hold the quantile `q` between them with `confidence`.

    How many values lie below a quantile is binomial, whatever they are distributed as (David and Nagaraja, Order Statistics,
    3rd ed. 2003, 7.1); each end is missed with half of what is left. None for fewer than `samples_needed`.
    """
    if n < samples_needed(q, confidence):
        return None
    below = (1 - confidence) / 2
    return _binomial_quantile(below, n, q), _binomial_quantile(1 - below, n, q) + 1


def nearest_rank(n: int, q: float) -> int:
    """Which of `n` values in order, from 1, is the quantile `q`: the first that a share `q` of them does not exceed.

    Exact decimal fractions: 0.999 of 1000 is rank 999, whatever the float nearest to 0.999 says.

    >>> nearest_rank(1000, 0.999)
    999
    """
    return max(1, math.ceil(Fraction(str(q)) * n))


def quantile_between(values: Sequence[float], q: float, confidence: float = CONFIDENCE) -> Between | None:
    """The quantile `q` of independent `values` (nearest rank) and its interval; None for fewer than `samples_needed`.

    Raises InputError for a q or confidence that is not between 0 and 1.
    """
    n = len(values)
    ranks = quantile_ranks(n, q, confidence)
    if ranks is None:
        return None
    ordered = sorted(values)
    low, high = ranks
    return Between(ordered[nearest_rank(n, q) - 1], ordered[low - 1], ordered[high - 1], n, confidence)


def effective_samples(values: Sequence[float]) -> float:
    """How many independent values would tell the mean as well as this series does: fewer if neighbours are alike.

    Sums of neighbouring autocorrelations as long as they are positive and fall: Geyer's initial monotone sequence, Practical
    Markov Chain Monte Carlo, Statistical Science 7(4), 1992, 3.3. Raises InputError for fewer than 4 values.
    """
    n = len(values)
    if n < 4:
        raise InputError("effective sample size", f"{n} values", allowed="4 or more")
    correlations = _autocorrelations(values)
    if correlations is None:
        return float(n)
    total, least = 0.0, math.inf
    for first, second in zip(correlations[::2], correlations[1::2], strict=False):
        least = min(least, first + second)
        if least <= 0:
            break
        total += least
    # The variance of the mean is the values' over n, times 1 + 2 sum r_k = 2 sum (r_0 + r_1 + ...) - 1.
    return min(n / max(2 * total - 1, 1 / n), float(n))


def _autocorrelations(values: Sequence[float]) -> list[float] | None:
    """Autocorrelations of all lags from 0; None if the values are all alike."""
    import numpy as np

    deviations = np.asarray(values, float)
    deviations = deviations - deviations.mean()
    n = len(deviations)
    spectrum = np.fft.rfft(deviations, 1 << (2 * n - 1).bit_length())
    covariances = np.fft.irfft(spectrum * spectrum.conj())[:n]
    if covariances[0] <= 0:
        return None
    return [float(value) for value in covariances / covariances[0]]


def _binomial_quantile(probability: float, n: int, q: float) -> int:
    """The least k with P(Binomial(n, q) <= k) >= `probability`."""
    from scipy.special import bdtr

    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if bdtr(middle, n, q) >= probability:
            high = middle
        else:
            low = middle + 1
    return low


def check_quantile(q: float) -> None:
    """Raise InputError for a quantile that is not between 0 and 1, both outside."""
    if not 0 < q < 1:
        raise InputError("quantile", f"{q!r}", allowed="between 0 and 1, such as 0.99")

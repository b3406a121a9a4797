# SPDX-License-Identifier: GPL-2.0-only
"""Quantiles of one sample by order statistics, and what a dependent series is worth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from known_processes import ar1

from slabdes.errors import InputError
from slabdes.stats.samples import effective_samples, quantile_between, quantile_ranks, samples_needed


def test_a_percentile_with_too_few_samples_is_not_told() -> None:
    # 0.999^n <= 0.025 from n = 3688 on, and 0.5^6 = 1/64.
    assert (samples_needed(0.999), samples_needed(0.5), samples_needed(0.001)) == (3688, 6, 3688)
    assert quantile_ranks(3687, 0.999) is None
    assert quantile_between([0.0] * 3687, 0.999) is None
    assert quantile_between([0.0] * 3688, 0.999) is not None


def test_a_median_of_ten_lies_between_the_second_and_the_ninth() -> None:
    # P(B <= 1) = 11/1024 < 0.025 <= P(B <= 2) = 56/1024 of Binomial(10, 1/2): the textbook's 97.9 %.
    assert quantile_ranks(10, 0.5) == (2, 9)
    found = quantile_between(list(range(10, 0, -1)), 0.5)
    assert found is not None
    assert (found.value, found.low, found.high) == (5, 2, 9)


@pytest.mark.parametrize(("q", "n"), [(0.5, 100), (0.99, 2_000), (0.999, 10_000)])
def test_intervals_of_quantiles_hold_at_least_as_often_as_they_say(q: float, n: int) -> None:
    random = np.random.default_rng(5)
    true = -math.log(1 - q)
    held = 0
    low, high = quantile_ranks(n, q) or (0, 0)
    for _ in range(1_000):
        ordered = np.sort(random.exponential(1.0, n))
        held += ordered[low - 1] <= true <= ordered[high - 1]
    print(f"quantile {q} of {n}: {held / 10:.1f} % hold")
    assert 930 <= held <= 985


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_a_series_with_memory_is_worth_fewer_samples(correlation: float) -> None:
    # AR(1): n (1 - phi) / (1 + phi).
    found = [effective_samples(series) for series in ar1(correlation, 20, 5_000, seed=3)]
    assert np.mean(found) == pytest.approx(5_000 * (1 - correlation) / (1 + correlation), rel=0.12)


def test_a_constant_series_is_worth_its_length_and_a_short_one_is_refused() -> None:
    assert effective_samples([7.0] * 10) == 10
    with pytest.raises(InputError, match="3 values"):
        effective_samples([1.0, 2.0, 3.0])
    with pytest.raises(InputError, match=r"quantile: 1\.0"):
        samples_needed(1.0)

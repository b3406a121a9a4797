# SPDX-License-Identifier: GPL-2.0-only
"""Student's t and intervals, against published tables and closed forms."""

from __future__ import annotations

import math
from random import Random

import pytest

from slabdes.errors import InputError
from slabdes.stats.intervals import mean_interval, paired_difference, t_quantile

# Percentage points of Student's t, as in any printed table (Abramowitz and Stegun, table 26.10).
TABLE = {
    (0.975, 1): 12.706, (0.975, 2): 4.303, (0.975, 4): 2.776, (0.975, 9): 2.262, (0.975, 30): 2.042, (0.975, 120): 1.980,
    (0.95, 5): 2.015, (0.995, 10): 3.169, (0.9, 3): 1.638,
}  # fmt: skip


@pytest.mark.parametrize("key", TABLE)
def test_quantiles_are_those_of_printed_tables(key: tuple[float, int]) -> None:
    assert t_quantile(*key) == pytest.approx(TABLE[key], abs=0.0005)


def test_quantiles_of_few_degrees_of_freedom_are_their_closed_forms() -> None:
    # One degree is Cauchy's distribution, two have a square root: Abramowitz and Stegun, 26.7.3 and 26.7.4, solved for t.
    for probability in (0.025, 0.55, 0.9, 0.975, 0.9995):
        inside = 2 * probability - 1
        assert t_quantile(probability, 1) == pytest.approx(math.tan(math.pi * inside / 2), rel=1e-8)
        assert t_quantile(probability, 2) == pytest.approx(inside * math.sqrt(2 / (1 - inside**2)), rel=1e-8)


def test_an_interval_follows_by_hand() -> None:
    # Mean 3, sample variance (4 + 1 + 0 + 1 + 4) / 4 = 2.5; half width 2.776 * sqrt(2.5 / 5).
    interval = mean_interval([1, 2, 3, 4, 5])
    assert interval.mean == 3
    assert interval.half_width == pytest.approx(2.7764451 * math.sqrt(0.5), rel=1e-6)
    assert interval.contains(4.9) and not interval.contains(5.0)


def test_one_replication_has_no_interval() -> None:
    interval = mean_interval([7.0])
    assert (interval.mean, interval.half_width, interval.low, interval.high) == (7.0, None, None, None)
    assert not interval.contains(7.0)


def test_ninety_five_of_a_hundred_intervals_hold_the_mean() -> None:
    random = Random(5)
    held = sum(mean_interval([random.gauss(10, 3) for _ in range(6)]).contains(10) for _ in range(2000))
    # Binomial(2000, 0.95): standard deviation 9.7, so five of them are 49.
    assert abs(held - 1900) < 49


def test_pairing_takes_away_what_both_sides_have_in_common() -> None:
    random = Random(6)
    common = [random.gauss(100, 20) for _ in range(8)]
    first = [value + random.gauss(0, 1) for value in common]
    second = [value + 3 + random.gauss(0, 1) for value in common]
    paired = paired_difference(first, second)
    assert paired.contains(3) and not paired.contains(0)
    assert paired.half_width is not None and paired.half_width < 3
    assert mean_interval(second).contains(mean_interval(first).mean)


def test_bad_arguments_are_refused_in_one_line() -> None:
    with pytest.raises(InputError, match="no replications"):
        mean_interval([])
    with pytest.raises(InputError, match="2 and 1 replications; allowed: as many on both sides"):
        paired_difference([1, 2], [1])
    for confidence in (0.0, 1.0, 95.0):
        with pytest.raises(InputError, match="allowed: between 0 and 1"):
            mean_interval([1, 2], confidence)
        with pytest.raises(InputError, match="allowed: between 0 and 1"):
            mean_interval([1], confidence)
    with pytest.raises(InputError, match="0 degrees of freedom"):
        t_quantile(0.9, 0)


def test_an_interval_is_printed_with_its_ends() -> None:
    assert str(mean_interval([4.0, 5.0, 6.0])) == "5 (2.51586 to 7.48414, 95 % of 3 replications)"
    assert str(mean_interval([4.0])) == "4 (no interval of 1 replication)"

# SPDX-License-Identifier: GPL-2.0-only
"""Sequential stopping with its bias and coverage, and several judgements at once."""

from __future__ import annotations

import numpy as np
import pytest

from slabdes.errors import InputError
from slabdes.stats.deciding import FEWEST, Precision, holm, p_value
from slabdes.stats.intervals import Interval, mean_interval


def replicated(precision: Precision, random: np.random.Generator) -> Interval:
    """The mean of exponential values of mean 1, stopped when it is precise enough."""
    values: list[float] = []
    interval = Interval(0.0, None, 0, 0.95)
    while more := precision.more([interval]):
        values.extend(random.exponential(1.0, more))
        interval = mean_interval(values)
    return interval


def test_stopping_when_it_is_precise_enough_biases_little_and_holds_nearly_as_often() -> None:
    random = np.random.default_rng(11)
    precision = Precision(0.2, most=1_000)
    found = [replicated(precision, random) for _ in range(1_000)]
    reached = sum(precision.reached(one) for one in found)
    bias = np.mean([one.mean for one in found]) - 1
    held = sum(one.contains(1.0) for one in found)
    print(f"bias {bias:+.2%}, {held / 10:.1f} % hold, {np.mean([one.n for one in found]):.0f} replications on average")
    assert reached == 1_000
    # Exponential values are as skew as latencies: runs of small ones look precise early. A fifth of the precision asked for.
    assert abs(bias) <= 0.04
    assert held >= 900


def test_a_minimum_of_replications_is_made_before_the_first_look_and_a_cap_ends_it() -> None:
    precision = Precision(0.01, most=12)
    assert precision.more([]) == FEWEST
    assert precision.more([mean_interval([1.0, 1.0])]) == FEWEST - 2
    rough = mean_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert precision.more([rough]) == 5  # doubled, not the hundreds that it takes
    assert precision.more([mean_interval([1.0, 2.0, 3.0, 4.0, 5.0] * 2)]) == 2
    assert precision.more([mean_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0] * 2)]) == 0


def test_the_widest_of_several_intervals_decides_how_many_more() -> None:
    precision = Precision(0.05, most=1_000)
    fine, rough = mean_interval([10.0, 10.1] * 10), mean_interval([10.0, 14.0] * 10)
    assert precision.more([fine]) == 0
    assert precision.more([fine, rough]) == precision.more([rough]) > 0


@pytest.mark.parametrize(
    ("relative", "most", "fewest"), [(0.0, 10, 5), (-1.0, 10, 5), (float("nan"), 10, 5), (0.1, 1, 5), (0.1, 5, 1)]
)
def test_a_precision_that_cannot_be_reached_or_told_is_refused(relative: float, most: int, fewest: int) -> None:
    with pytest.raises(InputError, match="precision"):
        Precision(relative, most, fewest)


def test_holm_s_correction_follows_by_hand() -> None:
    # In order 0.01 * 4, 0.02 * 3, 0.03 * 2 and 0.9 * 1, none below the one before it.
    assert holm([0.03, 0.01, 0.9, 0.02]) == pytest.approx([0.06, 0.04, 0.9, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_of_twenty_equal_measures_any_is_called_different_in_one_of_twenty_cases() -> None:
    random = np.random.default_rng(13)
    wrong = sum(min(holm([p_value(random.standard_normal(8)) for _ in range(20)])) <= 0.05 for _ in range(1_000))
    assert wrong <= 65  # Binomial(1000, 0.05): 50, give or take two standard deviations of 7


def test_a_paired_test_is_student_s() -> None:
    # Of 2, 3, 4 the mean is 3 and the deviation 1: t = 3 sqrt(3) = 5.196 with 2 degrees of freedom.
    assert p_value([2.0, 3.0, 4.0]) == pytest.approx(0.03509, abs=1e-5)
    assert (p_value([1.0]), p_value([1.0, 1.0]), p_value([0.0, 0.0])) == (1.0, 0.0, 1.0)

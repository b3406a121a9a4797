# SPDX-License-Identifier: GPL-2.0-only
"""Sequential stopping with its bias and coverage, and several judgements at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from slabdes.errors import InputError
from slabdes.stats.deciding import FEWEST, Looked, Looks, Outcome, Precision, holm, p_value_of, replications_to_tell
from slabdes.stats.intervals import Interval, mean_interval


def p_value(differences: Sequence[float]) -> float:
    return p_value_of(mean_interval(differences))


def replicated(precision: Precision, random: np.random.Generator) -> Interval:
    """The mean of exponential values of mean 1, stopped when it is precise enough."""
    values: list[float] = []
    interval = Interval(0.0, None, 0, 0.95)
    while more := precision.more([interval], len(values)):
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
    assert precision.more([], 0) == FEWEST
    assert precision.more([mean_interval([1.0, 1.0])], 2) == FEWEST - 2
    rough = mean_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert precision.more([rough], 5) == 5  # doubled, not the hundreds that it takes
    assert precision.more([mean_interval([1.0, 2.0, 3.0, 4.0, 5.0] * 2)], 10) == 2
    assert precision.more([mean_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0] * 2)], 12) == 0


def test_replications_without_the_measure_count_up_to_the_cap() -> None:
    precision = Precision(0.0001, most=12)
    for rare in (mean_interval([1.0]), mean_interval([1.0, 2.0]), mean_interval([1.0, 1.0])):
        assert precision.more([rare], 3) == 2
        assert 1 <= precision.more([rare], 5) <= 5
        assert [precision.more([rare], made) for made in (11, 12, 13)] == [1, 0, 0]


def test_the_widest_of_several_intervals_decides_how_many_more() -> None:
    precision = Precision(0.05, most=1_000)
    fine, rough = mean_interval([10.0, 10.1] * 10), mean_interval([10.0, 14.0] * 10)
    assert precision.more([fine], 20) == 0
    assert precision.more([fine, rough], 20) == precision.more([rough], 20) > 0


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


def differing(random: np.random.Generator, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Differences of two sides that are equal: skew as latencies are, each for itself."""
    return random.exponential(1.0, count) - random.exponential(1.0, count)


def looked_at(looks: Looks, random: np.random.Generator, effect: float) -> tuple[Outcome, int]:
    """What paired differences of two skew sides, of deviation 1 each, come to, and after how many replications."""
    values: list[float] = []
    for count in looks.replications:
        values.extend(effect + differing(random, count - len(values)))
        outcome = looks.outcome(mean_interval(values, looks.level), first=10.0)
        if outcome is not Outcome.OPEN:
            break
    return outcome, count


def test_equal_sides_are_called_different_in_at_most_one_of_twenty_cases() -> None:
    random = np.random.default_rng(19)
    found = [looked_at(Looks(most=160), random, 0.0)[0] for _ in range(2_000)]
    wrong = sum(outcome in (Outcome.HIGHER, Outcome.LOWER) for outcome in found)
    print(f"{wrong / 20:.2f} % of equal sides called different, {found.count(Outcome.OPEN) / 20:.0f} % left open")
    assert wrong <= 120  # Binomial(2000, 0.05): 100, give or take two standard deviations of 10
    at_every_look = sum(naively(random) for _ in range(2_000))
    print(f"{at_every_look / 20:.1f} % with intervals of 95 % at every look")
    assert wrong < at_every_look / 2


def naively(random: np.random.Generator) -> bool:
    """Whether someone who looks as often with intervals of 95 % calls equal sides different."""
    values: list[float] = []
    for count in Looks(most=160).replications:
        values.extend(differing(random, count - len(values)))
        if not mean_interval(values).contains(0.0):
            return True
    return False


def test_any_of_several_equal_measures_is_called_different_in_at_most_one_of_twenty_cases() -> None:
    random = np.random.default_rng(37)
    looks, wrong = Looks(most=20), 0
    for _case in range(1_000):
        values = np.array([differing(random, looks.most) for _ in range(8)])
        for count in looks.replications:
            looked = [Looked(mean_interval(one[:count].tolist(), looks.level), 10.0) for one in values]
            outcomes = looks.outcomes(looked)
            if Outcome.HIGHER in outcomes or Outcome.LOWER in outcomes:
                wrong += 1
                break
    print(f"any of 8 measures called different in {wrong / 10:.1f} %")
    assert wrong <= 60


def test_several_differences_are_judged_by_holm_and_alike_by_bonferroni_by_hand() -> None:
    looks = Looks(most=5, indifference=0.01)
    clear, weak = mean_interval([2.0, 3.0, 4.0, 3.0, 3.0]), mean_interval([0.0, 1.0, 2.0, 1.0, 1.0])  # p = 0.0007, 0.034
    small = Interval(0.0, 0.09, 5, 0.95)
    assert looks.outcome(weak, 10.0) is Outcome.HIGHER
    assert looks.outcomes([Looked(clear, 10.0), Looked(weak, 10.0)]) == [Outcome.HIGHER, Outcome.HIGHER]
    # 0.034 is doubled as long as another one is not told to differ.
    assert looks.outcomes([Looked(small, 10.0), Looked(weak, 10.0)]) == [Outcome.OPEN, Outcome.OPEN]
    assert looks.outcome(small, 10.0) is Outcome.ALIKE


def test_a_difference_that_is_there_is_found_with_few_replications_if_it_is_large() -> None:
    random = np.random.default_rng(23)
    large, small = ([looked_at(Looks(most=640), random, effect) for _ in range(200)] for effect in (2.0, 0.4))
    assert sum(outcome is Outcome.HIGHER for outcome, _count in (*large, *small)) >= 395
    assert np.mean([count for _outcome, count in large]) < 15 < np.mean([count for _outcome, count in small])


def test_a_difference_that_does_not_matter_is_alike_though_it_is_there() -> None:
    random = np.random.default_rng(29)
    found = [looked_at(Looks(most=640, indifference=0.1), random, 0.1)[0] for _ in range(200)]  # 1 % of 10, where 10 % matter
    # Else it was found to be there before it was found to be small.
    assert found.count(Outcome.ALIKE) >= 180
    assert found.count(Outcome.ALIKE) + found.count(Outcome.HIGHER) == 200


def test_sides_that_do_not_differ_at_all_are_alike_at_the_first_look() -> None:
    assert Looks(most=20).outcome(mean_interval([0.0, 0.0]), 10.0) is Outcome.ALIKE
    assert Looks(most=20).outcome(mean_interval([0.0]), 10.0) is Outcome.OPEN


def test_looks_double_up_to_the_most() -> None:
    assert Looks(most=50).replications == [5, 10, 20, 40, 50]
    assert Looks(most=50).level == pytest.approx(0.99)


@pytest.mark.parametrize(("most", "indifference"), [(4, 0.0), (10, -0.1), (10, float("inf"))])
def test_looks_that_decide_nothing_are_refused(most: int, indifference: float) -> None:
    with pytest.raises(InputError):
        Looks(most, indifference)


def test_so_many_replications_tell_a_difference_as_its_spread_asks_for() -> None:
    # The standard deviation is 1, and so is the difference: Student's t by the root of n is beneath that from 7 on.
    change = mean_interval([1 - 2**0.5, 1.0, 1.0, 1.0, 1 + 2**0.5])
    assert replications_to_tell(change, 1, 100) == 7
    assert 2.447 / 7**0.5 < 1 < 2.571 / 6**0.5
    assert (replications_to_tell(change, 20, 100) or 0) > 7
    assert replications_to_tell(change, 1, 6) is None
    assert replications_to_tell(mean_interval([0.5]), 1, 100) is None
    assert replications_to_tell(mean_interval([0.0, 0.0]), 1, 100) is None

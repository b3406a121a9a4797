# SPDX-License-Identifier: GPL-2.0-only
"""Pairs of replications: by their numbers, whatever is missing on either side."""

from __future__ import annotations

import numpy as np
import pytest

from slabdes.stats.intervals import section_interval
from slabdes.stats.pairs import difference, dropped, ratio


def test_replications_are_paired_by_number_and_those_that_one_side_lacks_are_dropped() -> None:
    random = np.random.default_rng(31)
    common = random.normal(100.0, 30.0, 14)
    ones = {number: float(common[number]) for number in range(14) if number != 4}
    others = {number: float(common[number] + random.normal(5.0, 0.1)) for number in range(14) if number not in (2, 7)}
    sides = float(np.mean([*ones.values()])), ones, float(np.mean([*others.values()])), others
    found, times = difference(*sides, paired=True), ratio(*sides, paired=True)
    assert dropped(ones, others) == 3
    assert found.n == 11 and found.contains(5.0)
    assert found.half_width is not None and found.half_width < 0.2  # a hundredth of what they share
    assert times is not None and times.half_width is not None and times.low is not None and times.low > 1
    by_place = difference(sides[0], dict(enumerate(ones.values())), sides[2], dict(enumerate(others.values())), paired=True)
    assert by_place.half_width is not None and by_place.half_width > 50 * found.half_width


def test_sides_without_a_replication_in_common_have_no_interval() -> None:
    found = difference(1.0, {0: 1.0}, 3.0, {1: 3.0}, paired=True)
    assert (found.value, found.half_width, found.n) == (2.0, None, 0)
    assert difference(1.0, {}, 3.0, {}, paired=True).n == 0


def test_where_none_is_dropped_the_difference_is_that_of_the_pooled_values() -> None:
    # As of percentiles: 9 and 13 of all replications together, whatever each one alone has.
    found = difference(9.0, {0: 8.0, 1: 9.0}, 13.0, {1: 13.0, 0: 11.0}, paired=True)
    assert (found.value, found.n) == (4.0, 2)
    # 3 and 4: a mean of 3.5, half a unit from there, with a deviation of 0.7071.
    assert found.half_width == pytest.approx(12.706 * 0.7071 / 2**0.5 + 0.5, rel=1e-3)


@pytest.mark.parametrize("paired", [True, False])
def test_a_ratio_is_told_from_1_exactly_where_the_difference_is_told_from_0(paired: bool) -> None:
    random = np.random.default_rng(5)
    seen = set()
    for case in range(120):
        times = np.round(random.exponential(2.0, (2, 8, 60)) * (1 + case % 4 * 0.2) ** np.array([0, 1])[:, None, None]) * 50 + 50
        each = np.sort(times, axis=2)[:, :, 58]
        pooled = np.sort(times.reshape(2, -1), axis=1)[:, 474]
        sides = float(pooled[0]), dict(enumerate(each[0])), float(pooled[1]), dict(enumerate(each[1]))
        found, quotient = difference(*sides, paired, resolution=0.01 * max(pooled)), ratio(*sides, paired, resolution=0.01)
        assert quotient is not None
        if quotient.half_width is not None:
            assert quotient.contains(1.0) is found.contains(0.0)
            seen.add(quotient.contains(1.0))
    assert seen == {True, False}


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("true", [1.0, 20.0])
def test_a_ratio_s_interval_holds_the_true_one_in_95_of_100_cases(true: float, paired: bool) -> None:
    random = np.random.default_rng(6)
    held = 0
    for _case in range(200):
        common = random.normal(0.0, 0.2, 6)
        ones, others = (np.exp(common + random.normal(0.0, 0.1, 6)) for _side in range(2))
        others *= true
        sides = float(ones.mean()), dict(enumerate(ones)), float(others.mean()), dict(enumerate(others))
        quotient = ratio(*sides, paired)
        assert quotient is not None
        held += quotient.contains(true)
    print(f"{true} {paired}: {held / 2:.1f} %")
    assert held >= 200 * 0.95 - 3 * (200 * 0.95 * 0.05) ** 0.5


@pytest.mark.parametrize("paired", [True, False])
def test_equal_percentiles_of_lumpy_times_are_called_different_in_at_most_one_of_twenty_cases(paired: bool) -> None:
    random = np.random.default_rng(1)
    wrong = alone_wrong = 0
    for _case in range(400):
        times = np.round(random.exponential(2.0, (2, 20, 250))) * 50
        each = np.sort(times, axis=2)[:, :, 247]
        pooled = np.sort(times.reshape(2, -1), axis=1)[:, 4949]
        sides = pooled[0], dict(enumerate(each[0])), pooled[1], dict(enumerate(each[1]))
        wrong += not difference(*sides, paired).contains(0.0)
        alone_wrong += not section_interval(pooled[1] - pooled[0], (each[1] - each[0]).tolist()).contains(0.0)
    print(f"{wrong / 4:.1f} % called different, {alone_wrong / 4:.1f} % by sectioning alone")
    assert wrong <= 30  # Binomial(400, 0.05): 20, give or take 2.3 deviations of 4.4
    assert alone_wrong > 60

# SPDX-License-Identifier: GPL-2.0-only
"""Warm-up by MSER-5 and batch means, on processes whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from known_processes import ar1, mm1_waits

from slabdes.errors import InputError
from slabdes.stats.steady import FEWEST_BATCHES, MOST_BATCHES, batch_means, warm_up


def test_the_rise_from_an_untypical_start_is_cut_and_little_more() -> None:
    # The start of 30 standard deviations falls under 0.1 of one after log(300) / -log(0.9) = 54 steps.
    cuts = [warm_up(series) for series in ar1(0.9, 50, 2_000, seed=1, start=30.0)]
    assert all(cut.settled for cut in cuts)
    assert 30 <= np.median([cut.cut for cut in cuts]) <= 100


def test_cutting_takes_the_bias_of_the_start_away() -> None:
    series = ar1(0.95, 200, 1_000, seed=2, start=20.0)
    cut = np.mean([values[warm_up(values).cut :].mean() for values in series])
    # Uncut, the start adds 20 / (1 - 0.95) / 1000 = 0.4 to the mean; the standard error of 200 means of 1,000 is 0.014.
    assert series.mean() == pytest.approx(0.4, abs=0.06)
    assert abs(cut) < 0.06


def test_a_series_that_keeps_rising_has_not_settled() -> None:
    assert not warm_up([float(value) for value in range(1_000)]).settled


def test_a_steady_series_loses_little() -> None:
    cuts = [warm_up(series).cut for series in ar1(0.0, 100, 1_000, seed=4)]
    assert np.median(cuts) <= 100


@pytest.mark.parametrize(("name", "length", "true"), [("ar1", 20_000, 0.0), ("mm1", 40_000, 1.0)])
def test_intervals_from_batches_hold_at_least_nine_times_in_ten(name: str, length: int, true: float) -> None:
    held = passed = done = 0
    for seed in range(10):
        series = ar1(0.9, 100, length, seed) if name == "ar1" else mm1_waits(0.5, 100, length, seed)
        for values in series:
            found = batch_means(values)
            done += 1
            passed += found.independent
            held += found.interval.contains(true)
    print(f"{name} of {length}: {held / done:.1%} hold, {passed / done:.1%} pass for independent")
    assert held >= 0.90 * done
    assert passed >= 0.90 * done


def test_a_run_too_short_for_its_memory_is_said_to_be() -> None:
    found = [batch_means(series) for series in ar1(0.999, 40, 2_000, seed=6)]
    assert sum(not one.independent for one in found) >= 30
    assert {one.batches for one in found if not one.independent} == {FEWEST_BATCHES}


def test_independent_values_keep_the_most_batches_and_their_mean() -> None:
    values = ar1(0.0, 1, MOST_BATCHES * 4, seed=8)[0]
    found = batch_means(values)
    assert found.interval.mean == pytest.approx(values.mean())
    assert found.batches >= MOST_BATCHES // 2


def test_too_few_values_are_refused_with_how_many_it_takes() -> None:
    with pytest.raises(InputError, match=r"31 values.*32 or more"):
        batch_means([1.0] * 31)
    with pytest.raises(InputError, match=r"19 values.*20 or more"):
        warm_up([1.0] * 19)
    assert batch_means([1.0] * 32).lag_1 == 0

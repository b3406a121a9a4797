# SPDX-License-Identifier: GPL-2.0-only
"""Which settings a search tries: never one twice, none that is refused, the same for the same seed, and soon the good ones."""

from __future__ import annotations

import math
from typing import Any

import pytest

from slabdes.config.knobs import knobs_of
from slabdes.study.proposals import Known, Settings, _next_to, proposed, spread

LIMIT, BATCH = "cache.0.limit", "cache.0.batchcount"
KNOBS = knobs_of({LIMIT: list(range(20, 500, 20)), BATCH: list(range(10, 250, 10))})


def allowed(settings: Settings) -> bool:
    return bool(settings[BATCH] <= settings[LIMIT])


def cost(settings: Settings) -> float:
    """Least at limit 180, batchcount 90."""
    return 50 * math.cosh(math.log(settings[LIMIT] / 180)) * math.cosh(math.log(settings[BATCH] / 90))


def known(settings: Settings) -> Known:
    return Known(settings, cost(settings), float(settings[LIMIT]))


def test_first_settings_fill_the_space_are_allowed_and_depend_on_the_seed_alone() -> None:
    first = spread(KNOBS, 12, 1, allowed)
    assert len({tuple(one.values()) for one in first}) == 12
    assert all(map(allowed, first))
    assert {one[LIMIT] // 241 for one in first} == {one[BATCH] // 121 for one in first} == {0, 1}
    assert spread(KNOBS, 12, 1, allowed) == first != spread(KNOBS, 12, 2, allowed)


@pytest.mark.parametrize(
    ("over", "value", "near"),
    [
        ([1, 2, 4, 8, 16], 4, {1, 2, 8, 16}),
        ([1, 2, 4, 8, 16], 16, {4, 8}),
        ("8..480", 100, {93, 96, 104, 107}),
        ("1..30:log", 2, {1, 3, 5}),
        ("1..9", 20, set()),
        (["list", "none", "all"], "none", set()),
    ],
)
def test_next_to_a_value_are_the_nearest_to_either_side(over: Any, value: Any, near: set[int]) -> None:
    assert set(_next_to(knobs_of({LIMIT: over})[0], value)) == near


def test_half_of_a_round_differs_from_the_best_in_one_knob_alone() -> None:
    tried = [known(one) for one in spread(KNOBS, 10, 3, allowed)]
    best = min(tried, key=lambda one: one.score).settings
    new = proposed(KNOBS, tried, 4, 3, 0, allowed)
    assert [sum(one[key] != best[key] for key in (LIMIT, BATCH)) for one in new[:2]] == [1, 1]


def test_a_space_that_is_used_up_gives_no_more() -> None:
    small = knobs_of({LIMIT: [10, 20], BATCH: [5, 15]})
    first = spread(small, 9, 1, allowed)
    assert len(first) == 3  # 15 of 10 is refused
    assert proposed(small, [known(one) for one in first], 4, 1, 0, allowed) == []


def test_in_a_tenth_of_the_settings_one_within_two_per_cent_of_the_best_is_found() -> None:
    every = [{LIMIT: limit, BATCH: batch} for limit in KNOBS[0].values for batch in KNOBS[1].values]
    possible = [one for one in every if allowed(one)]
    assert len(possible) >= 400
    tried = [known(one) for one in spread(KNOBS, 10, 3, allowed)]
    turn = 0
    while len(tried) < len(possible) // 10:
        new = proposed(KNOBS, tried, 4, 3, turn, allowed)
        assert all(map(allowed, new))
        assert not any(one in [dict(other.settings) for other in tried] for one in new)
        tried, turn = [*tried, *map(known, new)], turn + 1
    assert min(one.score for one in tried) <= 1.02 * min(map(cost, possible))
    again = proposed(KNOBS, tried, 4, 3, turn, allowed)
    assert again == proposed(KNOBS, tried, 4, 3, turn, allowed)

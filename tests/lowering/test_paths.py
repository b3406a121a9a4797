# SPDX-License-Identifier: GPL-2.0-only
"""Paths that are lowered and run as plain Python leave the world as they do as generators, wherever they had to wait."""

from __future__ import annotations

import random
from functools import partial
from types import ModuleType
from typing import Any

import pytest
import sample
import world

from slabdes.lowering.lower import lower

ENTRIES = ("take", "pair_of_most", "spread")
CALLS = [("take", [0, 3]), ("take", [1, 9]), ("take", [0, 0]), ("pair_of_most", [0, 0]), ("pair_of_most", [3, 1])]
CALLS += [("spread", [number, 0]) for number in range(5)]


def module_of(text: str) -> ModuleType:
    module = ModuleType("lowered")
    exec(compile(text, "lowered", "exec"), vars(module))
    return module


def differences(module: ModuleType, printed: ModuleType, calls: list[tuple[str, list[int]]], seeds: range) -> list[Any]:
    """The calls that printed text answers otherwise, each with random waits."""
    found = []
    for entry, arguments in calls:
        for strict in (False, True):
            rules = world.Rules(strict, 7)
            wanted = world.run_generator(module, entry, arguments, rules)
            for seed in seeds:
                draws = random.Random(seed)
                got = world.run_printed(printed, entry, arguments, rules, partial(draws.choice, (world.GO, world.WAIT)))
                if got != wanted:
                    found.append((entry, arguments, strict, seed))
    return found


@pytest.mark.parametrize("at_once", [(), ("pair_of_most",), ("pair_of_most", "_take_from", "spread")])
def test_lowered_paths_leave_what_the_generators_leave(at_once: tuple[str, ...]) -> None:
    printed = module_of(lower(world.target(("sample",), ENTRIES, at_once)).text)
    assert differences(sample, printed, CALLS, range(6)) == []


def test_the_same_text_comes_of_the_same_paths() -> None:
    one, other = (lower(world.target(("sample",), ENTRIES)) for _time in range(2))
    assert one == other


def test_a_path_is_kept_in_no_more_fields_than_its_largest_needs() -> None:
    lowered = lower(world.target(("sample",), ENTRIES))
    assert len(lowered.frame) <= 12
    assert set(lowered.arguments["take"].values()) <= set(lowered.frame)

# SPDX-License-Identifier: GPL-2.0-only
"""Lowered paths compiled by numba leave what their generators leave."""

from __future__ import annotations

import random
import sys
from types import ModuleType
from typing import Any

import pytest
import sample
import world
from test_paths import CALLS

numba = pytest.importorskip("numba")
from numba_world import AT_ONCE, ENTRIES, RUN, Memory, cpus_at, frames_at  # noqa: E402

from slabdes.engine.compiled.numba_tools import OPTIONS  # noqa: E402
from slabdes.lowering.lower import lower  # noqa: E402


@pytest.fixture(scope="module")
def drive() -> Any:
    module = ModuleType("lowered_for_numba")
    sys.modules[module.__name__] = module
    text = lower(world.target(("sample",), ENTRIES, AT_ONCE, services=("numba_world",))).text
    exec(compile(text, "lowered_for_numba", "exec"), vars(module))
    follow = module.follow

    def made(runs: Any) -> None:
        run = runs[0]
        cpu = cpus_at(run.cpus)[0]
        while cpu.sp >= 0:
            follow(run, cpu, frames_at(run.frames)[cpu.sp])

    compiled = numba.njit(**OPTIONS)(made)
    compiled.compile((numba.from_dtype(RUN)[::1],))
    return compiled


@pytest.mark.parametrize(("entry", "arguments"), CALLS)
def test_numba_code_leaves_what_the_generators_leave(drive: Any, entry: str, arguments: list[int]) -> None:
    for strict in (False, True):
        rules = world.Rules(strict, 7)
        wanted = world.run_generator(sample, entry, arguments, rules)
        for seed in range(4):
            draws = random.Random(seed)
            memory = Memory(rules, [draws.choice((world.GO, world.WAIT)) for _wait in range(97)])
            memory.begin(entry, arguments)
            drive(memory.run)
            assert memory.left("pair" in entry) == wanted

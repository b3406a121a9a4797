# SPDX-License-Identifier: GPL-2.0-only
"""Runs of steps written out by hand, on SLUB without jitter: for tests that count what each step does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from slabdes.allocator.gfp import MAY_WAIT
from slabdes.config import Experiment, parse_experiment
from slabdes.engine.records import Records
from slabdes.engine.reference.run import run_reference
from slabdes.study.plan import machine_of
from slabdes.workload.programs import ANY_NODE, NO_CACHE, Op, Step, Workload

CAPACITY = 32
"""As many objects of 256 bytes as a slab of 8 CPUs has."""
SHEAVES = {"allocator": "7.3", "cache": {"sheaf_capacity": CAPACITY}}
CPU_SLABS = {"allocator": "6.12", "cache": {}}
GO = 1 << 40
"""A slot that is signalled."""


def experiment(version: dict[str, Any], workload: dict[str, Any] | None = None, **more: Any) -> Experiment:
    cache = {"name": "a", "size": 256} | version["cache"]
    raw = {"allocator": version["allocator"], "debug": True, "cache": [cache], "timing": {"jitter": 0.0}}
    raw |= {"machine": {"preset": "numa-2x4"}, "workload": workload or {"kind": "burst", "objects": 1}}
    return parse_experiment(raw | more, "test")


def follow(one: Experiment, programs: dict[int, Sequence[Step]], windowed: bool = False) -> Records:
    """A run of these steps, by CPU."""
    iterators = {cpu: _program(steps) for cpu, steps in programs.items()}
    return run_reference(one, machine_of(one), Workload(iterators, one.cache, windowed=windowed, operations=1))


def _program(steps: Sequence[Step]) -> Any:
    def steps_again() -> Iterator[Step]:
        return iter(steps)

    return steps_again


def allocs(slots: Iterable[int], think: int = 0) -> list[Step]:
    return [(think, Op.ALLOC, 0, slot, ANY_NODE, MAY_WAIT) for slot in slots]


def frees(slots: Iterable[int], think: int = 0) -> list[Step]:
    return [(think, Op.FREE, 0, slot, ANY_NODE, 0) for slot in slots]


def signal(slot: int, think: int = 0) -> Step:
    return think, Op.SIGNAL, NO_CACHE, slot, ANY_NODE, 0


def wait_for(slot: int, think: int = 0) -> Step:
    return think, Op.AWAIT, NO_CACHE, slot, ANY_NODE, 0

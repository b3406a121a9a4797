# SPDX-License-Identifier: GPL-2.0-only
"""What the bench runs: bursts on one cache of a large machine, where array hits dominate and where refills do.

Leaves out how anything is timed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from slabdes.config import AllocatorVersion, Experiment, parse_experiment
from slabdes.config.allocators import SLUB_KEYS
from slabdes.machine import load_machine
from slabdes.machine.costs import COST_NAMES
from slabdes.machine.topology import Machine
from slabdes.workload.programs import Workload
from slabdes.workload.synthetic import build_synthetic

MACHINE: Final = "epyc-2s"
CPUS: Final = (1, 8, 64, 256)
OBJECTS: Final = 50
"""Objects of a burst: fewer than a limit of 120, so that hits dominate there."""
SIZE: Final = 256
"""Bytes of an object."""
NOT_IN_C: Final = ("copy_lines", "early_lookups", "late_spinners", "working_sets")
"""Rules of the clock that the C versions have not."""
_HITS_TAKE: Final = ("alloc_hit", "free_hit", "alloc_bulk", "free_bulk", "local_trylock", "first_touch", "smt_slowdown")
"""Of SLUB, a hit is what one is in a SLAB bulk call, and the lock of the CPU's sheaves."""


class Scenario(StrEnum):
    """The two scenarios, by what most of their time goes to."""

    HITS = "hits"
    REFILLS = "refills"

    @property
    def tunables(self) -> tuple[int, int]:
        """Array limit and batchcount."""
        return (120, 60) if self is Scenario.HITS else (12, 6)


@dataclass(frozen=True)
class Case:
    """One scenario on so many CPUs, at about so many operations: as many as whole bursts make."""

    scenario: Scenario
    cpus: int
    operations: int
    allocator: AllocatorVersion = AllocatorVersion.V2_6_34

    def experiment(self) -> Experiment:
        """The experiment file's equal, without rules that the C version has not. SLUB's sheaves are as large as SLAB's arrays."""
        limit, batchcount = self.scenario.tunables
        cache: dict[str, int] = {"limit": limit, "batchcount": batchcount}
        if self.allocator.is_slub:
            cache = {"sheaf_capacity": limit} if "sheaf_capacity" in SLUB_KEYS[self.allocator] else {}
        raw = {
            "allocator": self.allocator,
            "machine": {"preset": MACHINE, "cpus": self.cpus},
            "cache": [{"name": "bench", "size": SIZE} | cache],
            "timing": dict.fromkeys(NOT_IN_C, False),
            "workload": {
                "kind": "burst",
                "objects": OBJECTS,
                "rounds": max(1, round(self.operations / (2 * OBJECTS * self.cpus))),
            },
        }
        return parse_experiment(raw, "bench")

    def workload(self, machine: Machine) -> Workload:
        """Its programs."""
        return build_synthetic(self.experiment(), machine, 0)


def bench_machine() -> Machine:
    """The machine that every scenario runs on."""
    return load_machine(MACHINE)


def only_hits_take_time(machine: Machine) -> Machine:
    """`machine` with every cost 0 but those of hits and first touches: there a plain model and an engine model the same."""
    nothing: dict[str, Any] = {name: 0 for name in COST_NAMES if name not in _HITS_TAKE}
    costs = replace(machine.costs, **nothing)
    transfers = tuple((0,) * machine.n_cpus for _cpu in range(machine.n_cpus))
    return replace(
        machine, costs=costs, transfer_ps=transfers, dram_ps=tuple((0,) * machine.n_nodes for _node in range(machine.n_nodes))
    )

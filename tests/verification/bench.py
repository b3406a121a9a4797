# SPDX-License-Identifier: GPL-2.0-only
"""A small machine and hand-written programs for it: what the verification tests have in common.

Two nodes with two CPUs each (0 and 1 on node 0, 2 and 3 on node 1), no jitter, and a different number for every cost, so
that no wrong sum comes out right. Leaves out random workloads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from slabdes.allocator.gfp import MAY_WAIT
from slabdes.config import CacheConfig, Experiment, parse_experiment
from slabdes.engine.records import Path, Records
from slabdes.engine.reference.run import run_reference
from slabdes.machine.description import Description
from slabdes.machine.topology import Machine
from slabdes.units import PS_PER_NS
from slabdes.workload.programs import ANY_NODE, Op, Step, Workload

COSTS_NS: Final = {
    "alloc_hit": 11.003,
    "free_hit": 13.007,
    "alloc_bulk": 3.301,
    "free_bulk": 4.703,
    "lock_op": 8.311,
    "irq_pair": 1.901,
    "slow_path": 10.103,
    "move_object": 0.503,
    "slab_object": 2.503,
    "list_move": 13.751,
    "grow_base": 83.203,
    "init_object": 1.009,
    "page_alloc_order0": 50.021,
    "page_free_order0": 37.201,
    "page_take": 20.707,
    "page_split": 32.203,
    "page_check": 5.303,
    "page_cold": 16.403,
    "pcp_refill_page": 70.201,
    "pcp_trim_page": 41.809,
    "first_touch": 17.509,
    "descriptor_read": 19.211,
    "same_core": 7.607,
    "same_node": 46.601,
    "remote_base": 93.407,
    "remote_per_distance": 3.701,
    "dram_local": 85.009,
    "dram_remote_per_distance": 4.663,
    "reap_base": 51.001,
}
REMOTE_DISTANCE: Final = 21
BEYOND_LOCAL: Final = REMOTE_DISTANCE - 10
ALONE: Final = {
    "jitter": 0.0,
    "lock_races": False,
    "copy_lines": False,
    "descriptor_once": False,
    "slot_lines": False,
    "early_lookups": False,
}
"""Rules of the clock under which each line, race and descriptor is paid for by itself."""
LATER: Final = 1_000_000 * PS_PER_NS
"""A think time by which everything before is over, picoseconds: a millisecond, far from the first reap."""


@dataclass(frozen=True)
class Price:
    """The costs by name in picoseconds, for sums written by hand."""

    alloc_hit: int
    free_hit: int
    alloc_bulk: int
    free_bulk: int
    lock_op: int
    irq_pair: int
    slow_path: int
    move_object: int
    slab_object: int
    list_move: int
    grow_base: int
    init_object: int
    page_alloc_order0: int
    page_free_order0: int
    page_take: int
    page_split: int
    page_check: int
    page_cold: int
    pcp_refill_page: int
    pcp_trim_page: int
    first_touch: int
    descriptor_read: int
    same_core: int
    same_node: int
    remote_base: int
    remote_per_distance: int
    dram_local: int
    dram_remote_per_distance: int
    reap_base: int

    @property
    def remote(self) -> int:
        """A line from a CPU of the other node."""
        return self.remote_base + BEYOND_LOCAL * self.remote_per_distance

    @property
    def dram_remote(self) -> int:
        """A line from the other node's memory."""
        return self.dram_local + BEYOND_LOCAL * self.dram_remote_per_distance


PRICE: Final = Price(**{name: round(cost * PS_PER_NS) for name, cost in COSTS_NS.items()})


def machine(memory_mib: tuple[float, float] = (512.0, 512.0), **costs_ns: float) -> Machine:
    """The two-node machine. `costs_ns` replaces some costs."""
    return Description(
        where="test",
        name="bench",
        source="test",
        node_ids=(0, 1),
        node_of_cpu=(0, 0, 1, 1),
        core_of_cpu=(0, 1, 2, 3),
        cluster_of_core=None,
        memory_mib=memory_mib,
        distances=((10, REMOTE_DISTANCE), (REMOTE_DISTANCE, 10)),
        costs_ns={**COSTS_NS, **costs_ns},
    ).build()


def alloc(slot: int, think: int = 0, node: int = ANY_NODE, flags: int = MAY_WAIT, cache: int = 0) -> Step:
    return think, Op.ALLOC, cache, slot, node, flags


def free(slot: int, think: int = 0, cache: int = 0) -> Step:
    return think, Op.FREE, cache, slot, ANY_NODE, 0


def section(hold: int, think: int = 0) -> Step:
    return think, Op.SECTION, -1, hold, ANY_NODE, 0


def later(step: Step) -> Step:
    """The same step, a millisecond later."""
    return (step[0] + LATER, *step[1:])


def experiment_of(caches: Sequence[Mapping[str, Any]], **parts: Any) -> Experiment:
    """An experiment without jitter, races or rules of how lines come together, and with invariants checked.

    Unless given, its machine and workload are not used. Rules that are left out have tests of their own (`test_lines`).
    """
    raw: dict[str, Any] = {
        "machine": {"preset": "numa-2x4"},
        "cache": caches,
        "timing": ALONE,
        "workload": {"kind": "burst"},
        "debug": True,
    }
    return parse_experiment({**raw, **parts}, "test")


def experiment(cache: Mapping[str, Any] | None = None, **parts: Any) -> Experiment:
    """The same with one cache, of 256-byte objects unless `cache` says otherwise."""
    return experiment_of([{"name": "bench", "size": 256, **(cache or {})}], **parts)


def run(
    programs: Mapping[int, Sequence[Step]],
    settings: Experiment | None = None,
    on: Machine | None = None,
    windowed: bool = False,
) -> Records:
    """Run hand-written programs, by CPU."""
    settings = settings or experiment()
    caches: tuple[CacheConfig, ...] = settings.cache
    makers = {cpu: (lambda steps=steps: iter(steps)) for cpu, steps in programs.items()}
    return run_reference(settings, on or machine(), Workload(makers, caches, windowed=windowed))


def last_operation(
    cpu: int, programs: Mapping[int, Sequence[Step]], settings: Experiment | None = None, on: Machine | None = None
) -> tuple[Path, int]:
    """How the last step of `cpu` was served and how long it took, in picoseconds: what it adds to the records."""
    programs = {number: list(steps) for number, steps in programs.items()}
    with_it = run(programs, settings, on)
    without = run({**programs, cpu: programs[cpu][:-1]}, settings, on)
    added = []
    for (_cache, path), histogram in with_it.latency.items():
        before = without.latency.get((_cache, path))
        count = histogram.count - (before.count if before else 0)
        if count:
            added.append((path, count, histogram.total - (before.total if before else 0)))
    assert len(added) == 1 and added[0][1] == 1, f"one operation more, not {added}"
    return added[0][0], added[0][2]

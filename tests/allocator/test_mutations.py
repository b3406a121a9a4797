# SPDX-License-Identifier: GPL-2.0-only
"""The recordings and the invariants can fail: one rule of the allocator is changed at a time, and each change is caught.

A mutation replaces one string in one module's source; the whole package is then loaded afresh around the changed module,
and put away again. The table is `mutations.toml`: `caught_by` names the recorded script whose first differing record gives
the mutation away. A few rules are in no recording: descriptors outside their slab (a script's come from elsewhere), what
needs two CPUs at the same time (a recording has one operation at a time), and three corners that no recorded script
visits. These have catchers of their own.
"""

from __future__ import annotations

import importlib
import importlib.util
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from tests.allocator.mutating import loaded_afresh

GOLDEN = Path(__file__).parents[1] / "golden"
KERNEL_LOGS = Path(__file__).parents[1] / "kernel61/prescribed"
OFF_SLAB = "off-slab invariants"
BY_HAND = "derived by hand"
TWO_CPUS = "two CPUs at once"
"""Catchers that are not recordings: `off_slab_run`, `RECORDS_BY_HAND` and `fault_of_two_cpus_at_once`, below."""


@dataclass(frozen=True)
class Mutation:
    """A rule that is broken, where, how, and what catches it: a recorded script's name or one of the catchers above."""

    rule: str
    module: str
    old: str
    new: str
    caught_by: str


MUTATIONS = tuple(
    Mutation(**entry)
    for entry in tomllib.loads(Path(__file__).with_name("mutations.toml").read_text(encoding="utf-8"))["mutation"]
)


def fault_of_recording(name: str) -> str | None:
    """The first record in which the loaded allocator differs from a recording; its own `check` runs at each dump."""
    compare = importlib.import_module("slabdes.conformance.compare")
    script = GOLDEN / f"{name}.ops.gz"
    recorded = compare.read_records(compare.recorded_output(script))
    for ours, theirs in zip_longest(compare.run_script(script, recorded), recorded):
        if ours != theirs:
            return f"{ours} instead of {theirs}"
    return None


def fault_of_kernel_log(log: Path) -> str | None:
    """The first line in which the loaded allocator differs from a log of the real 6.1 kernel."""
    verdict = importlib.import_module("slabdes.conformance.kernel_log.compare").compare_log(log)
    return None if verdict.holds else str(verdict.difference)


class OffSlabSystem:
    """Two nodes with a CPU each; `big` keeps its slabs' descriptors in `general`. Every page given or returned is counted."""

    def __init__(self) -> None:
        state = importlib.import_module("slabdes.allocator.state")
        create = importlib.import_module("slabdes.allocator.create")
        geometry = importlib.import_module("slabdes.allocator.geometry")
        tunables = importlib.import_module("slabdes.allocator.tunables")
        mempolicy = importlib.import_module("slabdes.allocator.mempolicy")
        kernel = importlib.import_module("slabdes.conformance.kernel")
        self.alloc = importlib.import_module("slabdes.paths.slab.alloc")
        self.free = importlib.import_module("slabdes.paths.slab.free")
        self.check = importlib.import_module("slabdes.allocator.check").check
        self.preferred = mempolicy.PolicyKind.PREFERRED
        self.state = state.SlabState([0, 1], 2)
        self.policy = mempolicy.MemPolicy(2)
        self.kernel = kernel.ConformanceKernel(self.state, self.policy)
        # 2048-byte objects: two a slab, order 0, descriptor of 56 bytes elsewhere. Limit 2 makes flushes come soon. No real
        # off-slab layout has two colours, so that the third rule of a failed descriptor needs an invented one.
        layout = replace(geometry.kmem_cache_geometry(2048), colour=4)
        small = geometry.kmem_cache_geometry(64)
        self.general = create.kmem_cache_create(self.state, state.CacheSpec("size-64", small, tunables.Tunables(1, 1, 0)), 0)
        self.big = create.kmem_cache_create(self.state, state.CacheSpec("big", layout, tunables.Tunables(2, 2, 0)), 0)
        self.big.slabp_cache = self.general
        self.kernel.name_locks(self.general)
        self.kernel.name_locks(self.big)
        self.live: list[int] = []

    def a(self, cpu: int, node: int = -1, flags: int = 1) -> int:
        context = self.kernel.cpus[cpu]
        path = (
            self.alloc.kmem_cache_alloc(self.kernel, context, self.big, flags)
            if node < 0
            else self.alloc.kmem_cache_alloc_node(self.kernel, context, self.big, flags, node)
        )
        obj: int = self.kernel.finish(path)
        if obj >= 0:
            self.live.append(obj)
        self.hold()
        return obj

    def f(self, cpu: int, obj: int) -> str:
        self.live.remove(obj)
        self.kernel.finish(self.free.kmem_cache_free(self.kernel, self.kernel.cpus[cpu], self.big, obj))
        self.hold()
        label: str = self.kernel.cpus[cpu].path.label
        return label

    def hold(self) -> None:
        """The invariants of both caches, and every page either lies under a slab or has gone back."""
        self.check(self.state, self.big, self.live)
        descriptors = [
            slab.descriptor for slab in self.state.slabs if slab.num and slab.nodeid >= 0 and slab.cache == self.big.index
        ]
        self.check(self.state, self.general, descriptors)
        slabs = sum((c.slabs_created - c.slabs_destroyed) << c.gfporder for c in self.state.caches)
        assert sum(self.kernel.pages_out) == slabs, f"{sum(self.kernel.pages_out)} pages are out"


def fault_of_off_slab_run() -> str | None:
    """What a fixed run over a cache with descriptors outside its slabs finds wrong with the loaded allocator."""
    failure = importlib.import_module("slabdes.errors").CheckFailed
    try:
        off_slab_run(OffSlabSystem())
    except (failure, AssertionError) as fault:
        return str(fault) or "an assertion of the off-slab run"
    return None


def off_slab_run(system: OffSlabSystem) -> None:
    kernel = system.kernel
    # One page: the slab gets it, its descriptor does not, and it comes back. So it goes to the refill, to ____cache_alloc_node
    # and to the fallback: three grows, three colours taken, nothing allocated.
    kernel.page_limit = [1, 0]
    assert system.a(0) < 0, "an object without a slab"
    assert system.big.nodelists[0].colour_next == 3, f"colour_next is {system.big.nodelists[0].colour_next}, not 3"
    # Node 1 has one page for the slab, node 0 one for its descriptor.
    kernel.page_limit = [1, 1]
    far = system.a(1, node=1, flags=3)
    assert far >= 0, "no descriptor from another node"
    kernel.page_limit = [-1, -1]
    # The policy's node fails completely (its own pages, then the fallback's), then the local node grows.
    system.policy.kind, system.policy.node = system.preferred, 1
    kernel.failing_calls = 2
    taken = [system.a(0)]
    assert kernel.cpus[0].altfail, "the policy's failure is forgotten"
    system.policy.kind = type(system.preferred).NONE
    taken += [system.a(0) for _ in range(15)]
    assert min(taken) >= 0
    # free_limit is (1 + 1) * 2 + 2 = 6 objects: freeing 16 destroys slabs in the midst of flushes, whose path stays theirs. The
    # array starts empty and takes two; from then on every other free finds it full, and the flush takes both.
    paths = [system.f(0, obj) for obj in taken]
    assert paths == ["hit", "hit", *["flush-lists", "hit"] * 7], f"paths {paths}"
    assert system.big.slabs_destroyed > 1, "no slab was destroyed"
    system.f(1, far)


RECORDS_BY_HAND: tuple[tuple[str, int, dict[str, Any]], ...] = (
    # A preferred node does not count for THISNODE: CPU 0's own node 0 is refilled.
    ("machine nodes=2 cpus=2\ncache size=1000\npolicy preferred 1\na 0 thisnode", -1, {"node": 0, "path": "grow"}),
    # The spread rotor leaves caches without MEM_SPREAD alone.
    ("machine nodes=2 cpus=2\ncache size=1000\npolicy spread 0\na 0", -1, {"node": 0, "path": "grow"}),
    # CPU 83: 1000 + 249 is under a quarter past the second, so 1000 - 249. CPU 84: 1000 + 252 is not, so 2000 - 252.
    ("machine nodes=1 cpus=85", 0, {"due": [*(1000 - 3 * cpu for cpu in range(84)), 1748]}),
)
"""(script, place of the record, what it has to say), each from SEMANTICS.md by hand."""


def fault_of_records_by_hand() -> str | None:
    """The first of RECORDS_BY_HAND that the loaded allocator tells otherwise."""
    runner = importlib.import_module("slabdes.conformance.runner").ScriptRunner
    parse_script = importlib.import_module("slabdes.conformance.script").parse_script
    for script, place, expected in RECORDS_BY_HAND:
        record = list(runner().run(parse_script(script, "by hand")))[place]
        if {key: record[key] for key in expected} != expected:
            return f"{record} instead of {expected}"
    return None


def fault_of_two_cpus_at_once() -> str | None:
    """Two CPUs of a node find its lists empty and each adds a slab: both take from the one that was added first."""
    state = importlib.import_module("slabdes.allocator.state")
    create = importlib.import_module("slabdes.allocator.create")
    geometry = importlib.import_module("slabdes.allocator.geometry")
    tunables = importlib.import_module("slabdes.allocator.tunables")
    mempolicy = importlib.import_module("slabdes.allocator.mempolicy")
    kernel = importlib.import_module("slabdes.conformance.kernel")
    alloc = importlib.import_module("slabdes.paths.slab.alloc")

    class PausingKernel(kernel.ConformanceKernel):  # type: ignore[misc, name-defined]  # its module is loaded afresh
        def spin_unlock(self, cpu: Any, lock: int) -> Iterator[str]:
            super().spin_unlock(cpu, lock)
            yield "unlocked"

    system = state.SlabState([0, 0], 1)
    k = PausingKernel(system, mempolicy.MemPolicy(1))
    four_a_slab = geometry.kmem_cache_geometry(1000)
    cache = create.kmem_cache_create(system, state.CacheSpec("cache", four_a_slab, tunables.Tunables(2, 2, 0)), 0)
    k.name_locks(cache)
    paths = [alloc.kmem_cache_alloc(k, cpu, cache, 1) for cpu in k.cpus]
    for _unlocked_after in ("the empty lists", "the colour", "the insertion: the second look is next"):
        for path in paths:
            next(path)
    taken = []
    for path in paths:
        try:
            while True:
                next(path)
        except StopIteration as stop:
            taken.append(system.slabs[state.virt_to_slab(stop.value)].serial)
    return None if taken == [0, 0] else f"objects of slabs {taken} instead of slab 0 twice"


CATCHERS = {
    OFF_SLAB: fault_of_off_slab_run,
    BY_HAND: fault_of_records_by_hand,
    TWO_CPUS: fault_of_two_cpus_at_once,
}


def fault_seen_by(catcher: str) -> str | None:
    """What a catcher finds wrong with the loaded allocator, or None."""
    if catcher in CATCHERS:
        return CATCHERS[catcher]()
    log = KERNEL_LOGS / f"{catcher}.log.gz"
    return fault_of_kernel_log(log) if log.exists() else fault_of_recording(catcher)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.rule)
def test_a_changed_rule_is_caught(mutation: Mutation) -> None:
    with loaded_afresh(mutation.module, mutation.old, mutation.new):
        fault = fault_seen_by(mutation.caught_by)
    assert fault is not None, f"{mutation.caught_by} does not notice that {mutation.rule}"


@pytest.mark.parametrize("catcher", sorted({mutation.caught_by for mutation in MUTATIONS}))
def test_the_allocator_as_it_is_passes_every_catcher(catcher: str) -> None:
    with loaded_afresh():
        fault = fault_seen_by(catcher)
    assert fault is None


def test_a_mutation_leaves_no_trace() -> None:
    from slabdes.allocator import tunables

    with loaded_afresh(tunables.__name__, "ALIEN_LIMIT: Final = 12", "ALIEN_LIMIT: Final = 13"):
        assert importlib.import_module(tunables.__name__).ALIEN_LIMIT == 13
    assert importlib.import_module(tunables.__name__) is tunables
    assert tunables.ALIEN_LIMIT == 12

# SPDX-License-Identifier: GPL-2.0-only
"""Random operations on random systems: SLUB's invariants hold after each, and no object is handed out twice.

Nodes may be without memory or CPUs; other operations come in between the steps of one, as handlers and other CPUs do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from slabdes.allocator.gfp import MAY_WAIT, THISNODE
from slabdes.allocator.slub.check import check
from slabdes.allocator.slub.create import create_with_cpu_slabs, kmem_cache_create
from slabdes.allocator.slub.geometry import slub_geometry
from slabdes.allocator.slub.state import NO_SHEAF, SlubState
from slabdes.allocator.slub.versions import SLUB_VERSIONS, Leftovers, RemoteRefill, SheavesOf, SlubVersion
from slabdes.allocator.state import NO_NODE, NO_OBJECT, NOBODY, virt_to_slab
from slabdes.engine.clockless_slub import ClocklessSlub
from slabdes.paths.kernel import Waits
from slabdes.paths.sites import LockSite
from slabdes.paths.slub.alloc import kmem_cache_alloc_node
from slabdes.paths.slub.bulk import kmem_cache_alloc_bulk, kmem_cache_free_bulk
from slabdes.paths.slub.kernel import Point, SlubCpu
from slabdes.paths.slub.pcs_free import kmem_cache_free
from slabdes.paths.slub.prefill import (
    kmem_cache_alloc_from_sheaf,
    kmem_cache_prefill_sheaf,
    kmem_cache_refill_sheaf,
    kmem_cache_return_sheaf,
)
from slabdes.paths.slub.rcu import flush_rcu_all_sheaves, kfree_rcu
from slabdes.paths.slub.shrink import kmem_cache_shrink

SWITCHES = st.fixed_dictionaries(
    {},
    optional={
        "reverse_refill": st.booleans(),
        "leftovers": st.sampled_from(Leftovers),
        "unneeded_to_head": st.booleans(),
        "remote_refill": st.sampled_from(RemoteRefill),
        "empty_main_to_barn": st.booleans(),
        "barns_with_memory": st.booleans(),
        "remote_by_batches": st.booleans(),
        "cpu_slabs": st.booleans(),
    },
)
NUMBERS = st.integers(0, 1 << 16)
"""Choices among things whose number depends on the system: taken modulo it."""


class Interrupted(ClocklessSlub):
    """Operations that are let in: `wanted` says which come in between the steps of the next one that lets any in.

    They come in at a Point, or (None) before an atomic update, if no lock is held, so that it may fail. What touches a CPU's own
    slab holds its local_lock with interrupts off (6.12): there only what another CPU does comes in before an update.
    """

    wanted: tuple[Point | None, SlubCpu, Callable[[], Waits[None]]] | None = None
    locked = 0

    def _come_in(self, cpu: SlubCpu, point: Point | None) -> Waits[None]:
        if self.wanted is not None and self.wanted[0] == point and not self.locked:
            other, coming = self.wanted[1:]
            if point is None and self.version.cpu_slabs and other is cpu:
                return
            self.wanted = None
            yield from coming()

    def spin_lock(self, cpu: SlubCpu, lock: int, site: LockSite) -> Waits[None]:
        self.locked += 1
        yield from ()

    def spin_unlock(self, cpu: SlubCpu, lock: int) -> Waits[None]:
        self.locked -= 1
        yield from ()

    def let_in(self, cpu: SlubCpu, point: Point) -> Waits[None]:
        assert not self.locked
        yield from self._come_in(cpu, point)

    def cmpxchg(self, cpu: SlubCpu, slab: int) -> Waits[None]:
        yield from self._come_in(cpu, None)


class SlubMachine(RuleBasedStateMachine):
    """One cache on one system, and what its users know: which objects and sheaves they hold."""

    @initialize(
        nodes=st.lists(st.integers(0, 2), min_size=1, max_size=4),
        memory=st.lists(st.booleans(), min_size=3, max_size=3),
        size=st.sampled_from((64, 256, 1500, 4096, 9000)),
        capacity=st.sampled_from((0, 1, 3, 8)),
        min_partial=st.integers(0, 3),
        limits=st.integers(0, 3),
        version=st.sampled_from(list(SLUB_VERSIONS.values())),
        switches=SWITCHES,
    )
    def boot(
        self,
        nodes: list[int],
        memory: list[bool],
        size: int,
        capacity: int,
        min_partial: int,
        limits: int,
        version: SlubVersion,
        switches: dict[str, Any],
    ) -> None:
        n_nodes = max(nodes) + 1
        has_memory = [*memory[: n_nodes - 1], True]
        zonelists = [
            [at for at in sorted(range(n_nodes), key=lambda at: (at - node) % n_nodes) if has_memory[at]]
            for node in range(n_nodes)
        ]
        if version.sheaves == SheavesOf.NONE:  # there must be something
            switches = {name: value for name, value in switches.items() if name != "cpu_slabs"}
        version = replace(version, **switches)
        self.kernel = Interrupted(SlubState(nodes, n_nodes, has_memory=has_memory), zonelists, version)
        geometry = replace(slub_geometry(size, cpus=len(nodes)), sheaf_capacity=capacity, min_partial=min_partial)
        if version.sheaves == SheavesOf.NONE:
            geometry = replace(geometry, sheaf_capacity=0)
        create = create_with_cpu_slabs if version.cpu_slabs else kmem_cache_create
        self.cache = create(self.kernel.state, "cache", geometry)
        self.cache.full_limit, self.cache.empty_limit = limits, max(limits, 1)
        self.held: list[int] = []
        self.sheaves: list[int] = []

    def cpu(self, number: int) -> SlubCpu:
        return self.kernel.cpus[number % len(self.kernel.cpus)]

    def gained(self, obj: int) -> None:
        if obj != NO_OBJECT:
            assert obj not in self.held
            self.held.append(obj)

    @property
    def without_sheaves(self) -> bool:
        """Whether per-CPU slabs are all there is (6.12)."""
        return self.kernel.version.sheaves == SheavesOf.NONE

    def some(self, which: int, count: int) -> list[int]:
        """Objects that their user gives back, at most `count`."""
        given = []
        for step in range(min(count, len(self.held))):
            given.append(self.held.pop((which + step * 7) % len(self.held)))
        return given

    def allocating(self, cpu: SlubCpu, node: int, flags: int) -> Waits[None]:
        obj = yield from kmem_cache_alloc_node(self.kernel, cpu, self.cache, flags, node)
        if flags & THISNODE and obj != NO_OBJECT:
            # With per-CPU slabs, a node without memory counts as none asked for.
            home = self.kernel.state.slabs[virt_to_slab(obj)].nodeid
            assert home == (cpu.node if node == NO_NODE else node) or not self.kernel.state.has_memory[node]
        self.gained(obj)

    def freeing(self, cpu: SlubCpu, objects: list[int]) -> Waits[None]:
        for obj in objects:
            yield from kmem_cache_free(self.kernel, cpu, self.cache, obj)

    @rule(cpu=NUMBERS, flags=st.sampled_from((0, MAY_WAIT)), times=st.integers(1, 40))
    def allocate(self, cpu: int, flags: int, times: int) -> None:
        for _object in range(times):
            self.kernel.finish(self.allocating(self.cpu(cpu), NO_NODE, flags))

    @rule(cpu=NUMBERS, node=NUMBERS, flags=st.sampled_from((0, THISNODE, THISNODE | MAY_WAIT)), times=st.integers(1, 10))
    def allocate_on_a_node(self, cpu: int, node: int, flags: int, times: int) -> None:
        for _object in range(times):
            self.kernel.finish(self.allocating(self.cpu(cpu), node % self.kernel.state.n_nodes, flags))

    @rule(cpu=NUMBERS, which=NUMBERS, count=st.integers(1, 40))
    def free(self, cpu: int, which: int, count: int) -> None:
        for obj in self.some(which, count):
            self.kernel.finish(self.freeing(self.cpu(cpu), [obj]))

    @rule(cpu=NUMBERS, count=st.integers(1, 40))
    def allocate_bulk(self, cpu: int, count: int) -> None:
        at = self.kernel.array(count)
        if self.kernel.finish(kmem_cache_alloc_bulk(self.kernel, self.cpu(cpu), self.cache, 0, at, count)):
            for obj in self.kernel.state.words[at : at + count]:
                self.gained(obj)

    @rule(cpu=NUMBERS, which=NUMBERS, count=st.integers(1, 40))
    def free_bulk(self, cpu: int, which: int, count: int) -> None:
        objects = self.some(which, count)
        at = self.kernel.array(len(objects))
        self.kernel.state.words[at : at + len(objects)] = objects
        self.kernel.finish(kmem_cache_free_bulk(self.kernel, self.cpu(cpu), self.cache, at, len(objects)))

    @rule(cpu=NUMBERS, size=st.integers(0, 12))
    def prefill(self, cpu: int, size: int) -> None:
        if self.cache.sheaf_capacity:
            sheaf = self.kernel.finish(kmem_cache_prefill_sheaf(self.kernel, self.cpu(cpu), self.cache, 0, size))
            if sheaf != NO_SHEAF:
                assert self.kernel.state.sheaves[sheaf].size >= size
                self.sheaves.append(sheaf)

    @rule(cpu=NUMBERS, which=NUMBERS, size=st.integers(0, 12))
    def use_a_prefilled_sheaf(self, cpu: int, which: int, size: int) -> None:
        if not self.sheaves:
            return
        sheaf = self.sheaves.pop(which % len(self.sheaves))
        for _object in range(2):
            self.gained(kmem_cache_alloc_from_sheaf(self.kernel, self.cpu(cpu), sheaf))
        if which % 3:
            other = self.kernel.finish(kmem_cache_refill_sheaf(self.kernel, self.cpu(cpu), self.cache, 0, sheaf, size))
            self.sheaves.append(sheaf if other == NO_SHEAF else other)
        else:
            self.kernel.finish(kmem_cache_return_sheaf(self.kernel, self.cpu(cpu), self.cache, 0, sheaf))

    @rule(cpu=NUMBERS, which=NUMBERS, count=st.integers(1, 20))
    def free_after_a_grace_period(self, cpu: int, which: int, count: int) -> None:
        for obj in () if self.without_sheaves else self.some(which, count):
            self.kernel.finish(kfree_rcu(self.kernel, self.cpu(cpu), self.cache, obj))

    @rule(flushed=st.booleans())
    def a_grace_period_ends(self, flushed: bool) -> None:
        if flushed:
            self.kernel.finish(flush_rcu_all_sheaves(self.kernel, self.kernel.cpus[0], self.cache))
        self.kernel.finish(self.kernel.end_grace_period())
        self.kernel.finish(self.kernel.free_batched())
        assert not self.kernel.callbacks

    @rule(pages=st.integers(0, 2), fallback=st.integers(0, 2), sheaves=st.integers(0, 2))
    def memory_is_short(self, pages: int, fallback: int, sheaves: int) -> None:
        self.kernel.failing_pages = [pages, fallback]
        self.kernel.failing_sheaves = sheaves

    @rule(point=st.sampled_from((*Point, None)), cpu=NUMBERS, which=NUMBERS, count=st.integers(1, 12), alloc=st.booleans())
    def something_is_to_come_in(self, point: Point | None, cpu: int, which: int, count: int, alloc: bool) -> None:
        def coming() -> Waits[None]:
            if not alloc:
                yield from self.freeing(self.cpu(cpu), self.some(which, count))
                return
            for _object in range(count):
                yield from self.allocating(self.cpu(cpu), NO_NODE, 0)

        self.kernel.wanted = point, self.cpu(cpu), coming

    @rule(cpu=NUMBERS)
    def shrink(self, cpu: int) -> None:
        self.kernel.wanted = None
        left = self.kernel.finish(kmem_cache_shrink(self.kernel, self.cpu(cpu), self.cache))
        assert left == (self.cache.slabs_created > self.cache.slabs_destroyed)
        assert not any(barn.nr_full or barn.nr_empty for barn in self.cache.barn)
        assert not any(self.kernel.state.sheaves[pcs.main].size for pcs in self.cache.cpu_sheaves)
        # A barn's sheaves go after the CPUs' slabs, and may leave some with the CPU that shrinks (6.18).
        assert self.cache.sheaf_capacity or all(c.slab == c.partial == NOBODY for c in self.cache.cpu_slab)

    @invariant()
    def every_invariant_holds(self) -> None:
        kernel = self.kernel
        queued = [obj for objects in kernel.batched for obj in objects]
        out = self.sheaves + [callback.sheaf for callback in kernel.callbacks]
        barns_with_memory = kernel.version.barns_with_memory
        check(kernel.state, self.cache, self.held + queued, out, barns_with_memory=barns_with_memory)
        assert not kernel.locked
        pages = [0] * kernel.state.n_nodes
        for slab in kernel.state.slabs:
            if slab.num and slab.nodeid != NO_NODE:
                pages[slab.nodeid] += 1 << (self.cache.order if slab.num == self.cache.num else self.cache.min_order)
        assert kernel.pages_out == pages
        stats = self.cache.stats
        made = sum(one.sheaf_alloc - one.sheaf_free for one in stats)
        assert not self.cache.sheaf_capacity or made == len(kernel.state.sheaves) - self.spare_sheaves()

    def spare_sheaves(self) -> int:
        number, count = self.cache.spare_sheaves, 0
        while number != NO_SHEAF:
            number, count = self.kernel.state.sheaves[number].link, count + 1
        return count

    def teardown(self) -> None:
        if not hasattr(self, "kernel"):
            return
        kernel = self.kernel
        kernel.wanted = None
        kernel.failing_pages, kernel.failing_sheaves = [0, 0], 0
        for sheaf in self.sheaves:
            kernel.finish(kmem_cache_return_sheaf(kernel, kernel.cpus[0], self.cache, 0, sheaf))
        self.sheaves = []
        self.free(0, 0, len(self.held))
        for _time in range(2):
            kernel.finish(kmem_cache_shrink(kernel, kernel.cpus[0], self.cache))
            kernel.finish(kernel.end_grace_period())
            kernel.finish(kernel.free_batched())
        assert kernel.finish(kmem_cache_shrink(kernel, kernel.cpus[0], self.cache)) == 0
        assert not any(kernel.pages_out)
        self.every_invariant_holds()


TestSlub = SlubMachine.TestCase
TestSlub.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)

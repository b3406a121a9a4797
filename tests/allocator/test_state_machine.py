# SPDX-License-Identifier: GPL-2.0-only
"""Random operations on random systems: the invariants hold after each, and no object is handed out twice.

The system has one to three nodes, some perhaps without CPUs, and three caches: a general one, one whose slabs' descriptors
come from it, so that they can fail, and one with few objects a slab. A page that is given lies under a slab or has come back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, precondition, rule

from slabdes.allocator.check import check
from slabdes.allocator.create import kmem_cache_create
from slabdes.allocator.geometry import kmem_cache_geometry
from slabdes.allocator.gfp import MAY_WAIT, THISNODE
from slabdes.allocator.lists import list_empty
from slabdes.allocator.mempolicy import MemPolicy, PolicyKind
from slabdes.allocator.state import NO_NODE, NO_OBJECT, CacheSpec, KmemCache, SlabState, virt_to_slab
from slabdes.allocator.timers import first_reap
from slabdes.allocator.transitions import NO_SLAB
from slabdes.allocator.tunables import Tunables, default_tunables
from slabdes.conformance.kernel import ConformanceKernel
from slabdes.engine.clockless import UNLIMITED
from slabdes.engine.records import Path
from slabdes.paths.slab.alloc import cache_grow_begin, kmem_cache_alloc, kmem_cache_alloc_node
from slabdes.paths.slab.free import kmem_cache_free
from slabdes.paths.slab.kernel import SlabCpu
from slabdes.paths.slab.reap import cache_reap
from slabdes.paths.slab.shrink import do_tune_cpucache, kmem_cache_shrink

HZ = 100
GENERAL, BIG, FEW = range(3)
"""The caches' indices: descriptors, objects with their descriptors outside, few objects a slab."""
SIZES = {GENERAL: 64, BIG: 2048, FEW: 1300}
NUMBERS = st.integers(0, 1 << 20)
"""Choices among things whose number depends on the system: taken modulo it."""
ANY_CACHE = st.sampled_from(tuple(SIZES))
FLAGS = st.sampled_from((MAY_WAIT, 0, MAY_WAIT | THISNODE))


class AllocatorMachine(RuleBasedStateMachine):
    """One system, and what its user knows: which objects of which cache are held."""

    objects: Bundle[tuple[int, int]] = Bundle("objects")

    @initialize(
        nodes=st.lists(st.integers(0, 2), min_size=1, max_size=4),
        spare_nodes=st.integers(0, 1),
        aliens=st.booleans(),
        tunables=st.lists(
            st.sampled_from((Tunables(1, 1, 0), Tunables(2, 2, 1), Tunables(5, 3, 2), None)), min_size=3, max_size=3
        ),
    )
    def boot(self, nodes: list[int], spare_nodes: int, aliens: bool, tunables: list[Tunables | None]) -> None:
        self.state = SlabState(nodes, max(nodes) + 1 + spare_nodes, use_alien_caches=aliens)
        self.policy = MemPolicy(self.state.n_nodes)
        self.kernel = ConformanceKernel(self.state, self.policy)
        self.held: dict[int, set[int]] = {GENERAL: set(), BIG: set(), FEW: set()}
        self.on_each_node = range(self.state.n_nodes)
        for index, size in SIZES.items():
            geometry = kmem_cache_geometry(size)
            spec = CacheSpec(f"size-{size}", geometry, tunables[index] or default_tunables(size, len(nodes)), ctor=index == FEW)
            cache = kmem_cache_create(self.state, spec, next_reap=4 * HZ)
            self.kernel.name_locks(cache)
        self.caches[BIG].slabp_cache = self.caches[GENERAL]
        for cpu in self.kernel.cpus:
            cpu.reap_due = first_reap(cpu.number, 0, HZ)

    @property
    def caches(self) -> list[KmemCache]:
        return self.state.caches

    def cpu(self, number: int) -> SlabCpu:
        return self.kernel.cpus[number % len(self.kernel.cpus)]

    def node(self, number: int) -> int:
        return number % self.state.n_nodes

    @rule(target=objects, cache=ANY_CACHE, cpu=NUMBERS, flags=FLAGS, times=st.integers(1, 40))
    def allocate(self, cache: int, cpu: int, flags: int, times: int) -> object:
        return self.take(cache, self.cpu(cpu), None, flags, times)

    @rule(target=objects, cache=ANY_CACHE, cpu=NUMBERS, node=NUMBERS, flags=FLAGS, times=st.integers(1, 20))
    def allocate_on_a_node(self, cache: int, cpu: int, node: int, flags: int, times: int) -> object:
        return self.take(cache, self.cpu(cpu), self.node(node), flags, times)

    @rule(target=objects, cpu=NUMBERS, node=NUMBERS, more=st.integers(0, 2), flags=FLAGS, cache=ANY_CACHE)
    def allocate_with_little_memory(self, cpu: int, node: int, more: int, flags: int, cache: int) -> object:
        kernel = self.kernel
        limits = kernel.page_limit
        kernel.page_limit = [out + (at == self.node(node)) * more for at, out in enumerate(kernel.pages_out)]
        taken = self.take(cache, self.cpu(cpu), None, flags, 8)
        kernel.page_limit = limits
        return taken

    def take(self, cache: int, cpu: SlabCpu, node: int | None, flags: int, times: int) -> object:
        given = []
        for _ in range(times):
            short = bool(self.kernel.failing_calls) or any(limit != UNLIMITED for limit in self.kernel.page_limit)
            if node is None:
                path = kmem_cache_alloc(self.kernel, cpu, self.caches[cache], flags)
            else:
                path = kmem_cache_alloc_node(self.kernel, cpu, self.caches[cache], flags, node)
            obj = self.kernel.finish(path)
            if obj == NO_OBJECT:
                assert short, "an allocation failed although every page call could be met"
                continue
            assert obj not in self.held[cache], "an object was handed out twice"
            home = self.state.slabs[virt_to_slab(obj)]
            assert home.cache == cache
            if flags & THISNODE:
                assert home.nodeid == (cpu.node if node is None else node)
            self.held[cache].add(obj)
            given.append((cache, obj))
        return multiple(*given)

    def give_back(self, cpu: SlabCpu, cache: int, obj: int) -> None:
        self.held[cache].remove(obj)
        self.kernel.finish(kmem_cache_free(self.kernel, cpu, self.caches[cache], obj))

    @rule(obj=consumes(objects), cpu=NUMBERS)
    def free(self, obj: tuple[int, int], cpu: int) -> None:
        self.give_back(self.cpu(cpu), *obj)

    @rule(which=st.lists(consumes(objects), max_size=60), cpu=NUMBERS)
    def free_many(self, which: list[tuple[int, int]], cpu: int) -> None:
        for cache, obj in which:
            self.give_back(self.cpu(cpu), cache, obj)

    @rule(target=objects, obj=consumes(objects), cpu=NUMBERS)
    def a_local_object_freed_is_the_next_one_handed_out(self, obj: tuple[int, int], cpu: int) -> object:
        cache, number = obj
        context = self.cpu(cpu)
        if self.state.slabs[virt_to_slab(number)].nodeid != context.node:
            return obj
        self.give_back(context, cache, number)
        assert self.kernel.finish(kmem_cache_alloc(self.kernel, context, self.caches[cache], MAY_WAIT | THISNODE)) == number
        assert context.path is Path.HIT
        self.held[cache].add(number)
        return obj

    @rule(cpu=NUMBERS, wait=st.integers(0, 5 * HZ))
    def reap(self, cpu: int, wait: int) -> None:
        context = self.cpu(cpu)
        self.kernel.now = max(self.kernel.now + wait, context.reap_due)
        created = [cache.slabs_created for cache in self.caches]
        self.kernel.finish(cache_reap(self.kernel, context, HZ))
        assert context.reap_due > self.kernel.now
        assert [cache.slabs_created for cache in self.caches] == created, "a reap allocated"

    @rule(cache=ANY_CACHE, cpu=NUMBERS)
    def shrink(self, cache: int, cpu: int) -> None:
        target = self.caches[cache]
        left = self.kernel.finish(kmem_cache_shrink(self.kernel, self.cpu(cpu), target))
        assert left == (target.slabs_created > target.slabs_destroyed)
        arrays = [
            *target.array,
            *(l3.shared for l3 in target.nodelists),
            *(ac for l3 in target.nodelists for ac in l3.alien or ()),
        ]
        assert not any(ac.avail for ac in arrays if ac)
        assert all(list_empty(self.state.slabs, l3.slabs_free) for l3 in target.nodelists)

    @rule(
        cache=ANY_CACHE,
        cpu=NUMBERS,
        limit=st.integers(1, 9),
        batch=st.integers(1, 9),
        shared=st.integers(0, 3),
    )
    def tune(self, cache: int, cpu: int, limit: int, batch: int, shared: int) -> None:
        tunables = Tunables(max(limit, batch), batch, shared)
        assert not tunables.refused()
        self.kernel.finish(do_tune_cpucache(self.kernel, self.cpu(cpu), self.caches[cache], *astuple(tunables)))
        target = self.caches[cache]
        assert (target.limit, target.batchcount, target.shared) == (tunables.limit, tunables.batchcount, tunables.shared)
        assert not any(ac.avail for ac in target.array)

    @rule(calls=st.integers(0, 6), node=NUMBERS | st.none())
    def fail_pages(self, calls: int, node: int | None) -> None:
        self.kernel.failing_calls = calls
        self.kernel.failing_node = NO_NODE if node is None else self.node(node)

    @rule(node=NUMBERS, more=st.integers(0, 4) | st.none())
    def limit_pages(self, node: int, more: int | None) -> None:
        place = self.node(node)
        self.kernel.page_limit[place] = UNLIMITED if more is None else self.kernel.pages_out[place] + more

    @rule(kind=st.sampled_from(PolicyKind), node=NUMBERS)
    def set_policy(self, kind: PolicyKind, node: int) -> None:
        self.policy.kind = kind
        self.policy.node = self.node(node)

    @rule(cpu=NUMBERS, node=NUMBERS)
    @precondition(lambda self: self.general_is_exhausted() and not self.held[BIG])
    def a_slab_whose_descriptor_fails_gives_its_page_back_and_keeps_its_colour(self, cpu: int, node: int) -> None:
        place = self.node(node)
        context = self.cpu(cpu)
        if self.caches[GENERAL].array[context.number].avail and context.node == place:
            return
        kernel, big = self.kernel, self.caches[BIG]
        # One page more for the slab on its node, none anywhere for a slab of descriptors.
        kernel.failing_calls = 0
        kernel.page_limit = [out + (at == place) for at, out in enumerate(kernel.pages_out)]
        l3 = big.nodelists[place]
        before = (l3.free_objects, big.stats.grown, sum(kernel.pages_out))
        # No layout that keeps descriptors outside has two colours, so that this needs an invented number of them.
        real_colour, big.colour = big.colour, 5
        real_next, l3.colour_next = l3.colour_next, 3
        assert kernel.finish(cache_grow_begin(kernel, context, big, MAY_WAIT | THISNODE, place)) == NO_SLAB
        assert l3.colour_next == 4
        big.colour, l3.colour_next = real_colour, real_next
        assert (l3.free_objects, big.stats.grown, sum(kernel.pages_out)) == before
        kernel.page_limit = [UNLIMITED] * self.state.n_nodes

    def general_is_exhausted(self) -> bool:
        return not any(l3.free_objects or (l3.shared and l3.shared.avail) for l3 in self.caches[GENERAL].nodelists)

    def slabs_of(self, cache: int) -> Iterator[int]:
        for number, slab in enumerate(self.state.slabs):
            if slab.num and slab.cache == cache and slab.nodeid != NO_NODE:
                yield number

    @invariant()
    def every_invariant_holds(self) -> None:
        descriptors = {self.state.slabs[number].descriptor for number in self.slabs_of(BIG)}
        assert len(descriptors) == len(list(self.slabs_of(BIG)))
        for index, cache in enumerate(self.caches):
            check(self.state, cache, self.held[index] | (descriptors if index == GENERAL else set()))
            used = sum(self.state.slabs[number].inuse for number in self.slabs_of(index))
            assert cache.stats.num_active == used <= cache.stats.high_mark
            assert cache.stats.grown == cache.slabs_created - self.failed_slabs(cache)
            if cache.ctor:
                assert cache.ctor_calls == cache.stats.grown * cache.num

    def failed_slabs(self, cache: KmemCache) -> int:
        # Slabs that were given a number and lost it before they were inserted: only a failed descriptor does that.
        return 0 if cache.slabp_cache is None else cache.slabs_created - cache.stats.grown

    @invariant()
    def every_page_lies_under_a_slab_or_has_come_back(self) -> None:
        for node in self.on_each_node:
            under = sum(
                1 << cache.gfporder
                for index, cache in enumerate(self.caches)
                for number in self.slabs_of(index)
                if self.state.slabs[number].nodeid == node
            )
            assert self.kernel.pages_out[node] == under

    def teardown(self) -> None:
        if not hasattr(self, "state"):
            return
        for cache, objects in self.held.items():
            for place, obj in enumerate(sorted(objects)):
                self.give_back(self.cpu(place), cache, obj)
        # Descriptors go home when the slabs of BIG are destroyed, so its turn is before theirs.
        for cache in (BIG, FEW, GENERAL):
            assert self.kernel.finish(kmem_cache_shrink(self.kernel, self.kernel.cpus[0], self.caches[cache])) == 0
        self.every_invariant_holds()
        assert not any(self.kernel.pages_out)
        assert all(cache.slabs_created == cache.slabs_destroyed for cache in self.caches)


TestAllocator = AllocatorMachine.TestCase
TestAllocator.settings = settings(
    max_examples=200, stateful_step_count=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)

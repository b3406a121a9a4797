# SPDX-License-Identifier: GPL-2.0-only
"""SLUB on SimPy's clock: every step that its paths take is charged, and hits in what is a CPU's own run ahead.

Other CPUs come in wherever one waits, also between reading a slab's state word and updating it. Leaves out interrupts, and what
every allocator's kernel and run have (`clocked`, `process`).
"""

from __future__ import annotations

import simpy

from slabdes.allocator.slub.check import check
from slabdes.allocator.slub.state import NO_SHEAF, KmemCache, SlubState, waiting_sheaves
from slabdes.allocator.slub.transitions import is_full, sheaf_pop, sheaf_push
from slabdes.allocator.slub.versions import SlubVersion
from slabdes.allocator.state import BUFCTL_END, NO_OBJECT, obj_to_index, object_number, virt_to_slab
from slabdes.engine.cpu import TimedCpu
from slabdes.engine.records import LockKind
from slabdes.engine.reference.clocked import ClockedKernel
from slabdes.engine.reference.process import Run
from slabdes.engine.slub_setup import cycle_ps
from slabdes.engine.timed import TimedSettings, until_noticed
from slabdes.machine.topology import Machine
from slabdes.paths.kernel import Waits
from slabdes.paths.sites import LockSite
from slabdes.paths.slub import clocked, grace, prices
from slabdes.paths.slub.calls import CallingKernel, begin_call, end_call, join_call, next_of_call
from slabdes.paths.slub.kernel import BATCHES, PCS_BATCH_MAX
from slabdes.paths.slub.pcs_free import is_local
from slabdes.paths.slub.upkeep import take_turn


class TimedSlubKernel(ClockedKernel[KmemCache], CallingKernel[TimedCpu]):
    """A kernel with SLUB."""

    state: SlubState

    def __init__(self, env: simpy.Environment, state: SlubState, machine: Machine, settings: TimedSettings[SlubVersion]) -> None:
        self.batches = state.new_words(machine.n_cpus * BATCHES * PCS_BATCH_MAX)
        self.call_room = settings.call_room
        self.prefill = settings.prefill
        self.call_arrays = state.new_words(machine.n_cpus * self.call_room)
        super().__init__(env, state, machine, settings)
        self.version = settings.version
        self.grace, self.stagger = settings.grace, settings.stagger
        self.upkeeps = settings.upkeeps
        self.change = settings.change
        self.zonelists = tuple(tuple(node for node in zonelist if state.has_memory[node]) for zonelist in self.zonelists)
        self.cycle_ps = cycle_ps(machine)

    kmem_cache_alloc = clocked.slub_alloc
    kmem_cache_alloc_node = clocked.slub_alloc_node
    kmem_cache_free = clocked.slub_free
    load_state = clocked.load_state
    cmpxchg = clocked.cmpxchg
    let_in = clocked.let_in
    slab_pages = clocked.slab_pages
    free_slab_pages = clocked.free_slab_pages
    sheaf_memory = clocked.sheaf_memory
    call_rcu = grace.call_rcu
    batch_rcu = grace.batch_rcu

    def spin_lock(self, cpu: TimedCpu, lock: int, site: LockSite) -> Waits[None]:
        """SLUB's own locks are taken with interrupts off; the page allocator's costs have that in them."""
        if self.locks[lock].kind in (LockKind.LIST, LockKind.BARN):
            cpu.work += self.costs.irq_save
        return super().spin_lock(cpu, lock, site)

    def set_bulk(self, cpu: TimedCpu, in_bulk: bool) -> None:
        """Within a call nothing is a hit, as its objects do not come or go one by one."""
        super().set_bulk(cpu, in_bulk)
        if in_bulk:
            cpu.alloc_hit = cpu.free_hit = 0

    def cycles(self, cpu: TimedCpu) -> int:
        return cpu.clock // self.cycle_ps

    def until_noticed(self, cpu: TimedCpu, period: int) -> int:
        return until_noticed(cpu.grace_key, period, self.stagger)

    def batch(self, cpu: TimedCpu) -> int:
        return self.batches + (cpu.number * BATCHES + cpu.batches) * PCS_BATCH_MAX


# What the paths' steps cost: each price answers the note of its name.
for _name, _price in vars(prices).items():
    if _name.startswith("note_"):
        setattr(TimedSlubKernel, _name, _price)


def _has_slabs_alone(cache: KmemCache) -> bool:
    """Whether a CPU's hits are in a slab of its own, not in a sheaf."""
    return bool(cache.cpu_slab) and not cache.sheaf_capacity


class SlubRun(Run):
    """One run on SLUB."""

    kernel: TimedSlubKernel

    def check(self) -> None:
        state = self.kernel.state
        for cache in state.caches:
            out = [sheaf for sheaf in waiting_sheaves(state) if state.sheaves[sheaf].cache == cache.index]
            check(state, cache, out=out, barns_with_memory=self.kernel.version.barns_with_memory)

    def _upkeep_time(self, cpu: TimedCpu) -> int:
        return min(cpu.rcu_at, cpu.drain_at)

    def _take_turn(self, cpu: TimedCpu) -> Waits[None]:
        cpu.clock = max(cpu.clock, self._upkeep_time(cpu))
        yield from self._path(take_turn(self.kernel, cpu))

    def _begin_bulk(self, cpu: TimedCpu, number: int, what: int, node: int, flags: int) -> Waits[None]:
        return self._path(begin_call(self.kernel, cpu, self.kernel.state.caches[number], what, flags))

    def _end_bulk(self, cpu: TimedCpu, number: int, what: int, node: int, flags: int) -> Waits[None]:
        return self._path(end_call(self.kernel, cpu, self.kernel.state.caches[number], what))

    def _get(self, cpu: TimedCpu, number: int, node: int, flags: int) -> Waits[int]:
        if cpu.in_bulk:
            return next_of_call(self.kernel, cpu)
        return (yield from super()._get(cpu, number, node, flags))

    def _give(self, cpu: TimedCpu, number: int, obj: int) -> Waits[None]:
        if cpu.in_bulk:
            join_call(self.kernel, cpu, obj)
        else:
            yield from super()._give(cpu, number, obj)

    def _take(self, cpu: TimedCpu, number: int) -> int:
        state = self.kernel.state
        cache = state.caches[number]
        if _has_slabs_alone(cache):
            c = cache.cpu_slab[cpu.number]
            if c.free == BUFCTL_END:
                return NO_OBJECT
            obj = object_number(c.slab, c.free)
            c.free = state.words[state.slabs[c.slab].bufctl + c.free]
        else:
            main = state.sheaves[cache.cpu_sheaves[cpu.number].main]
            if not main.size:
                return NO_OBJECT
            obj = sheaf_pop(state.words, main)
        cache.stats[cpu.number].alloc_fastpath += 1
        return obj

    def _has_room(self, cpu: TimedCpu, number: int, obj: int) -> bool:
        state = self.kernel.state
        cache = state.caches[number]
        if self.kernel.grace:
            rcu = cache.cpu_sheaves[cpu.number].rcu
            has_room = rcu != NO_SHEAF and state.sheaves[rcu].size + 1 < state.sheaves[rcu].capacity
            return has_room and state.slabs[virt_to_slab(obj)].nodeid == cpu.node
        if _has_slabs_alone(cache):
            return cache.cpu_slab[cpu.number].slab == virt_to_slab(obj)
        main = state.sheaves[cache.cpu_sheaves[cpu.number].main]
        return not is_full(main) and is_local(self.kernel, cpu, state.slabs[virt_to_slab(obj)].nodeid)

    def _put(self, cpu: TimedCpu, number: int, obj: int) -> None:
        state = self.kernel.state
        cache = state.caches[number]
        if self.kernel.grace:
            cache.stats[cpu.number].free_rcu_sheaf += 1
            sheaf_push(state.words, state.sheaves[cache.cpu_sheaves[cpu.number].rcu], obj)
            return
        cache.stats[cpu.number].free_fastpath += 1
        if _has_slabs_alone(cache):
            c = cache.cpu_slab[cpu.number]
            state.words[state.slabs[c.slab].bufctl + obj_to_index(obj)] = c.free
            c.free = obj_to_index(obj)
        else:
            sheaf_push(state.words, state.sheaves[cache.cpu_sheaves[cpu.number].main], obj)

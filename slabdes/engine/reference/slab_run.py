# SPDX-License-Identifier: GPL-2.0-only
"""A run on SLAB: hits in CPUs' arrays, which run ahead, and turns of upkeep.

Leaves out what every allocator's run has (`process`).
"""

from __future__ import annotations

from slabdes.allocator.check import check
from slabdes.allocator.state import NO_OBJECT, OBJECT_BITS
from slabdes.allocator.timers import first_reap
from slabdes.allocator.transitions import alloc_hit, free_hit
from slabdes.engine.cpu import TimedCpu
from slabdes.engine.reference.kernel import TimedKernel
from slabdes.engine.reference.process import Run
from slabdes.engine.timed import reap_time_ps
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Path
from slabdes.paths.slab.upkeep import take_turn


class SlabRun(Run):
    """One run on SLAB."""

    kernel: TimedKernel

    def start(self, cpus: list[TimedCpu]) -> None:
        for cpu in cpus:
            cpu.reap_due = first_reap(cpu.number, 0, self.kernel.settings.hz)
        super().start(cpus)

    def check(self) -> None:
        for cache in self.kernel.state.caches:
            check(self.kernel.state, cache)

    def _upkeep_time(self, cpu: TimedCpu) -> int:
        return min(reap_time_ps(cpu.reap_due, self.kernel.settings.hz), cpu.slabinfo_at, cpu.drain_at)

    def _take_turn(self, cpu: TimedCpu) -> Waits[None]:
        cpu.clock = max(cpu.clock, self._upkeep_time(cpu))
        hz = self.kernel.settings.hz
        yield from self._path(take_turn(self.kernel, cpu, hz, reap_time_ps(cpu.reap_due, hz)))

    def _alloc_hits(self, cpu: TimedCpu, number: int, slot: int) -> bool:
        cache = self.kernel.state.caches[number]
        ac = cache.array[cpu.number]
        if not ac.avail or self.workload.windowed or not cpu.can_run(cpu.alloc_hit):
            return False
        start = cpu.clock
        cpu.work += cpu.alloc_hit
        obj = alloc_hit(self.kernel.state.words, cache.stats, ac)
        cpu.settle()
        self.kernel.first_touch(cpu, obj)
        cpu.allocs += 1
        cpu.count(number, Path.HIT, start, obj)
        self._fill(cpu, slot, obj)
        return True

    def _free_hits(self, cpu: TimedCpu, number: int, slot: int) -> bool:
        entry = self.slots.get(slot)
        if entry is None:
            return False
        obj, full_at = entry
        state = self.kernel.state
        cache = state.caches[number]
        ac = cache.array[cpu.number]
        if full_at > cpu.clock or obj == NO_OBJECT or ac.avail >= ac.limit or state.slabs[obj >> OBJECT_BITS].nodeid != cpu.node:
            return False
        if not cpu.can_run(cpu.free_hit):
            return False
        del self.slots[slot]
        start = cpu.clock
        cpu.work += cpu.free_hit
        self.kernel.descriptor_read(cpu, obj)
        free_hit(state.words, cache.stats, ac, obj)
        cpu.settle()
        cpu.frees += 1
        cpu.count(number, Path.FREE_HIT, start, obj)
        self._emptied(cpu, slot)
        return True

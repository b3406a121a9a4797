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

    def _take(self, cpu: TimedCpu, number: int) -> int:
        cache = self.kernel.state.caches[number]
        ac = cache.array[cpu.number]
        return alloc_hit(self.kernel.state.words, cache.stats, ac) if ac.avail else NO_OBJECT

    def _has_room(self, cpu: TimedCpu, number: int, obj: int) -> bool:
        state = self.kernel.state
        ac = state.caches[number].array[cpu.number]
        return ac.avail < ac.limit and state.slabs[obj >> OBJECT_BITS].nodeid == cpu.node

    def _put(self, cpu: TimedCpu, number: int, obj: int) -> None:
        cache = self.kernel.state.caches[number]
        free_hit(self.kernel.state.words, cache.stats, cache.array[cpu.number], obj)

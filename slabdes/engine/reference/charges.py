# SPDX-License-Identifier: GPL-2.0-only
"""Time and accounts in the reference: what a CPU waits for lines, what it counts, what its interrupt handlers hold.

Leaves out waiting for other CPUs, and locks (`kernel`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from typing import Protocol

from slabdes.allocator.state import NO_LINE, NOBODY, OBJECT_BITS, OBJECT_MASK, Slab
from slabdes.engine.cpu import TimedCpu
from slabdes.engine.lines import CacheLines
from slabdes.engine.timed import AnyKernel, TimedLock, TimedSettings, interrupt_storm, next_gap
from slabdes.engine.working_set import FORGOTTEN, allocated_by, forgotten, is_anothers, touch_freed, touch_object
from slabdes.machine.topology import Machine
from slabdes.paths.charges import copy_cost
from slabdes.paths.interrupts import NO_INTERRUPTS, Caches, InterruptedKernel
from slabdes.paths.kernel import Waits
from slabdes.paths.operations import KmemCache
from slabdes.paths.outcome import Path
from slabdes.units import MILLI


class State(Caches[KmemCache], Protocol[KmemCache]):
    """What both allocators' memories have."""

    words: list[int]
    slabs: list[Slab]


class ChargingKernel(InterruptedKernel[TimedCpu, KmemCache]):
    """What a price list and the books ask for. `touched` are objects' stamps, by their chain links (`working_set`)."""

    state: State[KmemCache]

    def __init__(self, state: State[KmemCache], machine: Machine, settings: TimedSettings[AnyKernel]) -> None:
        self.state = state
        self.costs = settings.costs
        self.rules = settings.rules
        self.irqs = settings.interrupts or NO_INTERRUPTS
        self.lines = CacheLines(machine.node_of_cpu, machine.transfer_ps, machine.dram_ps)
        self.locks: list[TimedLock] = []
        self.touched = [NOBODY] * len(state.words)
        self.dram = machine.dram_ps
        self.held_by_handlers: list[deque[int]] = [deque() for _cpu in range(machine.n_cpus)]

    def settle(self, cpu: TimedCpu) -> None:
        cpu.settle()

    # Lines.

    def fetch(self, cpu: TimedCpu, line: int) -> None:
        if line != NO_LINE:
            self.fetch_together(cpu, line, line)

    def fetch_one_of(self, cpu: TimedCpu, line: int) -> None:
        owned = is_anothers(cpu, self.lines.stamps[line])
        self._wait_for(cpu, line, owned, self.touch(cpu, line))

    def fetch_together(self, cpu: TimedCpu, first: int, last: int) -> None:
        """All of it counts as the dearest: another CPU's to write back, or memory's if nobody owned it; of equals, the first."""
        dearest, line_of_dearest, was_owned, total = 0, first, False, 0
        for line in range(first, last + 1):
            owned = is_anothers(cpu, self.lines.stamps[line])
            cost = self.lines.touch(cpu, line)
            total += cost
            if cost > dearest:
                dearest, line_of_dearest, was_owned = cost, line, owned
        self._wait_for(cpu, line_of_dearest, was_owned, copy_cost(dearest, total - dearest, self.rules.copy_line_milli))

    def _wait_for(self, cpu: TimedCpu, line: int, owned: bool, cost: int) -> None:
        """Wait for a line: for another CPU's write-back if it was `owned`, else for its node's memory."""
        if owned:
            cpu.line_time += cost
        elif self.lines.home[line] == cpu.node:
            cpu.local_memory_time += cost
        else:
            cpu.remote_memory_time += cost
        cpu.clock += cost

    def touch(self, cpu: TimedCpu, line: int) -> int:
        return self.lines.touch(cpu, line, self.rules.miss_milli)

    def owns(self, cpu: TimedCpu, line: int) -> bool:
        return self.lines.owner(line) == cpu.number

    def spend_on_lines(self, cpu: TimedCpu, cost: int) -> None:
        cpu.spend_on_lines(cost)

    def place_lines(self, cpu: TimedCpu, first: int, nr: int, node: int) -> None:
        self.lines.place(first, nr, node)

    def own_lines(self, cpu: TimedCpu, first: int, nr: int) -> None:
        self.lines.own(cpu, first, nr)

    def lock(self, number: int) -> TimedLock:
        return self.locks[number]

    def forget_touches(self, cpu: TimedCpu, first: int, nr: int) -> None:
        self.touched.extend([NOBODY] * (first + nr - len(self.touched)))
        for link in range(first, first + nr):
            self.touched[link] = forgotten(self.touched[link])

    def first_touch(self, cpu: TimedCpu, obj: int) -> None:
        number, first, milli = obj >> OBJECT_BITS, self.costs.first_touch, self.rules.miss_milli
        slab = self.state.slabs[number]
        size, memory = self.state.caches[slab.cache].size, self.dram[cpu.node][slab.nodeid]
        cost = touch_object(cpu, self.touched, self._link(obj), number, size, first, memory, milli)
        cpu.first_touch_time += cost
        cpu.clock += cost

    def descriptor_read(self, cpu: TimedCpu, obj: int) -> None:
        number, rules, cold = obj >> OBJECT_BITS, self.rules, self.costs.descriptor_read
        slab = self.state.slabs[number]
        cache, memory = self.state.caches[slab.cache], self.dram[cpu.node][slab.nodeid] * rules.miss_milli // MILLI
        link, reads, once = self._link(obj), cache.frees_look_up, rules.descriptor_once
        cost = touch_freed(cpu, self.touched, link, number, cache.size, reads, once, rules.writes_objects, cold, memory)
        cpu.descriptor_read_time += cost
        cpu.clock += cost

    def allocated_elsewhere(self, cpu: TimedCpu, obj: int) -> bool:
        by = allocated_by(self.touched[self._link(obj)])
        return by != cpu.number and by < FORGOTTEN

    def _link(self, obj: int) -> int:
        return self.state.slabs[obj >> OBJECT_BITS].bufctl + (obj & OBJECT_MASK)

    # Accounts.

    def remember_accounts(self, cpu: TimedCpu) -> None:
        cpu.remember_accounts()

    def account_for(self, cpu: TimedCpu, path: Path) -> int:
        return cpu.account_for(path)

    def account_for_interrupt(self, cpu: TimedCpu, began: int) -> None:
        cpu.account_for_interrupt(began)

    def count(self, cpu: TimedCpu, cache: int, path: Path, start: int, what: int) -> None:
        cpu.count(cache, path, start, what)

    def count_part(self, cpu: TimedCpu, cache: int, path: Path, start: int, what: int, since: int, until: int) -> None:
        cpu.logged = (since, until)
        self.count(cpu, cache, path, start, what)
        cpu.logged = None

    def count_turn(self, cpu: TimedCpu, what: int, start: int, taken: bool) -> None:
        if taken:
            cpu.turns[what].add(cpu.clock - start)
        if cpu.log is not None:
            cpu.log.turn(cpu.number, start, cpu.clock, what, taken)

    def count_irqs_off(self, cpu: TimedCpu, time: int) -> None:
        cpu.irqs_off.add(time)

    def count_irq_wait(self, cpu: TimedCpu, time: int) -> None:
        cpu.irq_wait.add(time)

    # Interrupts.

    @property
    @abstractmethod
    def now(self) -> int:
        """The simulation's clock, picoseconds: an integer, since every delay is."""

    def next_interrupt(self, cpu: TimedCpu) -> None:
        cpu.irq_at += next_gap(self.irqs, cpu.irq_words)

    def interrupt_storm(self, cpu: TimedCpu) -> Waits[None]:
        yield from ()
        raise interrupt_storm(cpu.number)

    def set_bulk(self, cpu: TimedCpu, in_bulk: bool) -> None:
        cpu.in_bulk = in_bulk
        cpu.set_hits(self.costs)

    def hold(self, cpu: TimedCpu, obj: int) -> None:
        self.held_by_handlers[cpu.number].append(obj)

    def held(self, cpu: TimedCpu) -> int:
        return len(self.held_by_handlers[cpu.number])

    def oldest_held(self, cpu: TimedCpu) -> int:
        return self.held_by_handlers[cpu.number].popleft()

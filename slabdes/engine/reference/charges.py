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
from slabdes.machine.topology import Machine
from slabdes.paths.charges import copy_cost
from slabdes.paths.interrupts import NO_INTERRUPTS, Caches, InterruptedKernel
from slabdes.paths.kernel import Waits
from slabdes.paths.operations import KmemCache
from slabdes.paths.outcome import Path


class State(Caches[KmemCache], Protocol[KmemCache]):
    """What both allocators' memories have."""

    words: list[int]
    slabs: list[Slab]


class ChargingKernel(InterruptedKernel[TimedCpu, KmemCache]):
    """What a price list and the books ask for. `touched_by` is the CPU that allocated an object last, by its chain link."""

    state: State[KmemCache]

    def __init__(self, state: State[KmemCache], machine: Machine, settings: TimedSettings[AnyKernel]) -> None:
        self.state = state
        self.costs = settings.costs
        self.rules = settings.rules
        self.irqs = settings.interrupts or NO_INTERRUPTS
        self.lines = CacheLines(machine.node_of_cpu, machine.transfer_ps, machine.dram_ps)
        self.locks: list[TimedLock] = []
        self.touched_by = [NOBODY] * len(state.words)
        self.held_by_handlers: list[deque[int]] = [deque() for _cpu in range(machine.n_cpus)]

    def settle(self, cpu: TimedCpu) -> None:
        cpu.settle()

    # Lines.

    def fetch(self, cpu: TimedCpu, line: int) -> None:
        if line != NO_LINE:
            self.fetch_together(cpu, line, line)

    def fetch_together(self, cpu: TimedCpu, first: int, last: int) -> None:
        """All of it counts as the dearest: another CPU's to write back, or memory's if nobody owned it; of equals, the first."""
        dearest, line_of_dearest, was_owned, total = 0, first, False, 0
        for line in range(first, last + 1):
            owned = self.lines.owner[line] != NOBODY
            cost = self.lines.touch(cpu.number, line)
            total += cost
            if cost > dearest:
                dearest, line_of_dearest, was_owned = cost, line, owned
        cost = copy_cost(dearest, total - dearest, self.rules.copy_line_milli)
        if was_owned:
            cpu.line_time += cost
        elif self.lines.home[line_of_dearest] == cpu.node:
            cpu.local_memory_time += cost
        else:
            cpu.remote_memory_time += cost
        cpu.clock += cost

    def touch(self, cpu: TimedCpu, line: int) -> int:
        return self.lines.touch(cpu.number, line)

    def spend_on_lines(self, cpu: TimedCpu, cost: int) -> None:
        cpu.spend_on_lines(cost)

    def place_lines(self, cpu: TimedCpu, first: int, nr: int, node: int) -> None:
        self.lines.place(first, nr, node)

    def own_lines(self, cpu: TimedCpu, first: int, nr: int) -> None:
        self.lines.own(cpu.number, first, nr)

    def lock(self, number: int) -> TimedLock:
        return self.locks[number]

    def forget_touches(self, cpu: TimedCpu, first: int, nr: int) -> None:
        self.touched_by.extend([NOBODY] * (first + nr - len(self.touched_by)))
        self.touched_by[first : first + nr] = [NOBODY] * nr

    def first_touch(self, cpu: TimedCpu, obj: int) -> None:
        link = self._link(obj)
        if self.touched_by[link] != cpu.number:
            self.touched_by[link] = cpu.number
            cpu.first_touch_time += self.costs.first_touch
            cpu.clock += self.costs.first_touch

    def descriptor_read(self, cpu: TimedCpu, obj: int) -> None:
        slab = obj >> OBJECT_BITS
        if not self.allocated_elsewhere(cpu, obj) or (self.rules.descriptor_once and cpu.slab_read == slab):
            return
        cpu.slab_read = slab
        cpu.descriptor_read_time += self.costs.descriptor_read
        cpu.clock += self.costs.descriptor_read

    def allocated_elsewhere(self, cpu: TimedCpu, obj: int) -> bool:
        return self.touched_by[self._link(obj)] not in (cpu.number, NOBODY)

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

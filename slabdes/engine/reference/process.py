# SPDX-License-Identifier: GPL-2.0-only
"""How a CPU lives through its program: think, wait for objects, allocate, free, and reap when its timer is due.

Leaves out what the slow paths do (the paths) and what they cost (the kernel).

Running ahead. Most operations are hits: a pop from the CPU's own array, or a push. An event each would be most of a run's time,
and nobody could tell: a hit reads and writes the CPU's array, its program's place, its random streams and its account, which no
other CPU looks at. So a CPU has a clock of its own, and a row of thoughts and hits moves that clock only; the simulation's
stays where it was. The CPU comes back to it, by an event at its own time (`TimedKernel.look`), before it does anything that
order matters for:

- it asks for a lock, releases one, or reads without a lock what others write (free_objects, a shared array's avail, a zone's
  pages). In between, under a lock, lines are fetched and lists moved at the CPU's own time again: nobody else may be there.
- it needs an object that another CPU hands over, or a slot that another has to empty: a slot says when that happened, and the
  CPU waits until then, whichever of the two the engine came to first (see `compiled/slots`).
- its reap timer, an interrupt or a mark is due. A row of hits ends before the first of them: `_timer` is as far as it may run.
- its program ends, since the run ends with the last one.

A hit that would cost nothing does not run ahead (`TimedCpu.can_run`): a program of them would never let the clock go on. Nor
does one that would be settled together with other work, which draws one jitter for both. Whatever is added to a hit must keep
to this: if it reads a line's owner, another CPU's array or the simulation's time, the order in which the engine visits CPUs
shows in the results, and the two engines, which visit them differently, part. That is why a first touch is decided by who
allocated the object last.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from slabdes.allocator.state import NO_NODE, NO_OBJECT
from slabdes.engine.cpu import NEVER, TimedCpu
from slabdes.engine.reference.clocked import ClockedKernel, Moment
from slabdes.engine.timed import AT_BARRIER, for_slot, stalled
from slabdes.paths.interrupts import begin_bulk, end_bulk, take_interrupts
from slabdes.paths.kernel import Waits
from slabdes.paths.operations import allocate, give_back, give_block, hold_section, take_block
from slabdes.paths.outcome import Path
from slabdes.workload.programs import Op, Program, Workload

PROGRESS_STEPS = 2048
"""Operations between two reports of progress where there are no events in between; a power of two."""
PROGRESS_EVENTS = 4096
"""Events between two reports, a fraction of a second: many may come between two operations."""
PROGRESS_TIMERS = 512
"""Interrupts and reaps between two reports: they need no event."""

T = TypeVar("T")
Progress = Callable[[int], None]
"""Told now and then how many operations are done."""


class Run(ABC):
    """One run's CPUs, and the slots through which objects pass between them. Hits and upkeep are an allocator's own."""

    def __init__(
        self, kernel: ClockedKernel[Any], workload: Workload, section_lock: int, progress: Progress | None, *, debug: bool = False
    ) -> None:
        self.kernel = kernel
        self.debug = debug
        self.inside = 0
        """CPUs in the middle of a path; while there are none, every invariant holds."""
        self.workload = workload
        self.section_lock = section_lock
        self.progress = progress
        self.slots: dict[int, tuple[int, int]] = {}
        """Full slots: the object (NO_OBJECT after a failure) and when it was put there."""
        self.emptied: dict[int, int] = {}
        """When each slot of a windowed workload was emptied last."""
        self.blocked: dict[int, str] = {}
        """CPUs that wait for another CPU's operation, and for what."""
        self.waiting: dict[int, int] = {}
        """Slot to the CPU that waits for it to be filled or emptied."""
        self.awaiting: set[int] = set()
        """CPUs that wait for another CPU to be as far as their program has to be, not for an object."""
        self.arrived: list[tuple[int, int]] = []
        """CPUs at the barrier, and when they came."""
        self.timers: dict[int, int] = {}
        """When the reap timer fires that each CPU, blocked or blocked before, has an event for."""
        self.gates: dict[int, Moment] = {}
        """What blocked CPUs wait at."""
        self.unfinished = len(workload.programs)
        self.steps = 0
        self.timers_came = 0
        self.finished = Moment(kernel.env)

    def start(self, cpus: list[TimedCpu]) -> None:
        """Make a process of every CPU; those without a program only reap."""
        self.kernel.cpus = cpus
        for cpu in cpus:
            self.kernel.env.process(self._live(cpu, self.workload.programs.get(cpu.number)))

    def _live(self, cpu: TimedCpu, program: Program | None) -> Waits[None]:
        if program is not None:
            yield from self._run_program(cpu, program)
            cpu.irq_at = NEVER
            yield from self.kernel.look(cpu)
            self.unfinished -= 1
            if not self.unfinished:
                self.finished.occur(cpu.number, 0)
            self._stop_if_stalled()
        while True:
            due = self._upkeep_time(cpu)
            if due == NEVER:
                return
            yield self.kernel.at(cpu, max(due, cpu.clock))
            cpu.idle_time += max(0, due - cpu.clock)
            yield from self._take_turn(cpu)

    def _run_program(self, cpu: TimedCpu, program: Program) -> Waits[None]:
        handlers: dict[Op, Callable[..., Waits[None]]] = {
            Op.ALLOC: self._alloc,
            Op.FREE: self._free,
            Op.SECTION: self._section,
            Op.BARRIER: self._barrier,
            Op.GET_PAGES: lambda cpu, _cache, order, *_rest: take_block(self.kernel, cpu, order),
            Op.GIVE_PAGES: lambda cpu, _cache, order, *_rest: give_block(self.kernel, cpu, order),
            Op.BEGIN_BULK: self._begin_bulk,
            Op.END_BULK: self._end_bulk,
            Op.SIGNAL: self._signal,
            Op.AWAIT: self._await,
        }
        timer = self._timer(cpu)
        arrivals = self.workload.arrivals
        for think, op, cache, what, node, flags in program():
            if arrivals:
                think = cpu.until_arrival(think)
            if cpu.clock + think < timer:
                cpu.clock += think
                cpu.think_time += think
            else:
                yield from self._think(cpu, think)
                timer = self._timer(cpu)
            if op == Op.ALLOC:
                hit = node == NO_NODE and self._alloc_hits(cpu, cache, what)
            else:
                hit = op == Op.FREE and self._free_hits(cpu, cache, what)
            if not hit:
                yield from handlers[Op(op)](cpu, cache, what, node, flags)
                timer = self._timer(cpu)
            self.steps += 1
            if not self.steps % PROGRESS_STEPS:
                self._report()

    def live(self, is_over: Callable[[], bool] | None = None) -> None:
        """Let events happen until all programs have ended, and the run with them, or until `is_over` says so."""
        happen, finished = self.kernel.env.step, self.finished
        while True:
            for _event in range(PROGRESS_EVENTS):
                happen()
                if finished.processed or (is_over is not None and is_over()):
                    self._report()
                    return
            self._report()

    def _report(self) -> None:
        if self.progress is not None:
            self.progress(self.steps)

    def _path(self, path: Waits[T]) -> Waits[T]:
        """Go along a path; with `debug`, check the allocator afterwards unless another CPU is on one."""
        return self._checked(path) if self.debug else path

    def _checked(self, path: Waits[T]) -> Waits[T]:
        self.inside += 1
        result = yield from path
        self.inside -= 1
        if not self.inside:
            self.check()
        return result

    @abstractmethod
    def check(self) -> None:
        """Raise CheckFailed if an invariant of any cache does not hold."""

    @abstractmethod
    def _upkeep_time(self, cpu: TimedCpu) -> int:
        """When a turn of the CPU's is due; NEVER if none is."""

    @abstractmethod
    def _take_turn(self, cpu: TimedCpu) -> Waits[None]:
        """The turn that is due first."""

    def _timer(self, cpu: TimedCpu) -> int:
        """When something comes that takes the CPU: a turn of upkeep or an interrupt, or a mark; none does within a bulk call."""
        return NEVER if cpu.in_bulk else min(self._upkeep_time(cpu), cpu.irq_at, self.kernel.mark_at)

    def _timer_comes(self, cpu: TimedCpu) -> Waits[None]:
        """An interrupt comes before a turn that is due at the same time, and a mark after both."""
        self.timers_came += 1
        if not self.timers_came % PROGRESS_TIMERS:
            self._report()
        upkeep = self._upkeep_time(cpu)
        if min(cpu.irq_at, upkeep) > cpu.clock:
            yield from self.kernel.until_mark(cpu)
        elif cpu.irq_at <= upkeep:
            cpu.irqs_on_at = cpu.clock
            yield from self._path(take_interrupts(self.kernel, cpu))
        else:
            yield from self._take_turn(cpu)

    def _think(self, cpu: TimedCpu, think: int) -> Waits[None]:
        """Think, with reaps and interrupts in between: they take the CPU and the thought goes on after them."""
        while (due := self._timer(cpu)) <= cpu.clock + think:
            spent = max(0, due - cpu.clock)
            cpu.clock += spent
            cpu.think_time += spent
            think -= spent
            yield from self._timer_comes(cpu)
        cpu.clock += think
        cpu.think_time += think

    def _wait_until(self, cpu: TimedCpu, when: int) -> Waits[None]:
        """Wait for something that happens at `when`, with reaps and interrupts meanwhile."""
        while (due := self._timer(cpu)) <= when and cpu.clock < when:
            self._pass_waiting(cpu, due)
            yield from self._timer_comes(cpu)
        self._pass_waiting(cpu, when)

    def _pass_waiting(self, cpu: TimedCpu, when: int) -> None:
        """Booked at once as what it is: a mark may come in the middle of a wait."""
        if when > cpu.clock:
            if cpu.number in self.awaiting:
                cpu.partner_wait += when - cpu.clock
            else:
                cpu.slot_wait += when - cpu.clock
            cpu.clock = when

    def _block(self, cpu: TimedCpu, why: str, ready: Callable[[], bool]) -> Waits[None]:
        """Wait until another CPU has made `ready` true, with reaps and interrupts meanwhile."""
        while not ready():
            self.blocked[cpu.number] = why
            self._stop_if_stalled()
            gate = self.gates[cpu.number] = Moment(self.kernel.env)
            due = self._timer(cpu)
            self._set_timer(cpu, due)
            yield gate
            if not ready():
                self._pass_waiting(cpu, due)
                yield from self._timer_comes(cpu)

    def _set_timer(self, cpu: TimedCpu, due: int) -> None:
        """See to it that a blocked CPU looks up when its reap timer fires: one pending event a CPU, however often it blocks."""
        if due == NEVER:
            self.timers.pop(cpu.number, None)
        elif due <= self.kernel.now or self.timers.get(cpu.number) != due:
            self.timers[cpu.number] = due
            self.kernel.at(cpu, max(due, self.kernel.now)).then(partial(self._timer_fires, cpu.number, due))

    def _timer_fires(self, cpu: int, due: int) -> None:
        if self.timers.get(cpu) == due:
            del self.timers[cpu]
            self._unblock(cpu, self.gates.get(cpu))

    def _unblock(self, cpu: int, gate: Moment | None) -> None:
        """Let a blocked CPU look again, unless it is no longer at this gate."""
        if gate is not None and self.gates.get(cpu) is gate:
            del self.gates[cpu]
            self.blocked.pop(cpu, None)
            gate.occur(cpu, 0)

    def _wake(self, slot: int) -> None:
        """Tell the CPU that waits for a slot that it has changed."""
        if (waiting := self.waiting.pop(slot, None)) is not None:
            self._unblock(waiting, self.gates.get(waiting))

    def _stop_if_stalled(self) -> None:
        if self.unfinished and len(self.blocked) == self.unfinished:
            raise stalled(self.blocked)

    @abstractmethod
    def _take(self, cpu: TimedCpu, number: int) -> int:
        """An object from what is the CPU's own; NO_OBJECT if there is none."""

    @abstractmethod
    def _has_room(self, cpu: TimedCpu, number: int, obj: int) -> bool:
        """Whether an object may go to what is the CPU's own."""

    @abstractmethod
    def _put(self, cpu: TimedCpu, number: int, obj: int) -> None:
        """Put it there."""

    def _alloc_hits(self, cpu: TimedCpu, number: int, slot: int) -> bool:
        """Allocate from what is the CPU's own, without an event, if nothing else is needed; whether that was so."""
        if self.workload.windowed or not cpu.can_run(cpu.alloc_hit) or (obj := self._take(cpu, number)) == NO_OBJECT:
            return False
        start = cpu.clock
        cpu.work += cpu.alloc_hit
        cpu.settle()
        self.kernel.first_touch(cpu, obj)
        cpu.allocs += 1
        cpu.count(number, Path.HIT, start, obj)
        self._fill(cpu, slot, obj)
        return True

    def _free_hits(self, cpu: TimedCpu, number: int, slot: int) -> bool:
        """Free into what is the CPU's own, without an event, if nothing else is needed; whether that was so."""
        obj, full_at = self.slots.get(slot, (NO_OBJECT, 0))
        if full_at > cpu.clock or obj == NO_OBJECT or not cpu.can_run(cpu.free_hit) or self.kernel.reads_slots(cpu):
            return False
        if not self._has_room(cpu, number, obj):
            return False
        del self.slots[slot]
        start = cpu.clock
        cpu.work += cpu.free_hit
        self.kernel.descriptor_read(cpu, obj)
        self._put(cpu, number, obj)
        cpu.settle()
        cpu.frees += 1
        cpu.count(number, Path.FREE_HIT, start, obj)
        self._emptied(cpu, slot)
        return True

    def _alloc(self, cpu: TimedCpu, number: int, slot: int, node: int, flags: int) -> Waits[None]:
        if self.workload.windowed:
            yield from self._until_empty(cpu, slot)
        obj = yield from self._get(cpu, number, node, flags)
        self._fill(cpu, slot, obj)

    def _get(self, cpu: TimedCpu, number: int, node: int, flags: int) -> Waits[int]:
        return self._path(allocate(self.kernel, cpu, self.kernel.state.caches[number], node, flags, cpu.alloc_hit))

    def _give(self, cpu: TimedCpu, number: int, obj: int) -> Waits[None]:
        return self._path(give_back(self.kernel, cpu, self.kernel.state.caches[number], obj, cpu.free_hit))

    def _fill(self, cpu: TimedCpu, slot: int, obj: int) -> None:
        self.slots[slot] = (obj, cpu.clock)
        if self.waiting:
            self._wake(slot)

    def _until_empty(self, cpu: TimedCpu, slot: int) -> Waits[None]:
        if slot in self.slots:
            self.waiting[slot] = cpu.number
            yield from self._block(cpu, for_slot(slot, "emptied"), lambda: slot not in self.slots)
        yield from self._wait_for_slot(cpu, slot, self.emptied.pop(slot, 0))

    def _wait_for_slot(self, cpu: TimedCpu, slot: int, written_at: int) -> Waits[None]:
        yield from self._wait_until(cpu, written_at)
        self._pass_waiting(cpu, cpu.clock + self.kernel.slot_line(cpu, slot, written_at))

    def _until_full(self, cpu: TimedCpu, slot: int) -> Waits[int]:
        """Wait until a slot is full; what is in it."""
        if slot not in self.slots:
            self.waiting[slot] = cpu.number
            yield from self._block(cpu, for_slot(slot, "filled"), lambda: slot in self.slots)
        obj, full_at = self.slots[slot]
        yield from self._wait_for_slot(cpu, slot, full_at)
        return obj

    def _free(self, cpu: TimedCpu, number: int, slot: int, node: int, flags: int) -> Waits[None]:
        obj = yield from self._until_full(cpu, slot)
        if not self.workload.windowed:
            del self.slots[slot]
        if obj == NO_OBJECT:
            cpu.skipped += 1
        else:
            yield from self._give(cpu, number, obj)
        self._emptied(cpu, slot)

    def _emptied(self, cpu: TimedCpu, slot: int) -> None:
        """Let the next object of a window in, now that the one before is freed; earlier, it could be so before its time."""
        if self.workload.windowed:
            self.slots.pop(slot, None)
            self.emptied[slot] = cpu.clock
            self._wake(slot)

    def _signal(self, cpu: TimedCpu, number: int, slot: int, node: int, flags: int) -> Waits[None]:
        self._fill(cpu, slot, NO_OBJECT)
        yield from ()

    def _await(self, cpu: TimedCpu, number: int, slot: int, node: int, flags: int) -> Waits[None]:
        """Wait until another CPU is as far as its program has to be; that is no wait for an object."""
        self.awaiting.add(cpu.number)
        yield from self._until_full(cpu, slot)
        self.awaiting.discard(cpu.number)
        del self.slots[slot]

    def _section(self, cpu: TimedCpu, number: int, hold: int, node: int, flags: int) -> Waits[None]:
        return hold_section(self.kernel, cpu, self.section_lock, hold)

    def _begin_bulk(self, cpu: TimedCpu, number: int, what: int, node: int, flags: int) -> Waits[None]:
        begin_bulk(self.kernel, cpu)
        yield from ()

    def _end_bulk(self, cpu: TimedCpu, number: int, what: int, node: int, flags: int) -> Waits[None]:
        return self._path(end_bulk(self.kernel, cpu))

    def _barrier(self, cpu: TimedCpu, number: int, what: int, node: int, flags: int) -> Waits[None]:
        """Wait until as many CPUs as the workload says are here; all go on at the last one's time."""
        arrived = self.arrived
        arrived.append((cpu.number, cpu.clock))
        if len(arrived) < self.workload.barrier:
            yield from self._block(cpu, AT_BARRIER, lambda: len(arrived) == self.workload.barrier)
        else:
            self.arrived = []
            for other, _when in arrived[:-1]:
                self._unblock(other, self.gates.get(other))
        yield from self._wait_until(cpu, max(when for _other, when in arrived))

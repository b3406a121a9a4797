# SPDX-License-Identifier: GPL-2.0-only
"""A kernel with a clock, whichever allocator it has: locks are waited for, and CPUs come to each other's time by events.

What is done under a lock takes effect when the lock is granted; the time it takes passes before the release. Leaves out
how a CPU's program runs (`process`), and the allocators.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import simpy
from simpy.events import EventPriority

from slabdes.allocator.pages import PagePool
from slabdes.allocator.state import NOBODY
from slabdes.allocator.transitions import NO_SLAB
from slabdes.engine.cpu import NEVER, TimedCpu, fold, hold_word
from slabdes.engine.lines import slot_cost
from slabdes.engine.marks import Marks
from slabdes.engine.reference.books import ClosedBook
from slabdes.engine.reference.charges import ChargingKernel, State
from slabdes.engine.timed import AnyKernel, TimedLock, TimedSettings, ran_too_long
from slabdes.engine.working_set import is_anothers
from slabdes.locks.disciplines import RACE_BITS, all_spinners_delay, arrives_late, first_of, tas_delay
from slabdes.locks.spinlock import FREE, count_acquisition, count_contention
from slabdes.machine.topology import Machine
from slabdes.paths import interrupts
from slabdes.paths.accounts import disable_irqs, enable_irqs
from slabdes.paths.charges import copy_cost, late_toll, share_behind
from slabdes.paths.kernel import Waits
from slabdes.paths.operations import KmemCache
from slabdes.paths.sites import LockSite
from slabdes.units import MAX_RUN_PS, PS_PER_S


class Moment(simpy.Event):
    """A point in time. Events of one time happen in the order of their CPUs, whatever order they were made in."""

    def occur(self, cpu: int, delay: int) -> None:
        """Happen `delay` picoseconds from now, as CPU `cpu`'s event."""
        self._ok = True
        self._value = None
        self.env.schedule(self, priority=EventPriority(cpu), delay=delay)

    def then(self, action: Callable[[], None]) -> None:
        """Also do this when it happens."""
        assert self.callbacks is not None
        self.callbacks.append(lambda _event: action())


class ClockedKernel(ChargingKernel[KmemCache]):
    """A kernel on SimPy's clock. `locks` are all locks by number, `gates` what each CPU waits for at the moment."""

    def __init__(
        self, env: simpy.Environment, state: State[KmemCache], machine: Machine, settings: TimedSettings[AnyKernel]
    ) -> None:
        super().__init__(state, machine, settings)
        self.env = env
        self.machine = machine
        self.settings = settings
        self.pages = PagePool(machine.memory_pages, machine.node_of_cpu, settings.version.page_lists)
        self.zonelists = tuple(machine.zonelist(node) for node in range(machine.n_nodes))
        self.zone_locks: list[int] = []
        self.cpus: list[TimedCpu] = []
        self.gates: list[Moment | None] = [None] * machine.n_cpus
        self.marks: Marks[ClosedBook] | None = None

    @property
    def mark_at(self) -> int:
        """When counting begins anew; NEVER if not."""
        return NEVER if self.marks is None else self.marks.next

    def set_marks(self, marks: Marks[ClosedBook]) -> None:
        """Have marks come, before anything has happened."""
        self.marks = marks
        self._set_mark()

    def _set_mark(self) -> None:
        """See to it that the coming mark comes: before whatever CPUs do then."""
        if self.mark_at != NEVER:
            mark = Moment(self.env)
            mark.occur(NOBODY, self.mark_at - self.now)
            mark.then(self._mark_comes)

    def until_mark(self, cpu: TimedCpu) -> Waits[None]:
        """Wait for the mark that a CPU has come to."""
        if self.mark_at <= cpu.clock:
            yield self.at(cpu, cpu.clock)

    def _mark_comes(self) -> None:
        assert self.marks is not None
        self.marks.come()
        self._set_mark()

    # Waiting.

    def at(self, cpu: TimedCpu, when: int) -> Moment:
        """The CPU's event at picosecond `when`."""
        if when >= MAX_RUN_PS:
            raise ran_too_long()
        moment = Moment(self.env)
        moment.occur(cpu.number, when - self.now)
        return moment

    @property
    def now(self) -> int:
        """The simulation's clock, picoseconds: an integer, since every delay is."""
        return int(self.env.now)

    def new_gate(self, cpu: TimedCpu) -> Moment:
        """What a CPU waits at until someone opens it."""
        gate = self.gates[cpu.number] = Moment(self.env)
        return gate

    def open_gate(self, cpu: int, when: int) -> None:
        """Let a waiting CPU go on at `when`."""
        gate = self.gates[cpu]
        assert gate is not None
        self.gates[cpu] = None
        gate.occur(cpu, when - self.now)

    def look(self, cpu: TimedCpu) -> Waits[None]:
        cpu.settle()
        if cpu.clock > self.now:
            yield self.at(cpu, cpu.clock)

    def spin_lock(self, cpu: TimedCpu, lock: int, site: LockSite) -> Waits[None]:
        yield from self.look(cpu)
        disable_irqs(self, cpu)
        record = self.locks[lock]
        record.acquisitions += 1
        if not self._comes_late(cpu, record) and record.try_acquire(cpu.number, cpu.clock):
            self._fetch_lock(cpu, record, site)
            return
        asked = cpu.clock
        count_contention(record, cpu.number)
        upkeep = record.acquired_in
        record.points[site, LockSite(record.acquired_from)] += 1
        record.join(cpu.number, asked)
        yield self.new_gate(cpu)
        now = self.now
        record.grant(now)
        count_acquisition(record, cpu.number, site, cpu.upkeep)
        record.contended += 1
        record.wait.add(now - asked)
        if upkeep:
            record.behind[upkeep].add(now - asked)
        record.since = asked
        cpu.clock = now
        cpu.lock_wait += now - asked - record.handoff
        cpu.handoff_time += record.handoff
        if self.lines.owner(record.line) != cpu.number:
            record.bounces += 1
            self.lines.own(cpu, record.line, 1)
        cpu.work += self.costs.lock_op
        self._set_toll(cpu, record)

    def _comes_late(self, cpu: TimedCpu, record: TimedLock) -> bool:
        """Whether a CPU finds a free lock, and a waiter that is about to try again is quicker (disciplines.tas)."""
        if record.holder != FREE or not record.waiters:
            return False
        drawn = self._draw(cpu, record)
        rules = self.settings.locks
        if not rules.arrival_races:
            return first_of(drawn, 1 + len(record.waiters)) != 0
        transfer = self.machine.transfer_ps
        way = transfer[self.lines.owner(record.line)][cpu.number]
        waiters = transfer[record.acquired_by][record.next]
        return arrives_late(drawn, cpu.clock, record.released_at, way, tas_delay(waiters, rules) - waiters)

    def _draw(self, cpu: TimedCpu, record: TimedLock) -> int:
        """A random number for a race with those who wait for a lock that is not queued; 0 if there is none."""
        rules = self.settings.locks
        races = rules.lock_races and not rules.discipline.queued and record.waiters
        return next(cpu.race_words) >> (64 - RACE_BITS) if races else 0

    def _set_toll(self, cpu: TimedCpu, record: TimedLock) -> None:
        """What a write to the lock's line will cost its new holder, because of who spins on it now."""
        record.relinked = NO_SLAB
        record.written = 0
        record.toll = self._toll(cpu, record)

    def _toll(self, cpu: TimedCpu, record: TimedLock, late: bool = False) -> int:
        """What a write to the lock's line costs; `late`: each waiter's part times the thousandths of the hold that it spun."""
        spinner, locks = record.spinner(), self.settings.locks
        if spinner == FREE or not self.rules.spinners_slow_holder:
            return 0

        def part(waiter: int) -> int:
            way: int = self.machine.transfer_ps[waiter][cpu.number]
            return way * share_behind(record.granted_at, record.joined[waiter], cpu.clock) if late else way

        from_all = sum(map(part, record.waiters)) if locks.discipline.all_spin else 0
        return max(part(spinner), all_spinners_delay(from_all, locks.spinner_milli))

    def _late_toll(self, cpu: TimedCpu, record: TimedLock) -> int:
        """What the hold's writes to the lock's line cost beside, since CPUs have begun to spin on it during the hold."""
        if record.toll or not self.rules.late_spinners:
            return 0
        return late_toll(record.written, self._toll(cpu, record, late=True))

    def _fetch_lock(self, cpu: TimedCpu, record: TimedLock, site: LockSite) -> None:
        record.since = cpu.clock
        record.retry = None
        self._set_toll(cpu, record)
        count_acquisition(record, cpu.number, site, cpu.upkeep)
        record.bounces += is_anothers(cpu, self.lines.stamps[record.line])
        self.fetch(cpu, record.line)
        cpu.work += self.costs.lock_op

    def spin_trylock(self, cpu: TimedCpu, lock: int, site: LockSite) -> Waits[bool]:
        yield from self.look(cpu)
        record = self.locks[lock]
        if self._comes_late(cpu, record) or not record.try_acquire(cpu.number, cpu.clock):
            # That it is taken is read in its line.
            self.fetch(cpu, record.line)
            return False
        disable_irqs(self, cpu)
        record.acquisitions += 1
        self._fetch_lock(cpu, record, site)
        return True

    def spin_unlock(self, cpu: TimedCpu, lock: int) -> Waits[None]:
        record = self.locks[lock]
        if record.posted:
            cpu.spend_on_lines(copy_cost(record.posted, record.posted_total - record.posted, self.rules.copy_line_milli))
            record.posted = record.posted_total = 0
        yield from self.look(cpu)
        if late := self._late_toll(cpu, record):
            cpu.spend_on_lines(late)
            yield from self.look(cpu)
        now = cpu.clock
        held = now - record.granted_at
        record.hold.add(held)
        if cpu.upkeep:
            record.held_in[cpu.upkeep].add(held)
        record.digest = fold(record.digest, record.since, now, hold_word(cpu.number, record.granted_at))
        if cpu.log is not None:
            cpu.log.hold(lock, cpu.number, record.since, record.granted_at, now)
        record.drawn = self._draw(cpu, record)
        winner, when = record.release(now, self.settings.locks)
        if winner != FREE:
            self._hand_over(record, winner, when)
        enable_irqs(self, cpu, now)
        yield from interrupts.take_interrupts(self, cpu)

    def _hand_over(self, record: TimedLock, winner: int, when: int) -> None:
        if self.settings.locks.discipline.queued:
            self.open_gate(winner, when)
            return
        retry = record.retry = Moment(self.env)
        retry.occur(winner, when - self.now)
        retry.then(partial(self._try_again, record, winner, retry))

    def _try_again(self, record: TimedLock, cpu: int, retry: Moment) -> None:
        """A waiter for a lock that is not queued finds it free, unless it was taken meanwhile: then a later release wakes it."""
        if record.retry is retry:
            record.retry = None
            record.holder = cpu
            self.open_gate(cpu, self.now)

    # Rings.

    def reads_slots(self, cpu: TimedCpu) -> bool:
        """Whether a CPU's slots lie on lines that it shares with a partner."""
        return self.rules.slot_lines and cpu.partner >= 0

    def slot_line(self, cpu: TimedCpu, slot: int, written_at: int) -> int:
        """How long a CPU waits for the line of a slot that its partner wrote at that time; 0 is never."""
        if not written_at or not self.reads_slots(cpu):
            return 0
        way = self.machine.transfer_ps[cpu.partner][cpu.number]
        return slot_cost(cpu, slot, written_at, way, self.rules.copy_line_milli, self.rules.ring_indexes)

    # Pages.

    def all_drained(self, cpu: TimedCpu, due: int) -> bool:
        return all(other is cpu or other.drain_at > due for other in self.cpus)

    def zone_lock(self, zone: int) -> int:
        return self.zone_locks[zone]

    def zonelist(self, node: int) -> tuple[int, ...]:
        return self.zonelists[node]

    zones = zonelist

    def jiffies(self, cpu: TimedCpu) -> int:
        return cpu.clock * self.settings.hz // PS_PER_S

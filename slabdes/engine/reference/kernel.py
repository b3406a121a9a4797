"""The Kernel with a clock: locks are waited for, and every step a path takes is charged as DESIGN's "Time" says.

What is done under a lock takes effect when the lock is granted; the time it takes passes before the release. Leaves out
how a CPU's program runs (`process`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

import simpy
from simpy.events import EventPriority

from slabdes.allocator.pages import PagePool, give_to_list, refill_list, take_from_list, take_pages, trim_list
from slabdes.allocator.state import (
    NO_LINE,
    NO_NODE,
    NOBODY,
    OBJECT_BITS,
    OBJECT_MASK,
    KmemCache,
    SlabState,
)
from slabdes.allocator.transitions import NO_SLAB
from slabdes.engine.cpu import TimedCpu, fold, hold_word
from slabdes.engine.lines import CacheLines
from slabdes.engine.reference.interrupts import take_interrupts
from slabdes.engine.timed import TimedLock, TimedSettings, ran_too_long
from slabdes.locks.disciplines import RACE_BITS, first_of
from slabdes.locks.spinlock import FREE, count_acquisition, count_contention
from slabdes.machine.topology import Machine
from slabdes.paths.kernel import Waits
from slabdes.paths.sites import LockSite
from slabdes.paths.slab import prices
from slabdes.paths.slab.kernel import SlabKernel
from slabdes.units import MAX_RUN_PS, PS_PER_S

NOBODY_REAPS: Final = -1


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


class TimedKernel(SlabKernel[TimedCpu], prices.SlabCharges[TimedCpu]):
    """A Kernel on SimPy's clock. `locks` are all locks by number, `gates` what each CPU waits for at the moment."""

    def __init__(self, env: simpy.Environment, state: SlabState, machine: Machine, settings: TimedSettings) -> None:
        self.env = env
        self.state = state
        self.machine = machine
        self.costs = settings.costs
        self.settings = settings
        self.rules = settings.rules
        self.version = settings.version
        self.layout = settings.version.layout
        self.transfer = machine.transfer_ps
        self.lines = CacheLines(machine.node_of_cpu, self.transfer, machine.dram_ps)
        self.pages = PagePool(machine.memory_pages, machine.n_cpus)
        self.zonelists = tuple(machine.zonelist(node) for node in range(machine.n_nodes))
        self.locks: list[TimedLock] = []
        self.zone_locks: list[int] = []
        self.reaper = NOBODY_REAPS
        self.touched_by = [NOBODY] * len(state.words)
        self.gates: list[Moment | None] = [None] * machine.n_cpus
        self.held_by_handlers: list[deque[int]] = [deque() for _cpu in range(machine.n_cpus)]
        """Objects that interrupt handlers have allocated and not yet freed, by CPU, the oldest first."""

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
        cpu.disable_irqs()
        record = self.locks[lock]
        record.acquisitions += 1
        if not self._comes_late(cpu, record) and record.try_acquire(cpu.number, cpu.clock):
            self._fetch_lock(cpu, record, site)
            return
        asked = cpu.clock
        count_contention(record, cpu.number)
        record.points[site, LockSite(record.acquired_from)] += 1
        record.join(cpu.number, asked)
        yield self.new_gate(cpu)
        now = self.now
        record.grant(now)
        count_acquisition(record, cpu.number, site)
        record.contended += 1
        record.wait.add(now - asked)
        record.since = asked
        cpu.clock = now
        cpu.lock_wait += now - asked - record.handoff
        cpu.handoff_time += record.handoff
        if self.lines.owner[record.line] != cpu.number:
            record.bounces += 1
            self.lines.owner[record.line] = cpu.number
        cpu.work += self.costs.lock_op
        self._set_toll(cpu, record)

    def _comes_late(self, cpu: TimedCpu, record: TimedLock) -> bool:
        """Whether a CPU finds a free lock, and a waiter that is about to try again is quicker (disciplines.tas)."""
        return record.holder == FREE and first_of(self._draw(cpu, record), 1 + len(record.waiters)) != 0

    def _draw(self, cpu: TimedCpu, record: TimedLock) -> int:
        """A random number for a race with those who wait for a lock that is not queued; 0 if there is none."""
        rules = self.settings.locks
        races = rules.races and not rules.discipline.queued and record.waiters
        return next(cpu.race_words) >> (64 - RACE_BITS) if races else 0

    def _set_toll(self, cpu: TimedCpu, record: TimedLock) -> None:
        """What a write to the lock's line will cost its new holder, because of who spins on it now."""
        spinner = record.spinner()
        slows = spinner != FREE and self.rules.spinners_slow_holder
        record.relinked = NO_SLAB
        record.toll = self.transfer[spinner][cpu.number] if slows else 0

    def _fetch_lock(self, cpu: TimedCpu, record: TimedLock, site: LockSite) -> None:
        record.since = cpu.clock
        record.retry = None
        self._set_toll(cpu, record)
        count_acquisition(record, cpu.number, site)
        owner = self.lines.owner[record.line]
        self.fetch(cpu, record.line)
        if owner not in (cpu.number, NOBODY):
            record.bounces += 1
        cpu.work += self.costs.lock_op

    def spin_trylock(self, cpu: TimedCpu, lock: int, site: LockSite) -> Waits[bool]:
        yield from self.look(cpu)
        record = self.locks[lock]
        if self._comes_late(cpu, record) or not record.try_acquire(cpu.number, cpu.clock):
            return False
        cpu.disable_irqs()
        record.acquisitions += 1
        self._fetch_lock(cpu, record, site)
        return True

    def spin_unlock(self, cpu: TimedCpu, lock: int) -> Waits[None]:
        record = self.locks[lock]
        if record.posted:
            cpu.spend_on_lines(record.posted)
            record.posted = 0
        yield from self.look(cpu)
        now = cpu.clock
        held = now - record.granted_at
        record.hold.add(held)
        record.digest = fold(record.digest, record.since, now, hold_word(cpu.number, record.granted_at))
        if cpu.log is not None:
            cpu.log.hold(lock, cpu.number, record.since, record.granted_at, now)
        record.drawn = self._draw(cpu, record)
        winner, when = record.release(now, self.settings.locks)
        if winner != FREE:
            self._hand_over(record, winner, when)
        cpu.enable_irqs(now)
        yield from self.take_interrupts(cpu)

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

    def reap_mutex_trylock(self, cpu: TimedCpu) -> Waits[bool]:
        yield from self.look(cpu)
        if self.reaper != NOBODY_REAPS:
            return False
        self.reaper = cpu.number
        return True

    def reap_mutex_unlock(self, cpu: TimedCpu) -> Waits[None]:
        yield from self.look(cpu)
        self.reaper = NOBODY_REAPS

    # Pages.

    def kmem_getpages(self, cpu: TimedCpu, cache: KmemCache, node: int, thisnode: bool) -> Waits[int]:
        for zone in (node,) if thisnode else self.zonelists[node]:
            if (yield from self.get_pages(cpu, zone, cache.gfporder)):
                return zone
        return NO_NODE

    def get_pages(self, cpu: TimedCpu, zone: int, order: int) -> Waits[bool]:
        """2**order pages of a zone; whether there were so many."""
        return (yield from self._higher_pages(cpu, zone, order) if order else self._order0_page(cpu, zone))

    def _order0_page(self, cpu: TimedCpu, zone: int) -> Waits[bool]:
        cpu.page_work += self.costs.page_alloc_order0
        if take_from_list(self.pages.pcp, cpu.number, zone):
            return True
        yield from self.look(cpu)
        if not self.pages.free[zone]:
            return False
        yield from self.spin_lock(cpu, self.zone_locks[zone], LockSite.PAGELISTREFILL)
        moved = refill_list(self.pages.free, self.pages.pcp, self.pages.batch[zone], cpu.number, zone)
        cpu.page_work += moved * self.costs.pcp_refill_page
        yield from self.spin_unlock(cpu, self.zone_locks[zone])
        return take_from_list(self.pages.pcp, cpu.number, zone)

    def _higher_pages(self, cpu: TimedCpu, zone: int, order: int) -> Waits[bool]:
        yield from self.look(cpu)
        if self.pages.free[zone] < 1 << order:
            return False
        yield from self.spin_lock(cpu, self.zone_locks[zone], LockSite.HIGHERPAGES)
        got = take_pages(self.pages.free, zone, 1 << order)
        cpu.page_work += self.costs.page_alloc_higher + (order - 1) * self.costs.page_per_order
        yield from self.spin_unlock(cpu, self.zone_locks[zone])
        return got

    def kmem_freepages(self, cpu: TimedCpu, cache: KmemCache, node: int) -> Waits[None]:
        yield from self.give_pages(cpu, node, cache.gfporder)

    def give_pages(self, cpu: TimedCpu, node: int, order: int) -> Waits[None]:
        """Give 2**order pages back to their zone."""
        if order:
            yield from self.spin_lock(cpu, self.zone_locks[node], LockSite.FREEPAGES)
            self.pages.free[node] += 1 << order
            cpu.page_work += self.costs.page_free_higher + (order - 1) * self.costs.page_per_order
            yield from self.spin_unlock(cpu, self.zone_locks[node])
            return
        cpu.page_work += self.costs.page_free_order0
        if give_to_list(self.pages.pcp, self.pages.high[node], cpu.number, node):
            yield from self.spin_lock(cpu, self.zone_locks[node], LockSite.PAGELISTTRIM)
            moved = trim_list(self.pages.free, self.pages.pcp, self.pages.batch[node], cpu.number, node)
            cpu.page_work += moved * self.costs.pcp_refill_page
            yield from self.spin_unlock(cpu, self.zone_locks[node])

    def zonelist(self, node: int) -> tuple[int, ...]:
        return self.zonelists[node]

    def jiffies(self, cpu: TimedCpu) -> int:
        return cpu.clock * self.settings.hz // PS_PER_S

    # Interrupts.

    def irqs_on(self, cpu: TimedCpu) -> Waits[None]:
        cpu.settle()
        cpu.enable_irqs(cpu.clock)
        cpu.work += self.costs.irq_pair
        yield from self.take_interrupts(cpu)

    def irqs_off(self, cpu: TimedCpu) -> Waits[None]:
        cpu.settle()
        yield from self.take_interrupts(cpu)
        cpu.disable_irqs()

    def irq_save(self, cpu: TimedCpu) -> None:
        cpu.disable_irqs()

    def irq_restore(self, cpu: TimedCpu) -> Waits[None]:
        cpu.enable_irqs(cpu.clock)
        yield from self.take_interrupts(cpu)

    def take_interrupts(self, cpu: TimedCpu) -> Waits[None]:
        """If interrupts are on, handle those that have come."""
        if not cpu.irqs_off_depth and cpu.irq_at <= cpu.clock:
            yield from take_interrupts(self, cpu)

    # What the paths' steps cost.

    def fetch(self, cpu: TimedCpu, line: int) -> None:
        if line != NO_LINE:
            self.fetch_together(cpu, line, line)

    def fetch_together(self, cpu: TimedCpu, first: int, last: int) -> None:
        """The dearest is another CPU's to write back, or memory's if nobody owned it; of lines equally dear, the first."""
        dearest, line_of_dearest, was_owned = 0, first, False
        for line in range(first, last + 1):
            owned = self.lines.owner[line] != NOBODY
            cost = self.lines.touch(cpu.number, line)
            if cost > dearest:
                dearest, line_of_dearest, was_owned = cost, line, owned
        if was_owned:
            cpu.line_time += dearest
        elif self.lines.home[line_of_dearest] == cpu.node:
            cpu.local_memory_time += dearest
        else:
            cpu.remote_memory_time += dearest
        cpu.clock += dearest

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
        """An allocation touches its object: dear unless this CPU was the last to allocate it."""
        link = self._link(obj)
        if self.touched_by[link] != cpu.number:
            self.touched_by[link] = cpu.number
            cpu.first_touch_time += self.costs.first_touch
            cpu.clock += self.costs.first_touch

    def descriptor_read(self, cpu: TimedCpu, obj: int) -> None:
        """A free reads the descriptor of its object's slab: dear if another CPU has allocated the object."""
        if self.touched_by[self._link(obj)] != cpu.number:
            cpu.descriptor_read_time += self.costs.descriptor_read
            cpu.clock += self.costs.descriptor_read

    def _link(self, obj: int) -> int:
        return self.state.slabs[obj >> OBJECT_BITS].bufctl + (obj & OBJECT_MASK)

    note_miss = prices.note_miss
    note_counted = prices.note_counted
    note_coloured = prices.note_coloured
    note_free_objects_read = prices.note_free_objects_read
    note_unlocked_look = prices.note_unlocked_look
    note_array_seen = prices.note_array_seen
    note_entries = prices.note_entries
    note_moved = prices.note_moved
    note_alien_drained = prices.note_alien_drained
    note_unlinking = prices.note_unlinking
    note_taken = prices.note_taken
    note_taken_straight = prices.note_taken_straight
    note_taken_from_new = prices.note_taken_from_new
    note_returned = prices.note_returned
    note_given_up = prices.note_given_up
    note_unlinked = prices.note_unlinked
    note_inserted = prices.note_inserted
    note_descriptor_taken = prices.note_descriptor_taken
    note_descriptor_given = prices.note_descriptor_given
    note_reap = prices.note_reap
    note_pages = prices.note_pages
    note_slab_made = prices.note_slab_made

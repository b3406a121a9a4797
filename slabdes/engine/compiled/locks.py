# SPDX-License-Identifier: GPL-2.0-only
"""Spinlocks in compiled code: asking, waiting, being granted, releasing. The counterpart of SpinLock and TimedKernel.

A function here ends with GO, or with WAIT when the CPU's next event must come first; `resume` takes it up then.
Leaves out what is done under a lock.
"""

from __future__ import annotations

from collections.abc import Sequence

from slabdes.engine.compiled.account import BEHIND, HELD_IN, count_upkeep, irqs_go_off, irqs_go_on
from slabdes.engine.compiled.clock import (
    GAMMA_WORD,
    GO,
    WAIT,
    add,
    comes_next,
    fetch_line,
    own_line,
    schedule,
    settle,
    spend_on_lines,
    unschedule,
)
from slabdes.engine.compiled.cpu_layout import Cpu, Micro
from slabdes.engine.compiled.families import lock_work
from slabdes.engine.compiled.interrupts import interrupted
from slabdes.engine.compiled.layout import Lock, Status
from slabdes.engine.compiled.logged import log_hold
from slabdes.engine.compiled.numba_tools import cpus_at, function, inline, int64, ints_at, locks_at, table_at, uint64, word
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.script_layout import Event
from slabdes.engine.compiled.spinners import late_cost, set_toll
from slabdes.engine.compiled.variants import after_look, write
from slabdes.engine.cpu import fold, hold_word
from slabdes.engine.working_set import CODE, is_anothers
from slabdes.locks.disciplines import (
    CNA_SPLICE,
    RACE_BITS,
    arrives_late,
    cna_threshold_reached,
    crowd_delay,
    first_of,
    qspinlock_delay,
    tas_delay,
    ticket_delay,
)
from slabdes.locks.spinlock import FREE, count_acquisition, count_contention
from slabdes.paths.charges import copy_cost
from slabdes.paths.sites import N_SITES
from slabdes.streams import mix64

_RACE_SHIFT = word(64 - RACE_BITS)
FINISHED = int(Status.FINISHED)
_NOTHING = int(Micro.NOTHING)
_TAKE = int(Micro.TAKE)
_GRANTED = int(Micro.GRANTED)
_RELEASE = int(Micro.RELEASE)
_LOCKED = int(Event.LOCKED)
_UNLOCKED = int(Event.UNLOCKED)


@function
def look(run: Run, cpu: Cpu) -> int:
    """Bring the CPU to its own time before it reads what others may be changing (TimedKernel.look)."""
    settle(run, cpu)
    if cpu.clock <= run.now or comes_next(run, cpu, cpu.clock):
        return after_look(run)
    return WAIT


@function
def spin_lock(run: Run, cpu: Cpu, lock: int, site: int) -> int:
    """Wait for a lock and take it; `site` is a LockSite."""
    write(run, cpu, _LOCKED, lock, site, 0, 0, 0, 0)
    cpu.lock = lock
    cpu.site = site
    cpu.work += lock_work(run, lock)
    settle(run, cpu)
    if cpu.clock <= run.now or comes_next(run, cpu, cpu.clock):
        return _take(run, cpu)
    cpu.micro = _TAKE
    return WAIT


@inline
def before_spin_trylock(run: Run, cpu: Cpu, lock: int, site: int) -> int:
    """Look before a lock is tried."""
    return look(run, cpu)


@function
def spin_trylock(run: Run, cpu: Cpu, lock: int, site: int) -> bool:
    """Take a lock if it is free, after a look; whether it was."""
    held = locks_at(run.locks)[lock]
    if held.holder != FREE or _comes_late(run, cpu, held):
        fetch_line(run, cpu, held.line)
        return False
    irqs_go_off(cpu)
    write(run, cpu, _LOCKED, lock, site, 0, 0, 0, 0)
    cpu.site = site
    held.acquisitions += 1
    _fetch(run, cpu, held)
    return True


@function
def spin_unlock(run: Run, cpu: Cpu, lock: int) -> int:
    """Release a lock once what was done under it has taken its time. Interrupts may go on with it."""
    write(run, cpu, _UNLOCKED, lock, 0, 0, 0, 0, 0)
    cpu.lock = lock
    held = locks_at(run.locks)[lock]
    if held.posted:
        spend_on_lines(run, cpu, copy_cost(held.posted, held.posted_total - held.posted, run.copy_line_milli))
        held.posted = 0
        held.posted_total = 0
    settle(run, cpu)
    if cpu.clock <= run.now or comes_next(run, cpu, cpu.clock):
        if _is_held_longer(run, cpu):
            return WAIT
        _release(run, cpu)
        return interrupted(run, cpu)
    cpu.micro = _RELEASE
    return WAIT


@function
def resume(run: Run, cpu: Cpu) -> int:
    """The CPU's event has come: finish what it waited for."""
    todo = cpu.micro
    if todo == _NOTHING:
        return GO
    cpu.micro = _NOTHING
    if todo == _TAKE:
        return _take(run, cpu)
    if todo == _RELEASE:
        if _is_held_longer(run, cpu):
            return WAIT
        _release(run, cpu)
        interrupted(run, cpu)
    elif todo == _GRANTED:
        _granted(run, cpu)
    else:
        return FINISHED
    return GO


@function
def _take(run: Run, cpu: Cpu) -> int:
    irqs_go_off(cpu)
    held = locks_at(run.locks)[cpu.lock]
    held.acquisitions += 1
    if held.holder == FREE and not _comes_late(run, cpu, held):
        _fetch(run, cpu, held)
        return GO
    cpu.asked = cpu.clock
    count_contention(held, cpu.number)
    cpu.behind = held.acquired_in
    ints_at(run.lock_points)[(cpu.lock * N_SITES + cpu.site) * N_SITES + held.acquired_from] += 1
    _queue_changes(held, cpu.clock)
    if held.waiters:
        cpus_at(run.cpus)[held.last].next_waiter = cpu.number
    else:
        held.first = cpu.number
    held.last = cpu.number
    held.waiters += 1
    cpu.micro = _GRANTED
    unschedule(run, cpu.number)
    return WAIT


@inline
def _comes_late(run: Run, cpu: Cpu, held: Lock) -> bool:
    """Whether a waiter that is about to try again for this free lock is quicker (TimedKernel._comes_late)."""
    if not held.waiters:
        return False
    drawn = _draw(run, cpu)
    if not run.arrival_races:
        return first_of(drawn, 1 + held.waiters) != 0
    transfer = table_at(run.transfer, run.n_cpus)
    way = transfer[ints_at(run.stamps)[held.line] & CODE][cpu.number]
    waiters = transfer[held.acquired_by][held.next]
    return arrives_late(drawn, cpu.clock, held.released_at, way, tas_delay(waiters, run) - waiters)


@function
def _draw(run: Run, cpu: Cpu) -> int:
    """A random number for a race with those who wait for a lock that is not queued; 0 if there is none (TimedKernel._draw)."""
    if not run.lock_races or not run.unqueued:
        return 0
    cpu.race_key += GAMMA_WORD
    return int64(mix64(cpu.race_key) >> _RACE_SHIFT)


@inline
def _fetch(run: Run, cpu: Cpu, held: Lock) -> None:
    if held.waiters:
        # A lock that is not queued: who was about to try again will find it taken.
        unschedule(run, held.next)
    held.holder = cpu.number
    held.granted_at = held.headed_at = cpu.clock
    held.since = cpu.clock
    set_toll(run, cpu, held)
    count_acquisition(held, cpu.number, cpu.site, cpu.upkeep)
    held.bounces += is_anothers(cpu, ints_at(run.stamps)[held.line])
    fetch_line(run, cpu, held.line)
    cpu.work += run.lock_op


@inline
def _is_held_longer(run: Run, cpu: Cpu) -> bool:
    """Pay for late spinners (TimedKernel._late_toll); whether the release must wait for other CPUs' events, then."""
    late = late_cost(run, cpu, locks_at(run.locks)[cpu.lock])
    if not late:
        return False
    spend_on_lines(run, cpu, late)
    settle(run, cpu)
    if comes_next(run, cpu, cpu.clock):
        return False
    cpu.micro = _RELEASE
    return True


@inline
def _queue_changes(held: Lock, now: int) -> None:
    held.queue_area += held.waiters * (now - held.changed_at)
    held.changed_at = now


@function
def _granted(run: Run, cpu: Cpu) -> None:
    held = locks_at(run.locks)[cpu.lock]
    now = run.now
    _queue_changes(held, now)
    if held.before == FREE:
        held.first = cpu.next_waiter
    else:
        cpus_at(run.cpus)[held.before].next_waiter = cpu.next_waiter
    if held.last == cpu.number:
        held.last = held.before
    held.waiters -= 1
    held.holder = cpu.number
    held.headed_at = max(held.granted_at, cpu.asked)
    held.granted_at = now
    count_acquisition(held, cpu.number, cpu.site, cpu.upkeep)
    held.contended += 1
    waited = now - cpu.asked
    add(run.lock_buckets, run.lock_counts, 2 * cpu.lock, waited)
    if cpu.behind:
        count_upkeep(run, BEHIND, cpu.lock, cpu.behind, waited)
    held.since = cpu.asked
    cpu.clock = now
    cpu.lock_wait += waited - held.handoff
    cpu.handoff_time += held.handoff
    cpu.beyond_work = 1
    if ints_at(run.stamps)[held.line] & CODE != cpu.number:
        held.bounces += 1
        own_line(run, cpu, held.line)
    cpu.work += run.lock_op
    set_toll(run, cpu, held)


@function
def _release(run: Run, cpu: Cpu) -> None:
    irqs_go_on(run, cpu)
    held = locks_at(run.locks)[cpu.lock]
    now = cpu.clock
    add(run.lock_buckets, run.lock_counts, 2 * cpu.lock + 1, now - held.granted_at)
    if cpu.upkeep:
        count_upkeep(run, HELD_IN, cpu.lock, cpu.upkeep, now - held.granted_at)
    log_hold(run, cpu.lock, cpu.number, held.since, held.granted_at, now)
    what = uint64(hold_word(cpu.number, held.granted_at))
    held.digest = fold(held.digest, uint64(held.since), uint64(now), what)
    if not held.waiters:
        held.holder = FREE
        return
    _choose(run, cpu, held, now, _draw(run, cpu))
    winner = _winner(run, held)
    held.next = winner
    held.released_at = now
    held.holder = FREE if run.unqueued else winner
    schedule(run, winner, now + held.handoff)


@inline
def _choose(run: Run, cpu: Cpu, held: Lock, now: int, drawn: int) -> None:
    """The discipline: who waits before the winner, FREE if nobody does, into `held.before`; picoseconds into `held.handoff`."""
    row = ints_at(run.transfer + 8 * cpu.number * run.n_cpus)
    held.before = FREE
    if run.tas:
        _find_nearest(run, row, held, drawn)
    elif run.ticket:
        held.handoff = ticket_delay(row[held.first], _to_all(run, row, held))
    else:
        splice = _find_preferred(run, cpu, row, held, now) if run.cna else 0
        held.handoff = qspinlock_delay(row[_winner(run, held)], run.handoff_milli) + splice


@inline
def _winner(run: Run, held: Lock) -> int:
    return held.first if held.before == FREE else cpus_at(run.cpus)[held.before].next_waiter


@function
def _find_nearest(run: Run, row: Sequence[int], held: Lock, drawn: int) -> None:
    """disciplines.tas: the waiter before the one that comes first, or FREE, goes into `held.before`, its way into `handoff`."""
    cpus = cpus_at(run.cpus)
    waiter, nearest, equals = held.first, row[held.first], 1
    for _place in range(held.waiters - 1):
        waiter = cpus[waiter].next_waiter
        if row[waiter] < nearest:
            nearest, equals = row[waiter], 1
        elif row[waiter] == nearest:
            equals += 1
    ahead = first_of(drawn, equals)
    before, waiter = FREE, held.first
    while row[waiter] != nearest or ahead:
        ahead -= row[waiter] == nearest
        before, waiter = waiter, cpus[waiter].next_waiter
    held.before = before
    held.handoff = tas_delay(nearest, run) + crowd_delay(_to_all(run, row, held), held.waiters, run.spinner_milli)


@function
def _find_preferred(run: Run, cpu: Cpu, row: Sequence[int], held: Lock, now: int) -> int:
    """disciplines.cna: the last of the waiters that are passed over, or FREE, goes into `held.before` and `held.passed`.

    Returns what handing over takes beside the lock itself.
    """
    cpus = cpus_at(run.cpus)
    place, splice = held.passed, 0
    waiter = held.first
    if place != FREE:
        waiter = FREE if place == held.last else cpus[place].next_waiter
    followed = waiter != FREE and cpus[waiter].asked <= held.granted_at
    if place != FREE and (not followed or cna_threshold_reached(held.passed_since, now, run.cna_threshold)):
        splice = row[place]
        place = FREE
    elif followed:
        if place == FREE:
            held.passed_since = now
            held.preferred = cpu.node
        left = held.granted_at - held.headed_at
        while waiter != held.last:
            following = cpus[waiter].next_waiter
            if cpus[following].asked > held.granted_at:
                break
            left -= CNA_SPLICE * row[waiter]
            if left < 0 or cpus[waiter].node == held.preferred:
                break
            place, waiter = waiter, following
    held.passed = place
    held.before = place
    return splice


@inline
def _to_all(run: Run, row: Sequence[int], held: Lock) -> int:
    cpus = cpus_at(run.cpus)
    total = 0
    waiter = held.first
    for _place in range(held.waiters):
        total += row[waiter]
        waiter = cpus[waiter].next_waiter
    return total

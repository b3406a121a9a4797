"""Spinlocks in compiled code: asking, waiting, being granted, releasing. The counterpart of SpinLock and TimedKernel.

A function here ends with GO, or with WAIT when the CPU's next event must come first; `resume` takes it up then.
Leaves out what is done under a lock.
"""

from __future__ import annotations

from slabdes.allocator.state import NOBODY
from slabdes.allocator.transitions import NO_SLAB
from slabdes.engine.compiled.clock import (
    Record,
    add,
    schedule,
    settle,
    spend_on_lines,
    touch_line,
    unschedule,
)
from slabdes.engine.compiled.layout import Micro, Status
from slabdes.engine.compiled.numba_tools import cpus_at, function, inline, ints_at, locks_at, uint64
from slabdes.engine.cpu import fold, hold_word
from slabdes.locks.disciplines import qspinlock_delay, ticket_delay
from slabdes.locks.spinlock import FREE

GO = int(Status.GO)
WAIT = int(Status.WAIT)
FINISHED = int(Status.FINISHED)
_NOTHING = int(Micro.NOTHING)
_TAKE = int(Micro.TAKE)
_GRANTED = int(Micro.GRANTED)
_RELEASE = int(Micro.RELEASE)
_FINISH = int(Micro.FINISH)


@function
def look(run: Record, cpu: Record) -> int:
    """Bring the CPU to its own time before it reads what others may be changing (TimedKernel.look)."""
    settle(run, cpu)
    if cpu.clock > run.now:
        schedule(run, cpu.number, cpu.clock)
        return WAIT
    return GO


@function
def spin_lock(run: Record, cpu: Record, lock: int) -> int:
    """Wait for a lock and take it."""
    cpu.lock = lock
    settle(run, cpu)
    if cpu.clock > run.now:
        cpu.micro = _TAKE
        schedule(run, cpu.number, cpu.clock)
        return WAIT
    return _take(run, cpu)


@function
def spin_trylock(run: Record, cpu: Record, lock: int) -> bool:
    """Take a lock if it is free, after a look; whether it was."""
    held = locks_at(run.locks)[lock]
    if held.holder != FREE:
        return False
    held.acquisitions += 1
    _fetch(run, cpu, held)
    return True


@function
def spin_unlock(run: Record, cpu: Record, lock: int) -> int:
    """Release a lock once what was done under it has taken its time."""
    cpu.lock = lock
    held = locks_at(run.locks)[lock]
    if held.posted:
        spend_on_lines(cpu, held.posted)
        held.posted = 0
    settle(run, cpu)
    if cpu.clock > run.now:
        cpu.micro = _RELEASE
        schedule(run, cpu.number, cpu.clock)
        return WAIT
    _release(run, cpu)
    return GO


@function
def resume(run: Record, cpu: Record) -> int:
    """The CPU's event has come: finish what it waited for."""
    todo = cpu.micro
    if todo == _NOTHING:
        return GO
    cpu.micro = _NOTHING
    if todo == _TAKE:
        return _take(run, cpu)
    if todo == _RELEASE:
        _release(run, cpu)
    elif todo == _GRANTED:
        _granted(run, cpu)
    else:
        return FINISHED
    return GO


@function
def _take(run: Record, cpu: Record) -> int:
    held = locks_at(run.locks)[cpu.lock]
    held.acquisitions += 1
    if held.holder == FREE:
        _fetch(run, cpu, held)
        return GO
    cpu.asked = cpu.clock
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
def _fetch(run: Record, cpu: Record, held: Record) -> None:
    held.holder = cpu.number
    held.granted_at = cpu.clock
    held.toll = 0
    held.relinked = NO_SLAB
    held.since = cpu.clock
    owner = ints_at(run.owner)[held.line]
    cost = touch_line(run, cpu, held.line)
    if owner != cpu.number and owner != NOBODY:
        held.bounces += 1
    spend_on_lines(cpu, cost)
    cpu.work += run.lock_op


@inline
def _queue_changes(held: Record, now: int) -> None:
    held.queue_area += held.waiters * (now - held.changed_at)
    held.changed_at = now


@function
def _granted(run: Record, cpu: Record) -> None:
    held = locks_at(run.locks)[cpu.lock]
    now = run.now
    _queue_changes(held, now)
    # The winner is always the first: every discipline here is first come, first served.
    held.first = cpu.next_waiter
    held.waiters -= 1
    held.granted_at = now
    held.contended += 1
    waited = now - cpu.asked
    add(run.lock_buckets, run.lock_counts, 2 * cpu.lock, waited)
    held.since = cpu.asked
    cpu.clock = now
    cpu.lock_wait += waited
    owner = ints_at(run.owner)
    if owner[held.line] != cpu.number:
        held.bounces += 1
        owner[held.line] = cpu.number
    cpu.work += run.lock_op
    held.toll = 0
    held.relinked = NO_SLAB
    if held.waiters and run.spinners_slow_holder:
        held.toll = ints_at(run.transfer)[held.first * run.n_cpus + cpu.number]


@function
def _release(run: Record, cpu: Record) -> None:
    held = locks_at(run.locks)[cpu.lock]
    now = cpu.clock
    add(run.lock_buckets, run.lock_counts, 2 * cpu.lock + 1, now - held.granted_at)
    what = uint64(hold_word(cpu.number, held.granted_at))
    held.digest = fold(held.digest, uint64(held.since), uint64(now), what)
    if not held.waiters:
        held.holder = FREE
        return
    winner = held.first
    held.holder = winner
    row = ints_at(run.transfer + 8 * cpu.number * run.n_cpus)
    to_winner = row[winner]
    delay = ticket_delay(to_winner, _to_all(run, row, held)) if run.ticket else qspinlock_delay(to_winner, run.handoff_milli)
    schedule(run, winner, now + delay)


@inline
def _to_all(run: Record, row: Record, held: Record) -> int:
    cpus = cpus_at(run.cpus)
    total = 0
    waiter = held.first
    for _place in range(held.waiters):
        total += row[waiter]
        waiter = cpus[waiter].next_waiter
    return total

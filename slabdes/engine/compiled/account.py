"""Where the time of an operation that is more than a hit went, and when interrupts are on: TimedCpu's accounts, compiled.

Work is what the other parts leave of an operation's time: `unpack` sees to it. Leaves out hits, whose time is work and first
touch only, and what handlers do (`interrupts`).
"""

from __future__ import annotations

from slabdes.engine.compiled.clock import Record, add
from slabdes.engine.compiled.numba_tools import function, inline, spent_at
from slabdes.paths.outcome import Path

LEVELS = 3
"""Accounts that can be remembered at once: of an operation, of a handler that interrupts it, of the handler's operation."""
IRQS_OFF, IRQ_WAIT = 0, 1
"""The histograms of interrupts."""
_HIT, _FREE_HIT, _LAST_ALLOCATION = int(Path.HIT), int(Path.FREE_HIT), int(Path.FAIL)


@inline
def _level(run: Record, cpu: Record) -> Record:
    return spent_at(run.accounts)[LEVELS * cpu.number + cpu.level]


@function
def remember_accounts(run: Record, cpu: Record) -> None:
    """From here on, what the accounts grow by belongs to something new."""
    was = _level(run, cpu)
    if not cpu.level:
        cpu.beyond_work = 0
    cpu.level += 1
    was.lock_wait = cpu.lock_wait
    was.handoff = cpu.handoff_time
    was.line = cpu.line_time
    was.local_memory = cpu.local_memory_time
    was.remote_memory = cpu.remote_memory_time
    was.pages = cpu.page_time
    was.first_touch = cpu.first_touch_time + cpu.descriptor_read_time
    was.interrupts = cpu.interrupt_time


@function
def _add_growth(run: Record, cpu: Record, to: Record) -> int:
    """What the accounts have grown by since they were last remembered goes to another record; first touch apart, it returns."""
    was = _level(run, cpu)
    touched = cpu.first_touch_time + cpu.descriptor_read_time - was.first_touch
    to.lock_wait += cpu.lock_wait - was.lock_wait
    to.handoff += cpu.handoff_time - was.handoff
    to.line += cpu.line_time - was.line
    to.local_memory += cpu.local_memory_time - was.local_memory
    to.remote_memory += cpu.remote_memory_time - was.remote_memory
    to.pages += cpu.page_time - was.pages
    to.first_touch += touched
    to.interrupts += cpu.interrupt_time - was.interrupts
    return touched


@inline
def begin_account(run: Record, cpu: Record) -> None:
    """TimedCpu.begin_account."""
    if cpu.level or cpu.beyond_work:
        remember_accounts(run, cpu)
    else:
        # The accounts are still as they were remembered last.
        cpu.level = 1
    if not cpu.in_bulk:
        disable_irqs(cpu)


@function
def end_account(run: Record, cpu: Record, path: int) -> None:
    """TimedCpu.end_account."""
    cpu.level -= 1
    touched = 0
    if cpu.beyond_work:
        touched = _add_growth(run, cpu, spent_at(run.spent)[path])
    if cpu.in_bulk:
        return
    if path in (_HIT, _FREE_HIT):
        cpu.irqs_off_depth -= 1
        return
    enable_irqs(run, cpu, cpu.clock - touched if path <= _LAST_ALLOCATION else cpu.clock)


@function
def end_interrupt(run: Record, cpu: Record, began: int) -> None:
    """TimedCpu.end_interrupt."""
    cpu.level -= 1
    if cpu.level:
        _add_growth(run, cpu, spent_at(run.accounts)[LEVELS * cpu.number + cpu.level - 1])
    took = cpu.clock - began
    cpu.interrupt_time += took
    cpu.beyond_work |= took
    enable_irqs(run, cpu, cpu.clock)


@inline
def disable_irqs(cpu: Record) -> None:
    """Interrupts go off, or stay off for one reason more."""
    if not cpu.irqs_off_depth:
        cpu.irqs_off_at = cpu.clock
    cpu.irqs_off_depth += 1


@inline
def enable_irqs(run: Record, cpu: Record, now: int) -> None:
    """One reason less for interrupts to be off; the last one counts how long they were."""
    cpu.irqs_off_depth -= 1
    if not cpu.irqs_off_depth:
        _irqs_are_on(run, cpu, now)


@function
def _irqs_are_on(run: Record, cpu: Record, now: int) -> None:
    add(run.irq_buckets, run.irq_counts, IRQS_OFF, now - cpu.irqs_off_at)
    cpu.irqs_on_at = now

# SPDX-License-Identifier: GPL-2.0-only
"""Where the time of an operation that is more than a hit went: TimedCpu's accounts, compiled (paths.accounts.Accounts).

Work is what the other parts leave of an operation's time: `unpack` sees to it. Leaves out hits, whose time is work and first
touch only.
"""

from __future__ import annotations

from slabdes.engine.compiled.clock import add
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.layout import N_UPKEEPS, Spent
from slabdes.engine.compiled.logged import log_turn
from slabdes.engine.compiled.numba_tools import counts_at, function, inline, spent_at
from slabdes.engine.compiled.run_layout import Run

LEVELS = 3
"""Accounts that can be remembered at once: of an operation, of a handler that interrupts it, of the handler's operation."""
IRQS_OFF, IRQ_WAIT = 0, 1
N_TIMES = 2 + N_UPKEEPS
"""The histograms of interrupts, and behind them those of turns, by Upkeep."""
HELD_IN, BEHIND = 0, 1
"""What is summed up of a lock and a kind of upkeep: its turns' holds, and waits behind them."""


@inline
def _level(run: Run, cpu: Cpu) -> Spent:
    return spent_at(run.accounts)[LEVELS * cpu.number + cpu.level]


@inline
def remember_accounts(run: Run, cpu: Cpu) -> None:
    """From here on, what the accounts grow by belongs to something new."""
    if cpu.level or cpu.beyond_work:
        _remember(run, cpu)
    else:
        # They are still as they were remembered last.
        cpu.level = 1


@function
def _remember(run: Run, cpu: Cpu) -> None:
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
def _add_growth(run: Run, cpu: Cpu, to: Spent) -> int:
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
def account_for(run: Run, cpu: Cpu, path: int) -> int:
    """What they have grown by since then belongs to an operation of this path; what first touches are of it."""
    cpu.level -= 1
    return _add_growth(run, cpu, spent_at(run.spent)[path]) if cpu.beyond_work else 0


@function
def account_for_interrupt(run: Run, cpu: Cpu, began: int) -> None:
    """It belongs to a handler that began at `began`."""
    cpu.level -= 1
    if cpu.level:
        _add_growth(run, cpu, spent_at(run.accounts)[LEVELS * cpu.number + cpu.level - 1])
    took = cpu.clock - began
    cpu.interrupt_time += took
    cpu.beyond_work |= took


@function
def count_irqs_off(run: Run, cpu: Cpu, time: int) -> None:
    """Interrupts were off for so long."""
    add(run.irq_buckets, run.irq_counts, IRQS_OFF, time)


@function
def count_irq_wait(run: Run, cpu: Cpu, time: int) -> None:
    """An interrupt has waited for so long."""
    add(run.irq_buckets, run.irq_counts, IRQ_WAIT, time)


@function
def count_turn(run: Run, cpu: Cpu, what: int, start: int, taken: bool) -> None:
    """A turn of an Upkeep ends now, unless it was given up at once."""
    if taken:
        add(run.irq_buckets, run.irq_counts, 2 + what, cpu.clock - start)
    log_turn(run, cpu.number, start, cpu.clock, what, taken)


@function
def count_upkeep(run: Run, which: int, lock: int, upkeep: int, time: int) -> None:
    """A hold of a lock in a turn of an Upkeep, or a wait behind one, has ended."""
    counts = counts_at(run.upkeep_counts)[(2 * lock + which) * N_UPKEEPS + upkeep]
    counts.count += 1
    counts.total += time
    counts.greatest = max(counts.greatest, time)


@inline
def irqs_go_off(cpu: Cpu) -> None:
    """As paths.accounts.disable_irqs, at a lock."""
    if not cpu.irqs_off_depth:
        cpu.irqs_off_at = cpu.clock
    cpu.irqs_off_depth += 1


@inline
def irqs_go_on(run: Run, cpu: Cpu) -> None:
    """As paths.accounts.enable_irqs, at a lock's release."""
    cpu.irqs_off_depth -= 1
    if not cpu.irqs_off_depth:
        count_irqs_off(run, cpu, cpu.clock - cpu.irqs_off_at)
        cpu.irqs_on_at = cpu.clock

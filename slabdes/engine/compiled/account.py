"""Where the time of an operation that is more than a hit went, in compiled code: TimedCpu.begin_account and end_account.

Leaves out hits, whose time is work and first touch only.
"""

from __future__ import annotations

from slabdes.engine.compiled.clock import Record
from slabdes.engine.compiled.numba_tools import function, spent_at


@function
def begin_account(cpu: Record) -> None:
    """An operation begins: remember the CPU's accounts."""
    cpu.was_lock_wait = cpu.lock_wait
    cpu.was_handoff = cpu.handoff_time
    cpu.was_line = cpu.line_time
    cpu.was_local_memory = cpu.local_memory_time
    cpu.was_remote_memory = cpu.remote_memory_time
    cpu.was_pages = cpu.page_time
    cpu.was_first_touch = cpu.first_touch_time
    cpu.was_descriptor_read = cpu.descriptor_read_time
    cpu.was_work = cpu.work_time


@function
def end_account(run: Record, cpu: Record, path: int) -> None:
    """An operation ends: what the accounts have grown by belongs to its path."""
    spent = spent_at(run.spent)[path]
    spent.lock_wait += cpu.lock_wait - cpu.was_lock_wait
    spent.handoff += cpu.handoff_time - cpu.was_handoff
    spent.line += cpu.line_time - cpu.was_line
    spent.local_memory += cpu.local_memory_time - cpu.was_local_memory
    spent.remote_memory += cpu.remote_memory_time - cpu.was_remote_memory
    spent.pages += cpu.page_time - cpu.was_pages
    spent.first_touch += cpu.first_touch_time - cpu.was_first_touch
    spent.first_touch += cpu.descriptor_read_time - cpu.was_descriptor_read
    spent.work += cpu.work_time - cpu.was_work

# SPDX-License-Identifier: GPL-2.0-only
"""The integers that a CPU consists of, by purpose: both engines' CPUs are made of these. And which fields a class says it has.

Compiled records are the same annotations as an array's types. Leaves out what only one engine needs of a CPU.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Annotated, Any, Final, get_type_hints

UNSIGNED: Final = "unsigned"
Word = Annotated[int, UNSIGNED]
"""An unsigned word of 64 bits; every other integer of a record is a signed one."""


class Clock:
    """A CPU's own time, which may run ahead of the simulation's while it touches nothing that others can see.

    `work` and `page_work` collect local work, which `settle` turns into time: slowed by a busy sibling thread and jittered, both
    in fixed point. `alloc_hit` and `free_hit` are what its program's hits cost, within bulk calls and without.
    """

    __slots__ = ()

    clock: int
    work: int
    page_work: int
    slowdown: int
    jitter: int
    alloc_hit: int
    free_hit: int


class Account:
    """What a CPU has done, and where its time went."""

    __slots__ = ()

    digest: Word
    allocs: int
    frees: int
    failed: int
    skipped: int
    sections: int
    think_time: int
    lock_wait: int
    handoff_time: int
    slot_wait: int
    partner_wait: int
    line_time: int
    local_memory_time: int
    remote_memory_time: int
    page_time: int
    first_touch_time: int
    descriptor_read_time: int
    work_time: int
    interrupt_time: int
    idle_time: int
    late_total: int
    late_most: int
    late_last: int


class Interrupts:
    """Interrupts of a CPU: when the next comes, how many came; the reasons for them to be off, since when, when they went on."""

    __slots__ = ()

    irq_at: int
    interrupts: int
    interrupts_lost: int
    irqs_off_depth: int
    irqs_off_at: int
    irqs_on_at: int


class Timers:
    """When a CPU does what beside its program and the reap timer's turns, picoseconds."""

    __slots__ = ()

    slabinfo_at: int
    drain_at: int
    rcu_at: int


class Program:
    """What a CPU has under way: its program's bulk call, `blocks` of pages of its own; an Upkeep.

    `arrival`: when its present step was to begin, in a workload with arrivals. `slab_read`: whose cold descriptor a free read
    last; `slot_line`: the line of a ring fetched last, which came at `slot_read_at`; `partner`: the CPU on the ring's other end,
    `index_until` when it takes that ring's index back.
    `touched_bytes` counts what it touches, `cache_bytes` is its part of the last-level cache, or NEVER; `slab_begun`: of
    which new slab it had to fetch an object last (`working_set`).
    """

    __slots__ = ()

    arrival: int

    in_bulk: bool
    blocks: int
    upkeep: int
    slab_read: int
    slot_line: int
    slot_read_at: int
    index_until: int
    partner: int
    touched_bytes: int
    cache_bytes: int
    slab_begun: int


def fields_of(*records: type) -> dict[str, Any]:
    """The annotated fields of classes and of what these are made from, as they are written one after the other; their types."""
    found: dict[str, Any] = {}
    for record in records:
        hints = get_type_hints(record, include_extras=True)
        found.update((name, hints[name]) for name in _written(record))
    return found


def _written(record: type) -> Iterator[str]:
    for base in record.__bases__:
        yield from _written(base)
    yield from inspect.get_annotations(record)

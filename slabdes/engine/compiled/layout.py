# SPDX-License-Identifier: GPL-2.0-only
"""The compiled engine's memory: each kind of record as a class of annotated fields, and the arrays that hold such records.

Every field is a 64-bit integer, so that one address reaches a record from any function; mypy reads the classes, numba their
dtypes. Slab and MemPolicy are records as the allocator has them. Leaves out caches and what they consist of (`slab.layout`,
`slub.layout`), what fills records (`pack`) and what works on them.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from functools import cache
from typing import Any, Final

import numpy as np

from slabdes.engine.fields import UNSIGNED, Word, fields_of
from slabdes.engine.records import SUB_BUCKET_BITS
from slabdes.paths.outcome import Path, Upkeep

N_PATHS: Final = len(Path)
N_UPKEEPS: Final = len(Upkeep)
BUCKETS: Final = (64 - SUB_BUCKET_BITS) << SUB_BUCKET_BITS
"""Room for every bucket of a 63-bit value."""
Array = np.ndarray[Any, Any]


@cache
def dtype_of(record: type) -> np.dtype[np.void]:
    """The type of an array of records of a class; names (texts) stay in Python."""
    return np.dtype(
        [(name, _number(record, name, made)) for name, made in fields_of(record).items() if made is not str], align=True
    )


def _number(record: type, name: str, made: Any) -> str:
    if UNSIGNED in getattr(made, "__metadata__", ()):
        return "u8"
    if not (isinstance(made, type) and issubclass(made, int)):
        raise TypeError(f"{record.__name__}.{name} is {made}, no integer")
    return "i8"


def names_of(record: type) -> tuple[str, ...]:
    """The names of a record's fields."""
    return tuple(dtype_of(record).names or ())


def blank(record: type, count: int) -> Array:
    """An array of `count` records whose fields are all 0."""
    return np.zeros(count, dtype_of(record))


class Queue:
    """Who waits for a lock: `first`, `last`, `next`; `before` waits before that, `passed` was the last passed over, or FREE."""

    first: int
    last: int
    waiters: int
    next: int
    handoff: int
    released_at: int
    before: int
    passed: int
    passed_since: int
    preferred: int
    headed_at: int


class LockAccount:
    """What is recorded of a lock, as TimedLock has it."""

    queue_area: int
    changed_at: int
    acquisitions: int
    contended: int
    bounces: int
    con_bounces: int
    acq_bounces: int
    digest: Word


class Lock(Queue, LockAccount):
    """As TimedLock."""

    line: int
    holder: int
    granted_at: int
    acquired_by: int
    acquired_from: int
    acquired_in: int
    since: int
    toll: int
    relinked: int
    written: int
    posted: int
    posted_total: int


class Counts:
    """A histogram's sums; its buckets lie in a table."""

    count: int
    total: int
    least: int
    greatest: int


class Spent:
    """As records.Spent, without `work`: the part that the others leave."""

    lock_wait: int
    handoff: int
    line: int
    local_memory: int
    remote_memory: int
    pages: int
    first_touch: int
    interrupts: int


class Slot:
    """A slot of the workload; `waiting` is one more than the CPU that waits for it. In a hash table `key` -1 is a free place."""

    key: int
    obj: int
    full_at: int
    emptied: int
    waiting: int
    full: int


class Step:
    """A step that Python brings: `workload.programs.Step`, in its order."""

    think: int
    op: int
    cache: int
    what: int
    node: int
    flags: int


class Frame:
    """A path under way: where it goes on. `cache` and `i` are of paths that are not lowered; `frame_dtype` adds the others'."""

    pc: int
    cache: int
    i: int


def frame_dtype(lowered: Iterable[str]) -> np.dtype[np.void]:
    """The type of a frame with the fields that lowered paths need for their arguments and local variables."""
    return np.dtype([(name, "i8") for name in dict.fromkeys((*names_of(Frame), *lowered))], align=True)


class Status(IntEnum):
    """What a compiled function says: go on with the CPU, wait for its event, or something that Python must see to."""

    GO = 0
    WAIT = 1
    FINISHED = 2
    STALLED = 3
    OVERFLOW = 4
    PAUSE = 5
    STEPS = 6
    """The CPU `current` needs more steps of its program."""
    SLABS = 7
    """There may be no room for another slab."""
    SLOTS = 8
    """The hash table of slots is half full."""
    EVENTS = 9
    """There may be no room for what a script's next step would write down."""
    STORM = 10
    """A CPU does nothing any more but handle interrupts."""
    LOG = 11
    """The event log's buffers are to be emptied."""
    CALLED = 12
    """Another path of the CPU, now on top of this one, comes first."""
    MARK = 13
    """The books are to be closed."""
    LET_IN = 14
    """A script has something that comes in at this point."""

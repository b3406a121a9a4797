# SPDX-License-Identifier: GPL-2.0-only
"""Per-CPU operation programs: the steps that workloads hand to engines, and nothing else.

A program says what a CPU wants to do and how long it thinks before. Leaves out how long anything takes: engines know that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from slabdes.config import CacheConfig


class Op(IntEnum):
    """What a step does once its think time is over."""

    ALLOC = 0
    """Allocate an object into a slot."""
    FREE = 1
    """Free the object in a slot, once it is there."""
    SECTION = 2
    """Take the workload's own lock and hold it for some time."""
    BARRIER = 3
    """Wait until `Workload.barrier` CPUs are here."""
    GET_PAGES = 4
    """Ask the page allocator for 2**order pages of the CPU's own node, with no cache in between."""
    GIVE_PAGES = 5
    """Give as many back; nothing to do if the CPU holds none."""
    BEGIN_BULK = 6
    """Begin a bulk call; its allocations or frees follow, all of one cache. They do not nest.

    On SLAB interrupts go off for them; on SLUB all that it allocates is allocated now."""
    END_BULK = 7
    """End the bulk call: interrupts go on, or all that it frees is freed now."""
    SIGNAL = 8
    """Say that the CPU has come here: fill a slot, with no object."""
    AWAIT = 9
    """Wait until another CPU has filled such a slot; empty it."""


NO_CACHE: Final = -1
"""The cache of a step that has none."""
ANY_NODE: Final = -1
"""The node of an allocation that asks for none."""

Step = tuple[int, int, int, int, int, int]
"""(think_ps, op, cache, what, node, flags): a tuple, since programs have millions; those without an object are made below.

`think_ps`: picoseconds between the end of the CPU's previous step and this one's begin; in a workload with `arrivals`, those
from the run's begin on: it arrives then, and begins late if its CPU is not done with the one before. `op`: an Op. `cache`:
index into `Workload.caches`, or NO_CACHE. `what`: the slot of an object or a signal, a SECTION's hold time in picoseconds, the
order of pages, the objects that a bulk call allocates (at its begin) or frees (at its end), 0 for the others. `node`: the node
asked for, or ANY_NODE. `flags`: MAY_WAIT and THISNODE (allocator.gfp), of allocations only.
"""


def section(think: int, hold: int) -> Step:
    """Hold the workload's own lock for `hold` picoseconds."""
    return think, Op.SECTION, NO_CACHE, hold, ANY_NODE, 0


def barrier() -> Step:
    """Wait for the others."""
    return 0, Op.BARRIER, NO_CACHE, 0, ANY_NODE, 0


def get_pages(order: int) -> Step:
    """Take 2**order pages."""
    return 0, Op.GET_PAGES, NO_CACHE, order, ANY_NODE, 0


def give_pages(order: int) -> Step:
    """Give as many back."""
    return 0, Op.GIVE_PAGES, NO_CACHE, order, ANY_NODE, 0


def begin_bulk(think: int, cache: int, allocates: int, flags: int) -> Step:
    """Begin a bulk call that allocates so many objects, or frees some."""
    return think, Op.BEGIN_BULK, cache, allocates, ANY_NODE, flags


def end_bulk(cache: int, frees: int) -> Step:
    """End it; so many objects are freed by it."""
    return 0, Op.END_BULK, cache, frees, ANY_NODE, 0


def signal(slot: int) -> Step:
    """Say that the CPU has come here."""
    return 0, Op.SIGNAL, NO_CACHE, slot, ANY_NODE, 0


def await_signal(think: int, slot: int) -> Step:
    """Wait until another CPU has come where it signals `slot`."""
    return think, Op.AWAIT, NO_CACHE, slot, ANY_NODE, 0


class Program(Protocol):
    """One CPU's program; each call begins it anew, with the same steps."""

    def __call__(self) -> Iterator[Step]:
        """A fresh iterator over the steps, from the first one."""
        ...


@dataclass(frozen=True)
class Recorded:
    """What a trace had, all copies together, for its replay to be judged by."""

    span_ps: int
    """How long it takes with its think times as they are scaled; 0 without any."""
    most_live: tuple[int, ...]
    """Objects of each of the workload's caches allocated at once, at most; none where the run does not begin empty."""
    arrivals: bool


@dataclass(frozen=True)
class Workload:
    """What every CPU of the machine that takes part does, and the caches that it is done to.

    Slots: a windowed workload's allocation waits until its slot is empty; elsewhere programs allocate into empty slots only.
    A slot has one CPU that fills it and one that empties it, which may be the same.
    """

    programs: Mapping[int, Program]
    """Machine CPU to its program."""
    caches: tuple[CacheConfig, ...]
    windowed: bool = False
    arrivals: bool = False
    operations: int | None = None
    """Steps of all programs together, where that is known beforehand; for progress only."""
    warnings: tuple[str, ...] = ()
    barrier: int = 0
    """CPUs that a BARRIER waits for; 0 where there is none."""
    recorded: Recorded | None = None

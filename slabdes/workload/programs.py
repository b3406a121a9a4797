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
    """Allocate an object into the step's slot."""
    FREE = 1
    """Free the object in the step's slot, once it is there."""
    SECTION = 2
    """Take the workload's own lock and hold it for `slot` picoseconds."""
    BARRIER = 3
    """Wait until `Workload.barrier` CPUs are here."""
    GET_PAGES = 4
    """Ask the page allocator for 2**`slot` pages of the CPU's own node, with no cache in between."""
    GIVE_PAGES = 5
    """Give as many back; nothing to do if the CPU holds none."""
    BEGIN_BULK = 6
    """Turn interrupts off for the allocations or frees of a bulk call, which follow. Bulk calls do not nest."""
    END_BULK = 7
    """End the bulk call: interrupts go on."""


ANY_NODE: Final = -1
"""The node of an allocation that asks for none."""

Step = tuple[int, int, int, int, int, int]
"""(think_ps, op, cache, slot, node, flags).

`think_ps`: picoseconds between the end of the CPU's previous step and this one's begin. `op`: an Op. `cache`: index into
`Workload.caches`, -1 for steps without one. `slot`: the object's number (hold time in picoseconds for a SECTION, the order
for pages, 0 for a BARRIER and for a bulk call's begin and end). `node`: the node asked for, or ANY_NODE. `flags`: MAY_WAIT
and THISNODE (allocator.gfp), of allocations only.
"""


class Program(Protocol):
    """One CPU's program; each call begins it anew, with the same steps."""

    def __call__(self) -> Iterator[Step]:
        """A fresh iterator over the steps, from the first one."""
        ...


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
    operations: int | None = None
    """Steps of all programs together, where that is known beforehand; for progress only."""
    warnings: tuple[str, ...] = ()
    barrier: int = 0
    """CPUs that a BARRIER waits for; 0 where there is none."""

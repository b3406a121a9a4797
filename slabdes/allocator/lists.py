# SPDX-License-Identifier: GPL-2.0-only
"""Doubly linked lists of numbered slabs, as linux/list.h has them: a head links to itself when its list is empty.

And the chain of free objects within one, walked for checks: what both allocators' slabs have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slabdes.allocator.state import BUFCTL_END, Memory, Slab
from slabdes.errors import CheckFailed


def list_empty(slabs: Sequence[Slab], head: int) -> bool:
    """Whether nothing is linked to `head`."""
    return slabs[head].next == head


def list_del(slabs: Sequence[Slab], entry: int) -> None:
    """Unlink `entry`; its own links stay, as the kernel leaves poison there."""
    before, after = slabs[entry].prev, slabs[entry].next
    slabs[before].next = after
    slabs[after].prev = before


def list_add(slabs: Sequence[Slab], entry: int, head: int) -> None:
    """Link `entry` right behind `head`: the list's first."""
    _link(slabs, entry, head, slabs[head].next)


def list_add_tail(slabs: Sequence[Slab], entry: int, head: int) -> None:
    """Link `entry` right before `head`: the list's last."""
    _link(slabs, entry, slabs[head].prev, head)


def _link(slabs: Sequence[Slab], entry: int, before: int, after: int) -> None:
    slabs[after].prev = entry
    slabs[entry].next = after
    slabs[entry].prev = before
    slabs[before].next = entry


def list_entries(slabs: Sequence[Slab], head: int) -> Iterator[int]:
    """The slabs linked to `head`, first to last. For checks and dumps: the allocator never walks a list."""
    entry = slabs[head].next
    while entry != head:
        yield entry
        entry = slabs[entry].next


def free_chain(memory: Memory, cache: str, slab: Slab, objnr: int) -> Iterator[int]:
    """The objects of a slab's free chain from `objnr` on. For checks: raises CheckFailed, naming `cache`, if it is broken."""
    for _link in range(slab.num + 1):
        if objnr == BUFCTL_END:
            return
        if not 0 <= objnr < slab.num:
            break
        yield objnr
        objnr = memory.words[slab.bufctl + objnr]
    raise CheckFailed(f"cache {cache}: slab {slab.serial}: free chain leaves the slab or has a loop at {objnr}")

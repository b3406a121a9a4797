# SPDX-License-Identifier: GPL-2.0-only
"""SLUB's state transitions, each written once: what changes at once, by an atomic operation or under a lock.

A slab's free chain and inuse are its state word: a path that changes them asks before whether another CPU has, since it read
them (`is_unchanged`), as cmpxchg does. Leaves out control flow, clock and waiting.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from typing import Final

from slabdes.allocator.lists import list_add, list_add_tail, list_del
from slabdes.allocator.slub.state import (
    NO_SHEAF,
    ON_NO_LIST,
    ON_PARTIAL,
    SHRINK_PROMOTE_MAX,
    KmemCache,
    KmemCacheNode,
    NodeBarn,
    SlabSheaf,
)
from slabdes.allocator.state import BUFCTL_END, NO_NODE, NOBODY, OBJECT_BITS, OBJECT_MASK, Slab

LOOKAHEAD: Final = 3
"""Objects of other slabs at which a group's search for more of its own ends."""


def init_slab(words: MutableSequence[int], slab: Slab, node: int, taken: int) -> None:
    """A new slab whose first `taken` objects are in use already; the others are free in ascending order."""
    slab.nodeid = node
    slab.inuse = taken
    slab.free = taken if taken < slab.num else BUFCTL_END
    for i in range(slab.num):
        words[slab.bufctl + i] = i + 1 if i + 1 < slab.num else BUFCTL_END


def is_unchanged(slab: Slab, prior: int, inuse: int) -> bool:
    """Whether a compare-and-exchange of a slab's state word succeeds."""
    return slab.free == prior and slab.inuse == inuse


def take_freelist(slab: Slab) -> None:
    """Take a slab's whole free chain: all its objects count as in use (get_freelist)."""
    slab.free = BUFCTL_END
    slab.inuse = slab.num


def return_freelist(slab: Slab, head: int, nr: int) -> None:
    """Give a full slab the chain of `nr` objects back that was taken from it."""
    slab.free = head
    slab.inuse = slab.num - nr


def take_first(words: Sequence[int], slab: Slab, number: int) -> int:
    """Take the first free object of a slab."""
    objnr = slab.free
    slab.free = words[slab.bufctl + objnr]
    slab.inuse += 1
    return number << OBJECT_BITS | objnr


def put_group(words: MutableSequence[int], slab: Slab, head: int, tail: int, nr: int) -> None:
    """Put a chain of `nr` objects in front of its slab's free chain."""
    words[slab.bufctl + tail] = slab.free
    slab.free = head
    slab.inuse -= nr


def copy_chain(words: MutableSequence[int], slab: Slab, number: int, head: int, at: int, nr: int) -> int:
    """Write the first `nr` objects of a chain to `words` from `at` on; where the chain goes on."""
    for i in range(nr):
        words[at + i] = number << OBJECT_BITS | head
        head = words[slab.bufctl + head]
    return head


def copy_new(words: MutableSequence[int], number: int, at: int, nr: int) -> None:
    """Write objects 0 to `nr` - 1 of a new slab to `words` from `at` on."""
    for i in range(nr):
        words[at + i] = number << OBJECT_BITS | i


def chain_tail(words: Sequence[int], slab: Slab, head: int, nr: int) -> int:
    """The last object of a chain of `nr`."""
    for _link in range(nr - 1):
        head = words[slab.bufctl + head]
    return head


def reverse_chain(words: MutableSequence[int], slab: Slab, head: int, nr: int) -> int:
    """Turn a chain of `nr` objects round; its new head (slab_free_freelist_hook)."""
    before = BUFCTL_END
    for _link in range(nr):
        after = words[slab.bufctl + head]
        words[slab.bufctl + head] = before
        before = head
        head = after
    return before


def detach_group(words: MutableSequence[int], slabs: Sequence[Slab], at: int, size: int) -> int:
    """Chain the last of `size` objects and those of its slab found near it; how many objects are left before them.

    The chain begins with the first that is left no more and ends in what was the last (build_detached_freelist).
    """
    size -= 1
    last = words[at + size]
    number = last >> OBJECT_BITS
    bufctl = slabs[number].bufctl
    head = last & OBJECT_MASK
    words[bufctl + head] = BUFCTL_END
    left = size
    misses = 0
    while size and misses < LOOKAHEAD:
        size -= 1
        obj = words[at + size]
        if obj >> OBJECT_BITS == number:
            words[bufctl + (obj & OBJECT_MASK)] = head
            head = obj & OBJECT_MASK
            left -= 1
            words[at + size] = words[at + left]
            words[at + left] = obj
        else:
            misses += 1
    return left


def partition_remote(words: MutableSequence[int], slabs: Sequence[Slab], at: int, size: int, node: int) -> int:
    """Swap the objects that do not lie on `node` to the front of an array; how many they are (free_to_pcs_bulk)."""
    remote = 0
    for i in range(size):
        obj = words[at + i]
        if slabs[obj >> OBJECT_BITS].nodeid != node:
            words[at + i] = words[at + remote]
            words[at + remote] = obj
            remote += 1
    return remote


def add_partial(slabs: Sequence[Slab], n: KmemCacheNode, number: int, tail: bool) -> None:
    """Put a slab on its node's partial list, under list_lock (add_partial)."""
    if tail:
        list_add_tail(slabs, number, n.partial)
    else:
        list_add(slabs, number, n.partial)
    slabs[number].which = ON_PARTIAL
    n.nr_partial += 1


def remove_partial(slabs: Sequence[Slab], n: KmemCacheNode, number: int) -> None:
    """Take a slab off it, under list_lock (remove_partial)."""
    list_del(slabs, number)
    slabs[number].which = ON_NO_LIST
    n.nr_partial -= 1


def drop_slab(slabs: Sequence[Slab], cache: KmemCache, number: int) -> None:
    """Give up the number of a slab whose pages go back: the next new one takes it."""
    slabs[number].nodeid = NO_NODE
    slabs[number].link = cache.spare
    cache.spare = number
    cache.slabs_destroyed += 1


def sheaf_push(words: MutableSequence[int], sheaf: SlabSheaf, obj: int) -> None:
    """Put an object on a sheaf that has room."""
    words[sheaf.entry + sheaf.size] = obj
    sheaf.size += 1


def sheaf_pop(words: Sequence[int], sheaf: SlabSheaf) -> int:
    """Take a sheaf's top object."""
    sheaf.size -= 1
    return words[sheaf.entry + sheaf.size]


def sheaf_top(words: Sequence[int], sheaf: SlabSheaf) -> int:
    """A sheaf's top object, which stays."""
    return words[sheaf.entry + sheaf.size - 1]


def is_full(sheaf: SlabSheaf) -> bool:
    """Whether a sheaf has no room."""
    return sheaf.size == sheaf.capacity


def pop_block(words: MutableSequence[int], sheaf: SlabSheaf, at: int, nr: int) -> None:
    """Take the top `nr` objects of a sheaf as a block, its top the block's last."""
    sheaf.size -= nr
    for i in range(nr):
        words[at + i] = words[sheaf.entry + sheaf.size + i]


def push_block(words: MutableSequence[int], sheaf: SlabSheaf, at: int, nr: int) -> None:
    """Put a block of `nr` objects on a sheaf that has room for it."""
    for i in range(nr):
        words[sheaf.entry + sheaf.size + i] = words[at + i]
    sheaf.size += nr


def put_full(sheaves: Sequence[SlabSheaf], barn: NodeBarn, number: int) -> None:
    """Put a sheaf at the head of a barn's full list, under its lock."""
    sheaves[number].link = barn.full
    barn.full = number
    barn.nr_full += 1


def put_empty(sheaves: Sequence[SlabSheaf], barn: NodeBarn, number: int) -> None:
    """Put a sheaf at the head of a barn's empty list, under its lock."""
    sheaves[number].link = barn.empty
    barn.empty = number
    barn.nr_empty += 1


def get_full(sheaves: Sequence[SlabSheaf], barn: NodeBarn) -> int:
    """Take the first full sheaf of a barn, or NO_SHEAF, under its lock."""
    number = barn.full
    if number != NO_SHEAF:
        barn.full = sheaves[number].link
        sheaves[number].link = NO_SHEAF
        barn.nr_full -= 1
    return number


def get_empty(sheaves: Sequence[SlabSheaf], barn: NodeBarn) -> int:
    """Take the first empty sheaf of a barn, or NO_SHEAF, under its lock."""
    number = barn.empty
    if number != NO_SHEAF:
        barn.empty = sheaves[number].link
        sheaves[number].link = NO_SHEAF
        barn.nr_empty -= 1
    return number


def drop_sheaf(sheaves: Sequence[SlabSheaf], cache: KmemCache, number: int) -> None:
    """Give up an empty sheaf's number: a new one with as much room takes it."""
    sheaves[number].link = cache.spare_sheaves
    cache.spare_sheaves = number


def sort_partial(words: MutableSequence[int], slabs: Sequence[Slab], n: KmemCacheNode, promoted: int) -> int:
    """Shrink's walk of a partial list, under list_lock: the fullest slabs go to its head, empty ones off it.

    The first of the chain of empty ones, the last found first, or NOBODY; `words` from `promoted` on serve as its heads of chains
    (__kmem_cache_do_shrink).
    """
    for free in range(SHRINK_PROMOTE_MAX):
        words[promoted + free] = NOBODY
    empty = NOBODY
    number = slabs[n.partial].next
    while number != n.partial:
        slab = slabs[number]
        after = slab.next
        free = slab.num - slab.inuse
        if not slab.inuse:
            remove_partial(slabs, n, number)
            slab.link = empty
            empty = number
        elif free <= SHRINK_PROMOTE_MAX:
            list_del(slabs, number)
            slab.link = words[promoted + free - 1]
            words[promoted + free - 1] = number
        number = after
    before = n.partial
    for free in range(SHRINK_PROMOTE_MAX):
        number = words[promoted + free]
        while number != NOBODY:
            list_add(slabs, number, before)
            before = number
            number = slabs[number].link
    return empty

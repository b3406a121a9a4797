# SPDX-License-Identifier: GPL-2.0-only
"""The state transitions of mm/slab.c, each written once: what changes under a lock, with no lock, no clock and no waiting.

Functions take records and flat lists only (see `state`), look nothing up, and so run in every engine. The control flow
around them, where locks are taken and time passes, is in the engine's paths.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from typing import Final

from slabdes.allocator.lists import list_add, list_add_tail, list_del, list_empty
from slabdes.allocator.state import (
    BUFCTL_END,
    NO_NODE,
    OBJECT_BITS,
    OBJECT_MASK,
    ArrayCache,
    CacheStats,
    KmemCache,
    KmemList3,
    ListName,
    Slab,
)
from slabdes.allocator.tunables import BATCHREFILL_LIMIT

NO_SLAB: Final = -1
SLAB_DESTROYED: Final = 3
"""What `free_block_object` says of a slab that goes back to the page allocator; otherwise it names the list."""
DRAIN_SHARE: Final = 5
"""drain_array and drain_freelist take a fifth at a time."""


def transfer_objects(words: MutableSequence[int], to: ArrayCache, frm: ArrayCache, most: int) -> int:
    """Move up to `most` objects from the top of `frm` to the top of `to`, order kept; how many (transfer_objects)."""
    nr = min(frm.avail, most, to.limit - to.avail)
    for i in range(nr):
        words[to.entry + to.avail + i] = words[frm.entry + frm.avail - nr + i]
    frm.avail -= nr
    to.avail += nr
    return nr


def flush_to_shared(words: MutableSequence[int], shared: ArrayCache, ac: ArrayCache, batchcount: int) -> int:
    """Copy the oldest of `ac`, as many as `shared` has room for, to its top; how many (cache_flusharray)."""
    nr = min(shared.limit - shared.avail, batchcount)
    for i in range(nr):
        words[shared.entry + shared.avail + i] = words[ac.entry + i]
    shared.avail += nr
    return nr


def shift_down(words: MutableSequence[int], ac: ArrayCache, nr: int) -> None:
    """Drop the oldest `nr` objects of an array and move the others down (the memmove of cache_flusharray)."""
    ac.avail -= nr
    for i in range(ac.avail):
        words[ac.entry + i] = words[ac.entry + nr + i]


def ac_put(words: MutableSequence[int], ac: ArrayCache, obj: int) -> None:
    """Push an object: `ac->entry[ac->avail++] = objp`."""
    words[ac.entry + ac.avail] = obj
    ac.avail += 1


def ac_get(words: MutableSequence[int], ac: ArrayCache) -> int:
    """Pop an object: `ac->entry[--ac->avail]`."""
    ac.avail -= 1
    return words[ac.entry + ac.avail]


def alloc_hit(words: MutableSequence[int], stats: CacheStats, ac: ArrayCache) -> int:
    """Serve an allocation from an array that is not empty: no lock, no other CPU's memory (____cache_alloc)."""
    stats.allochit += 1
    ac.touched = 1
    return ac_get(words, ac)


def free_hit(words: MutableSequence[int], stats: CacheStats, ac: ArrayCache, obj: int) -> None:
    """Serve a free into an array that is not full; a free never sets touched (__cache_free)."""
    stats.freehit += 1
    ac_put(words, ac, obj)


def refill_batchcount(ac: ArrayCache) -> int:
    """How many objects a refill asks for: little where there was little activity since the last reap."""
    batchcount = ac.batchcount
    if not ac.touched and batchcount > BATCHREFILL_LIMIT:
        batchcount = BATCHREFILL_LIMIT
    return batchcount


def first_slab(slabs: Sequence[Slab], l3: KmemList3) -> int:
    """The slab that objects come from next: the first partial one, else the first free one, else NO_SLAB."""
    entry = slabs[l3.slabs_partial].next
    if entry == l3.slabs_partial:
        l3.free_touched = 1
        entry = slabs[l3.slabs_free].next
        if entry == l3.slabs_free:
            return NO_SLAB
    return entry


def slab_get_obj(words: MutableSequence[int], slab: Slab, number: int) -> int:
    """Take the first object of a slab's free chain (slab_get_obj)."""
    objnr = slab.free
    slab.inuse += 1
    slab.free = words[slab.bufctl + objnr]
    return number << OBJECT_BITS | objnr


def slab_put_obj(words: MutableSequence[int], slab: Slab, obj: int) -> None:
    """Put an object at the head of its slab's free chain (slab_put_obj)."""
    objnr = obj & OBJECT_MASK
    words[slab.bufctl + objnr] = slab.free
    slab.free = objnr
    slab.inuse -= 1


def take_objects(
    words: MutableSequence[int],
    slabs: Sequence[Slab],
    l3: KmemList3,
    stats: CacheStats,
    ac: ArrayCache,
    number: int,
    batchcount: int,
) -> int:
    """Move objects of a listed slab to an array until the slab or the batch ends, and put it where it belongs; how many."""
    nr = alloc_block(words, slabs[number], stats, ac, number, batchcount)
    relist_taken_slab(slabs, l3, number)
    return nr


def alloc_block(words: MutableSequence[int], slab: Slab, stats: CacheStats, ac: ArrayCache, number: int, batchcount: int) -> int:
    """Move objects of a slab to an array until the slab or the batch ends; how many (the inner loop of the refill)."""
    nr = 0
    while slab.inuse < slab.num and nr < batchcount:
        stats.num_allocations += 1
        stats_inc_active(stats)
        ac_put(words, ac, slab_get_obj(words, slab, number))
        nr += 1
    return nr


def take_one(words: MutableSequence[int], slabs: Sequence[Slab], l3: KmemList3, stats: CacheStats, number: int) -> int:
    """Take one object straight from a slab (____cache_alloc_node)."""
    stats.node_allocs += 1
    stats_inc_active(stats)
    obj = slab_get_obj(words, slabs[number], number)
    l3.free_objects -= 1
    relist_taken_slab(slabs, l3, number)
    return obj


def relist_taken_slab(slabs: Sequence[Slab], l3: KmemList3, number: int) -> None:
    """Put a slab that objects were taken from at the head of the full or of the partial list."""
    if slabs[number].which == ListName.FREE:
        l3.free_slabs -= 1
    list_del(slabs, number)
    _list_taken_slab(slabs, l3, number)


def _list_taken_slab(slabs: Sequence[Slab], l3: KmemList3, number: int) -> None:
    slab = slabs[number]
    if slab.free == BUFCTL_END:
        list_add(slabs, number, l3.slabs_full)
        slab.which = ListName.FULL
    else:
        list_add(slabs, number, l3.slabs_partial)
        slab.which = ListName.PARTIAL


def free_block_object(
    words: MutableSequence[int], slabs: Sequence[Slab], l3: KmemList3, stats: CacheStats, obj: int, trim: bool
) -> int:
    """Return one object to its slab (the body of free_block's loop): the list the slab is on now, or SLAB_DESTROYED.

    With `trim`, a slab that empties beyond free_limit goes: it is unlinked and its objects are no longer counted.
    """
    number = obj >> OBJECT_BITS
    slab = slabs[number]
    list_del(slabs, number)
    slab_put_obj(words, slab, obj)
    stats.num_active -= 1
    l3.free_objects += 1
    if slab.inuse:
        list_add_tail(slabs, number, l3.slabs_partial)
        slab.which = ListName.PARTIAL
        return ListName.PARTIAL
    if trim and l3.free_objects > l3.free_limit:
        l3.free_objects -= slab.num
        return SLAB_DESTROYED
    list_add(slabs, number, l3.slabs_free)
    l3.free_slabs += 1
    slab.which = ListName.FREE
    return ListName.FREE


def next_colour(cache: KmemCache, l3: KmemList3) -> int:
    """The colour of the slab to come, as an offset in bytes; the next one's is advanced (cache_grow)."""
    offset = l3.colour_next
    l3.colour_next += 1
    if l3.colour_next >= cache.colour:
        l3.colour_next = 0
    return offset * cache.colour_off


def advanced_colour(cache: KmemCache, l3: KmemList3) -> int:
    """The colour of the slab to come, as an offset in bytes, advanced before it is used (cache_grow_begin of 4.7)."""
    l3.colour_next += 1
    if l3.colour_next >= cache.colour:
        l3.colour_next = 0
    return l3.colour_next * cache.colour_off


def init_slab(words: MutableSequence[int], slab: Slab, node: int, colouroff: int) -> None:
    """A new slab's descriptor and free chain 0, 1, ..., num - 1 (alloc_slabmgmt, cache_init_objs)."""
    slab.nodeid = node
    slab.colouroff = colouroff
    slab.inuse = 0
    slab.free = 0
    for i in range(slab.num):
        words[slab.bufctl + i] = i + 1
    words[slab.bufctl + slab.num - 1] = BUFCTL_END


def insert_slab(slabs: Sequence[Slab], l3: KmemList3, stats: CacheStats, number: int) -> None:
    """Make a new slab active: the last of the free list, or where it belongs if objects were taken from it already."""
    slab = slabs[number]
    if slab.inuse:
        _list_taken_slab(slabs, l3, number)
    else:
        list_add_tail(slabs, number, l3.slabs_free)
        l3.free_slabs += 1
        slab.which = ListName.FREE
    stats.grown += 1
    l3.free_objects += slab.num - slab.inuse


def excess_slab(slabs: Sequence[Slab], l3: KmemList3) -> int:
    """Unlink a free slab beyond free_limit, the last of the list; NO_SLAB if none is (the end of free_block since 4.7)."""
    if l3.free_objects <= l3.free_limit:
        return NO_SLAB
    return last_free_slab(slabs, l3)


def last_free_slab(slabs: Sequence[Slab], l3: KmemList3) -> int:
    """Unlink the last slab of the free list and stop counting its objects; NO_SLAB if there is none (drain_freelist)."""
    number = slabs[l3.slabs_free].prev
    if number == l3.slabs_free:
        return NO_SLAB
    list_del(slabs, number)
    l3.free_slabs -= 1
    l3.free_objects -= slabs[number].num
    return number


def drop_slab(slabs: Sequence[Slab], cache: KmemCache, number: int) -> None:
    """Give a destroyed slab's number back: the next new one takes it."""
    slabs[number].nodeid = NO_NODE
    slabs[number].link = cache.spare
    cache.spare = number
    cache.slabs_destroyed += 1


def drain_count(ac: ArrayCache, force: bool) -> int:
    """How many objects drain_array frees: all if forced, else a fifth of the limit, at most half of what is there."""
    tofree = ac.avail if force else (ac.limit + DRAIN_SHARE - 1) // DRAIN_SHARE
    if tofree > ac.avail:
        tofree = (ac.avail + 1) // 2
    return tofree


def reap_slab_count(l3: KmemList3, num: int) -> int:
    """How many free slabs a reap may destroy: a fifth of free_limit, in slabs (cache_reap)."""
    return (l3.free_limit + DRAIN_SHARE * num - 1) // (DRAIN_SHARE * num)


def set_freeable(l3: KmemList3, stats: CacheStats) -> None:
    """Note the greatest length of the free list that a flush has seen (STATS_SET_FREEABLE)."""
    stats.max_freeable = max(stats.max_freeable, l3.free_slabs)


def has_used_slabs(slabs: Sequence[Slab], l3: KmemList3) -> bool:
    """Whether a node still has slabs with objects in use: what kmem_cache_shrink's return value says."""
    return not list_empty(slabs, l3.slabs_full) or not list_empty(slabs, l3.slabs_partial)


def stats_inc_active(stats: CacheStats) -> None:
    """One more object outside its slab (STATS_INC_ACTIVE, STATS_SET_HIGH)."""
    stats.num_active += 1
    if stats.num_active > stats.high_mark:
        stats.high_mark = stats.num_active

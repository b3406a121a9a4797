# SPDX-License-Identifier: GPL-2.0-only
"""The SLAB allocator's steps in plain words: what each note says has happened, for whoever reads a run step by step.

Beside the price list, which says what the same notes cost. Leaves out locks, pages, interrupts and how an operation ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from slabdes.allocator.state import NO_NODE, ArrayCache, KmemCache, KmemList3, ListName, SlabState, obj_to_index, virt_to_slab
from slabdes.allocator.transitions import SLAB_DESTROYED
from slabdes.paths.slab.kernel import SlabCpu

Words = Callable[..., str]
"""(function, state, the note's arguments) to a sentence; an empty one is no step of its own: its cost goes to the next."""

_WHY_SLOW: Final = {
    "cache_alloc_refill": "ac->avail is 0, the CPU's array is empty: it must be refilled",
    "____cache_alloc_node": "an object is taken straight from a node's slabs, past the arrays",
    "cache_free_alien": "the object's slab is another node's: it must not go into this CPU's array",
    "cache_flusharray": "ac->avail is ac->limit, the CPU's array is full: a batch must go",
}
_WHY_COUNTED: Final = {
    "cache_alloc_refill": "l3->shared gives nothing: objects must come from slabs, of which the node has {free_objects} free",
    "cache_grow_end": "the node's lists and free_objects, {free_objects} so far, are at hand",
    "free_block": "the node has {free_objects} free objects in slabs, and keeps up to {free_limit}",
}


def array_words(array: ArrayCache) -> str:
    """What an array is, from its name in the golden data."""
    if array.name.startswith("sh"):
        return f"l3->shared of node {array.name[2:]}"
    if array.name.startswith("a"):
        node, _, other = array.name[1:].partition(".")
        return f"node {node}'s alien cache for node {other}"
    return f"the array of CPU {array.name[1:]}"


def list_words(which: int) -> str:
    """A list of a node by its kernel name."""
    return f"slabs_{ListName(which).name.lower()}"


def note_miss(where: str, state: SlabState, cpu: SlabCpu) -> str:
    return _WHY_SLOW.get(where, "the slow path begins")


def note_looked_up(where: str, state: SlabState, cpu: SlabCpu, entry: int, nr: int) -> str:
    if nr == 1:
        return "the descriptor of 1 object has been read by now"
    return f"the descriptors of {nr} objects have been read by now"


def note_counted(where: str, state: SlabState, cpu: SlabCpu, l3: KmemList3) -> str:
    return _WHY_COUNTED.get(where, "the node's slabs are looked at, of whose objects {free_objects} are free").format(
        free_objects=l3.free_objects, free_limit=l3.free_limit
    )


def note_moved(where: str, state: SlabState, cpu: SlabCpu, cache: KmemCache, frm: ArrayCache, to: ArrayCache, nr: int) -> str:
    # A CPU's own array is brought up to date after a flush.
    left = "" if frm.name.startswith("c") else f", where {frm.avail} stay,"
    return f"transfer_objects moves {nr} from {array_words(frm)}{left} to {array_words(to)}"


def note_alien_drained(
    where: str, state: SlabState, cpu: SlabCpu, cache: KmemCache, alien: ArrayCache, shared: ArrayCache, nr: int
) -> str:
    return f"transfer_objects sends {nr} from {array_words(alien)} home to {array_words(shared)}; {alien.avail} find no room"


def note_unlinking(where: str, state: SlabState, cpu: SlabCpu, slab: int) -> str:
    return ""


def note_taken(where: str, state: SlabState, cpu: SlabCpu, cache: KmemCache, l3: KmemList3, slab: int, was: int, nr: int) -> str:
    one = state.slabs[slab]
    moved = f"and goes to {list_words(one.which)}" if one.which != was else f"and is first on {list_words(was)} again"
    return f"takes {nr} of slab {slab}, the first on {list_words(was)}; it has {one.inuse} of {one.num} in use, {moved}"


def note_taken_straight(where: str, state: SlabState, cpu: SlabCpu, cache: KmemCache, l3: KmemList3, slab: int, was: int) -> str:
    return note_taken(where, state, cpu, cache, l3, slab, was, 1)


def note_taken_from_new(where: str, state: SlabState, cpu: SlabCpu, cache: KmemCache, slab: int, nr: int) -> str:
    return f"takes {nr} of the new slab {slab}, which is on no list yet: no other CPU can empty it"


def note_no_more_slabs(where: str, state: SlabState, cpu: SlabCpu, cache: KmemCache) -> str:
    return "slabs_partial and slabs_free are both empty: goto must_grow"


def note_unlocked_look(where: str, state: SlabState, cpu: SlabCpu, l3: KmemList3) -> str:
    shared = f", l3->shared has {l3.shared.avail}" if l3.shared else ""
    return f"looks without list_lock: the node's slabs have {l3.free_objects} free{shared}"


def note_free_objects_read(where: str, state: SlabState, cpu: SlabCpu, l3: KmemList3) -> str:
    return f"looks without list_lock: the slabs of node {l3.node} have {l3.free_objects} free"


def note_direct_grow(where: str, state: SlabState, cpu: SlabCpu, cache: KmemCache) -> str:
    return "there is nothing: goto direct_grow, list_lock is not taken"


def note_free_block(where: str, state: SlabState, cpu: SlabCpu, cache: KmemCache, l3: KmemList3, nr: int) -> str:
    return f"{nr} object{'s are' if nr > 1 else ' is'} to go back to slabs"


def note_returned(
    where: str, state: SlabState, cpu: SlabCpu, cache: KmemCache, l3: KmemList3, obj: int, was: int, now: int
) -> str:
    slab = virt_to_slab(obj)
    if now == SLAB_DESTROYED:
        return f"object {obj_to_index(obj)} empties slab {slab}; free_objects is beyond free_limit: the slab is given up"
    return f"object {obj_to_index(obj)} goes back to slab {slab}, from {list_words(was)} to {list_words(now)}"


def note_given_up(where: str, state: SlabState, cpu: SlabCpu, cache: KmemCache, l3: KmemList3, slab: int) -> str:
    return f"free_objects was beyond free_limit, {l3.free_limit}: the empty slab {slab}, last on slabs_free, is given up"


def note_unlinked(where: str, state: SlabState, cpu: SlabCpu, l3: KmemList3, slab: int) -> str:
    return f"slab {slab}, the last on slabs_free, is unlinked: {l3.free_objects} objects stay free"


def note_array_seen(where: str, state: SlabState, cpu: SlabCpu, array: ArrayCache) -> str:
    return f"looks at {array_words(array)}: {array.avail} of {array.limit}"


def note_entries(where: str, state: SlabState, cpu: SlabCpu, array: ArrayCache, first: int, nr: int) -> str:
    return f"reads or writes {nr} pointers of {array_words(array)}" if nr else ""


def note_descriptor_taken(where: str, state: SlabState, cpu: SlabCpu) -> str:
    return "the slab's descriptor is to lie outside: an object of a general cache is allocated for it"


def note_descriptor_given(where: str, state: SlabState, cpu: SlabCpu) -> str:
    return "the slab's descriptor lies outside: it is freed to its general cache"


def note_reap(where: str, state: SlabState, cpu: SlabCpu) -> str:
    return "cache_reap turns to the next cache"


def note_made_to_drain(where: str, state: SlabState, cpu: SlabCpu) -> str:
    return "the CPU that shrinks interrupts this one"


def note_spins(where: str, state: SlabState, cpu: SlabCpu) -> str:
    return "waits for the other CPUs to have drained their arrays"


def note_slabinfo(where: str, state: SlabState, cpu: SlabCpu) -> str:
    return "the reader of /proc/slabinfo turns to the next cache"


def note_lists_read(where: str, state: SlabState, cpu: SlabCpu, l3: KmemList3) -> str:
    return f"reads the counters of node {l3.node}"


def note_slab_read(where: str, state: SlabState, cpu: SlabCpu, slab: int) -> str:
    return f"counts slab {slab}"


def note_drained(where: str, state: SlabState, cpu: SlabCpu, cache: KmemCache, slab: int) -> str:
    return f"the empty slab {slab} is destroyed"


def note_do_drain(where: str, state: SlabState, cpu: SlabCpu) -> str:
    return "this CPU's array is emptied"


def note_coloured(where: str, state: SlabState, cpu: SlabCpu, l3: KmemList3) -> str:
    return f"reads colour_next, {l3.colour_next}, and moves it on: so new slabs' objects do not share cache lines"


def note_pages(
    where: str, state: SlabState, cpu: SlabCpu, cache: KmemCache, node: int, thisnode: bool, slab: int, got: int
) -> str:
    if got == NO_NODE:
        return "there are no pages: kmem_getpages gives NULL"
    count = 1 << cache.gfporder
    return f"gets {count} page{'s' * (count > 1)} of node {got}: slab {slab}"


def note_slab_made(where: str, state: SlabState, cpu: SlabCpu, cache: KmemCache, slab: int) -> str:
    return f"writes the descriptor and free chain of slab {slab}, {cache.num} object{'s' * (cache.num > 1)} in all"


def note_inserted(where: str, state: SlabState, cpu: SlabCpu, cache: KmemCache, l3: KmemList3, slab: int) -> str:
    one = state.slabs[slab]
    return f"links slab {slab} to {list_words(one.which)}; the node's slabs now have {l3.free_objects} free"


def note_fallback(where: str, state: SlabState, cpu: SlabCpu, cache: KmemCache, node: int) -> str:
    return f"this node has no pages: other nodes are asked, in the order of node {node}'s zonelist"


WORDS: Final[dict[str, Words]] = {name: words for name, words in globals().items() if name.startswith("note_")}
"""Of each note."""

# SPDX-License-Identifier: GPL-2.0-only
"""How a replay takes a recorded pointer over where the allocator here handed out another object: the two change places.

Leaves out when and how often: see replay.
"""

from __future__ import annotations

from contextlib import suppress
from enum import Enum

from slabdes.allocator.state import BUFCTL_END, KmemCache, SlabState, obj_to_index, virt_to_slab
from slabdes.allocator.transitions import slab_put_obj
from slabdes.dumps.dump import list_of
from slabdes.dumps.restore import arrays_of, free_objects_of, relist


class Resync(Enum):
    """How a differing pointer was taken over, from the closest to the recorded state to the farthest.

    ARRAY: the recorded object lay in an array of the same node; ours takes its place there. SLAB: it was free in a slab; ours
    goes back to its own slab, the recorded one leaves its slab, and both slabs go to the lists they belong on. TRADE: it is in
    use here, standing for a third pointer (see ALIAS); ours stands for that one from now on. ALIAS: it lies in no slab known
    here (the kernel grew where we did not), or belongs to another node; ours stands for it until it is freed.
    """

    ARRAY = "array"
    SLAB = "slab"
    TRADE = "trade"
    ALIAS = "alias"


def change_places(state: SlabState, cache: KmemCache, recorded: int, obj: int) -> Resync:
    """Put `obj`, just handed out, where the unused `recorded` of the same node lies, which is handed out instead.

    It may be in use after all, as a slab's descriptor: then the two cannot change places, and `obj` stands for it.
    """
    words = state.words
    for ac in arrays_of(cache, state.slabs[virt_to_slab(recorded)].nodeid):
        with suppress(ValueError):
            words[words.index(recorded, ac.entry, ac.entry + ac.avail)] = obj
            return Resync.ARRAY
    if recorded not in free_objects_of(state, virt_to_slab(recorded)):
        return Resync.ALIAS
    _change_slabs(state, cache, recorded, obj)
    return Resync.SLAB


def _change_slabs(state: SlabState, cache: KmemCache, recorded: int, obj: int) -> None:
    """`obj` goes back to its slab and `recorded` leaves its own; in one slab it takes that one's place among the free."""
    from_slab, to_slab = virt_to_slab(recorded), virt_to_slab(obj)
    chain = [obj_to_index(free) for free in free_objects_of(state, from_slab)]
    place = chain.index(obj_to_index(recorded))
    if from_slab == to_slab:
        chain[place] = obj_to_index(obj)
    else:
        del chain[place]
        state.slabs[from_slab].inuse += 1
        slab_put_obj(state.words, state.slabs[to_slab], obj)
    _set_chain(state, from_slab, chain)
    l3 = cache.nodelists[state.slabs[from_slab].nodeid]
    for slab in (from_slab, to_slab):
        relist(state, l3, slab, list_of(state.slabs[slab].inuse, cache.num))


def _set_chain(state: SlabState, slab: int, chain: list[int]) -> None:
    record = state.slabs[slab]
    record.free = chain[0] if chain else BUFCTL_END
    for objnr, following in zip(chain, [*chain[1:], BUFCTL_END], strict=False):
        state.words[record.bufctl + objnr] = following

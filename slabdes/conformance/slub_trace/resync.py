# SPDX-License-Identifier: GPL-2.0-only
"""How a replay takes a recorded pointer over where SLUB here handed out another object: the two change places.

Leaves out when and how often: see replay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from slabdes.allocator.slub.state import NO_SHEAF, ON_PARTIAL, KmemCache, SlubState
from slabdes.allocator.slub.transitions import add_partial, remove_partial
from slabdes.allocator.state import BUFCTL_END, obj_to_index, virt_to_slab
from slabdes.conformance.kernel_trace.resync import Resync
from slabdes.conformance.slub_log.snapshot import free_chain, sheaf_chain


def change_places(state: SlubState, cache: KmemCache, recorded: int, obj: int, others: Iterable[int]) -> Resync:
    """Put `obj`, just handed out, where the unused `recorded` lies, which is handed out instead.

    `others` are the cache's sheaves that are neither CPUs' nor barns'. It may lie nowhere: then `obj` stands for it.
    """
    for number in (*sheaves_of(state, cache), *others):
        sheaf = state.sheaves[number]
        for at in range(sheaf.entry, sheaf.entry + sheaf.size):
            if state.words[at] == recorded:
                state.words[at] = obj
                return Resync.ARRAY
    if obj_to_index(recorded) not in free_chain(state, state.slabs[virt_to_slab(recorded)]):
        return Resync.ALIAS
    _change_slabs(state, cache, recorded, obj)
    return Resync.SLAB


def sheaves_of(state: SlubState, cache: KmemCache) -> Iterator[int]:
    """The sheaves of a cache's CPUs and barns."""
    for pcs in cache.cpu_sheaves:
        yield from (number for number in (pcs.main, pcs.spare, pcs.rcu) if number != NO_SHEAF)
    for barn in cache.barn:
        yield from (*sheaf_chain(state, barn.full), *sheaf_chain(state, barn.empty))


def _change_slabs(state: SlubState, cache: KmemCache, recorded: int, obj: int) -> None:
    """`obj` goes back to its slab and `recorded` leaves its own; in one slab it takes that one's place among the free."""
    from_slab, to_slab = virt_to_slab(recorded), virt_to_slab(obj)
    chain = list(free_chain(state, state.slabs[from_slab]))
    place = chain.index(obj_to_index(recorded))
    if from_slab == to_slab:
        chain[place] = obj_to_index(obj)
        _set_chain(state, from_slab, chain)
        return
    del chain[place]
    _set_chain(state, from_slab, chain)
    _set_chain(state, to_slab, [obj_to_index(obj), *free_chain(state, state.slabs[to_slab])])
    for slab in (from_slab, to_slab):
        _relist(state, cache, slab)


def _set_chain(state: SlubState, slab: int, chain: list[int]) -> None:
    record = state.slabs[slab]
    record.free = chain[0] if chain else BUFCTL_END
    record.inuse = record.num - len(chain)
    for objnr, following in zip(chain, [*chain[1:], BUFCTL_END], strict=False):
        state.words[record.bufctl + objnr] = following


def _relist(state: SlubState, cache: KmemCache, slab: int) -> None:
    """List a slab that has free objects now, unlist one that has none any more."""
    record = state.slabs[slab]
    n = cache.node[record.nodeid]
    if record.inuse < record.num and record.which != ON_PARTIAL:
        add_partial(state.slabs, n, slab, True)
    elif record.inuse == record.num and record.which == ON_PARTIAL:
        remove_partial(state.slabs, n, slab)

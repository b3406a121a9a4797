# SPDX-License-Identifier: GPL-2.0-only
"""A finished run's SLUB caches turned into their records, whichever engine ran it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Final

from slabdes.allocator.lists import free_chain
from slabdes.allocator.slub.state import NO_SHEAF, ON_PARTIAL, InHand, KmemCache, SlubState, SlubStats, waiting_sheaves
from slabdes.allocator.state import NO_NODE, NOBODY, object_number, virt_to_slab
from slabdes.engine.records import CacheRecord, SlabRecord, SlubRecord

_NOTHING: Final = SlubStats()


def slub_stats(cache: KmemCache) -> SlubStats:
    """A cache's counters, all CPUs together."""
    return SlubStats(**{part.name: sum(getattr(one, part.name) for one in cache.stats) for part in fields(SlubStats)})


def slub_record(state: SlubState, cache: KmemCache) -> SlubRecord:
    """What only SLUB has."""
    return SlubRecord(
        cache=cache.index,
        sheaf_capacity=cache.sheaf_capacity,
        max_full_sheaves=cache.full_limit,
        max_empty_sheaves=cache.empty_limit,
        cpu_partial_slabs=cache.cpu_partial_slabs,
        min_partial=cache.min_partial,
        remote_node_defrag_ratio=cache.ratio,
        sheaves=_sheaves(cache),
        fallback_slabs=sum(
            slab.num != cache.num for slab in state.slabs if slab.cache == cache.index and slab.num and slab.nodeid != NO_NODE
        ),
        min_objects=cache.min_objects,
        stats=slub_stats(cache),
        by_cpu=tuple((cpu, replace(stats)) for cpu, stats in enumerate(cache.stats) if stats != _NOTHING),
    )


def _sheaves(cache: KmemCache) -> int:
    if not cache.sheaf_capacity:
        return 0
    of_cpus = sum((pcs.main, pcs.spare, pcs.rcu)[part] != NO_SHEAF for pcs in cache.cpu_sheaves for part in range(3))
    return of_cpus + sum(barn.nr_full + barn.nr_empty for barn in cache.barn)


def slub_cache_record(cache: KmemCache, in_use_before: int) -> CacheRecord:
    """What is every allocator's: SLAB's statistics are 0, but for what SLUB counts under another name."""
    stats = slub_stats(cache)
    return CacheRecord(
        cache=cache.index,
        name=cache.name,
        object_size=cache.size,
        num=cache.num,
        gfporder=cache.order,
        limit=0,
        batchcount=0,
        shared=0,
        num_allocations=0,
        high_mark=0,
        errors=0,
        max_freeable=0,
        refills=stats.barn_get_fail + stats.alloc_refill + stats.cpu_partial_alloc + stats.alloc_from_partial,
        retries=0,
        grown=stats.alloc_slab,
        reaped=stats.free_slab,
        allochit=0,
        allocmiss=0,
        freehit=0,
        freemiss=0,
        node_allocs=0,
        node_frees=0,
        node_overflow=0,
        slabs_created=cache.slabs_created,
        slabs_destroyed=cache.slabs_destroyed,
        grows_failed=cache.grows_failed,
        in_use_before=in_use_before,
    )


def slub_slab_record(state: SlubState, cache: KmemCache, node: int) -> SlabRecord:
    """A node's slabs, and where its objects lie."""
    numbered = [
        (number, slab)
        for number, slab in enumerate(state.slabs)
        if slab.cache == cache.index and slab.num and slab.nodeid == node
    ]
    slabs = [slab for _number, slab in numbered]
    theirs = {*slabs_of_cpus(state, cache)}
    by_place = (in_stock(state, cache), in_barns(state, cache), in_grace(state, cache))
    in_arrays, in_shared, in_rcu = (_of_node(state, objects, node) for objects in by_place)
    partial = sum(slab.which == ON_PARTIAL for slab in slabs)
    of_cpus = sum(number in theirs and slab.which != ON_PARTIAL for number, slab in numbered)
    return SlabRecord(
        cache=cache.index,
        node=node,
        slabs_partial=partial,
        slabs_full=len(slabs) - partial - of_cpus,
        slabs_free=0,
        free_objects=sum(slab.num - slab.inuse for slab in slabs),
        free_limit=0,
        in_arrays=in_arrays,
        in_shared=in_shared,
        in_alien=0,
        in_use=sum(slab.inuse for slab in slabs) - in_arrays - in_shared - in_rcu,
        in_rcu=in_rcu,
        slabs_cpu=of_cpus,
        listed_free=sum(slab.num - slab.inuse for slab in slabs if slab.which == ON_PARTIAL),
    )


def slabs_of_cpus(state: SlubState, cache: KmemCache) -> Iterator[int]:
    """The slabs that CPUs have, and those on their partial chains."""
    for c in cache.cpu_slab:
        if c.slab != NOBODY:
            yield c.slab
        number = c.partial
        while number != NOBODY:
            yield number
            number = state.slabs[number].link


def _of_node(state: SlubState, objects: list[int], node: int) -> int:
    return sum(state.slabs[virt_to_slab(obj)].nodeid == node for obj in objects)


def in_stock(state: SlubState, cache: KmemCache) -> list[int]:
    """Objects that CPUs have in stock, or in hand on their way from there, but for those of callbacks."""
    found: list[int] = []
    for hand, rcu in zip(state.in_hand, state.rcu, strict=True):
        if rcu.running == NO_SHEAF:
            found += _left(state, cache, hand)
        if hand.slab != NOBODY and state.slabs[hand.slab].cache == cache.index:
            slab = state.slabs[hand.slab]
            found += [object_number(hand.slab, objnr) for objnr in free_chain(state, cache.name, slab, hand.free)]
    if cache.sheaf_capacity:
        for pcs in cache.cpu_sheaves:
            for number in (pcs.main, pcs.spare):
                found += _in_sheaf(state, number)
    for c in cache.cpu_slab:
        if c.slab != NOBODY:
            slab = state.slabs[c.slab]
            found += [object_number(c.slab, objnr) for objnr in free_chain(state, cache.name, slab, c.free)]
    return found


def in_barns(state: SlubState, cache: KmemCache) -> list[int]:
    """Objects in nodes' full sheaves, also in those that a CPU has in hand."""
    found = [obj for barn in cache.barn for obj in _in_chain(state, barn.full)]
    for hand in state.in_hand:
        found += [obj for obj in _in_chain(state, hand.sheaf) if state.slabs[virt_to_slab(obj)].cache == cache.index]
    return found


def in_grace(state: SlubState, cache: KmemCache) -> list[int]:
    """Objects that wait for a grace period, for their block or RCU sheaf to do, or for their callback, which may be cut off."""
    waiting = [obj for number in waiting_sheaves(state) for obj in _in_sheaf(state, number)]
    if cache.sheaf_capacity:
        waiting += [obj for pcs in cache.cpu_sheaves for obj in _in_sheaf(state, pcs.rcu)]
    for hand, rcu in zip(state.in_hand, state.rcu, strict=True):
        if rcu.running != NO_SHEAF:
            waiting += _left(state, cache, hand)
    return [obj for obj in waiting if state.slabs[virt_to_slab(obj)].cache == cache.index]


def _left(state: SlubState, cache: KmemCache, hand: InHand) -> list[int]:
    objects = state.words[hand.at : hand.at + max(0, hand.left)]
    return [obj for obj in objects if state.slabs[virt_to_slab(obj)].cache == cache.index]


def _in_chain(state: SlubState, number: int) -> Iterator[int]:
    while number != NO_SHEAF:
        yield from _in_sheaf(state, number)
        number = state.sheaves[number].link


def _in_sheaf(state: SlubState, number: int) -> list[int]:
    if number == NO_SHEAF:
        return []
    sheaf = state.sheaves[number]
    return state.words[sheaf.entry : sheaf.entry + sheaf.size]

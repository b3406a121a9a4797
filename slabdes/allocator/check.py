# SPDX-License-Identifier: GPL-2.0-only
"""The invariants that `state` prints, executed. For tests, the debug flag and dumps; the allocator itself never checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from slabdes.allocator.lists import free_chain, list_entries
from slabdes.allocator.state import (
    ArrayCache,
    KmemCache,
    KmemList3,
    ListName,
    SlabState,
    obj_to_index,
    virt_to_slab,
)
from slabdes.allocator.tunables import free_limit
from slabdes.errors import CheckFailed


def check(state: SlabState, cache: KmemCache, live: Iterable[int] | None = None) -> None:
    """Raise CheckFailed at the first invariant of `cache` that does not hold.

    `live` are the objects handed out and not yet given back, if the caller knows them; without it conservation is
    checked as an inequality. To be called while none of the cache's locks is held.
    """
    in_slabs: set[int] = set()
    used = 0
    for l3 in cache.nodelists:
        used += _check_lists(state, cache, l3, in_slabs)
        _check_counters(state, cache, l3)
    if len(in_slabs) != cache.slabs_created - cache.slabs_destroyed:
        raise _broken(cache, f"{len(in_slabs)} slabs on lists, {cache.slabs_created} created, {cache.slabs_destroyed} destroyed")
    cached = _check_arrays(state, cache, in_slabs)
    if live is None:
        if used < len(cached):
            raise _broken(cache, f"{used} objects outside slabs, {len(cached)} in arrays")
        return
    handed_out = set()
    for obj in live:
        _check_object(state, cache, obj, "handed out", in_slabs)
        if obj in cached or obj in handed_out:
            raise _broken(cache, f"object {obj} is handed out and {'in an array' if obj in cached else 'handed out again'}")
        handed_out.add(obj)
    if used != len(cached) + len(handed_out):
        raise _broken(cache, f"{used} objects outside slabs, {len(cached)} in arrays, {len(handed_out)} handed out")


def _check_lists(state: SlabState, cache: KmemCache, l3: KmemList3, in_slabs: set[int]) -> int:
    free = used = 0
    for head, which in ((l3.slabs_partial, ListName.PARTIAL), (l3.slabs_full, ListName.FULL), (l3.slabs_free, ListName.FREE)):
        before = head
        for number in list_entries(state.slabs, head):
            slab = state.slabs[number]
            if number in in_slabs or slab.prev != before or slab.cache != cache.index:
                raise _broken(cache, f"node {l3.node}: slab {slab.serial} is linked twice or wrongly")
            before = number
            in_slabs.add(number)
            if slab.which != which or slab.nodeid != l3.node:
                raise _broken(cache, f"node {l3.node}: slab {slab.serial} of node {slab.nodeid} on the {which.name} list")
            right = {
                ListName.PARTIAL: 0 < slab.inuse < slab.num,
                ListName.FULL: slab.inuse == slab.num,
                ListName.FREE: slab.inuse == 0,
            }
            if not right[which]:
                raise _broken(
                    cache, f"node {l3.node}: slab {slab.serial} with {slab.inuse} of {slab.num} in use on the {which.name} list"
                )
            chain = list(free_chain(state, cache.name, slab, slab.free))
            if len(chain) != slab.num - slab.inuse or len(set(chain)) != len(chain):
                raise _broken(cache, f"slab {slab.serial}: free chain {chain} with {slab.inuse} of {slab.num} in use")
            free += slab.num - slab.inuse
            used += slab.inuse
        if state.slabs[head].prev != before:
            raise _broken(cache, f"node {l3.node}: the {which.name} list's head links back wrongly")
    if l3.free_objects != free:
        raise _broken(cache, f"node {l3.node}: free_objects is {l3.free_objects}, slabs have {free}")
    listed = sum(1 for _slab in list_entries(state.slabs, l3.slabs_free))
    if l3.free_slabs != listed:
        raise _broken(cache, f"node {l3.node}: free_slabs is {l3.free_slabs}, {listed} are on slabs_free")
    return used


def _check_counters(state: SlabState, cache: KmemCache, l3: KmemList3) -> None:
    if not 0 <= l3.colour_next < max(cache.colour, 1):
        raise _broken(cache, f"node {l3.node}: colour_next is {l3.colour_next} of {cache.colour}")
    if state.restored:
        return
    expected = free_limit(state.nr_cpus_node(l3.node), cache.batchcount, cache.num)
    if l3.free_limit != expected:
        raise _broken(cache, f"node {l3.node}: free_limit is {l3.free_limit}, not {expected}")


def _check_arrays(state: SlabState, cache: KmemCache, in_slabs: set[int]) -> set[int]:
    cached: set[int] = set()
    for ac, node in _arrays(state, cache):
        if not 0 <= ac.avail <= ac.limit:
            raise _broken(cache, f"array {ac.name}: avail {ac.avail} of {ac.limit}")
        for obj in state.words[ac.entry : ac.entry + ac.avail]:
            _check_object(state, cache, obj, f"in array {ac.name}", in_slabs)
            home = state.slabs[virt_to_slab(obj)].nodeid
            if home != node:
                raise _broken(cache, f"array {ac.name}: an object of node {home}, not {node}")
            if obj in cached:
                raise _broken(cache, f"array {ac.name}: object {obj} lies in an array twice")
            cached.add(obj)
    return cached


def _arrays(state: SlabState, cache: KmemCache) -> Iterator[tuple[ArrayCache, int]]:
    yield from zip(cache.array, state.node_of_cpu, strict=True)
    for l3 in cache.nodelists:
        if l3.shared:
            yield l3.shared, l3.node
        for node, alien in enumerate(l3.alien or ()):
            if alien:
                yield alien, node


def _check_object(state: SlabState, cache: KmemCache, obj: int, place: str, in_slabs: set[int]) -> None:
    number = virt_to_slab(obj)
    objnr = obj_to_index(obj)
    if obj < 0 or number not in in_slabs or objnr >= cache.num:
        raise _broken(cache, f"object {obj} {place} belongs to no slab")
    if objnr in free_chain(state, cache.name, state.slabs[number], state.slabs[number].free):
        raise _broken(cache, f"object {objnr} of slab {state.slabs[number].serial} is free and {place}")


def _broken(cache: KmemCache, what: str) -> CheckFailed:
    return CheckFailed(f"cache {cache.name}: {what}")

# SPDX-License-Identifier: GPL-2.0-only
"""SLUB's transitions one by one, on slabs made by hand; what they give is derived in words beside them."""

from __future__ import annotations

import pytest

from slabdes.allocator.lists import list_entries
from slabdes.allocator.slub.check import check
from slabdes.allocator.slub.create import kmem_cache_create
from slabdes.allocator.slub.geometry import slub_geometry
from slabdes.allocator.slub.state import KmemCache, SlubState, new_sheaf, new_slab
from slabdes.allocator.slub.transitions import (
    add_partial,
    detach_group,
    drop_sheaf,
    init_slab,
    partition_remote,
    put_group,
    reverse_chain,
    sort_partial,
)
from slabdes.allocator.state import BUFCTL_END, NOBODY, obj_to_index, object_number
from slabdes.errors import CheckFailed


@pytest.fixture
def state() -> SlubState:
    return SlubState([0, 1], 2)


@pytest.fixture
def cache(state: SlubState) -> KmemCache:
    return kmem_cache_create(state, "cache", slub_geometry(1024, cpus=8))


def made(state: SlubState, cache: KmemCache, taken: int, node: int = 0) -> int:
    """A slab with objects 0 to `taken` - 1 in use, on the partial list if it has others."""
    number = new_slab(state, cache, cache.num)
    init_slab(state.words, state.slabs[number], node, taken)
    cache.node[node].nr_slabs += 1
    cache.node[node].total_objects += cache.num
    if taken < cache.num:
        add_partial(state.slabs, cache.node[node], number, True)
    return number


def chain(state: SlubState, slab: int, head: int) -> list[int]:
    found = []
    while head != BUFCTL_END:
        found.append(head)
        head = state.words[state.slabs[slab].bufctl + head]
    return found


def array(state: SlubState, *objects: int) -> int:
    at = state.new_words(len(objects))
    state.words[at : at + len(objects)] = objects
    return at


def test_a_run_of_one_slab_freed_in_the_order_of_the_array_is_handed_out_in_that_order(
    state: SlubState, cache: KmemCache
) -> None:
    slab = made(state, cache, cache.num)
    at = array(state, *(object_number(slab, objnr) for objnr in (4, 9, 2)))
    assert detach_group(state.words, state.slabs, at, 3) == 0
    assert chain(state, slab, 4) == [4, 9, 2]
    put_group(state.words, state.slabs[slab], 4, 2, 3)
    assert chain(state, slab, state.slabs[slab].free) == [4, 9, 2]


def test_a_group_looks_over_two_objects_of_other_slabs_and_stops_at_the_third(state: SlubState, cache: KmemCache) -> None:
    a, b = made(state, cache, cache.num), made(state, cache, cache.num)
    # From the end: a8 begins, a7 joins, b1 and b2 are missed, a6 joins, b3 is the third miss: a5 stays.
    objects = [(a, 5), (b, 3), (a, 6), (b, 2), (b, 1), (a, 7), (a, 8)]
    at = array(state, *(object_number(*pair) for pair in objects))
    left = detach_group(state.words, state.slabs, at, len(objects))
    assert [obj_to_index(obj) for obj in state.words[at + left : at + len(objects)]] == [6, 7, 8]
    assert chain(state, a, 6) == [6, 7, 8]
    # a6's place was taken by the last that is not grouped: b1.
    assert state.words[at : at + left] == [object_number(*pair) for pair in ((a, 5), (b, 3), (b, 1), (b, 2))]


def test_the_free_hook_turns_a_group_round(state: SlubState, cache: KmemCache) -> None:
    slab = made(state, cache, cache.num)
    at = array(state, *(object_number(slab, objnr) for objnr in (4, 9, 2)))
    assert detach_group(state.words, state.slabs, at, 3) == 0
    assert chain(state, slab, reverse_chain(state.words, state.slabs[slab], 4, 3)) == [2, 9, 4]


def test_objects_of_other_nodes_are_swapped_to_the_front(state: SlubState, cache: KmemCache) -> None:
    here, there = made(state, cache, cache.num, 0), made(state, cache, cache.num, 1)
    objects = [(here, 0), (there, 0), (here, 1), (there, 1)]
    at = array(state, *(object_number(*pair) for pair in objects))
    assert partition_remote(state.words, state.slabs, at, 4, 0) == 2
    # there0 changes places with here0, then there1 with what is second now: here0.
    assert state.words[at : at + 4] == [object_number(*pair) for pair in ((there, 0), (there, 1), (here, 1), (here, 0))]


def test_shrink_puts_the_fullest_slabs_first_and_of_equals_the_one_further_back(state: SlubState, cache: KmemCache) -> None:
    cache.num = 64  # so that some have more than 32 free objects
    used = {"A": 20, "B": 60, "C": 0, "D": 62, "E": 60, "F": 31, "G": 0, "H": 32}
    slabs = {name: made(state, cache, taken) for name, taken in used.items()}
    names = {number: name for name, number in slabs.items()}
    n = cache.node[0]
    empty = sort_partial(state.words, state.slabs, n, state.promoted)
    assert [names[number] for number in list_entries(state.slabs, n.partial)] == ["D", "E", "B", "H", "A", "F"]
    assert n.nr_partial == 6
    # The last found first.
    assert [names[empty], names[state.slabs[empty].link]] == ["G", "C"]
    assert state.slabs[state.slabs[empty].link].link == NOBODY


def test_a_freed_sheaf_s_room_is_used_by_the_next_of_its_size(state: SlubState, cache: KmemCache) -> None:
    large, small = new_sheaf(state, cache, 100), new_sheaf(state, cache, 12)
    for sheaf in (large, small):
        drop_sheaf(state.sheaves, cache, sheaf)
    assert new_sheaf(state, cache, 100) == large
    assert new_sheaf(state, cache, 50) not in (large, small)
    assert new_sheaf(state, cache, 12) == small


def broken_count(state: SlubState, cache: KmemCache, slab: int) -> None:
    cache.node[0].nr_partial += 1


def broken_place(state: SlubState, cache: KmemCache, slab: int) -> None:
    state.slabs[slab].inuse = cache.num
    state.slabs[slab].free = BUFCTL_END


def broken_loop(state: SlubState, cache: KmemCache, slab: int) -> None:
    state.words[state.slabs[slab].bufctl + 7] = 6


def broken_sheaf(state: SlubState, cache: KmemCache, slab: int) -> None:
    main = state.sheaves[cache.cpu_sheaves[0].main]
    state.words[main.entry] = object_number(slab, 9)
    main.size = 1


def broken_spare(state: SlubState, cache: KmemCache, slab: int) -> None:
    cache.cpu_sheaves[0].spare = cache.cpu_sheaves[1].main


def broken_barn(state: SlubState, cache: KmemCache, slab: int) -> None:
    cache.barn[1].nr_empty = 2


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (broken_count, "node 0: nr_partial is 2, 1 slabs are linked, 1 say they are"),
        (broken_place, "slab 0 with 0 free objects is on the partial list"),
        (broken_loop, "slab 0: free chain leaves the slab or has a loop"),
        (broken_sheaf, "object 9 of slab 0 is in a sheaf and free in its slab"),
        (broken_spare, "is in two places"),
        (broken_barn, "node 1's barn counts 2 empty sheaves, 0 or more are there"),
    ],
)
def test_the_check_tells_what_is_broken(state: SlubState, cache: KmemCache, damage: object, told: str) -> None:
    slab = made(state, cache, 5)
    check(state, cache, [object_number(slab, objnr) for objnr in range(5)])
    damage(state, cache, slab)  # type: ignore[operator]
    with pytest.raises(CheckFailed, match=told):
        check(state, cache)

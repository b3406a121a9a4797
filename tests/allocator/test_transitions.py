# SPDX-License-Identifier: GPL-2.0-only
"""Each state transition alone, on records made by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slabdes.allocator.create import kmem_cache_create
from slabdes.allocator.geometry import kmem_cache_geometry
from slabdes.allocator.lists import list_entries
from slabdes.allocator.state import (
    BUFCTL_END,
    NO_NODE,
    ArrayCache,
    CacheSpec,
    CacheStats,
    KmemCache,
    KmemList3,
    ListName,
    SlabState,
    new_slab,
    obj_to_index,
    object_number,
    virt_to_slab,
)
from slabdes.allocator.transitions import (
    NO_SLAB,
    SLAB_DESTROYED,
    alloc_hit,
    drain_count,
    drop_slab,
    first_slab,
    flush_to_shared,
    free_block_object,
    free_hit,
    has_used_slabs,
    init_slab,
    insert_slab,
    last_free_slab,
    next_colour,
    reap_slab_count,
    refill_batchcount,
    set_freeable,
    shift_down,
    take_objects,
    take_one,
    transfer_objects,
)
from slabdes.allocator.tunables import Tunables

NUM = 4
"""Objects of 1000 bytes a slab."""


def array(words: list[int], *objects: int, limit: int) -> ArrayCache:
    """An array with objects, bottom to top, whose room is appended to `words`."""
    ac = ArrayCache("ac", limit, limit, len(words))
    words += [*objects, *[-7] * (limit - len(objects))]
    ac.avail = len(objects)
    return ac


def held(words: list[int], ac: ArrayCache) -> list[int]:
    return words[ac.entry : ac.entry + ac.avail]


def system() -> tuple[SlabState, KmemCache, KmemList3]:
    """One node, one CPU, one cache of four objects a slab, free_limit (1 + 1) * 2 + 4 = 8."""
    state = SlabState([0], 1)
    cache = kmem_cache_create(state, CacheSpec("c", kmem_cache_geometry(1000), Tunables(4, 2, 0)), 4000)
    return state, cache, cache.nodelists[0]


def grown(state: SlabState, cache: KmemCache, l3: KmemList3, slabs: int = 1) -> list[int]:
    """The numbers of fresh slabs on the free list."""
    numbers = []
    for _ in range(slabs):
        number = new_slab(state, cache)
        init_slab(state.words, state.slabs[number], l3.node, 0)
        insert_slab(state.slabs, l3, cache.stats, number)
        numbers.append(number)
    return numbers


def test_a_transfer_moves_the_top_and_keeps_its_order() -> None:
    words: list[int] = []
    frm = array(words, 1, 2, 3, 4, limit=6)
    to = array(words, 9, limit=6)
    assert transfer_objects(words, to, frm, 3) == 3
    assert held(words, frm) == [1]
    assert held(words, to) == [9, 2, 3, 4]


@pytest.mark.parametrize(
    ("have", "most", "room", "moved"), [(5, 3, 9, 3), (2, 3, 9, 2), (5, 9, 4, 4), (0, 3, 9, 0), (5, 3, 0, 0)]
)
def test_a_transfer_is_bounded_by_what_is_there_asked_for_and_room(have: int, most: int, room: int, moved: int) -> None:
    words: list[int] = []
    frm = array(words, *range(have), limit=5)
    to = array(words, limit=room)
    assert transfer_objects(words, to, frm, most) == moved


@given(
    st.lists(st.integers(0, 99), max_size=9), st.lists(st.integers(100, 199), max_size=9), st.integers(0, 9), st.integers(0, 9)
)
def test_a_transfer_loses_no_object(frm: list[int], to: list[int], most: int, spare: int) -> None:
    words: list[int] = []
    a = array(words, *frm, limit=len(frm))
    b = array(words, *to, limit=len(to) + spare)
    nr = transfer_objects(words, b, a, most)
    assert held(words, a) == frm[: len(frm) - nr]
    assert held(words, b) == to + frm[len(frm) - nr :]
    assert nr == min(len(frm), most, spare)


def test_a_flush_copies_the_oldest_as_many_as_there_is_room_for() -> None:
    words: list[int] = []
    ac = array(words, 1, 2, 3, 4, limit=4)
    shared = array(words, 8, 9, limit=4)
    assert flush_to_shared(words, shared, ac, 3) == 2
    assert held(words, shared) == [8, 9, 1, 2]
    assert held(words, ac) == [1, 2, 3, 4]
    shift_down(words, ac, 2)
    assert held(words, ac) == [3, 4]
    assert flush_to_shared(words, shared, ac, 3) == 0


def test_an_array_is_a_stack_and_only_allocations_touch_it() -> None:
    words: list[int] = []
    stats = CacheStats()
    ac = array(words, 5, limit=2)
    free_hit(words, stats, ac, 6)
    assert ac.touched == 0
    assert [alloc_hit(words, stats, ac), alloc_hit(words, stats, ac)] == [6, 5]
    assert ac.touched == 1
    assert (stats.allochit, stats.freehit) == (2, 1)


@pytest.mark.parametrize(("batchcount", "touched", "asked"), [(60, 0, 16), (60, 1, 60), (16, 0, 16), (5, 0, 5)])
def test_an_untouched_array_asks_for_sixteen_at_most(batchcount: int, touched: int, asked: int) -> None:
    ac = ArrayCache("c0", 120, batchcount, 0)
    ac.touched = touched
    assert refill_batchcount(ac) == asked


def test_objects_come_from_partial_slabs_first_and_looking_at_free_ones_is_remembered() -> None:
    state, cache, l3 = system()
    assert first_slab(state.slabs, l3) == NO_SLAB
    assert l3.free_touched == 1
    first, second = grown(state, cache, l3, 2)
    assert first_slab(state.slabs, l3) == first
    l3.free_touched = 0
    take_one(state.words, state.slabs, l3, cache.stats, second)
    assert first_slab(state.slabs, l3) == second
    assert l3.free_touched == 0


def test_a_new_slab_is_the_last_of_the_free_list() -> None:
    state, cache, l3 = system()
    numbers = grown(state, cache, l3, 3)
    assert list(list_entries(state.slabs, l3.slabs_free)) == numbers
    assert l3.free_objects == 3 * NUM
    assert cache.stats.grown == 3


def test_taking_follows_the_free_chain_and_moves_the_slab() -> None:
    state, cache, l3 = system()
    (slab,) = grown(state, cache, l3)
    ac = array(state.words, limit=6)
    assert take_objects(state.words, state.slabs, l3, cache.stats, ac, slab, 3) == 3
    assert [obj_to_index(obj) for obj in held(state.words, ac)] == [0, 1, 2]
    assert state.slabs[slab].which == ListName.PARTIAL
    assert take_objects(state.words, state.slabs, l3, cache.stats, ac, slab, 3) == 1
    assert state.slabs[slab].which == ListName.FULL
    assert state.slabs[slab].free == BUFCTL_END
    assert (cache.stats.num_allocations, cache.stats.num_active, cache.stats.high_mark) == (4, 4, 4)
    # A refill settles free_objects afterwards, from what the array then holds.
    assert l3.free_objects == NUM


def test_taken_slabs_go_to_the_head_of_their_list() -> None:
    state, cache, l3 = system()
    one, two = grown(state, cache, l3, 2)
    for slab in (one, two):
        take_one(state.words, state.slabs, l3, cache.stats, slab)
    assert list(list_entries(state.slabs, l3.slabs_partial)) == [two, one]
    for slab in (two, one):
        while state.slabs[slab].free != BUFCTL_END:
            take_one(state.words, state.slabs, l3, cache.stats, slab)
    assert list(list_entries(state.slabs, l3.slabs_full)) == [one, two]
    assert l3.free_objects == 0
    assert (cache.stats.node_allocs, cache.stats.num_allocations) == (2 * NUM, 0)


def test_a_freed_object_is_the_next_one_of_its_slab() -> None:
    state, cache, l3 = system()
    (slab,) = grown(state, cache, l3)
    taken = [take_one(state.words, state.slabs, l3, cache.stats, slab) for _ in range(NUM)]
    for obj in (taken[2], taken[0]):
        assert free_block_object(state.words, state.slabs, l3, cache.stats, obj, True) == ListName.PARTIAL
    again = [obj_to_index(take_one(state.words, state.slabs, l3, cache.stats, slab)) for _ in range(2)]
    assert again == [0, 2]


def test_a_slab_freed_into_goes_to_the_tail_of_partial_even_if_it_was_there() -> None:
    state, cache, l3 = system()
    one, two = grown(state, cache, l3, 2)
    objects = {slab: [take_one(state.words, state.slabs, l3, cache.stats, slab) for _ in range(2)] for slab in (one, two)}
    assert list(list_entries(state.slabs, l3.slabs_partial)) == [two, one]
    free_block_object(state.words, state.slabs, l3, cache.stats, objects[two][0], True)
    assert list(list_entries(state.slabs, l3.slabs_partial)) == [one, two]


def test_an_emptied_slab_stays_at_free_limit_and_goes_above_it() -> None:
    state, cache, l3 = system()
    assert l3.free_limit == 8
    slabs = grown(state, cache, l3, 3)
    for slab in slabs:
        taken = [take_one(state.words, state.slabs, l3, cache.stats, slab) for _ in range(NUM)]
    # 0 free objects; the third slab's come back one by one: 1, 2, 3, 4.
    assert [free_block_object(state.words, state.slabs, l3, cache.stats, obj, True) for obj in taken] == [0, 0, 0, ListName.FREE]
    # The second's: 5, 6, 7 and, at 8, still not above the limit. It goes to the head.
    second = [object_number(slabs[1], objnr) for objnr in range(NUM)]
    assert [free_block_object(state.words, state.slabs, l3, cache.stats, obj, True) for obj in second] == [0, 0, 0, ListName.FREE]
    assert list(list_entries(state.slabs, l3.slabs_free)) == [slabs[1], slabs[2]]
    # The first's: 9, 10, 11, 12, above it: destroyed, and 8 are left.
    first = [object_number(slabs[0], objnr) for objnr in range(NUM)]
    assert [free_block_object(state.words, state.slabs, l3, cache.stats, obj, True) for obj in first] == [0, 0, 0, SLAB_DESTROYED]
    assert l3.free_objects == 8
    assert list(list_entries(state.slabs, l3.slabs_free)) == [slabs[1], slabs[2]]
    assert cache.stats.num_active == 0


@pytest.mark.parametrize(("colour", "offsets"), [(3, [0, 64, 128, 0]), (1, [0, 0, 0, 0]), (0, [0, 0, 0, 0])])
def test_colours_go_round(colour: int, offsets: list[int]) -> None:
    _, cache, l3 = system()
    cache.colour = colour
    assert [next_colour(cache, l3) for _ in range(4)] == offsets


def test_the_last_free_slab_goes_first() -> None:
    state, cache, l3 = system()
    one, two = grown(state, cache, l3, 2)
    assert [last_free_slab(state.slabs, l3) for _ in range(3)] == [two, one, NO_SLAB]
    assert l3.free_objects == 0


@pytest.mark.parametrize(
    ("avail", "limit", "force", "freed"),
    [
        (100, 120, False, 24),
        (100, 121, False, 25),
        (24, 120, False, 24),
        (23, 120, False, 12),
        (1, 120, False, 1),
        (100, 120, True, 100),
        (1, 1, False, 1),
    ],
)
def test_a_drain_takes_a_fifth_of_the_limit_or_half_of_what_is_there(avail: int, limit: int, force: bool, freed: int) -> None:
    ac = ArrayCache("c0", limit, 1, 0)
    ac.avail = avail
    assert drain_count(ac, force) == freed


@pytest.mark.parametrize(("limit", "num", "slabs"), [(300, 15, 4), (301, 15, 5), (1, 15, 1), (8, 4, 1), (100, 1, 20)])
def test_a_reap_may_destroy_a_fifth_of_free_limit_in_slabs_rounded_up(limit: int, num: int, slabs: int) -> None:
    _, _, l3 = system()
    l3.free_limit = limit
    assert reap_slab_count(l3, num) == slabs


def test_a_flush_notes_the_longest_free_list() -> None:
    state, cache, l3 = system()
    grown(state, cache, l3, 3)
    set_freeable(l3, cache.stats)
    last_free_slab(state.slabs, l3)
    set_freeable(l3, cache.stats)
    assert cache.stats.max_freeable == 3


def test_shrink_sees_whether_slabs_are_in_use() -> None:
    state, cache, l3 = system()
    (slab,) = grown(state, cache, l3)
    assert not has_used_slabs(state.slabs, l3)
    for _ in range(NUM):
        take_one(state.words, state.slabs, l3, cache.stats, slab)
        assert has_used_slabs(state.slabs, l3)


def test_a_destroyed_slabs_number_is_used_again_and_its_serial_is_not() -> None:
    state, cache, _ = system()
    number = new_slab(state, cache)
    drop_slab(state.slabs, cache, number)
    assert state.slabs[number].nodeid == NO_NODE
    words = len(state.words)
    assert new_slab(state, cache) == number
    assert len(state.words) == words
    assert state.slabs[number].serial == 1
    assert (cache.slabs_created, cache.slabs_destroyed) == (2, 1)


@given(st.integers(0, 1 << 40), st.integers(0, 4095))
def test_an_objects_number_tells_its_slab_and_its_place(slab: int, objnr: int) -> None:
    obj = object_number(slab, objnr)
    assert (virt_to_slab(obj), obj_to_index(obj)) == (slab, objnr)

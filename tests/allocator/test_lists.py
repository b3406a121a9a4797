# SPDX-License-Identifier: GPL-2.0-only
"""Doubly linked lists by number, against Python's own lists."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from slabdes.allocator.lists import list_add, list_add_tail, list_del, list_empty, list_entries
from slabdes.allocator.state import Slab

HEADS = 2
ENTRIES = 5


def new_slabs() -> list[Slab]:
    return [Slab(number, 0, 0, 0) for number in range(HEADS + ENTRIES)]


def test_a_head_links_to_itself_when_its_list_is_empty() -> None:
    slabs = new_slabs()
    assert list_empty(slabs, 0)
    assert (slabs[0].next, slabs[0].prev) == (0, 0)
    list_add(slabs, 3, 0)
    assert not list_empty(slabs, 0)
    list_del(slabs, 3)
    assert list_empty(slabs, 0)
    assert (slabs[0].next, slabs[0].prev) == (0, 0)


def test_adding_puts_first_and_adding_to_the_tail_last() -> None:
    slabs = new_slabs()
    for entry in (2, 3):
        list_add(slabs, entry, 0)
    for entry in (4, 5):
        list_add_tail(slabs, entry, 0)
    assert list(list_entries(slabs, 0)) == [3, 2, 4, 5]


MOVES = st.tuples(st.integers(HEADS, HEADS + ENTRIES - 1), st.integers(0, HEADS - 1), st.booleans())


@given(st.lists(MOVES, max_size=40))
def test_any_moves_between_two_lists_agree_with_python_lists(moves: list[tuple[int, int, bool]]) -> None:
    slabs = new_slabs()
    model: list[list[int]] = [[], []]
    for entry, head, tail in moves:
        for entries in model:
            if entry in entries:
                list_del(slabs, entry)
                entries.remove(entry)
        if tail:
            list_add_tail(slabs, entry, head)
            model[head].append(entry)
        else:
            list_add(slabs, entry, head)
            model[head].insert(0, entry)
        for number, entries in enumerate(model):
            assert list(list_entries(slabs, number)) == entries
            backwards, at = [], slabs[number].prev
            while at != number:
                backwards.append(at)
                at = slabs[at].prev
            assert backwards == entries[::-1]

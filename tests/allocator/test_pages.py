# SPDX-License-Identifier: GPL-2.0-only
"""Free blocks of a zone by order: no page is lost, and what is taken and given back again stays whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from slabdes.allocator.page_lists import LISTS_OF_2_6_34, NO_BLOCK
from slabdes.allocator.pages import (
    LONE_BLOCKS,
    TOP_ORDER,
    PagePool,
    give_to_zone,
    note_given,
    take_from_zone,
    take_given,
)

PAGES = 1 << 18


def pages_in(blocks: list[int]) -> int:
    return sum(count << order for order, count in enumerate(blocks))


@given(st.integers(0, 1 << 20))
def test_a_new_zones_blocks_hold_all_of_its_pages(pages: int) -> None:
    pool = PagePool([pages], [0], LISTS_OF_2_6_34)
    assert pages_in(pool.blocks[0]) == pool.free[0] == pages
    assert all(count <= pool.lone[0] + 1 for count in pool.blocks[0][:TOP_ORDER])
    assert sum(pool.lone[0] << order for order in range(TOP_ORDER)) <= pages // 8


@given(st.integers(1, 1 << 12), st.lists(st.tuples(st.booleans(), st.integers(0, TOP_ORDER)), max_size=300))
def test_blocks_that_come_and_go_lose_no_page_and_an_order_fails_only_for_want_of_pages(
    pages: int, steps: list[tuple[bool, int]]
) -> None:
    pool = PagePool([pages], [0], LISTS_OF_2_6_34)
    (blocks,) = pool.blocks
    held: list[int] = []
    for takes, order in steps:
        if takes:
            enough = pool.free[0] >= 1 << order
            splits = take_from_zone(pool.free, pool.blocks, 0, order)
            assert (splits != NO_BLOCK) == enough
            held += [order] * enough
        elif held:
            merges = give_to_zone(pool.free, pool.blocks, pool.lone[0], 0, held.pop())
            assert 0 <= merges <= TOP_ORDER
        assert pages_in(blocks) == pool.free[0] == pages - sum(1 << order for order in held)
        assert min(blocks) >= 0


def test_a_row_of_blocks_is_split_off_about_once_a_block_and_merged_back_to_what_was_there() -> None:
    pool = PagePool([PAGES], [0], LISTS_OF_2_6_34)
    before = list(pool.blocks[0])
    splits = [take_from_zone(pool.free, pool.blocks, 0, 1) for _block in range(1000)]
    assert splits[:LONE_BLOCKS] == [0] * LONE_BLOCKS, "lone blocks first"
    assert max(splits) > 1 and 0.9 < sum(splits) / 1000 < 1.05
    merges = [give_to_zone(pool.free, pool.blocks, pool.lone[0], 0, 1) for _block in range(1000)]
    assert sum(merges) == sum(splits)
    assert pool.blocks[0] == before


def test_a_block_that_is_taken_and_given_back_again_and_again_is_left_whole() -> None:
    pool = PagePool([PAGES], [0], LISTS_OF_2_6_34)
    for order in range(1, TOP_ORDER):
        for _round in range(3):
            assert take_from_zone(pool.free, pool.blocks, 0, order) == 0
            assert give_to_zone(pool.free, pool.blocks, pool.lone[0], 0, order) == 0


def test_where_no_block_is_large_enough_smaller_ones_are_put_together() -> None:
    pool = PagePool([7], [0], LISTS_OF_2_6_34)
    assert pool.blocks[0][:4] == [1, 1, 1, 0]
    give_to_zone(pool.free, pool.blocks, 1, 0, 0)
    assert take_from_zone(pool.free, pool.blocks, 0, 3) == 3, "four blocks, three merges"
    assert pool.free == [0] and pages_in(pool.blocks[0]) == 0


def test_a_block_is_the_cpus_own_as_long_as_nobody_else_has_given_one_back_since() -> None:
    pool = PagePool([PAGES], [0, 0], LISTS_OF_2_6_34)
    giver, given_back = pool.giver, pool.given
    assert not take_given(giver, given_back, 0, 0, 2)
    note_given(giver, given_back, 0, 0, 2)
    note_given(giver, given_back, 0, 0, 2)
    assert take_given(giver, given_back, 0, 0, 2)
    note_given(giver, given_back, 1, 0, 2)
    assert not take_given(giver, given_back, 0, 0, 2), "CPU 1's lies on top"
    assert take_given(giver, given_back, 1, 0, 2) and not take_given(giver, given_back, 1, 0, 2)

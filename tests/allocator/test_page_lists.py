# SPDX-License-Identifier: GPL-2.0-only
"""CPUs' lists of pages: how large kernels make them, and that no page is lost between them, the zone and who holds it."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from slabdes.allocator.page_lists import (
    COLD,
    LIST_ORDERS,
    LISTS_OF_2_6_34,
    LISTS_OF_5_14,
    NO_BLOCK,
    WARM,
    PageLists,
    give_to_list,
    list_of,
    low_watermark,
    put_refill,
    refill_blocks,
    take_from_list,
    trim_list,
)
from slabdes.allocator.pages import PagePool
from slabdes.allocator.slub.versions import SLUB_VERSIONS
from slabdes.allocator.versions import VERSIONS

GIB = 1 << 18
"""Pages of a GiB."""


def test_kernels_since_5_14_have_lists_of_orders_up_to_3_and_those_before_of_single_pages() -> None:
    assert {name for name, version in VERSIONS.items() if version.page_lists.top_order == 0} == {"2.6.34", "4.6", "4.7"}
    assert VERSIONS["6.1"].page_lists.top_order == 3
    assert {version.page_lists.top_order for version in SLUB_VERSIONS.values()} == {3}


@pytest.mark.parametrize(
    ("lists", "pages", "batch", "high"),
    [
        # 512 KiB a quarter: 32, half as much again, down to a power of two, less one; six batches.
        (LISTS_OF_2_6_34, 4 * GIB, 31, 186),
        (LISTS_OF_2_6_34, GIB // 64, 0, 0),
        # 4 GiB: 4 * sqrt(4 Mi KiB) KiB are 2,048 pages, and a thousandth of the zone, for four CPUs.
        (LISTS_OF_5_14, 4 * GIB, 63, (2048 + 1048) // 4),
        # 256 MiB: 4 * sqrt(256 Ki KiB) KiB are 512 pages, and a quarter of them, which is more than a thousandth of the zone.
        (LISTS_OF_5_14, GIB // 4, 15, (512 + 128) // 4),
        # 256 GiB: 4 * sqrt(256 Mi KiB) KiB are 16,384 pages, and a thousandth of the zone.
        (LISTS_OF_5_14, 256 * GIB, 63, (16_384 + 67_108) // 4),
    ],
)
def test_a_batch_and_the_length_of_lists_follow_from_the_zone(lists: PageLists, pages: int, batch: int, high: int) -> None:
    assert (lists.batch(pages), lists.high(pages, pages, 4)) == (batch, high)


def test_lists_hold_four_batches_at_least_and_a_zone_without_cpus_is_shared_by_all() -> None:
    assert LISTS_OF_5_14.high(4 * GIB, 4 * GIB, 1000) == 4 * 63
    pool = PagePool([4 * GIB, 4 * GIB, 0], [0, 0, 0, 0, 2], LISTS_OF_5_14)
    low = low_watermark(4 * GIB, 8 * GIB)
    assert pool.high == [max(low // 4, 252), max(low // 5, 252), 4]


@pytest.mark.parametrize(("order", "blocks"), [(0, 63), (1, 31), (2, 15), (3, 7)])
def test_a_refill_moves_a_batch_of_pages_in_whole_blocks(order: int, blocks: int) -> None:
    assert refill_blocks([GIB], 63, 0, order) == blocks
    assert refill_blocks([2 << order], 63, 0, order) == min(blocks, 2)
    assert refill_blocks([GIB], 1, 0, order) == 1, "a small zone keeps no free pages on lists"
    assert refill_blocks([GIB], 3, 0, order) == max(2, 3 >> order)


def test_of_a_list_those_that_the_cpu_put_there_are_taken_first_and_given_back_last() -> None:
    pool = PagePool([GIB], [0], LISTS_OF_5_14)
    of_list = (pool.pcp, pool.lists, pool.warm)
    put_refill(pool.pcp, pool.lists, 3, 0, 0, 2)
    assert not give_to_list(*of_list, 100, 0, 0, 2)
    assert give_to_list(*of_list, 20, 0, 0, 2), "five blocks of four pages"
    assert [take_from_list(*of_list, 0, 0, 2) for _block in range(3)] == [WARM, WARM, COLD]
    assert not give_to_list(*of_list, 100, 0, 0, 2)
    assert trim_list(*of_list, 8, 0, 0, 2) == 2, "the cold ones"
    assert take_from_list(*of_list, 0, 0, 2) == WARM
    assert take_from_list(*of_list, 0, 0, 2) == NO_BLOCK
    assert pool.pcp == [[0]]


def test_a_trim_takes_whole_blocks_until_it_has_enough_pages() -> None:
    pool = PagePool([GIB], [0], LISTS_OF_5_14)
    put_refill(pool.pcp, pool.lists, 4, 0, 0, 3)
    assert trim_list(pool.pcp, pool.lists, pool.warm, 9, 0, 0, 3) == 2
    assert trim_list(pool.pcp, pool.lists, pool.warm, 63, 0, 0, 3) == 2
    assert trim_list(pool.pcp, pool.lists, pool.warm, 63, 0, 0, 3) == 0


CPUS, NODES = st.integers(0, 2), st.integers(0, 1)
ORDERS = st.integers(0, LIST_ORDERS - 1)


class Lists(RuleBasedStateMachine):
    """Random turns of three CPUs on the lists of two zones."""

    @initialize(pages=st.tuples(st.integers(0, 500), st.integers(500, GIB)))
    def start(self, pages: tuple[int, int]) -> None:
        self.pages = pages
        self.pool = PagePool(pages, [0, 0, 1], LISTS_OF_5_14)
        self.held = [[0] * LIST_ORDERS, [0] * LIST_ORDERS]

    @property
    def of_list(self) -> tuple[list[list[int]], list[list[int]], list[list[int]]]:
        return self.pool.pcp, self.pool.lists, self.pool.warm

    @rule(cpu=CPUS, node=NODES, order=ORDERS)
    def take(self, cpu: int, node: int, order: int) -> None:
        found = take_from_list(*self.of_list, cpu, node, order)
        if found == NO_BLOCK:
            blocks = refill_blocks(self.pool.free, self.pool.batch[node], node, order)
            assert (blocks > 0) == (self.pool.free[node] >= 1 << order)
            put_refill(self.pool.pcp, self.pool.lists, blocks, cpu, node, order)
            self.pool.free[node] -= blocks << order
            found = take_from_list(*self.of_list, cpu, node, order)
            assert found == (COLD if blocks else NO_BLOCK)
        self.held[node][order] += found != NO_BLOCK

    @rule(cpu=CPUS, node=NODES, order=ORDERS)
    def give(self, cpu: int, node: int, order: int) -> None:
        if not self.held[node][order]:
            return
        self.held[node][order] -= 1
        high, batch = self.pool.high[node], self.pool.batch[node]
        if give_to_list(*self.of_list, high, cpu, node, order):
            left = batch
            for lists_order in (*range(order, LIST_ORDERS), *range(order)):
                blocks = trim_list(*self.of_list, max(0, left), cpu, node, lists_order)
                left -= blocks << lists_order
                self.pool.free[node] += blocks << lists_order
            assert left <= 0
        assert self.pool.pcp[cpu][node] < high

    @invariant()
    def every_page_is_in_its_zone_on_a_list_or_held(self) -> None:
        for node, pages in enumerate(self.pages):
            held = sum(blocks << order for order, blocks in enumerate(self.held[node]))
            assert self.pool.free[node] + sum(of_cpu[node] for of_cpu in self.pool.pcp) + held == pages

    @invariant()
    def a_cpus_count_is_that_of_its_lists_and_warm_blocks_are_on_them(self) -> None:
        for cpu in range(3):
            for node in range(2):
                lists = [self.pool.lists[cpu][list_of(node, order)] for order in range(LIST_ORDERS)]
                assert self.pool.pcp[cpu][node] == sum(blocks << order for order, blocks in enumerate(lists))
            assert all(0 <= warm <= blocks for warm, blocks in zip(self.pool.warm[cpu], self.pool.lists[cpu], strict=True))


Lists.TestCase.settings = settings(max_examples=40, stateful_step_count=60)
TestLists = Lists.TestCase

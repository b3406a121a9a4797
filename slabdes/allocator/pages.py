# SPDX-License-Identifier: GPL-2.0-only
"""The page allocator that cache_grow calls: finite memory a node, per-CPU page lists (`page_lists`) before a zone lock.

One zone a node and pages counted, not placed: watermarks and reclaim are left out, and an order-n request succeeds whenever
2**n pages are free. Costs and locks are the engine's.

Blocks. Free blocks of a zone are counted by order, so that it is known where one is split and where two are merged: the cost of
a call is that of its splits. Taking needs no more than counts. Whether a block that is given back finds its buddy free depends
on which block it is; here it does if it is the second of two beyond `lone`, as if blocks came back in the order in which splits
made them. `lone` blocks of each order have buddies that are in use for good, as on a machine that has run for a while: so a
block that is taken and given back again and again is neither split nor merged, as measured (page_allocator_8cpu.csv: a pair of
order 1 takes 531 cycles, 386 less than an allocation and a free in long rows).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import MutableSequence, Sequence
from typing import Final

from slabdes.allocator.page_lists import LIST_ORDERS, NO_BLOCK, Lists, PageLists

TOP_ORDER: Final = 10
"""The largest block is of 2**10 pages (MAX_ORDER - 1)."""
LONE_BLOCKS: Final = 8
"""Blocks of each order whose buddies stay in use (assumed: as many as CPUs in the measurement, so that all can have one)."""
LONE_SHARE: Final = 8
"""Those are at most this part of a zone (assumed; it only matters to zones under 256 MiB)."""


def take_from_zone(free: MutableSequence[int], blocks: Lists, node: int, order: int) -> int:
    """Take 2**order pages straight from the zone: how many splits it took, or NO_BLOCK. Under the zone lock (__rmqueue)."""
    if free[node] < 1 << order:
        return NO_BLOCK
    free[node] -= 1 << order
    of_node = blocks[node]
    found = order
    while found <= TOP_ORDER and not of_node[found]:
        found += 1
    if found > TOP_ORDER:
        return _gather(of_node, order)
    of_node[found] -= 1
    for lower in range(order, found):
        of_node[lower] += 1
    return found - order


def _gather(blocks: MutableSequence[int], order: int) -> int:
    """Make a block of smaller ones, the largest first: how many merges."""
    missing, parts = 1 << order, 0
    for lower in range(min(order - 1, TOP_ORDER), -1, -1):
        used = min(blocks[lower], missing >> lower)
        blocks[lower] -= used
        missing -= used << lower
        parts += used
    return parts - 1


def give_to_zone(free: MutableSequence[int], blocks: Lists, lone: int, node: int, order: int) -> int:
    """Give 2**order pages back to the zone: how many merges that were. Under the zone lock (__free_one_page)."""
    free[node] += 1 << order
    of_node = blocks[node]
    merged = 0
    while True:
        of_node[order] += 1
        if order >= TOP_ORDER or of_node[order] != lone + 2:
            return merged
        of_node[order] -= 2
        order += 1
        merged += 1


def take_given(giver: Lists, given: Lists, cpu: int, node: int, order: int) -> bool:
    """Whether a block was the CPU's own before: of those given back last, it takes the last that nobody has taken since."""
    if giver[node][order] != cpu or not given[node][order]:
        return False
    given[node][order] -= 1
    return True


def note_given(giver: Lists, given: Lists, cpu: int, node: int, order: int) -> None:
    """The CPU has given a block back."""
    if giver[node][order] != cpu:
        giver[node][order] = cpu
        given[node][order] = 0
    given[node][order] += 1


class PagePool:
    """Free pages of every node's zone, as blocks by order, and of each CPU's lists for each zone.

    `pcp` by CPU and node: pages on its lists; `lists` by CPU and `list_of` node and order: blocks on each, of which it has put
    `warm` there itself. `batch` and `high` by node: pages moved at a time, and those at which lists are trimmed. `blocks` by node
    and order; a zone has `lone` of each order for good. `giver` and `given`: who gave a block of an order back to the zone last,
    and how many in a row that nobody has taken.
    """

    __slots__ = ("batch", "blocks", "free", "given", "giver", "high", "lists", "lone", "pcp", "warm")
    free: list[int]
    blocks: list[list[int]]
    lone: list[int]
    giver: list[list[int]]
    given: list[list[int]]
    pcp: list[list[int]]
    lists: list[list[int]]
    warm: list[list[int]]
    batch: list[int]
    high: list[int]

    def __init__(self, memory_pages: Sequence[int], node_of_cpu: Sequence[int], page_lists: PageLists) -> None:
        nodes, n_cpus = range(len(memory_pages)), len(node_of_cpu)
        self.free = list(memory_pages)
        self.lone = [min(LONE_BLOCKS, pages // LONE_SHARE >> TOP_ORDER) for pages in memory_pages]
        self.blocks = [_blocks_of(pages, lone) for pages, lone in zip(memory_pages, self.lone, strict=True)]
        self.giver = [[-1] * (TOP_ORDER + 1) for _node in nodes]
        self.given = [[0] * (TOP_ORDER + 1) for _node in nodes]
        self.pcp = [[0] * len(nodes) for _cpu in node_of_cpu]
        self.lists = [[0] * (len(nodes) * LIST_ORDERS) for _cpu in node_of_cpu]
        self.warm = [[0] * (len(nodes) * LIST_ORDERS) for _cpu in node_of_cpu]
        self.batch = [max(1, page_lists.batch(pages)) for pages in memory_pages]
        cpus_of = Counter(node_of_cpu)
        self.high = [page_lists.high(memory_pages[node], sum(memory_pages), cpus_of[node] or n_cpus) for node in nodes]


def _blocks_of(pages: int, lone: int) -> list[int]:
    """A zone's free blocks by order: the lone ones, the rest in blocks as large as can be."""
    blocks = [lone] * TOP_ORDER
    left = pages - sum(lone << order for order in range(TOP_ORDER))
    blocks = [count + (left >> order & 1) for order, count in enumerate(blocks)]
    return [*blocks, left >> TOP_ORDER]

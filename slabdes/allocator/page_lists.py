# SPDX-License-Identifier: GPL-2.0-only
"""Each CPU's own lists of free pages of a zone: how large they are, and how blocks come and go (struct per_cpu_pages).

One list an order, as slabs are of one migrate type; all of a zone share a count of pages and the mark `high`. What moves between
lists and zone moves under the zone lock. A refill takes a batch's worth of blocks, two at least; who puts a block on a list and
so reaches `high` gives a batch of pages back, from that block's list first, then from the next, each from its far end, as Linux
6.1 does (5.14 to 5.17 took turns). A block that the CPU has put there itself is warm, one from the zone is cold.

Leaves out what changes batches in long rows of calls of one kind (free_factor from 5.14, alloc_factor and free_count from 6.7),
so that long rows of frees take the zone lock too often here at order 0; free_high (from 5.18), which empties all lists when
blocks of orders 1 to 3 are given back and none is taken, so that they take it too seldom here; `high` that tunes itself (from
6.7), the timer that empties idle lists, and drain_all_pages: pages on other CPUs' lists are out of reach, and a zone that has no
others has none. How large lists are follows what memory the zone may hand out (machine.memory_mib), as if it had no other.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Final

from slabdes.units import PAGE_SIZE

PAGES_PER_BATCH: Final = 1024
COSTLY_ORDER: Final = 3
"""PAGE_ALLOC_COSTLY_ORDER: the largest order that has lists, where more than single pages have."""
LIST_ORDERS: Final = COSTLY_ORDER + 1
SMALLEST_HIGH: Final = 4
"""A CPU's lists may hold so many batches at least (zone_highsize)."""
LEAST_FREE_KBYTES: Final = 128
MOST_FREE_KBYTES: Final = 262_144
WATERMARK_SCALE: Final = 10
"""watermark_scale_factor: ten thousandths of a zone between its watermarks, at least."""
NO_BLOCK: Final = -1
COLD: Final = 0
WARM: Final = 1

Lists = Sequence[MutableSequence[int]]
"""Of each CPU or node, numbers by node, order or list."""


@dataclass(frozen=True)
class PageLists:
    """How large some kernels' per-CPU lists are, and of which orders.

    `top_order`: blocks of 0 to so many orders lie on lists; those of higher orders are taken from the zone and given back to it
    one by one. `batch_bytes`: a batch is a quarter of at most so much. `high_batches`: lists may hold so many batches; 0: what
    the zone's low watermark is, divided among the CPUs of its node.
    """

    top_order: int
    batch_bytes: int
    high_batches: int

    def batch(self, pages: int) -> int:
        """Pages that a zone of `pages` pages and a CPU's lists exchange at a time; 0 for a zone under 32 MiB (zone_batchsize).

        >>> [lists.batch(1 << 20) for lists in (LISTS_OF_2_6_34, LISTS_OF_5_14)], LISTS_OF_5_14.batch(4096)
        ([31, 63], 0)
        """
        batch = max(min(pages // PAGES_PER_BATCH, self.batch_bytes // PAGE_SIZE) // 4, 1)
        return (1 << (batch + batch // 2).bit_length() - 1) - 1

    def high(self, pages: int, of_all: int, cpus: int) -> int:
        """Pages at which lists of a zone of `pages` pages of `of_all` are trimmed, where `cpus` share it (zone_highsize).

        >>> LISTS_OF_2_6_34.high(1 << 20, 1 << 20, 4), LISTS_OF_5_14.high(1 << 22, 1 << 22, 4), LISTS_OF_5_14.high(4096, 4096, 4)
        (186, 2072, 40)
        """
        if self.high_batches:
            return self.high_batches * self.batch(pages)
        return max(low_watermark(pages, of_all) // cpus, SMALLEST_HIGH * max(1, self.batch(pages)))


LISTS_OF_2_6_34: Final = PageLists(top_order=0, batch_bytes=512 * 1024, high_batches=6)
"""Until 5.13 (setup_pageset), but that a batch has been twice as large since 4.19 (commit d8a759b57035)."""
LISTS_OF_5_14: Final = PageLists(top_order=COSTLY_ORDER, batch_bytes=1024 * 1024, high_batches=0)
"""Since 5.14: orders 1 to 3 (commit 44042b449872), and `high` from the watermark (commit b92ca18e8ca5)."""


def low_watermark(pages: int, of_all: int) -> int:
    """Pages of a zone below which kswapd wakes, with the kernel's defaults (init_per_zone_wmark_min, __setup_per_zone_wmarks).

    All memory is lowmem, in one zone a node. Leaves out what khugepaged adds to min_free_kbytes.

    >>> low_watermark(1 << 22, 1 << 22)  # 16 GiB
    8290
    """
    kbytes = min(max(isqrt(of_all * PAGE_SIZE // 1024 * 16), LEAST_FREE_KBYTES), MOST_FREE_KBYTES)
    least = kbytes * 1024 // PAGE_SIZE * pages // max(1, of_all)
    return least + max(least // 4, pages * WATERMARK_SCALE // 10_000)


def list_of(node: int, order: int) -> int:
    """A CPU's list of a zone's blocks of an order, among all of its lists."""
    return node * LIST_ORDERS + order


def take_from_list(pcp: Lists, lists: Lists, warm: Lists, cpu: int, node: int, order: int) -> int:
    """Take a block from the CPU's own list: WARM, COLD, or NO_BLOCK where there is none (__rmqueue_pcplist)."""
    number = list_of(node, order)
    if not lists[cpu][number]:
        return NO_BLOCK
    lists[cpu][number] -= 1
    pcp[cpu][node] -= 1 << order
    if not warm[cpu][number]:
        return COLD
    warm[cpu][number] -= 1
    return WARM


def give_to_list(pcp: Lists, lists: Lists, warm: Lists, high: int, cpu: int, node: int, order: int) -> bool:
    """Put a block on the CPU's own list; whether its lists have too many pages now (free_unref_page_commit)."""
    number = list_of(node, order)
    lists[cpu][number] += 1
    warm[cpu][number] += 1
    pcp[cpu][node] += 1 << order
    return pcp[cpu][node] >= high


def refill_blocks(free: Sequence[int], batch: int, node: int, order: int) -> int:
    """How many blocks a refill moves: a batch's worth, two at least, and what the zone has at most (nr_pcp_alloc)."""
    blocks = max(batch >> order, 2) if batch > 1 else batch
    return min(blocks, free[node] >> order)


def put_refill(pcp: Lists, lists: Lists, blocks: int, cpu: int, node: int, order: int) -> None:
    """So many blocks of the zone's are on the CPU's list, which was empty or had those that others put there meanwhile."""
    lists[cpu][list_of(node, order)] += blocks
    pcp[cpu][node] += blocks << order


def trim_list(pcp: Lists, lists: Lists, warm: Lists, pages: int, cpu: int, node: int, order: int) -> int:
    """Take blocks from a list's far end until they are so many pages or more, or the list is empty; how many blocks."""
    number = list_of(node, order)
    blocks = min(lists[cpu][number], (pages + (1 << order) - 1) >> order)
    lists[cpu][number] -= blocks
    warm[cpu][number] = min(warm[cpu][number], lists[cpu][number])
    pcp[cpu][node] -= blocks << order
    return blocks

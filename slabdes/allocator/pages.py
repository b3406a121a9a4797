# SPDX-License-Identifier: GPL-2.0-only
"""The page allocator that cache_grow calls: finite memory a node, per-CPU page lists before a zone lock.

One zone a node and pages counted, not placed: buddies, fragmentation, watermarks and reclaim are left out, so that an
order-n request succeeds whenever 2**n pages are free. Costs and locks are the engine's.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from typing import Final

from slabdes.units import PAGE_SIZE

MAX_BATCH_BYTES: Final = 512 * 1024
"""A batch is a quarter of at most this much (zone_batchsize)."""
PAGES_PER_BATCH: Final = 1024
HIGH_BATCHES: Final = 6
"""A CPU's list may hold so many batches (setup_pageset)."""


def zone_batchsize(pages: int) -> int:
    """Pages that a CPU's list and a zone of `pages` pages exchange at a time; 0 for a zone under 32 MiB (zone_batchsize).

    >>> zone_batchsize(1 << 20), zone_batchsize(4096)
    (31, 0)
    """
    batch = max(min(pages // PAGES_PER_BATCH, MAX_BATCH_BYTES // PAGE_SIZE) // 4, 1)
    return (1 << (batch + batch // 2).bit_length() - 1) - 1


Lists = Sequence[MutableSequence[int]]
"""Pages on each CPU's list for each zone, [CPU][node]."""


def take_from_list(pcp: Lists, cpu: int, node: int) -> bool:
    """Take one page from the CPU's own list; whether there was one."""
    if not pcp[cpu][node]:
        return False
    pcp[cpu][node] -= 1
    return True


def refill_list(free: MutableSequence[int], pcp: Lists, batch: int, cpu: int, node: int) -> int:
    """Move up to a batch from the zone to the CPU's list; how many. Under the zone lock (rmqueue_bulk)."""
    moved = min(batch, free[node])
    free[node] -= moved
    pcp[cpu][node] += moved
    return moved


def give_to_list(pcp: Lists, high: int, cpu: int, node: int) -> bool:
    """Put one page on the CPU's own list; whether the list is now longer than it may be."""
    pcp[cpu][node] += 1
    return pcp[cpu][node] >= high


def trim_list(free: MutableSequence[int], pcp: Lists, batch: int, cpu: int, node: int) -> int:
    """Move a batch from the CPU's list to the zone; how many. Under the zone lock (free_pcppages_bulk)."""
    moved = min(batch, pcp[cpu][node])
    pcp[cpu][node] -= moved
    free[node] += moved
    return moved


def take_pages(free: MutableSequence[int], node: int, pages: int) -> bool:
    """Take pages straight from the zone; whether there were enough. Under the zone lock."""
    if free[node] < pages:
        return False
    free[node] -= pages
    return True


class PagePool:
    """Free pages of every node's zone, and of each CPU's list for each zone.

    `batch` and `high` by node: pages moved at a time, and the length at which a list is trimmed (setup_pageset): 0 on
    small zones, where every page goes straight back.
    """

    __slots__ = ("batch", "free", "high", "pcp")
    free: list[int]
    pcp: list[list[int]]
    batch: list[int]
    high: list[int]

    def __init__(self, memory_pages: Sequence[int], n_cpus: int) -> None:
        self.free = list(memory_pages)
        self.pcp = [[0] * len(memory_pages) for _cpu in range(n_cpus)]
        batches = [zone_batchsize(pages) for pages in memory_pages]
        self.high = [HIGH_BATCHES * batch for batch in batches]
        self.batch = [max(1, batch) for batch in batches]

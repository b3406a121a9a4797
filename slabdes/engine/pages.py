"""The page allocator that cache_grow calls: finite memory a node, per-CPU page lists before a zone lock.

One zone a node and pages counted, not placed: buddies, fragmentation, watermarks and reclaim are left out, so that an
order-n request succeeds whenever 2**n pages are free. Costs and locks are the engine's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

PCP_BATCH: Final = 31
"""Pages moved at a time between a CPU's list and its zone: zone_batchsize() of a zone of 512 MB or more."""
PCP_HIGH: Final = 6 * PCP_BATCH
"""Pages a CPU's list may hold: setup_pageset's 6 * batch."""


class PagePool:
    """Free pages of every node's zone, and of each CPU's list for each zone."""

    __slots__ = ("free", "pcp")

    def __init__(self, memory_pages: Sequence[int], n_cpus: int) -> None:
        self.free = list(memory_pages)
        self.pcp = [[0] * len(memory_pages) for _cpu in range(n_cpus)]

    def take_from_list(self, cpu: int, node: int) -> bool:
        """Take one page from the CPU's own list; whether there was one."""
        if not self.pcp[cpu][node]:
            return False
        self.pcp[cpu][node] -= 1
        return True

    def refill_list(self, cpu: int, node: int) -> int:
        """Move up to a batch from the zone to the CPU's list; how many. Under the zone lock (rmqueue_bulk)."""
        moved = min(PCP_BATCH, self.free[node])
        self.free[node] -= moved
        self.pcp[cpu][node] += moved
        return moved

    def give_to_list(self, cpu: int, node: int) -> bool:
        """Put one page on the CPU's own list; whether the list is now longer than it may be."""
        self.pcp[cpu][node] += 1
        return self.pcp[cpu][node] >= PCP_HIGH

    def trim_list(self, cpu: int, node: int) -> int:
        """Move a batch from the CPU's list to the zone; how many. Under the zone lock (free_pcppages_bulk)."""
        moved = min(PCP_BATCH, self.pcp[cpu][node])
        self.pcp[cpu][node] -= moved
        self.free[node] += moved
        return moved

    def take(self, node: int, pages: int) -> bool:
        """Take pages straight from the zone; whether there were enough. Under the zone lock."""
        if self.free[node] < pages:
            return False
        self.free[node] -= pages
        return True

    def give(self, node: int, pages: int) -> None:
        """Put pages straight back into the zone. Under the zone lock."""
        self.free[node] += pages

# SPDX-License-Identifier: GPL-2.0-only
"""The tunables a cache starts with, and what is refused: enable_cpucache, alloc_kmemlist and slabinfo_write of 2.6.34."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from slabdes.units import PAGE_SIZE

BATCHREFILL_LIMIT: Final = 16
"""An untouched array is refilled with at most this many objects."""
SHARED_FACTOR: Final = 8
ALIEN_LIMIT: Final = 12
"""Alien caches hold this many objects, whatever the tunables become later (alloc_alien_cache)."""
LIMITS_BY_SIZE: Final = ((131072, 1), (PAGE_SIZE, 8), (1024, 24), (256, 54), (0, 120))
"""(objects larger than so many bytes, array limit), in enable_cpucache's order."""


@dataclass(frozen=True)
class Tunables:
    """What /proc/slabinfo shows and takes: array limit, batchcount, and the shared array in batches."""

    limit: int
    batchcount: int
    shared: int

    def refused(self) -> bool:
        """Whether slabinfo_write turns these down."""
        return self.limit < 1 or self.batchcount < 1 or self.batchcount > self.limit or self.shared < 0


def default_tunables(size: int, cpus: int) -> Tunables:
    """enable_cpucache's choice for objects of `size` aligned bytes on a machine with `cpus` CPUs.

    >>> default_tunables(256, cpus=8)
    Tunables(limit=120, batchcount=60, shared=8)
    """
    limit = next(limit for above, limit in LIMITS_BY_SIZE if size > above)
    shared = SHARED_FACTOR if size <= PAGE_SIZE and cpus > 1 else 0
    return Tunables(limit, (limit + 1) // 2, shared)


def alien_limit(limit: int) -> int:
    """How many objects an alien cache holds when the cache is created with array limit `limit`."""
    return ALIEN_LIMIT if limit > 1 else limit


def free_limit(cpus_on_node: int, batchcount: int, num: int) -> int:
    """Free objects a node may keep before free_block destroys emptied slabs."""
    return (1 + cpus_on_node) * batchcount + num

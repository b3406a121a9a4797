# SPDX-License-Identifier: GPL-2.0-only
"""From where locks are taken, and the kernel functions that take them there, as lock_stat names its contention points.

Leaves out places inside a function: the kernel tells those apart by address, a model has none.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from slabdes.allocator.versions import Kernel, Version


class LockSite(IntEnum):
    """From where a lock is taken, in the words of the recorded logs; ALIENREAP to SLABINFO are in none.

    SLAB's come first, then the page allocator's and the workload's, then SLUB's: those of a barn's lock and of a list_lock.
    """

    REFILL = 0
    GROW = 1
    NODEALLOC = 2
    FLUSH = 3
    ALIENDRAIN = 4
    REMOTEFREE = 5
    DRAINARRAY = 6
    DRAINFREELIST = 7
    DODRAIN = 8
    SHAREDDRAIN = 9
    TUNE = 10
    ALIEN = 11
    ALIENREAP = 12
    DRAINALIENS = 13
    COLOUR = 14
    PAGELISTREFILL = 15
    PAGELISTTRIM = 16
    HIGHERPAGES = 17
    FREEPAGES = 18
    SECTION = 19
    SLABINFO = 20
    BARN_GETEMPTY = 21
    BARN_PUTEMPTY = 22
    BARN_PUTFULL = 23
    BARN_GETANY = 24
    BARN_REPEMPTY = 25
    BARN_REPFULL = 26
    BARN_SHRINK = 27
    SLUB_BULK = 28
    SLUB_TRYBULK = 29
    SLUB_ONE = 30
    SLUB_NEWSLAB = 31
    SLUB_RETURN = 32
    SLUB_BACK = 33
    SLUB_FREE = 34
    SLUB_SHRINK = 35
    SLUB_PARTIAL = 36
    SLUB_DEACTIVATE = 37
    SLUB_PUT = 38


N_SITES: Final = len(LockSite)


_SLUB_FUNCTIONS: Final = {
    LockSite.BARN_GETEMPTY: "barn_get_empty_sheaf",
    LockSite.BARN_PUTEMPTY: "barn_put_empty_sheaf",
    LockSite.BARN_PUTFULL: "barn_put_full_sheaf",
    LockSite.BARN_GETANY: "barn_get_full_or_empty_sheaf",
    LockSite.BARN_REPEMPTY: "barn_replace_empty_sheaf",
    LockSite.BARN_REPFULL: "barn_replace_full_sheaf",
    LockSite.BARN_SHRINK: "barn_shrink",
    LockSite.SLUB_BULK: "get_partial_node_bulk",
    LockSite.SLUB_TRYBULK: "get_partial_node_bulk",
    LockSite.SLUB_ONE: "get_from_partial_node",
    LockSite.SLUB_NEWSLAB: "alloc_from_new_slab",
    LockSite.SLUB_RETURN: "__refill_objects_node",
    LockSite.SLUB_BACK: "__refill_objects_node",
    LockSite.SLUB_FREE: "__slab_free",
    LockSite.SLUB_SHRINK: "__kmem_cache_do_shrink",
    LockSite.SLUB_PARTIAL: "get_partial_node",
    LockSite.SLUB_DEACTIVATE: "deactivate_slab",
    LockSite.SLUB_PUT: "__put_partials",
}
"""The functions of SLUB that take a barn's lock or a list_lock, from reading: 7.3's, and those that only 6.12 has."""


def function_at(site: LockSite, version: Kernel) -> str:
    """The function in whose source a kernel of this version takes a lock from `site` (mm/slab.c, mm/slub.c, mm/page_alloc.c).

    A compiler may inline it: the recorded 6.1 kernel's own lock_stat says ___cache_free where cache_flusharray is meant.
    """
    match site:
        case LockSite.PAGELISTREFILL:
            return "rmqueue_bulk"
        case LockSite.PAGELISTTRIM:
            return "free_pcppages_bulk"
        case LockSite.HIGHERPAGES:
            return version.rmqueue_function
        case LockSite.FREEPAGES:
            return version.free_pages_function
        case LockSite.SECTION:
            return "section"
    if isinstance(version, Version):
        return _slab_function(site, version)
    return _SLUB_FUNCTIONS[site]


def _slab_function(site: LockSite, version: Version) -> str:
    """The same of SLAB's own locks."""
    match site:
        case LockSite.REFILL:
            return "cache_alloc_refill"
        case LockSite.GROW:
            return "cache_grow_end" if version.private_slab else "cache_grow"
        case LockSite.COLOUR:
            return "cache_grow_begin" if version.private_slab else "cache_grow"
        case LockSite.NODEALLOC:
            return "____cache_alloc_node"
        case LockSite.FLUSH:
            return "cache_flusharray"
        case LockSite.ALIENDRAIN:
            return "__drain_alien_cache"
        case LockSite.REMOTEFREE | LockSite.ALIEN:
            return version.free_alien_function
        case LockSite.DRAINARRAY:
            return "drain_array"
        case LockSite.SHAREDDRAIN:
            return "drain_cpu_caches" if version.shrink_locks_empty_shared else "drain_array"
        case LockSite.DRAINFREELIST:
            return "drain_freelist"
        case LockSite.DODRAIN:
            return "do_drain"
        case LockSite.TUNE:
            return "do_tune_cpucache"
        case LockSite.ALIENREAP:
            return "reap_alien"
        case LockSite.DRAINALIENS:
            return "drain_alien_cache"
        case LockSite.SLABINFO:
            return version.slabinfo_function
    raise AssertionError(f"{site!r} is no place of SLAB's")

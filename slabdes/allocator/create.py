# SPDX-License-Identifier: GPL-2.0-only
"""How a cache is set up: its arrays and, node by node, its lists, numbered as the caches before it left off.

Leaves out what its geometry and tunables are (`geometry`, `tunables`): a CacheSpec says.
"""

from __future__ import annotations

from typing import Final

from slabdes.allocator.state import (
    BATCHCOUNT_UNUSED,
    L3_LINES,
    NOBODY,
    ArrayCache,
    CacheSpec,
    KmemCache,
    KmemList3,
    ListName,
    Slab,
    SlabState,
    array_lines,
)
from slabdes.allocator.tunables import alien_limit, free_limit
from slabdes.allocator.versions import Version

KMALLOC: Final = ("kmalloc-", "dma-kmalloc-", "size-")
"""How names of general caches begin, whose objects kfree frees (kmalloc_sizes.h of 2.6.34, kmalloc_info of 6.1)."""


def frees_look_up(version: Version, name: str, n_nodes: int) -> bool:
    """Whether a free finds its object's slab before anything else.

    kfree asks it for the cache, cache_free_alien for the node, where there are several; and since 6.0 __cache_free hands it to
    memcg_slab_free_hook, whether that does anything or not.
    """
    return version.frees_find_slab or n_nodes > 1 or name.startswith(KMALLOC)


def alloc_arraycache(state: SlabState, name: str, limit: int, batchcount: int) -> ArrayCache:
    """A new, empty array, named as the golden data name it: c3, sh0, a0.1 (alloc_arraycache)."""
    return ArrayCache(name, limit, batchcount, state.new_words(limit))


def alloc_alien_cache(state: SlabState, node: int, limit: int) -> list[ArrayCache | None]:
    """`node`'s alien caches, one for each other node, each with its lock (alloc_alien_cache)."""
    aliens: list[ArrayCache | None] = []
    for other in range(state.n_nodes):
        if other == node:
            aliens.append(None)
            continue
        alien = alloc_arraycache(state, f"a{node}.{other}", alien_limit(limit), BATCHCOUNT_UNUSED)
        alien.lock = state.new_lock()
        alien.line = state.new_lines(array_lines(alien.limit))
        aliens.append(alien)
    return aliens


def kmem_list3_init(state: SlabState, cache: KmemCache, node: int, next_reap: int) -> KmemList3:
    """A node's empty lists, numbered list heads included (kmem_list3_init)."""
    first_head = len(state.slabs)
    for which in ListName:
        head = Slab(first_head + which, cache.index, 0, NOBODY)
        head.nodeid = node
        head.which = which
        state.slabs.append(head)
    l3 = KmemList3(node, first_head, next_reap)
    l3.list_lock = state.new_lock()
    l3.line = state.new_lines(L3_LINES)
    for which in ListName:
        state.slabs[first_head + which].line = l3.line
    return l3


def alloc_shared(state: SlabState, cache: KmemCache, node: int) -> ArrayCache | None:
    """A node's shared array as the tunables ask for it (alloc_kmemlist)."""
    if not cache.shared:
        return None
    shared = alloc_arraycache(state, f"sh{node}", cache.shared * cache.batchcount, BATCHCOUNT_UNUSED)
    shared.line = state.new_lines(array_lines(shared.limit))
    return shared


def kmem_cache_create(state: SlabState, spec: CacheSpec, next_reap: int) -> KmemCache:
    """Set a cache up as kmem_cache_create and its first do_tune_cpucache leave it. `next_reap` is in jiffies."""
    cache = KmemCache(len(state.caches), spec)
    cache.limit, cache.batchcount, cache.shared = spec.tunables.limit, spec.tunables.batchcount, spec.tunables.shared
    cache.array = [alloc_arraycache(state, f"c{cpu}", cache.limit, cache.batchcount) for cpu in range(len(state.node_of_cpu))]
    for node in range(state.n_nodes):
        l3 = kmem_list3_init(state, cache, node, next_reap)
        l3.shared = alloc_shared(state, cache, node)
        if state.use_alien_caches and state.n_nodes > 1:
            l3.alien = alloc_alien_cache(state, node, cache.limit)
        l3.free_limit = free_limit(state.nr_cpus_node(node), cache.batchcount, cache.num)
        cache.nodelists.append(l3)
    state.caches.append(cache)
    return cache

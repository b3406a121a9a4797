# SPDX-License-Identifier: GPL-2.0-only
"""How a SLUB cache is set up: an empty main sheaf for each CPU, and, node by node, a partial list and a barn.

Leaves out what its geometry is (`geometry`).
"""

from __future__ import annotations

from slabdes.allocator.slub.geometry import SlubGeometry, cpu_partial_slabs
from slabdes.allocator.slub.state import (
    ON_PARTIAL,
    KmemCache,
    KmemCacheCpu,
    KmemCacheNode,
    NodeBarn,
    PercpuSheaves,
    SlubState,
    SlubStats,
    new_sheaf,
)
from slabdes.allocator.state import NOBODY, Slab


def init_kmem_cache_node(state: SlubState, cache: KmemCache, node: int) -> KmemCacheNode:
    """A node's empty partial list, its numbered head included (init_kmem_cache_node)."""
    head = Slab(len(state.slabs), cache.index, 0, NOBODY)
    head.nodeid = node
    head.which = ON_PARTIAL
    made = KmemCacheNode(node, len(state.slabs))
    made.list_lock = state.new_lock()
    made.line = state.new_lines(1)
    head.line = made.line
    state.slabs.append(head)
    return made


def barn_init(state: SlubState, node: int) -> NodeBarn:
    """A node's empty barn (barn_init)."""
    barn = NodeBarn(node)
    barn.lock = state.new_lock()
    barn.line = state.new_lines(1)
    return barn


def create_with_cpu_slabs(state: SlubState, name: str, geometry: SlubGeometry) -> KmemCache:
    """A new cache, each CPU of which has a slab and partial slabs of its own, beneath its sheaves if the geometry has any."""
    cache = kmem_cache_create(state, name, geometry)
    cache.cpu_partial_slabs = cpu_partial_slabs(geometry.size, geometry.objects)
    cache.cpu_slab = [KmemCacheCpu() for _cpu in range(state.n_cpus)]
    return cache


def kmem_cache_create(state: SlubState, name: str, geometry: SlubGeometry, cpu: int = 0) -> KmemCache:
    """A new cache; `cpu` creates it and so is the one that counts the sheaves allocated for all."""
    cache = KmemCache(len(state.caches), name, geometry)
    cache.stats = [SlubStats() for _cpu in range(state.n_cpus)]
    for _cpu in range(state.n_cpus):
        cache.cpu_sheaves.append(PercpuSheaves(new_sheaf(state, cache, cache.sheaf_capacity)))
    if cache.sheaf_capacity:
        cache.stats[cpu].sheaf_alloc += state.n_cpus
    for node in range(state.n_nodes):
        cache.node.append(init_kmem_cache_node(state, cache, node))
        if cache.sheaf_capacity:
            cache.barn.append(barn_init(state, node))
    state.caches.append(cache)
    return cache

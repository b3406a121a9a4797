# SPDX-License-Identifier: GPL-2.0-only
"""Shrinking a cache and tuning it, as mm/slab.c of 2.6.34 to 6.1 does them, as generators.

Leaves out CPU and memory hotplug, and kmem_cache_destroy.
"""

from __future__ import annotations

from slabdes.allocator.state import KmemCache, KmemList3
from slabdes.allocator.transitions import NO_SLAB, has_used_slabs
from slabdes.allocator.tunables import free_limit
from slabdes.paths.kernel import Waits
from slabdes.paths.sites import LockSite
from slabdes.paths.slab.free import free_block, slabs_destroy
from slabdes.paths.slab.kernel import Cpu, ShrinkingKernel, SlabKernel
from slabdes.paths.slab.reap import drain_alien_cache, drain_array, drain_freelist


def kmem_cache_shrink(k: ShrinkingKernel[Cpu], cpu: Cpu, cache: KmemCache) -> Waits[int]:
    """Empty every array and destroy every free slab; 1 if slabs are left, else 0 (__cache_shrink)."""
    yield from k.drain_each_cpu(cpu, cache)
    left = yield from shrink_lists(k, cpu, cache)
    return left


def shrink_lists(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache) -> Waits[int]:
    """The same once every CPU's own array is empty."""
    state = k.state
    for l3 in cache.nodelists:
        yield from drain_alien_cache(k, cpu, cache, l3)
    for l3 in cache.nodelists:
        yield from drain_array(k, cpu, cache, l3, l3.shared, force=True)
    left = False
    for l3 in cache.nodelists:
        yield from k.look(cpu)
        yield from drain_freelist(k, cpu, cache, l3, l3.free_objects)
        left |= has_used_slabs(state.slabs, l3)
    return int(left)


def do_drain(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache) -> Waits[None]:
    """Free a CPU's whole array."""
    ac = cache.array[cpu.number]
    l3 = cache.nodelists[cpu.node]
    yield from k.spin_lock(cpu, l3.list_lock, LockSite.DODRAIN)
    k.note_do_drain(cpu)
    doomed = yield from free_block(k, cpu, cache, ac.entry, ac.avail, cpu.node)
    ac.avail = 0
    yield from k.spin_unlock(cpu, l3.list_lock)
    yield from slabs_destroy(k, cpu, cache, doomed)


def do_tune_cpucache(
    k: ShrinkingKernel[Cpu], cpu: Cpu, cache: KmemCache, limit: int, batchcount: int, shared: int
) -> Waits[None]:
    """Give a cache new tunables: new arrays for every CPU, the old ones' objects back to their slabs."""
    k.swap_arrays(cpu, cache, limit, batchcount)
    cache.limit = limit
    cache.batchcount = batchcount
    cache.shared = shared
    for number in range(k.state.n_cpus):
        ac = k.old_array(cpu, number)
        node = k.state.node_of_cpu[number]
        l3 = cache.nodelists[node]
        yield from k.spin_lock(cpu, l3.list_lock, LockSite.TUNE)
        doomed = yield from free_block(k, cpu, cache, ac.entry, ac.avail, node)
        yield from k.spin_unlock(cpu, l3.list_lock)
        yield from slabs_destroy(k, cpu, cache, doomed)
    for l3 in cache.nodelists:
        yield from _alloc_kmemlist(k, cpu, cache, l3)


def _alloc_kmemlist(k: ShrinkingKernel[Cpu], cpu: Cpu, cache: KmemCache, l3: KmemList3) -> Waits[None]:
    new_shared = k.new_shared(cpu, cache, l3.node)
    new_limit = free_limit(k.nr_cpus_node(l3.node), cache.batchcount, cache.num)
    doomed = NO_SLAB
    if k.version.tune_locks_twice:
        yield from k.spin_lock(cpu, l3.list_lock, LockSite.TUNE)
        l3.free_limit = new_limit
        yield from k.spin_unlock(cpu, l3.list_lock)
    yield from k.spin_lock(cpu, l3.list_lock, LockSite.TUNE)
    if l3.shared:
        doomed = yield from free_block(k, cpu, cache, l3.shared.entry, l3.shared.avail, l3.node)
    l3.shared = new_shared
    l3.free_limit = new_limit
    yield from k.spin_unlock(cpu, l3.list_lock)
    yield from slabs_destroy(k, cpu, cache, doomed)

"""Shrinking a cache and tuning it, as mm/slab.c of 2.6.34 to 6.1 does them, as generators.

Leaves out CPU and memory hotplug, and kmem_cache_destroy.
"""

from __future__ import annotations

from slabdes.allocator.state import KmemCache, KmemList3, alloc_arraycache, alloc_shared
from slabdes.allocator.transitions import (
    has_used_slabs,
)
from slabdes.allocator.tunables import Tunables, free_limit
from slabdes.paths.kernel import Waits
from slabdes.paths.sites import LockSite
from slabdes.paths.slab.free import __drain_alien_cache, free_block, slabs_destroy
from slabdes.paths.slab.kernel import Cpu, InterruptingKernel, SlabKernel
from slabdes.paths.slab.reap import drain_array, drain_freelist


def kmem_cache_shrink(k: InterruptingKernel[Cpu], cpu: Cpu, cache: KmemCache) -> Waits[int]:
    """Empty every array and destroy every free slab; 1 if slabs are left, else 0 (__cache_shrink)."""
    state = k.state
    for other in (yield from k.on_each_cpu(cpu)):
        yield from do_drain(k, other, cache)
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
    doomed = yield from free_block(k, cpu, cache, k.state.words[ac.entry : ac.entry + ac.avail], cpu.node)
    ac.avail = 0
    yield from k.spin_unlock(cpu, l3.list_lock)
    yield from slabs_destroy(k, cpu, cache, doomed)


def drain_alien_cache(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, l3: KmemList3) -> Waits[None]:
    """Send all of a node's alien caches home."""
    for node, alien in enumerate(l3.alien or ()):
        if alien is not None:
            yield from k.spin_lock(cpu, alien.lock, LockSite.DRAINALIENS)
            doomed = yield from __drain_alien_cache(k, cpu, cache, alien, node)
            yield from k.spin_unlock(cpu, alien.lock)
            yield from slabs_destroy(k, cpu, cache, doomed)


def do_tune_cpucache(k: InterruptingKernel[Cpu], cpu: Cpu, cache: KmemCache, tunables: Tunables) -> Waits[None]:
    """Give a cache new tunables: new arrays for every CPU, the old ones' objects back to their slabs."""
    state = k.state
    old = cache.array
    cache.array = [
        alloc_arraycache(state, f"c{number}", tunables.limit, tunables.batchcount) for number in range(len(state.node_of_cpu))
    ]
    yield from k.on_each_cpu(cpu)
    cache.limit, cache.batchcount, cache.shared = tunables.limit, tunables.batchcount, tunables.shared
    for ac, node in zip(old, state.node_of_cpu, strict=True):
        l3 = cache.nodelists[node]
        yield from k.spin_lock(cpu, l3.list_lock, LockSite.TUNE)
        doomed = yield from free_block(k, cpu, cache, state.words[ac.entry : ac.entry + ac.avail], node)
        yield from k.spin_unlock(cpu, l3.list_lock)
        yield from slabs_destroy(k, cpu, cache, doomed)
    for l3 in cache.nodelists:
        yield from _alloc_kmemlist(k, cpu, cache, l3)


def _alloc_kmemlist(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, l3: KmemList3) -> Waits[None]:
    state = k.state
    new_shared = alloc_shared(state, cache, l3.node)
    doomed: list[int] = []
    new_limit = free_limit(state.nr_cpus_node(l3.node), cache.batchcount, cache.num)
    if k.version.tune_locks_twice:
        yield from k.spin_lock(cpu, l3.list_lock, LockSite.TUNE)
        l3.free_limit = new_limit
        yield from k.spin_unlock(cpu, l3.list_lock)
    yield from k.spin_lock(cpu, l3.list_lock, LockSite.TUNE)
    if l3.shared:
        shared = l3.shared
        doomed = yield from free_block(k, cpu, cache, state.words[shared.entry : shared.entry + shared.avail], l3.node)
    l3.shared = new_shared
    l3.free_limit = new_limit
    yield from k.spin_unlock(cpu, l3.list_lock)
    yield from slabs_destroy(k, cpu, cache, doomed)

# SPDX-License-Identifier: GPL-2.0-only
"""How a free runs: mm/slab.c from kmem_cache_free down to free_block and slab_destroy, as generators. Linux 2.6.34 to 6.1.

Leaves out debugging, and what an engine does at a lock. Each function is named after its original.
"""

from __future__ import annotations

from slabdes.allocator.state import NO_OBJECT, ArrayCache, KmemCache, virt_to_slab
from slabdes.allocator.transitions import (
    NO_SLAB,
    SLAB_DESTROYED,
    ac_put,
    drop_slab,
    excess_slab,
    flush_to_shared,
    free_block_object,
    free_hit,
    set_freeable,
    shift_down,
    transfer_objects,
)
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Path
from slabdes.paths.sites import LockSite
from slabdes.paths.slab.kernel import Cpu, SlabKernel


def kmem_cache_free(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, obj: int) -> Waits[None]:
    """Give an object back; `cpu.path` says how (__cache_free)."""
    state = k.state
    if state.n_nodes > 1 and (yield from cache_free_alien(k, cpu, cache, obj)):
        return
    ac = cache.array[cpu.number]
    if ac.avail < ac.limit:
        cpu.path = Path.FREE_HIT
        free_hit(state.words, cache.stats, ac, obj)
        return
    cache.stats.freemiss += 1
    yield from cache_flusharray(k, cpu, cache, ac)
    ac_put(state.words, ac, obj)


def cache_free_alien(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, obj: int) -> Waits[bool]:
    """Free another node's object, into the alien cache for it or straight to its slab; false if it is this node's."""
    state = k.state
    node = state.slabs[virt_to_slab(obj)].nodeid
    if node == cpu.node:
        return False
    l3 = cache.nodelists[cpu.node]
    cache.stats.node_frees += 1
    k.note_miss(cpu)
    alien = l3.alien[node] if l3.alien else None
    if alien:
        doomed = NO_SLAB
        yield from k.spin_lock(cpu, alien.lock, LockSite.ALIEN)
        cpu.path = Path.ALIEN_PUT
        if alien.avail == alien.limit:
            cache.stats.node_overflow += 1
            cpu.path = Path.ALIEN_DRAIN
            doomed = yield from __drain_alien_cache(k, cpu, cache, alien, node)
        k.note_entries(cpu, alien, alien.avail, 1)
        ac_put(state.words, alien, obj)
        yield from k.spin_unlock(cpu, alien.lock)
        yield from slabs_destroy(k, cpu, cache, doomed)
    else:
        cpu.path = Path.ALIEN_DIRECT
        remote = cache.nodelists[node]
        entry = k.on_stack(cpu, obj)
        yield from k.look(cpu)
        k.note_looked_up(cpu, entry, 1)
        yield from k.spin_lock(cpu, remote.list_lock, LockSite.REMOTEFREE)
        doomed = yield from free_block(k, cpu, cache, entry, 1, node)
        yield from k.spin_unlock(cpu, remote.list_lock)
        yield from slabs_destroy(k, cpu, cache, doomed)
    return True


def __drain_alien_cache(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, alien: ArrayCache, node: int) -> Waits[int]:
    """Send an alien cache's objects home to `node`: to the shared array there, the rest to their slabs, as free_block does."""
    if not alien.avail:
        return NO_SLAB
    words = k.state.words
    remote = cache.nodelists[node]
    yield from k.spin_lock(cpu, remote.list_lock, LockSite.ALIENDRAIN)
    if remote.shared:
        k.note_array_seen(cpu, remote.shared)
        nr = transfer_objects(words, remote.shared, alien, alien.limit)
        k.note_alien_drained(cpu, cache, alien, remote.shared, nr)
    k.note_entries(cpu, alien, 0, alien.avail)
    doomed = yield from free_block(k, cpu, cache, alien.entry, alien.avail, node)
    alien.avail = 0
    yield from k.spin_unlock(cpu, remote.list_lock)
    return doomed


def cache_flusharray(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, ac: ArrayCache) -> Waits[None]:
    """Make room in a full array: the oldest batch goes to the shared array, or to its slabs where that is full."""
    state = k.state
    batchcount = ac.batchcount
    l3 = cache.nodelists[cpu.node]
    doomed = NO_SLAB
    k.note_miss(cpu)
    yield from k.look(cpu)
    if cache.frees_look_up:
        k.note_looked_up(cpu, ac.entry, batchcount)
    yield from k.spin_lock(cpu, l3.list_lock, LockSite.FLUSH)
    nr = 0
    if l3.shared:
        k.note_array_seen(cpu, l3.shared)
        nr = flush_to_shared(state.words, l3.shared, ac, batchcount)
    if l3.shared and nr:
        cpu.path = Path.FLUSH_SHARED
        batchcount = nr
        k.note_moved(cpu, cache, ac, l3.shared, nr)
    else:
        cpu.path = Path.FLUSH_LISTS
        doomed = yield from free_block(k, cpu, cache, ac.entry, batchcount, cpu.node)
    set_freeable(l3, cache.stats)
    yield from k.spin_unlock(cpu, l3.list_lock)
    shift_down(state.words, ac, batchcount)
    yield from slabs_destroy(k, cpu, cache, doomed)


def free_block(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, entry: int, nr: int, node: int) -> Waits[int]:
    """Return `nr` objects, from `entry` on, to their slabs, in order, and give slabs up beyond free_limit. list_lock is held.

    Returns the first of a chain of slabs that the caller must destroy once it has released its locks, or NO_SLAB: there are
    none where slabs are destroyed at once.
    """
    state = k.state
    l3 = cache.nodelists[node]
    doomed = last = NO_SLAB
    if nr:
        k.note_counted(cpu, l3)
        k.note_free_block(cpu, cache, l3, nr)
    for place in range(entry, entry + nr):
        obj = state.words[place]
        slab = virt_to_slab(obj)
        was = state.slabs[slab].which
        k.note_unlinking(cpu, slab)
        now = free_block_object(state.words, state.slabs, l3, cache.stats, obj, trim=not k.version.trim_after_batch)
        k.note_returned(cpu, cache, l3, obj, was, now)
        if now != SLAB_DESTROYED:
            continue
        if not k.version.pages_after_unlock:
            yield from slab_destroy(k, cpu, cache, slab)
            continue
        state.slabs[slab].link = NO_SLAB
        if last == NO_SLAB:
            doomed = slab
        else:
            state.slabs[last].link = slab
        last = slab
    while k.version.trim_after_batch and (slab := excess_slab(state.slabs, l3)) != NO_SLAB:
        k.note_given_up(cpu, cache, l3, slab)
        state.slabs[slab].link = doomed
        doomed = slab
    return doomed


def slabs_destroy(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, slab: int) -> Waits[None]:
    """Destroy a chain of slabs that free_block has given up, in order. No lock is held."""
    while slab != NO_SLAB:
        following = k.state.slabs[slab].link
        yield from slab_destroy(k, cpu, cache, slab)
        slab = following


def slab_destroy(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, slab: int) -> Waits[None]:
    """Give an empty, unlinked slab's pages back, and its descriptor if that lies elsewhere."""
    record = k.state.slabs[slab]
    home, descriptor = record.nodeid, record.descriptor
    yield from k.kmem_freepages(cpu, cache, home)
    record.descriptor = NO_OBJECT
    drop_slab(k.state.slabs, cache, slab)
    if cache.slabp_cache is not None:
        path = cpu.path
        there = cache.slabp_cache.nodelists[k.state.slabs[virt_to_slab(descriptor)].nodeid]
        k.note_descriptor_given(cpu)
        k.irq_save(cpu)
        yield from kmem_cache_free(k, cpu, cache.slabp_cache, descriptor)
        there.descriptors -= 1
        yield from k.irq_restore(cpu)
        cpu.path = path

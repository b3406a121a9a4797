# SPDX-License-Identifier: GPL-2.0-only
"""The reap timer's turn over all caches, as mm/slab.c of 2.6.34 to 6.1 takes it, as generators.

Leaves out how the timer is set (allocator.timers, and the engines).
"""

from __future__ import annotations

from slabdes.allocator.lists import list_empty
from slabdes.allocator.state import ArrayCache, KmemCache, KmemList3
from slabdes.allocator.timers import REAPTIMEOUT_LIST3_SECONDS, following_reap
from slabdes.allocator.transitions import (
    NO_SLAB,
    drain_count,
    last_free_slab,
    reap_slab_count,
    shift_down,
)
from slabdes.paths.kernel import Waits
from slabdes.paths.sites import LockSite
from slabdes.paths.slab.free import __drain_alien_cache, free_block, slab_destroy, slabs_destroy
from slabdes.paths.slab.kernel import Cpu, SlabKernel


def cache_reap(k: SlabKernel[Cpu], cpu: Cpu, hz: int) -> Waits[bool]:
    """One turn of a CPU's reap timer over all caches, newest first; sets `cpu.reap_due` to the next turn.

    Whether it was taken: while another CPU reaps, it is given up.
    """
    taken = yield from k.reap_mutex_trylock(cpu)
    if taken:
        for cache in reversed(k.state.caches):
            yield from reap_cache(k, cpu, cache, hz)
        yield from k.reap_mutex_unlock(cpu)
        cpu.reap_node = (cpu.reap_node + 1) % k.state.n_nodes
    cpu.reap_due = following_reap(cpu.number, k.jiffies(cpu), hz)
    return taken


def reap_cache(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, hz: int) -> Waits[None]:
    """What a turn of the reap timer does to one cache (the body of cache_reap's loop)."""
    l3 = cache.nodelists[cpu.node]
    k.note_reap(cpu)
    yield from k.look(cpu)
    if k.version.reap_drains_all_aliens:
        yield from drain_alien_cache(k, cpu, cache, l3)
    else:
        yield from reap_alien(k, cpu, cache, l3)
    yield from drain_array(k, cpu, cache, l3, cache.array[cpu.number], force=False)
    yield from k.look(cpu)
    now = k.jiffies(cpu)
    if l3.next_reap > now:
        return
    l3.next_reap = now + REAPTIMEOUT_LIST3_SECONDS * hz
    yield from drain_array(k, cpu, cache, l3, l3.shared, force=False)
    yield from k.look(cpu)
    if l3.free_touched:
        l3.free_touched = 0
    else:
        freed = yield from drain_freelist(k, cpu, cache, l3, reap_slab_count(l3, cache.num))
        cache.stats.reaped += freed


def reap_alien(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, l3: KmemList3) -> Waits[None]:
    """Drain the alien cache that the CPU's reap node points at, unless it is empty or its lock is taken."""
    alien = l3.alien[cpu.reap_node] if l3.alien else None
    if alien and alien.avail and (yield from k.spin_trylock(cpu, alien.lock, LockSite.ALIENREAP)):
        doomed = yield from __drain_alien_cache(k, cpu, cache, alien, cpu.reap_node)
        yield from k.spin_unlock(cpu, alien.lock)
        yield from slabs_destroy(k, cpu, cache, doomed)


def drain_alien_cache(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, l3: KmemList3) -> Waits[None]:
    """Send all of a node's alien caches home."""
    if not l3.alien:
        return
    for node, alien in enumerate(l3.alien):
        if alien:
            yield from k.spin_lock(cpu, alien.lock, LockSite.DRAINALIENS)
            doomed = yield from __drain_alien_cache(k, cpu, cache, alien, node)
            yield from k.spin_unlock(cpu, alien.lock)
            yield from slabs_destroy(k, cpu, cache, doomed)


def drain_array(
    k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, l3: KmemList3, ac: ArrayCache | None, *, force: bool
) -> Waits[None]:
    """Free some of an array that has not been used since the last look, or all of it if forced."""
    if force and k.version.shrink_locks_empty_shared:
        yield from _drain_array_locked(k, cpu, cache, l3, ac, LockSite.SHAREDDRAIN, force=True)
        return
    if ac is None or not ac.avail:
        return
    if ac.touched and not force:
        ac.touched = 0
        return
    yield from _drain_array_locked(k, cpu, cache, l3, ac, LockSite.SHAREDDRAIN if force else LockSite.DRAINARRAY, force=force)


def _drain_array_locked(
    k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, l3: KmemList3, ac: ArrayCache | None, site: LockSite, *, force: bool
) -> Waits[None]:
    doomed = NO_SLAB
    yield from k.spin_lock(cpu, l3.list_lock, site)
    if ac is not None:
        k.note_array_seen(cpu, ac)
    if ac is not None and ac.avail:
        k.note_entries(cpu, ac, 0, ac.avail)
        tofree = drain_count(ac, force)
        doomed = yield from free_block(k, cpu, cache, ac.entry, tofree, l3.node)
        shift_down(k.state.words, ac, tofree)
    yield from k.spin_unlock(cpu, l3.list_lock)
    yield from slabs_destroy(k, cpu, cache, doomed)


def drain_freelist(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, l3: KmemList3, tofree: int) -> Waits[int]:
    """Destroy up to `tofree` free slabs, last ones first, one hold of list_lock each; how many."""
    state = k.state
    freed = 0
    while freed < tofree:
        yield from k.look(cpu)
        if list_empty(state.slabs, l3.slabs_free):
            break
        yield from k.spin_lock(cpu, l3.list_lock, LockSite.DRAINFREELIST)
        k.note_counted(cpu, l3)
        slab = state.slabs[l3.slabs_free].prev
        if slab != l3.slabs_free:
            k.note_unlinking(cpu, slab)
        slab = last_free_slab(state.slabs, l3)
        if slab != NO_SLAB:
            k.note_unlinked(cpu, l3, slab)
        yield from k.spin_unlock(cpu, l3.list_lock)
        if slab == NO_SLAB:
            break
        k.note_drained(cpu, cache, slab)
        yield from slab_destroy(k, cpu, cache, slab)
        freed += 1
    return freed

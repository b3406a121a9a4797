# SPDX-License-Identifier: GPL-2.0-only
"""How an allocation runs: mm/slab.c from kmem_cache_alloc down, branch by branch, as generators. Linux 2.6.34 to 6.1.

A path waits where the kernel takes a lock or pages and is otherwise straight code over the allocator's transitions.
Leaves out debugging and what an engine does at a lock. Each function is named after its original.
"""

from __future__ import annotations

from typing import Final

from slabdes.allocator.gfp import MAY_WAIT, THISNODE
from slabdes.allocator.mempolicy import alternate_node, slab_node
from slabdes.allocator.state import NO_NODE, NO_OBJECT, ArrayCache, KmemCache, KmemList3, ListName, virt_to_slab
from slabdes.allocator.transitions import (
    NO_SLAB,
    ac_get,
    advanced_colour,
    alloc_block,
    alloc_hit,
    drop_slab,
    first_slab,
    init_slab,
    insert_slab,
    next_colour,
    refill_batchcount,
    slab_get_obj,
    take_objects,
    take_one,
    transfer_objects,
)
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Path
from slabdes.paths.sites import LockSite
from slabdes.paths.slab.kernel import Cpu, SlabKernel

_NODE_PATH: Final = {ListName.PARTIAL: Path.NODE_PARTIAL, ListName.FREE: Path.NODE_FREE}
_FALLBACK_PATH: Final = {
    Path.NODE_PARTIAL: Path.FALLBACK_PARTIAL,
    Path.NODE_FREE: Path.FALLBACK_FREE,
    Path.NODE_GROW: Path.FALLBACK_GROW,
}


def kmem_cache_alloc(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int) -> Waits[int]:
    """An object, or NO_OBJECT; `cpu.path` says how it came about (__do_cache_alloc)."""
    cpu.altfail = False
    if not flags & THISNODE:
        node = alternate_node(cpu.policy, cpu.node, cache.mem_spread)
        if node != NO_NODE:
            obj = yield from ____cache_alloc_node(k, cpu, cache, flags, node)
            if obj != NO_OBJECT:
                return obj
            cpu.altfail = True
    obj = yield from ____cache_alloc(k, cpu, cache, flags)
    if obj == NO_OBJECT:
        obj = yield from ____cache_alloc_node(k, cpu, cache, flags, cpu.node)
    return obj


def kmem_cache_alloc_node(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, node: int) -> Waits[int]:
    """An object of `node`, or of another unless THISNODE is asked for; or NO_OBJECT (__cache_alloc_node)."""
    cpu.altfail = False
    if node >= k.state.n_nodes:
        # Not a node of this machine: it has no lists to look at (6.1: get_node is NULL).
        return (yield from fallback_alloc(k, cpu, cache, flags))
    if node == cpu.node:
        obj = yield from ____cache_alloc(k, cpu, cache, flags)
        if obj != NO_OBJECT:
            return obj
    return (yield from ____cache_alloc_node(k, cpu, cache, flags, node))


def ____cache_alloc(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int) -> Waits[int]:
    """From the CPU's array, refilled if it is empty."""
    ac = cache.array[cpu.number]
    if ac.avail:
        cpu.path = Path.HIT
        return alloc_hit(k.state.words, cache.stats, ac)
    cache.stats.allocmiss += 1
    return (yield from cache_alloc_refill(k, cpu, cache, flags))


def cache_alloc_refill(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int) -> Waits[int]:
    """Fill the CPU's empty array from the shared array, else from the lists, else from a new slab; then pop its top."""
    state = k.state
    l3 = cache.nodelists[cpu.node]
    stats = cache.stats
    stats.refills += 1
    grown = False
    k.note_miss(cpu)
    while True:
        ac = cache.array[cpu.number]
        batchcount = refill_batchcount(ac)
        if k.version.unlocked_look and not (yield from _anything_there(k, cpu, l3)):
            k.note_direct_grow(cpu, cache)
        else:
            yield from k.spin_lock(cpu, l3.list_lock, LockSite.REFILL)
            _refill_from_node(k, cpu, cache, l3, ac, batchcount)
            yield from k.spin_unlock(cpu, l3.list_lock)

        if ac.avail:
            break
        if grown:
            stats.retries += 1
        slab = yield from cache_grow_begin(k, cpu, cache, flags | THISNODE, cpu.node)
        grown = slab != NO_SLAB
        # cache_grow can turn interrupts on, then the array could have changed.
        ac = cache.array[cpu.number]
        if grown and k.version.private_slab and not ac.avail:
            nr = alloc_block(state.words, state.slabs[slab], stats, ac, slab, batchcount)
            k.note_taken_from_new(cpu, cache, slab, nr)
        if grown:
            yield from cache_grow_end(k, cpu, cache, slab)
        if not grown and not ac.avail:
            cpu.path = Path.FAIL
            return NO_OBJECT
        if ac.avail:
            # Though there may be no new slab: an interrupt's handler has freed into the array meanwhile.
            cpu.path = Path.GROW
            break
    if grown:
        cpu.path = Path.GROW
    ac.touched = 1
    return ac_get(state.words, ac)


def _anything_there(k: SlabKernel[Cpu], cpu: Cpu, l3: KmemList3) -> Waits[bool]:
    """Whether a node seems to have objects, looked at without its lock: it can be wrong by the time it is acted on."""
    yield from k.look(cpu)
    k.note_unlocked_look(cpu, l3)
    return bool(l3.free_objects or (l3.shared and l3.shared.avail))


def _refill_from_node(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, l3: KmemList3, ac: ArrayCache, batchcount: int) -> None:
    """What a refill does under list_lock: the shared array, else partial and free slabs, until the batch is there."""
    state = k.state
    nr = 0
    if l3.shared:
        k.note_array_seen(cpu, l3.shared)
        nr = transfer_objects(state.words, ac, l3.shared, batchcount)
    if l3.shared and nr:
        l3.shared.touched = 1
        k.note_moved(cpu, cache, l3.shared, ac, nr)
        cpu.path = Path.SHARED
        return
    k.note_counted(cpu, l3)
    from_partial = from_free = False
    while batchcount > 0:
        slab = first_slab(state.slabs, l3)
        if slab == NO_SLAB:
            k.note_no_more_slabs(cpu, cache)
            break
        was = state.slabs[slab].which
        k.note_unlinking(cpu, slab)
        nr = take_objects(state.words, state.slabs, l3, cache.stats, ac, slab, batchcount)
        k.note_taken(cpu, cache, l3, slab, was, nr)
        batchcount -= nr
        from_partial |= was == ListName.PARTIAL
        from_free |= was == ListName.FREE
    l3.free_objects -= ac.avail
    if from_free:
        cpu.path = Path.PARTIAL_FREE if from_partial else Path.FREE
    elif from_partial:
        cpu.path = Path.PARTIAL


def ____cache_alloc_node(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, node: int) -> Waits[int]:
    """One object straight from a node's lists, growing them if they are empty, then from anywhere unless THISNODE."""
    state = k.state
    l3 = cache.nodelists[node]
    grown = False
    k.note_miss(cpu)
    while True:
        yield from k.spin_lock(cpu, l3.list_lock, LockSite.NODEALLOC)
        k.note_counted(cpu, l3)
        slab = first_slab(state.slabs, l3)
        if slab != NO_SLAB:
            was = state.slabs[slab].which
            k.note_unlinking(cpu, slab)
            obj = take_one(state.words, state.slabs, l3, cache.stats, slab)
            k.note_taken_straight(cpu, cache, l3, slab, was)
            yield from k.spin_unlock(cpu, l3.list_lock)
            cpu.path = Path.NODE_GROW if grown else _NODE_PATH[was]
            return obj
        yield from k.spin_unlock(cpu, l3.list_lock)
        if grown:
            cache.stats.retries += 1
        slab = yield from cache_grow_begin(k, cpu, cache, flags | THISNODE, node)
        if slab == NO_SLAB:
            return (yield from fallback_alloc(k, cpu, cache, flags))
        grown = True
        if k.version.private_slab:
            obj = slab_get_obj(state.words, state.slabs[slab], slab)
            yield from cache_grow_end(k, cpu, cache, slab)
            cpu.path = Path.NODE_GROW
            return obj
        yield from cache_grow_end(k, cpu, cache, slab)


def fallback_alloc(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int) -> Waits[int]:
    """An object of any node: first one that lists hold, then a slab of whatever node has pages."""
    cpu.path = Path.FAIL
    if flags & THISNODE:
        return NO_OBJECT
    start = slab_node(cpu.policy, cpu.node)
    k.note_fallback(cpu, cache, start)
    while True:
        for node in k.zonelist(start):
            yield from k.look(cpu)
            k.note_free_objects_read(cpu, cache.nodelists[node])
            if not cache.nodelists[node].free_objects:
                continue
            obj = yield from ____cache_alloc_node(k, cpu, cache, flags | THISNODE, node)
            if obj != NO_OBJECT:
                cpu.path = _FALLBACK_PATH[cpu.path]
                return obj
        if flags & MAY_WAIT:
            yield from k.irqs_on(cpu)
        slab, node = yield from slab_pages(k, cpu, cache, cpu.node, thisnode=False)
        if flags & MAY_WAIT:
            yield from k.irqs_off(cpu)
        if slab != NO_SLAB:
            slab = yield from cache_grow_begin(k, cpu, cache, flags, node, slab)
        else:
            cache.grows_failed += 1
        if slab == NO_SLAB:
            cpu.path = Path.FAIL
            return NO_OBJECT
        yield from cache_grow_end(k, cpu, cache, slab)
        obj = yield from ____cache_alloc_node(k, cpu, cache, flags | THISNODE, node)
        if obj != NO_OBJECT:
            cpu.path = Path.FALLBACK_GROW
            return obj


def cache_grow_begin(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, node: int, slab: int = NO_SLAB) -> Waits[int]:
    """Make a slab that is on no list yet, or NO_SLAB; on pages that a fallback has got already if `slab` is given.

    The first half of 2.6.34's cache_grow; a function of its own since 4.7.
    """
    colouroff = 0
    if not k.version.unlocked_colour:
        l3 = cache.nodelists[node]
        yield from k.spin_lock(cpu, l3.list_lock, LockSite.COLOUR)
        k.note_coloured(cpu, l3)
        colouroff = next_colour(cache, l3)
        yield from k.spin_unlock(cpu, l3.list_lock)

    if flags & MAY_WAIT:
        yield from k.irqs_on(cpu)
    home = node
    if slab == NO_SLAB:
        slab, home = yield from slab_pages(k, cpu, cache, node, thisnode=bool(flags & THISNODE))
    if slab != NO_SLAB:
        if k.version.unlocked_colour:
            yield from k.look(cpu)
            k.note_coloured(cpu, cache.nodelists[home])
            colouroff = advanced_colour(cache, cache.nodelists[home])
        slab = yield from _make_slab(k, cpu, cache, slab, flags, home, colouroff)
    if slab == NO_SLAB:
        cache.grows_failed += 1
    if flags & MAY_WAIT:
        yield from k.irqs_off(cpu)
    return slab


def _make_slab(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, slab: int, flags: int, home: int, colouroff: int) -> Waits[int]:
    """Turn pages of node `home` into a slab of free objects; NO_SLAB, and the pages go back, if it gets no descriptor."""
    if not (yield from alloc_slabmgmt(k, cpu, cache, slab, flags, home)):
        yield from k.kmem_freepages(cpu, cache, home)
        drop_slab(k.state.slabs, cache, slab)
        return NO_SLAB
    init_slab(k.state.words, k.state.slabs[slab], home, colouroff)
    cache.ctor_calls += cache.num if cache.ctor else 0
    k.note_slab_made(cpu, cache, slab)
    return slab


def cache_grow_end(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, slab: int) -> Waits[None]:
    """Put a new slab on its node's lists: the second half of 2.6.34's cache_grow."""
    state = k.state
    l3 = cache.nodelists[state.slabs[slab].nodeid]
    yield from k.spin_lock(cpu, l3.list_lock, LockSite.GROW)
    k.note_counted(cpu, l3)
    insert_slab(state.slabs, l3, cache.stats, slab)
    k.note_inserted(cpu, cache, l3, slab)
    yield from k.spin_unlock(cpu, l3.list_lock)


def slab_pages(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, node: int, *, thisnode: bool) -> Waits[tuple[int, int]]:
    """A slab's number and the node its pages lie on, or NO_SLAB and NO_NODE (kmem_getpages)."""
    got = yield from k.kmem_getpages(cpu, cache, node, thisnode)
    slab = NO_SLAB if got == NO_NODE else k.new_slab(cpu, cache)
    k.note_pages(cpu, cache, node, thisnode, slab, got)
    return slab, got


def alloc_slabmgmt(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache, slab: int, flags: int, node: int) -> Waits[bool]:
    """The slab's descriptor: in the slab itself, or an object of a general cache; whether there was one."""
    if cache.slabp_cache is None:
        return True
    path, altfail = cpu.path, cpu.altfail
    k.note_descriptor_taken(cpu)
    k.irq_save(cpu)
    descriptor = yield from kmem_cache_alloc_node(k, cpu, cache.slabp_cache, flags & ~THISNODE, node)
    yield from k.irq_restore(cpu)
    cpu.path, cpu.altfail = path, altfail
    k.state.slabs[slab].descriptor = descriptor
    if descriptor == NO_OBJECT:
        return False
    cache.slabp_cache.nodelists[k.state.slabs[virt_to_slab(descriptor)].nodeid].descriptors += 1
    return True

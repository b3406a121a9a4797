"""How an allocation runs: mm/slab.c of Linux 2.6.34 from kmem_cache_alloc down, branch by branch, as generators.

A path waits where the kernel takes a lock or pages and is otherwise straight code over the allocator's transitions.
Leaves out debugging and what an engine does at a lock. Each function is named after its original.
"""

from __future__ import annotations

from typing import Final

from slabdes.allocator.state import NO_NODE, NO_OBJECT, KmemCache, ListName, drop_slab, new_slab
from slabdes.allocator.transitions import (
    NO_SLAB,
    ac_get,
    alloc_hit,
    first_slab,
    init_slab,
    insert_slab,
    next_colour,
    refill_batchcount,
    take_objects,
    take_one,
    transfer_objects,
)
from slabdes.engine.kernel import Cpu, Kernel, Waits
from slabdes.engine.records import Path
from slabdes.workload.programs import MAY_WAIT, THISNODE

_NODE_PATH: Final = {ListName.PARTIAL: Path.NODE_PARTIAL, ListName.FREE: Path.NODE_FREE}
_FALLBACK_PATH: Final = {
    Path.NODE_PARTIAL: Path.FALLBACK_PARTIAL,
    Path.NODE_FREE: Path.FALLBACK_FREE,
    Path.NODE_GROW: Path.FALLBACK_GROW,
}


def kmem_cache_alloc(k: Kernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int) -> Waits[int]:
    """An object, or NO_OBJECT; `cpu.path` says how it came about (__do_cache_alloc)."""
    cpu.altfail = False
    if not flags & THISNODE:
        node = cpu.policy.alternate_node(cpu.node, cache.mem_spread)
        if node != NO_NODE:
            obj = yield from ____cache_alloc_node(k, cpu, cache, flags, node)
            if obj != NO_OBJECT:
                return obj
            cpu.altfail = True
    obj = yield from ____cache_alloc(k, cpu, cache, flags)
    if obj == NO_OBJECT:
        obj = yield from ____cache_alloc_node(k, cpu, cache, flags, cpu.node)
    return obj


def kmem_cache_alloc_node(k: Kernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, node: int) -> Waits[int]:
    """An object of `node`, or of another unless THISNODE is asked for; or NO_OBJECT (__cache_alloc_node)."""
    cpu.altfail = False
    if node == cpu.node:
        obj = yield from ____cache_alloc(k, cpu, cache, flags)
        if obj != NO_OBJECT:
            return obj
    return (yield from ____cache_alloc_node(k, cpu, cache, flags, node))


def ____cache_alloc(k: Kernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int) -> Waits[int]:
    """From the CPU's array, refilled if it is empty."""
    ac = cache.array[cpu.number]
    if ac.avail:
        cpu.path = Path.HIT
        return alloc_hit(k.state.words, cache.stats, ac)
    cache.stats.allocmiss += 1
    return (yield from cache_alloc_refill(k, cpu, cache, flags))


def cache_alloc_refill(k: Kernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int) -> Waits[int]:
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
        yield from k.spin_lock(cpu, l3.list_lock)
        nr = transfer_objects(state.words, ac, l3.shared, batchcount) if l3.shared else 0
        if l3.shared and nr:
            l3.shared.touched = 1
            k.note_moved(cpu, cache, l3.shared, ac, nr)
            cpu.path = Path.SHARED
        else:
            k.note_shared_changed(cpu, l3)
            from_partial = from_free = False
            while batchcount > 0:
                slab = first_slab(state.slabs, l3)
                if slab == NO_SLAB:
                    break
                was = state.slabs[slab].which
                k.note_unlinking(cpu, slab)
                nr = take_objects(state.words, state.slabs, l3, stats, ac, slab, batchcount)
                k.note_taken(cpu, cache, l3, slab, was, nr)
                batchcount -= nr
                from_partial |= was == ListName.PARTIAL
                from_free |= was == ListName.FREE
            l3.free_objects -= ac.avail
            if from_free:
                cpu.path = Path.PARTIAL_FREE if from_partial else Path.FREE
            elif from_partial:
                cpu.path = Path.PARTIAL
        yield from k.spin_unlock(cpu, l3.list_lock)

        if ac.avail:
            break
        if grown:
            stats.retries += 1
        grown = yield from cache_grow(k, cpu, cache, flags | THISNODE, cpu.node)
        # cache_grow can turn interrupts on, then the array could have changed.
        ac = cache.array[cpu.number]
        if not grown and not ac.avail:
            cpu.path = Path.FAIL
            return NO_OBJECT
        if ac.avail:
            break
    if grown:
        cpu.path = Path.GROW
    ac.touched = 1
    return ac_get(state.words, ac)


def ____cache_alloc_node(k: Kernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, node: int) -> Waits[int]:
    """One object straight from a node's lists, growing them if they are empty, then from anywhere unless THISNODE."""
    state = k.state
    l3 = cache.nodelists[node]
    grown = False
    k.note_miss(cpu)
    while True:
        yield from k.spin_lock(cpu, l3.list_lock)
        k.note_shared_changed(cpu, l3)
        slab = first_slab(state.slabs, l3)
        if slab != NO_SLAB:
            was = state.slabs[slab].which
            k.note_unlinking(cpu, slab)
            obj = take_one(state.words, state.slabs, l3, cache.stats, slab)
            k.note_taken(cpu, cache, l3, slab, was, 1)
            yield from k.spin_unlock(cpu, l3.list_lock)
            cpu.path = Path.NODE_GROW if grown else _NODE_PATH[was]
            return obj
        yield from k.spin_unlock(cpu, l3.list_lock)
        if grown:
            cache.stats.retries += 1
        grown = yield from cache_grow(k, cpu, cache, flags | THISNODE, node)
        if not grown:
            return (yield from fallback_alloc(k, cpu, cache, flags))


def fallback_alloc(k: Kernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int) -> Waits[int]:
    """An object of any node: first one that lists hold, then a slab of whatever node has pages."""
    cpu.path = Path.FAIL
    if flags & THISNODE:
        return NO_OBJECT
    start = cpu.policy.slab_node(cpu.node)
    k.note_fallback(cpu, cache, start)
    while True:
        for node in k.zonelist(start):
            yield from k.look(cpu)
            if not cache.nodelists[node].free_objects:
                continue
            obj = yield from ____cache_alloc_node(k, cpu, cache, flags | THISNODE, node)
            if obj != NO_OBJECT:
                cpu.path = _FALLBACK_PATH[cpu.path]
                return obj
        if flags & MAY_WAIT:
            k.irqs_on(cpu)
        slab, node = yield from slab_pages(k, cpu, cache, cpu.node, thisnode=False)
        if flags & MAY_WAIT:
            k.irqs_off(cpu)
        if slab == NO_SLAB or not (yield from cache_grow(k, cpu, cache, flags, node, slab)):
            cpu.path = Path.FAIL
            return NO_OBJECT
        obj = yield from ____cache_alloc_node(k, cpu, cache, flags | THISNODE, node)
        if obj != NO_OBJECT:
            cpu.path = Path.FALLBACK_GROW
            return obj


def cache_grow(k: Kernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, node: int, slab: int = NO_SLAB) -> Waits[bool]:
    """Add a slab to a node's free list, on pages that a fallback has got already if `slab` is given; whether it worked."""
    state = k.state
    l3 = cache.nodelists[node]
    yield from k.spin_lock(cpu, l3.list_lock)
    k.note_shared_changed(cpu, l3)
    colouroff = next_colour(cache, l3)
    yield from k.spin_unlock(cpu, l3.list_lock)

    if flags & MAY_WAIT:
        k.irqs_on(cpu)
    made = False
    home = node
    if slab == NO_SLAB:
        slab, home = yield from slab_pages(k, cpu, cache, node, thisnode=bool(flags & THISNODE))
    if slab != NO_SLAB:
        made = yield from alloc_slabmgmt(k, cpu, cache, slab, flags, node)
        if made:
            init_slab(state.words, state.slabs[slab], node, colouroff)
            cache.ctor_calls += cache.num if cache.ctor else 0
            k.note_slab_made(cpu, cache, slab)
        else:
            yield from k.kmem_freepages(cpu, cache, home)
            drop_slab(state, cache, slab)
    if flags & MAY_WAIT:
        k.irqs_off(cpu)
    if not made:
        return False

    yield from k.spin_lock(cpu, l3.list_lock)
    k.note_shared_changed(cpu, l3)
    insert_slab(state.slabs, l3, cache.stats, slab)
    k.note_inserted(cpu, cache, l3, slab)
    yield from k.spin_unlock(cpu, l3.list_lock)
    return True


def slab_pages(k: Kernel[Cpu], cpu: Cpu, cache: KmemCache, node: int, *, thisnode: bool) -> Waits[tuple[int, int]]:
    """A slab's number and the node its pages lie on, or NO_SLAB and NO_NODE (kmem_getpages)."""
    got = yield from k.kmem_getpages(cpu, cache, node, thisnode)
    slab = NO_SLAB if got == NO_NODE else new_slab(k.state, cache)
    k.note_pages(cpu, cache, node, thisnode, slab, got)
    return slab, got


def alloc_slabmgmt(k: Kernel[Cpu], cpu: Cpu, cache: KmemCache, slab: int, flags: int, node: int) -> Waits[bool]:
    """The slab's descriptor: in the slab itself, or an object of a general cache; whether there was one."""
    if cache.slabp_cache is None:
        return True
    path, altfail = cpu.path, cpu.altfail
    descriptor = yield from kmem_cache_alloc_node(k, cpu, cache.slabp_cache, flags & ~THISNODE, node)
    cpu.path, cpu.altfail = path, altfail
    k.state.slabs[slab].descriptor = descriptor
    return bool(descriptor != NO_OBJECT)

# SPDX-License-Identifier: GPL-2.0-only
"""How an allocation runs: from the CPU's main sheaf, its spare, its node's barn, else from what lies beneath, as generators.

Leaves out bulk calls and prefilled sheaves. Each function is named after its original.
"""

from __future__ import annotations

from slabdes.allocator.gfp import MAY_WAIT
from slabdes.allocator.slub.state import NO_SHEAF, KmemCache
from slabdes.allocator.slub.transitions import sheaf_pop, sheaf_top
from slabdes.allocator.state import NO_NODE, NO_OBJECT, virt_to_slab
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Path
from slabdes.paths.slub.cpu_slab import cpu_slab_alloc
from slabdes.paths.slub.flush import sheaf_flush_unused
from slabdes.paths.slub.kernel import Cpu, Point, SlubKernel
from slabdes.paths.slub.sheaves import (
    alloc_empty_sheaf,
    barn_get_empty_sheaf,
    barn_here,
    barn_put_empty_sheaf,
    barn_put_full_sheaf,
    barn_replace_empty_sheaf,
    free_empty_sheaf,
    replace_main,
    swap_sheaves,
)
from slabdes.paths.slub.slabs import refill_objects, slab_alloc_slow


def kmem_cache_alloc(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int) -> Waits[int]:
    """An object of any node, or NO_OBJECT."""
    return (yield from kmem_cache_alloc_node(k, cpu, cache, flags, NO_NODE))


def kmem_cache_alloc_node(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, node: int) -> Waits[int]:
    """An object of `node`, if it is not NO_NODE, or of another unless THISNODE is asked for; or NO_OBJECT (slab_alloc_node)."""
    cpu.path = Path.HIT
    if cache.sheaf_capacity or not k.version.cpu_slabs:
        obj = yield from alloc_from_pcs(k, cpu, cache, flags, node)
        if obj != NO_OBJECT:
            return obj
        if k.version.cpu_slabs:
            k.note_beneath(cpu)
    if k.version.cpu_slabs:
        return (yield from cpu_slab_alloc(k, cpu, cache, flags, node))
    return (yield from slab_alloc_slow(k, cpu, cache, flags, node))


def alloc_from_pcs(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, node: int) -> Waits[int]:
    """The top of the CPU's main sheaf, or NO_OBJECT if none is to be had or it is not of `node`."""
    pcs = cache.cpu_sheaves[cpu.number]
    stats = cache.stats[cpu.number]
    if node != NO_NODE and node != cpu.node:
        stats.alloc_node_mismatch += 1
        k.note_mismatch(cpu)
        return NO_OBJECT
    if not k.state.sheaves[pcs.main].size and not (yield from __pcs_replace_empty_main(k, cpu, cache, flags)):
        return NO_OBJECT
    main = k.state.sheaves[pcs.main]
    if node != NO_NODE and k.state.slabs[virt_to_slab(sheaf_top(k.state.words, main))].nodeid != node:
        stats.alloc_node_mismatch += 1
        k.note_mismatch(cpu)
        return NO_OBJECT
    stats.alloc_fastpath += 1
    return sheaf_pop(k.state.words, main)


def __pcs_replace_empty_main(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int) -> Waits[bool]:
    """Give the CPU a main sheaf that holds something in place of its empty one; whether there is one."""
    if not cache.sheaf_capacity or not barn_here(k, cpu):
        return False
    if (yield from replace_from_stock(k, cpu, cache)):
        return True
    if k.version.refill_needs_waiting and not flags & MAY_WAIT:
        return False
    pcs = cache.cpu_sheaves[cpu.number]
    sheaf = pcs.spare
    if sheaf != NO_SHEAF:
        pcs.spare = NO_SHEAF
        k.note_spare_used(cpu)
    else:
        sheaf = yield from barn_get_empty_sheaf(k, cpu, cache.barn[cpu.node])
    yield from k.let_in(cpu, Point.FILL)
    if sheaf == NO_SHEAF:
        sheaf = yield from alloc_empty_sheaf(k, cpu, cache, cache.sheaf_capacity)
        if sheaf == NO_SHEAF:
            return False
    if not (yield from refill_sheaf(k, cpu, cache, flags, sheaf)):
        yield from sheaf_flush_unused(k, cpu, cache, sheaf)
        free_empty_sheaf(k, cpu, cache, sheaf)
        return False
    yield from _install_full(k, cpu, cache, sheaf)
    return True


def replace_from_stock(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache) -> Waits[bool]:
    """The same from the spare sheaf or the barn's full ones."""
    pcs = cache.cpu_sheaves[cpu.number]
    stats = cache.stats[cpu.number]
    if pcs.spare != NO_SHEAF and k.state.sheaves[pcs.spare].size:
        swap_sheaves(k, cpu, pcs)
        cpu.path = Path.SPARE
        return True
    if not barn_here(k, cpu):
        return False
    full = yield from barn_replace_empty_sheaf(k, cpu, cache.barn[cpu.node], pcs.main)
    if full != NO_SHEAF:
        pcs.main = full
        cpu.path = Path.BARN
        stats.barn_get += 1
        return True
    stats.barn_get_fail += 1
    k.note_no_full(cpu)
    return False


def refill_sheaf(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, number: int) -> Waits[bool]:
    """Fill a sheaf from slabs; whether it is full."""
    sheaf = k.state.sheaves[number]
    want = sheaf.capacity - sheaf.size
    if not want:
        return True
    k.note_refill(cpu, want)
    if k.version.cpu_slabs:
        got = yield from refill_one_by_one(k, cpu, cache, flags, sheaf.entry + sheaf.size, want)
    else:
        got = yield from refill_objects(k, cpu, cache, flags, sheaf.entry + sheaf.size, want)
    sheaf.size += got
    cache.stats[cpu.number].sheaf_refill += got
    return got == want


def refill_one_by_one(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, at: int, want: int) -> Waits[int]:
    """Write up to `want` objects to `words` from `at` on, each allocated beneath the sheaves (6.18); how many."""
    path = Path.REFILL
    got = 0
    while got < want:
        obj = yield from cpu_slab_alloc(k, cpu, cache, flags, NO_NODE)
        if obj == NO_OBJECT:
            break
        k.note_copied(cpu, virt_to_slab(obj), 1)
        k.state.words[at + got] = obj
        got += 1
        if cpu.path == Path.GROW:
            path = Path.REFILL_GROW
        elif cpu.path == Path.FALLBACK_PARTIAL and path == Path.REFILL:
            path = Path.REFILL_REMOTE
    cpu.path = path
    return got


def _install_full(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, full: int) -> Waits[None]:
    """Make a sheaf just filled the main one, or put it where it is wanted if main is no longer empty."""
    pcs = cache.cpu_sheaves[cpu.number]
    barn = cache.barn[cpu.node]
    sheaves = k.state.sheaves
    if not sheaves[pcs.main].size:
        if pcs.spare == NO_SHEAF and not k.version.empty_main_to_barn:
            replace_main(k, cpu, pcs, full)
        else:
            empty = pcs.main
            pcs.main = full
            yield from barn_put_empty_sheaf(k, cpu, barn, empty)
    elif pcs.spare == NO_SHEAF:
        pcs.spare = full
    elif not sheaves[pcs.spare].size:
        empty = pcs.spare
        pcs.spare = full
        yield from barn_put_empty_sheaf(k, cpu, barn, empty)
    else:
        cache.stats[cpu.number].barn_put += 1
        yield from barn_put_full_sheaf(k, cpu, barn, full)

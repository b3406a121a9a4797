# SPDX-License-Identifier: GPL-2.0-only
"""How objects go back to their slabs: in groups of one slab, by one atomic operation each. Linux 7.3, as generators.

Leaves out sheaves that take them first, except how these are flushed. Each function is named after its original.
"""

from __future__ import annotations

from slabdes.allocator.slub.state import ON_PARTIAL, KmemCache, KmemCacheNode, PercpuSheaves, slab_order
from slabdes.allocator.slub.transitions import (
    add_partial,
    detach_group,
    drop_slab,
    is_unchanged,
    pop_block,
    put_group,
    remove_partial,
    reverse_chain,
)
from slabdes.allocator.state import BUFCTL_END, obj_to_index, virt_to_slab
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Path
from slabdes.paths.sites import LockSite
from slabdes.paths.slub.kernel import PCS_BATCH_MAX, Cpu, SlubKernel


def slab_free(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, number: int, head: int, tail: int, nr: int) -> Waits[None]:
    """Put a chain of `nr` objects back into their slab (__slab_free).

    A slab that was full or becomes empty may change lists: its node's list_lock is taken before the atomic operation, and given
    back if that fails, since the slab may be another case by then.
    """
    slab = k.state.slabs[number]
    n = cache.node[slab.nodeid]
    while True:
        yield from k.load_state(cpu, number)
        prior, inuse = slab.free, slab.inuse
        locked = prior == BUFCTL_END or inuse == nr
        if locked:
            yield from k.spin_lock(cpu, n.list_lock, LockSite.SLUB_FREE)
        yield from k.cmpxchg(cpu, number)
        if is_unchanged(slab, prior, inuse):
            break
        cache.stats[cpu.number].cmpxchg_double_fail += 1
        if locked:
            yield from k.spin_unlock(cpu, n.list_lock)
    put_group(k.state.words, slab, head, tail, nr)
    k.note_freed(cpu, number, nr)
    cpu.path = Path.FREE_LIST if locked else Path.FREE_SLAB
    if locked:
        yield from _relist(k, cpu, cache, n, number, prior == BUFCTL_END)


def _relist(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, n: KmemCacheNode, number: int, was_full: bool) -> Waits[None]:
    """Under list_lock: put a slab where it belongs now, or give it up, and unlock."""
    slabs = k.state.slabs
    stats = cache.stats[cpu.number]
    slab = slabs[number]
    if not was_full and slab.which != ON_PARTIAL:
        k.note_off_list(cpu, number)
    elif not slab.inuse and n.nr_partial >= cache.min_partial:
        if not was_full:
            remove_partial(slabs, n, number)
            stats.free_remove_partial += 1
            k.note_unlinked(cpu, n, number)
        yield from k.spin_unlock(cpu, n.list_lock)
        stats.free_slab += 1
        yield from discard_slab(k, cpu, cache, number)
        return
    elif was_full:
        add_partial(slabs, n, number, True)
        stats.free_add_partial += 1
        k.note_added(cpu, n, number)
    else:
        k.note_kept(cpu, number)
    yield from k.spin_unlock(cpu, n.list_lock)


def discard_slab(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, number: int) -> Waits[None]:
    """Give an empty slab's pages back."""
    slab = k.state.slabs[number]
    node, order = slab.nodeid, slab_order(cache, slab)
    cache.node[node].nr_slabs -= 1
    cache.node[node].total_objects -= slab.num
    k.note_dropped(cpu, cache, number)
    drop_slab(k.state.slabs, cache, number)
    yield from k.free_slab_pages(cpu, cache, order, node)


def free_one(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, obj: int) -> Waits[None]:
    """Put one object straight into its slab."""
    objnr = obj_to_index(obj)
    yield from slab_free(k, cpu, cache, virt_to_slab(obj), objnr, objnr, 1)


def free_array(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, at: int, size: int) -> Waits[None]:
    """Free the `size` objects from `at` on in `words`, group by group (__kmem_cache_free_bulk)."""
    while size:
        last = k.state.words[at + size - 1]
        left = detach_group(k.state.words, k.state.slabs, at, size)
        head = obj_to_index(k.state.words[at + left])
        yield from slab_free(k, cpu, cache, virt_to_slab(last), head, obj_to_index(last), size - left)
        size = left


def free_array_hooked(k: SlubKernel[Cpu], cpu: Cpu, at: int, size: int) -> Waits[None]:
    """The same through the free hook, which turns each group round, and counts; objects may be of any cache (do_slab_free)."""
    while size:
        last = k.state.words[at + size - 1]
        left = detach_group(k.state.words, k.state.slabs, at, size)
        head = obj_to_index(k.state.words[at + left])
        number = virt_to_slab(last)
        cache = k.state.caches[k.state.slabs[number].cache]
        reverse_chain(k.state.words, k.state.slabs[number], head, size - left)
        cache.stats[cpu.number].free_slowpath += size - left
        yield from slab_free(k, cpu, cache, number, obj_to_index(last), head, size - left)
        size = left


def sheaf_flush_unused(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, number: int) -> Waits[None]:
    """Empty a sheaf that nobody else sees into its objects' slabs."""
    sheaf = k.state.sheaves[number]
    nr = sheaf.size
    if not nr:
        return
    cache.stats[cpu.number].sheaf_flush += nr
    k.note_flush(cpu, nr)
    sheaf.size = 0
    yield from free_array(k, cpu, cache, sheaf.entry, nr)


def sheaf_flush_main(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, pcs: PercpuSheaves) -> Waits[None]:
    """Empty the CPU's main sheaf, which stays in use, in batches from the top."""
    while k.state.sheaves[pcs.main].size:
        sheaf = k.state.sheaves[pcs.main]
        nr = min(PCS_BATCH_MAX, sheaf.size)
        at = k.batch(cpu)
        pop_block(k.state.words, sheaf, at, nr)
        cache.stats[cpu.number].sheaf_flush += nr
        k.note_flush_main(cpu, nr)
        cpu.batches += 1
        yield from free_array(k, cpu, cache, at, nr)
        cpu.batches -= 1

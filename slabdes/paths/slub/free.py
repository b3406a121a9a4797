# SPDX-License-Identifier: GPL-2.0-only
"""How a slab takes a group of its objects back, by one atomic operation, and how it is given up. Linux 7.3, as generators.

Leaves out sheaves that take them first, and how groups are made (`flush`). Each function is named after its original.
"""

from __future__ import annotations

from slabdes.allocator.slub.state import ON_PARTIAL, KmemCache, KmemCacheNode, slab_order
from slabdes.allocator.slub.transitions import (
    add_partial,
    drop_slab,
    is_unchanged,
    put_group,
    remove_partial,
)
from slabdes.allocator.state import BUFCTL_END
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Path
from slabdes.paths.sites import LockSite
from slabdes.paths.slub.kernel import Cpu, SlubKernel


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

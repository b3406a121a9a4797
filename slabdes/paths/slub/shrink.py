# SPDX-License-Identifier: GPL-2.0-only
"""kmem_cache_shrink: sheaves and barns are flushed, empty slabs given back, partial lists sorted. Linux 7.3, as generators.

Leaves out kmem_cache_destroy and CPUs that die. Each function is named after its original.
"""

from __future__ import annotations

from slabdes.allocator.slub.state import NO_SHEAF, KmemCache, KmemCacheNode, NodeBarn
from slabdes.allocator.slub.transitions import sort_partial
from slabdes.allocator.state import NOBODY
from slabdes.paths.kernel import Waits
from slabdes.paths.sites import LockSite
from slabdes.paths.slub.cpu_slab import cpu_slab_used, flush_cpu_slab
from slabdes.paths.slub.flush import sheaf_flush_main, sheaf_flush_unused
from slabdes.paths.slub.free import discard_slab
from slabdes.paths.slub.kernel import Cpu, FlushingSlubKernel, SlubKernel
from slabdes.paths.slub.rcu import detach_rcu_sheaf
from slabdes.paths.slub.sheaves import free_empty_sheaf, has_barn


def kmem_cache_shrink(k: FlushingSlubKernel[Cpu], cpu: Cpu, cache: KmemCache) -> Waits[int]:
    """Empty all sheaves and give empty slabs back; 1 if slabs are left, else 0 (__kmem_cache_shrink)."""
    yield from k.flush_each_cpu(cpu, cache)
    left = yield from shrink_lists(k, cpu, cache)
    return left


def shrink_lists(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache) -> Waits[int]:
    """The same once no CPU has anything of its own."""
    for barn in cache.barn:
        if has_barn(k, cpu, barn.node):
            yield from barn_shrink(k, cpu, cache, barn)
    left = False
    for n in cache.node:
        if k.state.has_memory[n.node]:
            yield from _shrink_node(k, cpu, cache, n)
        left |= bool(n.nr_slabs)
    return int(left)


def pcs_used(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache) -> bool:
    """Whether a CPU has to flush anything (has_pcs_used)."""
    pcs = cache.cpu_sheaves[cpu.number]
    if not cache.sheaf_capacity:
        return False
    return pcs.spare != NO_SHEAF or pcs.rcu != NO_SHEAF or bool(k.state.sheaves[pcs.main].size)


def pcs_flush_all(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache) -> Waits[None]:
    """A CPU's turn to flush: spare and RCU sheaf go, main stays, empty."""
    k.note_turn(cpu)
    pcs = cache.cpu_sheaves[cpu.number]
    spare = pcs.spare
    pcs.spare = NO_SHEAF
    if spare != NO_SHEAF:
        yield from sheaf_flush_unused(k, cpu, cache, spare)
        free_empty_sheaf(k, cpu, cache, spare)
    detach_rcu_sheaf(k, cpu, cache)
    yield from sheaf_flush_main(k, cpu, cache, pcs)


def flush_cpu(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache) -> Waits[None]:
    """A CPU's turn to give up what it has of a cache, if there is anything: sheaves, and its slabs beneath (flush_all)."""
    if pcs_used(k, cpu, cache):
        yield from pcs_flush_all(k, cpu, cache)
    if k.version.cpu_slabs and cpu_slab_used(k, cpu, cache):
        yield from flush_cpu_slab(k, cpu, cache)


def barn_shrink(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, barn: NodeBarn) -> Waits[None]:
    """Empty a barn: under its lock both lists are detached, then full sheaves are flushed and all are freed."""
    sheaves = k.state.sheaves
    hand = k.state.in_hand[cpu.number]
    yield from k.spin_lock(cpu, barn.lock, LockSite.BARN_SHRINK)
    full, barn.full, barn.nr_full = barn.full, NO_SHEAF, 0
    hand.sheaf = full
    empty, barn.empty, barn.nr_empty = barn.empty, NO_SHEAF, 0
    yield from k.spin_unlock(cpu, barn.lock)
    while full != NO_SHEAF:
        after = sheaves[full].link
        hand.sheaf = after
        yield from sheaf_flush_unused(k, cpu, cache, full)
        free_empty_sheaf(k, cpu, cache, full)
        full = after
    while empty != NO_SHEAF:
        after = sheaves[empty].link
        free_empty_sheaf(k, cpu, cache, empty)
        empty = after


def _shrink_node(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, n: KmemCacheNode) -> Waits[None]:
    """Sort a node's partial list and give its empty slabs back (__kmem_cache_do_shrink)."""
    yield from k.spin_lock(cpu, n.list_lock, LockSite.SLUB_SHRINK)
    slab = sort_partial(k.state.words, k.state.slabs, n, k.state.promoted)
    yield from k.spin_unlock(cpu, n.list_lock)
    while slab != NOBODY:
        after = k.state.slabs[slab].link
        yield from discard_slab(k, cpu, cache, slab)
        slab = after

# SPDX-License-Identifier: GPL-2.0-only
"""How a free runs: into the CPU's main sheaf, its spare, its node's barn, else into the object's slab. Linux 7.3, as generators.

Leaves out bulk calls and kfree_rcu. Each function is named after its original.
"""

from __future__ import annotations

from slabdes.allocator.slub.state import NO_SHEAF, KmemCache
from slabdes.allocator.slub.transitions import is_full, sheaf_push
from slabdes.allocator.state import virt_to_slab
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Path
from slabdes.paths.slub.flush import free_one, sheaf_flush_main, sheaf_flush_unused
from slabdes.paths.slub.kernel import Cpu, Point, SlubKernel
from slabdes.paths.slub.sheaves import (
    alloc_empty_sheaf,
    barn_get_empty_sheaf,
    barn_put_empty_sheaf,
    barn_put_full_sheaf,
    barn_replace_full_sheaf,
    barn_takes_full,
    replace_main,
    swap_sheaves,
)


def kmem_cache_free(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, obj: int) -> Waits[None]:
    """Give an object back (slab_free)."""
    cpu.path = Path.FREE_HIT
    if cache.sheaf_capacity:
        if is_local(k, cpu, k.state.slabs[virt_to_slab(obj)].nodeid) and (yield from free_to_pcs(k, cpu, cache, obj)):
            return
        if k.version.cpu_slabs:
            k.note_beneath(cpu)
    if not k.version.cpu_slabs:
        cache.stats[cpu.number].free_slowpath += 1
    yield from free_one(k, cpu, cache, obj)


def is_local(k: SlubKernel[Cpu], cpu: Cpu, node: int) -> bool:
    """Whether a CPU's sheaves take objects of `node`: its own, or any if it has no memory and there is a barn."""
    return node == cpu.node or not (k.state.has_memory[cpu.node] or k.version.barns_with_memory)


def free_to_pcs(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, obj: int) -> Waits[bool]:
    """Push an object on the main sheaf; false if there is none with room."""
    pcs = cache.cpu_sheaves[cpu.number]
    if is_full(k.state.sheaves[pcs.main]) and not (yield from __pcs_replace_full_main(k, cpu, cache)):
        return False
    cache.stats[cpu.number].free_fastpath += 1
    sheaf_push(k.state.words, k.state.sheaves[pcs.main], obj)
    return True


def __pcs_replace_full_main(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache) -> Waits[bool]:
    """Give the CPU a main sheaf with room in place of its full one; false if the cache has no sheaves."""
    if not cache.sheaf_capacity:
        return False
    pcs = cache.cpu_sheaves[cpu.number]
    sheaves = k.state.sheaves
    barn = cache.barn[cpu.node]
    while is_full(sheaves[pcs.main]):
        put_failed = False
        if pcs.spare == NO_SHEAF:
            empty = yield from barn_get_empty_sheaf(k, cpu, barn)
            if empty != NO_SHEAF:
                replace_main(k, cpu, pcs, empty)
                cpu.path = Path.FREE_BARN
                return True
        elif not is_full(sheaves[pcs.spare]):
            swap_sheaves(k, cpu, pcs)
            cpu.path = Path.FREE_SPARE
            return True
        elif not (yield from barn_takes_full(k, cpu, cache, barn)):
            yield from _flush_spare(k, cpu, cache)
            cpu.path = Path.FREE_FLUSH
            return True
        else:
            empty = yield from barn_replace_full_sheaf(k, cpu, barn, pcs.main)
            if empty != NO_SHEAF:
                cache.stats[cpu.number].barn_put += 1
                pcs.main = empty
                cpu.path = Path.FREE_BARN
                return True
            put_failed = True
        yield from k.let_in(cpu, Point.SHEAF)
        empty = yield from alloc_empty_sheaf(k, cpu, cache, cache.sheaf_capacity)
        if empty != NO_SHEAF:
            yield from __pcs_install_empty_sheaf(k, cpu, cache, empty)
            cpu.path = Path.FREE_NEW_SHEAF
            return True
        if put_failed:
            cache.stats[cpu.number].barn_put_fail += 1
        yield from sheaf_flush_main(k, cpu, cache, pcs)
        cpu.path = Path.FREE_FLUSH
    return True


def _flush_spare(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache) -> Waits[None]:
    """The barn takes no more: the spare sheaf's objects go to their slabs, and it is the empty one."""
    pcs = cache.cpu_sheaves[cpu.number]
    cache.stats[cpu.number].barn_put_fail += 1
    k.note_many_full(cpu)
    spare = pcs.spare
    pcs.spare = NO_SHEAF
    yield from k.let_in(cpu, Point.FLUSH)
    yield from sheaf_flush_unused(k, cpu, cache, spare)
    yield from __pcs_install_empty_sheaf(k, cpu, cache, spare)


def __pcs_install_empty_sheaf(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, empty: int) -> Waits[None]:
    """Make an empty sheaf the main one, or put it where it is wanted if main or spare have room meanwhile."""
    pcs = cache.cpu_sheaves[cpu.number]
    barn = cache.barn[cpu.node]
    sheaves = k.state.sheaves
    if pcs.spare == NO_SHEAF:
        replace_main(k, cpu, pcs, empty)
    elif not is_full(sheaves[pcs.main]):
        yield from barn_put_empty_sheaf(k, cpu, barn, empty)
    elif not is_full(sheaves[pcs.spare]):
        swap_sheaves(k, cpu, pcs)
        yield from barn_put_empty_sheaf(k, cpu, barn, empty)
    else:
        cache.stats[cpu.number].barn_put += 1
        full = pcs.main
        pcs.main = empty
        yield from barn_put_full_sheaf(k, cpu, barn, full)

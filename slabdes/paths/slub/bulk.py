# SPDX-License-Identifier: GPL-2.0-only
"""Bulk calls: kmem_cache_alloc_bulk and kmem_cache_free_bulk, which copy blocks from and to sheaves. Linux 7.3, as generators.

The caller's array lies in `words`. Each function is named after its original.
"""

from __future__ import annotations

from slabdes.allocator.slub.state import NO_SHEAF, KmemCache
from slabdes.allocator.slub.transitions import is_full, partition_remote, pop_block, push_block
from slabdes.allocator.state import virt_to_slab
from slabdes.paths.kernel import Waits
from slabdes.paths.slub.alloc import refill_one_by_one, replace_from_stock
from slabdes.paths.slub.flush import free_array, free_array_hooked
from slabdes.paths.slub.kernel import PCS_BATCH_MAX, Cpu, SlubKernel
from slabdes.paths.slub.pcs_free import is_local
from slabdes.paths.slub.sheaves import (
    barn_get_empty_sheaf,
    barn_here,
    barn_replace_full_sheaf,
    barn_takes_full,
    replace_main,
    swap_sheaves,
)
from slabdes.paths.slub.slabs import refill_objects


def kmem_cache_alloc_bulk(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, at: int, size: int) -> Waits[bool]:
    """Write `size` objects to `words` from `at` on, or none; whether there were so many."""
    got = 0
    if cache.sheaf_capacity:
        got = yield from alloc_from_pcs_bulk(k, cpu, cache, at, size)
    if got == size:
        return True
    if (yield from alloc_directly(k, cpu, cache, flags, at + got, size - got)):
        return True
    yield from free_array(k, cpu, cache, at, got)
    return False


def alloc_directly(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, at: int, size: int) -> Waits[bool]:
    """The same past the sheaves (__kmem_cache_alloc_bulk)."""
    if k.version.cpu_slabs:
        got = yield from refill_one_by_one(k, cpu, cache, flags, at, size)
    else:
        k.note_direct(cpu, size)
        got = yield from refill_objects(k, cpu, cache, flags, at, size)
    if got < size:
        yield from free_array(k, cpu, cache, at, got)
        return False
    if not k.version.cpu_slabs:
        cache.stats[cpu.number].alloc_slowpath += size
    return True


def alloc_from_pcs_bulk(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, at: int, size: int) -> Waits[int]:
    """Up to `size` objects of the CPU's sheaves and of full ones of its barn; how many."""
    pcs = cache.cpu_sheaves[cpu.number]
    got = 0
    while got < size:
        if not k.state.sheaves[pcs.main].size and not (yield from replace_from_stock(k, cpu, cache)):
            break
        nr = min(size - got, k.state.sheaves[pcs.main].size)
        pop_block(k.state.words, k.state.sheaves[pcs.main], at + got, nr)
        k.note_block(cpu, nr)
        cache.stats[cpu.number].alloc_fastpath += nr
        got += nr
    return got


def kmem_cache_free_bulk(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, at: int, size: int) -> Waits[None]:
    """Give the `size` objects from `at` on in `words` back; their order there changes."""
    if cache.sheaf_capacity:
        yield from free_to_pcs_bulk(k, cpu, cache, at, size)
    else:
        yield from free_array_hooked(k, cpu, at, size)


def free_to_pcs_bulk(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, at: int, size: int) -> Waits[None]:
    """Into the CPU's sheaves while the barn gives empty ones, those left to their slabs, objects of other nodes last."""
    pcs = cache.cpu_sheaves[cpu.number]
    stats = cache.stats[cpu.number]
    remote = 0
    remote_at = at
    done = 0
    if k.version.remote_by_batches:
        remote_at = k.batch(cpu)
        cpu.batches += 1
        size, remote = yield from _set_remote_aside(k, cpu, cache, at, size, remote_at)
    elif k.state.has_memory[cpu.node]:
        remote = partition_remote(k.state.words, k.state.slabs, at, size, cpu.node)
        done = remote
    while done < size and (yield from _make_room(k, cpu, cache)):
        main = k.state.sheaves[pcs.main]
        nr = min(size - done, main.capacity - main.size)
        push_block(k.state.words, main, at + done, nr)
        k.note_block(cpu, nr)
        stats.free_fastpath += nr
        done += nr
    if done < size:
        stats.free_slowpath += size - done
        k.note_rest(cpu, size - done)
        yield from free_array(k, cpu, cache, at + done, size - done)
    if remote:
        yield from _free_remote(k, cpu, cache, remote_at, remote)
    if k.version.remote_by_batches:
        cpu.batches -= 1


def _free_remote(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, at: int, nr: int) -> Waits[None]:
    cache.stats[cpu.number].free_slowpath += nr
    k.note_remote(cpu, nr)
    yield from free_array(k, cpu, cache, at, nr)


def _set_remote_aside(
    k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, at: int, size: int, aside_at: int
) -> Waits[tuple[int, int]]:
    """Set objects aside that the CPU's sheaves do not take, and free them as soon as they are a batch (6.18 to 7.1).

    How many objects are left at the array's begin, the last in the place of one set aside each time; and how many aside.
    """
    aside = 0
    i = 0
    while i < size:
        obj = k.state.words[at + i]
        if is_local(k, cpu, k.state.slabs[virt_to_slab(obj)].nodeid):
            i += 1
        else:
            size -= 1
            k.state.words[aside_at + aside] = obj
            k.state.words[at + i] = k.state.words[at + size]
            k.state.words[at + size] = obj
            aside += 1
            if aside == PCS_BATCH_MAX:
                yield from _free_remote(k, cpu, cache, aside_at, aside)
                aside = 0
    return size, aside


def _make_room(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache) -> Waits[bool]:
    """Have a main sheaf with room, without allocating or flushing any; whether there is one."""
    pcs = cache.cpu_sheaves[cpu.number]
    stats = cache.stats[cpu.number]
    barn = cache.barn[cpu.node]
    if not barn_here(k, cpu):
        return False
    if not is_full(k.state.sheaves[pcs.main]):
        return True
    if pcs.spare == NO_SHEAF:
        empty = yield from barn_get_empty_sheaf(k, cpu, barn)
        if empty == NO_SHEAF:
            return False
        replace_main(k, cpu, pcs, empty)
        return True
    if not is_full(k.state.sheaves[pcs.spare]):
        swap_sheaves(k, cpu, pcs)
        return True
    if not (yield from barn_takes_full(k, cpu, cache, barn)):
        k.note_many_full(cpu)
        stats.barn_put_fail += 1
        return False
    empty = yield from barn_replace_full_sheaf(k, cpu, barn, pcs.main)
    if empty == NO_SHEAF:
        k.note_no_empty(cpu)
        stats.barn_put_fail += 1
        return False
    pcs.main = empty
    stats.barn_put += 1
    return True

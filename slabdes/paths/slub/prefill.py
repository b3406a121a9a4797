# SPDX-License-Identifier: GPL-2.0-only
"""Prefilled sheaves, as the maple tree uses them: kmem_cache_prefill_sheaf and what goes with it. Linux 7.3, as generators.

A caller holds a sheaf's number. Each function is named after its original.
"""

from __future__ import annotations

from slabdes.allocator.slub.state import NO_SHEAF, KmemCache
from slabdes.allocator.slub.transitions import sheaf_pop
from slabdes.allocator.state import NO_OBJECT
from slabdes.paths.kernel import Waits
from slabdes.paths.slub.alloc import refill_sheaf
from slabdes.paths.slub.bulk import alloc_directly
from slabdes.paths.slub.flush import sheaf_flush_unused
from slabdes.paths.slub.kernel import Cpu, SlubKernel
from slabdes.paths.slub.sheaves import (
    alloc_empty_sheaf,
    barn_get_full_or_empty_sheaf,
    barn_here,
    barn_put_full_sheaf,
    barn_takes_full,
    free_empty_sheaf,
)


def kmem_cache_prefill_sheaf(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, size: int) -> Waits[int]:
    """A sheaf that holds at least `size` objects, or NO_SHEAF."""
    if size > cache.sheaf_capacity:
        return (yield from _prefill_oversize(k, cpu, cache, flags, size))
    pcs = cache.cpu_sheaves[cpu.number]
    stats = cache.stats[cpu.number]
    number = pcs.spare
    if number != NO_SHEAF:
        pcs.spare = NO_SHEAF
        stats.sheaf_prefill_fast += 1
        k.note_spare_used(cpu)
    else:
        stats.sheaf_prefill_slow += 1
        if barn_here(k, cpu):
            number = yield from barn_get_full_or_empty_sheaf(k, cpu, cache.barn[cpu.node])
        if number != NO_SHEAF and k.state.sheaves[number].size:
            stats.barn_get += 1
        else:
            stats.barn_get_fail += 1
        if number == NO_SHEAF:
            number = yield from alloc_empty_sheaf(k, cpu, cache, cache.sheaf_capacity)
    if number == NO_SHEAF or k.state.sheaves[number].size >= size:
        return number
    if (yield from refill_sheaf(k, cpu, cache, flags, number)):
        return number
    yield from _free_sheaf(k, cpu, cache, number)
    return NO_SHEAF


def _prefill_oversize(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, size: int) -> Waits[int]:
    """A sheaf of `size` objects, more than the cache's sheaves hold."""
    number = yield from alloc_empty_sheaf(k, cpu, cache, size)
    if number == NO_SHEAF:
        return NO_SHEAF
    cache.stats[cpu.number].sheaf_prefill_oversize += 1
    k.note_oversize(cpu, size)
    if (yield from _fill_directly(k, cpu, cache, flags, number)):
        return number
    free_empty_sheaf(k, cpu, cache, number)
    return NO_SHEAF


def _fill_directly(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, number: int) -> Waits[bool]:
    sheaf = k.state.sheaves[number]
    if not (yield from alloc_directly(k, cpu, cache, flags, sheaf.entry + sheaf.size, sheaf.capacity - sheaf.size)):
        return False
    sheaf.size = sheaf.capacity
    return True


def _free_sheaf(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, number: int) -> Waits[None]:
    yield from sheaf_flush_unused(k, cpu, cache, number)
    free_empty_sheaf(k, cpu, cache, number)


def kmem_cache_alloc_from_sheaf(k: SlubKernel[Cpu], cpu: Cpu, number: int) -> int:
    """A prefilled sheaf's top object, or NO_OBJECT when it is empty: no lock, no counter."""
    sheaf = k.state.sheaves[number]
    return sheaf_pop(k.state.words, sheaf) if sheaf.size else NO_OBJECT


def kmem_cache_refill_sheaf(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, number: int, size: int) -> Waits[int]:
    """A sheaf that holds at least `size` objects: the given one, or another in its place; NO_SHEAF, and the given one stays."""
    sheaf = k.state.sheaves[number]
    if sheaf.size >= size:
        return number
    if size <= sheaf.capacity:
        if sheaf.capacity == cache.sheaf_capacity:
            filled = yield from refill_sheaf(k, cpu, cache, flags, number)
        else:
            filled = yield from _fill_directly(k, cpu, cache, flags, number)
        return number if filled else NO_SHEAF
    other = yield from kmem_cache_prefill_sheaf(k, cpu, cache, flags, size)
    if other != NO_SHEAF:
        yield from kmem_cache_return_sheaf(k, cpu, cache, flags, number)
    return other


def kmem_cache_return_sheaf(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, number: int) -> Waits[None]:
    """Give a prefilled sheaf back, with what is left in it."""
    if k.state.sheaves[number].capacity != cache.sheaf_capacity:
        yield from _free_sheaf(k, cpu, cache, number)
        return
    pcs = cache.cpu_sheaves[cpu.number]
    stats = cache.stats[cpu.number]
    barn = cache.barn[cpu.node]
    if pcs.spare == NO_SHEAF:
        pcs.spare = number
        stats.sheaf_return_fast += 1
        k.note_kept_as_spare(cpu)
        return
    stats.sheaf_return_slow += 1
    has_barn = barn_here(k, cpu)
    if has_barn and (yield from barn_takes_full(k, cpu, cache, barn)) and (yield from refill_sheaf(k, cpu, cache, flags, number)):
        stats.barn_put += 1
        yield from barn_put_full_sheaf(k, cpu, barn, number)
        return
    yield from _free_sheaf(k, cpu, cache, number)

# SPDX-License-Identifier: GPL-2.0-only
"""How objects go past sheaves to their slabs, one by one and many at a time, and how sheaves are flushed, as generators.

Leaves out what a slab does with them. Each function is named after its original.
"""

from __future__ import annotations

from slabdes.allocator.slub.state import KmemCache, PercpuSheaves
from slabdes.allocator.slub.transitions import detach_group, pop_block, reverse_chain
from slabdes.allocator.state import obj_to_index, virt_to_slab
from slabdes.paths.kernel import Waits
from slabdes.paths.slub.cpu_slab_free import do_slab_free
from slabdes.paths.slub.free import slab_free
from slabdes.paths.slub.kernel import PCS_BATCH_MAX, Cpu, SlubKernel


def free_group(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, number: int, head: int, tail: int, nr: int) -> Waits[None]:
    """Put a chain of `nr` objects back into their slab, or into the CPU's private chain if it is the CPU's slab."""
    if k.version.cpu_slabs:
        yield from do_slab_free(k, cpu, cache, number, head, tail, nr)
    else:
        yield from slab_free(k, cpu, cache, number, head, tail, nr)


def free_one(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, obj: int) -> Waits[None]:
    """Put one object straight into its slab."""
    objnr = obj_to_index(obj)
    yield from free_group(k, cpu, cache, virt_to_slab(obj), objnr, objnr, 1)


def free_array(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, at: int, size: int) -> Waits[None]:
    """Free the `size` objects from `at` on in `words`, group by group (__kmem_cache_free_bulk)."""
    while size:
        last = k.state.words[at + size - 1]
        left = detach_group(k.state.words, k.state.slabs, at, size)
        head = obj_to_index(k.state.words[at + left])
        yield from free_group(k, cpu, cache, virt_to_slab(last), head, obj_to_index(last), size - left)
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
        if not k.version.cpu_slabs:
            cache.stats[cpu.number].free_slowpath += size - left
        yield from free_group(k, cpu, cache, number, obj_to_index(last), head, size - left)
        size = left


def take_in_hand(k: SlubKernel[Cpu], cpu: Cpu, at: int, nr: int) -> None:
    """The `nr` objects from `at` on in `words` are on their way to where they are put (`InHand`)."""
    hand = k.state.in_hand[cpu.number]
    hand.at = at
    hand.left = nr


def sheaf_flush_unused(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, number: int) -> Waits[None]:
    """Empty a sheaf that nobody else sees into its objects' slabs."""
    sheaf = k.state.sheaves[number]
    nr = sheaf.size
    if not nr:
        return
    cache.stats[cpu.number].sheaf_flush += nr
    k.note_flush(cpu, nr)
    sheaf.size = 0
    take_in_hand(k, cpu, sheaf.entry, nr)
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
        take_in_hand(k, cpu, at, nr)
        cpu.batches += 1
        yield from free_array(k, cpu, cache, at, nr)
        cpu.batches -= 1

# SPDX-License-Identifier: GPL-2.0-only
"""Bulk calls where there are per-CPU slabs: objects one by one, or group by group. Linux 6.12, as generators.

Leaves out sheaves, and single objects. Each function is named after its original.
"""

from __future__ import annotations

from slabdes.allocator.slub.state import KmemCache
from slabdes.allocator.slub.transitions import (
    detach_group,
    reverse_chain,
)
from slabdes.allocator.state import BUFCTL_END, NO_NODE, NO_OBJECT, obj_to_index, virt_to_slab
from slabdes.paths.kernel import Waits
from slabdes.paths.slub.cpu_slab import ___slab_alloc, pop_private
from slabdes.paths.slub.cpu_slab_free import do_slab_free
from slabdes.paths.slub.kernel import Cpu, SlubKernel


def cpu_slab_alloc_bulk(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, at: int, size: int) -> Waits[bool]:
    """Write `size` objects to `words` from `at` on, or none; whether there were so many."""
    c = cache.cpu_slab[cpu.number]
    for i in range(size):
        if c.free != BUFCTL_END:
            cache.stats[cpu.number].alloc_fastpath += 1
            obj = pop_private(k, cpu, c)
        else:
            obj = yield from ___slab_alloc(k, cpu, cache, flags, NO_NODE)
        if obj == NO_OBJECT:
            yield from _free_groups(k, cpu, cache, at, i, False)
            return False
        k.state.words[at + i] = obj
    return True


def cpu_slab_free_bulk(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, at: int, size: int) -> Waits[None]:
    """Give the `size` objects from `at` on in `words` back, group by group, each turned round by the free hook."""
    yield from _free_groups(k, cpu, cache, at, size, True)


def _free_groups(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, at: int, size: int, hooked: bool) -> Waits[None]:
    while size:
        last = k.state.words[at + size - 1]
        left = detach_group(k.state.words, k.state.slabs, at, size)
        head, tail = obj_to_index(k.state.words[at + left]), obj_to_index(last)
        number = virt_to_slab(last)
        if hooked:
            reverse_chain(k.state.words, k.state.slabs[number], head, size - left)
            head, tail = tail, head
        yield from do_slab_free(k, cpu, cache, number, head, tail, size - left)
        size = left

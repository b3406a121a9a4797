# SPDX-License-Identifier: GPL-2.0-only
"""Reading /proc/slabinfo, as mm/slab.c of 2.6.34 to 6.1 does it, as a generator: list_lock is held while a node is counted.

Leaves out writing the lines, and that a reader lets go of the caches' mutex whenever its buffer is full.
"""

from __future__ import annotations

from slabdes.allocator.state import KmemCache, KmemList3
from slabdes.paths.kernel import Waits
from slabdes.paths.sites import LockSite
from slabdes.paths.slab.kernel import Cpu, SlabKernel


def read_slabinfo(k: SlabKernel[Cpu], cpu: Cpu) -> Waits[bool]:
    """Count every cache, newest first; whether that was done: who finds a CPU reaping sleeps and has to try again."""
    taken = yield from k.reap_mutex_trylock(cpu)
    if taken:
        for cache in reversed(k.state.caches):
            yield from get_slabinfo(k, cpu, cache)
        yield from k.reap_mutex_unlock(cpu)
    return taken


def get_slabinfo(k: SlabKernel[Cpu], cpu: Cpu, cache: KmemCache) -> Waits[None]:
    """Count one cache's slabs and free objects, node by node (s_show in 2.6.34)."""
    k.note_slabinfo(cpu)
    for l3 in cache.nodelists:
        yield from k.spin_lock(cpu, l3.list_lock, LockSite.SLABINFO)
        k.note_lists_read(cpu, l3)
        if not k.version.slabinfo_counters:
            _count_slabs(k, cpu, l3)
        if l3.shared:
            k.note_array_seen(cpu, l3.shared)
        yield from k.spin_unlock(cpu, l3.list_lock)


def _count_slabs(k: SlabKernel[Cpu], cpu: Cpu, l3: KmemList3) -> None:
    """Walk the full, the partial and the free list."""
    _walk(k, cpu, l3.slabs_full)
    _walk(k, cpu, l3.slabs_partial)
    _walk(k, cpu, l3.slabs_free)


def _walk(k: SlabKernel[Cpu], cpu: Cpu, head: int) -> None:
    slab = k.state.slabs[head].next
    while slab != head:
        k.note_slab_read(cpu, slab)
        slab = k.state.slabs[slab].next

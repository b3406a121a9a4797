# SPDX-License-Identifier: GPL-2.0-only
"""Sheaves and barns: how a sheaf is allocated and freed, and how barns take and give them. Linux 7.3, as generators.

A barn is looked at without its lock; what was seen may be gone once the lock is taken. Leaves out what sheaves are filled from.
"""

from __future__ import annotations

from slabdes.allocator.slub.state import NO_SHEAF, KmemCache, NodeBarn, PercpuSheaves
from slabdes.allocator.slub.transitions import drop_sheaf, get_empty, get_full, put_empty, put_full
from slabdes.paths.kernel import Waits
from slabdes.paths.sites import LockSite
from slabdes.paths.slub.kernel import Cpu, SlubKernel


def alloc_empty_sheaf(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, capacity: int) -> Waits[int]:
    """A new, empty sheaf, or NO_SHEAF (__alloc_empty_sheaf)."""
    if not (yield from k.sheaf_memory(cpu, cache, capacity)):
        k.note_no_sheaf(cpu)
        return NO_SHEAF
    sheaf = k.new_sheaf(cpu, cache, capacity)
    cache.stats[cpu.number].sheaf_alloc += 1
    k.note_sheaf_allocated(cpu, sheaf)
    return sheaf


def free_empty_sheaf(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, sheaf: int) -> None:
    """Give an empty sheaf's memory back."""
    drop_sheaf(k.state.sheaves, cache, sheaf)
    cache.stats[cpu.number].sheaf_free += 1
    k.note_sheaf_freed(cpu)


def swap_sheaves(k: SlubKernel[Cpu], cpu: Cpu, pcs: PercpuSheaves) -> None:
    """Main and spare change places."""
    main = pcs.main
    pcs.main = pcs.spare
    pcs.spare = main
    k.note_swapped(cpu)


def replace_main(k: SlubKernel[Cpu], cpu: Cpu, pcs: PercpuSheaves, sheaf: int) -> None:
    """The old main becomes the spare, which there is none of, and `sheaf` becomes main."""
    pcs.spare = pcs.main
    pcs.main = sheaf
    k.note_main_to_spare(cpu)


def barn_here(k: SlubKernel[Cpu], cpu: Cpu) -> bool:
    """Whether the CPU's node has a barn: without one sheaves are neither filled nor emptied there."""
    return has_barn(k, cpu, cpu.node)


def has_barn(k: SlubKernel[Cpu], cpu: Cpu, node: int) -> bool:
    """Whether a node has a barn, which it may need memory for."""
    return not k.version.barns_with_memory or k.state.has_memory[node]


def barn_get_empty_sheaf(k: SlubKernel[Cpu], cpu: Cpu, barn: NodeBarn) -> Waits[int]:
    """An empty sheaf, or NO_SHEAF."""
    yield from k.look(cpu)
    k.note_barn_read(cpu, barn)
    if not barn.nr_empty:
        return NO_SHEAF
    yield from k.spin_lock(cpu, barn.lock, LockSite.BARN_GETEMPTY)
    sheaf = get_empty(k.state.sheaves, barn)
    if sheaf != NO_SHEAF:
        k.note_sheaf_got(cpu, barn, sheaf)
    yield from k.spin_unlock(cpu, barn.lock)
    if sheaf != NO_SHEAF:
        k.note_sheaf_opened(cpu, sheaf)
    return sheaf


def barn_put_empty_sheaf(k: SlubKernel[Cpu], cpu: Cpu, barn: NodeBarn, sheaf: int) -> Waits[None]:
    """Put an empty sheaf there, however many there are."""
    yield from k.spin_lock(cpu, barn.lock, LockSite.BARN_PUTEMPTY)
    put_empty(k.state.sheaves, barn, sheaf)
    k.note_sheaf_put(cpu, barn, sheaf)
    yield from k.spin_unlock(cpu, barn.lock)


def barn_put_full_sheaf(k: SlubKernel[Cpu], cpu: Cpu, barn: NodeBarn, sheaf: int) -> Waits[None]:
    """Put a full sheaf there, however many there are."""
    yield from k.spin_lock(cpu, barn.lock, LockSite.BARN_PUTFULL)
    put_full(k.state.sheaves, barn, sheaf)
    k.note_sheaf_put(cpu, barn, sheaf)
    yield from k.spin_unlock(cpu, barn.lock)


def barn_get_full_or_empty_sheaf(k: SlubKernel[Cpu], cpu: Cpu, barn: NodeBarn) -> Waits[int]:
    """A full sheaf, else an empty one, else NO_SHEAF."""
    yield from k.look(cpu)
    k.note_barn_read(cpu, barn)
    if not barn.nr_full and not barn.nr_empty:
        return NO_SHEAF
    yield from k.spin_lock(cpu, barn.lock, LockSite.BARN_GETANY)
    sheaf = get_full(k.state.sheaves, barn)
    if sheaf == NO_SHEAF:
        sheaf = get_empty(k.state.sheaves, barn)
    if sheaf != NO_SHEAF:
        k.note_sheaf_got(cpu, barn, sheaf)
    yield from k.spin_unlock(cpu, barn.lock)
    if sheaf != NO_SHEAF:
        k.note_sheaf_opened(cpu, sheaf)
    return sheaf


def barn_replace_empty_sheaf(k: SlubKernel[Cpu], cpu: Cpu, barn: NodeBarn, empty: int) -> Waits[int]:
    """A full sheaf for an empty one, or NO_SHEAF, and the empty one stays."""
    yield from k.look(cpu)
    k.note_barn_read(cpu, barn)
    if not barn.nr_full:
        return NO_SHEAF
    yield from k.spin_lock(cpu, barn.lock, LockSite.BARN_REPEMPTY)
    full = get_full(k.state.sheaves, barn)
    if full != NO_SHEAF:
        k.note_sheaf_got(cpu, barn, full)
        put_empty(k.state.sheaves, barn, empty)
        k.note_sheaf_put(cpu, barn, empty)
    yield from k.spin_unlock(cpu, barn.lock)
    if full != NO_SHEAF:
        k.note_sheaf_opened(cpu, full)
    return full


def barn_takes_full(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, barn: NodeBarn) -> Waits[bool]:
    """Whether a barn seems to take one more full sheaf, looked at without its lock."""
    yield from k.look(cpu)
    k.note_barn_read(cpu, barn)
    return barn.nr_full < cache.full_limit


def barn_replace_full_sheaf(k: SlubKernel[Cpu], cpu: Cpu, barn: NodeBarn, full: int) -> Waits[int]:
    """An empty sheaf for a full one, or NO_SHEAF, and the full one stays. Its limit has been looked at (`barn_takes_full`)."""
    if not barn.nr_empty:
        return NO_SHEAF
    yield from k.spin_lock(cpu, barn.lock, LockSite.BARN_REPFULL)
    empty = get_empty(k.state.sheaves, barn)
    if empty != NO_SHEAF:
        k.note_sheaf_got(cpu, barn, empty)
        put_full(k.state.sheaves, barn, full)
        k.note_sheaf_put(cpu, barn, full)
    yield from k.spin_unlock(cpu, barn.lock)
    if empty != NO_SHEAF:
        k.note_sheaf_opened(cpu, empty)
    return empty

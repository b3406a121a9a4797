# SPDX-License-Identifier: GPL-2.0-only
"""kfree_rcu: objects gather in a CPU's RCU sheaf, which goes to a barn once a grace period is over. Linux 7.3, as generators.

Leaves out grace periods themselves and the general batching, which an engine has. Each function is named after its original.
"""

from __future__ import annotations

from slabdes.allocator.slub.state import NO_SHEAF, KmemCache
from slabdes.allocator.slub.transitions import is_full, sheaf_push
from slabdes.allocator.slub.versions import SheavesOf
from slabdes.allocator.state import virt_to_slab
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Path
from slabdes.paths.slub.flush import free_array_hooked, sheaf_flush_unused
from slabdes.paths.slub.kernel import Cpu, FlushingSlubKernel, SlubKernel
from slabdes.paths.slub.sheaves import (
    alloc_empty_sheaf,
    barn_get_empty_sheaf,
    barn_put_empty_sheaf,
    barn_put_full_sheaf,
    barn_takes_full,
    free_empty_sheaf,
)


def kfree_rcu(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, obj: int) -> Waits[None]:
    """Give an object back once a grace period is over (kvfree_call_rcu)."""
    local = k.state.slabs[virt_to_slab(obj)].nodeid == cpu.node
    if not local or not (yield from __kfree_rcu_sheaf(k, cpu, cache, obj)):
        k.batch_rcu(cpu, cache, obj)


def __kfree_rcu_sheaf(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, obj: int) -> Waits[bool]:
    """Push an object on the CPU's RCU sheaf, which goes to RCU when it is full; false if there is none."""
    pcs = cache.cpu_sheaves[cpu.number]
    stats = cache.stats[cpu.number]
    if not cache.sheaf_capacity or (pcs.rcu == NO_SHEAF and not (yield from _rcu_sheaf(k, cpu, cache))):
        if k.version.sheaves != SheavesOf.NONE:
            stats.free_rcu_sheaf_fail += 1
        return False
    number = pcs.rcu
    sheaf = k.state.sheaves[number]
    sheaf_push(k.state.words, sheaf, obj)
    stats.free_rcu_sheaf += 1
    if is_full(sheaf):
        pcs.rcu = NO_SHEAF
        sheaf.node = cpu.node
        sheaf.cpu = cpu.number
        k.note_submitted(cpu, number)
        k.call_rcu(cpu, cache, number, False)
    return True


def _rcu_sheaf(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache) -> Waits[bool]:
    """Give the CPU an empty RCU sheaf: its empty spare, one of the barn, or a new one; whether there is one."""
    pcs = cache.cpu_sheaves[cpu.number]
    if pcs.spare != NO_SHEAF and not k.state.sheaves[pcs.spare].size:
        pcs.rcu = pcs.spare
        pcs.spare = NO_SHEAF
        k.note_spare_to_rcu(cpu)
        return True
    cpu.path = Path.RCU_SHEAF
    barn = cache.barn[cpu.node]
    sheaf = yield from barn_get_empty_sheaf(k, cpu, barn)
    if sheaf == NO_SHEAF:
        sheaf = yield from alloc_empty_sheaf(k, cpu, cache, cache.sheaf_capacity)
    if sheaf == NO_SHEAF:
        return False
    if pcs.rcu == NO_SHEAF:
        pcs.rcu = sheaf
    else:
        yield from barn_put_empty_sheaf(k, cpu, barn, sheaf)
    return True


def rcu_free_sheaf(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, number: int) -> Waits[None]:
    """A full RCU sheaf's callback: it goes to the barn of the node where it was filled, unless that has enough.

    Nor does one that has not the cache's capacity (any more).
    """
    k.note_callback(cpu, number)
    stats = cache.stats[cpu.number]
    barn = cache.barn[k.state.sheaves[number].node]
    fits = k.state.sheaves[number].capacity == cache.sheaf_capacity
    if fits and (yield from barn_takes_full(k, cpu, cache, barn)):
        stats.barn_put += 1
        yield from barn_put_full_sheaf(k, cpu, barn, number)
        return
    stats.barn_put_fail += 1
    yield from sheaf_flush_unused(k, cpu, cache, number)
    yield from k.look(cpu)
    k.note_barn_read(cpu, barn)
    if fits and barn.nr_empty < cache.empty_limit:
        yield from barn_put_empty_sheaf(k, cpu, barn, number)
    else:
        free_empty_sheaf(k, cpu, cache, number)


def rcu_free_sheaf_nobarn(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, number: int) -> Waits[None]:
    """The callback of one that was flushed out: its objects go to their slabs."""
    k.note_flushing_callback(cpu, number)
    yield from sheaf_flush_unused(k, cpu, cache, number)
    free_empty_sheaf(k, cpu, cache, number)


def kvfree_rcu_bulk(k: SlubKernel[Cpu], cpu: Cpu, at: int, size: int) -> Waits[None]:
    """What the general batching has gathered of all caches, from `at` on in `words`, goes to its slabs."""
    yield from free_array_hooked(k, cpu, at, size)


def flush_rcu_sheaf(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache) -> None:
    """A CPU's turn to hand its RCU sheaf over, however full."""
    k.note_turn(cpu)
    detach_rcu_sheaf(k, cpu, cache)


def detach_rcu_sheaf(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache) -> None:
    """Hand it to RCU with the flushing callback, if there is one."""
    pcs = cache.cpu_sheaves[cpu.number]
    number = pcs.rcu
    if number == NO_SHEAF:
        return
    pcs.rcu = NO_SHEAF
    k.state.sheaves[number].cpu = cpu.number
    k.note_rcu_flushed(cpu, number)
    k.call_rcu(cpu, cache, number, True)


def flush_rcu_all_sheaves(k: FlushingSlubKernel[Cpu], cpu: Cpu, cache: KmemCache) -> Waits[None]:
    """Every CPU hands its RCU sheaf over."""
    yield from k.flush_each_rcu(cpu, cache)

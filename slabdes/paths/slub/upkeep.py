# SPDX-License-Identifier: GPL-2.0-only
"""What a CPU does for SLUB's caches beside operations, a turn at a time: callbacks of RCU, shrinking, a change of their limits.

No recorded kernel changes a sheaf's capacity or a barn's limit while it runs. What is assumed: the limit is one write. With a new
capacity every CPU flushes its sheaves, as it does for a shrink, and gets a main sheaf of the new size; then barns are emptied. A
sheaf of the old size that is met later, as one that RCU held, is used as it is, and not put on a barn by RCU.
Leaves out waiting until a turn is due (the engines).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from slabdes.allocator.slub.state import KmemCache
from slabdes.allocator.timers import next_beat
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Upkeep
from slabdes.paths.slub.clocked import ClockedSlubCpu, ClockedSlubKernel
from slabdes.paths.slub.grace import NO_CALLBACK, take_callbacks
from slabdes.paths.slub.sheaves import alloc_empty_sheaf, free_empty_sheaf
from slabdes.paths.slub.shrink import barn_shrink, flush_cpu, shrink_lists
from slabdes.paths.upkeep import ONCE, DrainingCpu, DrainingKernel, concerns, wait_for_all


class SlubUpkeepCpu(ClockedSlubCpu, DrainingCpu):
    """A CPU with timers."""

    __slots__ = ()


Cpu = TypeVar("Cpu", bound=SlubUpkeepCpu)
"""An engine's own kind of CPU."""


@dataclass(frozen=True)
class ChangeSettings:
    """What caches get in place of being shrunk: a sheaf's capacity (0: none); how many full sheaves a barn takes (-1: none)."""

    new_capacity: int
    new_full_limit: int


class SlubUpkeepKernel(ClockedSlubKernel[Cpu], DrainingKernel[Cpu]):
    """An engine with a clock and books."""

    change: ChangeSettings


def take_turn(k: SlubUpkeepKernel[Cpu], cpu: Cpu) -> Waits[None]:
    """The turn that is due first; its next time is set. It begins when it is due: until then others have yet to act."""
    yield from k.look(cpu)
    if cpu.rcu_at <= cpu.drain_at:
        yield from take_callbacks(k, cpu)
        return
    start = cpu.clock
    if cpu.number == k.upkeeps.shrink_cpu:
        if k.change.new_capacity or k.change.new_full_limit >= 0:
            cpu.upkeep = Upkeep.CHANGE
        else:
            cpu.upkeep = Upkeep.SHRINK
        yield from _shrink(k, cpu)
    else:
        cpu.upkeep = Upkeep.FLUSH
        k.note_made_to_flush(cpu)
        yield from _flush(k, cpu)
    yield from k.look(cpu)
    if k.upkeeps.shrink_every == ONCE:
        # No reap timer comes before it: nobody waits for a time that never comes.
        cpu.drain_at = NO_CALLBACK
    else:
        cpu.drain_at = next_beat(cpu.drain_at, k.upkeeps.shrink_every, cpu.clock)
    k.settle(cpu)
    what = cpu.upkeep
    cpu.upkeep = Upkeep.NONE
    k.count_turn(cpu, what, start, True)


def _shrink(k: SlubUpkeepKernel[Cpu], cpu: Cpu) -> Waits[None]:
    """kmem_cache_shrink, or a change, of one cache or of one after the other, once all CPUs have flushed, which it waits for."""
    if k.change.new_full_limit >= 0:
        for cache in k.state.caches:
            if concerns(k, cpu, cache.index):
                cache.full_limit = k.change.new_full_limit
    if k.change.new_full_limit >= 0 and not k.change.new_capacity:
        return
    yield from _flush(k, cpu)
    yield from wait_for_all(k, cpu)
    for cache in reversed(k.state.caches):
        if not concerns(k, cpu, cache.index):
            continue
        if k.change.new_capacity:
            for barn in cache.barn:
                yield from barn_shrink(k, cpu, cache, barn)
        else:
            yield from shrink_lists(k, cpu, cache)


def _flush(k: SlubUpkeepKernel[Cpu], cpu: Cpu) -> Waits[None]:
    """What a CPU does for who shrinks or changes caches: it gives up what it has of its own."""
    for cache in reversed(k.state.caches):
        if concerns(k, cpu, cache.index):
            yield from flush_cpu(k, cpu, cache)
            if k.change.new_capacity and cache.sheaf_capacity:
                yield from k.look(cpu)
                cache.sheaf_capacity = k.change.new_capacity
                yield from _exchange_main(k, cpu, cache)


def _exchange_main(k: SlubUpkeepKernel[Cpu], cpu: Cpu, cache: KmemCache) -> Waits[None]:
    """A main sheaf of the cache's capacity in place of the CPU's, which is empty."""
    pcs = cache.cpu_sheaves[cpu.number]
    sheaf = yield from alloc_empty_sheaf(k, cpu, cache, cache.sheaf_capacity)
    old = pcs.main
    pcs.main = sheaf
    free_empty_sheaf(k, cpu, cache, old)

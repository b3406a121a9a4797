# SPDX-License-Identifier: GPL-2.0-only
"""Grace periods of RCU on a clock: what kfree_rcu has handed over waits on its CPU, which runs the callbacks in turns.

Grace periods follow one another, all of one length (assumed: what makes one longer, CPUs that hold it up, is not modelled). What
is handed over within one waits for the end of the next, when every CPU has surely passed through a quiescent state. Each CPU
notices that for itself, at a tick: all at the same time, as ticks come together, or within `rcu.stagger_ms`. The general
batching hands a block over when it is full (a jiffy later in the kernel, or after five seconds however full: left out).
"""

from __future__ import annotations

from typing import Final

from slabdes.allocator.slub.state import ALL_CACHES, KVFREE_BULK_MAX_ENTR, NO_SHEAF, KmemCache
from slabdes.allocator.slub.transitions import drop_sheaf, sheaf_push
from slabdes.allocator.state import NO_NODE
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Path, Upkeep
from slabdes.paths.slub.clocked import ClockedSlubKernel, Cpu
from slabdes.paths.slub.flush import take_in_hand
from slabdes.paths.slub.rcu import kvfree_rcu_bulk, rcu_free_sheaf, rcu_free_sheaf_nobarn

NO_CALLBACK: Final = (1 << 63) - 1
"""When a CPU's next callback is due if it has none."""


def call_rcu(k: ClockedSlubKernel[Cpu], cpu: Cpu, cache: KmemCache, sheaf: int, flushing: bool) -> None:
    """Have a sheaf's callback run once a grace period is over; one that is to be flushed has no node.

    Where grace periods are not of the engine's making, as in a log, who makes them has been told.
    """
    if not k.grace:
        return
    if flushing:
        k.state.sheaves[sheaf].node = NO_NODE
    _queue(k, cpu, sheaf, cache.index)


def _queue(k: ClockedSlubKernel[Cpu], cpu: Cpu, number: int, cache: int) -> None:
    rcu = k.state.rcu[cpu.number]
    sheaf = k.state.sheaves[number]
    sheaf.cache = cache
    period = cpu.clock // k.grace + 1
    sheaf.due = (period + 1) * k.grace + k.until_noticed(cpu, period)
    sheaf.link = NO_SHEAF
    if rcu.first == NO_SHEAF:
        rcu.first = number
        cpu.rcu_at = sheaf.due
    else:
        k.state.sheaves[rcu.last].link = number
    rcu.last = number
    cpu.path = Path.RCU_SHEAF
    cpu.work += k.costs.slow_path


def batch_rcu(k: ClockedSlubKernel[Cpu], cpu: Cpu, cache: KmemCache, obj: int) -> None:
    """Put an object into the CPU's block, which waits for a grace period as soon as it is full."""
    if not k.grace:
        return
    rcu = k.state.rcu[cpu.number]
    if rcu.block == NO_SHEAF:
        rcu.block = k.new_sheaf(cpu, k.state.caches[0], KVFREE_BULK_MAX_ENTR)
        k.note_sheaf_allocated(cpu, rcu.block)
    block = k.state.sheaves[rcu.block]
    sheaf_push(k.state.words, block, obj)
    cpu.path = Path.RCU_BATCH
    cpu.work += k.costs.slow_path
    if block.size == block.capacity:
        _queue(k, cpu, rcu.block, ALL_CACHES)
        rcu.block = NO_SHEAF


def take_callbacks(k: ClockedSlubKernel[Cpu], cpu: Cpu) -> Waits[None]:
    """A CPU's turn to run the callbacks whose grace periods are over."""
    start = cpu.clock
    cpu.upkeep = Upkeep.RCU
    rcu = k.state.rcu[cpu.number]
    while rcu.first != NO_SHEAF and k.state.sheaves[rcu.first].due <= cpu.clock:
        number = rcu.first
        sheaf = k.state.sheaves[number]
        rcu.first = sheaf.link
        sheaf.link = NO_SHEAF
        rcu.running = number
        take_in_hand(k, cpu, sheaf.entry, sheaf.size)
        if sheaf.cache == ALL_CACHES:
            size = sheaf.size
            sheaf.size = 0
            k.note_flush(cpu, size)
            yield from kvfree_rcu_bulk(k, cpu, sheaf.entry, size)
            drop_sheaf(k.state.sheaves, k.state.caches[0], number)
        elif sheaf.node == NO_NODE:
            yield from rcu_free_sheaf_nobarn(k, cpu, k.state.caches[sheaf.cache], number)
        else:
            yield from rcu_free_sheaf(k, cpu, k.state.caches[sheaf.cache], number)
        rcu.running = NO_SHEAF
        k.settle(cpu)
    cpu.rcu_at = NO_CALLBACK if rcu.first == NO_SHEAF else k.state.sheaves[rcu.first].due
    cpu.upkeep = Upkeep.NONE
    k.count_turn(cpu, Upkeep.RCU, start, True)

# SPDX-License-Identifier: GPL-2.0-only
"""What a CPU does for the caches beside operations, a turn at a time: what it holds, and who waits behind it, is the turn's.

Leaves out waiting until one is due (the engines), and what is done then (`reap`, `slabinfo`, `shrink`).
"""

from __future__ import annotations

from typing import TypeVar

from slabdes.allocator.state import KmemCache
from slabdes.allocator.timers import next_beat
from slabdes.paths.kernel import Waits
from slabdes.paths.operations import OperatingKernel
from slabdes.paths.outcome import Upkeep
from slabdes.paths.slab.kernel import SlabCpu, SlabKernel
from slabdes.paths.slab.prices import SlabCharges
from slabdes.paths.slab.reap import cache_reap
from slabdes.paths.slab.shrink import do_drain, shrink_lists
from slabdes.paths.slab.slabinfo import read_slabinfo
from slabdes.paths.upkeep import DrainingCpu, DrainingKernel, concerns, wait_for_all


class UpkeepCpu(SlabCpu, DrainingCpu):
    """A CPU with a clock and timers, picoseconds. `slabinfo_at` is when it reads /proc/slabinfo next."""

    __slots__ = ()

    slabinfo_at: int


Cpu = TypeVar("Cpu", bound=UpkeepCpu)
"""An engine's own kind of CPU."""


class UpkeepKernel(SlabCharges[Cpu], OperatingKernel[Cpu, KmemCache], SlabKernel[Cpu], DrainingKernel[Cpu]):
    """An engine with a clock and books."""


def take_turn(k: UpkeepKernel[Cpu], cpu: Cpu, hz: int, reap_at: int) -> Waits[None]:
    """The turn that is due first, the reap timer's at `reap_at`; its next time is set. It may be given up at once."""
    start = cpu.clock
    taken = True
    if cpu.drain_at < min(reap_at, cpu.slabinfo_at):
        if cpu.number == k.upkeeps.shrink_cpu:
            cpu.upkeep = Upkeep.SHRINK
            yield from _shrink(k, cpu)
        else:
            cpu.upkeep = Upkeep.DRAIN
            k.note_made_to_drain(cpu)
            yield from _drain(k, cpu)
        yield from k.look(cpu)
        cpu.drain_at = next_beat(cpu.drain_at, k.upkeeps.shrink_every, cpu.clock)
    elif cpu.slabinfo_at < reap_at:
        cpu.upkeep = Upkeep.SLABINFO
        taken = yield from read_slabinfo(k, cpu)
        if taken:
            cpu.slabinfo_at = next_beat(cpu.slabinfo_at, k.upkeeps.slabinfo_every, cpu.clock)
        else:
            cpu.slabinfo_at = cpu.clock + k.upkeeps.retry
    else:
        cpu.upkeep = Upkeep.REAP
        taken = yield from cache_reap(k, cpu, hz)
    k.settle(cpu)
    what = cpu.upkeep
    cpu.upkeep = Upkeep.NONE
    k.count_turn(cpu, what, start, taken)


def _shrink(k: UpkeepKernel[Cpu], cpu: Cpu) -> Waits[None]:
    """kmem_cache_shrink of one cache, or of one after the other: once all CPUs have drained their arrays, which it waits for."""
    yield from _drain(k, cpu)
    yield from wait_for_all(k, cpu)
    for cache in reversed(k.state.caches):
        if concerns(k, cpu, cache.index):
            yield from shrink_lists(k, cpu, cache)


def _drain(k: UpkeepKernel[Cpu], cpu: Cpu) -> Waits[None]:
    """What an interrupt of who shrinks does: this CPU's arrays go home."""
    for cache in reversed(k.state.caches):
        if concerns(k, cpu, cache.index):
            yield from do_drain(k, cpu, cache)

# SPDX-License-Identifier: GPL-2.0-only
"""What a CPU does for the caches beside operations, a turn at a time: what it holds, and who waits behind it, is the turn's.

Leaves out waiting until one is due (the engines), and what is done then (`reap`, `slabinfo`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from slabdes.allocator.timers import next_beat
from slabdes.paths.charges import ClockedCpu
from slabdes.paths.kernel import Waits
from slabdes.paths.operations import OperatingKernel
from slabdes.paths.outcome import Upkeep
from slabdes.paths.slab.kernel import SlabCpu, SlabKernel
from slabdes.paths.slab.prices import SlabCharges
from slabdes.paths.slab.reap import cache_reap
from slabdes.paths.slab.slabinfo import read_slabinfo


class UpkeepCpu(SlabCpu, ClockedCpu):
    """A CPU with a clock and timers: `slabinfo_at` is when it reads /proc/slabinfo next, picoseconds."""

    __slots__ = ()

    slabinfo_at: int


Cpu = TypeVar("Cpu", bound=UpkeepCpu)
"""An engine's own kind of CPU."""


@dataclass(frozen=True)
class UpkeepSettings:
    """What CPUs do beside reaping, picoseconds: 0 for never. `retry`: until who finds the caches' mutex taken tries again."""

    slabinfo_every: int
    slabinfo_cpu: int
    retry: int


class UpkeepKernel(SlabCharges[Cpu], OperatingKernel[Cpu], SlabKernel[Cpu]):
    """An engine with a clock and books."""

    upkeeps: UpkeepSettings


def take_turn(k: UpkeepKernel[Cpu], cpu: Cpu, hz: int, reap_at: int) -> Waits[None]:
    """The turn that is due first, the reap timer's at `reap_at`; its next time is set. It may be given up at once."""
    start = cpu.clock
    if cpu.slabinfo_at < reap_at:
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

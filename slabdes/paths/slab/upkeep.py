# SPDX-License-Identifier: GPL-2.0-only
"""What a CPU does for the caches beside operations, a turn at a time: what it holds, and who waits behind it, is the turn's.

Leaves out when a turn is due (the engines), and what the reap timer does (`reap`).
"""

from __future__ import annotations

from typing import TypeVar

from slabdes.paths.charges import ClockedCpu
from slabdes.paths.kernel import Waits
from slabdes.paths.operations import OperatingKernel
from slabdes.paths.outcome import Upkeep
from slabdes.paths.slab.kernel import SlabCpu, SlabKernel
from slabdes.paths.slab.prices import SlabCharges
from slabdes.paths.slab.reap import cache_reap


class UpkeepCpu(SlabCpu, ClockedCpu):
    """A CPU with a clock and a reap timer."""

    __slots__ = ()


Cpu = TypeVar("Cpu", bound=UpkeepCpu)
"""An engine's own kind of CPU."""


class UpkeepKernel(SlabCharges[Cpu], OperatingKernel[Cpu], SlabKernel[Cpu]):
    """An engine with a clock and books."""


def reap_turn(k: UpkeepKernel[Cpu], cpu: Cpu, hz: int) -> Waits[None]:
    """A turn of the CPU's reap timer, which it gives up while another CPU reaps."""
    start = cpu.clock
    cpu.upkeep = Upkeep.REAP
    taken = yield from cache_reap(k, cpu, hz)
    k.settle(cpu)
    cpu.upkeep = Upkeep.NONE
    k.count_turn(cpu, Upkeep.REAP, start, taken)

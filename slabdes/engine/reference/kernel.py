# SPDX-License-Identifier: GPL-2.0-only
"""SLAB on SimPy's clock: every step that its paths take is charged as DESIGN's "Time" says.

Leaves out what every allocator's kernel has (`clocked`).
"""

from __future__ import annotations

import simpy

from slabdes.allocator.state import NOBODY, KmemCache, SlabState
from slabdes.allocator.versions import Version
from slabdes.engine.cpu import TimedCpu
from slabdes.engine.reference.clocked import ClockedKernel
from slabdes.engine.timed import TimedSettings
from slabdes.machine.topology import Machine
from slabdes.paths import interrupts, pages
from slabdes.paths.kernel import Waits
from slabdes.paths.slab import alloc, free, prices
from slabdes.paths.slab.upkeep import UpkeepKernel


class TimedKernel(ClockedKernel[KmemCache], UpkeepKernel[TimedCpu]):
    """A kernel with SLAB. `reaper` has cache_chain_mutex."""

    state: SlabState

    def __init__(self, env: simpy.Environment, state: SlabState, machine: Machine, settings: TimedSettings[Version]) -> None:
        super().__init__(env, state, machine, settings)
        self.version = settings.version
        self.layout = settings.version.layout
        self.upkeeps = settings.upkeeps
        self.reaper = NOBODY

    def reap_mutex_trylock(self, cpu: TimedCpu) -> Waits[bool]:
        yield from self.look(cpu)
        if self.reaper != NOBODY:
            return False
        self.reaper = cpu.number
        return True

    def reap_mutex_unlock(self, cpu: TimedCpu) -> Waits[None]:
        yield from self.look(cpu)
        self.reaper = NOBODY

    kmem_getpages = pages.kmem_getpages
    kmem_freepages = pages.kmem_freepages
    irqs_on = interrupts.irqs_on
    irqs_off = interrupts.irqs_off
    irq_save = interrupts.irq_save
    irq_restore = interrupts.irq_restore
    kmem_cache_alloc = alloc.kmem_cache_alloc
    kmem_cache_alloc_node = alloc.kmem_cache_alloc_node
    kmem_cache_free = free.kmem_cache_free


# What the paths' steps cost: each price answers the note of its name, as it does in compiled code.
for _name, _price in vars(prices).items():
    if _name.startswith("note_"):
        setattr(TimedKernel, _name, _price)

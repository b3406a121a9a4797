# SPDX-License-Identifier: GPL-2.0-only
"""What an experiment has CPUs do for any allocator's caches beside operations. Leaves out the turns of each allocator."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Final, TypeVar

from slabdes.paths.charges import ClockedCpu
from slabdes.paths.kernel import Looks, Waits

MOST_SPINS: Final = 1_000
"""Looks of who shrinks before it goes on without CPUs that have interrupts off and wait for others (assumed)."""
ONCE: Final = 1 << 60
"""Between two turns of what is done once: more than any run lasts."""


@dataclass(frozen=True)
class UpkeepSettings:
    """What CPUs do beside reaping, picoseconds: 0 for never. `retry`: until who finds the caches' mutex taken tries again.

    `shrink_cache` is a cache's index, or -1 for all.
    """

    slabinfo_every: int
    slabinfo_cpu: int
    shrink_first: int
    shrink_every: int
    shrink_cpu: int
    shrink_cache: int
    retry: int


class DrainingCpu(ClockedCpu):
    """A CPU with a timer. `drain_at` is when it shrinks caches, or has to give up its own for who does, picoseconds."""

    __slots__ = ()

    drain_at: int


Cpu = TypeVar("Cpu", bound=DrainingCpu)
"""An engine's own kind of CPU."""


class DrainingKernel(Looks[Cpu]):
    """An engine whose CPUs shrink caches together."""

    upkeeps: UpkeepSettings

    @abstractmethod
    def all_drained(self, cpu: Cpu, due: int) -> bool:
        """Whether no other CPU has yet to give up its own for who shrinks since `due`."""

    def note_spins(self, cpu: Cpu) -> None:
        """Who shrinks looks once more whether all others have."""


def wait_for_all(k: DrainingKernel[Cpu], cpu: Cpu) -> Waits[None]:
    """Who shrinks waits until all other CPUs have given up their own."""
    yield from k.look(cpu)
    spins = 0
    while spins < MOST_SPINS and not k.all_drained(cpu, cpu.drain_at):
        k.note_spins(cpu)
        yield from k.look(cpu)
        spins += 1


def concerns(k: DrainingKernel[Cpu], cpu: Cpu, cache: int) -> bool:
    """Whether a shrink, or a change, is of the cache with this index."""
    return k.upkeeps.shrink_cache < 0 or k.upkeeps.shrink_cache == cache

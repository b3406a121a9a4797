# SPDX-License-Identifier: GPL-2.0-only
"""What an interrupt does to a CPU: its handler takes over wherever interrupts are on, works, allocates and frees.

A source is an edge-triggered line: one interrupt can be pending, more are lost. Leaves out when a program's CPU looks for them.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Final, Protocol

from slabdes.allocator.state import NO_NODE, NO_OBJECT
from slabdes.paths.accounts import disable_irqs, enable_irqs
from slabdes.paths.charges import Cpu
from slabdes.paths.kernel import Waits
from slabdes.paths.operations import KmemCache, OperatingKernel, allocate, give_back
from slabdes.paths.outcome import Upkeep

MOST_IN_A_ROW: Final = 1_000
"""Interrupts that a CPU may handle without anything in between (assumed): more, and it will never get on.

A row goes on while one comes during each handler: one in 860 gets so far if each takes five mean gaps, none if three."""


@dataclass(frozen=True)
class InterruptSettings:
    """The interrupt sources of one run and what handlers do: picoseconds, the index of the cache that they allocate from."""

    periodic: bool
    mean: int
    cache: int
    objects: int
    keep: int
    work: int


NO_INTERRUPTS: Final = InterruptSettings(periodic=False, mean=0, cache=0, objects=0, keep=0, work=0)


class Caches(Protocol[KmemCache]):
    """An allocator's memory."""

    caches: list[KmemCache]


class InterruptedKernel(OperatingKernel[Cpu, KmemCache]):
    """An engine whose CPUs are interrupted: their sources, and the objects that their handlers hold, the oldest first."""

    state: Caches[KmemCache]
    irqs: InterruptSettings

    @property
    @abstractmethod
    def now(self) -> int:
        """The simulation's clock, picoseconds."""

    @abstractmethod
    def next_interrupt(self, cpu: Cpu) -> None:
        """Move `cpu.irq_at` on to when the interrupt after that comes."""

    @abstractmethod
    def interrupt_storm(self, cpu: Cpu) -> Waits[None]:
        """End the run: the CPU does nothing any more but handle interrupts."""

    @abstractmethod
    def set_bulk(self, cpu: Cpu, in_bulk: bool) -> None:
        """A bulk call begins or ends: that decides what hits cost, and whether anything takes the CPU between two steps."""

    @abstractmethod
    def hold(self, cpu: Cpu, obj: int) -> None:
        """The CPU's handlers hold one more object."""

    @abstractmethod
    def held(self, cpu: Cpu) -> int:
        """How many they hold."""

    @abstractmethod
    def oldest_held(self, cpu: Cpu) -> int:
        """The oldest of them, which they hold no longer."""


def irqs_on(k: InterruptedKernel[Cpu, KmemCache], cpu: Cpu) -> Waits[None]:
    """Interrupts go on in the middle of a path (local_irq_enable)."""
    k.settle(cpu)
    enable_irqs(k, cpu, cpu.clock)
    cpu.work += k.costs.irq_pair
    yield from take_interrupts(k, cpu)


def irqs_off(k: InterruptedKernel[Cpu, KmemCache], cpu: Cpu) -> Waits[None]:
    """And off again (local_irq_disable), once those that have come meanwhile are handled."""
    k.settle(cpu)
    yield from take_interrupts(k, cpu)
    disable_irqs(k, cpu)


def irq_save(k: InterruptedKernel[Cpu, KmemCache], cpu: Cpu) -> None:
    """Interrupts go off for an inner operation (local_irq_save)."""
    disable_irqs(k, cpu)


def irq_restore(k: InterruptedKernel[Cpu, KmemCache], cpu: Cpu) -> Waits[None]:
    """And are as they were before (local_irq_restore)."""
    enable_irqs(k, cpu, cpu.clock)
    yield from take_interrupts(k, cpu)


def begin_bulk(k: InterruptedKernel[Cpu, KmemCache], cpu: Cpu) -> None:
    """A bulk call begins: interrupts go off once for all its objects."""
    disable_irqs(k, cpu)
    k.set_bulk(cpu, True)
    cpu.work += k.costs.irq_pair
    k.settle(cpu)


def end_bulk(k: InterruptedKernel[Cpu, KmemCache], cpu: Cpu) -> Waits[None]:
    """It ends: they go on."""
    k.set_bulk(cpu, False)
    enable_irqs(k, cpu, cpu.clock)
    yield from take_interrupts(k, cpu)


def take_interrupts(k: InterruptedKernel[Cpu, KmemCache], cpu: Cpu) -> Waits[None]:
    """If interrupts are on, handle those that have come, each in the middle of what the CPU was doing then."""
    if cpu.irqs_off_depth or cpu.irq_at > cpu.clock:
        return
    k.settle(cpu)
    in_a_row = 0
    while cpu.irq_at <= cpu.clock:
        came = max(cpu.irq_at, cpu.irqs_on_at, k.now)
        left = cpu.clock - came
        cpu.clock = came
        yield from _handle(k, cpu)
        cpu.clock += left
        in_a_row += 1
        if in_a_row == MOST_IN_A_ROW:
            yield from k.interrupt_storm(cpu)


def _handle(k: InterruptedKernel[Cpu, KmemCache], cpu: Cpu) -> Waits[None]:
    """Handle the interrupt that is pending: work, allocate atomically, free the oldest objects beyond those kept."""
    k.count_irq_wait(cpu, cpu.clock - cpu.irq_at)
    cpu.interrupts += 1
    k.next_interrupt(cpu)
    while cpu.irq_at <= cpu.clock:
        cpu.interrupts_lost += 1
        k.next_interrupt(cpu)
    path = cpu.path
    upkeep = cpu.upkeep
    cpu.upkeep = Upkeep.NONE
    began = cpu.clock
    k.remember_accounts(cpu)
    disable_irqs(k, cpu)
    cpu.work += k.irqs.work
    k.settle(cpu)
    for _object in range(k.irqs.objects):
        obj = yield from allocate(k, cpu, k.state.caches[k.irqs.cache], NO_NODE, 0, k.costs.alloc_hit)
        if obj != NO_OBJECT:
            k.hold(cpu, obj)
    while k.held(cpu) > k.irqs.keep:
        yield from give_back(k, cpu, k.state.caches[k.irqs.cache], k.oldest_held(cpu), k.costs.free_hit)
    k.account_for_interrupt(cpu, began)
    enable_irqs(k, cpu, cpu.clock)
    cpu.path = path
    cpu.upkeep = upkeep

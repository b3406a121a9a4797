# SPDX-License-Identifier: GPL-2.0-only
"""What the paths of any allocator ask of an engine, as services: locks, pages, interrupts, looks at what others change.

What may wait is a generator. Leaves out what one allocator alone asks for, and what it says has happened (its notes).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from typing import Any, Generic, TypeVar

from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import KmemCache
from slabdes.paths.outcome import Path
from slabdes.paths.sites import LockSite

_T = TypeVar("_T")
Waits = Generator[Any, Any, _T]
"""A path: a generator that yields where the engine makes its CPU wait, and returns a T."""


class CpuContext:
    """The running CPU, as a path sees it: who it is, how its operation was served so far, and its task's policy."""

    __slots__ = ("node", "number", "path", "policy")
    number: int
    node: int
    policy: MemPolicy
    path: Path

    def __init__(self, number: int, node: int, policy: MemPolicy) -> None:
        self.number = number
        self.node = node
        self.policy = policy
        self.path = Path.HIT


Cpu = TypeVar("Cpu", bound=CpuContext)
"""An engine's own kind of CPU."""


class Locks(ABC, Generic[Cpu]):
    """Spinlocks, by number. Whatever a path does under one takes effect when it is granted."""

    @abstractmethod
    def spin_lock(self, cpu: Cpu, lock: int, site: LockSite) -> Waits[None]:
        """Wait for a lock and take it."""

    @abstractmethod
    def spin_trylock(self, cpu: Cpu, lock: int, site: LockSite) -> Waits[bool]:
        """Take a lock if it is free; whether it was."""

    @abstractmethod
    def spin_unlock(self, cpu: Cpu, lock: int) -> Waits[None]:
        """Release a lock once what was done under it has taken its time."""


class Pages(ABC, Generic[Cpu]):
    """The page allocator, as an allocator of objects calls it."""

    @abstractmethod
    def kmem_getpages(self, cpu: Cpu, cache: KmemCache, node: int, thisnode: bool) -> Waits[int]:
        """Pages for one slab, from `node` or (without `thisnode`) the nodes after it; the node they lie on, or NO_NODE."""

    @abstractmethod
    def kmem_freepages(self, cpu: Cpu, cache: KmemCache, node: int) -> Waits[None]:
        """Give one slab's pages back."""

    @abstractmethod
    def zonelist(self, node: int) -> tuple[int, ...]:
        """All nodes in the order in which `node` falls back to them, itself first."""


class Interrupts(ABC, Generic[Cpu]):
    """Interrupts go off and on; without a clock none ever comes."""

    def irqs_on(self, cpu: Cpu) -> Waits[None]:
        """Interrupts go on in the middle of a path (local_irq_enable)."""
        yield from ()

    def irqs_off(self, cpu: Cpu) -> Waits[None]:
        """And off again (local_irq_disable)."""
        yield from ()

    def irq_save(self, cpu: Cpu) -> None:
        """Interrupts go off for an inner operation (local_irq_save)."""

    def irq_restore(self, cpu: Cpu) -> Waits[None]:
        """And are as they were before (local_irq_restore)."""
        yield from ()


class Looks(ABC, Generic[Cpu]):
    """Time, as far as a path asks for it."""

    @abstractmethod
    def look(self, cpu: Cpu) -> Waits[None]:
        """Bring the CPU to its own time before it reads, without a lock, what others may be changing."""

    @abstractmethod
    def jiffies(self, cpu: Cpu) -> int:
        """The time in jiffies, as the CPU sees it."""


class Kernel(Locks[Cpu], Pages[Cpu], Interrupts[Cpu], Looks[Cpu]):
    """An engine, as every allocator's paths see it."""

# SPDX-License-Identifier: GPL-2.0-only
"""An engine, as SLUB's paths see it: locks and looks as every allocator asks for them, atomic operations, pages, RCU.

Leaves out the paths themselves.
"""

from __future__ import annotations

from abc import abstractmethod
from enum import IntEnum
from typing import Final, TypeVar

from slabdes.allocator.slub.state import KmemCache, SlubState, new_sheaf, new_slab
from slabdes.allocator.slub.versions import SlubVersion
from slabdes.paths.kernel import CpuContext, Locks, Looks, Waits
from slabdes.paths.slub.notes import SlubNotes

PCS_BATCH_MAX: Final = 32
"""Objects of the main sheaf that are flushed at a time."""
BATCHES: Final = 2
"""Batches that one CPU can be freeing: its program's and a handler's."""


class Point(IntEnum):
    """Where an operation lets others in while it holds no lock: interrupts of its own CPU, and other CPUs."""

    FILL = 0
    """A sheaf to fill is chosen; nothing is allocated or filled yet."""
    ISOLATED = 1
    """Slabs are unlinked, none of them used yet."""
    TAKEN = 2
    """A slab's free chain was taken, none of it used yet."""
    FLUSH = 3
    """The full spare sheaf is detached, not flushed yet."""
    SHEAF = 4
    """Main is full and no empty sheaf was found; none is allocated yet."""


class SlubCpu(CpuContext):
    """A CpuContext that also says how many of its batches are being freed: an interrupt has another than what it interrupted.

    An engine's own kind of CPU gives it the field.
    """

    __slots__ = ()
    batches: int


Cpu = TypeVar("Cpu", bound=SlubCpu)
"""An engine's own kind of CPU."""


class SlubKernel(Locks[Cpu], Looks[Cpu], SlubNotes[Cpu]):
    """A kernel for SLUB's caches."""

    state: SlubState
    version: SlubVersion

    @abstractmethod
    def load_state(self, cpu: Cpu, slab: int) -> Waits[None]:
        """Bring a slab's state word to the CPU, which is about to read it: others may change it at any time, lock or none."""

    @abstractmethod
    def cmpxchg(self, cpu: Cpu, slab: int) -> Waits[None]:
        """Bring a slab's state word to the CPU for one atomic update; another CPU may have changed it until this returns."""

    @abstractmethod
    def let_in(self, cpu: Cpu, point: Point) -> Waits[None]:
        """The per-CPU lock is dropped: interrupts and other CPUs may come in, and what was read of the CPU's sheaves is old."""

    @abstractmethod
    def cycles(self, cpu: Cpu) -> int:
        """The cycle counter (get_cycles)."""

    @abstractmethod
    def slab_pages(self, cpu: Cpu, cache: KmemCache, order: int, fallback: bool, node: int, thisnode: bool) -> Waits[int]:
        """Pages for a slab from `node` or (without `thisnode`) those after it; the node they lie on, or NO_NODE.

        `fallback`: for want of pages of the cache's order this is the second request.
        """

    @abstractmethod
    def free_slab_pages(self, cpu: Cpu, cache: KmemCache, order: int, node: int) -> Waits[None]:
        """Give a slab's pages back."""

    @abstractmethod
    def sheaf_memory(self, cpu: Cpu, cache: KmemCache, capacity: int) -> Waits[bool]:
        """Whether there is memory for a sheaf of so many objects (kzalloc_flex)."""

    @abstractmethod
    def zonelist(self, node: int) -> tuple[int, ...]:
        """The nodes with memory in the order in which `node` falls back to them, itself first if it has any."""

    @abstractmethod
    def call_rcu(self, cpu: Cpu, cache: KmemCache, sheaf: int, flushing: bool) -> None:
        """Have a sheaf's callback run once a grace period is over: `rcu_free_sheaf`, or the flushing one."""

    @abstractmethod
    def batch_rcu(self, cpu: Cpu, cache: KmemCache, obj: int) -> None:
        """Queue an object for the general batching of kfree_rcu, whose arrays `kvfree_rcu_bulk` frees."""

    @abstractmethod
    def batch(self, cpu: Cpu) -> int:
        """Where in `words` the CPU has room for its next batch: `cpu.batches` are in use."""

    def new_slab(self, cpu: Cpu, cache: KmemCache, objects: int) -> int:
        """A slab's number, on no list."""
        return new_slab(self.state, cache, objects)

    def new_sheaf(self, cpu: Cpu, cache: KmemCache, capacity: int) -> int:
        """An empty sheaf's number."""
        return new_sheaf(self.state, cache, capacity)


class FlushingSlubKernel(SlubKernel[Cpu]):
    """A SlubKernel that can also make every CPU run something at once. With a clock each has a turn of its own (`upkeep`)."""

    @abstractmethod
    def flush_each_cpu(self, cpu: Cpu, cache: KmemCache) -> Waits[None]:
        """Have each CPU run `flush_cpu`, and wait until all have (flush_all)."""

    @abstractmethod
    def flush_each_rcu(self, cpu: Cpu, cache: KmemCache) -> Waits[None]:
        """Have each CPU run `flush_rcu_sheaf`, and wait until all have (flush_rcu_all_sheaves)."""

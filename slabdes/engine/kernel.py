"""What the allocator's paths need from an engine: locks, pages, and someone to tell of each step they take.

The conformance engine writes the steps down, the timed ones charge for them. Leaves out the paths themselves.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Protocol, TypeVar

from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import ArrayCache, KmemCache, KmemList3, SlabState
from slabdes.engine.records import Path

_T = TypeVar("_T")
Waits = Generator[Any, Any, _T]
"""A path: a generator that yields where the engine makes its CPU wait, and returns a T."""


class CpuContext:
    """The running CPU, as a path sees it: who it is, how its operation was served so far, and its task's policy."""

    __slots__ = ("altfail", "node", "number", "path", "policy", "reap_due", "reap_node")

    def __init__(self, number: int, node: int, policy: MemPolicy) -> None:
        self.number = number
        self.node = node
        self.policy = policy
        self.path = Path.HIT
        self.altfail = False
        self.reap_node = (node + 1) % policy.n_nodes
        self.reap_due = 0


Cpu = TypeVar("Cpu", bound=CpuContext)
Cpu_contra = TypeVar("Cpu_contra", bound=CpuContext, contravariant=True)
"""An engine's own kind of CPU."""


class Kernel(Protocol[Cpu_contra]):
    """An engine, as the paths see it. Generators may wait; the rest tell the engine what has just been done."""

    state: SlabState

    def spin_lock(self, cpu: Cpu_contra, lock: int) -> Waits[None]:
        """Wait for a lock and take it."""
        ...

    def spin_trylock(self, cpu: Cpu_contra, lock: int) -> Waits[bool]:
        """Take a lock if it is free; whether it was."""
        ...

    def spin_unlock(self, cpu: Cpu_contra, lock: int) -> Waits[None]:
        """Release a lock once what was done under it has taken its time."""
        ...

    def reap_mutex_trylock(self, cpu: Cpu_contra) -> Waits[bool]:
        """cache_chain_mutex, as cache_reap asks for it."""
        ...

    def reap_mutex_unlock(self, cpu: Cpu_contra) -> Waits[None]:
        """Give cache_chain_mutex back."""
        ...

    def kmem_getpages(self, cpu: Cpu_contra, cache: KmemCache, node: int, thisnode: bool) -> Waits[int]:
        """Pages for one slab, from `node` or (without `thisnode`) the nodes after it; the node they lie on, or NO_NODE."""
        ...

    def kmem_freepages(self, cpu: Cpu_contra, cache: KmemCache, node: int) -> Waits[None]:
        """Give one slab's pages back."""
        ...

    def zonelist(self, node: int) -> tuple[int, ...]:
        """All nodes in the order in which `node` falls back to them, itself first."""
        ...

    def look(self, cpu: Cpu_contra) -> Waits[None]:
        """Bring the CPU to its own time before it reads, without a lock, what others may be changing."""
        ...

    def jiffies(self, cpu: Cpu_contra) -> int:
        """The time in jiffies, as the CPU sees it."""
        ...

    def irqs_on(self, cpu: Cpu_contra) -> None:
        """Interrupts go on in the middle of a path (local_irq_enable)."""
        ...

    def irqs_off(self, cpu: Cpu_contra) -> None:
        """And off again."""
        ...

    def note_miss(self, cpu: Cpu_contra) -> None:
        """The CPU's array cannot serve the operation: its slow path begins."""
        ...

    def note_shared_changed(self, cpu: Cpu_contra, l3: KmemList3) -> None:
        """The node's l3 beyond its list_lock's line is read or written: lists, counters, colour."""
        ...

    def note_moved(self, cpu: Cpu_contra, cache: KmemCache, frm: ArrayCache, to: ArrayCache, nr: int) -> None:
        """`nr` objects went from one array to another."""
        ...

    def note_taken(self, cpu: Cpu_contra, cache: KmemCache, l3: KmemList3, slab: int, was: int, nr: int) -> None:
        """`nr` objects were taken from a slab of list `was`, which was moved to the list it is on now."""
        ...

    def note_returned(self, cpu: Cpu_contra, cache: KmemCache, l3: KmemList3, obj: int, was: int, now: int) -> None:
        """An object went back to its slab, which was on list `was` and is now on `now` or SLAB_DESTROYED."""
        ...

    def note_unlinking(self, cpu: Cpu_contra, slab: int) -> None:
        """A slab is about to leave its list: its neighbours there will be written."""
        ...

    def note_drained(self, cpu: Cpu_contra, cache: KmemCache, slab: int) -> None:
        """drain_freelist destroys an empty slab."""
        ...

    def note_pages(self, cpu: Cpu_contra, cache: KmemCache, node: int, thisnode: bool, slab: int, got: int) -> None:
        """The page allocator answered: a slab's number and the node its pages lie on, or NO_SLAB and NO_NODE."""
        ...

    def note_slab_made(self, cpu: Cpu_contra, cache: KmemCache, slab: int) -> None:
        """A new slab's descriptor, free chain and objects were initialised."""
        ...

    def note_inserted(self, cpu: Cpu_contra, cache: KmemCache, l3: KmemList3, slab: int) -> None:
        """A new slab was linked to a list."""
        ...

    def note_fallback(self, cpu: Cpu_contra, cache: KmemCache, node: int) -> None:
        """fallback_alloc starts to walk the zonelist of `node`."""
        ...


class InterruptingKernel(Kernel[Cpu], Protocol[Cpu]):
    """A Kernel that can make every CPU run something at once, as shrink and tuning do."""

    def on_each_cpu(self, cpu: Cpu) -> Waits[tuple[Cpu, ...]]:
        """Interrupt every CPU: their contexts, in the order in which they run the function."""
        ...

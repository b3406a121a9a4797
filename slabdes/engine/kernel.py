"""What the allocator's paths need from an engine: locks, pages, and someone to tell of each step they take.

The conformance engine writes the steps down, the timed ones charge for them. Leaves out the paths themselves.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from typing import Any, Generic, TypeVar

from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import ArrayCache, KmemCache, KmemList3, SlabState, drop_slab, new_slab
from slabdes.allocator.versions import Version
from slabdes.engine.lock_sites import LockSite
from slabdes.engine.records import Path

_T = TypeVar("_T")
Waits = Generator[Any, Any, _T]
"""A path: a generator that yields where the engine makes its CPU wait, and returns a T."""


class CpuContext:
    """The running CPU, as a path sees it: who it is, how its operation was served so far, and its task's policy."""

    __slots__ = ("altfail", "node", "number", "path", "policy", "reap_due", "reap_node")
    number: int
    node: int
    policy: MemPolicy
    path: Path
    altfail: bool
    reap_node: int
    reap_due: int

    def __init__(self, number: int, node: int, policy: MemPolicy) -> None:
        self.number = number
        self.node = node
        self.policy = policy
        self.path = Path.HIT
        self.altfail = False
        self.reap_node = (node + 1) % policy.n_nodes
        self.reap_due = 0


Cpu = TypeVar("Cpu", bound=CpuContext)
"""An engine's own kind of CPU."""


class Kernel(ABC, Generic[Cpu]):
    """An engine, as the paths see it: what may wait is abstract; notes say what has just been done, and do nothing here."""

    state: SlabState
    version: Version
    stack: int = -1
    """Where the CPUs' single objects lie in `words`, once there are any."""

    @abstractmethod
    def spin_lock(self, cpu: Cpu, lock: int, site: LockSite) -> Waits[None]:
        """Wait for a lock and take it."""

    @abstractmethod
    def spin_trylock(self, cpu: Cpu, lock: int, site: LockSite) -> Waits[bool]:
        """Take a lock if it is free; whether it was."""

    @abstractmethod
    def spin_unlock(self, cpu: Cpu, lock: int) -> Waits[None]:
        """Release a lock once what was done under it has taken its time."""

    @abstractmethod
    def reap_mutex_trylock(self, cpu: Cpu) -> Waits[bool]:
        """cache_chain_mutex, as cache_reap asks for it."""

    @abstractmethod
    def reap_mutex_unlock(self, cpu: Cpu) -> Waits[None]:
        """Give cache_chain_mutex back."""

    @abstractmethod
    def kmem_getpages(self, cpu: Cpu, cache: KmemCache, node: int, thisnode: bool) -> Waits[int]:
        """Pages for one slab, from `node` or (without `thisnode`) the nodes after it; the node they lie on, or NO_NODE."""

    @abstractmethod
    def kmem_freepages(self, cpu: Cpu, cache: KmemCache, node: int) -> Waits[None]:
        """Give one slab's pages back."""

    def new_slab(self, cpu: Cpu, cache: KmemCache) -> int:
        """A slab's number, of a slab that is on no list."""
        return new_slab(self.state, cache)

    def drop_slab(self, cpu: Cpu, cache: KmemCache, slab: int) -> None:
        """Give a destroyed slab's number back."""
        drop_slab(self.state, cache, slab)

    def on_stack(self, cpu: Cpu, obj: int) -> int:
        """Where in `words` the CPU keeps a single object while it is freed (C's `&objp`)."""
        state = self.state
        if self.stack < 0:
            self.stack = state.new_words(len(state.node_of_cpu))
        state.words[self.stack + cpu.number] = obj
        return self.stack + cpu.number

    @abstractmethod
    def zonelist(self, node: int) -> tuple[int, ...]:
        """All nodes in the order in which `node` falls back to them, itself first."""

    @abstractmethod
    def look(self, cpu: Cpu) -> Waits[None]:
        """Bring the CPU to its own time before it reads, without a lock, what others may be changing."""

    @abstractmethod
    def jiffies(self, cpu: Cpu) -> int:
        """The time in jiffies, as the CPU sees it."""

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

    def note_miss(self, cpu: Cpu) -> None:
        """The CPU's array cannot serve the operation: its slow path begins."""

    def note_counted(self, cpu: Cpu, l3: KmemList3) -> None:
        """Under list_lock, the lists are looked at and free_objects is brought up to date."""

    def note_moved(self, cpu: Cpu, cache: KmemCache, frm: ArrayCache, to: ArrayCache, nr: int) -> None:
        """`nr` objects went from one array to another."""

    def note_alien_drained(self, cpu: Cpu, cache: KmemCache, alien: ArrayCache, shared: ArrayCache, nr: int) -> None:
        """`nr` objects, possibly none, went from an alien cache to the shared array of their home."""
        if nr:
            self.note_moved(cpu, cache, alien, shared, nr)

    def note_unlinking(self, cpu: Cpu, slab: int) -> None:
        """A slab is about to leave its list: its neighbours there will be written."""

    def note_taken(self, cpu: Cpu, cache: KmemCache, l3: KmemList3, slab: int, was: int, nr: int) -> None:
        """`nr` objects were taken from a slab of list `was`, which was moved to the list it is on now."""

    def note_taken_straight(self, cpu: Cpu, cache: KmemCache, l3: KmemList3, slab: int, was: int) -> None:
        """The same for one object that passes no array, as ____cache_alloc_node takes it."""
        self.note_taken(cpu, cache, l3, slab, was, 1)

    def note_taken_from_new(self, cpu: Cpu, cache: KmemCache, slab: int, nr: int) -> None:
        """`nr` objects were taken from a slab that is on no list yet."""

    def note_no_more_slabs(self, cpu: Cpu, cache: KmemCache) -> None:
        """A refill found the partial and free lists empty."""

    def note_unlocked_look(self, cpu: Cpu, l3: KmemList3) -> None:
        """A refill is about to read, without the lock, whether the node has anything."""

    def note_free_objects_read(self, cpu: Cpu, l3: KmemList3) -> None:
        """fallback_alloc reads, without the lock, whether a node's lists hold anything."""

    def note_direct_grow(self, cpu: Cpu, cache: KmemCache) -> None:
        """A refill grows without having taken list_lock."""

    def note_free_block(self, cpu: Cpu, cache: KmemCache, l3: KmemList3, nr: int) -> None:
        """free_block begins with `nr` objects."""

    def note_returned(self, cpu: Cpu, cache: KmemCache, l3: KmemList3, obj: int, was: int, now: int) -> None:
        """An object went back to its slab, which was on list `was` and is now on `now` or SLAB_DESTROYED."""

    def note_given_up(self, cpu: Cpu, cache: KmemCache, l3: KmemList3, slab: int) -> None:
        """After a batch, free_block unlinked a slab that is beyond free_limit."""

    def note_unlinked(self, cpu: Cpu, l3: KmemList3, slab: int) -> None:
        """drain_freelist took a slab off the free list; list_lock is still held."""

    def note_array_seen(self, cpu: Cpu, array: ArrayCache) -> None:
        """Under list_lock, it is looked at how full a shared array is."""

    def note_entries(self, cpu: Cpu, array: ArrayCache, first: int, nr: int) -> None:
        """`nr` pointers of an array, from the one at `first` on, are read or written without going to another array."""

    def note_descriptor_taken(self, cpu: Cpu) -> None:
        """An off-slab descriptor is about to be allocated."""

    def note_descriptor_given(self, cpu: Cpu) -> None:
        """An off-slab descriptor is about to be freed."""

    def note_reap(self, cpu: Cpu) -> None:
        """cache_reap turns to a cache."""

    def note_drained(self, cpu: Cpu, cache: KmemCache, slab: int) -> None:
        """drain_freelist destroys an empty slab."""

    def note_do_drain(self, cpu: Cpu) -> None:
        """Shrink empties this CPU's array."""

    def note_coloured(self, cpu: Cpu, l3: KmemList3) -> None:
        """colour_next is read and advanced."""

    def note_pages(self, cpu: Cpu, cache: KmemCache, node: int, thisnode: bool, slab: int, got: int) -> None:
        """The page allocator answered: a slab's number and the node its pages lie on, or NO_SLAB and NO_NODE."""

    def note_slab_made(self, cpu: Cpu, cache: KmemCache, slab: int) -> None:
        """A new slab's descriptor, free chain and objects were initialised."""

    def note_inserted(self, cpu: Cpu, cache: KmemCache, l3: KmemList3, slab: int) -> None:
        """A new slab was linked to a list."""

    def note_fallback(self, cpu: Cpu, cache: KmemCache, node: int) -> None:
        """fallback_alloc starts to walk the zonelist of `node`."""


class InterruptingKernel(Kernel[Cpu]):
    """A Kernel that can make every CPU run something at once, as shrink and tuning do."""

    @abstractmethod
    def on_each_cpu(self, cpu: Cpu) -> Waits[tuple[Cpu, ...]]:
        """Interrupt every CPU: their contexts, in the order in which they run the function."""

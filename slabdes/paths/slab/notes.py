# SPDX-License-Identifier: GPL-2.0-only
"""What the SLAB allocator's paths say has happened, step by step: engines with a clock charge for it, one without writes it down.

A note does nothing here. Leaves out what it costs (`prices`).
"""

from __future__ import annotations

from typing import Generic

from slabdes.allocator.state import ArrayCache, KmemCache, KmemList3
from slabdes.paths.kernel import Cpu


class SlabNotes(Generic[Cpu]):
    """One method for each kind of step; called once it is done, unless it says otherwise."""

    def note_miss(self, cpu: Cpu) -> None:
        """The CPU's array cannot serve the operation: its slow path begins."""

    def note_looked_up(self, cpu: Cpu, entry: int, nr: int) -> None:
        """The slabs of `nr` objects, from `entry` on, have been looked up by their own frees; no lock is held."""

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

    def note_made_to_drain(self, cpu: Cpu) -> None:
        """Another CPU, which shrinks, interrupts this one."""

    def note_spins(self, cpu: Cpu) -> None:
        """A CPU that shrinks waits for others that it has interrupted."""

    def note_slabinfo(self, cpu: Cpu) -> None:
        """A reader of /proc/slabinfo turns to a cache."""

    def note_lists_read(self, cpu: Cpu, l3: KmemList3) -> None:
        """Under list_lock, it reads the lists' heads and a node's counters."""

    def note_slab_read(self, cpu: Cpu, slab: int) -> None:
        """And a slab on one of the lists."""

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

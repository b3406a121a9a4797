# SPDX-License-Identifier: GPL-2.0-only
"""What SLUB's paths say has happened, step by step: engines with a clock charge for it, one without writes it down.

A note does nothing here. Leaves out locks and atomic operations, which are services.
"""

from __future__ import annotations

from typing import Generic

from slabdes.allocator.slub.state import KmemCache, KmemCacheNode, NodeBarn
from slabdes.paths.kernel import Cpu


class SlubNotes(Generic[Cpu]):
    """One method for each kind of step; called once it is done, unless it says otherwise."""

    def note_swapped(self, cpu: Cpu) -> None:
        """The CPU's main and spare sheaves changed places."""

    def note_main_to_spare(self, cpu: Cpu) -> None:
        """The old main sheaf became the spare one."""

    def note_spare_used(self, cpu: Cpu) -> None:
        """The spare sheaf was taken to be filled, or as a prefilled one."""

    def note_kept_as_spare(self, cpu: Cpu) -> None:
        """A prefilled sheaf that came back became the spare one."""

    def note_spare_to_rcu(self, cpu: Cpu) -> None:
        """The empty spare sheaf became the one that kfree_rcu fills."""

    def note_barn_read(self, cpu: Cpu, barn: NodeBarn) -> None:
        """A barn's counts are about to be read without its lock."""

    def note_partial_read(self, cpu: Cpu, n: KmemCacheNode) -> None:
        """A node's nr_partial is about to be read without its lock."""

    def note_sheaf_got(self, cpu: Cpu, barn: NodeBarn, sheaf: int) -> None:
        """Under the barn's lock, the CPU took a sheaf."""

    def note_sheaf_opened(self, cpu: Cpu, sheaf: int) -> None:
        """Once the lock is released: the CPU is about to use the sheaf."""

    def note_sheaf_put(self, cpu: Cpu, barn: NodeBarn, sheaf: int) -> None:
        """Under the barn's lock, the CPU gave a sheaf."""

    def note_no_full(self, cpu: Cpu) -> None:
        """The barn had no full sheaf."""

    def note_many_full(self, cpu: Cpu) -> None:
        """The barn had as many full sheaves as it takes."""

    def note_no_empty(self, cpu: Cpu) -> None:
        """A bulk free found no empty sheaf in the barn."""

    def note_sheaf_allocated(self, cpu: Cpu, sheaf: int) -> None:
        """A new, empty sheaf."""

    def note_no_sheaf(self, cpu: Cpu) -> None:
        """There was no memory for one."""

    def note_sheaf_freed(self, cpu: Cpu) -> None:
        """A sheaf's memory went back."""

    def note_oversize(self, cpu: Cpu, capacity: int) -> None:
        """The sheaf just allocated is larger than the cache's."""

    def note_refill(self, cpu: Cpu, want: int) -> None:
        """A sheaf asks slabs for so many objects."""

    def note_direct(self, cpu: Cpu, want: int) -> None:
        """A caller's array or an oversize sheaf does."""

    def note_isolated(self, cpu: Cpu, n: KmemCacheNode, slab: int) -> None:
        """Under list_lock, a slab was taken off the partial list."""

    def note_list_taken(self, cpu: Cpu, slab: int, nr: int) -> None:
        """A slab's whole free chain of `nr` objects was taken."""

    def note_copied(self, cpu: Cpu, slab: int, nr: int) -> None:
        """`nr` objects of it were written to a sheaf or an array."""

    def note_returned(self, cpu: Cpu, n: KmemCacheNode, slab: int, nr: int) -> None:
        """The rest, `nr` objects, was given back and the slab put at the list's tail."""

    def note_put_back(self, cpu: Cpu, n: KmemCacheNode, slab: int) -> None:
        """A slab that was isolated and not needed was put at the list's tail."""

    def note_grown(self, cpu: Cpu, cache: KmemCache, slab: int) -> None:
        """A new slab."""

    def note_taken_from_new(self, cpu: Cpu, slab: int, nr: int) -> None:
        """Its first `nr` objects were taken."""

    def note_inserted(self, cpu: Cpu, n: KmemCacheNode, slab: int) -> None:
        """It was put at the head of the partial list."""

    def note_slow(self, cpu: Cpu) -> None:
        """An allocation goes past the sheaves."""

    def note_beneath(self, cpu: Cpu) -> None:
        """An operation goes past the sheaves to the CPU's own slab (6.18)."""

    def note_mismatch(self, cpu: Cpu) -> None:
        """The sheaves have no object of the node asked for."""

    def note_one(self, cpu: Cpu, n: KmemCacheNode, slab: int) -> None:
        """One object was taken from a slab on the partial list."""

    def note_unlisted(self, cpu: Cpu, n: KmemCacheNode, slab: int) -> None:
        """It was the slab's last: the slab left the list."""

    def note_unlinked(self, cpu: Cpu, n: KmemCacheNode, slab: int) -> None:
        """Under list_lock, a slab that became empty was taken off the partial list, to be given up."""

    def note_search(self, cpu: Cpu) -> None:
        """A search of other nodes begins."""

    def note_search_skipped(self, cpu: Cpu) -> None:
        """None: the cycle counter was against it."""

    def note_freed(self, cpu: Cpu, slab: int, nr: int) -> None:
        """A group of `nr` objects is in front of its slab's free chain."""

    def note_freed_privately(self, cpu: Cpu, nr: int) -> None:
        """A group of `nr` objects is in front of the CPU's private chain."""

    def note_added(self, cpu: Cpu, n: KmemCacheNode, slab: int) -> None:
        """The slab was full and is now the last of the partial list."""

    def note_kept(self, cpu: Cpu, slab: int) -> None:
        """The slab became empty and stays on the list."""

    def note_off_list(self, cpu: Cpu, slab: int) -> None:
        """The slab became empty while somebody holds it isolated."""

    def note_dropped(self, cpu: Cpu, cache: KmemCache, slab: int) -> None:
        """A slab's pages go back."""

    def note_flush(self, cpu: Cpu, nr: int) -> None:
        """A sheaf's objects, so many, are about to go back to their slabs."""

    def note_flush_main(self, cpu: Cpu, nr: int) -> None:
        """The top `nr` objects of the main sheaf are."""

    def note_alloc_call(self, cpu: Cpu, cache: KmemCache, size: int, own_slab: bool) -> None:
        """A program asks for `size` objects in one call; `own_slab`: from the CPU's own slab, with no sheaves before it."""

    def note_prefill_call(self, cpu: Cpu, cache: KmemCache, size: int, prefill: int) -> None:
        """It asks for a sheaf that holds at least `prefill` objects, takes `size` of them and gives the sheaf back."""

    def note_free_call(self, cpu: Cpu, cache: KmemCache, size: int, own_slab: bool) -> None:
        """It frees as many in one call."""

    def note_block(self, cpu: Cpu, nr: int) -> None:
        """A bulk call copied `nr` objects from or to the main sheaf."""

    def note_rest(self, cpu: Cpu, nr: int) -> None:
        """A bulk free gives up: its last `nr` local objects go to their slabs."""

    def note_remote(self, cpu: Cpu, nr: int) -> None:
        """A bulk free's `nr` objects of other nodes go to their slabs."""

    def note_submitted(self, cpu: Cpu, sheaf: int) -> None:
        """A full sheaf was handed to RCU."""

    def note_rcu_flushed(self, cpu: Cpu, sheaf: int) -> None:
        """A partly filled one was, to be flushed."""

    def note_callback(self, cpu: Cpu, sheaf: int) -> None:
        """A grace period is over: the sheaf's callback begins."""

    def note_flushing_callback(self, cpu: Cpu, sheaf: int) -> None:
        """The same for one that is to be flushed."""

    def note_list_refilled(self, cpu: Cpu, slab: int) -> None:
        """A CPU's slab gave its shared free chain to the private one."""

    def note_forgotten(self, cpu: Cpu, slab: int) -> None:
        """It had none: it is full and no CPU's slab any more."""

    def note_popped(self, cpu: Cpu, slab: int) -> None:
        """The top of the CPU's partial slabs was taken off."""

    def note_frozen(self, cpu: Cpu, slab: int) -> None:
        """A slab of the node's list became the CPU's, its free chain the private one."""

    def note_to_cpu_partial(self, cpu: Cpu, slab: int, nr: int) -> None:
        """A slab was put on top of the CPU's partial ones: now `nr`."""

    def note_drained(self, cpu: Cpu) -> None:
        """They were enough: those before it are about to go to their nodes."""

    def note_deactivated(self, cpu: Cpu, slab: int, nr: int) -> None:
        """A CPU's slab was given up, with `nr` private objects put in front of its shared chain."""

    def note_listed(self, cpu: Cpu, n: KmemCacheNode, slab: int, tail: bool) -> None:
        """It went to the head or the tail of its node's list."""

    def note_freed_frozen(self, cpu: Cpu, slab: int) -> None:
        """The group's slab is some CPU's own: nothing else is to be done."""

    def note_made_to_flush(self, cpu: Cpu) -> None:
        """Another CPU, which shrinks or changes a cache, has this one flush what it has."""

    def note_spins(self, cpu: Cpu) -> None:
        """A CPU that shrinks waits for others that have to flush."""

    def note_turn(self, cpu: Cpu) -> None:
        """This CPU's turn to flush its sheaves."""

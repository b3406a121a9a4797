# SPDX-License-Identifier: GPL-2.0-only
"""SLUB's steps in plain words: what each note says has happened, for whoever reads a run step by step.

Beside the price list, which says what the same notes cost. Leaves out locks, atomic operations, pages, and how operations end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from slabdes.allocator.slub.state import KmemCache, KmemCacheNode, NodeBarn, SlubState
from slabdes.paths.slub.kernel import SlubCpu

Words = Callable[..., str]
"""(kernel function, state, the note's arguments) to a sentence; an empty one is no step of its own: its cost goes to the next."""

_WHY_BARN: Final = {
    "barn_replace_empty_sheaf": "main is empty, and so is the spare sheaf, if there is one: ",
    "__pcs_replace_full_main": "main and spare are full: ",
}


def count_words(nr: int, what: str = "object") -> str:
    """So many of something."""
    return f"{nr} {what}{'s' * (nr != 1)}"


def _sheaf(state: SlubState, sheaf: int) -> str:
    record = state.sheaves[sheaf]
    fill = "an empty sheaf" if not record.size else "a full sheaf" if record.size == record.capacity else "a sheaf"
    return f"{fill} ({record.size} of {record.capacity})"


def _barn(barn: NodeBarn) -> str:
    return f"{barn.nr_full} full and {barn.nr_empty} empty"


def _list(n: KmemCacheNode) -> str:
    return f"the partial list of node {n.node}: nr_partial is now {n.nr_partial}"


def _use(state: SlubState, slab: int) -> str:
    record = state.slabs[slab]
    return f"{record.inuse} of {record.num} in use"


def note_swapped(where: str, state: SlubState, cpu: SlubCpu) -> str:
    why = (
        "main is full, but the spare sheaf has room" if where == "__pcs_replace_full_main" else "main is empty, the spare is not"
    )
    return f"{why}: the two change places"


def note_main_to_spare(where: str, state: SlubState, cpu: SlubCpu) -> str:
    return "there is no spare sheaf: the old main becomes it, and the sheaf that was got is main"


def note_spare_used(where: str, state: SlubState, cpu: SlubCpu) -> str:
    return "takes the CPU's own empty spare sheaf, to fill it"


def note_kept_as_spare(where: str, state: SlubState, cpu: SlubCpu) -> str:
    return "the prefilled sheaf that came back becomes the spare one"


def note_spare_to_rcu(where: str, state: SlubState, cpu: SlubCpu) -> str:
    return "there is no rcu sheaf: the empty spare becomes it"


def note_barn_read(where: str, state: SlubState, cpu: SlubCpu, barn: NodeBarn) -> str:
    return f"{_WHY_BARN.get(where, '')}looks at the barn of node {barn.node} without its lock: {_barn(barn)} sheaves"


def note_partial_read(where: str, state: SlubState, cpu: SlubCpu, n: KmemCacheNode) -> str:
    return f"looks at nr_partial of node {n.node} without list_lock: {n.nr_partial}"


def note_sheaf_got(where: str, state: SlubState, cpu: SlubCpu, barn: NodeBarn, sheaf: int) -> str:
    return f"takes {_sheaf(state, sheaf)}; the barn has {_barn(barn)} left"


def note_sheaf_opened(where: str, state: SlubState, cpu: SlubCpu, sheaf: int) -> str:
    return "the sheaf's lines come to this CPU"


def note_sheaf_put(where: str, state: SlubState, cpu: SlubCpu, barn: NodeBarn, sheaf: int) -> str:
    return f"puts {_sheaf(state, sheaf)} there; the barn has {_barn(barn)}"


def note_no_full(where: str, state: SlubState, cpu: SlubCpu) -> str:
    return "the barn gives no full sheaf: one must be filled from slabs"


def note_many_full(where: str, state: SlubState, cpu: SlubCpu) -> str:
    return "main and spare are full, and the barn has as many full sheaves as it takes: the spare one is flushed"


def note_no_empty(where: str, state: SlubState, cpu: SlubCpu) -> str:
    return "the barn has no empty sheaf for the bulk free"


def note_sheaf_allocated(where: str, state: SlubState, cpu: SlubCpu, sheaf: int) -> str:
    return f"allocates a new sheaf with room for {count_words(state.sheaves[sheaf].capacity)}"


def note_no_sheaf(where: str, state: SlubState, cpu: SlubCpu) -> str:
    return "there is no memory for a sheaf"


def note_sheaf_freed(where: str, state: SlubState, cpu: SlubCpu) -> str:
    return "the sheaf's memory goes back"


def note_oversize(where: str, state: SlubState, cpu: SlubCpu, capacity: int) -> str:
    return f"the sheaf has room for {count_words(capacity)}, more than the cache's: it is the caller's alone"


def note_refill(where: str, state: SlubState, cpu: SlubCpu, want: int) -> str:
    return f"the sheaf is to be filled: {count_words(want)} must come from slabs"


def note_direct(where: str, state: SlubState, cpu: SlubCpu, want: int) -> str:
    return f"{count_words(want)} must come straight from slabs"


def note_isolated(where: str, state: SlubState, cpu: SlubCpu, n: KmemCacheNode, slab: int) -> str:
    return (
        f"takes slab {slab}, the first of the partial list, off it; it has {_use(state, slab)}; nr_partial is now {n.nr_partial}"
    )


def note_list_taken(where: str, state: SlubState, cpu: SlubCpu, slab: int, nr: int) -> str:
    return f"the whole free chain of slab {slab} is this CPU's: {count_words(nr)}"


def note_copied(where: str, state: SlubState, cpu: SlubCpu, slab: int, nr: int) -> str:
    return f"writes {count_words(nr)} of slab {slab} into the sheaf" if nr else ""


def note_returned(where: str, state: SlubState, cpu: SlubCpu, n: KmemCacheNode, slab: int, nr: int) -> str:
    return f"{count_words(nr)} too many go back to slab {slab}, which is listed again on node {n.node}"


def note_put_back(where: str, state: SlubState, cpu: SlubCpu, n: KmemCacheNode, slab: int) -> str:
    return f"slab {slab} was not needed and is listed again on node {n.node}"


def note_grown(where: str, state: SlubState, cpu: SlubCpu, cache: KmemCache, slab: int) -> str:
    one = state.slabs[slab]
    return f"makes slab {slab} on pages of node {one.nodeid}, with a free chain of {count_words(one.num)}"


def note_taken_from_new(where: str, state: SlubState, cpu: SlubCpu, slab: int, nr: int) -> str:
    return f"takes {count_words(nr)} of the new slab {slab}, which is on no list yet"


def note_inserted(where: str, state: SlubState, cpu: SlubCpu, n: KmemCacheNode, slab: int) -> str:
    return f"puts slab {slab}, {_use(state, slab)}, at the head of the partial list: nr_partial is now {n.nr_partial}"


def note_slow(where: str, state: SlubState, cpu: SlubCpu) -> str:
    return "the CPU has nothing at hand: the slow path begins"


def note_beneath(where: str, state: SlubState, cpu: SlubCpu) -> str:
    return "the sheaves do not serve it: it goes beneath them, to the CPU's own slab"


def note_mismatch(where: str, state: SlubState, cpu: SlubCpu) -> str:
    return "what the CPU has is not of the node that is asked for"


def note_one(where: str, state: SlubState, cpu: SlubCpu, n: KmemCacheNode, slab: int) -> str:
    return f"takes one object of slab {slab}, the first of the partial list; it has {_use(state, slab)}"


def note_unlisted(where: str, state: SlubState, cpu: SlubCpu, n: KmemCacheNode, slab: int) -> str:
    return f"it was the last of slab {slab}, which leaves the partial list: nr_partial is now {n.nr_partial}"


def note_unlinked(where: str, state: SlubState, cpu: SlubCpu, n: KmemCacheNode, slab: int) -> str:
    return f"slab {slab} is empty and node {n.node} has min_partial others: it leaves {_list(n)}"


def note_search(where: str, state: SlubState, cpu: SlubCpu) -> str:
    return "this node has too few: other nodes are looked at, and one that has more than min_partial slabs is asked"


def note_search_skipped(where: str, state: SlubState, cpu: SlubCpu) -> str:
    return "this node has too few; get_cycles is beyond remote_node_defrag_ratio: other nodes are not looked at"


def note_freed(where: str, state: SlubState, cpu: SlubCpu, slab: int, nr: int) -> str:
    return f"{count_words(nr)} {'are' if nr != 1 else 'is'} in front of the free chain of slab {slab}: {_use(state, slab)}"


def note_freed_privately(where: str, state: SlubState, cpu: SlubCpu, nr: int) -> str:
    return ""


def note_added(where: str, state: SlubState, cpu: SlubCpu, n: KmemCacheNode, slab: int) -> str:
    return f"slab {slab}, {_use(state, slab)}, goes to the tail of {_list(n)}"


def note_kept(where: str, state: SlubState, cpu: SlubCpu, slab: int) -> str:
    return f"slab {slab} is empty, but its node has no more than min_partial: it stays on the partial list"


def note_off_list(where: str, state: SlubState, cpu: SlubCpu, slab: int) -> str:
    return f"slab {slab} is empty, but on no list, as a CPU has it: nothing else is to be done"


def note_dropped(where: str, state: SlubState, cpu: SlubCpu, cache: KmemCache, slab: int) -> str:
    return f"the pages of slab {slab} go back to node {state.slabs[slab].nodeid}"


def note_flush(where: str, state: SlubState, cpu: SlubCpu, nr: int) -> str:
    return f"the sheaf is flushed: its {count_words(nr)} go to their slabs, a group a slab"


def note_flush_main(where: str, state: SlubState, cpu: SlubCpu, nr: int) -> str:
    return f"main is flushed: its top {count_words(nr)} go to their slabs, a group a slab"


def note_alloc_call(where: str, state: SlubState, cpu: SlubCpu, cache: KmemCache, size: int, own_slab: bool) -> str:
    return f"asks for {count_words(size)} in one call"


def note_prefill_call(where: str, state: SlubState, cpu: SlubCpu, cache: KmemCache, size: int, prefill: int) -> str:
    return f"asks for a sheaf prefilled with {count_words(prefill)}, to take {count_words(size)} from it"


def note_free_call(where: str, state: SlubState, cpu: SlubCpu, cache: KmemCache, size: int, own_slab: bool) -> str:
    return f"frees {count_words(size)} in one call"


def note_block(where: str, state: SlubState, cpu: SlubCpu, nr: int) -> str:
    return f"the bulk call copies {count_words(nr)} between its array and main"


def note_rest(where: str, state: SlubState, cpu: SlubCpu, nr: int) -> str:
    return f"the bulk free gives up: {count_words(nr)} go to their slabs"


def note_remote(where: str, state: SlubState, cpu: SlubCpu, nr: int) -> str:
    return f"{count_words(nr)} of other nodes go to their slabs"


def note_submitted(where: str, state: SlubState, cpu: SlubCpu, sheaf: int) -> str:
    return f"the rcu sheaf is full ({state.sheaves[sheaf].size} objects): call_rcu, it waits for a grace period"


def note_rcu_flushed(where: str, state: SlubState, cpu: SlubCpu, sheaf: int) -> str:
    return f"the rcu sheaf ({state.sheaves[sheaf].size} objects) goes to RCU as it is, to be flushed"


def note_callback(where: str, state: SlubState, cpu: SlubCpu, sheaf: int) -> str:
    return f"a grace period is over: the callback of a sheaf of {count_words(state.sheaves[sheaf].size)} begins"


def note_flushing_callback(where: str, state: SlubState, cpu: SlubCpu, sheaf: int) -> str:
    return f"a grace period is over: a sheaf of {count_words(state.sheaves[sheaf].size)} is to be flushed"


def note_list_refilled(where: str, state: SlubState, cpu: SlubCpu, slab: int) -> str:
    return f"the whole free chain of slab {slab} is the CPU's private one now"


def note_forgotten(where: str, state: SlubState, cpu: SlubCpu, slab: int) -> str:
    return f"slab {slab} has nothing free at all: it is no CPU's slab any more, and on no list"


def note_popped(where: str, state: SlubState, cpu: SlubCpu, slab: int) -> str:
    return f"takes slab {slab}, the top of the CPU's partial slabs; it has {_use(state, slab)}"


def note_frozen(where: str, state: SlubState, cpu: SlubCpu, slab: int) -> str:
    return f"slab {slab} is the CPU's own now (frozen), and its free chain the private one"


def note_to_cpu_partial(where: str, state: SlubState, cpu: SlubCpu, slab: int, nr: int) -> str:
    return f"slab {slab}, {_use(state, slab)}, is the top of the CPU's partial slabs now, of {nr}"


def note_drained(where: str, state: SlubState, cpu: SlubCpu) -> str:
    return "there were as many as cpu_partial_slabs before: those go to their nodes' lists"


def note_deactivated(where: str, state: SlubState, cpu: SlubCpu, slab: int, nr: int) -> str:
    return f"the CPU gives slab {slab} up, with {count_words(nr)} of its private chain; it has {_use(state, slab)}"


def note_listed(where: str, state: SlubState, cpu: SlubCpu, n: KmemCacheNode, slab: int, tail: bool) -> str:
    return f"slab {slab} goes to the {'tail' if tail else 'head'} of {_list(n)}"


def note_freed_frozen(where: str, state: SlubState, cpu: SlubCpu, slab: int) -> str:
    return f"slab {slab} is another CPU's own (frozen): nothing else is to be done"


def note_turn(where: str, state: SlubState, cpu: SlubCpu) -> str:
    return "this CPU's turn to flush what it has"


def note_made_to_flush(where: str, state: SlubState, cpu: SlubCpu) -> str:
    return "the CPU that shrinks interrupts this one"


def note_spins(where: str, state: SlubState, cpu: SlubCpu) -> str:
    return "waits for the other CPUs to have flushed what they have"


WORDS: Final[dict[str, Words]] = {name: words for name, words in globals().items() if name.startswith("note_")}
"""Of each note."""

# SPDX-License-Identifier: GPL-2.0-only
"""The SLAB allocator's price list: what each note costs, DESIGN's "Time" step by step, written once for all engines.

Lines are those of DESIGN's "Lines"; figures are the machine's (machine.costs has their sources). Leaves out locks, pages,
interrupts and hits, which engines charge for themselves.

What is touched before a lock, under it, and behind it (neighbours' descriptors are posted until its release):

| path | before | under the lock | behind |
|---|---|---|---|
| refill | unlocked_look: free_objects, shared header | shared header and its pointers, or lists and slabs | the object |
| flush | descriptors, if the objects' own frees look | shared header and its pointers, or counts and free chains | pages |
| remote free | its descriptor | alien header and its pointer; if full, list_lock of its home, as a flush | pages |
| grow | pages, the new slab | counts and list heads | |
| pages from the zone | | its lists; of blocks of order 1 and up the first page, if cold | their other pages |
"""

from __future__ import annotations

from slabdes.allocator.state import (
    NO_LINE,
    NO_NODE,
    SLAB_LINES,
    ArrayCache,
    KmemCache,
    KmemList3,
    SlabState,
    entry_line,
    virt_to_slab,
)
from slabdes.allocator.versions import LISTS_LINE, L3Layout
from slabdes.paths.charges import Charges, Cpu, copy_cost, written_beside_lock


class SlabCharges(Charges[Cpu]):
    """An engine with a clock, as this price list sees it."""

    state: SlabState
    layout: L3Layout


def note_miss(k: SlabCharges[Cpu], cpu: Cpu) -> None:
    """A slow path begins: what it costs before it looks at anything shared."""
    cpu.work += k.costs.slow_path


def note_looked_up(k: SlabCharges[Cpu], cpu: Cpu, entry: int, nr: int) -> None:
    """The descriptors' lines, asked for together.

    Paid at their own frees were those of objects that another CPU allocated, and those that the CPU's cache had lost.
    """
    if not k.rules.early_lookups:
        return
    dearest = total = 0
    for place in range(entry, entry + nr):
        obj = k.state.words[place]
        line = k.state.slabs[virt_to_slab(obj)].line
        paid = k.owns(cpu, line) or k.allocated_elsewhere(cpu, obj)
        cost = k.touch(cpu, line)
        if not paid:
            total += cost
            dearest = max(dearest, cost)
    k.spend_on_lines(cpu, copy_cost(dearest, total - dearest, k.rules.copy_line_milli))


def note_counted(k: SlabCharges[Cpu], cpu: Cpu, l3: KmemList3) -> None:
    """The lists' line and free_objects' are fetched; the latter is written, while waiters may spin on it."""
    k.fetch(cpu, l3.line + LISTS_LINE)
    k.fetch(cpu, l3.line + k.layout.free_objects)
    if k.layout.free_objects == k.layout.list_lock:
        k.spend_on_lines(cpu, written_beside_lock(k.lock(l3.list_lock), 1))


def note_coloured(k: SlabCharges[Cpu], cpu: Cpu, l3: KmemList3) -> None:
    """colour_next's line."""
    k.fetch(cpu, l3.line + k.layout.colour_next)


def note_free_objects_read(k: SlabCharges[Cpu], cpu: Cpu, l3: KmemList3) -> None:
    """free_objects' line."""
    k.fetch(cpu, l3.line + k.layout.free_objects)


def note_unlocked_look(k: SlabCharges[Cpu], cpu: Cpu, l3: KmemList3) -> None:
    """The same, and the shared array's header."""
    note_free_objects_read(k, cpu, l3)
    if l3.shared:
        k.fetch(cpu, l3.shared.line)


def note_array_seen(k: SlabCharges[Cpu], cpu: Cpu, array: ArrayCache) -> None:
    """The array's header."""
    k.fetch(cpu, array.line)


def note_entries(k: SlabCharges[Cpu], cpu: Cpu, array: ArrayCache, first: int, nr: int) -> None:
    """The lines of `nr` pointers from the one at `first` on, asked for together, as a copy does."""
    if array.line != NO_LINE and nr and k.rules.array_lines:
        k.fetch_together(cpu, array.line + entry_line(first), array.line + entry_line(first + nr - 1))


def note_moved(k: SlabCharges[Cpu], cpu: Cpu, cache: KmemCache, frm: ArrayCache, to: ArrayCache, nr: int) -> None:
    """Both headers and the pointers' lines, one array after the other, and the copy."""
    k.fetch(cpu, frm.line)
    note_entries(k, cpu, frm, frm.avail, nr)
    k.fetch(cpu, to.line)
    note_entries(k, cpu, to, to.avail - nr, nr)
    cpu.work += nr * k.costs.move_object


def note_alien_drained(k: SlabCharges[Cpu], cpu: Cpu, cache: KmemCache, alien: ArrayCache, shared: ArrayCache, nr: int) -> None:
    """The same, if anything was moved."""
    if nr:
        note_moved(k, cpu, cache, alien, shared, nr)


def note_unlinking(k: SlabCharges[Cpu], cpu: Cpu, slab: int) -> None:
    """Neighbours on a list are written and change owner. The lock's holder pays the dearest such write, at its release."""
    record = k.state.slabs[slab]
    before = k.touch(cpu, k.state.slabs[record.prev].line)
    after = k.touch(cpu, k.state.slabs[record.next].line)
    if not k.rules.posted_neighbour_writes:
        k.spend_on_lines(cpu, before + after)
    elif before or after:
        lock = k.lock(k.state.caches[record.cache].nodelists[record.nodeid].list_lock)
        lock.posted = max(lock.posted, before, after)
        lock.posted_total += before + after


def _linked(k: SlabCharges[Cpu], cpu: Cpu, l3: KmemList3, slab: int) -> None:
    """A slab was linked to a list: its neighbours there are written, and so is the line that waiters may spin on.

    The toll is paid once for moves of one slab in a row, as when a batch returns a slab's objects: they follow each other
    faster than the line comes back.
    """
    note_unlinking(k, cpu, slab)
    if k.layout.list_lock == LISTS_LINE:
        lock = k.lock(l3.list_lock)
        if lock.relinked != slab:
            lock.relinked = slab
            k.spend_on_lines(cpu, written_beside_lock(lock, 1))
    cpu.work += k.costs.list_move


def _touch_slab(k: SlabCharges[Cpu], cpu: Cpu, slab: int) -> None:
    """A slab's descriptor and its free chain are read and written."""
    line = k.state.slabs[slab].line
    for part in range(SLAB_LINES):
        k.fetch(cpu, line + part)


def note_taken(k: SlabCharges[Cpu], cpu: Cpu, cache: KmemCache, l3: KmemList3, slab: int, was: int, nr: int) -> None:
    """The slab's lines, its objects one by one, and its move to another list."""
    _touch_slab(k, cpu, slab)
    cpu.work += nr * k.costs.slab_object
    _linked(k, cpu, l3, slab)


def note_taken_straight(k: SlabCharges[Cpu], cpu: Cpu, cache: KmemCache, l3: KmemList3, slab: int, was: int) -> None:
    """The same for one object."""
    note_taken(k, cpu, cache, l3, slab, was, 1)


def note_taken_from_new(k: SlabCharges[Cpu], cpu: Cpu, cache: KmemCache, slab: int, nr: int) -> None:
    """The objects alone: the slab's lines are the CPU's own."""
    cpu.work += nr * k.costs.slab_object


def note_returned(k: SlabCharges[Cpu], cpu: Cpu, cache: KmemCache, l3: KmemList3, obj: int, was: int, now: int) -> None:
    """As for one object taken, but that a batch's slabs are known beforehand; one that goes was unlinked, charged like a move."""
    slab = virt_to_slab(obj)
    line = k.state.slabs[slab].line
    for part in range(SLAB_LINES):
        k.fetch_one_of(cpu, line + part)
    cpu.work += k.costs.slab_object
    _linked(k, cpu, l3, slab)


def note_given_up(k: SlabCharges[Cpu], cpu: Cpu, cache: KmemCache, l3: KmemList3, slab: int) -> None:
    """The slab leaves the free list."""
    _linked(k, cpu, l3, slab)


def note_unlinked(k: SlabCharges[Cpu], cpu: Cpu, l3: KmemList3, slab: int) -> None:
    """The slab's lines, and its way off the free list; its neighbours were charged for before (note_unlinking)."""
    _touch_slab(k, cpu, slab)
    cpu.work += k.costs.list_move


def note_inserted(k: SlabCharges[Cpu], cpu: Cpu, cache: KmemCache, l3: KmemList3, slab: int) -> None:
    """A new slab's way onto its list."""
    _linked(k, cpu, l3, slab)


def note_descriptor_taken(k: SlabCharges[Cpu], cpu: Cpu) -> None:
    """An inner allocation costs what a hit does; if it is none, its own notes add the rest."""
    cpu.work += k.costs.alloc_hit


def note_descriptor_given(k: SlabCharges[Cpu], cpu: Cpu) -> None:
    """And an inner free."""
    cpu.work += k.costs.free_hit


def note_reap(k: SlabCharges[Cpu], cpu: Cpu) -> None:
    """A cache's turn, before anything is drained."""
    cpu.work += k.costs.reap_base


def note_made_to_drain(k: SlabCharges[Cpu], cpu: Cpu) -> None:
    """The interrupt."""
    cpu.work += k.costs.ipi


def note_spins(k: SlabCharges[Cpu], cpu: Cpu) -> None:
    """It looks again after as long as an interrupt takes."""
    cpu.work += k.costs.ipi


def note_slabinfo(k: SlabCharges[Cpu], cpu: Cpu) -> None:
    """A cache's turn, as in cache_reap; writing its line is left out."""
    cpu.work += k.costs.reap_base


def note_lists_read(k: SlabCharges[Cpu], cpu: Cpu, l3: KmemList3) -> None:
    """The lines of the lists and of free_objects are fetched; nothing is written that waiters spin on."""
    k.fetch(cpu, l3.line + LISTS_LINE)
    k.fetch(cpu, l3.line + k.layout.free_objects)


def note_slab_read(k: SlabCharges[Cpu], cpu: Cpu, slab: int) -> None:
    """A descriptor's line is fetched, one after the other, as each says where the next is.

    Read in passing it is nobody's afterwards, but memory's: a walk leaves more lines behind than a cache keeps until the next.
    """
    record = k.state.slabs[slab]
    k.fetch(cpu, record.line)
    k.place_lines(cpu, record.line, 1, record.nodeid)
    cpu.work += k.costs.slab_object


def note_pages(k: SlabCharges[Cpu], cpu: Cpu, cache: KmemCache, node: int, thisnode: bool, slab: int, got: int) -> None:
    """Nothing but where the slab's lines lie: the page allocator has charged for itself."""
    if got != NO_NODE:
        k.place_lines(cpu, k.state.slabs[slab].line, SLAB_LINES, got)


def note_slab_made(k: SlabCharges[Cpu], cpu: Cpu, cache: KmemCache, slab: int) -> None:
    """A grow beside its pages, and the free chain object by object.

    Writing fresh lines is part of what a slab was measured to cost: grow_base and its pages.
    """
    record = k.state.slabs[slab]
    k.forget_touches(cpu, record.bufctl, cache.num)
    k.own_lines(cpu, record.line, SLAB_LINES)
    cpu.work += k.costs.grow_base + cache.num * k.costs.init_object

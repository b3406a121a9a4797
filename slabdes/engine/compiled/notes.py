"""What the paths' steps cost, in compiled code: TimedKernel's notes, one for one."""

from __future__ import annotations

from slabdes.allocator.state import OBJECT_BITS
from slabdes.allocator.versions import LISTS_LINE
from slabdes.engine.compiled.clock import Record, fetch_line, spend_on_lines, touch_line
from slabdes.engine.compiled.numba_tools import arrays_at, function, inline, ints_at, l3s_at, locks_at, slabs_at


@function
def note_counted(run: Record, cpu: Record, l3: Record) -> None:
    """Under list_lock, the lists are looked at and free_objects is brought up to date."""
    fetch_line(run, cpu, l3.line + LISTS_LINE)
    fetch_line(run, cpu, l3.line + run.line_of_free_objects)
    if run.line_of_free_objects == run.line_of_list_lock:
        spend_on_lines(cpu, locks_at(run.locks)[l3.list_lock].toll)


@inline
def note_coloured(run: Record, cpu: Record, l3: Record) -> None:
    """colour_next is read and advanced."""
    fetch_line(run, cpu, l3.line + run.line_of_colour_next)


@inline
def note_unlocked_look(run: Record, cpu: Record, l3: Record) -> None:
    """A refill is about to read, without the lock, whether the node has anything."""
    fetch_line(run, cpu, l3.line + run.line_of_free_objects)
    if l3.shared >= 0:
        fetch_line(run, cpu, arrays_at(run.arrays)[l3.shared].line)


@inline
def note_array_seen(run: Record, cpu: Record, array: Record) -> None:
    """Under list_lock, it is looked at how full a shared array is."""
    fetch_line(run, cpu, array.line)


@inline
def note_moved(run: Record, cpu: Record, frm: Record, to: Record, nr: int) -> None:
    """`nr` objects went from one array to another."""
    fetch_line(run, cpu, frm.line)
    fetch_line(run, cpu, to.line)
    cpu.work += nr * run.move_object


@function
def note_unlinking(run: Record, cpu: Record, slab: int) -> None:
    """A slab is about to leave its list, or was linked to one: writes to its neighbours are posted, the dearest is paid."""
    slabs = slabs_at(run.slabs)
    record = slabs[slab]
    before = touch_line(run, cpu, slabs[record.prev].line)
    after = touch_line(run, cpu, slabs[record.next].line)
    if not run.posted_neighbour_writes:
        spend_on_lines(cpu, before + after)
        return
    l3 = l3s_at(run.l3s)[record.cache * run.n_nodes + record.nodeid]
    lock = locks_at(run.locks)[l3.list_lock]
    lock.posted = max(lock.posted, before, after)


@function
def note_linked(run: Record, cpu: Record, l3: Record, slab: int) -> None:
    """A slab was linked to a list: its neighbours there are written, and so is the line that waiters may spin on.

    The toll is paid once for moves of one slab in a row: they follow each other faster than the line comes back.
    """
    note_unlinking(run, cpu, slab)
    if run.line_of_list_lock == LISTS_LINE:
        held = locks_at(run.locks)[l3.list_lock]
        if held.relinked != slab:
            held.relinked = slab
            spend_on_lines(cpu, held.toll)
    cpu.work += run.list_move


@inline
def touch_slab(run: Record, cpu: Record, slab: int) -> None:
    """Read and write a slab's descriptor and its free chain (SLAB_LINES)."""
    line = slabs_at(run.slabs)[slab].line
    fetch_line(run, cpu, line)
    fetch_line(run, cpu, line + 1)


@function
def note_taken(run: Record, cpu: Record, l3: Record, slab: int, nr: int) -> None:
    """`nr` objects were taken from a listed slab, which was moved to the list it is on now."""
    touch_slab(run, cpu, slab)
    cpu.work += nr * run.slab_object
    note_linked(run, cpu, l3, slab)


@inline
def note_returned(run: Record, cpu: Record, l3: Record, obj: int) -> None:
    """An object went back to its slab."""
    note_taken(run, cpu, l3, obj >> OBJECT_BITS, 1)


@inline
def note_slab_made(run: Record, cpu: Record, slab: int, num: int) -> None:
    """A new slab's descriptor, free chain and objects were initialised: nobody has touched the objects."""
    touched = ints_at(run.touched)
    first = slabs_at(run.slabs)[slab].bufctl
    for link in range(first, first + num):
        touched[link] = -1
    # Writing fresh lines is part of what a slab was measured to cost: grow_base and its pages.
    owner = ints_at(run.owner)
    line = slabs_at(run.slabs)[slab].line
    owner[line] = cpu.number
    owner[line + 1] = cpu.number
    cpu.work += run.grow_base + num * run.init_object

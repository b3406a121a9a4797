"""What the paths' steps cost, in compiled code: TimedKernel's notes, one for one."""

from __future__ import annotations

from slabdes.allocator.state import NO_LINE, NO_NODE, NOBODY, OBJECT_BITS, SLAB_LINES, entry_line
from slabdes.allocator.versions import LISTS_LINE
from slabdes.engine.compiled.clock import Record, fetch_line, fetch_together, spend_on_lines, touch_line
from slabdes.engine.compiled.numba_tools import arrays_at, caches_at, function, inline, ints_at, l3s_at, locks_at, slabs_at
from slabdes.engine.compiled.script_layout import Event
from slabdes.engine.compiled.variants import write

(_MOVED, _ALIEN_DRAINED, _TAKEN, _TAKEN_STRAIGHT, _TAKEN_FROM_NEW, _NO_MORE_SLABS, _DIRECT_GROW, _FREE_BLOCK, _RETURNED,
 _GIVEN_UP, _DRAINED, _DO_DRAIN, _SLAB_MADE, _FALLBACK, _PAGES) = (
    int(Event.MOVED), int(Event.ALIEN_DRAINED), int(Event.TAKEN), int(Event.TAKEN_STRAIGHT), int(Event.TAKEN_FROM_NEW),
    int(Event.NO_MORE_SLABS), int(Event.DIRECT_GROW), int(Event.FREE_BLOCK), int(Event.RETURNED), int(Event.GIVEN_UP),
    int(Event.DRAINED), int(Event.DO_DRAIN), int(Event.SLAB_MADE), int(Event.FALLBACK), int(Event.PAGES),
)  # fmt: skip


@inline
def note_miss(run: Record, cpu: Record) -> None:
    """The CPU's array cannot serve the operation: its slow path begins."""
    cpu.work += run.slow_path


@inline
def note_descriptor_taken(run: Record, cpu: Record) -> None:
    """An off-slab descriptor is about to be allocated."""
    cpu.work += run.alloc_hit


@inline
def note_descriptor_given(run: Record, cpu: Record) -> None:
    """An off-slab descriptor is about to be freed."""
    cpu.work += run.free_hit


@inline
def note_reap(run: Record, cpu: Record) -> None:
    """cache_reap turns to a cache."""
    cpu.work += run.reap_base


@function
def note_counted(run: Record, cpu: Record, l3: int) -> None:
    """Under list_lock, the lists are looked at and free_objects is brought up to date."""
    record = l3s_at(run.l3s)[l3]
    fetch_line(run, cpu, record.line + LISTS_LINE)
    fetch_line(run, cpu, record.line + run.line_of_free_objects)
    if run.line_of_free_objects == run.line_of_list_lock:
        spend_on_lines(cpu, locks_at(run.locks)[record.list_lock].toll)


@inline
def note_coloured(run: Record, cpu: Record, l3: int) -> None:
    """colour_next is read and advanced."""
    fetch_line(run, cpu, l3s_at(run.l3s)[l3].line + run.line_of_colour_next)


@inline
def note_free_objects_read(run: Record, cpu: Record, l3: int) -> None:
    """fallback_alloc reads, without the lock, whether a node's lists hold anything."""
    fetch_line(run, cpu, l3s_at(run.l3s)[l3].line + run.line_of_free_objects)


@inline
def note_unlocked_look(run: Record, cpu: Record, l3: int) -> None:
    """A refill is about to read, without the lock, whether the node has anything."""
    note_free_objects_read(run, cpu, l3)
    if l3s_at(run.l3s)[l3].shared >= 0:
        note_array_seen(run, cpu, l3s_at(run.l3s)[l3].shared)


@inline
def note_array_seen(run: Record, cpu: Record, array: int) -> None:
    """Under list_lock, it is looked at how full a shared array is."""
    fetch_line(run, cpu, arrays_at(run.arrays)[array].line)


@inline
def note_moved(run: Record, cpu: Record, cache: int, frm: int, to: int, nr: int) -> None:
    """`nr` objects went from one array to another."""
    arrays = arrays_at(run.arrays)
    write(run, cpu, _MOVED, arrays[frm].entry, arrays[to].entry, nr, 0, 0, 0)
    _charge_moved(run, cpu, frm, to, nr)


@inline
def note_alien_drained(run: Record, cpu: Record, cache: int, alien: int, shared: int, nr: int) -> None:
    """`nr` objects, possibly none, went from an alien cache to the shared array of their home."""
    arrays = arrays_at(run.arrays)
    write(run, cpu, _ALIEN_DRAINED, arrays[alien].entry, arrays[shared].entry, nr, 0, 0, 0)
    if nr:
        _charge_moved(run, cpu, alien, shared, nr)


@function
def _charge_moved(run: Record, cpu: Record, frm: int, to: int, nr: int) -> None:
    arrays = arrays_at(run.arrays)
    fetch_line(run, cpu, arrays[frm].line)
    note_entries(run, cpu, frm, arrays[frm].avail, nr)
    fetch_line(run, cpu, arrays[to].line)
    note_entries(run, cpu, to, arrays[to].avail - nr, nr)
    cpu.work += nr * run.move_object


@inline
def note_entries(run: Record, cpu: Record, array: int, first: int, nr: int) -> None:
    """`nr` pointers of an array, from the one at `first` on, are read or written."""
    line = arrays_at(run.arrays)[array].line
    if line != NO_LINE and nr and run.array_lines:
        fetch_together(run, cpu, line + entry_line(first), line + entry_line(first + nr - 1))


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
    if not before and not after:
        return
    l3 = l3s_at(run.l3s)[record.cache * run.n_nodes + record.nodeid]
    lock = locks_at(run.locks)[l3.list_lock]
    lock.posted = max(lock.posted, before, after)


@function
def note_linked(run: Record, cpu: Record, l3: int, slab: int) -> None:
    """A slab was linked to a list: its neighbours there are written, and so is the line that waiters may spin on.

    The toll is paid once for moves of one slab in a row: they follow each other faster than the line comes back.
    """
    note_unlinking(run, cpu, slab)
    if run.line_of_list_lock == LISTS_LINE:
        held = locks_at(run.locks)[l3s_at(run.l3s)[l3].list_lock]
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


@inline
def note_taken(run: Record, cpu: Record, cache: int, l3: int, slab: int, was: int, nr: int) -> None:
    """`nr` objects were taken from a slab of list `was`, which was moved to the list it is on now."""
    write(run, cpu, _TAKEN, slab, was, slabs_at(run.slabs)[slab].which, nr, 0, 0)
    _charge_taken(run, cpu, l3, slab, nr)


@inline
def note_taken_straight(run: Record, cpu: Record, cache: int, l3: int, slab: int, was: int) -> None:
    """The same for one object that passes no array, as cache_alloc_node takes it."""
    write(run, cpu, _TAKEN_STRAIGHT, slab, was, slabs_at(run.slabs)[slab].which, 0, 0, 0)
    _charge_taken(run, cpu, l3, slab, 1)


@inline
def note_taken_from_new(run: Record, cpu: Record, cache: int, slab: int, nr: int) -> None:
    """`nr` objects were taken from a slab that is on no list yet."""
    write(run, cpu, _TAKEN_FROM_NEW, slab, nr, 0, 0, 0, 0)
    cpu.work += nr * run.slab_object


@inline
def note_no_more_slabs(run: Record, cpu: Record, cache: int) -> None:
    """A refill found the partial and free lists empty."""
    ac = arrays_at(run.arrays)[caches_at(run.caches)[cache].array + cpu.number]
    write(run, cpu, _NO_MORE_SLABS, cache, ac.avail, 0, 0, 0, 0)


@inline
def note_direct_grow(run: Record, cpu: Record, cache: int) -> None:
    """A refill grows without having taken list_lock."""
    write(run, cpu, _DIRECT_GROW, cache, 0, 0, 0, 0, 0)


@inline
def note_free_block(run: Record, cpu: Record, cache: int, l3: int, nr: int) -> None:
    """free_block begins with `nr` objects."""
    write(run, cpu, _FREE_BLOCK, cache, l3s_at(run.l3s)[l3].node, nr, 0, 0, 0)


@inline
def note_returned(run: Record, cpu: Record, cache: int, l3: int, obj: int, was: int, now: int) -> None:
    """An object went back to its slab, which was on list `was` and is now on `now` or SLAB_DESTROYED."""
    write(run, cpu, _RETURNED, obj, was, now, 0, 0, 0)
    _charge_taken(run, cpu, l3, obj >> OBJECT_BITS, 1)


@inline
def note_given_up(run: Record, cpu: Record, cache: int, l3: int, slab: int) -> None:
    """After a batch, free_block unlinked a slab that is beyond free_limit."""
    write(run, cpu, _GIVEN_UP, slab, 0, 0, 0, 0, 0)
    note_linked(run, cpu, l3, slab)


@inline
def note_drained(run: Record, cpu: Record, cache: int, slab: int) -> None:
    """drain_freelist destroys an empty slab."""
    write(run, cpu, _DRAINED, slab, 0, 0, 0, 0, 0)


@inline
def note_do_drain(run: Record, cpu: Record) -> None:
    """Shrink empties this CPU's array."""
    write(run, cpu, _DO_DRAIN, 0, 0, 0, 0, 0, 0)


@inline
def note_fallback(run: Record, cpu: Record, cache: int, node: int) -> None:
    """fallback_alloc starts to walk the zonelist of `node`."""
    write(run, cpu, _FALLBACK, cache, node, 0, 0, 0, 0)


@inline
def _charge_taken(run: Record, cpu: Record, l3: int, slab: int, nr: int) -> None:
    touch_slab(run, cpu, slab)
    cpu.work += nr * run.slab_object
    note_linked(run, cpu, l3, slab)


@inline
def note_slab_made(run: Record, cpu: Record, cache: int, slab: int) -> None:
    """A new slab's descriptor, free chain and objects were initialised: nobody has touched the objects."""
    num = caches_at(run.caches)[cache].num
    touched = ints_at(run.touched)
    first = slabs_at(run.slabs)[slab].bufctl
    for link in range(first, first + num):
        touched[link] = -1
    record = slabs_at(run.slabs)[slab]
    write(run, cpu, _SLAB_MADE, slab, record.nodeid, record.colouroff, 0, 0, 0)
    # Writing fresh lines is part of what a slab was measured to cost: grow_base and its pages.
    owner = ints_at(run.owner)
    owner[record.line] = cpu.number
    owner[record.line + 1] = cpu.number
    cpu.work += run.grow_base + num * run.init_object


@inline
def note_inserted(run: Record, cpu: Record, cache: int, l3: int, slab: int) -> None:
    """A new slab was linked to a list."""
    note_linked(run, cpu, l3, slab)


@inline
def note_unlinked(run: Record, cpu: Record, l3: int, slab: int) -> None:
    """drain_freelist took a slab off the free list; list_lock is still held."""
    touch_slab(run, cpu, slab)
    cpu.work += run.list_move


@inline
def note_pages(run: Record, cpu: Record, cache: int, node: int, thisnode: bool, slab: int, got: int) -> None:
    """The page allocator answered: a slab's number and the node its pages lie on, or NO_SLAB and NO_NODE."""
    serial = NOBODY
    if got != NO_NODE:
        record = slabs_at(run.slabs)[slab]
        serial = record.serial
        owner, homes = ints_at(run.owner), ints_at(run.home)
        for line in range(record.line, record.line + SLAB_LINES):
            owner[line] = NOBODY
            homes[line] = got
    write(run, cpu, _PAGES, cache, node, thisnode, slab, got, serial)

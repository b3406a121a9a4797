# SPDX-License-Identifier: GPL-2.0-only
"""What a script's paths say has happened, written down as events; runs with a clock are compiled without all this.

`write_note_x` comes before what a note costs, which is lowered from the price list. Leaves out who reads events.
"""

from __future__ import annotations

from slabdes.allocator.state import NOBODY
from slabdes.allocator.transitions import NO_SLAB
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.numba_tools import inline, slabs_at
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.script_layout import Event
from slabdes.engine.compiled.slab.records import arrays_at, caches_at, l3s_at
from slabdes.engine.compiled.variants import write

(_MOVED, _ALIEN_DRAINED, _TAKEN, _TAKEN_STRAIGHT, _TAKEN_FROM_NEW, _NO_MORE_SLABS, _DIRECT_GROW, _FREE_BLOCK, _RETURNED,
 _GIVEN_UP, _DRAINED, _DO_DRAIN, _SLAB_MADE, _FALLBACK, _PAGES) = (
    int(Event.MOVED), int(Event.ALIEN_DRAINED), int(Event.TAKEN), int(Event.TAKEN_STRAIGHT), int(Event.TAKEN_FROM_NEW),
    int(Event.NO_MORE_SLABS), int(Event.DIRECT_GROW), int(Event.FREE_BLOCK), int(Event.RETURNED), int(Event.GIVEN_UP),
    int(Event.DRAINED), int(Event.DO_DRAIN), int(Event.SLAB_MADE), int(Event.FALLBACK), int(Event.PAGES),
)  # fmt: skip


@inline
def write_note_moved(run: Run, cpu: Cpu, cache: int, frm: int, to: int, nr: int) -> None:
    """`nr` objects went from one array to another."""
    arrays = arrays_at(run.arrays)
    write(run, cpu, _MOVED, arrays[frm].entry, arrays[to].entry, nr, 0, 0, 0)


@inline
def write_note_alien_drained(run: Run, cpu: Cpu, cache: int, alien: int, shared: int, nr: int) -> None:
    """`nr` objects, possibly none, went from an alien cache to the shared array of their home."""
    arrays = arrays_at(run.arrays)
    write(run, cpu, _ALIEN_DRAINED, arrays[alien].entry, arrays[shared].entry, nr, 0, 0, 0)


@inline
def write_note_taken(run: Run, cpu: Cpu, cache: int, l3: int, slab: int, was: int, nr: int) -> None:
    """`nr` objects were taken from a slab of list `was`."""
    write(run, cpu, _TAKEN, slab, was, slabs_at(run.slabs)[slab].which, nr, 0, 0)


@inline
def write_note_taken_straight(run: Run, cpu: Cpu, cache: int, l3: int, slab: int, was: int) -> None:
    """The same for one object that passes no array."""
    write(run, cpu, _TAKEN_STRAIGHT, slab, was, slabs_at(run.slabs)[slab].which, 0, 0, 0)


@inline
def write_note_taken_from_new(run: Run, cpu: Cpu, cache: int, slab: int, nr: int) -> None:
    """`nr` objects were taken from a slab that is on no list yet."""
    write(run, cpu, _TAKEN_FROM_NEW, slab, nr, 0, 0, 0, 0)


@inline
def note_no_more_slabs(run: Run, cpu: Cpu, cache: int) -> None:
    """A refill found the partial and free lists empty."""
    ac = arrays_at(run.arrays)[caches_at(run.caches)[cache].array + cpu.number]
    write(run, cpu, _NO_MORE_SLABS, cache, ac.avail, 0, 0, 0, 0)


@inline
def note_direct_grow(run: Run, cpu: Cpu, cache: int) -> None:
    """A refill grows without having taken list_lock."""
    write(run, cpu, _DIRECT_GROW, cache, 0, 0, 0, 0, 0)


@inline
def note_free_block(run: Run, cpu: Cpu, cache: int, l3: int, nr: int) -> None:
    """free_block begins with `nr` objects."""
    write(run, cpu, _FREE_BLOCK, cache, l3s_at(run.l3s)[l3].node, nr, 0, 0, 0)


@inline
def write_note_returned(run: Run, cpu: Cpu, cache: int, l3: int, obj: int, was: int, now: int) -> None:
    """An object went back to its slab."""
    write(run, cpu, _RETURNED, obj, was, now, 0, 0, 0)


@inline
def write_note_given_up(run: Run, cpu: Cpu, cache: int, l3: int, slab: int) -> None:
    """After a batch, free_block unlinked a slab that is beyond free_limit."""
    write(run, cpu, _GIVEN_UP, slab, 0, 0, 0, 0, 0)


@inline
def note_drained(run: Run, cpu: Cpu, cache: int, slab: int) -> None:
    """drain_freelist destroys an empty slab."""
    write(run, cpu, _DRAINED, slab, 0, 0, 0, 0, 0)


@inline
def note_do_drain(run: Run, cpu: Cpu) -> None:
    """Shrink empties this CPU's array."""
    write(run, cpu, _DO_DRAIN, 0, 0, 0, 0, 0, 0)


@inline
def note_fallback(run: Run, cpu: Cpu, cache: int, node: int) -> None:
    """fallback_alloc starts to walk the zonelist of `node`."""
    write(run, cpu, _FALLBACK, cache, node, 0, 0, 0, 0)


@inline
def write_note_slab_made(run: Run, cpu: Cpu, cache: int, slab: int) -> None:
    """A new slab's descriptor, free chain and objects were initialised."""
    record = slabs_at(run.slabs)[slab]
    write(run, cpu, _SLAB_MADE, slab, record.nodeid, record.colouroff, 0, 0, 0)


@inline
def write_note_pages(run: Run, cpu: Cpu, cache: int, node: int, thisnode: bool, slab: int, got: int) -> None:
    """The page allocator answered."""
    serial = NOBODY if slab == NO_SLAB else slabs_at(run.slabs)[slab].serial
    write(run, cpu, _PAGES, cache, node, thisnode, slab, got, serial)

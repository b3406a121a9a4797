"""The compiled engine's main loop: the CPU whose event comes first goes on until it waits for the next one.

Returns to Python only when the run has ended or Python has to bring something. Leaves out everything that a CPU does.
"""

from __future__ import annotations

from typing import Any

from slabdes.engine.compiled import alloc_paths, codes, free_paths, interrupts, page_paths, program, upkeep_paths
from slabdes.engine.compiled.clock import NEVER, UNKNOWN, Record
from slabdes.engine.compiled.codes import STAGE
from slabdes.engine.compiled.layout import Status
from slabdes.engine.compiled.locks import GO, WAIT, resume
from slabdes.engine.compiled.logged import log_is_full
from slabdes.engine.compiled.numba_tools import cpus_at, frames_at, function, inline, ints_at
from slabdes.engine.compiled.slots import rehash

_OVERFLOW, _PAUSE, _SLABS, _STALLED = int(Status.OVERFLOW), int(Status.PAUSE), int(Status.SLABS), int(Status.STALLED)
_LOG = int(Status.LOG)
_PATH = ~STAGE
(PROGRAM, ALLOC, REFILL, NODE_ALLOC, FALLBACK, GROW_BEGIN, GROW_END, PAGES, FREE_PAGES, FREE, DRAIN_ALIEN, FLUSH, FREE_BLOCK,
 DESTROY, REAP, DRAIN_LOCKED, DRAIN_FREELIST, INTERRUPT) = (
    codes.PROGRAM, codes.ALLOC, codes.REFILL, codes.NODE_ALLOC, codes.FALLBACK, codes.GROW_BEGIN, codes.GROW_END, codes.PAGES,
    codes.FREE_PAGES, codes.FREE, codes.DRAIN_ALIEN, codes.FLUSH, codes.FREE_BLOCK, codes.DESTROY, codes.REAP,
    codes.DRAIN_LOCKED, codes.DRAIN_FREELIST, codes.INTERRUPT,
)  # fmt: skip
live = program.live
handle_interrupts = interrupts.handle_interrupts
kmem_cache_alloc, cache_alloc_refill = alloc_paths.kmem_cache_alloc, alloc_paths.cache_alloc_refill
cache_alloc_node, fallback_alloc = alloc_paths.cache_alloc_node, alloc_paths.fallback_alloc
cache_grow_begin, cache_grow_end = alloc_paths.cache_grow_begin, alloc_paths.cache_grow_end
slab_pages, kmem_freepages = page_paths.slab_pages, page_paths.kmem_freepages
kmem_cache_free, drain_alien_cache = free_paths.kmem_cache_free, free_paths.drain_alien_cache
cache_flusharray, free_block, slabs_destroy = free_paths.cache_flusharray, free_paths.free_block, free_paths.slabs_destroy
cache_reap, drain_array_locked, drain_freelist = (
    upkeep_paths.cache_reap, upkeep_paths.drain_array_locked, upkeep_paths.drain_freelist,
)  # fmt: skip


@function
def _room_for_a_slab(run: Record) -> bool:
    return run.n_slabs < run.slab_room and run.n_words + run.most_objects <= run.word_room and run.n_lines + 2 <= run.line_room


@inline
def follow(run: Record, cpu: Record, frame: Record, path: int) -> int:
    """Do what comes next on one of the allocator's paths."""
    if path == ALLOC:
        status = kmem_cache_alloc(run, cpu, frame)
    elif path == REFILL:
        status = cache_alloc_refill(run, cpu, frame)
    elif path == FREE:
        status = kmem_cache_free(run, cpu, frame)
    elif path == FLUSH:
        status = cache_flusharray(run, cpu, frame)
    elif path == FREE_BLOCK:
        status = free_block(run, cpu, frame)
    elif path == PAGES:
        if not _room_for_a_slab(run):
            return _SLABS
        status = slab_pages(run, cpu, frame)
    elif path == GROW_BEGIN:
        status = cache_grow_begin(run, cpu, frame)
    elif path == GROW_END:
        status = cache_grow_end(run, cpu, frame)
    elif path == DESTROY:
        status = slabs_destroy(run, cpu, frame)
    elif path == FREE_PAGES:
        status = kmem_freepages(run, cpu, frame)
    elif path == NODE_ALLOC:
        status = cache_alloc_node(run, cpu, frame)
    elif path == FALLBACK:
        status = fallback_alloc(run, cpu, frame)
    elif path == DRAIN_ALIEN:
        status = drain_alien_cache(run, cpu, frame)
    elif path == REAP:
        status = cache_reap(run, cpu, frame)
    elif path == DRAIN_LOCKED:
        status = drain_array_locked(run, cpu, frame)
    else:
        status = drain_freelist(run, cpu, frame)
    return status


@function
def _go_on(run: Record, cpu: Record) -> int:
    """Follow the CPU's paths until it waits or Python is needed."""
    status = GO
    while status == GO:
        if log_is_full(run):
            return _LOG
        frame = frames_at(run.frames)[cpu.frame0 + cpu.sp]
        path = frame.pc & _PATH
        if path == PROGRAM:
            status = live(run, cpu, frame)
        elif path == INTERRUPT:
            status = handle_interrupts(run, cpu, frame)
        else:
            status = follow(run, cpu, frame, path)
    return status


def simulate(runs: Any) -> int:
    """Go on with the run that `runs` holds as its only entry; why it came back, as a Status."""
    return _simulate(runs[0])


def simulate_logged(runs: Any) -> int:
    """The same of a run with an event log."""
    return _simulate(runs[0])


@function
def _simulate(run: Record) -> int:
    cpus = cpus_at(run.cpus)
    if run.current >= 0:
        # Python has brought what this CPU needed.
        status = _go_on(run, cpus[run.current])
        if status != WAIT:
            return status
        run.current = -1
    while True:
        if run.overflow:
            return _OVERFLOW
        if run.starting < run.n_cpus:
            # All CPUs begin, in order, before any event of theirs happens.
            number = run.starting
            run.starting += 1
            run.horizon = 0
        else:
            key = ints_at(run.tree)[1]
            if key == NEVER:
                return _STALLED
            if not run.events_left:
                return _PAUSE
            run.events_left -= 1
            number = key & ((1 << run.bits) - 1)
            run.now = key >> run.bits
            run.horizon = UNKNOWN
        status = resume(run, cpus[number])
        if status == GO:
            status = _go_on(run, cpus[number])
        if status != WAIT:
            run.current = number
            return status


def rehash_slots(runs: Any, old: int, places: int) -> None:
    """Move all slots from a table of `places` places at address `old` to the run's present one."""
    rehash(runs[0], old, places)

"""The compiled engine's main loop: the CPU whose event comes first goes on until it waits for the next one.

Returns to Python only when the run has ended or Python has to bring something. Leaves out everything that a CPU does.
"""

from __future__ import annotations

from typing import Any

from slabdes.engine.compiled import codes, handler, page_paths, program
from slabdes.engine.compiled.clock import CALLED, GO, NEVER, UNKNOWN, WAIT, Record
from slabdes.engine.compiled.codes import STAGE
from slabdes.engine.compiled.layout import Status
from slabdes.engine.compiled.locks import resume
from slabdes.engine.compiled.logged import log_is_full
from slabdes.engine.compiled.numba_tools import cpus_at, frames_at, function, inline, ints_at
from slabdes.engine.compiled.slab_paths import paths
from slabdes.engine.compiled.slots import rehash

_OVERFLOW, _PAUSE, _SLABS, _STALLED = int(Status.OVERFLOW), int(Status.PAUSE), int(Status.SLABS), int(Status.STALLED)
_LOG = int(Status.LOG)
_PATH = ~STAGE
PROGRAM, INTERRUPT, REAP, PAGES, FREE_PAGES = codes.PROGRAM, codes.INTERRUPT, codes.REAP, codes.PAGES, codes.FREE_PAGES
live, reap_turn, handle_interrupts = program.live, program.reap_turn, handler.handle_interrupts
get_pages, give_pages = page_paths.get_pages, page_paths.give_pages
follow = paths.follow


@function
def _room_for_a_slab(run: Record) -> bool:
    return run.n_slabs < run.slab_room and run.n_words + run.most_objects <= run.word_room and run.n_lines + 2 <= run.line_room


@inline
def move_pages(run: Record, cpu: Record, frame: Record, path: int) -> int:
    """Do what comes next on a path of the page allocator's."""
    if path == FREE_PAGES:
        return give_pages(run, cpu, frame)
    if not _room_for_a_slab(run):
        return _SLABS
    return get_pages(run, cpu, frame)


@function
def _go_on(run: Record, cpu: Record) -> int:
    """Follow the CPU's paths until it waits or Python is needed."""
    status = GO
    while status in (GO, CALLED):
        if log_is_full(run):
            return _LOG
        frame = frames_at(run.frames)[cpu.frame0 + cpu.sp]
        path = frame.pc & _PATH
        if path == PROGRAM:
            status = live(run, cpu, frame)
        elif path > FREE_PAGES:
            status = follow(run, cpu, frame)
        elif path == INTERRUPT:
            status = handle_interrupts(run, cpu, frame)
        elif path == REAP:
            status = reap_turn(run, cpu, frame)
        else:
            status = move_pages(run, cpu, frame, path)
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

# SPDX-License-Identifier: GPL-2.0-only
"""The compiled engine's main loop: the CPU whose event comes first goes on until it waits for the next one.

Returns to Python only when the run has ended or Python has to bring something. Leaves out everything that a CPU does.
"""

from __future__ import annotations

from collections.abc import Sequence

from slabdes.allocator.state import SLAB_LINES
from slabdes.engine.compiled import codes, program
from slabdes.engine.compiled.clock import CALLED, GO, UNKNOWN, WAIT
from slabdes.engine.compiled.codes import STAGE
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.layout import Status
from slabdes.engine.compiled.locks import resume
from slabdes.engine.compiled.logged import log_is_full
from slabdes.engine.compiled.numba_tools import cpus_at, frames_at, function, inline, ints_at
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.slab_paths import Follow, paths
from slabdes.engine.compiled.slots import rehash
from slabdes.engine.cpu import NEVER

_OVERFLOW, _PAUSE, _SLABS, _STALLED = int(Status.OVERFLOW), int(Status.PAUSE), int(Status.SLABS), int(Status.STALLED)
_LOG, _MARK = int(Status.LOG), int(Status.MARK)
_PATH = ~STAGE
PROGRAM, REAP = codes.PROGRAM, codes.REAP
live, turn = program.live, program.turn
follow: Follow = paths.follow
MOST_SLABS = 2
"""More than a path makes between two looks here: its own, and one for a descriptor."""


@inline
def room_for_slabs(run: Run) -> bool:
    """Whether a path can go on without Python's making room for what it may grow."""
    return (
        run.n_slabs + MOST_SLABS <= run.slab_room
        and run.n_words + MOST_SLABS * run.most_objects <= run.word_room
        and run.n_lines + MOST_SLABS * SLAB_LINES <= run.line_room
    )


@function
def _go_on(run: Run, cpu: Cpu) -> int:
    """Follow the CPU's paths until it waits or Python is needed."""
    status = GO
    while status in (GO, CALLED):
        if log_is_full(run):
            return _LOG
        if not run.stages_left:
            return _PAUSE
        run.stages_left -= 1
        frame = frames_at(run.frames)[cpu.frame0 + cpu.sp]
        path = frame.pc & _PATH
        if path == PROGRAM:
            status = live(run, cpu, frame)
        elif path == REAP:
            status = turn(run, cpu, frame)
        elif room_for_slabs(run):
            status = follow(run, cpu, frame)
        else:
            return _SLABS
    return status


def simulate(runs: Sequence[Run]) -> int:
    """Go on with the run that `runs` holds as its only entry; why it came back, as a Status."""
    return _simulate(runs[0])


def simulate_logged(runs: Sequence[Run]) -> int:
    """The same of a run with an event log."""
    return _simulate(runs[0])


@function
def _simulate(run: Run) -> int:
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
            if key >= run.mark_key:
                run.current = -1
                return _MARK
            number = key & ((1 << run.bits) - 1)
            run.now = key >> run.bits
            run.horizon = UNKNOWN
        status = resume(run, cpus[number])
        if status == GO:
            status = _go_on(run, cpus[number])
        if status != WAIT:
            run.current = number
            return status


def rehash_slots(runs: Sequence[Run], old: int, places: int) -> None:
    """Move all slots from a table of `places` places at address `old` to the run's present one."""
    rehash(runs[0], old, places)

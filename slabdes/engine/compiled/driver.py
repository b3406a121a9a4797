# SPDX-License-Identifier: GPL-2.0-only
"""The compiled engine's main loop: the CPU whose event comes first goes on until it waits for the next one.

Returns to Python only when the run has ended or Python has to bring something. Leaves out everything that a CPU does.
"""

from __future__ import annotations

from collections.abc import Sequence

from slabdes.engine.compiled import codes, program
from slabdes.engine.compiled.clock import CALLED, GO, UNKNOWN, WAIT
from slabdes.engine.compiled.codes import STAGE
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.families import follow, frame_at, room_for_new
from slabdes.engine.compiled.layout import Status
from slabdes.engine.compiled.locks import resume
from slabdes.engine.compiled.logged import log_is_full
from slabdes.engine.compiled.numba_tools import cpus_at, function, ints_at
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.slots import rehash
from slabdes.engine.compiled.slub.layout import SlubRun
from slabdes.engine.compiled.turns import turn
from slabdes.engine.cpu import NEVER

_OVERFLOW, _PAUSE, _SLABS, _STALLED = int(Status.OVERFLOW), int(Status.PAUSE), int(Status.SLABS), int(Status.STALLED)
_LOG, _MARK = int(Status.LOG), int(Status.MARK)
_PATH = ~STAGE
PROGRAM, REAP = codes.PROGRAM, codes.REAP
live = program.live


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
        frame = frame_at(run, cpu.frame0 + cpu.sp)
        path = frame.pc & _PATH
        if path == PROGRAM:
            status = live(run, cpu, frame)
        elif path == REAP:
            status = turn(run, cpu, frame)
        elif room_for_new(run):
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


def simulate_slub(runs: Sequence[SlubRun]) -> int:
    """Go on with a run on SLUB."""
    return _simulate(runs[0])


def simulate_slub_logged(runs: Sequence[SlubRun]) -> int:
    """The same of one with an event log."""
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

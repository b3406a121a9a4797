# SPDX-License-Identifier: GPL-2.0-only
"""The compiled loop of an op script: an operation goes on, on its CPU, until it has ended, in the same phases as timed runs.

Nothing costs time, so no lock is ever held by another and nothing waits. Leaves out what operations there are (`serial`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from slabdes.allocator.state import NOBODY
from slabdes.engine.compiled import codes
from slabdes.engine.compiled.clock import CALLED, GO
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.each_cpu import interrupt_next
from slabdes.engine.compiled.families import Follow, follow, frame_at, room_for_new
from slabdes.engine.compiled.layout import Frame, Status
from slabdes.engine.compiled.numba_tools import cpus_at, function
from slabdes.engine.compiled.script_layout import ScriptRun
from slabdes.engine.compiled.slab.paths import paths

_FINISHED, _EVENTS = int(Status.FINISHED), int(Status.EVENTS)
_PATH = ~codes.STAGE
_EACH_CPU = codes.EACH_CPU
_SLABS = int(Status.SLABS)
EVENTS_OF_A_STEP = 32
"""More than a step writes down beside an event for each object of an array and each slab that it gives up."""
REST: tuple[int, ...] = paths.REST
follow_rest: Follow = paths.follow_rest
begin_do_drain: Callable[..., Frame] = paths.begin_do_drain


@function
def _step(run: ScriptRun, cpu: Cpu) -> int:
    """Do what comes next on the path that is on top of a CPU's stack."""
    frame = frame_at(run, cpu.frame0 + cpu.sp)
    path = frame.pc & _PATH
    if path == _EACH_CPU:
        status = interrupt_next(run, cpu, frame, begin_do_drain)
    elif not room_for_new(run):
        status = _SLABS
    elif path in REST:
        status = follow_rest(run, cpu, frame)
    else:
        status = follow(run, cpu, frame)
    return status


def operate(runs: Sequence[ScriptRun]) -> int:
    """Go on with the operation of the script's run that `runs` holds as its only entry; why it came back, as a Status.

    An operation has ended when the stack of the CPU that began it is empty; so has an interrupt, and its CPU's caller goes on.
    """
    run = runs[0]
    cpus = cpus_at(run.cpus)
    status = GO
    while status in (GO, CALLED):
        cpu = cpus[run.turn]
        if cpu.sp < 0:
            if run.caller == NOBODY:
                return _FINISHED
            run.turn = run.caller
            run.caller = NOBODY
        elif run.n_events + run.most_moved + run.n_slabs + EVENTS_OF_A_STEP > run.event_room:
            return _EVENTS
        else:
            status = _step(run, cpu)
    return status

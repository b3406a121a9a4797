# SPDX-License-Identifier: GPL-2.0-only
"""The compiled loop of a SLUB log: an operation goes on, on its CPU, until it has ended, in the same phases as timed runs.

Nothing costs time, so no lock is ever held by another and nothing waits. Leaves out what operations there are (`slub.serial`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from slabdes.allocator.state import NOBODY
from slabdes.engine.compiled import codes
from slabdes.engine.compiled.clock import CALLED, GO, end_of_path
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.each_cpu import interrupt_next
from slabdes.engine.compiled.families import Follow, frame_at, room_for_new
from slabdes.engine.compiled.layout import Frame, Status
from slabdes.engine.compiled.numba_tools import cpus_at, function, ints_at
from slabdes.engine.compiled.slub.paths import paths
from slabdes.engine.compiled.slub.script_layout import ScriptSlubRun
from slabdes.engine.compiled.variants import after_look

_FINISHED, _EVENTS, _SLABS = int(Status.FINISHED), int(Status.EVENTS), int(Status.SLABS)
_PATH = ~codes.STAGE
_EACH_CPU, _EACH_RCU, _POP = codes.EACH_CPU, codes.EACH_RCU, codes.POP
REST: tuple[int, ...] = paths.REST
follow: Follow = paths.follow
follow_rest: Follow = paths.follow_rest
begin_flush_cpu: Callable[..., Frame] = paths.begin_flush_cpu
flush_rcu_sheaf: Callable[[ScriptSlubRun, Cpu, int], None] = paths.flush_rcu_sheaf
kmem_cache_alloc_from_sheaf: Callable[[ScriptSlubRun, Cpu, int], int] = paths.kmem_cache_alloc_from_sheaf


@function
def _flush_each_rcu(run: ScriptSlubRun, cpu: Cpu, cache: int) -> int:
    """Every CPU hands its RCU sheaf over."""
    for place in range(run.n_cpus):
        flush_rcu_sheaf(run, cpus_at(run.cpus)[ints_at(run.interrupts)[place]], cache)
    end_of_path(cpu, 0)
    return GO


@function
def _step(run: ScriptSlubRun, cpu: Cpu) -> int:
    """Do what comes next on the path that is on top of a CPU's stack."""
    frame = frame_at(run, cpu.frame0 + cpu.sp)
    path = frame.pc & _PATH
    if path == _EACH_CPU:
        return interrupt_next(run, cpu, frame, begin_flush_cpu)
    if path == _EACH_RCU:
        return _flush_each_rcu(run, cpu, frame.cache)
    if path == _POP:
        end_of_path(cpu, kmem_cache_alloc_from_sheaf(run, cpu, frame.i))
        return GO
    if not room_for_new(run):
        return _SLABS
    return follow_rest(run, cpu, frame) if path in REST else follow(run, cpu, frame)


def operate_slub(runs: Sequence[ScriptSlubRun]) -> int:
    """Go on with the operation of the log's run that `runs` holds as its only entry; why it came back, as a Status.

    An operation has ended when the stack of the CPU that began it is as it was before; so has an interrupt, whose CPU's caller
    goes on.
    """
    run = runs[0]
    cpus = cpus_at(run.cpus)
    status = GO
    while status in (GO, CALLED):
        cpu = cpus[run.turn]
        if cpu.sp < run.floor:
            if run.caller == NOBODY:
                return _FINISHED
            run.turn = run.caller
            run.caller = NOBODY
        elif after_look(run) == _EVENTS:
            return _EVENTS
        else:
            status = _step(run, cpu)
    return status

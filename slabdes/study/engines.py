# SPDX-License-Identifier: GPL-2.0-only
"""The engines that there are, which one runs a study, and having it compiled before processes are started.

Each is imported when it runs. Leaves out what is run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Protocol

from slabdes.config import EngineName, Experiment
from slabdes.engine.event_log import EventLog
from slabdes.engine.marks import Marking
from slabdes.engine.records import Records
from slabdes.errors import tell
from slabdes.machine.topology import Machine
from slabdes.study.plan import PlannedPoint
from slabdes.study.spools import Phase
from slabdes.workload.programs import Workload

COMPILED_FROM = 500_000
"""Operations, and what costs as much, of a study from which `auto` compiles: below, the reference is done before (DESIGN)."""
COMPILING = "compiling the engine for this machine: half a minute to a minute, kept for next time"


Progress = Callable[[int], None]
"""Told now and then how many operations are done."""


class Engine(Protocol):
    """Simulates one replication."""

    def __call__(
        self,
        experiment: Experiment,
        machine: Machine,
        workload: Workload,
        replication: int,
        progress: Progress | None,
        log: EventLog | None,
        marking: Marking | None,
        /,
    ) -> Records:
        """Its records; the log, if there is one, is told of each operation and hold. `marking` says what marks are for."""
        ...


def _run_reference(
    experiment: Experiment,
    machine: Machine,
    workload: Workload,
    replication: int,
    progress: Progress | None,
    log: EventLog | None,
    marking: Marking | None,
) -> Records:
    from slabdes.engine.reference.run import run_reference

    return run_reference(experiment, machine, workload, replication, progress, log, marking)


def _run_compiled(
    experiment: Experiment,
    machine: Machine,
    workload: Workload,
    replication: int,
    progress: Progress | None,
    log: EventLog | None,
    marking: Marking | None,
) -> Records:
    from slabdes.engine.compiled.run import run_compiled

    return run_compiled(experiment, machine, workload, replication, progress, log, marking)


ENGINES: Mapping[EngineName, Engine] = {EngineName.REFERENCE: _run_reference, EngineName.COMPILED: _run_compiled}
"""The engines that there are, by the name that an experiment gives. All give the same records; each is imported when it runs."""


def engine_of(experiment: Experiment, effort: int) -> EngineName:
    """The engine that runs an experiment of a study that costs the reference so much (`study/effort`).

    `auto` compiles large studies, but not what only the reference can do, such as checking invariants.
    """
    if experiment.engine is not EngineName.AUTO:
        return experiment.engine
    if effort < COMPILED_FROM:
        return EngineName.REFERENCE
    from slabdes.engine.compiled.run import why_not

    return EngineName.COMPILED if why_not(experiment) is None else EngineName.REFERENCE


@cache
def compiled_or_reference() -> EngineName:
    """The engine that runs where compiled code is wanted: the reference, told in a line, where nothing can be compiled."""
    from slabdes.engine.compiled.cache import compiles

    if compiles():
        return EngineName.COMPILED
    tell("NUMBA_DISABLE_JIT is set, so nothing is compiled: the reference engine runs instead, with the same results")
    return EngineName.REFERENCE


def that_can_run(points: Sequence[PlannedPoint], engines: Mapping[int, EngineName]) -> Mapping[int, EngineName]:
    """The engines as asked for, or the reference where nothing can be compiled. Raises InputError for what one cannot do."""
    compiled = _compiled(points, engines)
    if not compiled:
        return engines
    from slabdes.engine.compiled.run import refuse_what_it_cannot

    for experiment in compiled:
        refuse_what_it_cannot(experiment)
    return engines if compiled_or_reference() is EngineName.COMPILED else dict.fromkeys(engines, EngineName.REFERENCE)


def prepare_engines(points: Sequence[PlannedPoint], engines: Mapping[int, EngineName], phase: Phase | None) -> None:
    """Have compiled code at hand, where it is needed, before processes are started that would each compile it."""
    compiled = _compiled(points, engines)
    if not compiled:
        return
    from slabdes.engine.compiled.run import prepare

    def say(done: int) -> None:
        if phase is not None:
            phase(COMPILING, done, 1)

    for slub, logged in sorted({(experiment.allocator.is_slub, experiment.log) for experiment in compiled}):
        prepare(say, slub=slub, logged=logged)


def _compiled(points: Sequence[PlannedPoint], engines: Mapping[int, EngineName]) -> list[Experiment]:
    return [point.experiment for point in points if engines[point.index] is EngineName.COMPILED]

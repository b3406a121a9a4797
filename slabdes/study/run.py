"""Runs every point and replication of an experiment, keeps finished points, and puts the results together.

Replications run side by side in local processes; results do not depend on how many. Leaves out figures.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from slabdes.config import EngineName, Experiment
from slabdes.engine.event_log import EventLog
from slabdes.engine.records import Records
from slabdes.errors import InputError
from slabdes.results.event_log import LOG, LogWriter, add_log
from slabdes.results.folder import check_output
from slabdes.results.frames import Frames, Point, concat_frames, frames_of
from slabdes.results.manifest import Manifest, make_manifest
from slabdes.results.partial import fingerprint, load_point, open_partial, points_done, remove_partial, save_point
from slabdes.results.run import Run, run_of
from slabdes.study.plan import Phase, PlannedPoint, plan
from slabdes.study.workers import run_tasks

COMPILED_FROM = 500_000
"""Operations of a study from which `auto` compiles: below, the reference is done before compiled code is loaded (DESIGN)."""
SIMULATING = "simulating"
COMPILING = "compiling the engine for this machine; kept for next time"


def _run_reference(*given: Any, **more: Any) -> Records:
    from slabdes.engine.reference.run import run_reference

    return run_reference(*given, **more)


def _run_compiled(*given: Any, **more: Any) -> Records:
    from slabdes.engine.compiled.run import run_compiled

    return run_compiled(*given, **more)


ENGINES: Mapping[EngineName, Callable[..., Records]] = {
    EngineName.REFERENCE: _run_reference,
    EngineName.COMPILED: _run_compiled,
}
"""The engines that there are, by the name that an experiment gives. All give the same records; each is imported when it runs."""


@dataclass(frozen=True)
class Task:
    """One replication of one point."""

    point: PlannedPoint
    replication: int
    engine: EngineName
    log: Path | None = None
    """Where its event log goes, if it keeps one."""

    @property
    def operations(self) -> int:
        """Steps that it will take."""
        return self.point.operations

    def run(self, progress: Callable[[int], None]) -> Records:
        """Simulate it."""
        point = self.point
        log = None if self.log is None else EventLog(LogWriter(self.log, point.index, self.replication))
        workload = point.workload(self.replication)
        return ENGINES[self.engine](point.experiment, point.machine, workload, self.replication, progress, log=log)


def engine_of(experiment: Experiment, operations: int) -> EngineName:
    """The engine that runs an experiment of a study of so many operations.

    `auto` compiles large studies, but not what asks for invariants to be checked: only the reference does that.
    """
    if experiment.engine is not EngineName.AUTO:
        return experiment.engine
    return EngineName.COMPILED if operations >= COMPILED_FROM and not experiment.debug else EngineName.REFERENCE


def run_study(
    experiment: Experiment,
    *,
    out: Path | None = None,
    jobs: int = 1,
    resume: bool = False,
    phase: Phase | None = None,
    draw: Callable[[Frames, Manifest, Path], object] | None = None,
    where: str | None = None,
) -> Run:
    """Run an experiment and return its results: a Study if it is a sweep, else a Run.

    With `out` they are also written there, with what `draw` adds; finished points are kept beside it until then, and
    `resume` goes on from them after an interruption. `jobs` processes share the work. `phase` hears of progress.
    `where` (the experiment's file) begins errors about what the experiment asks for.
    Raises InputError for bad input before anything is simulated, Stalled for programs that wait for each other.
    """
    began = time.monotonic()
    if out is not None:
        check_output(out)
    with tempfile.TemporaryDirectory(prefix="slabdes-") as temporary:
        points = plan(experiment, Path(temporary), phase, where)
        logged = any(point.experiment.log for point in points)
        if logged and out is None:
            raise InputError("log", "there is no run folder for it", allowed="a folder for the results, or log = false")
        total = sum(point.operations * point.experiment.replications for point in points)
        engines = {point.index: engine_of(point.experiment, total) for point in points}
        _prepare(points, engines, phase)
        described = experiment.model_dump(mode="json")
        machines = {point.machine.name: point.machine.describe() | {"layout": point.machine.layout()} for point in points}
        kept = open_partial(out, fingerprint(described, machines), resume=resume) if out is not None else None
        with _forgotten_if_empty(kept):
            parts = _run_points(points, engines, kept, jobs, phase)
        frames = concat_frames(parts)
    manifest = make_manifest(
        frames, described, "+".join(sorted(set(engines.values()))), machines, wall_s=round(time.monotonic() - began, 3)
    )
    run = run_of(manifest, frames)
    if out is not None:
        assert kept is not None
        run.save(out, partial(_add_to_folder, run, draw, kept / LOG if logged else None))
        remove_partial(kept)
    return run


def _add_to_folder(run: Run, draw: Callable[[Frames, Manifest, Path], object] | None, log: Path | None, folder: Path) -> None:
    if log is not None:
        add_log(log, folder)
    if draw is not None:
        draw(run.frames, run.manifest, folder)


@contextlib.contextmanager
def _forgotten_if_empty(kept: Path | None) -> Iterator[None]:
    """Do not leave a working folder without a finished point behind when a run fails."""
    try:
        yield
    except BaseException:
        if kept is not None and not points_done(kept):
            remove_partial(kept)
        raise


def _prepare(points: Sequence[PlannedPoint], engines: Mapping[int, EngineName], phase: Phase | None) -> None:
    """Have compiled code at hand, where it is needed, before processes are started that would each compile it."""
    compiled = [point.experiment for point in points if engines[point.index] is EngineName.COMPILED]
    if not compiled:
        return
    from slabdes.engine.compiled.run import prepare, refuse_what_it_cannot

    for experiment in compiled:
        refuse_what_it_cannot(experiment)

    def say(done: int) -> None:
        if phase is not None:
            phase(COMPILING, done, 1)

    for logged in sorted({experiment.log for experiment in compiled}):
        prepare(say, logged)


def _run_points(
    points: Sequence[PlannedPoint], engines: Mapping[int, EngineName], kept: Path | None, jobs: int, phase: Phase | None
) -> list[Frames]:
    """The frames of every point, in order: from the working folder where it has them, else simulated."""
    done = {} if kept is None else {index: load_point(kept, index) for index in points_done(kept)}
    tasks = [
        Task(point, replication, engines[point.index], kept / LOG if kept is not None and point.experiment.log else None)
        for point in points
        if point.index not in done
        for replication in range(point.experiment.replications)
    ]
    total = sum(point.operations * point.experiment.replications for point in points)
    skipped = total - sum(task.operations for task in tasks)

    def report(operations: int) -> None:
        if phase is not None:
            phase(SIMULATING, skipped + operations, total)

    report(0)
    records: dict[int, dict[int, Records]] = {}
    for number, one in run_tasks(tasks, jobs, report):
        point = tasks[number].point
        finished = records.setdefault(point.index, {})
        finished[tasks[number].replication] = one
        if len(finished) == point.experiment.replications:
            done[point.index] = _point_frames(point, [finished[replication] for replication in sorted(finished)])
            del records[point.index]
            if kept is not None:
                save_point(kept, point.index, done[point.index])
    return [done[point.index] for point in points]


def _point_frames(point: PlannedPoint, records: list[Records]) -> Frames:
    settings: dict[str, Any] = {key: value for key, value in point.settings.items() if key != "machine.cpus"}
    return frames_of(Point(point.index, point.machine.name, point.cpus, settings), records)

# SPDX-License-Identifier: GPL-2.0-only
"""Runs every point and replication of an experiment, keeps finished replications, and puts the results together.

Replications run side by side in local processes; results do not depend on how many. Leaves out figures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slabdes.config import EngineName, Experiment, expand
from slabdes.engine.event_log import EventLog
from slabdes.engine.records import Records
from slabdes.errors import InputError
from slabdes.folders import input_errors, scratch_folder, working_folder, working_path
from slabdes.results.event_log import LogWriter, add_log
from slabdes.results.folder import check_output, fill_run, holds_run, manifest_bytes, read_manifest, read_run
from slabdes.results.frames import Frames, Point, concat_frames, frames_of
from slabdes.results.manifest import Manifest, counting_versions, make_manifest, version_of
from slabdes.results.partial import Partial, open_partial
from slabdes.results.run import Run, run_of
from slabdes.study.bounds import check_bounds, check_disk
from slabdes.study.engines import ENGINES, engine_of, prepare_engines, that_can_run
from slabdes.study.inputs import Inputs
from slabdes.study.machines import described
from slabdes.study.plan import PlannedPoint, check_tasks, plan_with
from slabdes.study.spools import Phase, Spools
from slabdes.study.told import about_traces
from slabdes.study.workers import run_tasks

Draw = Callable[[Frames, Manifest, Path, Phase | None], object]
"""Adds to a run folder before it has its name, and tells how far it is."""

SIMULATING = "simulating"
Until = Callable[[Frames], int]
"""Sees the replications of every point so far, and says how many to add to each; 0 when they are enough."""


@dataclass(frozen=True)
class Task:
    """One replication of one point."""

    point: PlannedPoint
    replication: int
    engine: EngineName
    log: Path | None = None
    """The folder that its event log goes to, of this attempt alone, if it keeps one."""

    @property
    def operations(self) -> int:
        """Steps that it will take."""
        return self.point.operations

    def run(self, progress: Callable[[int], None]) -> Records:
        """Simulate it."""
        point = self.point
        log = None if self.log is None else EventLog(LogWriter(self.log, point.index, self.replication))
        workload = point.workload(self.replication)
        return ENGINES[self.engine](point.experiment, point.machine, workload, self.replication, progress, log)


def run_study(
    experiment: Experiment,
    *,
    out: Path | None = None,
    jobs: int = 1,
    resume: bool = False,
    phase: Phase | None = None,
    draw: Draw | None = None,
    where: str | None = None,
    spools: Spools | None = None,
    until: Until | None = None,
) -> Run:
    """Run an experiment and return its results: a Study if it is a sweep, else a Run.

    With `out` they are also written there, with what `draw` adds; finished replications are kept beside it until then, and
    `resume` goes on from them after an interruption, or finds the run that was finished. `jobs` processes share the work.
    `phase` hears of progress. `where` (the experiment's file) begins errors about what the experiment asks for. `spools` has
    traces that others read, too. With `until`, the experiment's replications are where it begins: more are added as long as that
    asks for some. Raises InputError for bad input before anything is simulated, Stalled for programs that wait for each other.
    """
    study = _Study(experiment, jobs, phase, where, spools, until)
    if out is None:
        with scratch_folder() as folder:
            if until is None:
                return study.run(folder, None)
            # Replications are kept from one round to the next.
            with working_folder(folder / "rounds") as working:
                return study.run(working.new(), open_partial(working, study.identity, resume=False))
    if finished := _finished(study, out, resume):
        return finished
    check_output(out)
    with working_folder(out) as working:
        partial = open_partial(working, study.identity, resume=resume)
        try:
            run = study.run(working.new(), partial)
            with input_errors(out):
                folder = working.new()
                fill_run(folder, run.manifest, run.frames, lambda place: _add_to_folder(run, draw, partial.log, place, phase))
                working.publish(folder)
        except BaseException:
            if not partial.done:
                partial.remove()
            raise
        partial.remove()
    return run


def _finished(study: _Study, out: Path, resume: bool) -> Run | None:
    """The run at `out` if it is this study's and was to be gone on with; what is left of its working folder goes."""
    if not holds_run(out) or not (resume or working_path(out).exists()):
        return None
    manifest = read_manifest(out)
    if manifest.experiment != study.identity["experiment"] or manifest.provenance.get("read") != study.inputs.plain():
        return None
    with working_folder(out) as working:
        Partial(working).remove()
    return run_of(*read_run(out)) if resume else None


def _add_to_folder(run: Run, draw: Draw | None, log: Path, folder: Path, phase: Phase | None) -> None:
    if log.exists():
        add_log(log, folder)
    if draw is not None:
        draw(run.frames, run.manifest, folder, phase)


class _Study:
    """One study, from what it reads to its results."""

    def __init__(
        self,
        experiment: Experiment,
        jobs: int,
        phase: Phase | None,
        where: str | None,
        spools: Spools | None,
        until: Until | None,
    ) -> None:
        self._spools = spools
        self._began = time.monotonic()
        self._experiment, self._jobs, self._phase, self._where, self._until = experiment, jobs, phase, where, until
        self._described = experiment.model_dump(mode="json")
        self.inputs = Inputs([point for _settings, point in expand(experiment)])

    @property
    def identity(self) -> dict[str, Any]:
        """What has to be the same for the study to be gone on with."""
        read = {"inputs": self.inputs.files, "sources": self.inputs.sources}
        versions = {"slabdes": version_of("slabdes"), "versions": counting_versions()}
        return versions | {"experiment": self._described, **read}

    def run(self, folder: Path, partial: Partial | None) -> Run:
        """The results of every point. `folder` is for what is needed meanwhile."""
        points = plan_with(self._experiment, self._spools or Spools(folder), self._phase, self._where)
        self.inputs.check()
        if partial is None and any(point.experiment.log for point in points):
            raise InputError("log", "there is no run folder for it", allowed="a folder for the results, or log = false")
        machines = described(point.machine for point in points)
        told = about_traces(points)
        self._check_manifest(points, machines, told)
        frames, engines = self._replicated(points, folder, partial)
        manifest = make_manifest(
            frames,
            self._described,
            "+".join(sorted(engines)),
            machines,
            wall_s=round(time.monotonic() - self._began, 3),
            read=self.inputs.plain(),
            times=told,
        )
        return run_of(manifest, frames)

    def _replicated(
        self, points: Sequence[PlannedPoint], folder: Path, partial: Partial | None
    ) -> tuple[Frames, set[EngineName]]:
        """The frames of every point, with as many replications as are wanted, and the engines that ran them."""
        used: set[EngineName] = set()
        if self._until is not None and len({point.experiment.replications for point in points}) > 1:
            raise InputError("replications", "vary from point to point", allowed="one number, to which more are added")
        while True:
            engines = self._engines(points, partial)
            prepare_engines(points, engines, self._phase)
            frames = concat_frames(self._run_points(points, engines, folder, partial))
            used |= set(engines.values())
            more = 0 if self._until is None else self._until(frames)
            if not more:
                return frames, used
            points = [point.replicated(more) for point in points]
            check_tasks(point.experiment for point in points)

    def _engines(self, points: Sequence[PlannedPoint], partial: Partial | None) -> Mapping[int, EngineName]:
        """The engine of each point. Raises InputError for a study that is too large."""
        effort = sum(point.effort * point.experiment.replications for point in points)
        engines = that_can_run(points, {point.index: engine_of(point.experiment, effort) for point in points})
        check_bounds(points, engines, self._jobs, self._where)
        if partial is not None:
            check_disk(points, partial.done, partial.working.path, self._where)
        return engines

    def _check_manifest(
        self, points: Sequence[PlannedPoint], machines: Mapping[str, dict[str, Any]], times: tuple[str, ...]
    ) -> None:
        """Raise InputError if the manifest that is to come would be too large to be read: nothing but digests is missing."""
        told = [
            {"point": point.index, "machine": point.machine.name, "cpus": point.cpus, "digest": "0" * 64}
            | {"settings": {key: str(value) for key, value in point.settings.items()}}
            for point in points
        ]
        warnings = tuple(dict.fromkeys(warning for point in points for warning in point.warnings))
        counts = (self._experiment.seed, self._experiment.replications, "", "")
        read = {"read": self.inputs.plain()}
        try:
            manifest_bytes(Manifest(self._described, *counts, dict(machines), tuple(told), warnings, times, provenance=read))
        except InputError as error:
            where = error.where if self._where is None else f"{self._where}: {error.where}"
            raise InputError(where, error.problem, error.allowed) from None

    def _run_points(
        self, points: Sequence[PlannedPoint], engines: Mapping[int, EngineName], folder: Path, partial: Partial | None
    ) -> list[Frames]:
        """The frames of every point, in order; replications that the working folder has are not run again."""
        done = set() if partial is None else set(partial.done)
        wanted = [(point, replication) for point in points for replication in range(point.experiment.replications)]
        tasks = [
            Task(point, replication, engines[point.index], _log(folder, point, replication))
            for point, replication in wanted
            if (point.index, replication) not in done
        ]
        total = sum(point.operations for point, _replication in wanted)
        skipped = total - sum(task.operations for task in tasks)

        def report(operations: int) -> None:
            if self._phase is not None:
                self._phase(SIMULATING, skipped + operations, total)

        report(0)
        together = _Together(points, partial)
        for number, records in run_tasks(tasks, self._jobs, report):
            self.inputs.check_while_running()
            task = tasks[number]
            if partial is not None:
                partial.save(task.point.index, task.replication, records, task.log)
            together.add(task.point, task.replication, records)
        return together.frames()


def _log(folder: Path, point: PlannedPoint, replication: int) -> Path | None:
    return folder / f"log-{point.index}-{replication}" if point.experiment.log else None


class _Together:
    """Puts a point's replications together as soon as all are there: frames take less room than records."""

    def __init__(self, points: Sequence[PlannedPoint], partial: Partial | None) -> None:
        self._partial = partial
        self._saved = set() if partial is None else set(partial.done)
        self._points = points
        self._run: dict[int, dict[int, Records]] = {}
        self._frames: dict[int, Frames] = {}
        for point in points:
            self._put_together(point)

    def add(self, point: PlannedPoint, replication: int, records: Records) -> None:
        """A replication has been run."""
        self._run.setdefault(point.index, {})[replication] = records
        self._put_together(point)

    def frames(self) -> list[Frames]:
        """Those of every point, in order."""
        return [self._frames[point.index] for point in self._points]

    def _put_together(self, point: PlannedPoint) -> None:
        numbers = range(point.experiment.replications)
        run = self._run.get(point.index, {})
        saved = [number for number in numbers if number not in run and (point.index, number) in self._saved]
        if len(run) + len(saved) < len(numbers):
            return
        assert self._partial is not None or not saved
        records = {number: self._partial.load(point.index, number) for number in saved} if self._partial is not None else {}
        self._frames[point.index] = _point_frames(point, [(run | records)[number] for number in numbers])
        self._run.pop(point.index, None)


def _point_frames(point: PlannedPoint, records: list[Records]) -> Frames:
    settings: dict[str, Any] = {key: value for key, value in point.settings.items() if key != "machine.cpus"}
    return frames_of(Point(point.index, point.machine.name, point.cpus, settings), records)

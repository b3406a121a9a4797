# SPDX-License-Identifier: GPL-2.0-only
"""Runs every point and replication of an experiment, keeps finished replications, and puts the results together.

Replications run side by side in local processes; results do not depend on how many. Leaves out figures.
"""

from __future__ import annotations

import gc
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slabdes.config import EngineName, Experiment, expand
from slabdes.config.models import OF_STUDY
from slabdes.engine.event_log import EventLog
from slabdes.engine.records import Records
from slabdes.errors import InputError, Unmeasured
from slabdes.files import is_there
from slabdes.folders import Held, input_errors, scratch_folder, working_folder, working_path
from slabdes.measures.names import DEFAULT
from slabdes.results.cells import Cells
from slabdes.results.event_log import LogWriter, add_log
from slabdes.results.folder import check_output, fill_run, holds_run, manifest_bytes, read_manifest, read_run
from slabdes.results.frames import Frames
from slabdes.results.manifest import Manifest, counting_versions, make_manifest, version_of
from slabdes.results.packing import pack
from slabdes.results.partial import STUDY, Partial, check_same, open_partial
from slabdes.results.rows import replicated
from slabdes.results.run import Run, run_of
from slabdes.study.bounds import check_bounds, check_disk
from slabdes.study.cells import Known
from slabdes.study.cluster import Where, check_where, hands
from slabdes.study.engines import ENGINES, engine_of, prepare_engines, that_can_run
from slabdes.study.executors import Hired, Lost
from slabdes.study.gather import Each, Gathering, Ran
from slabdes.study.inputs import Inputs
from slabdes.study.machines import described
from slabdes.study.pace import Estimate, Pace
from slabdes.study.plan import PlannedPoint, check_tasks, plan_with
from slabdes.study.spools import Phase, Spools
from slabdes.study.steady import marking_of
from slabdes.study.told import about_traces
from slabdes.study.workers import POLL_SECONDS

Draw = Callable[[Frames, Manifest, Path, Phase | None], object]
"""Adds to a run folder before it has its name, and tells how far it is."""

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
        _check_there([] if self.log is None else [self.log.parent], point)
        log = None if self.log is None else EventLog(LogWriter(self.log, point.index, self.replication))
        workload = point.workload(self.replication)
        marking = marking_of(point.experiment, point.machine, workload, self.replication)
        return ENGINES[self.engine](point.experiment, point.machine, workload, self.replication, progress, log, marking)


@dataclass(frozen=True)
class _Kept:
    """A task whose records are made into rows, and packed if they are kept, by whoever runs it: most of what is to be done."""

    task: Task
    packs: bool

    @property
    def operations(self) -> int:
        """Steps that it will take."""
        return self.task.operations

    def run(self, progress: Callable[[int], None]) -> Ran:
        """Simulate it."""
        records = self.task.run(progress)
        return replicated(records), pack(records) if self.packs else None


def _check_there(folders: list[Path], point: PlannedPoint) -> None:
    """Raise InputError on a worker of another computer that has not the folders and files that a task reads or writes."""
    dump, spool = point.experiment.dump, point.spool
    for path in (*folders, *([] if dump is None else [dump]), *([] if spool is None else [spool.folder])):
        if not is_there(path):
            allowed = "a folder that all computers share under the same name (--out; for replay TMPDIR)"
            raise InputError(f"worker on {platform.node()}", f"{path} is not there", allowed)


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
    cells: Path | None = None,
    executor: Where = None,
    each: Each | None = None,
) -> Run:
    """Run an experiment and return its results: a Study if it is a sweep, else a Run.

    With `out` they are also written there, with what `draw` adds; finished replications are kept beside it until then, and
    `resume` goes on from them after an interruption, or finds the run that was finished. `jobs` processes share the work, or
    those of `executor`: any of concurrent.futures, or a cluster as `study.cluster` takes it. `phase` hears of progress. `where`
    (the experiment's file) begins errors about what the experiment asks for. `spools` has traces that others read, too. `cells`
    is the folder of replications that were run once, by any study: they are not run again, and processes that work on the same
    ones at once share them; with `resume` they may have the same `out`. With `until`, the experiment's replications are where it
    begins: more are added as long as that asks for some. `each` hears of points as they end. Raises InputError for bad input
    before anything is simulated, Stalled for programs that wait for each other.
    """
    study = _Study(experiment, jobs, phase, where, spools, until, cells, executor, each)
    if out is None:
        return _kept_nowhere(study)
    helped = False
    while True:
        try:
            return _kept_at(study, out, resume, draw)
        except Held as error:
            if resume and cells is None:
                raise Held(
                    error.where, error.problem, "to wait until it is done; its work is shared by cells, which are off"
                ) from None
            if not resume or study.logs:
                raise
        if helped:
            time.sleep(POLL_SECONDS)
        else:
            # Its replications are shared; its folder is the other process's, unless that ends before it is whole.
            if (told := working_path(out) / STUDY).exists():
                check_same(told, study.identity)
            _kept_nowhere(_Study(experiment, jobs, phase, where, spools, until, cells, executor, None))
            helped = True


def _kept_nowhere(study: _Study) -> Run:
    with _kept(lambda: study.has_cells, "finished replications are cells, the same again goes on"), scratch_folder() as folder:
        if not study.in_rounds:
            return study.run(folder, None)
        # Replications are kept from one round to the next.
        with working_folder(folder / "rounds") as working:
            return study.run(working.new(), open_partial(working, study.identity, resume=False))


@contextmanager
def _kept(is_kept: Callable[[], bool], words: str) -> Iterator[None]:
    """Let an executor that has lost its workers say what is kept of what they had finished, if it is."""
    try:
        yield
    except Lost as error:
        raise Lost(f"{error}; {words}" if is_kept() else str(error)) from None


def _kept_at(study: _Study, out: Path, resume: bool, draw: Draw | None) -> Run:
    if finished := _finished(study, out, resume):
        return finished
    check_output(out)
    with working_folder(out) as working:
        partial = open_partial(working, study.identity, resume=resume)
        try:
            with _kept(lambda: bool(partial.done), "finished replications are kept, go on with --resume"):
                run = study.run(working.new(), partial)
            with input_errors(out):
                folder = working.new()
                fill_run(
                    folder, run.manifest, run.frames, lambda place: _add_to_folder(run, draw, partial.log, place, study.phase)
                )
                working.publish(folder)
        except BaseException as error:
            if not partial.done or isinstance(error, Unmeasured):
                partial.remove()
            raise
        partial.remove()
    return run


def _finished(study: _Study, out: Path, resume: bool) -> Run | None:
    """The run at `out` if it is this study's and was to be gone on with; what is left of its working folder goes."""
    if not holds_run(out) or not (resume or working_path(out).exists()):
        return None
    manifest = read_manifest(out)
    told = (_of_results(manifest.experiment), manifest.provenance.get("read"))
    if told != (study.identity["experiment"], study.inputs.plain()):
        return None
    with working_folder(out) as working:
        Partial(working).remove()
    if not resume:
        return None
    run = run_of(*read_run(out))
    if lacking := study.lacking(run):
        allowed = "another --out, for which replications that are cells are not run again"
        raise InputError(str(out), f"finished with {manifest.replications} replications, {lacking}", allowed)
    return run


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
        cells: Path | None,
        executor: Where,
        each: Each | None,
    ) -> None:
        check_where(executor)
        self._spools, self._cells, self._executor, self._each = spools, cells, executor, each
        self._began = time.monotonic()
        self._experiment, self._jobs, self.phase, self._where, self._until = experiment, jobs, phase, where, until
        self._described = experiment.model_dump(mode="json")
        self._estimate = Estimate(next(iter(experiment.measures), DEFAULT))
        points = [point for _settings, point in expand(experiment)]
        self.inputs, self._replications = Inputs(points), points[0].replications
        self.logs, self.in_rounds = any(point.log for point in points), until is not None
        self.has_cells = cells is not None

    def lacking(self, run: Run) -> str:
        """What a finished run of this study has otherwise than is asked for now, if it has."""
        if self._until is not None:
            return "fewer than is asked for now" if self._until(run.frames) > 0 else ""
        return "" if run.manifest.replications == self._replications else f"{self._replications} are asked for now"

    @property
    def identity(self) -> dict[str, Any]:
        """What has to be the same for the study to be gone on with."""
        read = {"inputs": self.inputs.files, "sources": self.inputs.sources}
        return self.code | {"experiment": _of_results(self._described), **read}

    @property
    def code(self) -> dict[str, Any]:
        """The versions of slabdes and of what it counts with."""
        return {"slabdes": version_of("slabdes"), "versions": counting_versions()}

    def run(self, folder: Path, partial: Partial | None) -> Run:
        """The results of every point. `folder` is for what is needed meanwhile."""
        self._taken = 0
        points = plan_with(self._experiment, self._spools or Spools(folder), self.phase, self._where)
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
            cells=self._taken,
        )
        return run_of(manifest, frames)

    def _replicated(
        self, points: Sequence[PlannedPoint], folder: Path, partial: Partial | None
    ) -> tuple[Frames, set[EngineName]]:
        """The frames of every point, with as many replications as are wanted, and the engines that ran them."""
        used: set[EngineName] = set()
        if self._until is not None and len({point.experiment.replications for point in points}) > 1:
            raise InputError("replications", "vary from point to point", allowed="one number, to which more are added")
        kept = nullcontext() if self._cells is None else Cells(self._cells)
        with kept as cells, Hired(lambda: hands(self._executor, self._jobs)) as workers, _set_aside():
            known = Known(cells, self.code | {"sources": self.inputs.sources}, self.inputs)
            while True:
                engines = self._engines(points, partial)
                gathering = Gathering(points, partial, known, self._each)
                frames = self._gathered(gathering, engines, folder, workers)
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

    def _gathered(self, gathering: Gathering, engines: Mapping[int, EngineName], folder: Path, workers: Hired) -> Frames:
        """The frames of all points; what there is already is not run again."""
        left = gathering.left()
        tasks = [Task(point, number, engines[point.index], _log(folder, point, number)) for point, number in left]
        if tasks:
            prepare_engines(list({point.index: point for point, _number in left}.values()), engines, self.phase)
        pace = Pace(gathering, self.phase, self._estimate)
        pace.report()
        while True:
            aside: list[Task] = []
            for task, ran in self._run(tasks, gathering, aside, pace, workers):
                self.inputs.check_while_running()
                gathering.add(task.point, task.replication, ran, task.log)
                pace.ended(task.point, ran[0])
            pace.report()
            if not aside:
                self._taken += gathering.taken
                return gathering.frames()
            # Others are at work on these.
            if len(aside) == len(tasks):
                time.sleep(POLL_SECONDS)
            tasks = aside

    def _run(
        self, tasks: Sequence[Task], gathering: Gathering, aside: list[Task], pace: Pace, workers: Hired
    ) -> Iterator[tuple[Task, Ran]]:
        """Run tasks but for those that are cells meanwhile, and those that others run, which are put `aside`."""

        def begin(number: int) -> bool:
            task = tasks[number]
            if (ours := gathering.begin(task.point, task.replication)) is None:
                aside.append(task)
            return bool(ours)

        kept = [_Kept(task, gathering.keeps) for task in tasks]
        for number, ran in workers.run(kept, pace.within_round(), begin):
            yield tasks[number], ran


@contextmanager
def _set_aside() -> Iterator[None]:
    """Let Python not look for garbage again and again in what was there before: with 1,000 points a tenth of the time."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _of_results(experiment: Mapping[str, Any]) -> dict[str, Any]:
    """What an experiment says that its replications depend on: it is the same study whatever is to be known of them."""
    return {key: value for key, value in experiment.items() if key not in OF_STUDY}


def _log(folder: Path, point: PlannedPoint, replication: int) -> Path | None:
    return folder / f"log-{point.index}-{replication}" if point.experiment.log else None

# SPDX-License-Identifier: GPL-2.0-only
"""One replication of a run, or of an experiment, run again: to find its longest wait, and to watch a part of it.

A run is deterministic, so nothing has to have been kept. Leaves out what is made of what was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slabdes.config import Experiment, apply_settings, expand, load_experiment, parse_experiment
from slabdes.engine.event_log import EventLog, Logged, Sink
from slabdes.engine.story import Told
from slabdes.engine.watch import Watch, Watched
from slabdes.errors import InputError, tell
from slabdes.files import is_folder
from slabdes.results.event_log import LOG, log_parts
from slabdes.results.folder import read_manifest
from slabdes.results.text import numbers_text
from slabdes.study.engines import ENGINES, engine_of, prepare_engines, that_can_run
from slabdes.study.inputs import Inputs
from slabdes.study.plan import PlannedPoint, plan_with
from slabdes.study.spools import Phase, Spools

Row = tuple[int, ...]


@dataclass(frozen=True)
class Again:
    """One replication that can be run again. `log` is the run folder that holds its event log, if one does.

    `settings` is what the sweep sets at its point, `points` how many there are.
    """

    name: str
    planned: PlannedPoint
    point: int
    replication: int
    log: Path | None
    settings: Mapping[str, Any]
    points: int


@dataclass
class Longest:
    """The rows of the longest wait for a lock and of the longest operation (`event_log.COLUMNS`), and when the last ended, ps."""

    wait: Row | None = None
    operation: Row | None = None
    ended: int = 0

    def __call__(self, kind: Logged, rows: Any) -> None:
        """Look at a part of a log; of equally long ones the first in it is kept."""
        if not len(rows) or kind is Logged.TURNS:
            return
        start, end = (2, 3) if kind is Logged.HOLDS else (1, 2)
        took = rows[:, end] - rows[:, start]
        row: Row = tuple(rows[took.argmax()].tolist())
        if kind is Logged.OPERATIONS:
            self.ended = max(self.ended, int(rows[:, 2].max()))
            if self.operation is None or took.max() > self.operation[2] - self.operation[1]:
                self.operation = row
        elif took.max() and (self.wait is None or took.max() > self.wait[3] - self.wait[2]):
            self.wait = row


def again(
    where: Path,
    settings: Sequence[str],
    point: int | None,
    replication: int,
    spools: Spools,
    phase: Phase,
    or_first: bool = False,
) -> Again:
    """A replication of the run in folder `where`, or of the experiment in that file, with other `settings`.

    Where there are several points and none is given, it is of the first if that does (`or_first`). Raises InputError where there
    is no such replication, or what the run had read has changed.
    """
    log, read = None, None
    if is_folder(where):
        manifest = read_manifest(where)
        raw = dict(manifest.experiment)
        apply_settings(raw, settings)
        experiment, read = parse_experiment(raw, str(where)), None if settings else manifest.provenance.get("read")
        replications = manifest.replications
        log = where if (where / LOG).is_dir() and not settings else None
    else:
        experiment = load_experiment(where, settings)
        replications = max(experiment.replications, replication + 1)
    number, own, one, points = _point(experiment, 0 if point is None and or_first else point)
    if not 0 <= replication < replications:
        raise InputError("--replication", f"there is no {replication}", allowed=f"0 to {replications - 1}")
    if read is not None:
        _check_unchanged(where, one, read)
    (planned,) = plan_with(one, spools, phase, str(where))
    return Again(_name(where, number, replication), planned, number, replication, log, own, points)


def again_of(experiment: Experiment, where: Path, point: int | None, replication: int, spools: Spools, phase: Phase) -> Again:
    """A replication of an experiment that stands in no file of its own: `where` is what it is about."""
    number, own, one, points = _point(experiment, point)
    (planned,) = plan_with(one, spools, phase, str(where))
    return Again(_name(where, number, replication), planned, number, replication, None, own, points)


def _name(where: Path, point: int, replication: int) -> str:
    return f"{where.resolve().name.removesuffix('.toml')}, point {point}, replication {replication}"


def _point(experiment: Experiment, point: int | None) -> tuple[int, Mapping[str, Any], Experiment, int]:
    """A point's number, what the sweep sets there, its experiment, and how many points there are."""
    points = list(expand(experiment))
    if point is None and len(points) > 1:
        raise InputError("--point", f"none is given, and there are {len(points)}", allowed=f"0 to {len(points) - 1}")
    if not 0 <= (number := point or 0) < len(points):
        raise InputError("--point", f"there is no {number}", allowed=f"0 to {len(points) - 1}")
    return number, *points[number], len(points)


def _check_unchanged(where: Path, experiment: Experiment, read: Any) -> None:
    """Raise InputError where a file is not what the run had read; tell where slabdes itself is not."""
    now = Inputs([experiment])
    was = read.get("inputs", {}) if isinstance(read, dict) else {}
    for name, digest in now.files.items():
        if was.get(name) != digest:
            raise InputError(name, f"not what {where} had read", allowed="the same file; or run the experiment again")
    if read.get("sources") != now.plain()["sources"]:
        tell(f"{where} was run by another version of slabdes: what is shown is this one's")


def longest(one: Again, phase: Phase) -> Longest:
    """The longest wait of a replication, and its longest operation."""
    found = Longest()
    _read_log(one, found, phase, "looking for the longest wait")
    return found


@dataclass
class Begin:
    """When operation `number` of a CPU begins (as the log counts them, from 0), or None if it has none."""

    cpu: int
    number: int
    start: int | None = None

    def __call__(self, kind: Logged, rows: Any) -> None:
        """Look at a part of a log."""
        if kind is not Logged.OPERATIONS or not len(rows) or self.start is not None:
            return
        of_cpu = rows[rows[:, 0] == self.cpu]
        if self.number < len(of_cpu):
            self.start = int(of_cpu[self.number, 1])
        self.number -= len(of_cpu)


def begin_of(one: Again, cpu: int, number: int, phase: Phase) -> int | None:
    """When operation `number` of a CPU begins in a replication, picoseconds."""
    found = Begin(cpu, number)
    _read_log(one, found, phase, "looking for the same operation")
    return found.start


def _read_log(one: Again, sink: Sink, phase: Phase, what: str) -> None:
    """Have a replication's log read: as it was kept, or by running it."""
    if one.log is not None:
        for kind in (Logged.HOLDS, Logged.OPERATIONS):
            for part in log_parts(one.log, kind, one.point, one.replication):
                sink(kind, part)
        return
    planned = one.planned
    logged = planned.experiment.model_copy(update={"log": True})
    point = PlannedPoint(**{**vars(planned), "experiment": logged, "index": 0})
    engines = that_can_run([point], {0: engine_of(logged, planned.effort)})
    prepare_engines([point], engines, phase)
    log = EventLog(sink)
    told = _progress(phase, what, planned.operations)
    ENGINES[engines[0]](logged, planned.machine, planned.workload(one.replication), one.replication, told, log, None)


def watched(one: Again, watch: Watch, phase: Phase) -> Watched:
    """Run a replication up to the end of a window, and watch that."""
    from slabdes.engine.reference.watch import run_watched

    planned = one.planned
    told = _progress(phase, "running to the window", planned.operations)
    return run_watched(planned.experiment, planned.machine, planned.workload(one.replication), one.replication, watch, told)


def told(one: Again, first: int, cpu: int | None, phase: Phase) -> list[Told]:
    """The first operations of a replication, of all CPUs or of one, step by step. Raises InputError for a CPU that does none."""
    from slabdes.engine.reference.story import tell as tell_story

    planned = one.planned
    workload = planned.workload(one.replication)
    if cpu is not None and cpu not in workload.programs:
        raise InputError("--cpu", f"CPU {cpu} does nothing in {one.name}", allowed=numbers_text(sorted(workload.programs)))
    progress = _progress(phase, "running", planned.operations)
    return tell_story(planned.experiment, planned.machine, workload, one.replication, first, cpu, progress)


def _progress(phase: Phase, what: str, operations: int) -> Callable[[int], None]:
    return lambda done: phase(what, min(done, operations), operations)

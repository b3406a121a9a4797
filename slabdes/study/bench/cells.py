# SPDX-License-Identifier: GPL-2.0-only
"""What a study of many short replications takes beyond them: its time from the first result on, beside theirs over the workers.

By the reference engine, which needs no compiling. Processor times tell what a machine with other work blurs. Leaves out workers
on other computers.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from slabdes.config import EngineName, Experiment, parse_experiment
from slabdes.errors import CheckFailed
from slabdes.folders import scratch_folder
from slabdes.study.plan import plan
from slabdes.study.run import Task, run_study

CELLS: Final = 1000
CELL_MS: Final = 10.0
"""What a cell is to take here: its objects are as many as that needs."""
FITS: Final = 3
"""Times that these are reckoned anew: a cell's start takes time whatever its objects."""
SAMPLE: Final = 50
"""Cells that are run alone, before and after, to know how long one takes."""
MOST_WORKERS: Final = 8
"""Of the bench: the parent's work is a core's (a choice)."""


@dataclass(frozen=True)
class Study:
    """One study: `seconds` passed from its first result to its last, `cell_ms` is what a cell takes alone.

    Processor times: `cell_cpu_ms` of a cell alone, `parent_cpu_s` of the process that has the study, from its first result to its
    last, `workers_cpu_s` of the others, their start included; 0 where the system does not tell.
    """

    kept: str
    workers: int
    cells: int
    cell_ms: float
    cell_cpu_ms: float
    start_s: float
    seconds: float
    parent_cpu_s: float
    workers_cpu_s: float

    def row(self) -> dict[str, Any]:
        """By name, with what the cells would take if nothing else did, and how many times that it took."""
        alone = self.cells * self.cell_ms / 1000 / self.workers
        return asdict(self) | {"alone_s": alone, "times": self.seconds / alone}


def measure_cells(count: int, tell: Callable[[str, int, int], None]) -> list[Study]:
    """Studies of `count` cells, in one process and over all processors, kept nowhere and kept as commands do.

    Raises CheckFailed if they leave different digests.
    """
    workers = sorted({1, min(os.cpu_count() or 1, MOST_WORKERS)})
    objects = _objects()
    measured, digests = [], set()
    with scratch_folder() as folder:
        for number, (jobs, kept) in enumerate((jobs, kept) for jobs in workers for kept in (False, True)):
            tell("cells", number, 2 * len(workers))
            study, digest = _study(experiment(count, objects), jobs, folder / str(number) if kept else None)
            measured.append(study)
            digests.add(digest)
    if len(digests) > 1:
        raise CheckFailed(f"studies of the same cells leave different digests: {', '.join(sorted(digests))}")
    tell("cells", 2 * len(workers), 2 * len(workers))
    return measured


def _objects() -> int:
    """With how many objects a cell takes about CELL_MS here."""
    objects = 30
    for _ in range(FITS):
        objects = max(1, round(objects * CELL_MS / (1000 * _alone(experiment(SAMPLE, objects))[0])))
    return objects


def experiment(cells: int, objects: int) -> Experiment:
    """So many cells in which each of 4 CPUs allocates and frees `objects` objects, each with a seed of its own."""
    workload = {"kind": "burst", "objects": objects}
    raw = {"engine": "reference", "machine": {"preset": "numa-2x4", "cpus": 4}, "workload": workload}
    cache = {"cache": [{"name": "size-256", "size": 256}]}
    return parse_experiment(raw | cache | {"sweep": {"seed": list(range(cells))}}, "bench")


def _study(asked: Experiment, jobs: int, folder: Path | None) -> tuple[Study, str]:
    count, heard = len(asked.sweep["seed"]), _Heard()
    before = _alone(asked)
    began, of_others = time.perf_counter(), _of_children()
    places: dict[str, Any] = {} if folder is None else {"out": folder / "run", "cells": folder / "cells"}
    if folder is not None:
        folder.mkdir()
    run = run_study(asked, jobs=jobs, phase=heard, **places)
    of_others = _of_children() - of_others
    cell, cell_cpu = (1000 * fmean(both) for both in zip(before, _alone(asked), strict=True))
    part = 1 - heard.at_first / heard.total
    seconds, cpu = (heard.last - heard.first) / part, (heard.cpu_last - heard.cpu_first) / part
    kept = "no" if folder is None else "yes"
    return Study(kept, jobs, count, cell, cell_cpu, heard.first - began, seconds, cpu, of_others), run.digest


def _of_children() -> float:
    """Processor seconds of the processes that this one has started and that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def _alone(asked: Experiment) -> tuple[float, float]:
    """Seconds that a cell takes, on average, in this process, and those of the processor."""
    points = plan(asked.model_copy(update={"sweep": {"seed": asked.sweep["seed"][:SAMPLE]}}), Path())
    tasks = [Task(point, 0, EngineName.REFERENCE) for point in points]
    tasks[0].run(lambda _done: None)
    began, cpu = time.perf_counter(), time.process_time()
    for task in tasks:
        task.run(lambda _done: None)
    return (time.perf_counter() - began) / len(tasks), (time.process_time() - cpu) / len(tasks)


class _Heard:
    """When the first replication had ended, how much that was, and when the last had; likewise by the processor's time."""

    first = last = cpu_first = cpu_last = 0.0
    at_first = total = 0

    def __call__(self, _what: str, done: int, total: int) -> None:
        now = time.perf_counter()
        if done and not self.first:
            self.first, self.cpu_first, self.at_first = now, time.process_time(), done
        if done == total and not self.last:
            self.last, self.cpu_last, self.total = now, time.process_time(), total

# SPDX-License-Identifier: GPL-2.0-only
"""Simulates many experiments over local processes and hands their records over, by name.

Leaves out what is read from the records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slabdes.config import EngineName, TimingRule, parse_experiment, without_rule
from slabdes.engine.compiled.run import prepare
from slabdes.engine.records import Records
from slabdes.folders import scratch_folder
from slabdes.study.bounds import check_bounds
from slabdes.study.engines import compiled_or_reference
from slabdes.study.plan import plan
from slabdes.study.run import Task
from slabdes.study.workers import run_tasks

Results = Mapping[str, tuple[Records, ...]]
"""The records of every replication of each experiment, by its name."""
Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


def simulate_all(
    experiments: Mapping[str, Mapping[str, Any]],
    jobs: int = 1,
    progress: Progress | None = None,
    left_out: Sequence[TimingRule] = (),
) -> Results:
    """Run every replication of `experiments`, mappings as experiment files have them, with the compiled engine.

    `left_out` are rules of the clock that none of them has.

    Raises InputError for what an experiment asks for and cannot have.
    """
    engine = compiled_or_reference()
    tasks = []
    names = []
    with scratch_folder() as folder:
        for name, raw in experiments.items():
            experiment = parse_experiment(raw, name)
            for rule in left_out:
                experiment = without_rule(experiment, rule)
            for point in plan(experiment, folder, where=name):
                check_bounds([point], {point.index: engine}, jobs, name)
                for replication in range(point.experiment.replications):
                    tasks.append(Task(point, replication, engine))
                    names.append(name)
    if engine is EngineName.COMPILED:
        prepare(lambda done: None if progress is None else progress("compiling the engine", done, 1))
    total = sum(task.operations for task in tasks)
    found: dict[int, Records] = {}
    for number, records in run_tasks(tasks, jobs, lambda done: None if progress is None else progress("simulating", done, total)):
        found[number] = records
    results: dict[str, list[Records]] = {name: [] for name in experiments}
    for number, name in enumerate(names):
        results[name].append(found[number])
    return {name: tuple(records) for name, records in results.items()}

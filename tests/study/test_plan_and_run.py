# SPDX-License-Identifier: GPL-2.0-only
"""Experiments as studies: points worked out before anything runs, kept as they finish, gone on with; runs that stall."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import small_experiment

from slabdes.allocator.gfp import MAY_WAIT
from slabdes.config import EngineName, parse_experiment
from slabdes.engine.records import Records
from slabdes.engine.reference.run import run_reference
from slabdes.errors import InputError, Stalled
from slabdes.folders import working_path
from slabdes.results.journal import Journal
from slabdes.results.partial import JOURNAL
from slabdes.study import engines
from slabdes.study import run as study_run
from slabdes.study.plan import machine_of, plan
from slabdes.study.run import run_study
from slabdes.workload.programs import ANY_NODE, Op, Step, Workload

SWEEP = {"sweep": {"machine.preset": ["numa-2x4", "uma-4"], "machine.cpus": [1, 2]}}


def experiment(**changes: Any) -> Any:
    return parse_experiment(small_experiment() | changes, "test")


def test_points_come_in_file_order_the_last_key_fastest(tmp_path: Path) -> None:
    points = plan(experiment(**SWEEP), tmp_path)
    assert [(point.machine.name, point.cpus) for point in points] == [
        ("numa-2x4", 1),
        ("numa-2x4", 2),
        ("uma-4", 1),
        ("uma-4", 2),
    ]
    assert [point.operations for point in points] == [300, 600, 300, 600]


def test_a_machine_that_several_points_use_is_built_once(tmp_path: Path) -> None:
    points = plan(experiment(**SWEEP), tmp_path)
    assert points[0].machine is points[1].machine
    assert points[1].machine is not points[2].machine


def test_what_a_late_point_cannot_do_is_told_before_the_first_one_runs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="allowed: 1 to 8"):
        run_study(experiment(sweep={"machine.cpus": [1, 9]}), out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_costs_and_memory_of_the_experiment_reach_the_machine() -> None:
    machine = {"preset": "numa-2x4", "costs": {"lock_op": 50.0}, "memory_mib": [1.0, 2.0]}
    built = machine_of(experiment(machine=machine))
    assert built.memory_mib() == (1.0, 2.0)
    assert built.costs.lock_op == 50_000
    assert machine_of(experiment()).costs.lock_op == 8334


@pytest.mark.parametrize("workload", [{"kind": "burst", "objects": 10**12}, {"kind": "mix", "operations": 10**10, "live": 10}])
def test_what_takes_too_much_is_refused_before_anything_is_compiled(
    workload: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[Any] = []
    monkeypatch.setattr("slabdes.engine.compiled.run.prepare", lambda *given: compiled.append(given))
    with pytest.raises(InputError, match=r"(at a time|would) take about"):
        run_study(experiment(workload=workload, engine="compiled", replications=10_000))
    assert not compiled


class Interrupting:
    """An engine that is interrupted when it comes to its n-th replication."""

    def __init__(self, limit: int) -> None:
        self.left = limit

    def __call__(self, *arguments: Any, **more: Any) -> Records:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        return run_reference(*arguments, **more)


def finished(out: Path) -> list[tuple[int, int]]:
    """Point and replication of each that is kept, in the order in which they were finished."""
    return list(Journal(working_path(out) / JOURNAL).finished)


def test_finished_replications_are_kept_when_a_run_is_interrupted_and_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, swept = tmp_path / "out", experiment(**SWEEP)
    whole = run_study(swept)
    # Two replications a point: the fifth is the first of the third point, which is interrupted in its second.
    monkeypatch.setitem(engines.ENGINES, EngineName.REFERENCE, Interrupting(5))
    with pytest.raises(KeyboardInterrupt):
        run_study(swept, out=out)
    assert finished(out) == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]
    with pytest.raises(InputError, match="holds 5 finished replications of this experiment; allowed: --resume"):
        run_study(swept, out=out)
    with pytest.raises(InputError, match="was begun with another experiment: seed was 1, is 2; allowed: the same experiment"):
        run_study(experiment(seed=2, **SWEEP), out=out, resume=True)
    assert len(finished(out)) == 5
    # Three replications are left, and no more are asked for.
    monkeypatch.setitem(engines.ENGINES, EngineName.REFERENCE, Interrupting(3))
    assert run_study(swept, out=out, resume=True).digest == whole.digest
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("name", ["Python", "numpy", "numba", "polars"])
def test_a_study_is_not_gone_on_with_after_an_upgrade(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, swept = tmp_path / "out", experiment(**SWEEP)
    versions = study_run.counting_versions()
    monkeypatch.setitem(engines.ENGINES, EngineName.REFERENCE, Interrupting(1))
    with pytest.raises(KeyboardInterrupt):
        run_study(swept, out=out)
    monkeypatch.setattr(study_run, "counting_versions", lambda: versions | {name: "99"})
    with pytest.raises(
        InputError, match=f"was begun with {name} {versions[name]}, this is 99; allowed: {name} {versions[name]}, or"
    ):
        run_study(swept, out=out, resume=True)
    assert finished(out) == [(0, 0)]


def test_an_interruption_before_the_first_replication_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engines.ENGINES, EngineName.REFERENCE, Interrupting(0))
    with pytest.raises(KeyboardInterrupt):
        run_study(experiment(**SWEEP), out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_resume_without_anything_to_go_on_from_is_a_run(tmp_path: Path) -> None:
    assert run_study(experiment(), out=tmp_path / "out", resume=True).digest == run_study(experiment()).digest


def wait_for(mine: int, other: int) -> Iterator[Step]:
    """Free what the other CPU allocates only after it has freed what this one allocates: neither ever does."""
    yield 0, Op.FREE, 0, other, ANY_NODE, 0
    yield 0, Op.ALLOC, 0, mine, ANY_NODE, MAY_WAIT


def test_programs_that_wait_for_each_other_end_the_run_in_one_line_that_names_the_cpus() -> None:
    asked = experiment()
    programs = {0: lambda: wait_for(0, 1), 5: lambda: wait_for(1, 0)}
    with pytest.raises(Stalled) as error:
        run_reference(asked, machine_of(asked), Workload(programs, asked.cache))
    assert error.value.exit_code == 1
    assert "\n" not in str(error.value)
    assert "0" in str(error.value)
    assert "5" in str(error.value)

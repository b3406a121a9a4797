# SPDX-License-Identifier: GPL-2.0-only
"""How much of a replay is run at each load: replications as effort lets, then less of the trace, unless all is wanted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from slabdes.config import parse_experiment
from slabdes.scan import trace as scan_trace
from slabdes.study.load import MOST_EFFORT, THINKS, LoadPlan, answers_with_load, plan_loads, run_loads
from slabdes.study.plan import PlannedPoint, plan
from slabdes.study.run import run_study
from slabdes.study.spools import Spools

EACH = MOST_EFFORT // len(THINKS)
"""Effort of one replication at each load with which all is used up."""


@pytest.fixture
def planned(tmp_path: Path) -> PlannedPoint:
    trace = tmp_path / "t.txt"
    fields = "call_site=f bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL name=x"
    trace.write_text("\n".join(f"t-1 [{n % 2}] 1.{n:06d}: kmem_cache_alloc: ptr={n + 1:x}00 {fields}" for n in range(60)))
    raw = {"machine": {"preset": "uma-4"}, "workload": {"kind": "trace", "file": str(trace)}, "engine": "reference"}
    (point,) = plan(parse_experiment(raw, "test"), tmp_path / "spools")
    return point


def test_replications_are_as_many_as_effort_lets_and_three_at_least(planned: PlannedPoint) -> None:
    found = [plan_loads(replace(planned, effort=effort), False) for effort in (1, EACH // 4, EACH // 3)]
    assert found == [LoadPlan(times, None, 60) for times in (5, 4, 3)]


def test_where_all_loads_take_too_long_the_begin_of_the_trace_is_run_or_all_of_it_if_that_is_wanted(
    planned: PlannedPoint,
) -> None:
    large = replace(planned, effort=EACH)
    assert plan_loads(large, False) == LoadPlan(3, 20, 60)
    assert plan_loads(large, True) == LoadPlan(3, None, 60)
    assert plan_loads(replace(planned, effort=10**15), False).first == 1


def test_a_load_that_was_run_often_enough_is_not_run_again_and_the_trace_is_read_once(
    planned: PlannedPoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    index = scan_trace.index_trace
    monkeypatch.setattr(scan_trace, "index_trace", lambda path, progress=None: read.append(path) or index(path, progress))
    spools = Spools(tmp_path)
    for replications, kept in ((5, True), (1, False)):
        experiment = planned.experiment.model_copy(update={"replications": replications})
        run = run_study(experiment, spools=spools)
        loads = run_loads(run, experiment, spools, whole=False)
        assert [load for load, _frames in loads.frames][:2] == [1.0, 1 / 0.3]
        assert (loads.frames[0][1] is run.frames) == kept
        assert loads.frames[0][1].digest() == run_study(experiment.model_copy(update={"replications": 5}), spools=spools).digest
    assert len(read) == 1


def test_only_a_single_replay_with_think_times_is_run_at_more_loads() -> None:
    workload = {"kind": "trace", "file": "t.txt"}
    machine = {"machine": {"preset": "uma-4"}}
    assert answers_with_load(parse_experiment(machine | {"workload": workload}, "test"))
    assert not answers_with_load(parse_experiment(machine | {"workload": workload | {"think": "none"}}, "test"))
    swept = machine | {"workload": workload, "sweep": {"workload.copies": [1, 2]}}
    assert not answers_with_load(parse_experiment(swept, "test"))

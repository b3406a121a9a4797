# SPDX-License-Identifier: GPL-2.0-only
"""What a study takes of this computer is estimated, and refused where it is not there; estimates are near what is taken."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from slabdes.config import EngineName, parse_experiment
from slabdes.engine.compiled.run import run_compiled
from slabdes.engine.reference.run import run_reference
from slabdes.errors import InputError
from slabdes.results.frames import Point, frames_of
from slabdes.study import bounds, memory
from slabdes.study.bounds import check_bounds, check_disk, needed
from slabdes.study.memory import check_machines
from slabdes.study.plan import PlannedPoint, plan
from slabdes.study.run import run_study
from slabdes.workload.synthetic import build_synthetic

MIB = 1 << 20


def points_of(**tables: Any) -> list[PlannedPoint]:
    raw: dict[str, Any] = {
        "machine": {"preset": "numa-2x4"},
        "cache": [{"name": "c", "size": 256}],
        "workload": {"kind": "burst", "objects": 10},
    }
    return list(plan(parse_experiment(raw | tables, "e.toml"), None))


def refused(points: list[PlannedPoint], engine: EngineName = EngineName.COMPILED, jobs: int = 1) -> str:
    with pytest.raises(InputError) as caught:
        check_bounds(points, {point.index: engine for point in points}, jobs, "e.toml")
    return str(caught.value)


@pytest.mark.parametrize("engine", [EngineName.REFERENCE, EngineName.COMPILED])
@pytest.mark.parametrize(
    "workload",
    [
        {"kind": "burst", "objects": 8_000, "rounds": 1},
        {"kind": "mix", "operations": 1000, "live": 4_000},
        {"kind": "producer_consumer", "objects": 8_000, "window": 8_000},
    ],
    ids=lambda workload: workload["kind"],
)
def test_an_estimate_is_near_what_a_run_takes(engine: EngineName, workload: dict[str, Any]) -> None:
    (point,) = points_of(workload=workload, machine={"preset": "numa-2x4", "cpus": 2})
    run = run_compiled if engine is EngineName.COMPILED else run_reference
    run(*small(point))  # whatever is made once
    built = build_synthetic(point.experiment, point.machine, 0)
    tracemalloc.start()
    run(point.experiment, point.machine, built, 0)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    estimate = sum(need.bytes for need in needed(point, engine))
    assert taken / 4 < estimate < 4 * taken, f"{estimate / MIB:.1f} MiB estimated, {taken / MIB:.1f} MiB taken"


def small(point: PlannedPoint) -> tuple[Any, ...]:
    (other,) = points_of()
    return other.experiment, other.machine, build_synthetic(other.experiment, other.machine, 0), 0


def test_more_objects_than_memory_has_room_for_are_refused_by_their_key(monkeypatch: pytest.MonkeyPatch) -> None:
    points = points_of(workload={"kind": "burst", "objects": 100_000})
    check_bounds(points, {0: EngineName.COMPILED}, 1)
    monkeypatch.setattr(bounds, "memory_bytes", lambda: 16 * MIB)
    assert refused(points).startswith("e.toml: workload: 800,000 objects at a time take about 0.")
    wide = points_of(cache=[{"name": "wide", "size": 64, "limit": 1_000_000, "batchcount": 10}])
    assert refused(wide).startswith("e.toml: cache.wide.limit: arrays for ")


def test_jobs_need_their_memory_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    points = points_of(workload={"kind": "burst", "objects": 100_000}, replications=3)
    one = sum(need.bytes for need in needed(points[0], EngineName.COMPILED))
    monkeypatch.setattr(bounds, "memory_bytes", lambda: 2 * one + sum(need.bytes for need in bounds.kept(points)))
    for jobs in (1, 2):
        check_bounds(points, {0: EngineName.COMPILED}, jobs)
    for jobs in (3, 6000):
        assert " in each of 3 jobs; allowed: " in refused(points, jobs=jobs)
        assert refused(points, jobs=jobs).endswith("fewer --jobs, or a smaller experiment")


def test_results_that_are_kept_are_estimated_near_what_they_take() -> None:
    (point,) = points_of(workload={"kind": "mix", "operations": 300, "live": 20}, machine={"preset": "numa-2x4"})
    frames_of(Point(0, "m", point.cpus), [run_reference(*small(point))])  # whatever is made once
    built = build_synthetic(point.experiment, point.machine, 0)
    tracemalloc.start()
    records = [run_reference(point.experiment, point.machine, built, 0)] * 4
    tracemalloc.reset_peak()
    frames = frames_of(Point(0, "m", point.cpus), records)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    estimate = memory.records_bytes(point.machine.n_cpus, point.machine.n_nodes, 1)
    assert taken / 4 < 4 * estimate < 4 * taken
    size = sum(frame.estimated_size() for _name, frame in frames.items())
    assert memory.COPIES * size / 4 < memory.frames_bytes(4 * estimate) < 8 * memory.COPIES * size


def test_results_of_all_replications_and_points_are_kept_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    one = memory.records_bytes(8, 2, 1)
    monkeypatch.setattr(bounds, "memory_bytes", lambda: 1000 * one)
    for replications, points, told in (
        (10, 10, None),
        (1500, 1, "replications: results of 1,500 replications"),
        (10, 400, "sweep"),
    ):
        study = points_of(replications=replications, sweep={"seed": list(range(1, points + 1))})
        if told is None:
            check_bounds(study, dict.fromkeys(range(points), EngineName.COMPILED), 1)
        else:
            assert refused_all(study).startswith(f"e.toml: {told}")


def refused_all(points: list[PlannedPoint]) -> str:
    with pytest.raises(InputError) as caught:
        check_bounds(points, dict.fromkeys(range(len(points)), EngineName.COMPILED), 1, "e.toml")
    return str(caught.value)


def test_weeks_of_simulation_are_refused_and_the_faster_engine_is_named() -> None:
    points = points_of(workload={"kind": "mix", "operations": 10**10, "live": 10})
    check_bounds(points, {0: EngineName.COMPILED}, 1)
    told = refused(points, EngineName.REFERENCE)
    assert "workload: would take about " in told and told.endswith('7 days; fewer operations or points, engine = "compiled"')


def test_machines_of_a_sweep_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    check_machines(10, 1024)
    monkeypatch.setattr(memory, "memory_bytes", lambda: 100 * MIB)
    with pytest.raises(InputError, match=r"^sweep: 10 machines of 1024 CPUs take about 0 GiB; allowed: the 0 GiB .*; several"):
        check_machines(10, 1024)


@pytest.mark.parametrize(
    "workload",
    [{"kind": "mix", "operations": 5000, "live": 50}, {"kind": "critical_section", "operations": 5000, "hold_ns": 100.0}],
    ids=lambda workload: workload["kind"],
)
def test_event_logs_that_do_not_fit_on_the_disk_are_refused_and_estimates_are_near(
    workload: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = {"log": True, "replications": 2, "workload": workload, "name": "e", "engine": "reference"}
    points = points_of(**logged)
    run_study(points[0].experiment, out=tmp_path / "out")
    taken = sum(file.stat().st_size for file in (tmp_path / "out" / "log").rglob("*.parquet"))
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=taken * 4))
    check_disk(points, (), tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=taken // 4))
    monkeypatch.setattr("slabdes.study.run._Study._run", lambda *given: pytest.fail("it simulates"))
    with pytest.raises(InputError, match=r"^e\.toml: log: event logs take about .* that are free at .*, or log = false$"):
        run_study(points[0].experiment, out=tmp_path / "other", where="e.toml")
    assert not (tmp_path / "other").exists()
    # What is finished takes nothing more, nor does what keeps no log.
    check_disk(points, [(0, 0), (0, 1)], tmp_path)
    check_disk(points_of(), (), tmp_path)

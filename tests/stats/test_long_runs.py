# SPDX-License-Identifier: GPL-2.0-only
"""One long run: warm-up, mean and percentiles of a series, and of a real event log; the law of a sweep by CPUs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from known_processes import ar1

import slabdes
from slabdes.config import parse_experiment
from slabdes.errors import InputError
from slabdes.stats.long_runs import long_run
from slabdes.study.run import run_study

EXPERIMENT: dict[str, Any] = {
    "engine": "reference",
    "machine": {"preset": "numa-2x4", "cpus": 2},
    "workload": {"kind": "critical_section", "operations": 400, "think_ns": 100, "hold_ns": 50},
}


def test_a_series_with_a_rise_is_cut_and_told_with_intervals_that_hold() -> None:
    series = 100 + ar1(0.5, 200, 8_000, seed=31, start=40.0)
    found = [long_run(values) for values in series]
    assert sum(one.mean.interval.contains(100.0) for one in found) >= 180
    medians = [one.quantiles[0.5] for one in found]
    assert sum(one is not None and one.contains(100.0) for one in medians) >= 180
    assert all(one.quantiles[0.999] is None for one in found)  # worth 8,000 / 3 samples, of the 3,688 that it takes
    told = " ".join(found[0].sentences())
    assert "left out as warm-up" in told
    assert "p99.9: not enough samples (needs 3,688 independent ones)" in told


def test_a_series_that_rises_all_the_time_is_said_to_have_no_steady_state() -> None:
    told = " ".join(long_run([float(value) for value in range(2_000)]).sentences())
    assert "No steady state is seen" in told
    assert "a longer run is needed" in told


def test_a_run_s_event_log_is_a_series(tmp_path: Path) -> None:
    run = run_study(parse_experiment(EXPERIMENT | {"log": True}, "run"), out=tmp_path / "run")
    found = slabdes.long_run(tmp_path / "run", "section")
    assert found.warm_up.n == 800
    every = run.summary().filter(op="section")["mean_ns"].item()
    assert found.mean.interval.mean == pytest.approx(every, rel=0.1)
    with pytest.raises(InputError, match="'alloc' is not in the log"):
        slabdes.long_run(tmp_path / "run")
    with pytest.raises(InputError, match="no log of operations"):
        slabdes.long_run(tmp_path / "run", replication=3)


def test_a_sweep_by_cpus_has_a_law_with_intervals_and_another_one_has_none() -> None:
    quick = EXPERIMENT | {"replications": 3, "workload": EXPERIMENT["workload"] | {"operations": 100}}
    study = slabdes.sweep(quick, {"machine.cpus": [1, 2, 4, 6, 8]})
    (law,) = study.laws().values()
    assert law.contention.n == 3
    assert 0.2 <= law.contention.value <= 1  # a third of the time, at least, is one after the other
    with pytest.raises(InputError, match="several points of 2 CPUs"):
        slabdes.sweep(quick, {"workload.hold_ns": [50, 60]}).laws()

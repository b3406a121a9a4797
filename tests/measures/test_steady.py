# SPDX-License-Identifier: GPL-2.0-only
"""The steady state of a logged run: what is cut from it, told, and where there is none."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import small_experiment

from slabdes.answers.answer import answer
from slabdes.answers.tables import steady_sheet, view_of
from slabdes.config import parse_experiment
from slabdes.measures.steady import steady
from slabdes.results.event_log import times_in_order
from slabdes.results.run import Run
from slabdes.stats.steady import warm_up
from slabdes.study.run import run_study

MIX = {"kind": "mix", "operations": 500, "live": 40, "think_ns": 50}


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    folder = tmp_path_factory.mktemp("logged") / "run"
    raw = small_experiment() | {"workload": MIX, "log": True, "engine": "reference"}
    return run_study(parse_experiment(raw, "small"), out=folder), folder


def test_the_warm_up_of_each_replication_is_cut_and_told(logged: tuple[Run, Path]) -> None:
    run, folder = logged
    row = next(row for row in steady(run.manifest, run.frames, folder) if row["op"] == "alloc")
    series = [times_in_order(folder, "alloc", 0, replication) for replication in (0, 1)]
    cuts = [warm_up(one).cut for one in series]
    rest = [time for one, cut in zip(series, cuts, strict=True) for time in one[cut:]]
    assert row["cut"] == sum(cuts) / 2 > 0 and row["operations"] == sum(map(len, series)) / 2
    assert row["mean_ns"] == pytest.approx(sum(rest) / len(rest))
    assert row.intervals["mean_ns"].half_width is not None and row["p999_ns"] is None
    view = view_of(run, folder=folder)
    assert "Warm-up, by MSER-5: without the first " in " ".join(answer(view))
    assert "not enough samples" in " ".join(steady_sheet(view).remarks)


def test_a_run_without_a_log_says_that_its_warm_up_is_in_its_figures_and_a_burst_has_none(logged: tuple[Run, Path]) -> None:
    run, folder = logged
    assert "the warm-up is in these figures (log = true" in answer(view_of(run))[-1]
    for workload in ({"kind": "burst", "objects": 150}, {"kind": "pages", "operations": 150}):
        experiment = run.manifest.experiment | {"workload": workload}
        burst = Run(replace(run.manifest, experiment=experiment), run.frames)
        assert steady(burst.manifest, burst.frames, folder) == []
        assert "warm-up" not in " ".join(answer(view_of(burst, folder=folder)))

# SPDX-License-Identifier: GPL-2.0-only
"""A run's warm-up: it is in no figure, that is told, and where there is nothing to settle nothing is cut."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import small_experiment

from slabdes.answers.answer import answer
from slabdes.answers.screen import as_plain
from slabdes.answers.tables import steady_sheet, view_of
from slabdes.config import parse_experiment
from slabdes.measures.steady import steady
from slabdes.results.accounting import check_accounting
from slabdes.results.run import Run
from slabdes.results.text import count_text
from slabdes.study.run import run_study

MIX = {"kind": "mix", "operations": 2_500, "live": 40, "think_ns": 50}
TOO_SHORT = MIX | {"operations": 40}


def run_of(workload: dict[str, Any], out: Path | None = None, **more: Any) -> Run:
    return run_study(parse_experiment(small_experiment() | {"workload": workload} | more, "small"), out=out)


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """From empty lists: the first allocations grow the cache."""
    folder = tmp_path_factory.mktemp("cut") / "run"
    run_of(MIX, folder)
    return Run.load(folder)


@pytest.fixture(scope="module")
def whole() -> Run:
    return run_of(MIX, warm_up="none")


def test_growth_from_empty_lists_is_warm_up_and_the_steady_state_has_none(cut: Run, whole: Run) -> None:
    (row,) = steady(cut.frames)
    assert 0 < row["cut"] < row["operations"] / 2 and row["settled"] == row["replications"] == 2
    assert whole.caches["grown"].sum() > 0 == cut.caches["grown"].sum()
    allocs = [run.summary().filter(op="alloc") for run in (cut, whole)]
    assert allocs[0]["mean_ns"].item() < 0.8 * allocs[1]["mean_ns"].item()


def test_what_is_cut_is_in_no_count_but_in_the_digest(cut: Run, whole: Run) -> None:
    assert cut.digest == whole.digest
    (row,) = steady(cut.frames)
    assert cut.operations["count"].sum() == 2 * (row["operations"] - row["cut"])
    assert whole.operations["count"].sum() == 2 * row["operations"]
    times = cut.runs.select("warm_up_ns", "elapsed_ns").sum_horizontal()
    assert times.to_list() == pytest.approx(whole.runs["elapsed_ns"].to_list())
    assert check_accounting(cut.frames) == check_accounting(whole.frames) == []
    for taken in ("acquisitions", "hold_total_ns", "wait_total_ns"):
        assert cut.locks[taken].sum() < whole.locks[taken].sum()


def test_how_much_is_cut_is_told(cut: Run) -> None:
    told = " ".join(answer(view_of(cut)))
    (row,) = steady(cut.frames)
    cut_of_all = f"{count_text(row['cut'])} of {count_text(row['operations'])} operations"
    assert f"Warm-up, by MSER: the first {cut_of_all} of a replication (" in told
    assert "steady state" not in told
    assert steady_sheet(view_of(cut, everything=True)).rows[0][-1] == "2 of 2" and not steady_sheet(view_of(cut)).rows
    assert json.loads(json.dumps(as_plain(cut)))["steady"][0]["cut"] == row["cut"]


def test_what_is_too_short_to_tell_is_counted_as_a_whole() -> None:
    run = run_of(TOO_SHORT)
    assert run.operations["count"].sum() == 2 * 4 * 40 and run.runs["warm_up_ns"].sum() == 0
    assert "No steady state is seen in 2 of 2 replications: the run is too short" in " ".join(answer(view_of(run)))


@pytest.mark.parametrize("workload", [{"kind": "burst", "objects": 150}, {"kind": "pages", "blocks": 150}])
def test_a_burst_has_no_steady_state_and_is_not_cut(workload: dict[str, Any]) -> None:
    run = run_of(workload, replications=1)
    assert steady(run.frames) == [] and run.operations["count"].sum() == 4 * 300
    assert "a steady state, which a burst" in answer(view_of(run))[-1]


def test_a_run_whose_warm_up_is_not_to_be_cut_says_that_it_is_in_its_figures(whole: Run) -> None:
    assert steady(whole.frames) == []
    assert 'as the warm-up is in these figures (warm_up = "mser" cuts it)' in answer(view_of(whole))[-1]

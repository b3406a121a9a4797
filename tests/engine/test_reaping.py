# SPDX-License-Identifier: GPL-2.0-only
"""Turns of the reap timer are recorded with what they hold, and may drain every alien cache; the same on both engines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import slabdes
from slabdes.answers.answer import answer
from slabdes.answers.screen import as_plain
from slabdes.answers.tables import upkeep_locks_sheet, upkeep_sheet, view_of
from slabdes.config import parse_experiment
from slabdes.engine.event_log import EventLog, Logged, Rows
from slabdes.engine.records import Upkeep
from slabdes.engine.reference.run import run_reference
from slabdes.results.log_accounting import check_log
from slabdes.study.plan import machine_of
from slabdes.workload.synthetic import build_synthetic

SECONDS = 6
TURNS = SECONDS // 2
"""Of each CPU: at 1 s, 3 s and 5 s."""


RAW = {
    "machine": {"preset": "numa-2x4"},
    "warm_up": "none",
    "cache": [{"name": "size-256", "size": 256}],
    "workload": {"kind": "producer_consumer", "objects": 60, "think_ns": SECONDS * 1e9 / 60 - 1e6, "think": "constant"},
}


def reaped(engine: str, **more: Any) -> slabdes.Run:
    return slabdes.simulate(RAW | {"engine": engine} | more)


@pytest.fixture(scope="module", params=["reference", "compiled"])
def runs(request: pytest.FixtureRequest) -> tuple[slabdes.Run, slabdes.Run]:
    return reaped(request.param), reaped(request.param, reap_drains_all_aliens=True)


def test_every_turn_is_counted_and_told(runs: tuple[slabdes.Run, slabdes.Run]) -> None:
    for run in runs:
        (row,) = run.reap_summary().iter_rows(named=True)
        assert row["turns"] == 8 * TURNS
        assert 0 < row["p50_ns"] <= row["max_ns"]
        assert row["p99_ns"] is None  # too few turns
        assert run.check() == []
        assert upkeep_sheet(view_of(run)).rows[0][:2] == ("cache_reap", str(8 * TURNS))
        assert as_plain(run)["reaping"] == [row]
        assert set(run.interrupt_summary()["what"]) <= {"off", "wait"}


def test_what_a_turn_holds_is_told_lock_by_lock(runs: tuple[slabdes.Run, slabdes.Run]) -> None:
    """Alien locks are taken by reaps alone here: nobody fills an alien cache, so frees take list_lock of no other node."""
    for run in runs:
        held = run.per_upkeep()
        assert held["turn_ns"].sum() == pytest.approx(run.reap_summary()["held_ns"][0])
        both = held.join(run.per_lock(), on=("point", "kind", "cache", "node"), suffix="_all")
        assert both.height == held.height > 1
        assert (both["holds"] <= both["acquisitions"]).all()
        assert (both["max_hold_ns"] <= both["max_hold_ns_all"]).all()
        assert len(upkeep_locks_sheet(view_of(run)).rows) == held.height
        assert as_plain(run)["upkeep_locks"] == held.to_dicts()


def test_a_turn_that_drains_all_takes_the_lock_even_of_an_empty_alien_cache(runs: tuple[slabdes.Run, slabdes.Run]) -> None:
    """Consumers sit on node 1: nobody frees from node 0, and its CPUs' 4 x TURNS turns find its alien cache empty."""
    taken = [run.locks.filter((pl.col("kind") == "alien lock") & (pl.col("node") == 0))["acquisitions"].sum() for run in runs]
    assert taken == [0, 4 * TURNS]
    assert runs[0].digest != runs[1].digest
    of_turns = runs[1].per_upkeep().filter((pl.col("kind") == "alien lock") & (pl.col("node") == 0))
    assert of_turns["holds"].to_list() == [4 * TURNS]


def test_engines_agree_on_turns() -> None:
    one, other = reaped("reference", reap_drains_all_aliens=True), reaped("compiled", reap_drains_all_aliens=True)
    assert one.digest == other.digest
    assert one.reap_summary().equals(other.reap_summary())
    assert one.per_upkeep().equals(other.per_upkeep())


SLOW = {"machine": {"preset": "numa-2x4", "costs": {"move_object": 1e8}}}
"""Where a pointer takes 100 ms to be moved, turns hold locks for so long that others come meanwhile."""


def test_waits_behind_turns_are_told() -> None:
    run = reaped("reference", **SLOW)
    (row,) = run.reap_summary().iter_rows(named=True)
    held = run.per_upkeep()
    assert held["lost_ns"].sum() == pytest.approx(row["lost_ns"])
    assert 0 < row["lost_ns"] < run.per_lock()["lost_ns"].sum()
    assert run.check() == []
    (told,) = (sentence for sentence in answer(view_of(run)) if "cache_reap" in sentence)
    assert told.startswith(f"Turns of cache_reap ({row['turns']:.0f}, ")
    assert "size-256 alien node 1 for up to" in told


def test_each_turn_is_logged_also_one_that_is_given_up() -> None:
    parts: dict[Logged, list[Rows]] = {kind: [] for kind in Logged}
    experiment = parse_experiment(RAW | SLOW, "test")
    machine = machine_of(experiment)
    log = EventLog(lambda kind, rows: parts[kind].append(rows))
    records = run_reference(experiment, machine, build_synthetic(experiment, machine, 0), 0, None, log)
    turns = np.concatenate(parts[Logged.TURNS])
    assert set(turns[:, 3]) == {Upkeep.REAP}
    taken = turns[turns[:, 4] == 1]
    times = records.turns[Upkeep.REAP]
    assert len(taken) == times.count < len(turns)
    assert (taken[:, 2] - taken[:, 1]).sum() == times.total
    assert check_log({kind: np.concatenate(rows) for kind, rows in parts.items()}) == []


def test_a_run_folder_of_before_has_no_rows_of_what_turns_hold(runs: tuple[slabdes.Run, slabdes.Run], tmp_path: Path) -> None:
    run = runs[0]
    run.save(tmp_path / "run")
    (tmp_path / "run/frames/upkeep_locks.parquet").unlink()
    with pytest.raises(slabdes.InputError, match="missing"):
        slabdes.Run.load(tmp_path / "run")
    path = tmp_path / "run/frames/sha256.json"
    sums = json.loads(path.read_text())
    del sums["upkeep_locks.parquet"]
    path.write_text(json.dumps(sums))
    before = slabdes.Run.load(tmp_path / "run")
    assert before.digest == run.digest
    assert before.per_upkeep().height == 0
    assert before.reap_summary()["held_ns"].to_list() == [0.0]

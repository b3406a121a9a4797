# SPDX-License-Identifier: GPL-2.0-only
"""Turns of the reap timer are recorded, and may drain every alien cache; the same on both engines."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import slabdes
from slabdes.answers.screen import as_plain
from slabdes.answers.tables import reaping_sheet, view_of

SECONDS = 6
TURNS = SECONDS // 2
"""Of each CPU: at 1 s, 3 s and 5 s."""


def reaped(engine: str, **more: Any) -> slabdes.Run:
    workload = {"kind": "producer_consumer", "objects": 60, "think_ns": SECONDS * 1e9 / 60 - 1e6, "think": "constant"}
    cache = {"name": "size-256", "size": 256}
    return slabdes.simulate({"machine": {"preset": "numa-2x4"}, "cache": [cache], "workload": workload, "engine": engine, **more})


@pytest.fixture(scope="module", params=["reference", "compiled"])
def runs(request: pytest.FixtureRequest) -> tuple[slabdes.Run, slabdes.Run]:
    return reaped(request.param), reaped(request.param, reap_drains_all_aliens=True)


def test_every_turn_is_counted_and_told(runs: tuple[slabdes.Run, slabdes.Run]) -> None:
    for run in runs:
        (row,) = run.reap_summary().iter_rows(named=True)
        assert row["turns"] == 8 * TURNS
        assert 0 < row["p50_ns"] <= row["p99_ns"] <= row["max_ns"]
        assert run.check() == []
        assert reaping_sheet(view_of(run)).rows[0][:2] == ("cache_reap", str(8 * TURNS))
        assert as_plain(run)["reaping"] == [row]
        assert set(run.interrupt_summary()["what"]) <= {"off", "wait"}


def test_a_turn_that_drains_all_takes_the_lock_even_of_an_empty_alien_cache(runs: tuple[slabdes.Run, slabdes.Run]) -> None:
    """Consumers sit on node 1: nobody frees from node 0, and its CPUs' 4 x TURNS turns find its alien cache empty."""
    taken = [run.locks.filter((pl.col("kind") == "alien lock") & (pl.col("node") == 0))["acquisitions"].sum() for run in runs]
    assert taken == [0, 4 * TURNS]
    assert runs[0].digest != runs[1].digest


def test_engines_agree_on_turns() -> None:
    one, other = reaped("reference", reap_drains_all_aliens=True), reaped("compiled", reap_drains_all_aliens=True)
    assert one.digest == other.digest
    assert one.reap_summary().equals(other.reap_summary())

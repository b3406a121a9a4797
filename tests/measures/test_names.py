# SPDX-License-Identifier: GPL-2.0-only
"""Measures by name, of operations, upkeep and interrupts alike."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import small_experiment

from slabdes.answers.answer import answer
from slabdes.answers.best import best
from slabdes.answers.named import measure_name
from slabdes.answers.tables import view_of
from slabdes.config import parse_experiment
from slabdes.errors import InputError
from slabdes.measures.compare import compare_points
from slabdes.measures.names import MEASURES, intervals, measure_of, measured
from slabdes.results.frames import Frames
from slabdes.study.run import run_study


@pytest.fixture(scope="module")
def frames() -> Frames:
    raw = small_experiment() | {"upkeep": {"shrink_every_ms": 0.002}, "sweep": {"cache.0.limit": [12, 60]}}
    return run_study(parse_experiment(raw, "small")).frames


def test_upkeep_is_compared_with_intervals_as_operations_are(frames: Frames) -> None:
    pair = compare_points(frames, (0, 1))
    row = pair.row("shrink_mean_ns")
    assert row is not None and row.first.half_width is not None and row.difference.half_width is not None
    assert row.first == intervals(frames, "shrink_mean_ns")[0]
    assert pair.row("shrink_lost_ns") is not None and pair.row("reap_mean_ns") is None
    assert "shrink_p999_ns" in pair.few


def test_a_measure_that_a_point_has_is_one_that_users_can_name(frames: Frames) -> None:
    assert {name for found in measured(frames, every=True).values() for name in found} <= set(MEASURES)
    assert (measure_of("reap.lost"), measure_of("wait.p99.9")) == ("reap_lost_ns", "wait_p999_ns")
    assert measure_name("reap_p99_ns") == "cache_reap p99" and measure_name("off_mean_ns") == "interrupts off mean"
    with pytest.raises(InputError, match=r"--decide alloc.held: no measure"):
        measure_of("alloc.held")


def test_settings_are_ranked_by_times_where_thinking_tells_the_rate() -> None:
    raw = small_experiment() | {"workload": {"kind": "mix", "operations": 200, "live": 20, "think_ns": 20_000}}
    run = run_study(parse_experiment(raw | {"replications": 5, "sweep": {"cache.0.limit": [4, 60]}}, "small"))
    told = answer(view_of(run))[0]
    assert told.startswith("Of 2 settings limit 60 is the fastest, with a mean alloc of ")
    assert "times that of the slowest, limit 4; that is " in told and "less than the other" in told
    assert best(view_of(run.of_points([0, 1]))) == told

# SPDX-License-Identifier: GPL-2.0-only
"""Comparing along a key that changes the machine: its name changes with it, and must not keep the sides apart."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import small_experiment

from slabdes.config import parse_experiment
from slabdes.measures.compare import compare_by
from slabdes.results import metrics
from slabdes.study.run import run_study


@pytest.mark.parametrize(("key", "values"), [("machine.costs.lock_op", [5, 50]), ("machine.preset", ["numa-2x4", "uma-4"])])
def test_a_sweep_of_machines_is_compared_value_by_value(key: str, values: list[object]) -> None:
    raw = small_experiment() | {"sweep": {key: values, "machine.cpus": [1, 2]}}
    rows = compare_by(run_study(parse_experiment(raw, "test")), key).rows
    assert {row.label["cpus"] for row in rows} == {1, 2} and all(key not in row.label for row in rows)


def test_a_figure_along_a_cost_has_one_line_and_one_point_that_stands_for_all() -> None:
    raw = small_experiment() | {"sweep": {"machine.costs.lock_op": [5, 50, 500]}}
    frames = run_study(parse_experiment(raw, "test")).frames
    assert metrics.x_key(frames) == "machine.costs.lock_op"
    assert metrics.series_keys(frames) == []
    assert len(metrics.focus_points(frames)) == 1

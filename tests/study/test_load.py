# SPDX-License-Identifier: GPL-2.0-only
"""The answer of a replay by load: between which loads waiting reaches a mark, in numbers that can be worked out by hand."""

from __future__ import annotations

import pytest

from slabdes.config import parse_experiment
from slabdes.study.load import LoadPoint, answers_with_load, load_at, load_sentence, load_sheet


def points(*loads_and_waiting: tuple[float | None, float]) -> list[LoadPoint]:
    return [LoadPoint(load, 1e6, 10.0, 20.0, waiting, 0.25) for load, waiting in loads_and_waiting]


RISING = points((1, 0.0), (10, 0.2), (100, 0.6), (None, 0.8))


def test_a_mark_between_two_loads_is_where_waiting_rises_evenly_with_the_loads_logarithm() -> None:
    # Half-way from 0 to 20 % is half-way from 1 to 10 in the logarithm; three quarters from 20 to 60 % likewise.
    assert load_at(RISING, 0.1) == pytest.approx(10**0.5)
    assert load_at(RISING, 0.5) == pytest.approx(10**1.75)


def test_a_mark_that_is_reached_at_once_or_only_without_think_times_has_no_load_in_between() -> None:
    assert load_at(points((1, 0.7), (10, 0.9)), 0.5) == 1
    assert load_at(points((1, 0.0), (10, 0.3), (None, 0.9)), 0.5) is None


def test_the_sentence_tells_the_recorded_load_and_each_mark() -> None:
    told = load_sentence(RISING)
    assert told.startswith(
        "At the recorded load CPUs spend 0 % of their time waiting for locks, 10.0 % at 3.2x that load, 50.0 % at 56x"
    )
    assert "0.6 % where they do not think at all" in load_sentence(points((1, 0.0), (10, 0.003), (None, 0.006)))


def test_the_table_has_a_row_a_load_with_waiting_for_locks_and_for_the_other_side_apart() -> None:
    sheet = load_sheet(RISING)
    assert [row[0] for row in sheet.rows] == ["1.0x", "10x", "100x", "no think"]
    assert sheet.rows[1][-2:] == ("20.0 %", "25.0 %")


def test_only_a_single_replay_with_think_times_that_is_not_too_long_is_run_at_more_loads() -> None:
    workload = {"kind": "trace", "file": "t.txt"}
    machine = {"machine": {"preset": "uma-4"}}
    assert answers_with_load(parse_experiment(machine | {"workload": workload}, "test"), 1000)
    assert not answers_with_load(parse_experiment(machine | {"workload": workload}, "test"), 10**9)
    assert not answers_with_load(parse_experiment(machine | {"workload": workload | {"think": "none"}}, "test"), 1000)
    swept = machine | {"workload": workload, "sweep": {"workload.copies": [1, 2]}}
    assert not answers_with_load(parse_experiment(swept, "test"), 1000)

# SPDX-License-Identifier: GPL-2.0-only
"""What a replay says of its load: each mark with its interval, how many replications, and of which part of the trace."""

from __future__ import annotations

import json

from slabdes.answers.loads import load_answer, load_sheet
from slabdes.measures.loads import ByLoad, LoadFigures, LoadPoint
from slabdes.stats.intervals import Interval


def point(load: float | None, *waiting: float) -> LoadPoint:
    def figure(value: float, half: float) -> Interval:
        return Interval(value, half if len(waiting) > 1 else None, len(waiting), 0.95)

    mean = figure(sum(waiting) / len(waiting), 0.012)
    return LoadPoint(load, figure(1e6, 2e4), figure(10.0, 0.5), None, mean, figure(0.25, 0.02), waiting, {})


ALONE = ByLoad((point(1, 0.0), point(10, 0.2), point(100, 0.6), point(None, 0.8)), 1, 500, 500)
TWICE = ByLoad((point(1, 0.0, 0.002), point(10, 0.19, 0.21), point(100, 0.49, 0.53), point(None, 0.5, 0.6)), 2, 500, 8000)


def test_the_sentence_tells_the_recorded_load_and_each_mark() -> None:
    assert load_answer(ALONE)[0] == (
        "At the recorded load CPUs spend 0 % of their time waiting for locks, 10.0 % at 3.2x that load and 50.0 % at 56x that "
        "load: one replication."
    )
    rest = ByLoad((point(1, 0.0), point(10, 0.003), point(None, 0.006)), 1, 500, 500)
    assert "and 0.6 % where they do not think at all" in load_answer(rest)[0]


def test_each_mark_has_its_interval_and_a_part_of_the_trace_is_told_with_how_to_run_all() -> None:
    told = load_answer(TWICE)[0]
    assert "10.0 % at 3.1x that load (1.4x to 7.1x)" in told and "that load (not in every replication)" in told
    assert told.endswith(": 95 % intervals of 2 replications of the first 500 of its 8,000 operations (--whole runs all).")


def test_the_table_has_a_row_a_load_with_waiting_for_locks_and_for_the_other_side_apart() -> None:
    sheet = load_sheet(TWICE.points)
    assert [row[0] for row in sheet.rows] == ["1.0x", "10x", "100x", "no think"]
    assert sheet.rows[1][1:] == ("1.00 M ±2 %", "10.0 ns ±5 %", "-", "20.0 ±1.2 %", "25.0 ±2.0 %")


def test_what_is_kept_of_loads_gives_the_table_again() -> None:
    kept = [LoadFigures.of_plain(json.loads(json.dumps(one.plain()))) for one in TWICE.points]
    assert load_sheet(kept) == load_sheet(TWICE.points)

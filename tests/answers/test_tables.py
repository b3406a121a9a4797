# SPDX-License-Identifier: GPL-2.0-only
"""A run's tables and what stands above and beneath them."""

from __future__ import annotations

import io
from dataclasses import replace

import polars as pl
import pytest
from example import example_frames, example_manifest, example_records, section_records
from rich.console import Console

from slabdes.answers.answer import answer
from slabdes.answers.screen import as_plain, table
from slabdes.answers.tables import TABLES, Sheet, sheets, view_of
from slabdes.engine.records import Records
from slabdes.results.frames import Frames, Point, frames_of
from slabdes.results.run import Run, run_of
from slabdes.results.text import WIDTH


def run_with(frames: Frames) -> Run:
    return run_of(example_manifest(frames), frames)


def printed(frames: Frames, everything: bool = False) -> str:
    out = io.StringIO()
    Console(file=out, width=WIDTH).print(table(run_with(frames), everything))
    return out.getvalue()


def sheet(name: str, frames: Frames, everything: bool = False) -> Sheet:
    return TABLES[name](view_of(run_with(frames), everything))


SWEEP = example_frames((1, 2, 48), ("xeon-2s", "opteron-8n"), replications=3, nodes=8)


def test_everything_fits_in_a_hundred_columns_and_two_screens_with_no_cell_cut() -> None:
    for everything in (False, True):
        text = printed(SWEEP, everything)
        assert max(len(line) for line in text.splitlines()) <= WIDTH
        assert "…" not in text
    text = printed(SWEEP)
    assert len(text.splitlines()) <= 110
    for word in ("operations/s", "p99.9", "waiting", "refills", "retries", "other node", "list_lock", "alien", "mean hold"):
        assert word in text, word


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in TABLES
        if name not in ("interrupts", "caches", "upkeep", "upkeep_locks", "response", "loads", "steady", "layout", "slub")
    ],
)
def test_every_table_has_intervals_with_replications_and_none_without(name: str) -> None:
    assert any("±" in cell for row in sheet(name, example_frames(replications=3)).rows for cell in row)
    assert not any("±" in cell for row in sheet(name, example_frames()).rows for cell in row)


def test_that_intervals_are_not_known_is_said_once() -> None:
    text = printed(example_frames())
    assert text.count("1 replication: no interval") == 1
    assert "None" not in text


def test_a_program_gets_every_interval() -> None:
    rows = as_plain(run_with(example_frames(replications=3)))["intervals"]
    assert {"value", "low", "high", "level", "replications"} <= set(rows[0])
    measures = {row["measure"] for row in rows}
    assert {"operations_per_s", "share_waiting", "mean_ns", "p50_ns", "p99_ns", "p999_ns", "lost_ns"} <= measures


def test_warnings_are_printed_and_markup_in_names_is_text() -> None:
    frames = frames_of(Point(0, "[bold]m[/bold]", 4), [example_records(seed=2)])
    text = printed(frames)
    assert "[bold]m[/bold]" in text
    assert "warning: one page allocation failed" in text


def test_a_workload_without_an_allocator_has_no_allocator_table() -> None:
    frames = frames_of(Point(0, "uma-4", 4), [section_records()])
    titles = [one.title for one in sheets(view_of(run_with(frames)))]
    assert len(titles) == 6 and not any("allocator" in title for title in titles)


def test_who_waits_for_whom_is_told_in_functions_and_time_and_not_at_all_where_nobody_waits() -> None:
    frames = example_frames()
    waits = sheet("waits", frames)
    assert waits.heads == ("lock", "waiting in", "for one taken in", "waits", "time lost", "share")
    assert any(row[0].endswith("alien") and row[1:3] == ("cache_free_alien", "cache_free_alien") for row in waits.rows)
    lost = frames.locks["wait_total_ns"].sum()
    assert sum(row["lost_ns"] for row in run_with(frames).waits_for().iter_rows(named=True)) == pytest.approx(lost)
    assert sheet("waits", example_frames(contention=False)).rows == ()


def test_locks_are_named_by_cache_and_node() -> None:
    names = [row[0] for row in sheet("locks", example_frames(), everything=True).rows]
    assert names and all(name.startswith("objects ") and name[:-1].endswith(" node ") for name in names)
    assert len(set(names)) == len(names)


def test_a_long_table_of_a_sweep_names_the_one_setting_that_it_shows_and_how_to_see_others() -> None:
    for name in ("spent", "paths", "locks", "waits"):
        title = sheet(name, SWEEP).title
        assert "CPUs" in title and "--point N shows others" in title, title
        shown = sheet(name, SWEEP, everything=True)
        assert {row[:2] for row in shown.rows} >= {("xeon-2s", "2"), ("opteron-8n", "48")}
    for name in ("rates", "times", "counts"):
        assert len({row[:2] for row in sheet(name, SWEEP).rows}) == 6


def test_a_sweep_of_many_settings_says_how_many_of_them_a_table_shows() -> None:
    frames = example_frames(tuple(range(1, 15)))
    assert "8 of 14 settings, points 0 to 1, 3, 5, 7, 9, 11, 13 (--point N shows others)" in sheet("times", frames).title
    assert {"1", "14"} < {row[0] for row in sheet("times", frames).rows}
    assert len(sheet("rates", frames).rows) == 14


def test_settings_that_are_lists_and_tables_are_shown_without_python_s_marks() -> None:
    frames = example_frames((4,))
    swept = frames.points.with_columns(
        pl.Series("machine.memory_mib", ["[1.0, 8.0]"]), pl.Series("cache", ['[{"name": "filp", "limit": 9}]'])
    )
    text = printed(replace(frames, points=swept))
    assert ", memory_mib 1 8, cache name=filp limit=9" in text
    assert "[1.0" not in text and "{" not in text


@pytest.mark.parametrize(("workload", "said"), [("trace", True), ("producer_consumer", True), ("burst", False)])
def test_where_objects_pass_between_cpus_it_is_said_that_they_pass_too_fast(workload: str, said: bool) -> None:
    manifest = example_manifest(SWEEP)
    run = run_of(replace(manifest, experiment={**manifest.experiment, "workload": {"kind": workload}}), SWEEP)
    assert ("validate finds a producer and a consumer taking 0.7 of the time measured" in answer(view_of(run))[-1]) is said


def test_a_machine_whose_other_nodes_no_cpu_is_on_says_that_their_cost_is_not_seen() -> None:
    both = example_records(4, nodes=2)
    alone = replace(both, cpus=tuple(replace(cpu, node=0) for cpu in both.cpus))

    def told(records: Records) -> str:
        run = run_with(frames_of(Point(0, "m", 4), [records]))
        manifest = replace(run.manifest, machines={"m": {"name": "m", "nodes": [{}, {}]}})
        return answer(view_of(run_of(manifest, run.frames)))[-1]

    assert "what other nodes cost, as all CPUs at work are on node 0 of 2 (machine.placement = spread takes several)" in told(
        alone
    )
    assert "what other nodes cost" not in told(both)

# SPDX-License-Identifier: GPL-2.0-only
"""Tables for people."""

from __future__ import annotations

import io

import pytest
from example import example_frames, example_manifest, example_records, section_records
from rich.console import Console

from slabdes.results.frames import Frames, Point, frames_of
from slabdes.results.run import run_of
from slabdes.results.text import WIDTH, count_text, locks_sheet, share_text, sheets, table, time_text, times_sheet, waits_sheet


def printed(frames: Frames) -> str:
    out = io.StringIO()
    Console(file=out, width=WIDTH).print(table(run_of(example_manifest(frames), frames)))
    return out.getvalue()


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0.0, "0 ns"), (0.25, "0.25 ns"), (27.64, "27.6 ns"), (999.4, "999 ns"), (999.6, "1.00 µs"), (9.996, "10.0 ns"),
     (99.96, "100 ns"), (1.5e6, "1.50 ms"), (2e9, "2.00 s"), (3.6e12, "3600 s"), (None, "-")],
)  # fmt: skip
def test_times_have_three_digits_and_a_unit(nanoseconds: float | None, text: str) -> None:
    assert time_text(nanoseconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (7.0, "7"), (9.667, "9.67"), (0.333, "0.33"), (9_999, "10.0 k"), (9_990, "9,990"), (123_456, "123 k"),
     (999_600, "1.00 M"), (2.5e9, "2.50 G"), (1234.5, "1,234"), (None, "-")],
)  # fmt: skip
def test_counts_are_whole_or_have_three_digits(count: float | None, text: str) -> None:
    assert count_text(count) == text


@pytest.mark.parametrize(("share", "text"), [(0.0, "0 %"), (1e-6, "<0.1 %"), (0.1234, "12.3 %"), (1.0, "100.0 %"), (None, "-")])
def test_a_share_that_is_not_zero_is_not_shown_as_zero(share: float | None, text: str) -> None:
    assert share_text(share) == text


def test_everything_fits_in_a_hundred_columns_with_no_cell_cut() -> None:
    text = printed(example_frames((1, 2, 48), ("xeon-2s", "opteron-8n"), replications=3, nodes=8))
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    assert "…" not in text
    for word in ("op/s", "p99.9", "waiting", "refills", "retries", "remote frees", "list_lock", "alien", "max hold"):
        assert word in text, word


def test_a_run_of_one_point_shows_its_rate_and_warns_of_a_single_replication() -> None:
    frames = example_frames()
    sheet = times_sheet(run_of(example_manifest(frames), frames))
    first, second = sheet.rows
    assert first[1] != "" and second[1] == ""
    assert "nothing is concluded from a single one" in printed(frames)


def test_warnings_are_printed_and_markup_in_names_is_text() -> None:
    frames = frames_of(Point(0, "[bold]m[/bold]", 4), [example_records(seed=2)])
    text = printed(frames)
    assert "[bold]m[/bold]" in text
    assert "warning: one page allocation failed" in text


def test_a_workload_without_an_allocator_has_no_allocator_table() -> None:
    frames = frames_of(Point(0, "uma-4", 4), [section_records()])
    titles = [sheet.title for sheet in sheets(run_of(example_manifest(frames), frames))]
    assert len(titles) == 4 and not any("allocator" in title for title in titles)


def test_who_waits_for_whom_is_told_in_functions_and_not_at_all_where_nobody_waits() -> None:
    frames = example_frames()
    sheet = waits_sheet(run_of(example_manifest(frames), frames))
    assert sheet.heads == ("lock", "waiting in", "for one taken in", "waits", "share")
    assert ("alien", "cache_free_alien", "cache_free_alien") in {row[:3] for row in sheet.rows}
    quiet = example_frames(contention=False)
    assert waits_sheet(run_of(example_manifest(quiet), quiet)).rows == ()


def test_locks_of_a_sweep_are_those_of_the_points_with_the_most_cpus() -> None:
    frames = example_frames((1, 8), ("a", "b"))
    sheet = locks_sheet(run_of(example_manifest(frames), frames))
    assert {row[1] for row in sheet.rows} == {"8"}
    assert "the points with the most CPUs" in sheet.title

# SPDX-License-Identifier: GPL-2.0-only
"""Records as tidy frames."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest
from example import concat_frames, example_frames, example_records, section_records

from slabdes.engine.records import Histogram, Path, bucket_bounds, bucket_of
from slabdes.errors import InputError
from slabdes.results import frames as results_frames
from slabdes.results.frames import COLUMNS, Point, PointFrames, digest_of, frames_of, schema
from slabdes.results.rows import replicated


def test_every_frame_has_the_columns_that_are_documented() -> None:
    frames = example_frames((1, 4), replications=2)
    for name in COLUMNS:
        assert dict(getattr(frames, name).schema) == schema(name), name
        assert getattr(frames, name).columns[:2] == ["point", "replication"]
    assert frames.points.columns == ["point", "machine", "cpus", "replications", "elapsed_ns", "digest", "machine.cpus"]


def test_a_bucket_keeps_its_bounds_and_count_in_nanoseconds() -> None:
    histogram = Histogram()
    for value in (1000, 1003, 1004, 5):  # bucket_bounds(bucket_of(1000)) is (1000, 1004)
        histogram.add(value)
    records = dataclasses.replace(example_records(), latency={(0, Path.HIT): histogram})
    rows = frames_of(Point(0, "m", 4), [records]).latency.select("low_ns", "high_ns", "count").rows()
    assert rows == [(0.005, 0.006, 1), (1.0, 1.004, 2), (1.004, 1.008, 1)]


def test_a_row_of_operations_is_the_histogram_of_its_path() -> None:
    records = example_records()
    frames = frames_of(Point(0, "m", 4), [records])
    hit = records.latency[0, Path.HIT]
    row = frames.operations.row(0, named=True)
    assert (row["cache"], row["op"], row["path"]) == ("objects", "alloc", "hit")
    assert (row["count"], row["total_ns"], row["greatest_ns"]) == (hit.count, hit.total / 1000, hit.greatest / 1000)


def test_a_workloads_own_lock_belongs_to_no_cache() -> None:
    frames = frames_of(Point(0, "m", 4), [section_records()])
    assert frames.operations["cache"].to_list() == [""]
    assert frames.locks["cache"].to_list() == [""]


def test_lock_times_add_up_the_locks_of_a_kind_on_a_node() -> None:
    records = example_records(nodes=2)
    twice = dataclasses.replace(records, locks=records.locks + records.locks)
    once, double = (frames_of(Point(0, "m", 4), [one]).lock_times for one in (records, twice))
    assert double["count"].to_list() == [2 * count for count in once["count"].to_list()]


def test_points_are_put_together_in_order_whatever_the_order_they_finished_in() -> None:
    parts = [frames_of(Point(index, "m", 2, {"machine.cpus": 2}), [example_records(2, seed=index + 1)]) for index in range(3)]
    together = concat_frames(reversed(parts))
    assert together.point_numbers() == [0, 1, 2]
    assert together.digest() == concat_frames(parts).digest() == digest_of(part.points["digest"][0] for part in parts)


@pytest.mark.parametrize("most", [1, 300, 1 << 20])
def test_frames_do_not_depend_on_the_order_in_which_points_come_nor_on_how_many_are_made_at_once(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results_frames, "_MOST_ROWS", most)
    swept = [1, 2.5, "a", None]
    points = [Point(number, "m", 2, {"key": value}) for number, value in enumerate(swept)]
    runs = [[example_records(2, seed=number + 1), example_records(2, seed=number + 9)] for number in range(4)]
    whole = concat_frames(map(frames_of, points, runs))
    for order in ((0, 1, 2, 3), (2, 0, 3, 1)):
        gathered = PointFrames()
        for number in order:
            gathered.add(points[number], [replicated(one) for one in runs[number]])
        for name, frame in gathered.frames().items():
            assert frame.equals(dict(whole.items())[name]), name
            # What polars knows to be sorted it adds up in another order: the last digits of sums would tell who came first.
            assert name == "points" or frame.height < 2 or not frame["point"].flags["SORTED_ASC"], name


def test_the_digest_depends_on_the_order_of_points_and_on_every_replication() -> None:
    first, second = example_records(seed=1), example_records(seed=2)
    digests = {frames_of(Point(0, "m", 4), runs).digest() for runs in ([first], [second], [first, second], [second, first])}
    assert len(digests) == 4


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ((1, 2), [1, 2]),
        ((1, 2.5), [1.0, 2.5]),
        ((True, False), [True, False]),
        (("a", "b"), ["a", "b"]),
        ((1, "a"), ["1", "a"]),
        (([1, 2], [3]), ["[1, 2]", "[3]"]),
        ((None, 3), [None, 3]),
    ],
)
def test_swept_values_keep_their_type_or_become_text_if_they_differ(values: tuple[object, ...], kept: list[object]) -> None:
    parts = [frames_of(Point(index, "m", 1, {"key": value}), [example_records(1)]) for index, value in enumerate(values)]
    assert concat_frames(parts).points["key"].to_list() == kept


def test_a_sweep_over_replications_has_that_column_once() -> None:
    frames = frames_of(Point(0, "m", 1, {"replications": 1}), [example_records(1)])
    assert frames.points.columns.count("replications") == 1


def test_a_point_can_be_taken_out_and_one_that_is_not_there_is_named() -> None:
    frames = example_frames((1, 2, 4))
    assert frames.of_points([1]).points["cpus"].to_list() == [2]
    with pytest.raises(InputError, match="7 is not in this run; allowed: 0 to 2"):
        frames.of_points([7])


def test_warnings_are_told_once() -> None:
    assert example_frames(replications=3).warnings() == ["one page allocation failed"]


def test_warnings_that_differ_in_numbers_alone_are_told_once_with_how_many_there_are() -> None:
    frames = example_frames(replications=4)
    told = [["late by 1.5 ms, 7 times", "kmalloc-64: full"], ["late by 970 µs, 3 times"], [], ["kmalloc-128: full"]]
    runs = frames.runs.with_columns(pl.Series("warnings", told, pl.List(pl.String)))
    assert dataclasses.replace(frames, runs=runs).warnings() == [
        "late by 1.5 ms, 7 times (so, or with other numbers, in 2 runs)",
        "kmalloc-64: full",
        "kmalloc-128: full",
    ]


def test_buckets_of_the_records_touch_each_other() -> None:
    for value in (0, 255, 256, 10**6, 10**12):
        low, high = bucket_bounds(bucket_of(value))
        assert low <= value < high and bucket_of(high) == bucket_of(value) + 1

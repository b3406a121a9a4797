# SPDX-License-Identifier: GPL-2.0-only
"""A run's locks as /proc/lock_stat: read back by a reader of the format, and laid out as the real kernel lays values out."""

from __future__ import annotations

import gzip
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from example import example_frames, example_manifest, section_records
from proc_files import PointLine, class_lines, parse_contention_points, parse_lock_stat

from slabdes.results.frames import Point, frames_of
from slabdes.results.lock_stat import FunctionCount, LockClass, LockTimes, lock_classes, lock_stat_text
from slabdes.results.run import Run, run_of

KERNEL61 = Path(__file__).parents[1] / "kernel61"
SHARED = Path(__file__).parents[3] / "shared" / "kernel61" / "lock_stat"
RECORDED = (KERNEL61 / "contend.lock_stat.gz", SHARED / "tmpfs8.lock_stat", SHARED / "unix4.lock_stat")


def nanoseconds(microseconds: Any) -> int:
    return int(microseconds * 1000)


def times_like(row: dict[str, Any], what: str, nr: int) -> LockTimes:
    """Times that print as a row has them. It shows the total to 10 ns: of the ten that it may be, one that gives its average."""
    least, greatest, total, average = (nanoseconds(row[f"{what}time-{name}"]) for name in ("min", "max", "total", "avg"))
    candidates = [LockTimes(nr, least, greatest, total + rest) for rest in range(-5, 5)]
    return next(times for times in candidates if (times.avg_ns + 5) // 10 * 10 == average)


def recorded(path: Path) -> str:
    if not path.is_file():
        pytest.skip("the recordings are not beside the repository")
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
def test_the_kernels_own_lines_come_out_byte_for_byte(path: Path) -> None:
    text = recorded(path)
    rows: list[dict[str, Any]] = parse_lock_stat(text)
    assert len(rows) > 100 and rows[0]["contentions"] > 0
    classes = [
        LockClass(
            row["class name"],
            row["con-bounces"],
            row["acq-bounces"],
            times_like(row, "wait", row["contentions"]),
            times_like(row, "hold", row["acquisitions"]),
        )
        for row in rows
    ]
    assert lock_stat_text(classes) == class_lines(text)


def functions(lines: list[PointLine]) -> tuple[FunctionCount, ...]:
    return tuple(FunctionCount(line.function, line.count) for line in lines)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
def test_the_kernels_own_contention_points_come_out_byte_for_byte_but_for_addresses(path: Path) -> None:
    text = recorded(path)
    recorded_points = {name: blocks for name, blocks in parse_contention_points(text).items() if name[-2:] not in ("-R", "-W")}
    assert "&parent->list_lock" in recorded_points
    hidden = re.sub(r"\[<[0-9a-f]{16}>\] ([^\s+]+)(\+0x[0-9a-f]+/0x[0-9a-f]+)?", rf"[<{'0' * 16}>] \1+0x0/0x0", text)
    for name, (waiting, holding) in recorded_points.items():
        one = LockClass(name, 0, 0, LockTimes(1), LockTimes(1), functions(waiting), functions(holding))
        block = lock_stat_text([one]).split("\n", 6)[-1]
        assert block.count(f"{name} ") == len(waiting) + len(holding)
        assert block in hidden, name


def test_a_runs_contention_points_are_read_back_as_its_records_have_them() -> None:
    frames = example_frames()
    points = parse_contention_points(Run(example_manifest(frames), frames).lock_stat())
    waits = {
        (kind, waiter, holder): frames.contention_points.filter(kind=kind, waiter=waiter, holder=holder)["count"].sum()
        for kind, waiter, holder in frames.contention_points.select("kind", "waiter", "holder").unique().iter_rows()
    }
    refill, flush = "cache_alloc_refill", "cache_flusharray"
    refills = waits["list_lock", refill, refill], waits["list_lock", refill, flush]
    flushes = waits["list_lock", flush, refill]
    waiting, holding = (functions(block) for block in points["&parent->list_lock"])
    assert set(waiting) == {FunctionCount(refill, sum(refills)), FunctionCount(flush, flushes)}
    assert set(holding) == {FunctionCount(refill, refills[0] + flushes), FunctionCount(flush, refills[1])}
    alien = FunctionCount("cache_free_alien", waits["alien lock", "cache_free_alien", "cache_free_alien"])
    assert tuple(functions(block) for block in points["&alc->lock"]) == ((alien,), (alien,))
    assert {line.address for blocks in points.values() for block in blocks for line in block} == {"0" * 16}


def test_the_function_with_most_waits_comes_first() -> None:
    frames = example_frames()
    (one, _alien) = lock_classes(frames.locks, frames.contention_points)
    counts = [point.count for point in one.contention_points]
    assert len(counts) == 2 and counts == sorted(counts, reverse=True)


def test_a_class_that_nobody_waited_for_has_no_points_beneath_it() -> None:
    frames = example_frames(contention=False)
    text = Run(example_manifest(frames), frames).lock_stat()
    assert len(parse_lock_stat(text)) == 2 and parse_contention_points(text) == {}


def test_a_run_is_read_back_as_its_records_have_it() -> None:
    frames = example_frames()
    rows = {row["class name"]: row for row in parse_lock_stat(Run(example_manifest(frames), frames).lock_stat())}
    assert set(rows) == {"&parent->list_lock", "&alc->lock"}, "nobody took a zone lock"
    for name, kind in (("&parent->list_lock", "list_lock"), ("&alc->lock", "alien lock")):
        row: dict[str, Any] = rows[name]
        locks = [lock for lock in frames.locks.to_dicts() if lock["kind"] == kind]
        assert len(locks) == 2, "one a node, and one line for both"
        columns = {"con-bounces": "con_bounces", "acq-bounces": "acq_bounces"}
        columns |= {"contentions": "contended", "acquisitions": "acquisitions"}
        assert {column: row[column] for column in columns} == {
            column: sum(lock[counter] for lock in locks) for column, counter in columns.items()
        }
        for what in ("wait", "hold"):
            total = sum(lock[f"{what}_total_ns"] for lock in locks)
            expected = {
                "min": min(lock[f"{what}_min_ns"] for lock in locks),
                "max": max(lock[f"{what}_max_ns"] for lock in locks),
                "total": total,
                "avg": total / row["contentions" if what == "wait" else "acquisitions"],
            }
            for part, value in expected.items():
                assert float(row[f"{what}time-{part}"]) == pytest.approx(value / 1000, abs=0.0061), (what, part)


def test_a_lock_that_is_never_waited_for_does_not_lower_the_shortest_wait() -> None:
    frames = example_frames()
    (waited, idle) = frames.locks.filter(frames.locks["kind"] == "list_lock").to_dicts()
    idle |= {"contended": 0, "wait_min_ns": 0.0, "wait_max_ns": 0.0, "wait_total_ns": 0.0}
    waited |= {"wait_min_ns": 70.0}
    (one,) = lock_classes(type(frames.locks)([waited, idle], schema=frames.locks.schema), frames.contention_points)
    assert one.wait.min_ns == 70


def test_classes_with_most_contentions_come_first() -> None:
    frames = example_frames()
    alien = frames.locks["kind"] == "alien lock"
    quiet = frames.locks.with_columns(contended=frames.locks["contended"] * alien)
    assert [one.name for one in lock_classes(quiet, frames.contention_points)] == ["&alc->lock", "&parent->list_lock"]
    assert [one.name for one in lock_classes(frames.locks, frames.contention_points)] == ["&parent->list_lock", "&alc->lock"]


def test_a_workloads_own_lock_is_a_class_of_its_own() -> None:
    frames = frames_of(Point(0, "m", 4), [section_records()])
    (row,) = parse_lock_stat(run_of(example_manifest(frames), frames).lock_stat())
    assert (row["class name"], row["acquisitions"]) == ("section_lock", 800)


@pytest.mark.parametrize(
    ("nanoseconds", "shown"), [(0, "0.00"), (4, "0.00"), (5, "0.01"), (994, "0.99"), (995, "1.00"), (1234567, "1234.57")]
)
def test_times_are_microseconds_rounded_to_10_ns(nanoseconds: int, shown: str) -> None:
    times = LockTimes(1, nanoseconds, nanoseconds, nanoseconds)
    (row,) = parse_lock_stat(lock_stat_text([LockClass("x", 0, 0, LockTimes(), times)]))
    assert {row[f"holdtime-{part}"] for part in ("min", "max", "total", "avg")} == {Decimal(shown)}
    assert row["waittime-avg"] == 0

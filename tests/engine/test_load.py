# SPDX-License-Identifier: GPL-2.0-only
"""What a replay says of its own load: told where it is so, and only there."""

from __future__ import annotations

from pathlib import Path

from slabdes.config import parse_experiment
from slabdes.engine.records import Records
from slabdes.engine.reference.run import run_reference
from slabdes.study.plan import plan

OBJECTS = 400


def one_way(path: Path, gap_us: int) -> Path:
    """CPU 0 allocates and CPU 1 frees, one object in flight at a time; `gap_us` between two operations of a CPU."""
    lines = []
    for number in range(OBJECTS):
        at = number * gap_us
        sized = "bytes_req=1024 bytes_alloc=1024 gfp_flags=GFP_KERNEL"
        for cpu, what in (
            (0, f"alloc: call_site=f ptr={64 * number + 4096:x} {sized}"),
            (1, f"free: call_site=g ptr={64 * number + 4096:x}"),
        ):
            lines.append(f"t-1 [{cpu:03d}] 1.{at:06d}: kmem_cache_{what} name=packet\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path


def replayed(folder: Path, gap_us: int = 10, **workload: object) -> Records:
    trace = one_way(folder / "trace.txt", gap_us)
    # A consumer whose frees are dear, so that it falls behind where it may.
    costs = {"free_hit": 5_000.0}
    raw = {
        "machine": {"preset": "numa-2x4", "costs": costs},
        "cache": [{"name": "packet", "limit": 2, "batchcount": 1, "shared": 0}],
        "workload": {"kind": "trace", "file": str(trace), **workload},
    }
    (point,) = plan(parse_experiment(raw, "test"), folder / "spools")
    return run_reference(point.experiment, point.machine, point.workload(0))


def told(records: Records, what: str) -> list[str]:
    return [warning for warning in records.warnings if what in warning]


def test_recorded_arrivals_tell_a_backlog_that_grows_and_the_objects_that_it_piles_up(tmp_path: Path) -> None:
    records = replayed(tmp_path, arrivals="recorded", think="0.1x")
    consumer = records.cpus[1]
    # A free takes 5 us and one comes each microsecond: each begins 4 us later than the one before.
    assert consumer.late_last == consumer.late_most > 3_500_000 * OBJECTS
    assert consumer.late_total > consumer.late_last * OBJECTS // 3
    (grows,) = told(records, "the backlog grows on 1 CPU, ")
    assert f"{consumer.late_last / 1e9:,.1f} ms on CPU 1" in grows
    (piled,) = told(records, "allocated at once, 1 in the trace")
    assert piled.startswith("packet: at least ")


def test_recorded_arrivals_within_what_is_served_tell_a_backlog_that_does_not_grow(tmp_path: Path) -> None:
    records = replayed(tmp_path, arrivals="recorded")
    assert told(records, "backlog: operations began ")
    assert not told(records, "grows") and not told(records, "allocated at once")
    assert max(cpu.late_last for cpu in records.cpus) < 1_000_000


def test_bounded_holds_the_producer_back_and_says_that_the_consumer_is_saturated(tmp_path: Path) -> None:
    records = replayed(tmp_path, loop="bounded", think="0.01x")
    producer, consumer = records.cpus[:2]
    # Nearly all the time that the consumer frees, the producer waits for it: neither for a lock nor for an object.
    assert producer.partner_wait > 0.7 * consumer.end
    assert producer.slot_wait == 0
    assert not told(records, "allocated at once") and not told(records, "backlog")
    assert told(records, "saturated: ")


def test_a_load_that_is_carried_is_not_warned_of(tmp_path: Path) -> None:
    records = replayed(tmp_path, loop="bounded", think="10x", cpus="compact")
    assert records.warnings == ()


def test_without_times_there_is_no_backlog_and_no_saturation_to_tell(tmp_path: Path) -> None:
    records = replayed(tmp_path, arrivals="recorded", think="none")
    (told_once,) = records.warnings[:1]
    assert "without think times" in told_once
    assert not told(records, "backlog:") and not told(records, "saturated")

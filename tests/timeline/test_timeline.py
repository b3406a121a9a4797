# SPDX-License-Identifier: GPL-2.0-only
"""A timeline's file, read back, holds what the event log holds, nested, connected and counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slabdes.config import parse_experiment
from slabdes.engine.event_log import EventLog, Logged
from slabdes.engine.reference.run import run_reference
from slabdes.engine.reference.watch import run_watched
from slabdes.engine.watch import SeenHold, Watch
from slabdes.errors import InputError
from slabdes.paths.outcome import Path as How
from slabdes.study.plan import PlannedPoint, plan
from slabdes.timeline.answer import longest_wait, wait_sentence, window_sentence
from slabdes.timeline.file import write_timeline
from slabdes.timeline.spans import timeline_of
from slabdes.timeline.window import Window, window_of
from tests.timeline.decoded import Read, read_chrome, read_perfetto

TRACES = Path(__file__).parents[2] / "experiments" / "traces"
BURST: dict[str, Any] = {
    "machine": {"preset": "numa-2x4", "memory_mib": 2},
    "cache": [{"name": "a", "size": 256, "limit": 12, "batchcount": 6}, {"name": "b", "size": 1024}],
    "workload": {"kind": "burst", "objects": 60, "rounds": 2},
}
REMOTE = BURST | {"workload": {"kind": "producer_consumer", "objects": 150, "window": 40}, "allocator": "4.7"}
INTERRUPTED = BURST | {"interrupts": {"mean_ns": 1_000, "objects": 3, "keep": 5}, "lock": {"discipline": "tas"}}
SECTIONS = BURST | {"workload": {"kind": "critical_section", "operations": 40, "think_ns": 100, "hold_ns": 50}}
TRACE: dict[str, Any] = {
    "machine": {"preset": "numa-2x4"},
    "allocator": "6.1",
    "workload": {
        "kind": "trace",
        "file": str(TRACES / "slab_6.1_8cpu_2node_unix4.txt.gz"),
        "caches": ["skbuff_head_cache", "kmalloc-1k"],
        "think": "none",
        "first": 3000,
    },
}
SLUB = BURST | {"cache": [{"name": "a", "size": 256}], "workload": REMOTE["workload"], "allocator": "7.3"}
SLABS_ALONE = SLUB | {"allocator": "6.12", "workload": BURST["workload"]}
WHOLE, PART = (0.0, 1.0), (0.4, 0.5)


def planned(raw: dict[str, Any], folder: Path) -> PlannedPoint:
    (point,) = plan(parse_experiment(raw, "test"), folder)
    return point


def logged(point: PlannedPoint) -> dict[Logged, list[list[int]]]:
    rows: dict[Logged, list[list[int]]] = {kind: [] for kind in Logged}
    log = EventLog(lambda kind, some: rows[kind].extend(some.tolist()))
    run_reference(point.experiment, point.machine, point.workload(0), 0, None, log)
    return rows


def seen_and_read(point: PlannedPoint, watch: Watch, out: Path) -> tuple[Any, Read]:
    seen = run_watched(point.experiment, point.machine, point.workload(0), 0, watch)
    write_timeline(out, [timeline_of("test", seen)], {})
    return seen, read_chrome(out)


def within(rows: list[list[int]], watch: Watch, start: int, end: int) -> list[list[int]]:
    """The rows of a log that a window has a part of."""
    return [row for row in rows if row[end] >= watch.start and row[start] < watch.end]


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        pytest.param(BURST, WHOLE, id="burst"),
        pytest.param(BURST, PART, id="part of a burst"),
        pytest.param(REMOTE, PART, id="remote"),
        pytest.param(INTERRUPTED, WHOLE, id="interrupts"),
        pytest.param(INTERRUPTED, PART, id="part with interrupts"),
        pytest.param(SECTIONS, PART, id="sections"),
        pytest.param(TRACE, PART, id="a real trace"),
        pytest.param(SLUB, WHOLE, id="SLUB"),
        pytest.param(SLABS_ALONE, PART, id="SLUB without sheaves"),
    ],
)
def test_what_is_read_back_is_the_event_log_to_the_picosecond(
    raw: dict[str, Any], part: tuple[float, float], tmp_path: Path
) -> None:
    point = planned(raw, tmp_path)
    log = logged(point)
    length = max(row[2] for row in log[Logged.OPERATIONS])
    watch = Watch(*(round(length * share) + (share == 1) for share in part), round(length * part[0]))
    _seen, read = seen_and_read(point, watch, tmp_path / "t.json")
    operations = within(log[Logged.OPERATIONS], watch, 1, 2)
    labels = {path: " ".join(dict.fromkeys((path.operation.label, path.label))) for path in How}
    assert [span[1:4] for span in read.of("operation")] == sorted(tuple(row[:3]) for row in operations)
    assert sorted(span[4].split(" ")[:2] for span in read.of("operation")) == sorted(
        labels[How(row[4])].split(" ") for row in operations
    )
    holds = within(log[Logged.HOLDS], watch, 2, 4)
    assert [span[1:4] for span in read.of("hold")] == sorted(
        (cpu, granted, released) for _lock, cpu, _asked, granted, released in holds
    )
    waits = [span[1:4] for span in read.of("wait") if span[4] != "hand-off"]
    assert waits == sorted((cpu, asked, granted) for _lock, cpu, asked, granted, _released in holds if asked < granted)
    turns = within(log[Logged.TURNS], watch, 1, 2)
    assert [span[1:4] for span in read.of("upkeep")] == sorted(tuple(row[:3]) for row in turns)
    grown = [span[1:4] for span in read.of("grow")]
    slub = raw in (SLUB, SLABS_ALONE)
    for cpu, start, end in grown:
        assert any(span[1] == cpu and span[2] <= start and end <= span[3] and "grow" in span[4] for span in read.of("operation"))
        if slub:
            continue
        inserted = (span for span in read.of("hold") if span[7]["in"].startswith("cache_grow"))
        assert end > watch.end or (cpu, end) in ((span[1], span[3]) for span in inserted)
    assert part is not WHOLE or raw is SLUB or len(grown) >= sum("grow" in span[4] for span in read.of("operation"))
    slow = [span for kind in ("refill", "flush") for span in read.of(kind)]
    for lock_taker in ("cache_alloc_refill", "cache_flusharray"):
        held = [span for span in read.of("hold") if span[7]["in"] == lock_taker]
        around = [span for span in slow if span[4] == lock_taker]
        for _pid, cpu, start, end, *_what in held:
            assert any(span[1] == cpu and span[2] <= start and end <= span[3] for span in around)
    assert bool(slow) is (raw is not SECTIONS)
    if slub:
        assert ("refill_sheaf" if raw is SLUB else "___slab_alloc") in {span[4] for span in read.of("refill")}
        assert "allocate_slab" in {span[4] for span in read.of("grow")} or part is PART
    for _pid, cpu, start, end, *_what in slow:
        assert any(span[1] == cpu and span[2] <= start and end <= span[3] for span in read.of("operation"))
    if waits:
        assert len(read.arrows) > len(waits) / 2


def test_arrows_go_from_a_hold_to_the_next_and_from_an_allocation_to_the_free_elsewhere(tmp_path: Path) -> None:
    _seen, read = seen_and_read(planned(REMOTE, tmp_path), Watch(), tmp_path / "t.json")
    pairs = [(read.spans[frm], read.spans[to]) for frm, to in read.arrows]
    handed = [(frm, to) for frm, to in pairs if frm[5] == "hold"]
    freed = [(frm, to) for frm, to in pairs if frm[5] == "operation"]
    assert handed and freed and len(handed) + len(freed) == len(pairs)
    for frm, to in handed:
        assert frm[4] == to[4]
        (off,) = (span for span in read.of("wait") if span[4] == "hand-off" and span[1] == to[1] and span[3] == to[2])
        assert off[2] == frm[3]
    for frm, to in freed:
        assert frm[7]["object"] == to[7]["object"] and to[7]["allocated by"] == f"CPU {frm[1]}" and frm[1] != to[1]
    # Each object that a consumer frees was allocated by another CPU, in the same run.
    assert len(freed) == len([span for span in read.of("operation") if span[4].startswith("free")])


def test_perfettos_own_format_says_the_same_in_whole_nanoseconds(tmp_path: Path) -> None:
    point = planned(REMOTE, tmp_path)
    seen, read = seen_and_read(point, Watch(2_000_000, 5_000_000, 2_000_000), tmp_path / "t.json")
    made = timeline_of('a "run" \u202e\udcff', seen)
    write_timeline(tmp_path / "t.pftrace", [made, timeline_of("b", seen)], {})
    own = read_perfetto(tmp_path / "t.pftrace")
    for pid in (1, 2):
        spans = [(span[1], span[2] // 1000, span[3] // 1000, *span[4:]) for span in read.spans]
        assert [span[1:] for span in own.spans if span[0] == pid] == spans
        of_run = {name: samples for (run, name), samples in own.counters.items() if run == pid}
        ours = {name: [(time // 1000, value) for time, value in samples] for (_run, name), samples in read.counters.items()}
        assert of_run == ours
    assert len(own.arrows) == 2 * len(read.arrows) > 0
    assert own.names[1, 0] == 'a "run" \u202e\\udcff'
    assert (tmp_path / "t.pftrace").stat().st_size < 2 * (tmp_path / "t.json").stat().st_size


def test_counters_follow_the_queue_and_the_lists(tmp_path: Path) -> None:
    seen, read = seen_and_read(planned(BURST, tmp_path), Watch(), tmp_path / "t.json")
    queue = read.counters[1, "queue a list_lock node 0"]
    waits = [row for row in seen.watch.of(SeenHold) if seen.locks[row.lock].cache == "a" and row.asked < row.granted]
    of_node = [row for row in waits if seen.locks[row.lock].node == 0 and seen.locks[row.lock].kind.label == "list_lock"]
    for time, length in queue:
        assert length == sum(row.asked <= time < row.granted for row in of_node)
    free = dict(read.counters[1, "a node 0 free_objects"])
    assert max(free.values()) > 0
    assert all(free[row.released] == row.free_objects for row in of_node if row.released in free)


def test_a_window_with_too_much_in_it_is_halved_around_what_it_is_about(tmp_path: Path) -> None:
    point = planned(BURST, tmp_path)
    anchor = 9_000_000
    seen, read = seen_and_read(point, Watch(0, 1 << 53, anchor, 200), tmp_path / "t.json")
    assert seen.watch.narrowed and len(seen.watch.rows) <= 200
    assert seen.watch.start <= anchor <= seen.watch.end
    assert any(span[2] <= anchor <= span[3] for span in read.spans)


def test_names_from_anywhere_are_text(tmp_path: Path) -> None:
    name = '"}]<script>\u202e\\\n'
    raw = BURST | {"cache": [{"name": 'a"}],\\<b>', "size": 256}]}
    point = planned(raw, tmp_path)
    seen = run_watched(point.experiment, point.machine, point.workload(0), 0, Watch(0, 5_000_000))
    write_timeline(tmp_path / "t.json", [timeline_of(name, seen)], {"told": [name]})
    read = read_chrome(tmp_path / "t.json")
    assert read.names[1, 0] == name and read.told == {"told": [name]}
    assert any('a"}],\\<b> list_lock node 0' in span[4] for span in read.of("hold"))
    assert (tmp_path / "t.json").read_text(encoding="utf-8").replace("\n", "").isprintable()


def test_the_longest_wait_is_told_with_who_and_behind_whom(tmp_path: Path) -> None:
    point = planned(BURST, tmp_path)
    holds = logged(point)[Logged.HOLDS]
    lock, cpu, asked, granted, _released = max(holds, key=lambda row: (row[3] - row[2], -row[2]))
    seen, _read = seen_and_read(point, Watch(), tmp_path / "t.json")
    found = longest_wait(seen)
    assert found is not None
    assert (found["cpu"], found["asked_ps"], found["granted_ps"]) == (cpu, asked, granted)
    ahead = [row for row in holds if row[0] == lock and row[3] < granted and row[4] > asked]
    assert found["holds_ahead"] == len(ahead) and found["behind"]["cpu"] == ahead[-1][1]
    assert window_sentence("t.json shows", seen, timeline_of("test", seen)).startswith("t.json shows from 0 ns to ")
    told = wait_sentence(seen, of_run=True)
    assert f"CPU {cpu} in {found['function']} waits" in told and told.startswith("The longest wait of the run")


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("50us", Window(None, 50_000_000)),
        ("1.5 µs", Window(None, 1_500_000)),
        ("1.2ms+500ns", Window(1_200_000_000, 500_000)),
        ("0+1s", Window(0, 10**12)),
        ("all", Window(0, 1 << 53)),
    ],
)
def test_windows_are_read_as_people_type_them(text: str, window: Window) -> None:
    assert window_of(text) == window


@pytest.mark.parametrize("text", ["", "50", "-1us", "1us+", "+", "us", "1e9s", "0", "99999999s", "1us+0", "\u0661us"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--window"):
        window_of(text)

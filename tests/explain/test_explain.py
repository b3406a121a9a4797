# SPDX-License-Identifier: GPL-2.0-only
"""What explain tells is what the engine does, to the picosecond, and reads as the kernel's branches stand."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from slabdes.config import load_experiment, parse_experiment
from slabdes.engine.event_log import EventLog, Logged
from slabdes.engine.reference.run import run_reference
from slabdes.engine.reference.story import tell
from slabdes.engine.story import Told
from slabdes.explain.text import WIDTH, lines
from slabdes.paths.outcome import Path as How
from slabdes.paths.slab.notes import SlabNotes
from slabdes.paths.slab.words import WORDS
from slabdes.paths.slub.notes import SlubNotes
from slabdes.paths.slub.words import WORDS as SLUB_WORDS
from slabdes.study.plan import PlannedPoint, plan
from tests.commands import SMALL, Slabdes, runner, said_in_one_line

HERE = Path(__file__).parent
REMOTE: dict[str, Any] = {
    "machine": {"preset": "numa-2x4", "memory_mib": 2},
    "cache": [{"name": "a", "size": 256, "limit": 6, "batchcount": 3}, {"name": "b", "size": 1024}],
    "workload": {"kind": "producer_consumer", "objects": 60, "window": 20},
}

SLUB: dict[str, Any] = {"cache": [{"name": "a", "size": 256}, {"name": "b", "size": 1024}]}


def planned(raw: dict[str, Any], folder: Path) -> PlannedPoint:
    (point,) = plan(parse_experiment(raw, "test"), folder)
    return point


def stories(point: PlannedPoint, first: int, cpu: int | None = None) -> list[Told]:
    return tell(point.experiment, point.machine, point.workload(0), 0, first, cpu)


def text_of(told: list[Told]) -> str:
    return "\n\n".join("\n".join(lines(one)) for one in told) + "\n"


@pytest.fixture(scope="module")
def story() -> list[Told]:
    (point,) = plan(load_experiment(HERE / "story.toml"), HERE)
    return stories(point, 40)


def test_the_first_forty_operations_of_a_story_read_as_they_are_kept(story: list[Told]) -> None:
    assert text_of(story) == (HERE / "story.txt").read_text(encoding="utf-8")
    assert all(len(line) <= WIDTH for line in text_of(story).splitlines())


@pytest.mark.parametrize(
    ("allocator", "asks"), [("2.6.34", "__GFP_WAIT"), ("4.6", "gfpflags_allow_blocking"), ("6.1", "gfpflags_allow_blocking")]
)
def test_whether_an_allocation_may_wait_is_asked_as_its_kernel_asks(allocator: str, asks: str, tmp_path: Path) -> None:
    told = text_of(stories(planned(REMOTE | {"allocator": allocator}, tmp_path), 1))
    assert f"may wait ({asks}): interrupts are turned on" in told


@pytest.mark.parametrize(("name", "first"), [("story_7.3", 34), ("story_6.12", 44)])
def test_stories_of_sheaves_and_of_cpus_slabs_read_as_they_are_kept(name: str, first: int) -> None:
    (point,) = plan(load_experiment(HERE / f"{name}.toml"), HERE)
    told = stories(point, first, 1)
    assert text_of(told) == (HERE / f"{name}.txt").read_text(encoding="utf-8")
    assert all(len(line) <= WIDTH for line in text_of(told).splitlines())


def test_a_refill_of_a_sheaf_goes_the_kernels_way_from_barn_to_slabs() -> None:
    (point,) = plan(load_experiment(HERE / "story_7.3.toml"), HERE)
    refill = next(one for one in stories(point, 60) if one.path is How.REFILL)
    functions = iter([step.function for step in refill.steps])
    order = ["barn_replace_empty_sheaf", "__pcs_replace_empty_main", "refill_sheaf", "get_partial_node_bulk", "get_freelist"]
    assert all(name in functions for name in [*order, "__refill_objects_node", "alloc_from_pcs"])  # with others between


def test_a_story_has_every_branch_that_a_refill_can_take(story: list[Told]) -> None:
    paths = {one.path for one in story}
    assert {How.GROW, How.HIT, How.PARTIAL, How.SHARED, How.FREE_HIT, How.FLUSH_SHARED} <= paths
    grown = next(one for one in story if one.path is How.GROW and one.cpu == 1)
    kinds = [step.kind for step in grown.steps]
    order = ["note_miss", "lock REFILL", "note_no_more_slabs", "unlock", "lock COLOUR", "irqs", "note_pages", "note_slab_made"]
    order += ["irqs", "lock GROW", "note_inserted", "unlock", "lock REFILL", "note_taken", "end"]
    places = iter(kinds)
    assert all(kind in places for kind in order)  # in this order, with others between
    assert next(step for step in grown.steps[kinds.index("note_inserted") :] if step.kind == "lock REFILL").words.startswith(
        "goto retry"
    )


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"allocator": "6.1", "noaliencache": True},
        {"interrupts": {"mean_ns": 1_500, "objects": 2, "keep": 3}, "lock": {"discipline": "tas"}},
        {"workload": {"kind": "critical_section", "operations": 20, "think_ns": 100, "hold_ns": 50}},
        {"workload": {"kind": "burst", "objects": 40, "bulk": 8}},
        SLUB | {"allocator": "7.3"},
        SLUB | {"allocator": "6.12"},
        SLUB | {"allocator": "6.18", "workload": {"kind": "burst", "objects": 50, "rounds": 2}},
        SLUB | {"allocator": "7.3", "workload": {"kind": "burst", "objects": 50, "rounds": 2}, "lock": {"discipline": "tas"}},
        SLUB | {"allocator": "7.3", "workload": {"kind": "burst", "objects": 50}, "rcu": {"frees": True, "grace_ms": 0.001}},
    ],
    ids=["remote frees", "6.1", "interrupts", "sections", "bulk", "7.3 remote", "6.12 remote", "6.18", "7.3", "rcu"],
)
def test_telling_changes_no_operation_and_its_steps_add_up(more: dict[str, Any], tmp_path: Path) -> None:
    point = planned(REMOTE | more, tmp_path)
    rows: list[list[int]] = []
    log = EventLog(lambda kind, some: rows.extend(some.tolist()) if kind is Logged.OPERATIONS else None)
    run_reference(point.experiment, point.machine, point.workload(0), 0, None, log)
    told = stories(point, 10_000)
    assert sorted((one.cpu, one.start, one.end, int(one.path)) for one in told) == sorted((*row[:3], row[4]) for row in rows)
    for one in told:
        assert sum(sum(step.took.values()) for step in one.steps) + one.drawn == one.end - one.start
        drawn_from = sum(step.took.get(part, 0) for step in one.steps for part in ("work", "pages"))
        assert abs(one.drawn) <= 0.7 * drawn_from + 10  # a sibling thread takes two thirds more, jitter 15 %
        assert "".join(lines(one)).isprintable()


def test_the_operations_of_one_cpu_are_those_of_all_that_it_does(story: list[Told]) -> None:
    (point,) = plan(load_experiment(HERE / "story.toml"), HERE)
    alone = stories(point, 5, cpu=1)
    assert alone == [one for one in story if one.cpu == 1][:5]
    assert [one.number for one in alone] == [0, 1, 2, 3, 4]


def test_every_note_of_the_paths_has_words() -> None:
    assert set(WORDS) == {name for name in vars(SlabNotes) if name.startswith("note_")}
    assert set(SLUB_WORDS) == {name for name in vars(SlubNotes) if name.startswith("note_")}


@pytest.fixture
def slabdes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Slabdes:
    monkeypatch.chdir(tmp_path)
    Path("e.toml").write_text(SMALL.replace("150", "20"), encoding="utf-8")
    return runner(monkeypatch, capsys)


def test_the_command_goes_on_and_back_and_beyond(slabdes: Slabdes, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = slabdes("explain", "e.toml", "--first", "4")
    assert whole.code == 0 and whole.out.startswith("CPU 0, operation 0: alloc grow of size-256, from ")
    operations = whole.out.rstrip("\n").split("\n\n")
    assert len(operations) == 4
    monkeypatch.setattr("sys.stdin", io.StringIO("\nb\n4\n\nwhat\nq\n"))
    walked = slabdes("explain", "e.toml", "--first", "4", "--step").out
    assert [number for number, one in enumerate(operations) if one in walked] == [0, 1, 3]
    assert [part.partition(" ")[0] for part in walked.split("\n-- ")[1:]] == ["1", "2", "1", "4", "5", "5"]
    assert walked.count(operations[0]) == 2 and "of 8 -- Enter" in walked
    told = json.loads(slabdes("explain", "e.toml", "--first", "4", "--json").out)
    assert [one["cpu"] for one in told] == [int(one.split(",")[0].split()[1]) for one in operations]


def test_a_cpu_that_does_nothing_is_told_and_those_that_do(slabdes: Slabdes) -> None:
    assert "--cpu: CPU 3 does nothing in e, point 0, replication 0" in said_in_one_line(
        slabdes("explain", "e.toml", "--cpu", "3")
    )
    assert "no such file" in said_in_one_line(slabdes("explain", "nothing")).lower()


def test_of_a_sweep_the_first_point_is_told_and_which_that_is(slabdes: Slabdes, caplog: pytest.LogCaptureFixture) -> None:
    Path("swept.toml").write_text(SMALL + '[sweep]\n"allocator" = ["6.1", "4.7"]\n"seed" = [3, 4]\n')
    first, _empty, begin, *_rest = slabdes("explain", "swept.toml", "--first", "1").out.splitlines()
    assert first == (
        "Point 0 of 4, the first: allocator 6.1, seed 3 (--point 1 to 3 takes another, --set KEY=VALUE settles what is swept)."
    )
    assert begin.startswith("CPU 0, operation 0: ")
    assert slabdes("explain", "swept.toml", "--first", "1", "--point", "2").out.startswith("CPU 0, operation 0: ")
    told = slabdes("explain", "swept.toml", "--first", "1", "--json")
    assert json.loads(told.out)[0]["cpu"] == 0
    assert first in caplog.text
    said_in_one_line(slabdes("explain", "swept.toml", "--point", "4"))

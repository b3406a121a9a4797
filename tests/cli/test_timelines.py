# SPDX-License-Identifier: GPL-2.0-only
"""The command timeline: what it says, what it writes, and what it refuses, for runs and experiments."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from slabdes.results.event_log import scan_log
from tests.commands import SMALL, SWEPT, Slabdes, runner, said_in_one_line
from tests.timeline.decoded import read_chrome


@pytest.fixture
def slabdes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Slabdes:
    monkeypatch.chdir(tmp_path)
    Path("e.toml").write_text(SMALL.replace("150", "50"), encoding="utf-8")
    return runner(monkeypatch, capsys)


def test_a_run_with_a_log_and_its_experiment_give_the_same_window_around_the_longest_wait(slabdes: Slabdes) -> None:
    assert slabdes("run", "e.toml", "--set", "log=true", "--no-figures", "--out", "r").code == 0
    done = slabdes("timeline", "r", "--window", "2us", "--replication", "1")
    assert done.code == 0 and done.err == ""
    assert "The longest wait of the run" in done.out and "ui.perfetto.dev" in done.out
    again = slabdes("timeline", "e.toml", "--window", "2us", "--replication", "1", "--json")
    told = json.loads(again.out)
    assert told["file"] == "e-timeline.json"
    of_run, of_experiment = (read_chrome(Path(name)) for name in ("r-timeline.json", told["file"]))
    assert of_run.spans == of_experiment.spans and of_run.counters == of_experiment.counters
    begin, end = told["runs"][0]["window_ps"]
    rows = scan_log("r", "operations", 0, 1).collect().rows()
    assert [span[1:4] for span in of_run.of("operation")] == sorted(row[:3] for row in rows if row[2] >= begin and row[1] < end)
    wait = told["runs"][0]["longest_wait"]
    holds = scan_log("r", "holds", 0, 1).collect().rows()
    assert wait["wait_ps"] == max(granted - asked for _lock, _cpu, asked, granted, _released in holds)


def test_two_settings_lie_side_by_side_with_one_operation_at_the_same_place(slabdes: Slabdes) -> None:
    told = json.loads(slabdes("timeline", "e.toml", "--vs", "cache.0.limit=12", "--out", "t.json", "--json").out)
    read = read_chrome(Path("t.json"))
    assert read.names[1, 0] == "e, point 0, replication 0"
    assert read.names[2, 0] == "e, point 0, replication 0 with cache.0.limit=12"
    number, cpu = (int(word) for word in re.findall(r"operation (\d+) of CPU (\d+)", told["answer"][4])[0])
    begins = [
        next(span[2] for span in read.of("operation", pid) if span[1] == cpu and span[7]["number"] == number) for pid in (1, 2)
    ]
    assert begins[0] == begins[1]
    wait = told["runs"][0]["longest_wait"]
    assert wait["cpu"] == cpu and begins[0] <= wait["asked_ps"]
    same = slabdes("timeline", "e.toml", "--vs", "e.toml", "--out", "u.json")
    assert same.code == 0
    read = read_chrome(Path("u.json"))
    assert [span[1:] for span in read.spans if span[0] == 1] == [span[1:] for span in read.spans if span[0] == 2]


def test_nothing_that_is_there_is_written_over_and_each_has_a_name_of_its_own(slabdes: Slabdes) -> None:
    names = [json.loads(slabdes("timeline", "e.toml", "--window", "0+1us", "--json").out)["file"] for _time in range(2)]
    assert names == ["e-timeline.json", "e-timeline-2.json"]
    assert "is there already" in said_in_one_line(slabdes("timeline", "e.toml", "--out", names[0]))
    assert sorted(path.name for path in Path().iterdir()) == ["e-timeline-2.json", "e-timeline.json", "e.toml"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("e.toml", "--window", "soon"), "--window: 'soon'"),
        (("e.toml", "--window", "1s+1us"), "nothing happens from 1,000,000.000 us on"),
        (("e.toml", "--point", "1"), "--point: there is no 1"),
        (("r", "--replication", "9"), "r: no such file"),
        (("swept.toml",), "--point: none is given, and there are 3"),
        (("e.toml", "--out", "nowhere/t.json"), "nowhere is no folder"),
        (("e.toml", "--out", "t.html"), "t.html: no format that a timeline has"),
        (("e.toml", "--vs", "e2.toml"), "e2.toml: no such file"),
        (("e.toml", "--vs", "workload.objects=1", "--window", "5us+1us"), "has no operation"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_a_line_and_nothing_is_left(
    slabdes: Slabdes, arguments: tuple[str, ...], problem: str
) -> None:
    Path("swept.toml").write_text(SWEPT, encoding="utf-8")
    assert problem.lower() in said_in_one_line(slabdes("timeline", *arguments)).lower()
    assert sorted(path.name for path in Path().iterdir()) == ["e.toml", "swept.toml"]


def test_a_run_whose_files_have_changed_is_not_run_again_as_if_they_had_not(slabdes: Slabdes) -> None:
    Path("m.toml").write_text('name = "m"\nmemory_mib = 64\n[topology]\nsockets = 1\ncores = 4\n', encoding="utf-8")
    own = SMALL.replace('preset = "numa-2x4"', 'file = "m.toml"')
    Path("e.toml").write_text(own, encoding="utf-8")
    assert slabdes("run", "e.toml", "--no-figures", "--out", "r", "--set", "replications=1").code == 0
    assert slabdes("timeline", "r", "--window", "0+1us").code == 0
    Path("m.toml").write_text('name = "m"\nmemory_mib = 128\n[topology]\nsockets = 1\ncores = 4\n', encoding="utf-8")
    assert "not what r had read" in said_in_one_line(slabdes("timeline", "r", "--window", "0+1us"))

# SPDX-License-Identifier: GPL-2.0-only
"""`slabdes tune` and `slabdes sensitivity`: what they print, and bad input in one line with nothing made."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import Slabdes, files_in, runner, said_in_one_line

SMALL = """\
[machine]
preset = "numa-2x4"
cpus = 2

[[cache]]
name = "a"
size = 256
limit = 2
batchcount = 1

[workload]
kind = "mix"
operations = 30
live = 10
"""
LIMIT = "cache.0.limit=2..30"
LEAST = ("--minimise", "alloc.mean")


@pytest.fixture
def slabdes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Slabdes:
    monkeypatch.chdir(tmp_path)
    Path("small.toml").write_text(SMALL, encoding="utf-8")
    Path("swept.toml").write_text(f'{SMALL}\n[sweep]\n"cache.0.limit" = [2, 4]\n', encoding="utf-8")
    return runner(monkeypatch, capsys)


def test_tune_says_what_is_best_and_the_line_that_sets_it(slabdes: Slabdes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slabdes.tuning.draw_figures", lambda *_: None)
    command = ("tune", "small.toml", *LEAST, "--over", LIMIT, "--trials", 3, "--most", 5, "--jobs", 1, "--cells", "off")
    done = slabdes(*command, "--out", "found")
    assert done.code == 0
    told = json.loads(Path("found/tuning.json").read_text(encoding="utf-8"))
    assert " ".join(told["answer"]) in " ".join(done.out.split())
    (line,) = told["commands"]
    assert line.startswith('echo "a ') and line.endswith(' 8" > /proc/slabinfo')
    what = "the best" if " is the best of " in told["answer"][0] else "what is written"
    assert f"to apply {what}, as root on a SLAB kernel:\n{line}\nresults, frames and figures: found\n" in done.out
    again = json.loads(slabdes(*command, "--out", "found", "--resume", "--json").out)
    assert again == {"folder": "found", **told}


def test_sensitivity_says_which_knob_matters(slabdes: Slabdes) -> None:
    over = ("--over", LIMIT, "--over", "workload.think_ns=0.0..900.0")
    done = slabdes("sensitivity", "small.toml", *over, "--samples", 2, "--jobs", 1, "--cells", "off", "--json")
    told = json.loads(done.out)
    assert (told["folder"], told["method"], told["samples"]) == ("runs/small-sensitivity", "morris", 2)
    assert {row["knob"] for row in told["effects"]} == {"cache.0.limit", "workload.think_ns", "chance"}
    assert done.code == 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("tune", "small.toml", *LEAST), "tune: no knob is free; allowed: --over KEY=LOW..HIGH"),
        (("tune", "small.toml", "--over", LIMIT), "of what is the least wanted?; allowed: --minimise alloc.p99"),
        (("tune", "small.toml", "--minimise", "alloc.p98", "--over", LIMIT), "no measure (did you mean alloc.p99?)"),
        (("tune", "small.toml", *LEAST, "--over", "cache.0.limt=2..30"), "unknown key (did you mean limit?)"),
        (("tune", "small.toml", *LEAST, "--over", "cache.0.limit=30..2"), "the wrong way round; allowed: cache.0.limit=2..30"),
        (("tune", "small.toml", *LEAST, "--over", "cache.0.limit="), "not of the form key=values"),
        (("tune", "swept.toml", *LEAST, "--over", LIMIT), "the experiment sweeps this key; allowed: --set cache.0.limit=VALUE"),
        (("tune", "small.toml", *LEAST, "--over", LIMIT, "--max-held", "64 elephants"), "allowed: above 0, such as 64MiB"),
        (("sensitivity", "small.toml"), "sensitivity: no knob is free"),
        (("sensitivity", "small.toml", "--over", LIMIT, "--method", "sobl"), "no method (did you mean sobol?)"),
    ],
)
def test_bad_input_is_refused_in_a_line_and_nothing_is_made(slabdes: Slabdes, arguments: tuple[str, ...], line: str) -> None:
    before = files_in(Path.cwd())
    assert line in said_in_one_line(slabdes(*arguments))
    assert files_in(Path.cwd()) == before

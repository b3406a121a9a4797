# SPDX-License-Identifier: GPL-2.0-only
"""`slabdes compare` with an experiment: the answer first, JSON with sentences, and what cannot be compared in a line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import Slabdes, runner

TOML = """
engine = "reference"
machine.preset = "numa-2x4"
cache = [{ name = "a", size = 256, limit = 20 }]
workload = { kind = "mix", operations = 60, live = 20 }
"""
SIDES = ("--set", "cache.a.limit=4", "--vs", "cache.a.limit=60")


@pytest.fixture
def slabdes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Slabdes:
    monkeypatch.chdir(tmp_path)
    Path("e.toml").write_text(TOML, encoding="utf-8")
    return runner(monkeypatch, capsys)


def test_the_answer_comes_first_and_both_sides_are_kept_as_a_run(slabdes: Slabdes) -> None:
    done = slabdes("compare", "e.toml", *SIDES, "--decide", "alloc.mean", "--out", "both")
    assert done.code == 0
    assert done.out.startswith("limit 60 is better than limit 4 in alloc mean: ")
    assert "every measure, the largest difference first" in done.out
    again = slabdes("compare", "both", "--by", "cache.a.limit")
    assert "limit 60 is faster than limit 4" in again.out.replace("\n", " ")


def test_json_has_the_sentences_the_outcome_and_every_measure(slabdes: Slabdes) -> None:
    measures = ("--decide", "alloc.mean,free.mean", "--decide", "operations/s")
    told = json.loads(slabdes("compare", "e.toml", *SIDES, *measures, "--json").out)
    assert told["outcome"] == "lower"
    assert list(told["outcomes"]) == ["alloc_mean_ns", "free_mean_ns", "operations_per_s"]
    assert told["outcomes"]["operations_per_s"] == "higher"
    assert told["answer"][0].startswith("limit 60 is better")
    row = next(row for row in told["measures"] if row["measure"] == "alloc_mean_ns")
    assert row["low"] <= row["difference"] <= row["high"] < 0


def test_the_small_size_of_a_file_is_compared_with_quick(slabdes: Slabdes) -> None:
    Path("q.toml").write_text(f'{TOML}\n[quick]\n"workload.operations" = 7\n', encoding="utf-8")
    told = json.loads(slabdes("compare", "q.toml", *SIDES, "--quick", "--most", "5", "--out", "small", "--json").out)
    assert told["outcome"] in ("open", "alike", "higher", "lower")
    run = json.loads(Path("small/manifest.json").read_text(encoding="utf-8"))
    assert run["experiment"]["workload"]["operations"] == 7


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("e.toml",), "there is no second side; allowed: --set KEY=VALUE --vs KEY=OTHER"),
        (("e.toml", "--vs", "cache.a.limit=20"), "both sides have the same settings"),
        (
            ("e.toml", *SIDES, "--by", "often"),
            "--by: 'often'; allowed: a share, such as 5% or 0.05",
        ),
        (("e.toml", *SIDES, "--by", "-1%"), "--by: '-1%'"),
        (("e.toml", *SIDES, "--quick"), "e.toml: quick: the file has no such table"),
        (("runs/x", "--quick"), "--quick: beside a run"),
        (("e.toml", *SIDES, "--decide", "alloc.p98"), "no measure (did you mean alloc.p99?)"),
        (("e.toml", "runs/x", *SIDES), "a second run beside an experiment"),
        (("e.toml", *SIDES, "--where", "limit=4"), "--where beside an experiment"),
        (("runs/x", "--by", "limit", "--set", "seed=2"), "--set: beside a run"),
        (("e.toml", "--set", "cache.a.limit=4", "--vs", "cache.a.limit=0"), "cache.a.limit: 0 is out of range"),
        (("e.toml", "--vs", "cache.b.limit=4"), "'b' is not in the list"),
    ],
)
def test_what_cannot_be_compared_is_told_in_a_line(arguments: tuple[str, ...], words: str, slabdes: Slabdes) -> None:
    done = slabdes("compare", *arguments)
    assert done.code == 2
    assert words in done.err
    assert done.err.count("\n") == 1

# SPDX-License-Identifier: GPL-2.0-only
"""Who begins finds the keys of a file, a file to begin with, and what words mean."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import Slabdes, runner, said_in_one_line

from slabdes.cli.glossary import words


@pytest.fixture
def slabdes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Slabdes:
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


def test_keys_tells_type_unit_default_and_meaning(slabdes: Slabdes) -> None:
    outcome = slabdes("keys", "machine.memory_mib")
    assert outcome.code == 0
    assert outcome.out.startswith(
        "machine.memory_mib: number, at least 0 or list of number, at least 0, MiB; no default\n    MiB each"
    )


def test_keys_as_json_has_all_of_them(slabdes: Slabdes) -> None:
    found = json.loads(slabdes("keys", "--json").out)
    assert {"path", "workload", "type", "unit", "default", "meaning"} == set(found[0])
    assert len(found) > 60


def test_an_unknown_key_or_word_or_kind_is_refused_in_one_line(slabdes: Slabdes) -> None:
    assert "did you mean think_ns?" in said_in_one_line(slabdes("keys", "thinkns"))
    assert "did you mean list_lock?" in said_in_one_line(slabdes("glossary", "listlok"))
    assert "did you mean burst?" in said_in_one_line(slabdes("new", "bursts"))


def test_new_without_a_kind_lists_the_kinds_with_what_each_does(slabdes: Slabdes) -> None:
    told = slabdes("new")
    assert told.code == 0
    for kind in ("burst", "mix", "producer_consumer", "critical_section", "pages", "arrivals", "trace"):
        (line,) = (line for line in told.out.splitlines() if line.startswith(f"{kind} "))
        assert len(line.split()) > 5


def test_new_writes_a_file_that_runs_and_leaves_one_that_is_there(slabdes: Slabdes) -> None:
    told = slabdes("new", "mix", "--out", "m.toml")
    assert told.out == "written: m.toml; run it: slabdes run m.toml\n"
    small = ["--set", "workload.operations=40", "--set", "replications=2", "--set", "engine=reference"]
    assert slabdes("run", "m.toml", *small).code == 0
    before = Path("m.toml").read_text(encoding="utf-8")
    assert "is there already" in said_in_one_line(slabdes("new", "mix", "--out", "m.toml"))
    assert Path("m.toml").read_text(encoding="utf-8") == before


@pytest.mark.parametrize("word", ["list_lock", "List-Lock", "p99", "hand off"])
def test_glossary_finds_a_word_in_any_writing(slabdes: Slabdes, word: str) -> None:
    assert slabdes("glossary", word).out.count("See ") == 1


def test_every_word_that_the_glossary_sends_on_to_is_in_it() -> None:
    known = {part for word in words() for part in word.split(", ")}
    for word, meaning in words().items():
        see = re.search(r"See ([^.]+)\.$", meaning)
        assert see, word
        assert set(see.group(1).split(", ")) <= known, word


def test_the_version_is_the_packages(slabdes: Slabdes) -> None:
    import slabdes as package

    assert slabdes("--version").out == f"slabdes {package.__version__}\n"
    assert slabdes("keys", "-h").out.count("keys [OPTIONS] [PREFIX]") == 1


def test_a_word_that_no_key_is_about_is_the_glossarys(slabdes: Slabdes) -> None:
    told = said_in_one_line(slabdes("keys", "state word"))
    assert "none is about it; slabdes glossary 'state word' says what it means" in told

# SPDX-License-Identifier: GPL-2.0-only
"""A replay's answer by load: told as far as it came when it is ended, gone on with, kept in the run's folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import Slabdes, runner

from slabdes.errors import InputError
from slabdes.results.partial import Partial
from slabdes.signals import Ended, line
from slabdes.study import load, run

FIELDS = "bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL"
OPTIONS = ("--machine", "uma-4", "--allocator", "6.1", "--jobs", 1, "--engine", "reference", "--out", "out")


@pytest.fixture
def replay(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Slabdes:
    monkeypatch.chdir(tmp_path)
    slabdes = runner(monkeypatch, capsys)
    lines = (f"t-1 [{n % 2}] 1.{n:06d}: kmem_cache_alloc: call_site=f ptr={n + 1:x}00 {FIELDS} name=x" for n in range(40))
    Path("t.txt").write_text("\n".join(lines))
    return lambda *options: slabdes("replay", "t.txt", *OPTIONS, *options)


def ended_after(count: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the loads end with an error when so many replications of theirs are kept."""
    save, kept = Partial.save, []

    def counted(*arguments: Any) -> None:
        save(*arguments)
        if arguments[0].working.path.name == "by-load.partial":
            kept.append(arguments)
        if len(kept) == count:
            monkeypatch.undo()
            raise error

    monkeypatch.setattr(Partial, "save", counted)


def test_loads_take_cells_and_are_run_where_the_recorded_one_is(replay: Slabdes, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def refused(_experiment: Any, **options: Any) -> Any:
        asked.append(options)
        raise InputError("loads", "asked for")

    hands = run.hands
    monkeypatch.setattr(run, "check_where", lambda where: None)
    monkeypatch.setattr(run, "hands", lambda where, jobs: hands(None, jobs))
    monkeypatch.setattr(load, "run_study", refused)
    assert "loads: asked for" in replay("--cells", "cells", "--cluster", "tcp://h:1", "--no-figures").err
    assert [(options["cells"], options["executor"]) for options in asked] == [(Path("cells"), "tcp://h:1")]


@pytest.mark.parametrize("error", [InputError("disk", "full"), Ended()], ids=repr)
def test_loads_that_ended_are_told_and_gone_on_with(
    replay: Slabdes, error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        ended_after(5 + 5 + 2, error, patch)  # two loads of five replications, and two of the third
        try:
            cut = replay()
            told, err = cut.out, cut.err
        except Ended:  # `python -m slabdes` ends with this line
            told, err = capsys.readouterr().out, f"slabdes: {line()}\n"
    said = "disk: full" if isinstance(error, InputError) else "interrupted; what is finished is kept, go on with --resume"
    assert err == f"slabdes: {said}\n"
    assert told.startswith("Ended after 2 of 8 loads. At the recorded load CPUs spend ")
    assert "results, frames and figures: out" in told
    assert Path("out/by-load.partial").is_dir() and not Path("out/by-load.json").exists()
    with monkeypatch.context() as patch:
        kept = []
        patch.setattr(Partial, "save", lambda *replication, save=Partial.save: kept.append(save(*replication)))
        rest = replay("--resume", "--json")
    assert (rest.code, rest.err, len(kept)) == (0, "", 8 * 5 - (5 + 5 + 2))
    plain = json.loads(rest.out)
    assert (len(plain["by_load"]), plain["by_load_of"]["left"]) == (8, 0)
    assert not Path("out/by-load.partial").exists()
    show = runner(monkeypatch, capsys)
    assert json.loads(show("show", "out", "--json").out) == {
        name: plain[name] for name in plain if name not in ("folder", "assumed")
    }
    assert show("show", "out").out.startswith(Path("out/text/by_load").read_text(encoding="utf-8"))
    assert show("show", "out/by-load").out.startswith("Of 8 settings think none is the fastest")

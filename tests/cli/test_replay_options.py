# SPDX-License-Identifier: GPL-2.0-only
"""What a replay's options say about caches and sweeps, as the run's manifest has it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import Slabdes, runner

import slabdes as package

FIELDS = "bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL"


@pytest.fixture
def replay(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    slabdes: Slabdes = runner(monkeypatch, capsys)
    trace = tmp_path / "t.txt"
    lines = (f"t-1 [0] 1.{n:06d}: kmem_cache_alloc: call_site=f ptr={n + 1:x}00 {FIELDS} name={'xy'[n % 2]}" for n in range(60))
    trace.write_text("\n".join(lines))

    def run(*options: str | int) -> Any:
        out = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        done = slabdes("replay", trace, "--machine", "uma-4", "--jobs", 1, "--engine", "reference", "--out", out, *options)
        return package.Run.load(out) if done.code == 0 else done

    return run


def tunables(run: Any) -> dict[tuple[int, str], tuple[int, int, int]]:
    columns = run.caches.select("point", "name", "limit", "batchcount", "shared").iter_rows()
    return {(point, name): tuple(rest) for point, name, *rest in columns}


def test_tunables_are_those_of_each_cache_that_is_named(replay: Any) -> None:
    run = replay("--cache", "x", "--cache", "y", "--limit", 60, "--batchcount", 20, "--shared", 2)
    assert tunables(run) == {(0, "x"): (60, 20, 2), (0, "y"): (60, 20, 2)}


@pytest.mark.parametrize("caches", [("all",), ("y", "x")])
def test_a_cache_of_the_trace_is_set_by_its_name(replay: Any, caches: tuple[str, ...]) -> None:
    found = tunables(replay(*(word for name in caches for word in ("--cache", name)), "--set", "cache.y.batchcount=7"))
    assert found[0, "y"][1] == 7
    assert found[0, "x"][1] != 7


def test_a_cache_is_set_by_its_number_among_those_named(replay: Any) -> None:
    found = tunables(replay("--cache", "y", "--cache", "x", "--set", "cache.0.limit=33", "--set", "cache.1.limit=44"))
    assert (found[0, "y"][0], found[0, "x"][0]) == (33, 44)


def test_a_sweep_may_say_its_keys_in_short(replay: Any) -> None:
    run = replay("--cache", "x", "--sweep", "copies=1,3", "--sweep", "limit=30,60", "--sweep", "think=none,0.5x")
    assert len(run.manifest.points) == 8
    assert {limit for limit, _batch, _shared in tunables(run).values()} == {30, 60}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--cache", "all", "--limit", 60), "--limit: which caches?; allowed: with --cache NAME"),
        (("--cache", "all", "--sweep", "limit=1,2"), "--sweep limit: of which cache?"),
        (("--cache", "x", "--sweep", "copies"), "not of the form key=value,value"),
        (("--cache", "x", "--set", "cache.z.limit=4"), "cache z"),
        (("--cache", "x", "--sweep", "copies=a"), "copies"),
    ],
)
def test_an_option_that_fits_nothing_is_one_line(replay: Any, options: tuple[str | int, ...], why: str) -> None:
    done = replay(*options)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert why in done.err

# SPDX-License-Identifier: GPL-2.0-only
"""How long until a dump's memory returns, and any workload that begins in a dump's state."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import Slabdes, runner

import slabdes as package
from slabdes.dumps.dump import read_dumps
from slabdes.errors import InputError
from slabdes.study.returns import MIB, Held, Returns, returns

DUMPS = Path(__file__).parents[1] / "kernel61/traces/8cpu_2node_counter_quiet1/dumps.txt.gz"
CACHES = ["filp", "shmem_inode_cache"]


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """The dump that was taken after the trace, with what it has left behind in arrays and on lists."""
    later = gzip.decompress(DUMPS.read_bytes()).decode().partition("ENDDUMP")[2]
    path = tmp_path / "after.txt"
    path.write_text(later[later.index("DUMP ") :], encoding="utf-8")
    return path


def test_what_a_dump_holds_comes_back_turn_by_turn_and_is_all_told(dump: Path) -> None:
    found = returns(dump, caches=CACHES, within_s=20, settings=["engine=reference"])
    recorded = read_dumps(dump)[0]
    slabs = {
        name: sum(len(node.slabs) << 12 + cache.geometry.gfporder for node in cache.nodes)
        for name, cache in recorded.caches.items()
        if name in CACHES
    }
    assert {name: held[0].whole for name, held in found.by_cache.items()} == slabs
    assert found.machine == "numa-2x4"
    wholes = [held.whole for held in found.held]
    assert wholes == sorted(wholes, reverse=True)
    assert wholes[-1] < wholes[0]
    assert {held.in_use for held in found.held} == {found.held[0].in_use}, "nothing is allocated or freed"
    assert found.sentences()[0].startswith("Of the ")
    assert all(sheet.rows for sheet in found.sheets())


def told(*held: Held) -> str:
    return " ".join(Returns("d", "m", tuple(range(0, 2 * len(held), 2)), held, {}, ()).sentences())


def test_the_answer_says_when_half_and_nearly_all_is_back_or_what_is_not_and_why() -> None:
    first, half = Held(10 * MIB, 8 * MIB, 2 * MIB, 0, 0), Held(10 * MIB, 5 * MIB, 0, 0, 0)
    end, never = Held(10 * MIB, 0, 0, 0, 0), Held(10 * MIB, 0, 0, 4 * MIB, 0)
    assert "Of the 10.0 MiB that d held beyond its live objects (10.0 MiB), half was back within 2 s and 95 %" in told(
        first, half, end
    )
    assert "95 % was back within 4 s, on m with nothing but its reap timers" in told(first, half, end)
    assert "half was back within 2 s, 60.0 % after 4 s" in told(first, half, never)
    assert "4.0 MiB never come back: 4.0 MiB are free objects in slabs that hold objects in use" in told(first, half, never)
    assert "5.0 MiB were not back in 2 s: 5.0 MiB are free slabs, which later turns" in told(first, half)
    assert "there was nothing to give back" in told(end, end)


def experiment(dump: Path, **more: Any) -> dict[str, Any]:
    workload = {"kind": "mix", "operations": 40, "think_ns": 1e8}
    start = {"allocator": "6.1", "start": str(dump), "engine": "reference", "cache": [{"name": "filp"}]}
    return {"machine": {"preset": "numa-2x4"}, "workload": workload, **start, **more}


def test_any_workload_may_begin_in_a_dumps_state(dump: Path) -> None:
    run = package.simulate(experiment(dump))
    recorded = read_dumps(dump)[0].caches["filp"]
    (row,) = run.caches.to_dicts()
    assert (row["object_size"], row["limit"]) == (recorded.geometry.size, recorded.limit)
    assert row["slabs_created"] >= sum(len(node.slabs) for node in recorded.nodes)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"allocator": "2.6.34"}, "start needs the slab layout of allocator 4.6 or later"),
        ({"cache": [{"name": "filp", "limit": 8}]}, "'filp' has limit with start; allowed: its name"),
        ({"cache": [{"name": "flip"}]}, r"no cache 'flip' \(did you mean filp"),
        ({"workload": {"kind": "trace", "file": "t"}, "cache": []}, "start with a trace; allowed: workload.from_dump"),
    ],
)
def test_a_start_that_cannot_be_is_refused(dump: Path, more: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        package.simulate(experiment(dump, **more))


def test_the_command_answers_in_sentences_and_json(
    dump: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slabdes: Slabdes = runner(monkeypatch, capsys)
    reap = ("reap", dump, "--cache", "filp", "--within", 4, "--jobs", 1, "--set", "engine=reference")
    done = slabdes(*reap)
    assert done.code == 0
    assert done.out.startswith("Of the ")
    assert "memory over time" in done.out
    plain = json.loads(slabdes(*reap, "--json").out)
    assert [row["seconds"] for row in plain["held"]] == [0, 2, 4]
    refused = slabdes("reap", dump, "--within", 1)
    assert (refused.code, "--within: 1 s; allowed: 2 to 960 s" in refused.err) == (2, True)

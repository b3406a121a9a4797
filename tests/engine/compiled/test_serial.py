# SPDX-License-Identifier: GPL-2.0-only
"""Scripts and logs of the real allocator run through compiled code, one operation at a time, and give the same records."""

from __future__ import annotations

import json
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any

import pytest

from slabdes.config import EngineName
from slabdes.conformance.compare import compare_script
from slabdes.conformance.driver import COMPILING, Drivers, GeneratorDriver
from slabdes.conformance.kernel_log.compare import compare_log
from slabdes.conformance.recordings import find_recordings
from slabdes.conformance.runner import ScriptRunner
from slabdes.conformance.script import parse_script
from slabdes.engine.compiled.serial import SerialDriver
from slabdes.errors import InputError

TESTS = Path(__file__).parents[2]
SCRIPTS = sorted((TESTS / "golden").glob("*.ops.gz"))
LOGS = sorted((TESTS / "kernel61/prescribed").glob("*.log.gz"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name.removesuffix(".ops.gz"))
def test_compiled_code_gives_every_record_that_the_real_allocator_gave(script: Path) -> None:
    verdict = compare_script(script, SerialDriver)
    assert verdict.holds, verdict.difference
    assert verdict.total > 0


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name.removesuffix(".log.gz"))
def test_compiled_code_reproduces_every_line_of_a_prescribed_log(log: Path) -> None:
    verdict = compare_log(log, SerialDriver)
    assert verdict.holds, verdict.difference
    assert verdict.total > 50


def test_all_scripts_and_logs_are_here() -> None:
    assert (len(SCRIPTS), len(LOGS)) == (33, 17)


MACHINES = ("machine nodes=2 cpus=4", "machine nodes=3 cpus=4 map=0,0,2,2", "machine cpus=2", "machine nodes=2 cpus=4 noalien=1")


@pytest.mark.parametrize("machine", MACHINES)
def test_what_has_to_grow_in_the_middle_of_an_operation_changes_no_record(machine: str) -> None:
    # 4,500 slabs of one object: more than there is room for at first; arrays so large that shrink tells of thousands of steps.
    objects = 4500
    script = [machine, "cache size=4096", "tune limit=3000 batchcount=1500 shared=2"]
    script += [f"a {number % 2}" for number in range(objects)]
    script += [f"f {number % 2} {number}" for number in range(objects)]
    script += ["dump", "shrink 1", "dump full", "a 0", "tune limit=1 batchcount=1 shared=0", "dump full", "reap 0", "dump"]
    both = [
        list(ScriptRunner(make_driver=make).run(parse_script("\n".join(script), "s"))) for make in (GeneratorDriver, SerialDriver)
    ]
    for ours, generators in zip_longest(*both[::-1]):
        assert ours == generators
    steps = next(record["ev"].split() for record in both[1] if record["op"] == "shrink")
    assert len(steps) > objects


def test_page_failures_and_policies_set_between_operations_are_heard() -> None:
    # Both of the allocation's calls fail: the refill's and the one straight from the node.
    lines = ["machine nodes=2 cpus=2", "cache size=4096 flags=MEM_SPREAD", "failpages 2 1", "a 1 1 thisnode", "a 1 1"]
    lines += ["pagelimit 0 1", "policy spread 0", "a 0", "policy interleave 1", "a 0", "policy none", "a 0 thisnode", "dump full"]
    records = list(ScriptRunner(make_driver=SerialDriver).run(parse_script("\n".join(lines), "s")))
    assert records == list(ScriptRunner().run(parse_script("\n".join(lines), "s")))
    assert [record["path"] for record in records if record["op"] == "a"][:2] == ["fail", "grow"]


def random_script(seed: int) -> list[str]:
    """Three caches, one with descriptors elsewhere, on three nodes that run out of pages, under changing policies."""
    random = Random(seed)
    lines = ["machine nodes=3 cpus=5 map=0,0,1,1,2"]
    lines += ["cache size=1000 flags=MEM_SPREAD", "cache size=64", "cache size=2048", "tune limit=4 batchcount=2 shared=1"]
    asked, held = 0, []
    for _line in range(400):
        cpu, node = random.randrange(5), random.randrange(3)
        if random.random() < 0.5:
            lines.append(f"a {cpu}" + random.choice(["", f" {node}", f" {node} thisnode", " atomic"]))
            held.append(asked)
            asked += 1
        elif held and random.random() < 0.8:
            lines.append(f"f {cpu} {held.pop(random.randrange(len(held)))}")
        else:
            lines.append(
                random.choice([
                    f"use {random.randrange(3)}", f"use {random.randrange(3)}", f"pagelimit {node} {random.randrange(12)}",
                    f"pagelimit {node} -1", f"failpages {random.randrange(4)}", f"failpages {random.randrange(4)} {node}",
                    f"policy {random.choice(['preferred', 'interleave', 'spread'])} {node}", "policy none", f"shrink {cpu}",
                    f"reap {cpu}", "advance 3000",
                ])
            )  # fmt: skip
    return [*lines, "dump full"]


def test_random_scripts_of_several_caches_limits_and_policies_have_equal_records() -> None:
    paths: set[str] = set()
    for seed in range(12):
        script = "\n".join(random_script(seed))
        ours, generators = (
            list(ScriptRunner(make_driver=make).run(parse_script(script, "s"))) for make in (SerialDriver, GeneratorDriver)
        )
        assert ours == generators
        assert {cache["check"] for cache in ours[-1]["caches"]} == {"ok"}
        paths |= {record["path"] for record in ours if "path" in record}
    assert {"skip", "fail", "fallback-grow", "node-partial"} <= paths
    assert any(path.startswith("altfail-") for path in paths)


def test_a_changed_recording_does_not_match(tmp_path: Path) -> None:
    lines = ["machine", "cache size=64", "a 0", "f 0 0", "dump full"]
    records: list[dict[str, Any]] = list(ScriptRunner().run(parse_script("\n".join(lines), "s")))
    (tmp_path / "s.ops").write_text("\n".join(lines))
    recording = tmp_path / "s.out.jsonl"
    recording.write_text("\n".join(map(json.dumps, records)))
    assert compare_script(tmp_path / "s.ops", SerialDriver).holds
    records[2]["ev"] = records[2]["ev"].replace("-L0", "+L0", 1)
    recording.write_text("\n".join(map(json.dumps, records)))
    verdict = compare_script(tmp_path / "s.ops", SerialDriver)
    assert verdict.difference is not None
    assert verdict.matched == verdict.total - 1


def test_traces_are_refused_where_compiled_code_is_asked_for() -> None:
    traces = find_recordings([TESTS / "kernel61/traces"], Drivers(EngineName.COMPILED))
    assert traces
    for trace in traces:
        with pytest.raises(InputError, match="reference's paths only"):
            trace.compare(trace.path)


def test_nothing_is_compiled_unless_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLABDES_CACHE_DIR", str(tmp_path))
    said: list[str] = []
    assert Drivers(EngineName.REFERENCE, said.append).slab is GeneratorDriver
    assert said == []
    # Compiled by the tests above, but kept elsewhere.
    assert Drivers(EngineName.COMPILED, said.append).slab is SerialDriver
    assert said == [COMPILING]

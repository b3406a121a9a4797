# SPDX-License-Identifier: GPL-2.0-only
"""What `slabdes trace info` tells: sentences from a trace's numbers, tables that say what they leave out, commands that run."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import Slabdes, runner

import slabdes as package
from slabdes.workload.trace.kernel import guess_kernel

TRACES = Path(__file__).parents[2] / "experiments/traces"


@pytest.fixture
def slabdes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Slabdes:
    return runner(monkeypatch, capsys)


def alloc(pointer: int, *, cpu: int = 0, time: str = "1.0", site: str = "f+0x1", more: str = "", size: int = 64) -> str:
    fields = f"call_site={site} ptr={pointer:x} bytes_req={size} bytes_alloc={size} gfp_flags=GFP_KERNEL {more}"
    return f"t-1 [{cpu:03d}] ..... {time}: kmem_cache_alloc: {fields}"


def free(pointer: int, *, cpu: int = 0, time: str = "2.0", name: str = "x") -> str:
    return f"t-1 [{cpu:03d}] ..... {time}: kmem_cache_free: call_site=g+0x1 ptr={pointer:x} name={name}"


def write(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "a trace.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_real_trace_is_told_in_sentences_made_from_its_numbers(slabdes: Slabdes) -> None:
    told = slabdes("trace", "info", TRACES / "unix_dgram_6.18.txt.gz").out
    first = told.splitlines()[0]
    assert first.startswith("50.1 k kmem events of 2 CPUs in 353 ms, 142 k a second, from a kernel later than 6.1")
    assert "skbuff_head_cache (256 bytes, 40.6 %)" in first
    assert "87.3 % of frees are on another CPU" in first
    assert 2 <= first.count(". ") + 1 <= 6
    assert "caches by traffic (most live: of 4096 moments): 20 of 35; --rows 35 shows all" in told
    assert "CPUs by operations\n" in told.replace("  ", "").replace(" \n", "\n")


def test_objects_live_at_once_shares_and_sites_are_those_of_the_trace(tmp_path: Path) -> None:
    info = package.trace_info(
        write(
            tmp_path,
            *(alloc(0x100 * n, time=f"1.{n}") for n in range(1, 4)),
            *(free(0x100 * n, cpu=1, time=f"2.{n}") for n in range(1, 3)),
            alloc(0x900, time="3.0", site="h+0x1"),
            free(0x900, time="3.5"),
            alloc(0x1000, size=96, time="3.6", site="k+0x2", more="node=1"),
        )
    )
    first, second = info.caches
    assert (first.name, first.allocs, first.frees, first.remote_frees, first.most_live, first.never_freed) == ("x", 4, 3, 2, 3, 1)
    assert dict(first.sites) == {"f+0x1": 3, "h+0x1": 1}
    assert (second.size, second.most_live, first.share) == (96, 1, 7 / 8)
    assert (info.span_s, info.operations, dict(info.asked_nodes)) == (pytest.approx(2.5), 8, {1: 1})
    assert (info.cpus[0].operations, info.cpus[1].operations) == (6, 2)
    assert info.cpus[0].per_s == pytest.approx(6 / 2.5)


def test_a_clock_that_counts_tells_no_rates_and_no_load(slabdes: Slabdes, tmp_path: Path) -> None:
    path = write(tmp_path, alloc(0x100, time="17"), free(0x100, time="18"))
    told = json.loads(slabdes("trace", "info", path, "--json").out)
    assert (told["clock"], told["span_s"], told["caches"][0]["most_live"]) == ("counter", None, None)
    assert any("nothing is known of load" in sentence for sentence in told["sentences"])
    assert not any("--think" in command for command in told["commands"])
    assert slabdes("trace", "info", path).code == 0


def test_commands_can_be_pasted_and_name_presets_that_are_there(tmp_path: Path) -> None:
    info = package.trace_info(write(tmp_path, alloc(0x100, more="node=1"), free(0x100)))
    assert info.commands()
    for command in info.commands():
        words = shlex.split(command)
        assert words[:3] == ["slabdes", "replay", str(tmp_path / "a trace.txt")]
        machine = package.load_machine(words[words.index("--machine") + 1])
        assert machine.n_nodes >= 2


def test_how_times_were_taken_is_told_here_and_in_a_replays_answer(
    slabdes: Slabdes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, "# cpudesc : QEMU TCG CPU version 2.5+", alloc(0x100), free(0x100))
    words = "are those of an emulated machine, as its header shows (cpudesc : QEMU TCG CPU version 2.5+)"
    assert words in slabdes("trace", "info", path).out
    done = slabdes("replay", path, "--no-by-load", "--engine", "reference", "--json")
    assert any(words in sentence for sentence in json.loads(done.out)["answer"])


def test_a_first_command_runs_as_it_stands(slabdes: Slabdes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, alloc(0x100), free(0x100))
    command = package.trace_info(path).commands()[0]
    assert slabdes(*shlex.split(command)[1:], "--jobs", 1).code == 0


def test_lost_events_are_told_and_names_do_nothing_to_a_terminal(slabdes: Slabdes, tmp_path: Path) -> None:
    path = write(tmp_path, "CPU:1 [LOST 7 EVENTS]", alloc(0x100), free(0x100, name="\x1b[31m" + "n" * 300))
    told = slabdes("trace", "info", path).out
    assert "7 events are lost" in told
    assert "\x1b" not in told
    assert max(map(len, told.splitlines()[1:])) < 400


@pytest.mark.parametrize(
    ("lines", "versions", "allocator"),
    [
        ([alloc(0x100, more="name=x"), free(0x100)], "later than 6.1", "6.1"),
        ([alloc(0x100, more="name=x", site="__alloc_empty_sheaf+0x30/0x60"), free(0x100)], "6.18 or later", "7.3"),
        ([alloc(0x100, more="node=-1 accounted=false"), free(0x100)], "6.0 or 6.1", "6.1"),
        ([alloc(0x100), free(0x100)], "5.12 to 5.19", "6.1"),
        ([alloc(0x100)], "5.0 to 5.11", "4.7"),
        ([alloc(0x100, site="ffffffff8110d60e").replace("GFP_KERNEL", "GFP_KERNEL|__GFP_ZERO")], "4.6 to 5.0", "4.7"),
        ([alloc(0x100, site="ffffffff8110d60e")], "4.6 or earlier", "2.6.34"),
    ],
)
def test_a_kernel_is_guessed_from_what_its_lines_have(tmp_path: Path, lines: list[str], versions: str, allocator: str) -> None:
    guess = guess_kernel(write(tmp_path, *lines))
    assert (guess.versions, guess.allocator) == (versions, allocator)


def test_what_is_no_trace_is_one_line(slabdes: Slabdes, tmp_path: Path) -> None:
    done = slabdes("trace", "info", write(tmp_path, "hello"))
    assert done.code == 2
    assert "no kmem event" in done.err
    assert done.err.count("\n") == 1

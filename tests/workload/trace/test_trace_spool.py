# SPDX-License-Identifier: GPL-2.0-only
"""The second pass: steps on disk and back, thinks, slots, and objects whose cache only their free tells."""

from __future__ import annotations

import gzip
import pickle
import re
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from slabdes.allocator.gfp import MAY_WAIT, THISNODE
from slabdes.errors import InputError
from slabdes.workload.programs import ANY_NODE, Op
from slabdes.workload.trace import exchange, lines, writer
from slabdes.workload.trace import spool as spool_module
from slabdes.workload.trace.index import index_trace
from slabdes.workload.trace.spool import Spool, load_trace, spool_trace
from slabdes.workload.trace.think import Think

WriteTrace = Callable[..., Path]
RECORDED = Think.parse("recorded")


def alloc(cpu: int, time: str, pointer: int, *, name: str = "x", gfp: str = "GFP_KERNEL", node: int = -1) -> str:
    named = f"name={name} " if name else ""
    fields = f"call_site=f ptr={pointer:x} {named}bytes_req=64 bytes_alloc=64 gfp_flags={gfp} node={node}"
    return f"t-1 [{cpu:03d}] {time}: kmem_cache_alloc: {fields}"


def free(cpu: int, time: str, pointer: int, name: str = "x") -> str:
    return f"t-1 [{cpu:03d}] {time}: kmem_cache_free: call_site=g ptr={pointer:x} name={name}"


def load(path: Path, folder: Path, *caches: str) -> Spool:
    return load_trace(path, caches, folder / "spool")


def test_steps_are_the_traces_own_with_a_slot_an_object(write_trace: WriteTrace, tmp_path: Path) -> None:
    path = write_trace(
        free(0, "9.999990", 0x900),
        alloc(0, "10.000000", 0x100),
        alloc(2, "10.000001", 0x200, gfp="GFP_NOWAIT|__GFP_THISNODE", node=1),
        free(2, "10.000005", 0x100),
        alloc(0, "10.000007", 0x100, gfp="GFP_ATOMIC"),
        free(0, "10.0000075", 0x100),
    )
    spool = load(path, tmp_path)
    assert list(spool.steps(0, think=RECORDED)) == [
        (0, Op.ALLOC, 0, 0, ANY_NODE, MAY_WAIT),
        (7_000_000, Op.ALLOC, 0, 2, ANY_NODE, 0),
        (500_000, Op.FREE, 0, 2, ANY_NODE, 0),
    ]
    assert list(spool.steps(2, think=RECORDED, slot_base=100)) == [
        (1_000_000, Op.ALLOC, 0, 101, 1, THISNODE),
        (4_000_000, Op.FREE, 0, 100, ANY_NODE, 0),
    ]
    assert (spool.objects, spool.highest_node, spool.operations, spool.span_ns) == (3, 1, 5, 7_500)


def test_thinks_are_between_steps_of_the_chosen_caches(write_trace: WriteTrace, tmp_path: Path) -> None:
    path = write_trace(
        alloc(0, "1.000000", 0x100, name="other"),
        alloc(0, "1.000010", 0x200),
        free(0, "1.000020", 0x100, "other"),
        free(0, "1.000030", 0x200),
    )
    spool = load(path, tmp_path, "x")
    assert [cache.name for cache in spool.caches] == ["x"]
    assert list(spool.steps(0, think=RECORDED)) == [(0, Op.ALLOC, 0, 0, -1, MAY_WAIT), (20_000_000, Op.FREE, 0, 0, -1, 0)]
    assert [step[0] for step in spool.steps(0, think=Think.parse("0.1x"))] == [0, 2_000_000]
    assert [step[0] for step in spool.steps(0, think=Think.parse("none"))] == [0, 0]


def test_a_pointer_given_out_again_by_another_cache_leaves_the_older_object_allocated(
    write_trace: WriteTrace, tmp_path: Path
) -> None:
    path = write_trace(alloc(0, "1.0", 0x100), alloc(0, "1.0", 0x100, name="other"), free(0, "1.0", 0x100, "other"))
    assert [step[1] for step in load(path, tmp_path, "x").steps(0, think=RECORDED)] == [Op.ALLOC]


def test_caches_are_numbered_as_they_are_asked_for(write_trace: WriteTrace, tmp_path: Path) -> None:
    path = write_trace(alloc(0, "1.0", 0x100), alloc(0, "1.0", 0x200), alloc(0, "1.0", 0x300, name="y"))
    spool = load(path, tmp_path, "y", "x", "y")
    assert [cache.name for cache in spool.caches] == ["y", "x"]
    assert [step[2] for step in spool.steps(0, think=RECORDED)] == [1, 1, 0]


def test_a_clock_that_runs_backwards_on_a_cpu_gives_no_negative_think(write_trace: WriteTrace, tmp_path: Path) -> None:
    path = write_trace(*(alloc(0, f"1.{n:06d}", 0x100 * n) for n in (5, 3, 4, 9)))
    assert [step[0] for step in load(path, tmp_path).steps(0, think=RECORDED)] == [0, 0, 0, 4_000_000]


@pytest.mark.parametrize("buffered", [22, 50, 1 << 20])
def test_a_cache_that_only_the_free_tells_is_written_after_the_fact(
    write_trace: WriteTrace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, buffered: int
) -> None:
    monkeypatch.setattr(writer, "_BUFFERED_BYTES", buffered)
    path = write_trace(
        *(alloc(0, f"1.{n:06d}", 0x100 * n, name="") for n in range(1, 7)),
        *(free(1, "1.000010", 0x100, "often"), free(1, "1.000011", 0x200, "seldom"), free(1, "1.000012", 0x300, "often")),
        *(free(1, "1.000013", 0x400, "seldom"), free(1, "1.000014", 0x500, "often")),
    )
    both = load(path, tmp_path, "often", "seldom")
    assert [step[2:4] for step in both.steps(0, think=RECORDED)] == [(0, 0), (1, 1), (0, 2), (1, 3), (0, 4), (0, 5)]
    assert [step[2:4] for step in both.steps(1, think=RECORDED)] == [(0, 0), (1, 1), (0, 2), (1, 3), (0, 4)]
    seldom = load(path, tmp_path, "seldom")
    assert [(step[0], step[3]) for step in seldom.steps(0, think=RECORDED)] == [(0, 1), (2_000_000, 3)]
    assert [(step[0], step[3]) for step in seldom.steps(1, think=RECORDED)] == [(9_000_000, 1), (2_000_000, 3)]
    assert seldom.operations == 4
    often = load(path, tmp_path, "often")
    assert [step[3] for step in often.steps(0, think=RECORDED)] == [0, 2, 4, 5]


def test_a_counter_clock_gives_each_step_of_any_cpu_a_microsecond_whatever_it_counts(
    write_trace: WriteTrace, tmp_path: Path
) -> None:
    path = write_trace(alloc(0, "17", 0x100), alloc(1, "18", 0x200), free(0, "1700", 0x100), free(0, "1701", 0x200))
    spool = load(path, tmp_path)
    assert [step[0] for step in spool.steps(0, think=RECORDED)] == [0, 2_000_000, 1_000_000]
    assert [step[0] for step in spool.steps(1, think=Think.parse("0.5x"))] == [500_000]
    assert spool.span_ns == 4_000


@pytest.mark.parametrize(
    ("text", "factor"),
    [("recorded", 1), ("none", 0), ("0.1x", Fraction(1, 10)), ("3x", 3), ("0x", 0)],
)
def test_think_rules_are_exact(text: str, factor: Fraction) -> None:
    assert Think.parse(text).factor == factor


@pytest.mark.parametrize("text", ["", "x", "0.1", "1001x", "-1x", "nanx", "1e9x", "1/0x", "fast"])
def test_another_think_rule_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="allowed: recorded, none, or a factor from 0x to 1000x"):
        Think.parse(text)


def test_thinks_longer_than_a_step_can_say_are_refused(write_trace: WriteTrace, tmp_path: Path) -> None:
    spool = load(write_trace(alloc(0, "1.0", 0x100), free(0, "9301.0", 0x100)), tmp_path)
    assert [step[0] for step in spool.steps(0, think=RECORDED)] == [0, 9300 * 10**12]
    with pytest.raises(InputError, match="9300 s between two steps of CPU 0, times 1000; allowed: at most 9223372 s to think"):
        list(spool.steps(0, think=Think.parse("1000x")))


def test_each_iteration_starts_anew_and_survives_pickling(unix_dgram: Path, tmp_path: Path) -> None:
    spool = load(unix_dgram, tmp_path, "skbuff_head_cache")
    again = pickle.loads(pickle.dumps(spool))
    assert list(spool.steps(0, think=RECORDED)) == list(again.steps(0, think=RECORDED)) != []


def test_a_real_traces_steps_are_its_lines(unix_dgram: Path, tmp_path: Path) -> None:
    """Read by a regular expression of its own: every allocation of the cache, and its CPU and order."""
    spool = load(unix_dgram, tmp_path, "skbuff_head_cache")
    with gzip.open(unix_dgram, "rt") as stream:
        said = re.findall(r"\[(\d+)\] \S+ +([\d.]+): kmem_cache_alloc: .* name=skbuff_head_cache ", stream.read())
    for cpu in (0, 1):
        allocs = [step for step in spool.steps(cpu, think=RECORDED) if step[1] == Op.ALLOC]
        assert len(allocs) == sum(int(on) == cpu for on, _ in said)
    assert sum(int(on) == 0 for on, _ in said) >= 10_000 - 1
    total_ps = sum(step[0] for step in spool.steps(0, think=RECORDED))
    first, last = float(said[0][1]), max(float(time) for on, time in said if on == "000")
    assert total_ps == pytest.approx((last - first) * 1e12, abs=1e6)


@pytest.mark.parametrize("trace", ["unix_dgram", "unix4"])
def test_every_free_follows_its_allocation_in_file_order(trace: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """So no replay can wait in a circle: CPUs stepped in the file's order always find the slot they free filled."""
    spool = load(request.getfixturevalue(trace), tmp_path)
    sides: dict[int, list[tuple[int, int]]] = {}
    for cpu in spool.cpus:
        for step in spool.steps(cpu, think=RECORDED):
            sides.setdefault(step[3], []).append((step[1], step[2]))
    assert sorted(sides) == list(range(spool.objects))
    for both in sides.values():
        operations = sorted(operation for operation, _ in both)
        assert operations in ([Op.ALLOC], [Op.ALLOC, Op.FREE])
        assert len({cache for _, cache in both}) == 1
    assert spool.operations == sum(cache.allocs + cache.frees for cache in spool.index.caches)


def test_memory_does_not_grow_with_the_traces_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "CHUNK_BYTES", 1 << 13)
    monkeypatch.setattr(writer, "_BUFFERED_BYTES", 1 << 13)
    monkeypatch.setattr(spool_module, "_CHUNK_RECORDS", 256)
    monkeypatch.setattr(exchange, "_CHUNK", 512)

    def peak(rounds: int) -> int:
        path = tmp_path / f"{rounds}.txt"
        with path.open("w") as stream:
            for turn in range(rounds):
                pointer = 0x1000 + 64 * (turn % 7)
                stream.write(f"{alloc(0, '1.0', pointer)}\n{free(1, '1.0', pointer)}\n")
        index = index_trace(path)
        tracemalloc.start()
        try:
            spool = spool_trace(index, (), tmp_path / "spool")
            assert sum(1 for _ in spool.steps(1, think=RECORDED)) == rounds
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(6_000)  # caches of regular expressions and the like
    assert peak(6_000) < 1.2 * peak(1_000)  # eight bytes kept of each round would be a third more


def test_progress_counts_both_passes_as_one(unix_dgram: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    load_trace(unix_dgram, ["skbuff_head_cache"], tmp_path, lambda done, total: seen.append((done, total)))
    size = unix_dgram.stat().st_size
    assert seen == sorted(seen)
    assert seen[-1] == (2 * size, 2 * size)


def test_a_trace_that_changes_between_the_passes_is_refused(write_trace: WriteTrace, tmp_path: Path) -> None:
    path = write_trace(alloc(0, "1.0", 0x100))
    index = index_trace(path)
    write_trace(alloc(0, "1.0", 0x100, name="another"))
    with pytest.raises(InputError, match="changed since it was first read"):
        spool_trace(index, (), tmp_path / "spool")


def test_a_folder_that_cannot_be_written_is_one_line(write_trace: WriteTrace, tmp_path: Path) -> None:
    path = write_trace(alloc(0, "1.0", 0x100))
    with pytest.raises(InputError, match=r"cannot spool the trace: .*; allowed: a writable folder"):
        spool_trace(index_trace(path), (), path / "inside a file")

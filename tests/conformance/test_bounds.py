# SPDX-License-Identifier: GPL-2.0-only
"""What scripts, 6.1 logs and geometry logs may ask for, and what lies beside them: refused before it costs anything."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from slabdes.conformance.compare import compare_script, own_records, read_records
from slabdes.conformance.kernel_log import geometry as kernel_geometry
from slabdes.conformance.kernel_log.compare import compare_log
from slabdes.conformance.kernel_log.geometry import compare_geometry
from slabdes.conformance.recordings import find_recordings
from slabdes.conformance.runner import ScriptRunner
from slabdes.conformance.script import MAX_BYTES, parse_script
from slabdes.dumps import bounds
from slabdes.errors import MAX_LINE, InputError

LARGE = "machine nodes=256 cpus=1024"
DIGITS = ("9" * 5000, "-" + "9" * 5000, "0x" + "f" * 5000, str(10**30), str(2**64), str(2**63), "-1", "\u0661")
HEAD = "> new name 256 0 -\nGEOM name=name\n> a 0 3 -1\n"
SNAP = "> snap\n  cpu0(node0): avail=0\n  cpu1(node1): avail=0\n  node0: total_slabs=0\n  node1: total_slabs=0\n"


def line_of(caught: pytest.ExceptionInfo[InputError]) -> str:
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) <= MAX_LINE + len("; allowed: : ")
    return text


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["machine cpus=64", "cache size=64", "advance 1000000000000"], "s:3: 1000000000000 jiffies with 64000000000 turns"),
        (["machine cpus=64", *["advance 100000"] * 500], "jiffies with 6400 turns of reap timers: some"),
        (["machine cpus=1024", "cache size=64", "tune limit=1048576 batchcount=1"], "s:3: room for 1073"),
        (["machine", "cache size=64", "tune limit=1048576 batchcount=1048576 shared=1024"], "s:3: room for 1074790"),
        ([LARGE, *["cache size=64"] * 9], "s:5: 4 caches on 1024 CPUs and 256 nodes have 266240 arrays; allowed: at most 262144"),
        ([LARGE, "cache size=64", *["shrink"] * 9], "a shrink: some 266240 steps, after "),
        ([LARGE, "cache size=64", *["dump"] * 9], "a dump: some 266280 steps, after "),
        (["machine", *["cache size=64"] * 99, *["reap 0"] * 9999], "a turn of the reap timer: some 396 steps, after "),
    ],
)
def test_what_a_script_asks_for_is_estimated_before_it_is_done(
    lines: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MAX_STEPS", 900_000)
    with pytest.raises(InputError) as caught:
        for _record in ScriptRunner().run(parse_script("\n".join(lines), "s")):
            pass
    assert message in line_of(caught)


def test_slabs_take_no_more_room_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_PLACES", 50_000)
    script = "machine\ncache size=8\n" + "a 0\n" * 99_999
    with pytest.raises(InputError, match=r"room for \d+ objects in arrays and slabs; allowed: at most 50000"):
        for _record in ScriptRunner().run(parse_script(script, "s")):
            pass


@pytest.mark.parametrize("digits", DIGITS)
@pytest.mark.parametrize(
    "line",
    [
        *("cache size={}", "cache size=64 align={}", "geom size={}", "tune limit={}", "tune shared={}", "a {}", "a 0 {}"),
        *("f 0 {}", "reap {}", "advance {}", "failpages {}", "pagelimit 0 {} 1", "policy preferred {}", "use {}", "shrink {}"),
    ],
)
def test_a_number_beyond_all_bounds_is_told_with_its_line(line: str, digits: str) -> None:
    script = f"machine\ncache size=64\na 0\n{line.format(digits)}"
    try:
        list(ScriptRunner().run(parse_script(script, "s")))
    except InputError as error:
        assert str(error).startswith("s:4: ")
        assert str(error).isprintable()
    else:
        assert (line, digits) in {("tune limit={}", "-1"), ("tune shared={}", "-1")}  # refused by the kernel, not by us


@pytest.mark.parametrize(
    ("commands", "message"),
    [
        ("> new name 256 0 -\n> a 0 1000000000 -1\n", ":2: 1000000000 operations: some 20000000000 steps"),
        ("> new name 256 0 -\n" + "> a 0 9999 -1\n" * 99, "9999 operations: some 199980 steps, after "),
        (HEAD + "> tune 999999999 1 0\n", ":4: room for 2000"),
        ("> new name 99999999 0 -\n", ":1: 99999999 bytes is no object size; allowed: 1 to 4194304"),
        ("> new name 64 1000000000000 -\n", "fits no slab; allowed: orders 0 to 10"),
        (HEAD + "> f 0 0 3\n", ":4: 'f 0 0 3' is no command"),
        (HEAD + "> f 0 -1 0\n", ":4: 'f 0 -1 0' is no command"),
        (HEAD + "> fl 0 -1\n", ":4: 'fl 0 -1' is no command"),
        (HEAD + "> a 0 1 2\n", ":4: 'a 0 1 2' is no command"),
        (HEAD + "> a 0 1 -2\n", ":4: 'a 0 1 -2' is no command"),
        (HEAD + "> a -1 1 -1\n", ":4: 'a -1 1 -1' is no command"),
        (HEAD + "> reap 0 1\nREAP cpu=0 node=0 reap_node=2 force=1\n", ":4: 'reap 0 1' is no command"),
        (HEAD + "> nextreap 0\nNEXTREAPNODE cpu=0 now=2\n", ":4: 'nextreap 0' is no command"),
        (HEAD + "> (long line)\nF cpu=0 id=-1\n", ":4: '(long line)' is no command"),
        (HEAD + "> (long line)\nA cpu=0 reqnode=7 id=3\n", ":4: '(long line)' is no command"),
    ],
)
def test_what_a_log_asks_for_is_bounded_and_told_with_its_line(
    commands: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MAX_STEPS", 400_000)
    with pytest.raises(InputError) as caught:
        compare_log(write(tmp_path / "a.log", commands + SNAP))
    assert message in line_of(caught)


@pytest.mark.parametrize("digits", DIGITS)
@pytest.mark.parametrize(
    "commands",
    [
        *("> new name {} 0 -\n", "> new name 64 {} -\n", HEAD + "> a {} 1 -1\n", HEAD + "> a 0 {} -1\n", HEAD + "> f 0 {} 0\n"),
        *(
            HEAD + "> f 0 0 {}\n",
            HEAD + "> fl 0 0,{}\n",
            HEAD + "> tune {} 1 1\n",
            HEAD + "> tune 1 1 {}\n",
            HEAD + "> reap {} 0\n",
        ),
        *(HEAD + "> reap 0 {}\n", HEAD + "> nextreap {}\n", HEAD + "> (long line)\nA cpu={} reqnode=-1\n"),
        HEAD + "> (long line)\nF cpu=0 id={}\n",
    ],
)
def test_a_number_beyond_all_bounds_in_a_log_is_told_with_its_line(tmp_path: Path, commands: str, digits: str) -> None:
    with pytest.raises(InputError) as caught:
        compare_log(write(tmp_path / "a.log", commands.format(digits) + SNAP))
    assert f"a.log:{commands.count('> ')}: " in line_of(caught) or "a.log:4: " in line_of(caught)


def test_a_log_of_more_cpus_and_nodes_than_there_may_be_is_refused(tmp_path: Path) -> None:
    snap = "> snap\n" + "".join(f"  cpu{number}(node{number}): avail=0\n" for number in range(6000))
    with pytest.raises(InputError, match="snapshots of 6000 CPUs and 6000 nodes; allowed: at most 1024 CPUs and 256 nodes"):
        compare_log(write(tmp_path / "a.log", HEAD + snap))
    with pytest.raises(InputError, match="no snapshot that shows the machine"):
        compare_log(write(tmp_path / "a.log", HEAD + "> snap\n  cpu" + "9" * 5000 + "(node0): avail=0\n"))


ROW = "GEOM name=x object_size=64 size=64 align=8 num=64 limit=120 batchcount=60 shared=8 node0_free_limit=544\n"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("> geom\n" + ROW.replace("object_size=64", "object_size=0"), ":2: 0 bytes is no object size"),
        ("> geom 64\n" + ROW, ":2: not a GEOM row"),
        ("> geom 0 0 -\n" + ROW, ":2: 0 bytes is no object size"),
        ("> geom 64 1000000000000 -\n" + ROW, ":2: 1000000000000 bytes with alignment"),
        ("> geom -64 0 -\n" + ROW, ":2: not a GEOM row"),
        ("> geom " + "9" * 5000 + " 0 -\n" + ROW, ":2: not a GEOM row"),
        (ROW.replace(" size=64", "").replace("object_size=64", ""), ":1: not a GEOM row"),
        (ROW + ROW.replace("object_size=64", "object_size=" + "9" * 5000), ":2: not a GEOM row"),
        (ROW.replace("batchcount=60", "batchcount=0"), ":1: not a GEOM row"),
        (ROW.replace("node0_free_limit=544", "node0_free_limit=" + "9" * 5000), ":1: not a GEOM row"),
        ("GEOM\n", ":1: not a GEOM row"),
    ],
)
def test_a_geometry_log_without_usable_sizes_is_told_with_its_line(tmp_path: Path, text: str, where: str) -> None:
    with pytest.raises(InputError) as caught:
        compare_geometry(write(tmp_path / "g.txt", text))
    assert f"g.txt{where}" in line_of(caught)


def test_a_geometry_log_has_so_many_rows_and_each_costs_what_it_is_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compare_geometry(write(tmp_path / "g.txt", ROW.rstrip() + " " + "a" * 500_000 + "\n"))
    monkeypatch.setattr(kernel_geometry, "MAX_ROWS", 5)
    with pytest.raises(InputError, match=r"g\.txt:6: one GEOM row too many; allowed: 5 in a file"):
        compare_geometry(write(tmp_path / "g.txt", ROW * 6))


def test_a_recorded_size_of_thousands_of_digits_is_a_difference(tmp_path: Path) -> None:
    row = ROW.replace(" size=64", " size=" + "9" * 5000).replace("shared=8", "shared=0")
    assert not compare_geometry(write(tmp_path / "g.txt", row)).holds


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _bomb(path: Path) -> None:
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(b"\n" * (MAX_BYTES + 1)))


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("put", [_pipe, _bomb, _folder])
def test_whatever_lies_beside_a_script_in_its_recordings_place_is_refused(tmp_path: Path, put: Callable[[Path], None]) -> None:
    script = write(tmp_path / "s.ops", "machine\n")
    put(tmp_path / "s.out.jsonl")
    for read in (compare_script, lambda path: list(own_records(path))):
        with pytest.raises(InputError) as caught:
            read(script)
        assert "s.out.jsonl" in line_of(caught)


def test_a_pipe_among_recordings_keeps_no_other_from_being_compared(tmp_path: Path) -> None:
    for name in ("a.log", "b.txt", "c.ops", "dumps.txt", "trace.txt"):
        os.mkfifo(tmp_path / name)
    write(tmp_path / "d.log", HEAD + SNAP)
    found = find_recordings([tmp_path])
    assert [recording.path.name for recording in found] == ["a.log", "c.ops", "d.log"]
    for recording in found[:2]:
        with pytest.raises(InputError, match=r"a\.log: a pipe or a device|c\.ops: no recorded output beside it"):
            recording.compare(recording.path)
    assert not found[2].compare(found[2].path).holds


def test_a_path_that_can_be_no_files_is_told_as_one_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / ("x" * 5000), Path("nul\0"), tmp_path / "a" / ("x" * 300 + ".ops")):
        with pytest.raises(InputError) as caught:
            find_recordings([path])
        assert "no such file or folder" in line_of(caught)
    # Its recording's name would be too long for a file.
    assert list(own_records(write(tmp_path / ("x" * 246 + ".ops"), "machine\n")))


def test_a_record_that_nests_without_an_end_or_holds_endless_digits_is_refused(tmp_path: Path) -> None:
    for record in ('{"a":' * 100_000, '{"a":' + "[" * 100_000, '{"a":' + "9" * 5000 + "}"):
        with pytest.raises(InputError, match=r"r\.jsonl:1: (not a JSON object|nested too deeply)"):
            read_records(write(tmp_path / "r.jsonl", record))

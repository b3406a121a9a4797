# SPDX-License-Identifier: GPL-2.0-only
"""Op scripts: what they may say, what each operation does to the records, and one line for whatever they say wrong."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slabdes.conformance.compare import compare_script, read_records, run_script
from slabdes.conformance.recordings import find_recordings
from slabdes.conformance.runner import ScriptRunner
from slabdes.conformance.script import MAX_BYTES, MAX_LINES, parse_script, read_text
from slabdes.errors import InputError


def run(*lines: str, address: int = 0) -> list[dict[str, Any]]:
    """The records of a script given line by line."""
    return list(ScriptRunner(lambda _cache: address).run(parse_script("\n".join(lines), "s.ops")))


BAD_LINES = [
    (["a 0"], "s.ops:1: a before any machine line"),
    (["machine", "a 0"], "s.ops:2: a before any cache line"),
    (["machine", "shrink"], "s.ops:2: shrink before any cache line"),
    (["machine", "tune limit=3"], "s.ops:2: tune before any cache line"),
    (["machine", "use 0"], "s.ops:2: use before any cache line"),
    (["machine", "cache size=64", "use 1"], "s.ops:3: 1 is out of range"),
    (["machine", "", "# comment", "machine"], "s.ops:4: a second machine line"),
    (["machine", "allocate 0"], "s.ops:2: 'allocate' is no operation"),
    (["machine", "dunp"], "s.ops:2: 'dunp' is no operation (did you mean dump?)"),
    (["machine node=2"], "s.ops:1: 'node=2' is no argument of machine (did you mean nodes?)"),
    (["machine nodes"], "s.ops:1: 'nodes' is no argument of machine"),
    (["machine nodes=x"], "s.ops:1: 'x' is not a whole number"),
    (["machine nodes=0"], "s.ops:1: 0 is out of range"),
    (["machine cpus=99999"], "s.ops:1: 99999 is out of range"),
    (["machine hz=0"], "s.ops:1: 0 is out of range"),
    (["machine nodes=2 cpus=3 map=0,1"], "s.ops:1: map has 2 CPUs"),
    (["machine nodes=2 cpus=2 map=0,2"], "s.ops:1: 2 is out of range"),
    (["machine nodes=2 cpus=2 map=0,,"], "s.ops:1: '' is not a whole number"),
    (["machine", "cache name=foo"], "s.ops:2: cache without size="),
    (["machine", "geom"], "s.ops:2: geom without size="),
    (["machine", "cache size=0"], "s.ops:2: 0 is out of range"),
    (["machine", "cache size=99999999"], "s.ops:2: 99999999 is out of range"),
    (["machine", "cache size=64 align=3"], "s.ops:2: align 3 is not a power of two"),
    (["machine", "cache size=64 align=8192"], "s.ops:2: 8192 is out of range"),
    (["machine", "cache size=64 flags=HWCACHE"], "s.ops:2: 'HWCACHE' is no flag (did you mean HWCACHE_ALIGN?)"),
    (["machine", "cache size=64 ctor=2"], "s.ops:2: 2 is out of range"),
    (["machine", "cache size=4194304 flags=NOLEAKTRACE"], "s.ops:2: 4194304 bytes with alignment 8 fits no slab"),
    (["machine", "cache size=64", "a"], "s.ops:3: a needs 1 arguments or more"),
    (["machine", "cache size=64", "a 1"], "s.ops:3: 1 is out of range"),
    (["machine", "cache size=64", "a -1"], "s.ops:3: -1 is out of range"),
    (["machine", "cache size=64", "a 0 1"], "s.ops:3: 1 is out of range"),
    (["machine", "cache size=64", "a 0 everywhere"], "s.ops:3: 'everywhere' is not a whole number"),
    (["machine", "cache size=64", "a 0 0 0"], "s.ops:3: '0' after a node"),
    (["machine", "cache size=64", "a 0 0 thisnode atomic"], "s.ops:3: a has 4 arguments"),
    (["machine", "cache size=64", "f 0 0"], "s.ops:3: f before any a line"),
    (["machine", "cache size=64", "a 0", "f 0 1"], "s.ops:4: 1 is out of range"),
    (["machine", "cache size=64", "a 0", "f 0"], "s.ops:4: f needs 2 arguments or more"),
    (["machine", "cache size=64", "a 0", "f 0 0", "f 0 0"], "s.ops:5: object 0 has been freed already"),
    (["machine", "reap 1"], "s.ops:2: 1 is out of range"),
    (["machine", "advance"], "s.ops:2: advance needs 1 arguments or more"),
    (["machine", "advance -5"], "s.ops:2: -5 is out of range"),
    (["machine", "advance 1.5"], "s.ops:2: '1.5' is not a whole number"),
    (["machine", "failpages 1 1"], "s.ops:2: 1 is out of range"),
    (["machine", "pagelimit 0"], "s.ops:2: pagelimit needs 2 arguments or more"),
    (["machine", "pagelimit 0 -2"], "s.ops:2: -2 is out of range"),
    (["machine", "pagelimit 0 0 0"], "s.ops:2: pagelimit has 3 arguments"),
    (["machine", "policy"], "s.ops:2: '' is no policy"),
    (["machine", "policy interleaved 0"], "s.ops:2: 'interleaved' is no policy (did you mean interleave?)"),
    (["machine", "policy preferred"], "s.ops:2: policy needs 2 arguments or more"),
    (["machine", "policy preferred 1"], "s.ops:2: 1 is out of range"),
    (["machine", "dump everything"], "s.ops:2: 'everything' after dump"),
    (["machine", "cache size=64", "tune limit=many"], "s.ops:3: 'many' is not a whole number"),
    (["machine", "cache size=64", "tune cpu=1"], "s.ops:3: 1 is out of range"),
    (["machine", "cache size=64", "tune size=3"], "s.ops:3: 'size=3' is no argument of tune"),
    (["machine", "a " + "0" * 5000], "s.ops:2: line of 5002 characters"),
]


@pytest.mark.parametrize(("lines", "message"), BAD_LINES, ids=[message for _, message in BAD_LINES])
def test_a_bad_line_is_told_in_one_line_with_its_number(lines: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        run(*lines)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", ["1_0", "+1", "\u0661", "0x1"])
def test_numbers_are_plain_decimal_digits(number: str) -> None:
    with pytest.raises(InputError, match="is not a whole number"):
        run("machine cpus=16", f"reap {number}")


def test_records_before_a_bad_line_come_out_first() -> None:
    records = ScriptRunner().run(parse_script("machine\ncache size=64\nboom", "s.ops"))
    assert [next(records)["op"], next(records)["op"]] == ["machine", "cache"]
    with pytest.raises(InputError, match=r"s\.ops:3"):
        next(records)


def _write(name: str, data: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(data)
        return path

    return write


def _folder(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).mkdir()
        return folder / name

    return make


def _pipe(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        os.mkfifo(folder / name)
        return folder / name

    return make


PACKED = gzip.compress(b"machine\n" * 100)
BAD_FILES = {
    "a cut gzip": (_write("s.ops.gz", PACKED[:-10]), "damaged gzip"),
    "gzip with damaged bytes": (_write("s.ops.gz", PACKED[:12] + b"\xff" * 8 + PACKED[20:]), "damaged gzip"),
    "an empty .gz file": (_write("s.ops.gz", b""), "empty"),
    "gzip that unpacks to more than there may be": (
        _write("s.ops.gz", gzip.compress(b"#" * (MAX_BYTES + 1))),
        "larger than 32 MiB",
    ),
    "lines without an end": (_write("s.ops", b"\n" * (MAX_LINES + 1)), f"{MAX_LINES + 1} lines"),
    "a pipe that nobody writes to": (_pipe("s.ops"), "a pipe or a device"),
    "bytes that are not text": (_write("s.ops", b"machine\n\xff"), "byte 8 is not UTF-8"),
    "a folder named as a script": (_folder("s.ops"), "Is a directory"),
    "no file": (lambda folder: folder / "gone.ops", "No such file or directory"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_that_cannot_be_read_is_told_in_one_line(case: str, tmp_path: Path) -> None:
    make, message = BAD_FILES[case]
    path = make(tmp_path)
    with pytest.raises(InputError) as caught:
        read_text(path)
    assert str(caught.value).startswith(f"{path}: {message}; allowed: scripts, logs and recorded outputs of at most 32 MiB")


def test_what_names_no_script_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("")
    for path, message in (
        (tmp_path, "no recording in it"),
        (tmp_path / "notes.md", "not a recording by its name"),
        (tmp_path / "gone.ops", "no such file or folder"),
    ):
        with pytest.raises(InputError, match=message):
            find_recordings([path])


def test_a_script_without_a_recording_cannot_be_compared(tmp_path: Path) -> None:
    script = tmp_path / "s.ops"
    script.write_text("machine\n")
    with pytest.raises(InputError, match="no recorded output beside it"):
        compare_script(script)


@pytest.mark.parametrize("line", ["[1]", "{", "null", '"dump"'])
def test_a_recording_that_is_no_json_object_is_told_with_its_line(line: str, tmp_path: Path) -> None:
    recording = tmp_path / "s.out.jsonl"
    recording.write_text('{"op": "machine"}\n\n' + line + "\n")
    with pytest.raises(InputError, match=r"s\.out\.jsonl:3: not a JSON object"):
        read_records(recording)


@pytest.mark.parametrize("address", ['"far"', "null", "[1]", "1e400", "1.5", "true"])
def test_a_recorded_address_that_is_no_number_is_told(address: str, tmp_path: Path) -> None:
    script = tmp_path / "s.ops"
    script.write_text("machine\ncache size=64\n")
    (tmp_path / "s.out.jsonl").write_text(f'{{"op": "cache", "c": 0, "addr_mod_4hz": {address}}}\n')
    with pytest.raises(InputError, match="addr_mod_4hz"):
        compare_script(script)


@pytest.mark.parametrize("cache", ["[0]", "{}", "null"])
def test_a_recorded_cache_that_has_no_index_is_a_difference_and_no_crash(cache: str, tmp_path: Path) -> None:
    script = tmp_path / "s.ops"
    script.write_text("machine\ncache size=64\n")
    (tmp_path / "s.out.jsonl").write_text(f'{{"op": "cache", "c": {cache}, "addr_mod_4hz": 5}}\n')
    assert not compare_script(script).holds


def test_an_empty_script_gives_no_records(tmp_path: Path) -> None:
    script = tmp_path / "s.ops"
    script.write_text("# nothing\n\n")
    assert list(run_script(script)) == []


def test_uncounted_lines_take_no_index_and_silent_ones_do() -> None:
    records = run(
        "machine nodes=2 cpus=2",
        "cache size=64",
        "failpages 0",
        "pagelimit 0 -1",
        "policy none",
        "use 0",
        "a 0",
        "geom size=8",
        "dump",
    )
    assert [(record["op"], record.get("i")) for record in records[2:]] == [("a", 3), ("geom", None), ("dump", 4)]


def test_a_cache_made_later_starts_its_four_seconds_then() -> None:
    records = run("machine hz=250", "advance 10", "cache size=64", address=123)
    # 10 jiffies since the start, 4 * 250 and the descriptor's address.
    assert records[2]["next_reap"] == [10 + 1000 + 123]
    assert records[2]["j"] == 10


def test_events_of_a_second_cache_carry_its_index() -> None:
    records = run("machine", "cache size=64", "cache size=1000", "a 0")
    assert records[3]["c"] == 1
    assert records[3]["ev"].startswith("+1/L0 -1/L0 +1/L0 -1/L0 1/pg:0t:0@0")


def test_a_failed_allocation_takes_a_number_and_its_free_is_a_skip() -> None:
    records = run("machine", "cache size=1000", "pagelimit 0 0", "a 0", "pagelimit 0 -1", "a 0", "f 0 0", "f 0 1")
    assert [record.get("path") for record in records[2:]] == ["fail", "grow", "skip", "hit"]
    assert records[2]["slab"] is None
    assert records[3]["obj"] == 1


def test_a_page_limit_counts_pages_that_are_out_of_all_caches_together() -> None:
    lines = ["machine", "cache size=4096", "cache size=4096", "tune limit=1 batchcount=1 shared=0", "pagelimit 0 2"]
    # The slab that is destroyed makes room, also for the other cache; one over the limit gets none.
    records = run(*lines, "a 0", "a 0", "a 0", "f 0 0", "f 0 1", "shrink", "use 0", "a 0", "a 0", "a 0")
    paths = [record["path"] for record in records if record["op"] == "a"]
    assert paths == ["grow", "grow", "fail", "grow", "grow", "fail"]


def test_a_limit_below_what_is_out_gives_nothing_until_enough_has_come_back() -> None:
    lines = ["machine", "cache size=4096", "tune limit=1 batchcount=1 shared=0", "a 0", "a 0", "pagelimit 0 1", "a 0"]
    records = run(*lines, "f 0 0", "f 0 1", "shrink", "a 0", "a 0")
    assert [record["path"] for record in records if record["op"] == "a"] == ["grow", "grow", "fail", "grow", "fail"]


def test_a_skipped_free_bears_the_cache_of_the_allocation_that_failed() -> None:
    records = run("machine", "cache size=64", "cache size=1000", "pagelimit 0 0", "a 0", "use 0", "f 0 0")
    assert records[-1] == {"i": 2, "op": "f", "cpu": 0, "obj": 0, "c": 1, "path": "skip"}


def test_a_fallback_bears_no_cache() -> None:
    records = run("machine nodes=2 cpus=2", "cache size=64", "cache size=1000", "failpages 2 1", "a 1 1")
    assert "fb@1" in records[-1]["ev"].split()
    assert "1/pg:1t:fail" in records[-1]["ev"].split()


@pytest.mark.parametrize(("failing", "path"), [(1, "fallback-grow"), (2, "altfail-grow"), (3, "node-grow"), (4, "fallback-grow")])
def test_altfail_is_told_of_a_refill_and_not_of_an_object_straight_from_lists(failing: int, path: str) -> None:
    lines = ["machine nodes=2 cpus=2", "cache size=1000", "policy preferred 1", f"failpages {failing}", "a 0"]
    assert run(*lines)[-1]["path"] == path


def test_tunables_that_the_kernel_refuses_change_nothing() -> None:
    for words in ("limit=0", "batchcount=0", "limit=3 batchcount=4", "shared=-1", "limit=-7"):
        records = run("machine cpus=2", "cache size=1000", f"tune {words}")
        assert records[2]["ev"] == ""
        assert (records[2]["limit"], records[2]["batchcount"], records[2]["shared"]) == (54, 27, 8)


def test_one_address_of_a_recording_sets_next_reap(tmp_path: Path) -> None:
    script = tmp_path / "s.ops"
    script.write_text("machine\ncache size=64\n")
    records = list(run_script(script, [{"op": "cache", "c": 0, "addr_mod_4hz": 77}]))
    assert records[1]["next_reap"] == [4077]
    assert json.loads(json.dumps(records)) == records

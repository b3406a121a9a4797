# SPDX-License-Identifier: GPL-2.0-only
"""Compiled reading gives what Python's reading gives: every event, every index, every step on disk, every refusal."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slabdes.errors import InputError
from slabdes.scan import follow, reader, steps
from slabdes.scan.index import index_rows
from slabdes.scan.reader import NotInNumbers, RowReader
from slabdes.scan.rows import HIDDEN_OBJECT, NO_OBJECT, OBJECT, POINTER
from slabdes.workload.trace import index as index_module
from slabdes.workload.trace import lines
from slabdes.workload.trace.events import NO_POINTER, UNKNOWN_POINTER, KmemEvent, KmemReader
from slabdes.workload.trace.index import index_trace
from slabdes.workload.trace.lines import MAX_LINE_BYTES
from slabdes.workload.trace.spool import spool_trace

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
TRACES = sorted(
    path
    for pattern in (
        "tests/workload/trace/cases/*.txt",
        "experiments/traces/*.gz",
        "tests/kernel61/traces/**/trace.txt.gz",
    )
    for path in ROOT.glob(pattern)
)
SHARED_TRACES = ("traces/*.txt*", "cases/*trace*.txt", "kernel61/traces/*/trace.txt.gz", "kernel73/traces/**/*trace*")

ALLOC = "call_site=f+0x1/0x2 ptr=00000000000abc00 bytes_req=232 bytes_alloc=256 gfp_flags=GFP_KERNEL|__GFP_ZERO"
LINES = (
    f"         python3-5877    [001] .....   624.950797: kmem_cache_alloc: {ALLOC} node=-1 accounted=false",
    f"          <idle>-0     [003] ..s. 312444.111637: kmem_cache_alloc: {ALLOC}",
    f"[002] ....   808.188913: kmalloc: {ALLOC}",
    f"     kworker-17    [010]    12.000001: kmem_cache_alloc_node: {ALLOC} node=1",
    f"    bash-1977  ( 1977) [000] .N..  17.993652: kmalloc_node: {ALLOC} node=0",
    "    bash-1977  (-----) [000] d..1.  17.99365212: kfree: call_site=g+0x1 [ext4] ptr=00000000000abc00",
    "  python3 29979 [000]  5875.199423: kmem:kmem_cache_free: call_site=g ptr=0xffff888003a1b000 name=dentry",
    f"  fio 26/27 [020] 3116264.020748:          1 kmem:kmem_cache_alloc: (g+0x4f) {ALLOC} name=bio-184",
    f"   mkfs.ext4-664   [007]     4.773583: kmem_cache_alloc:     (g+0x42) {ALLOC}",
    "     trace-cmd-1    [005]     4.123456789: kmem_cache_free:     call_site=f ptr=abc00 name=x",
    "t-1 [000] .....  112876: kfree: call_site=f ptr=100",
    "names-77 [000] .... 1.5: kmem_cache_alloc: call_site=0xffff ptr=0xffff888003a1b000 bytes_req=0x1000 (4096)"
    " bytes_alloc=0x1000 (4096) gfp_flags=0xcc0 (3264) node=0xffffffff",
    "t-1 [000] 1.0: kfree: call_site=f ptr=          (null)",
    "t-1 [000] 1.0: kfree: call_site=f ptr=(____ptrval____)",
    "t-1 [000] 1.0: kfree: call_site=f ptr=0000000000000010",
    "t-1 [000] 1.0: mm_page_alloc: page=0x1 pfn=1 order=0 migratetype=0 gfp_flags=GFP_KERNEL",
    "# entries-in-buffer/entries-written: 40/100   #P:2",
    "CPU:3 [LOST 123 EVENTS]",
    "CPU:1 [EVENTS DROPPED]",
    "  <idle>-0    12d.h1   123us+: kmem_cache_free: call_site=f ptr=00000000a1b2c3d4",
    "[kthread]-9 [001] .... 2.0: kfree: call_site=f ptr=100",
    "  x: [9] 1.5: y-12    [004] .....  2886.040608: kfree: call_site=g+0xa4/0xc8 ptr=00000000000f22f4",
    "t-1 [000] 1.0: kfree: call_site=f ptr=100\\n\\",
    "     trace-cmd-1    [005]     4.123456: (+12)    kfree:     call_site=f ptr=100",
    "trace-cm-1       5d..1.     4.123456: kfree:     call_site=f ptr=100",
    "",
)
"""A line of each form."""
PIECES = (
    *("", " ", "\t", "\r", "\f", "[", "]", "(", ")", "=", ":", ".", "0x", "-", "_", "\\n\\", "é", "\x1b", "#", "us"),
    *("9" * 10, "9" * 21, "f" * 17, "0" * 40, "x" * 65, "s" * 257, "F" * 1025, "a b", "ptr=", "name=", "[mod]", " [mod]x"),
    *("kfree: ", "kmem:", "LOST", "DROPPED", "bytes_req=1", " node=1023", " node=1024", " ptr=0x10", " name=é", "a=b=c"),
    *("5.5:", "12: "),
)


def few_at_a_time(monkeypatch: pytest.MonkeyPatch, rows: int, chunk: int) -> None:
    for module in (reader, follow, steps):
        monkeypatch.setattr(module, "ROWS_AT_A_TIME", rows)
    monkeypatch.setattr(lines, "CHUNK_BYTES", chunk)


def events_of_rows(path: Path) -> Iterator[KmemEvent]:
    source = RowReader(path)
    for rows in source.batches():
        for row in rows:
            pointer = int(row[POINTER]) % (1 << 64)
            pointer = {NO_OBJECT: NO_POINTER, HIDDEN_OBJECT: UNKNOWN_POINTER}.get(int(row[OBJECT]), pointer)
            yield source.event(row)._replace(pointer=pointer if pointer != 0 else NO_POINTER)


def all_of(made: Callable[[], Any]) -> tuple[list[Any], str | None]:
    """What an iterator gives, and what it ends with if that is a refusal."""
    found = []
    try:
        for entry in made():
            found.append(entry)
    except InputError as error:
        return found, str(error)
    return found, None


def assert_same_events(path: Path) -> None:
    plain = KmemReader(path)
    expected = all_of(lambda: plain)
    try:
        found = all_of(lambda: events_of_rows(path))
    except NotInNumbers:
        assert any(event.pointer >> 64 > 0 or max(event.time, event.bytes_req, event.bytes_alloc) >> 63 for event in expected[0])
        return
    assert found == expected
    rows = RowReader(path)
    all_of(rows.batches)
    assert (rows.lost, rows.lost_uncounted, rows.clock, rows.events) == (
        plain.lost,
        plain.lost_uncounted,
        plain.clock,
        plain.events,
    )


def assert_same_steps(path: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    try:
        expected = index_trace(path)
    except InputError as error:
        with pytest.raises(InputError) as caught:
            index_rows(path, folder / "events")
        assert str(caught.value) == str(error)
        return
    found, kept = index_rows(path, folder / "events")
    assert found == expected
    wanted = [(), *((cache.name,) for cache in expected.caches[:3])]
    for number, caches in enumerate(wanted):
        one, other = (folder / f"{way}{number}" for way in ("python", "rows"))
        plain = spool_trace(expected, caches, one)
        fast = spool_trace(expected, caches, other, write=kept.write)
        for field in ("caches", "cpus", "objects", "highest_node", "node_requests"):
            assert getattr(fast, field) == getattr(plain, field)
        names = sorted(file.name for file in one.iterdir())
        assert names == sorted(file.name for file in other.iterdir())
        for name in names:
            assert (other / name).read_bytes() == (one / name).read_bytes()


@pytest.mark.parametrize("path", TRACES, ids=lambda path: "/".join(path.parts[-2:]))
@pytest.mark.parametrize("rows", [7, 1 << 15])
def test_a_trace_of_the_project_is_the_same_in_rows(
    path: Path, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if rows < 10:
        few_at_a_time(monkeypatch, 1000, 1 << 14)
    assert_same_events(path)
    assert_same_steps(path, tmp_path)


@pytest.mark.parametrize("pattern", SHARED_TRACES)
def test_a_trace_of_the_shared_folder_is_the_same_in_rows(pattern: str, tmp_path: Path) -> None:
    paths = sorted(SHARED.glob(pattern))
    if not paths:
        pytest.skip("the shared folder is not here")
    for number, path in enumerate(paths):
        assert_same_events(path)
        assert_same_steps(path, tmp_path / str(number))


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A line that may have been changed here and there, or cut."""
    line = draw(st.sampled_from(LINES))
    for _change in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(line)))
        length = draw(st.sampled_from([0, 0, 1, 1, 2, 9]))
        line = line[:at] + draw(st.sampled_from(PIECES)) + line[at + length :]
    return line


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=st.lists(mutated(), min_size=1, max_size=6), repeat=st.booleans(), ending=st.sampled_from(["\n", "\r\n"]))
def test_lines_changed_at_random_are_the_same_in_rows(tmp_path: Path, written: list[str], repeat: bool, ending: str) -> None:
    """Twice, so that the second time compiled code knows all words; a line that is refused ends both readings."""
    path = tmp_path / "trace"
    good = [line for line in written if readable(line, tmp_path / "one")] if repeat else written
    path.write_bytes(ending.join([*good, *good, *written]).encode("utf-8", "surrogateescape"))
    assert_same_events(path)


def readable(line: str, path: Path) -> bool:
    path.write_text(line + "\nCPU:3 [LOST 1 EVENTS]\n", encoding="utf-8")
    refused = all_of(lambda: KmemReader(path))[1]
    return refused is None or "no kmem event" in refused


@pytest.mark.parametrize("space", ["\r", "\f", "\v", " \r ", "\t"])
def test_fields_begin_right_behind_blanks_in_rows_too(tmp_path: Path, space: str) -> None:
    path = tmp_path / "trace"
    known = "t-1 [000] 1.0: kfree: call_site=f ptr=0000000000000010"
    path.write_bytes("\n".join([known, known.replace("kfree: ", f"kfree: {space}")] * 2).encode())
    assert_same_events(path)


objects = st.builds(
    "{} [{:03d}] ..... {}: {}".format,
    st.sampled_from(["t-1", "[k]-2"]),
    st.integers(0, 3),
    st.integers(1, 30).map(lambda tick: f"1.{tick:06d}"),
    st.one_of(
        st.builds(
            "{}: call_site={} ptr={:x} bytes_req={} bytes_alloc={} gfp_flags={}{} node={}".format,
            st.sampled_from(["kmalloc", "kmem_cache_alloc", "kmem_cache_alloc_node"]),
            st.sampled_from(["f+0x1", "g+0x1", "pool+0x1"]),
            st.integers(0, 40).map(lambda number: number * 8),
            st.sampled_from([8, 60, 64, 80]),
            st.sampled_from([64, 128, 5 << 20]),
            st.sampled_from(["GFP_KERNEL", "GFP_NOWAIT"]),
            st.sampled_from(["", "", " name=x", " name=y"]),
            st.sampled_from([-1, -1, 0, 1]),
        ),
        st.builds(
            "{}: call_site={} ptr={:x}{}".format,
            st.sampled_from(["kfree", "kmem_cache_free"]),
            st.sampled_from(["h+0x1", "i+0x1"]),
            st.integers(0, 40).map(lambda number: number * 8),
            st.sampled_from(["", " name=x", " name=y", " name=z"]),
        ),
    ),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=st.lists(objects, min_size=1, max_size=80), chunk=st.sampled_from([0, 1, 2, 61, 200]))
def test_objects_that_come_and_go_are_the_same_in_rows(tmp_path: Path, written: list[str], chunk: int) -> None:
    path = tmp_path / "trace"
    path.write_text("\n".join(written))
    with pytest.MonkeyPatch.context() as monkeypatch:
        if chunk:
            few_at_a_time(monkeypatch, 5, chunk)
        assert_same_steps(path, tmp_path / str(next(_FOLDERS)))


_FOLDERS = itertools.count()


def alloc(pointer: int, site: str = "f", size: int = 64) -> str:
    fields = f"call_site={site} ptr={pointer:x} bytes_req={size} bytes_alloc={size} gfp_flags=GFP_KERNEL"
    return f"t-1 [000] 1.0: kmem_cache_alloc: {fields}\n"


@pytest.mark.parametrize(
    "ending",
    [
        b"\n\0\n",
        b"t-1 [9999] 1.0: kfree: call_site=f ptr=1\n",
        b"x" * (MAX_LINE_BYTES + 1) + b"\n",
        b"kfree: " + b"x" * (MAX_LINE_BYTES + 1) + b"\n",
        b"x" * 9 * MAX_LINE_BYTES,
        b"kmalloc: (" + b"x" * 9 * MAX_LINE_BYTES,
        b"t-1 [000] 17: kfree: call_site=f ptr=100",
        b"t-1 [000] 1.0: kfree: call_site=f",
        b"a line without an end",
    ],
    ids=lambda ending: repr(ending[:30]),
)
@pytest.mark.parametrize("zipped", [False, True])
def test_a_file_that_ends_badly_is_read_as_far_in_rows(tmp_path: Path, ending: bytes, zipped: bool) -> None:
    data = b"".join(alloc(0x100 * n).encode() for n in range(1, 4000)) + ending + alloc(0x20).encode()
    (tmp_path / "trace").write_bytes(gzip.compress(data, mtime=0)[:-9] if zipped else data)
    assert_same_events(tmp_path / "trace")
    assert_same_steps(tmp_path / "trace", tmp_path)


@pytest.mark.parametrize("module", [index_module, None])
def test_limits_are_met_at_the_same_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    path = tmp_path / "trace"
    path.write_text("".join(alloc(0x100 * n, f"f{n % 9}", 64 + n) for n in range(1, 60)) + "kfree: x=1\n")
    if module is not None:
        for most in range(8, 70, 6):
            monkeypatch.setattr(index_module, "MAX_LIVE_OBJECTS", most)
            for groups in (most - 3, most + 3):
                monkeypatch.setattr(index_module, "MAX_GROUPS", groups)
                assert_same_steps(path, tmp_path)
    else:
        from slabdes.workload.trace import events

        for most in range(1, 12):
            monkeypatch.setattr(events, "MAX_WORDS", most)
            assert_same_events(path)


def test_objects_beyond_the_first_table_are_all_found_again(tmp_path: Path) -> None:
    count = 150_000
    text = "".join(alloc(0xFFFF888000000000 + 64 * n) for n in range(count))
    text += "".join(
        f"t-1 [001] 2.0: kmem_cache_free: call_site=g ptr={0xFFFF888000000000 + 64 * (n * 7919 % count):x} name=x\n"
        for n in range(count)
    )
    (tmp_path / "trace").write_text(text)
    found, _kept = index_rows(tmp_path / "trace", tmp_path / "events")
    assert [(cache.name, cache.allocs, cache.frees, cache.remote_frees) for cache in found.caches] == [("x", count, count, count)]
    assert (found.freed_never_allocated, found.allocated_never_freed) == (0, 0)


def test_words_that_were_made_to_meet_are_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slabdes.scan.words._hashed", lambda word: 7)
    (tmp_path / "trace").write_text("".join(alloc(0x100 * n, f"site{n % 200}") for n in range(1, 1000)))
    assert_same_events(tmp_path / "trace")

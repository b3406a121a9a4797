# SPDX-License-Identifier: GPL-2.0-only
"""Lines to events: every format that kernels and tools have printed, and every way a file can be no trace."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slabdes.allocator.gfp import MAY_WAIT, THISNODE
from slabdes.errors import InputError
from slabdes.workload.programs import ANY_NODE
from slabdes.workload.trace import lines
from slabdes.workload.trace.events import NO_POINTER, UNKNOWN_POINTER, Clock, KmemEvent, KmemKind, KmemReader
from slabdes.workload.trace.gfp import step_flags
from slabdes.workload.trace.lines import MAX_LINE_BYTES

WriteTrace = Callable[..., Path]

ALLOC_FIELDS = "call_site=f+0x1/0x2 ptr=00000000000abc00 bytes_req=232 bytes_alloc=256 gfp_flags=GFP_KERNEL"


def read(path: Path) -> list[KmemEvent]:
    return list(KmemReader(path))


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read(path)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


@pytest.mark.parametrize(
    ("line", "cpu", "time"),
    [
        (f"         python3-5877    [001] .....   624.950797: kmem_cache_alloc: {ALLOC_FIELDS}", 1, 624_950_797_000),
        (f"          <idle>-0     [003] ..s. 312444.111637: kmem_cache_alloc: {ALLOC_FIELDS}", 3, 312_444_111_637_000),
        (f"[002] ....   808.188913: kmem_cache_alloc: {ALLOC_FIELDS}", 2, 808_188_913_000),
        (f"     kworker-17    [010]    12.000001: kmem_cache_alloc: {ALLOC_FIELDS}", 10, 12_000_001_000),
        (f"    bash-1977  ( 1977) [000] .N..  17.993652: kmem_cache_alloc: {ALLOC_FIELDS}", 0, 17_993_652_000),
        (f"    bash-1977  (-----) [000] d..1.  17.99365212: kmem_cache_alloc: {ALLOC_FIELDS}", 0, 17_993_652_120),
        (f"  python3 29979 [000]  5875.199423: kmem:kmem_cache_alloc: {ALLOC_FIELDS}", 0, 5_875_199_423_000),
        (
            f"  fio 26/27 [020] 3116264.020748:          1 kmem:kmem_cache_alloc: (g+0x4f) {ALLOC_FIELDS}",
            20,
            3_116_264_020_748_000,
        ),
        (f"   mkfs.ext4-664   [007]     4.773583: kmem_cache_alloc:     (g+0x42) {ALLOC_FIELDS}", 7, 4_773_583_000),
        (f"     trace-cmd-1    [005]     4.123456789: kmem_cache_alloc:     {ALLOC_FIELDS}", 5, 4_123_456_789),
        (f"     trace-cmd-1    [005]     4.123456: (+12)    kmem_cache_alloc:     {ALLOC_FIELDS}", 5, 4_123_456_000),
        (f"     trace-cmd-1    [005]     4.123456: (+0.000012) kmem_cache_alloc: {ALLOC_FIELDS}", 5, 4_123_456_000),
        (f"trace-cm-1       5d..1.     4.123456: kmem_cache_alloc:     {ALLOC_FIELDS}", 5, 4_123_456_000),
        (f"trace-cm-1      12 d..1.     4.123456: (+7)  kmem_cache_alloc:     {ALLOC_FIELDS}", 12, 4_123_456_000),
    ],
    ids=[
        "5flags",
        "4flags",
        "bare",
        "noflags",
        "tgid",
        "notgid-ns",
        "perf-script",
        "perf-period",
        "trace-cmd",
        "trace-cmd-ns",
        "ts-diff",
        "ts-diff-s",
        "latency",
        "latency-ts-diff",
    ],
)
def test_an_event_is_read_in_each_format(write_trace: WriteTrace, line: str, cpu: int, time: int) -> None:
    assert read(write_trace("# tracer: nop", "cpus=2", line)) == [
        KmemEvent(cpu, time, KmemKind.ALLOC, False, 0xABC00, 232, 256, MAY_WAIT, -1, "", "f+0x1/0x2")
    ]


@pytest.mark.parametrize(
    "task",
    [
        "a b c",
        "kworker/2:1-ev",
        "[kthread]",
        "x: [9] 1.5: y",
        "test:.sh",
        "a=b ptr=1",
        "kfree: a=1 x",
        "(sd-pam)",
        "-",
        "<...>",
        "näme",
    ],
)
def test_a_task_name_may_hold_anything(write_trace: WriteTrace, task: str) -> None:
    [event] = read(write_trace(f"   {task}-12    [004] .....  2886.040608: kfree: call_site=g+0xa4/0xc8 ptr=00000000000f22f4"))
    assert (event.cpu, event.kind, event.pointer, event.call_site) == (4, KmemKind.FREE, 0xF22F4, "g+0xa4/0xc8")


def test_the_six_events_are_told_apart_and_others_skipped(write_trace: WriteTrace) -> None:
    alloc = "call_site=f ptr=100 bytes_req=8 bytes_alloc=8 gfp_flags=GFP_KERNEL"
    events = read(
        write_trace(
            f"t-1 [000] 1.000000: kmem_cache_alloc: {alloc}",
            f"t-1 [000] 1.000000: kmem_cache_alloc_node: {alloc} node=1",
            f"t-1 [000] 1.000000: kmalloc: {alloc}",
            f"t-1 [000] 1.000000: kmalloc_node: {alloc} node=-1",
            "t-1 [000] 1.000000: kmem_cache_free: call_site=f ptr=100 name=dentry",
            "t-1 [000] 1.000000: kfree: call_site=f ptr=100",
            "t-1 [000] 1.000000: mm_page_alloc: page=0x1 pfn=1 order=0 migratetype=0 gfp_flags=GFP_KERNEL",
            "t 1 [000] 1.000000: probe:kmem_cache_alloc: (ffffffff999fadc0) name=x",
            "\tffffffff8782660d kmem_cache_alloc+0xfd ([kernel.kallsyms])",
            "",
        )
    )
    assert [(event.kind.name, event.is_kmalloc, event.node, event.name) for event in events] == [
        ("ALLOC", False, -1, ""),
        ("ALLOC", False, 1, ""),
        ("ALLOC", True, -1, ""),
        ("ALLOC", True, -1, ""),
        ("FREE", False, -1, "dentry"),
        ("FREE", True, -1, ""),
    ]


def test_fields_are_read_by_key_wherever_they_stand(write_trace: WriteTrace) -> None:
    [event] = read(
        write_trace(
            "t-1 [000] 1.0: kmem_cache_alloc: node=3 bytes_alloc=64 gfp_flags=GFP_NOWAIT name=x future=1 ptr=0xff00 bytes_req=60"
        )
    )
    assert event == KmemEvent(0, 10**9, KmemKind.ALLOC, False, 0xFF00, 60, 64, 0, 3, "x", "")


def test_a_call_site_in_a_module_keeps_the_modules_name(write_trace: WriteTrace) -> None:
    [event] = read(write_trace("t-1 [000] 1.0: kfree: call_site=ext4_put+0x1b/0x180 [ext4] ptr=ff00"))
    assert (event.call_site, event.pointer) == ("ext4_put+0x1b/0x180 [ext4]", 0xFF00)


@pytest.mark.parametrize("pointer", ["(nil)", "(null)", "          (null)", "0", "0x0", "0000000000000000", "0000000000000010"])
def test_pointers_to_nothing_are_told(write_trace: WriteTrace, pointer: str) -> None:
    [event] = read(write_trace(f"t-1 [000] 1.0: kfree: call_site=f ptr={pointer}"))
    assert event.pointer == NO_POINTER


def test_a_hidden_pointer_is_no_object_and_an_opaque_one_is(write_trace: WriteTrace) -> None:
    first, second, third = read(
        write_trace(*(f"t-1 [000] 1.0: kfree: call_site=f ptr={text}" for text in ("(____ptrval____)", "obj#7", "obj#7")))
    )
    assert first.pointer == UNKNOWN_POINTER
    assert second.pointer == third.pointer > 1 << 64


@pytest.mark.parametrize(
    ("mask", "flags"),
    [
        ("GFP_KERNEL", MAY_WAIT),
        ("GFP_KERNEL|__GFP_ZERO", MAY_WAIT),
        ("GFP_NOFS|GFP_ZERO|0x200000", MAY_WAIT),
        ("GFP_ATOMIC", 0),
        ("GFP_ATOMIC|__GFP_NOWARN|__GFP_NOMEMALLOC", 0),
        ("GFP_NOWAIT", 0),
        ("GFP_NOWAIT|__GFP_FS|__GFP_NORETRY", 0),
        ("__GFP_HIGH|__GFP_KSWAPD_RECLAIM", 0),
        ("__GFP_IO|__GFP_DIRECT_RECLAIM", MAY_WAIT),
        ("GFP_WAIT|GFP_IO", MAY_WAIT),
        ("GFP_KERNEL_ACCOUNT|__GFP_THISNODE", MAY_WAIT | THISNODE),
        ("GFP_THISNODE|GFP_NOWARN|GFP_NORETRY", THISNODE),
        ("none", 0),
        ("", 0),
        ("0", 0),
        ("0xd0", MAY_WAIT),  # GFP_KERNEL of 2.6.34: __GFP_WAIT 0x10, __GFP_IO 0x40, __GFP_FS 0x80
        ("d0", MAY_WAIT),
        ("208", MAY_WAIT),
        ("0x20", 0),  # GFP_ATOMIC of 2.6.34: __GFP_HIGH
        ("0x41200", THISNODE),  # GFP_THISNODE of 2.6.34: __GFP_THISNODE 0x40000, NOWARN 0x200, NORETRY 0x1000
        ("0x24000c0", MAY_WAIT),  # GFP_KERNEL of 4.4
        ("0x2080020", 0),  # GFP_ATOMIC of 4.4
        ("0x14000c0", MAY_WAIT),  # GFP_KERNEL of 4.14
        ("0x1080020", 0),  # GFP_ATOMIC of 4.14
        ("0xcc0", MAY_WAIT),  # GFP_KERNEL of 5.4
        ("0x200cc0", MAY_WAIT | THISNODE),
        ("0xa20", 0),  # GFP_ATOMIC of 5.4
    ],
)
def test_gfp_flags_tell_whether_to_wait_and_where(mask: str, flags: int) -> None:
    assert step_flags(mask.encode()) == flags


def test_integer_times_are_a_counters_and_may_not_mix_with_seconds(write_trace: WriteTrace) -> None:
    counted = "t-1 [000] .....  112876: kfree: call_site=f ptr=100"
    reader = KmemReader(write_trace(counted))
    assert [event.time for event in reader] == [112876]
    assert reader.clock is Clock.COUNTER
    assert "line 2: a time in seconds" in refusal(write_trace(counted, "t-1 [000] 1.5: kfree: call_site=f ptr=100"))


@pytest.mark.parametrize(
    ("lines", "lost", "uncounted"),
    [
        (["# entries-in-buffer/entries-written: 40/40   #P:2"], 0, False),
        (["# entries-in-buffer/entries-written: 40/100   #P:2"], 60, False),
        (["CPU:3 [LOST 123 EVENTS]", "CPU:0 [LOST 7 EVENTS]"], 130, False),
        (["CPU:3 [LOST EVENTS]"], 0, True),
        (["CPU:1 [5 EVENTS DROPPED]", "CPU:1 [EVENTS DROPPED]"], 5, True),
        (["  perf 100 [001]  5.123456: PERF_RECORD_LOST lost 17"], 17, False),
        (["  perf 100 [001]  5.123456: PERF_RECORD_LOST_SAMPLES lost 3"], 3, False),
        (["  LOST EVENTS-9 [001]  5.123456: sched_wakeup: comm=LOST 5 EVENTS"], 0, False),
    ],
)
def test_lost_events_are_counted(write_trace: WriteTrace, lines: list[str], lost: int, uncounted: bool) -> None:
    reader = KmemReader(write_trace(*lines, "t-1 [000] 1.5: kfree: call_site=f ptr=100"))
    assert len(list(reader)) == 1
    assert (reader.lost, reader.lost_uncounted) == (lost, uncounted)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("  4582.696626: kmem_cache_alloc: call_site=f ptr=1", "without [cpu] and time"),
        ("t-1 0d..1. 12 : kfree: call_site=f ptr=1", "without [cpu] and time"),
        ("t 1 [000] kmem:kfree: call_site=f ptr=1", "without [cpu] and time"),
        ("t-1 [9000] 1.0: kfree: call_site=f ptr=1", "CPU '9000'; allowed: a number from 0 to 8191"),
        ("t-1 [000] 1.0: kfree: call_site=f", "kfree event without ptr="),
        ("t-1 [000] 1.0: kmalloc: call_site=f ptr=1 bytes_req=8", "kmalloc event without bytes_alloc="),
        ("t-1 [000] 1.0: kmalloc: call_site=f ptr=1 bytes_req=8 bytes_alloc=0", "bytes_alloc '0'"),
        ("t-1 [000] 1.0: kmalloc: call_site=f ptr=1 bytes_req=-8 bytes_alloc=8", "bytes_req '-8'"),
        ("t-1 [000] 1.0: kmalloc: call_site=f ptr=1 bytes_req=8 bytes_alloc=8 node=x", "node 'x'"),
        ("t-1 [000] 1.0: kmalloc: call_site=f ptr=1 bytes_req=8 bytes_alloc=8 node=4096", "a number from -1 to 1023"),
        ("t-1 [000] 123456789012345678901.0: kfree: call_site=f ptr=1", "too great"),
    ],
)
def test_a_line_that_cannot_be_used_is_refused_with_its_number(write_trace: WriteTrace, line: str, why: str) -> None:
    text = refusal(write_trace("# tracer: nop", "t-1 [000] 1.0: kfree: call_site=f ptr=100", line))
    assert ": line 3: " in text
    assert why in text


def test_an_escape_sequence_reaches_no_terminal(write_trace: WriteTrace) -> None:
    [event] = read(write_trace("t-1 [000] 1.0: kmem_cache_free: call_site=f\x1b[31m ptr=100 name=\x1b]0;x\x07"))
    assert event.name.isprintable()
    assert event.call_site.isprintable()
    assert "\x1b" not in refusal(write_trace("\x1b[2J 1.0: kfree: call_site=f ptr=1"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (gzip.compress(b"", mtime=0), "empty"),
        (b"hello\nworld\n", "no kmem event in 2 lines"),
        (b"# tracer: nop\n#\n", "no kmem event in 2 lines"),
        (b"a line\nanother\n\0\1\2\n", "line 3: binary data"),
        (b"PERFILE2\0\0", "a perf.data file, which perf script turns into text"),
        (b"\x17\x08\x44tracing6\0", "a trace.dat file, which trace-cmd report turns into text"),
        (gzip.compress(b"PERFILE2\0\0", mtime=0), "a perf.data file"),
        (b"\xfd7zXZ\0\0", "an xz file"),
        (b"x" * (MAX_LINE_BYTES + 1), "no kmem event in 1 lines"),
        (b"kfree: " + b"x" * MAX_LINE_BYTES, "line 1: too long"),
        (b"ok\n" + b"x" * 10 * MAX_LINE_BYTES + b"kmalloc_node:\t" + b"y" * 10 * MAX_LINE_BYTES + b"\n", "line 2: too long"),
        (gzip.compress(b"ok\n" * 100_000, mtime=0)[:-20], "gzip stream is cut after line"),
        (gzip.compress(b"ok\n", mtime=0)[:3], "gzip stream is cut after line 0"),
        (b"\x1f\x8bnonsense", "damaged gzip after line 0"),
        (gzip.compress(b"ok\n", mtime=0)[:-8] + b"\0" * 8, "damaged gzip"),
    ],
)
def test_a_file_that_is_no_trace_is_one_line(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "trace"
    path.write_bytes(content)
    assert why in refusal(path)


def test_a_folder_and_a_missing_file_are_one_line(tmp_path: Path) -> None:
    assert "directory" in refusal(tmp_path)
    assert "No such file" in refusal(tmp_path / "gone")


def test_a_device_is_refused_rather_than_read_for_ever() -> None:
    if not Path("/dev/zero").exists():
        pytest.skip("this system has no /dev/zero")
    assert "a pipe or a device" in refusal(Path("/dev/zero"))


def test_a_real_trace_of_samples_without_a_cpu_is_refused_at_that_line(shared_file: Callable[[str], Path]) -> None:
    assert "line 20: kmem event without [cpu]" in refusal(shared_file("traces/kmem_ftrace_format_samples_4.x-6.x.txt"))


def test_perf_script_output_is_read_whole(shared_file: Callable[[str], Path]) -> None:
    path = shared_file("traces/unix_dgram_6.18_perf_script.txt.gz")
    with gzip.open(path, "rt") as stream:
        said = sum(1 for line in stream if re.search(r" kmem:\w+: ", line))
    assert len(read(path)) == said == 7747


events = st.builds(
    KmemEvent,
    cpu=st.integers(0, 8191),
    time=st.integers(0, 10**15).map(lambda microseconds: microseconds * 1000),
    kind=st.sampled_from(KmemKind),
    is_kmalloc=st.booleans(),
    pointer=st.integers(17, 2**64 - 1),
    bytes_req=st.integers(0, 1 << 22),
    bytes_alloc=st.integers(1, 1 << 22),
    flags=st.sampled_from([0, MAY_WAIT, THISNODE, MAY_WAIT | THISNODE]),
    node=st.integers(-1, 1023),
    name=st.sampled_from(["", "dentry", "kmalloc-rcl-64", "TCPv6", "bio-184"]),
    call_site=st.sampled_from(["f+0x1/0x20", "ffffffff8110d60e", "__alloc_skb+0x147/0x1a0", "g+0x1/0x2 [ext4]"]),
)
MASKS = {
    0: "GFP_NOWAIT",
    MAY_WAIT: "GFP_KERNEL|__GFP_ZERO",
    THISNODE: "GFP_ATOMIC|__GFP_THISNODE",
    3: "GFP_KERNEL|__GFP_THISNODE",
}
PREFIXES = {
    "ftrace": "{task:>16}-77      [{cpu:03d}] d..1. {seconds:>12}: {event}: ",
    "old ftrace": "{task:>16}-77    [{cpu:03d}] {seconds:>12}: {event}: ",
    "perf script": "{task:>16} 77 [{cpu:03d}] {seconds}: {event:>24}: ",
    "trace-cmd": "{task:>16}-77    [{cpu:03d}] {seconds:>12}: {event}:         (f+0x1) ",
}


def line_of(event: KmemEvent, form: str, task: str, pointer: str, separate_node_events: bool) -> str:
    """`event` as the tool `form` prints it."""
    name = ("kmalloc" if event.is_kmalloc else "kmem_cache_alloc") if event.kind is KmemKind.ALLOC else "kfree"
    if event.kind is KmemKind.FREE and not event.is_kmalloc:
        name = "kmem_cache_free"
    if event.kind is KmemKind.ALLOC and separate_node_events:
        name += "_node"
    fields = [f"call_site={event.call_site}", f"ptr={pointer.format(event.pointer)}"]
    if event.name:
        fields.append(f"name={event.name}")
    if event.kind is KmemKind.ALLOC:
        fields += [f"bytes_req={event.bytes_req}", f"bytes_alloc={event.bytes_alloc}", f"gfp_flags={MASKS[event.flags]}"]
        fields += [f"node={event.node}", "accounted=false"]
    prefix = "kmem:" if form == "perf script" else ""
    seconds = f"{event.time // 10**9}.{event.time % 10**9 // 1000:06d}"
    return PREFIXES[form].format(task=task, cpu=event.cpu, seconds=seconds, event=prefix + name) + " ".join(fields)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    written=st.lists(events, min_size=1, max_size=8),
    form=st.sampled_from(sorted(PREFIXES)),
    task=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=15),
    pointer=st.sampled_from(["{:016x}", "0x{:x}", "0x{:X}"]),
    separate=st.booleans(),
    zipped=st.booleans(),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_what_any_tool_writes_is_read_back(
    tmp_path: Path, written: list[KmemEvent], form: str, task: str, pointer: str, separate: bool, zipped: bool, ending: str
) -> None:
    data = "".join(line_of(event, form, task, pointer, separate) + ending for event in written).encode()
    path = tmp_path / "trace"
    path.write_bytes(gzip.compress(data, mtime=0) if zipped else data)
    blank = {"bytes_req": 0, "bytes_alloc": 0, "flags": 0, "node": -1}
    assert read(path) == [event if event.kind is KmemKind.ALLOC else event._replace(**blank) for event in written]


CASES = Path(__file__).parent / "cases"


def test_lines_of_a_script_lose_what_joins_them() -> None:
    events = read(next(CASES.glob("08-*")))
    assert [event.kind for event in events] == [KmemKind.ALLOC, KmemKind.FREE] * 2
    assert {event.pointer for event in events} == {0xFFFF880000001000}


def test_fields_in_hexadecimal_are_the_numbers_that_they_are() -> None:
    events = read(next(CASES.glob("21-*")))
    assert [event.kind for event in events] == [KmemKind.ALLOC, KmemKind.FREE] * 2
    first = events[0]
    assert (first.bytes_req, first.bytes_alloc, first.node) == (4096, 4096, ANY_NODE)
    assert (first.flags, first.name) == (MAY_WAIT, "names_cache")


def test_a_buffer_that_was_dumped_into_the_kernels_log_is_read() -> None:
    first, second = read(next(CASES.glob("23-*")))
    assert (first.cpu, first.kind, second.kind, first.pointer) == (0, KmemKind.ALLOC, KmemKind.FREE, second.pointer)
    assert (first.time, second.time - first.time) == (50_000_100_000, 100_000)


def test_a_dumped_time_of_less_than_a_second_is_one(write_trace: WriteTrace) -> None:
    (event,) = read(write_trace("  <idle>-0    12d.h1   123us+: kmem_cache_free: call_site=f ptr=00000000a1b2c3d4"))
    assert (event.cpu, event.time) == (12, 123_000)


@pytest.mark.parametrize("chunk", [1 << 12, 1 << 18])
def test_long_lines_without_an_event_are_skipped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(lines, "CHUNK_BYTES", chunk)
    long = "kmalloc kfree:x " * 20_000
    event = "t-1 [000] 1.0: kfree: call_site=f ptr={}"
    path = tmp_path / "trace.html"
    path.write_text("\n".join([long, event.format(100), "", long, event.format(200), event.format("300\\n\\"), long]))
    reader = KmemReader(path)
    assert [(event.pointer, reader.lines.number) for event in reader] == [(0x100, 2), (0x200, 5), (0x300, 6)]
    assert reader.lines.number == 7


@pytest.mark.parametrize("before", [0, 100, MAX_LINE_BYTES - 3, 5 * MAX_LINE_BYTES, 300_000 - 4])
def test_a_long_line_with_an_event_is_refused_wherever_it_stands(tmp_path: Path, before: int) -> None:
    path = tmp_path / "trace"
    path.write_text(f"ok\n{'x' * before}kmem_cache_free: {'y' * MAX_LINE_BYTES}\n")
    assert "line 2: too long" in refusal(path)


def test_a_whole_page_of_systrace_is_read(write_trace: WriteTrace) -> None:
    """trace-viewer's own code, minified into lines of hundreds of kilobytes, and the trace in a string of the page."""
    code = "function(){return 'kmem_cache_alloc'}" * 9000
    case = next(CASES.glob("08-*")).read_text().splitlines()
    path = write_trace("<!DOCTYPE html>", "<html><head>", f"<script>{code}</script>", '<script>var linuxPerfData = "\\', *case)
    assert [event.kind for event in read(path)] == [KmemKind.ALLOC, KmemKind.FREE] * 2

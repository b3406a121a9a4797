# SPDX-License-Identifier: GPL-2.0-only
"""What a trace may ask of time and memory: every line and name costs what it is long, and no file is read for ever.

Where a test only reads a trace through, what it guards against takes hours.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from slabdes.errors import MAX_LINE, InputError
from slabdes.workload.trace import index as index_module
from slabdes.workload.trace import lines
from slabdes.workload.trace import spool as spool_module
from slabdes.workload.trace.events import KmemEvent, KmemReader
from slabdes.workload.trace.index import index_trace
from slabdes.workload.trace.placing import place_copies
from slabdes.workload.trace.spool import load_trace, spool_trace
from slabdes.workload.trace.think import Think

WriteTrace = Callable[..., Path]

EVENT = "t-1 [000] 1.0: kfree: call_site=f ptr=100"
FILL = 60_000
TURNS = 40


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        list(KmemReader(path))
    text = str(caught.value)
    assert text.startswith(str(path))
    assert text.isprintable()
    assert len(text) <= MAX_LINE + len("; allowed: : ")
    return text


def alloc(pointer: int, *, site: str = "f", cpu: int = 0, time: str = "1.0", kind: str = "kmem_cache_alloc") -> str:
    return f"t-1 [{cpu}] {time}: {kind}: call_site={site} ptr={pointer:x} bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL"


@pytest.mark.parametrize(
    "line",
    [
        f"{EVENT}{' ' * FILL}name=x",
        f"{EVENT} {'a' * FILL}",
        f"{EVENT} name={'x' * FILL} [{'m' * 300}",
        f"{EVENT} name=x{' ' * FILL}",
        f"{EVENT} {'[1] 1: kfree: (' * 4000}",
        f"{'[1] 1: kfree: (' * 4000}",
        f"{' ' * FILL}{EVENT}",
        f"[1]{' ' * 30_000}{'x' * 30_000}",
        f"[1] {'9' * 30_000}.{'9' * 30_000}",
        f"{'PERF_RECORD_LOST' * 4000}",
        f"PERF_RECORD_LOST{' ' * FILL}",
        f"CPU:{' ' * FILL}1 [LOST EVENTS]",
    ],
    ids=lambda line: f"{line[:20]!r}-{line[-12:]!r}",
)
def test_a_line_costs_what_it_is_long(write_trace: WriteTrace, line: str) -> None:
    events = list(KmemReader(write_trace(EVENT, *([line] * TURNS))))
    assert len(events) in (1, 1 + TURNS)


def test_brackets_without_an_end_are_no_event_and_cost_what_they_are_long(write_trace: WriteTrace) -> None:
    assert "line 1: kmem event without" in refusal(write_trace("kfree: (" * 8000 + "kfree: x=1", EVENT))


@pytest.mark.parametrize("digits", ["9" * 5000, "0" * 5000, "0x" + "f" * 5000])
@pytest.mark.parametrize(
    "line",
    [
        "t-1 [{}] 1.0: kfree: call_site=f ptr=100",
        "t-1 [000] {}.0: kfree: call_site=f ptr=100",
        "t-1 [000] 1.{}: kfree: call_site=f ptr=100",
        "t-1 [000] 1.0: kfree: call_site=f ptr={}",
        "t-1 [000] 1.0: kmalloc: call_site=f ptr=100 bytes_req={} bytes_alloc=8",
        "t-1 [000] 1.0: kmalloc: call_site=f ptr=100 bytes_req=8 bytes_alloc={}",
        "t-1 [000] 1.0: kmalloc: call_site=f ptr=100 bytes_req=8 bytes_alloc=8 node={}",
        "t-1 [000] 1.0: kmalloc: call_site=f ptr=100 bytes_req=8 bytes_alloc=8 gfp_flags={}",
        "# entries-in-buffer/entries-written: {}/9   #P:4",
        "CPU:1 [LOST {} EVENTS]",
    ],
)
def test_a_number_of_thousands_of_digits_is_read_or_refused_in_one_line(write_trace: WriteTrace, line: str, digits: str) -> None:
    path = write_trace(EVENT, line.format(digits), EVENT)
    try:
        events = list(KmemReader(path))
    except InputError:
        assert ": line 2: " in refusal(path)
    else:
        assert all(len(str(number)) < 100 for event in events for number in event if isinstance(number, int))


def test_a_pipe_that_nobody_writes_to_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "a pipe or a device" in refusal(tmp_path / "pipe")


def test_gzip_that_unpacks_to_hundreds_of_times_its_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "FREE_UNPACKING", 1 << 20)
    packed = gzip.compress((EVENT + "\n").encode() * 60_000, mtime=0)
    (tmp_path / "bomb").write_bytes(packed)
    assert "gzip that unpacks to more than 100 times its size" in refusal(tmp_path / "bomb")
    (tmp_path / "plain").write_bytes(gzip.decompress(packed))
    assert sum(1 for _event in KmemReader(tmp_path / "plain")) == 60_000


def test_thousands_of_unnamed_call_sites_of_one_function_get_names_of_their_own(write_trace: WriteTrace) -> None:
    count = 20_000
    index = index_trace(write_trace(*(alloc(0x1000 + n, site=f"f+{n:#x}/0x9") for n in range(count))))
    assert {cache.name for cache in index.caches} == {"cache-64@f", *(f"cache-64@f#{n}" for n in range(2, count + 1))}


def test_one_call_site_may_allocate_from_thousands_of_caches(write_trace: WriteTrace, tmp_path: Path) -> None:
    count = 5000
    path = write_trace(
        *(alloc(0x1000 + n) for n in range(count)),
        *(f"t-1 [0] 2.0: kmem_cache_free: call_site=g ptr={0x1000 + n:x} name=c{n}" for n in range(count)),
        *(alloc(0x100_0000 + n, time="3.0") for n in range(8000)),
    )
    spool = load_trace(path, ["c7"], tmp_path / "spool")
    assert spool.operations == 2
    assert len(spool.index.caches) == count


def test_caches_that_would_list_too_many_cpus_and_call_sites_are_refused(
    write_trace: WriteTrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "MAX_LISTED", 100)
    path = write_trace(
        *(alloc(0x1000 + n, cpu=n) for n in range(10)),
        *(f"t-1 [0] 2.0: kmem_cache_free: call_site=g ptr={0x1000 + n:x} name=c{n}" for n in range(10)),
    )
    with pytest.raises(InputError, match="would list 121 call sites and CPUs, all together; allowed: at most 100"):
        index_trace(path)


def test_a_trace_whose_times_change_between_the_passes_is_refused(
    write_trace: WriteTrace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = index_trace(write_trace(alloc(0x1000)))
    write_trace(alloc(0x1000, time=f"{10**19}.0"))
    monkeypatch.setattr(spool_module, "stamp", lambda _path: index.fingerprint)
    with pytest.raises(InputError, match="changed since it was first read"):
        spool_trace(index, (), tmp_path / "spool")


@pytest.mark.parametrize("text", ["1e999999999x", "9" * 5000 + "x", "0." + "1" * 5000 + "x", "1_0x", "1/3x", "\u0661x"])
def test_a_think_factor_is_plain_digits_and_not_many(text: str) -> None:
    with pytest.raises(InputError, match="allowed: recorded, none, or a factor from 0x to 1000x") as caught:
        Think.parse(text)
    assert len(str(caught.value)) <= MAX_LINE + len("; allowed: : ")


def test_a_map_to_cpus_that_are_not_there_is_refused_before_copies_are_placed() -> None:
    class Machine:
        n_cpus, n_nodes = 1024, 1

        def choose_cpus(self, count: int, placement: object) -> list[int]:
            raise AssertionError("a map chooses")

    traced = range(512)
    rule = ",".join(f"{cpu}:{cpu * cpu * 3000}" for cpu in traced)
    with pytest.raises(InputError, match="traced CPU 1 would be CPU 3000"):
        place_copies(traced, 2, rule, Machine())


def test_an_opaque_pointer_is_the_same_each_time_however_long_it_is(write_trace: WriteTrace) -> None:
    long = "f" * 5000
    events: list[KmemEvent] = list(
        KmemReader(write_trace(*(f"t-1 [000] 1.0: kfree: call_site=f ptr={pointer}" for pointer in (long, long, long + "0"))))
    )
    assert events[0].pointer == events[1].pointer != events[2].pointer
    assert all(event.pointer >= 1 << 64 for event in events)


def test_a_number_of_thousands_of_digits_is_shown_by_its_beginning_and_its_length(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    size = "9" * 6000
    path.write_text(f"t-1 [000] 1.0: kmalloc: call_site=f ptr=100 bytes_req={size} bytes_alloc=8 gfp_flags=GFP_KERNEL\n")
    with pytest.raises(InputError) as caught:
        list(KmemReader(path))
    told = str(caught.value)
    assert "... (6,002 characters)" in told
    assert told.endswith("allowed: a number from 0 to 18446744073709551615")

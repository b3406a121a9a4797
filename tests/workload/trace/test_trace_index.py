# SPDX-License-Identifier: GPL-2.0-only
"""What a trace holds: its caches, whatever the kernel says about names, and what cannot be replayed."""

from __future__ import annotations

import gzip
import re
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slabdes.config import CacheFlag
from slabdes.errors import InputError
from slabdes.workload.trace import events, index, lines
from slabdes.workload.trace.events import Clock
from slabdes.workload.trace.index import TraceIndex, index_trace

WriteTrace = Callable[..., Path]


def alloc(
    pointer: int, size: int = 64, *, site: str = "f+0x1", req: int | None = None, event: str = "kmem_cache_alloc", more: str = ""
) -> str:
    fields = f"call_site={site} ptr={pointer:x} bytes_req={req or size} bytes_alloc={size} gfp_flags=GFP_KERNEL"
    return f"t-1 [000] 1.0: {event}: {fields} {more}"


def free(pointer: int, *, site: str = "g+0x1", event: str = "kmem_cache_free", cpu: int = 0, more: str = "") -> str:
    return f"t-1 [{cpu:03d}] 1.0: {event}: call_site={site} ptr={pointer:x} {more}"


def sizes(found: TraceIndex) -> dict[str, tuple[int, int, int]]:
    return {cache.name: (cache.size, cache.allocs, cache.frees) for cache in found.caches}


def test_names_on_allocations_are_taken(write_trace: WriteTrace) -> None:
    path = write_trace(
        alloc(0x100, 256, req=232, more="name=skb"),
        alloc(0x200, 256, req=232, more="name=skb"),
        free(0x100, cpu=3, more="name=skb"),
    )
    found = index_trace(path)
    [cache] = found.caches
    assert (cache.name, cache.size, cache.allocs, cache.frees, cache.remote_frees, cache.never_freed) == ("skb", 256, 2, 1, 1, 1)
    assert (cache.cpus, cache.call_sites) == ((0, 3), ("f+0x1",))
    assert found.events_per_cpu == {0: 2, 3: 1}


def test_names_on_frees_are_learned_for_allocations_of_the_same_site(write_trace: WriteTrace) -> None:
    found = index_trace(write_trace(alloc(0x100), free(0x100, more="name=dentry"), alloc(0x200), alloc(0x300, site="h+0x1")))
    assert sizes(found) == {"dentry": (64, 2, 1), "cache-64@h": (64, 1, 0)}


def test_a_site_that_allocates_from_two_caches_is_told_apart_object_by_object(write_trace: WriteTrace) -> None:
    path = write_trace(
        *(alloc(0x100 * n, site="mempool_alloc+0x1") for n in range(1, 6)),
        free(0x100, more="name=often"),
        free(0x200, more="name=seldom", cpu=1),
        free(0x300, more="name=often"),
    )
    found = index_trace(path)
    assert sizes(found) == {"often": (64, 4, 2), "seldom": (64, 1, 1)}
    assert {cache.name: cache.remote_frees for cache in found.caches} == {"often": 0, "seldom": 1}


def test_without_names_sites_that_share_a_place_of_freeing_and_both_sizes_are_one_cache(write_trace: WriteTrace) -> None:
    path = write_trace(
        *(alloc(0x100, site="a+0x1"), alloc(0x200, site="b+0x1"), alloc(0x300, site="c+0x1")),
        *(alloc(0x400, site="a+0x1", req=60), alloc(0x500, 128, site="a+0x1")),
        *(free(pointer, site="z+0x1") for pointer in (0x100, 0x200, 0x400, 0x500)),
        free(0x300, site="y+0x1"),
    )
    assert sizes(index_trace(path)) == {
        "cache-64@a": (64, 2, 2),
        "cache-128@a": (128, 1, 1),
        "cache-64@a#2": (64, 1, 1),
        "cache-64@c": (64, 1, 1),
    }


def test_kmalloc_goes_to_the_cache_of_its_size(write_trace: WriteTrace) -> None:
    path = write_trace(
        alloc(0x100, 1024, req=600, event="kmalloc"),
        alloc(0x200, 1024, req=1024, event="kmalloc_node"),
        free(0x100, event="kfree"),
    )
    found = index_trace(path)
    assert sizes(found) == {"kmalloc-1024": (1024, 2, 1)}
    assert found.caches[0].config().flags == (CacheFlag.HWCACHE_ALIGN,)
    assert found.cache_number("kmalloc-1k") == 0


def test_a_debugging_kernels_padding_is_no_part_of_the_object(write_trace: WriteTrace) -> None:
    # The 4.x lines of ../shared/traces: 168 bytes in 576, 8 bytes in 336, 4096 in 4480.
    path = write_trace(
        alloc(0x100, 576, req=168, more="name=cred_jar"),
        alloc(0x200, 336, req=8, event="kmalloc"),
        alloc(0x300, 4480, req=4096, more="name=names"),
    )
    assert sizes(index_trace(path)) == {"cred_jar": (168, 1, 0), "kmalloc-8": (8, 1, 0), "names": (4096, 1, 0)}


def test_65_to_96_bytes_in_128_are_kmalloc_96(write_trace: WriteTrace) -> None:
    """../shared/kernel61/README.md: a SLAB kernel's kmalloc-96 has objects 128 bytes apart."""
    both = [alloc(0x100, 128, req=80, event="kmalloc"), alloc(0x200, 128, req=100, event="kmalloc")]
    assert sizes(index_trace(write_trace(*both))) == {"kmalloc-128": (128, 1, 0), "kmalloc-96": (128, 1, 0)}


def test_there_is_no_kmalloc_96_where_everything_is_aligned_to_128_bytes(write_trace: WriteTrace) -> None:
    both = [alloc(0x100, 128, req=80, event="kmalloc"), alloc(0x200, 128, req=8, event="kmalloc")]
    assert sizes(index_trace(write_trace(*both))) == {"kmalloc-128": (128, 2, 0)}


def test_objects_without_a_beginning_or_an_end_are_counted(write_trace: WriteTrace) -> None:
    found = index_trace(
        write_trace(
            free(0x900),
            alloc(0x100, more="name=x"),
            alloc(0x100, more="name=x"),
            free(0x100),
            free(0x100),
            alloc(0x200, more="name=x"),
            free(0, event="kfree"),
            alloc(0, more="name=x"),
            "t-1 [000] 1.0: kfree: call_site=f ptr=(____ptrval____)",
        )
    )
    assert (found.freed_never_allocated, found.allocated_never_freed, found.reallocated) == (2, 2, 1)
    assert (found.no_object, found.hidden) == (2, 1)
    assert sizes(found) == {"x": (64, 3, 1)}
    assert len(found.warnings) == 4
    assert all("\n" not in warning for warning in found.warnings)


def test_lost_events_and_a_counter_clock_are_said_aloud(write_trace: WriteTrace) -> None:
    found = index_trace(
        write_trace(
            "# entries-in-buffer/entries-written: 1/1235   #P:2", "CPU:1 [LOST EVENTS]", alloc(0x100).replace("1.0:", "17:")
        )
    )
    assert (found.lost, found.lost_uncounted, found.clock) == (1234, True, Clock.COUNTER)
    assert found.warnings[0].startswith("lost events: at least 1,234 are missing")
    assert "no think times" in found.warnings[1]


def test_an_unknown_cache_is_refused_with_the_nearest_name(unix_dgram: Path) -> None:
    why = r"cache skbuff_head: not in the trace \(did you mean skbuff_head_cache\?\); allowed: kmalloc-1024, .* and 29 more$"
    with pytest.raises(InputError, match=why):
        index_trace(unix_dgram).cache_number("skbuff_head")


def test_a_trace_of_frees_alone_is_refused(write_trace: WriteTrace) -> None:
    with pytest.raises(InputError, match="no allocation with a pointer in 2 kmem events"):
        index_trace(write_trace(free(0x100), alloc(0)))


def test_too_large_allocations_are_left_out_aloud(write_trace: WriteTrace) -> None:
    found = index_trace(write_trace(alloc(0x100, 8 << 20, event="kmalloc"), alloc(0x200)))
    assert [cache.size for cache in found.caches] == [64]
    assert "1 allocations are of more than 4 MiB" in found.warnings[-1]


def test_memory_is_bounded_whatever_the_trace_says(write_trace: WriteTrace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "MAX_LIVE_OBJECTS", 10)
    with pytest.raises(InputError, match="line 11: too many objects allocated at once; allowed: at most 10"):
        index_trace(write_trace(*(alloc(0x100 * n) for n in range(1, 20))))
    monkeypatch.setattr(index, "MAX_GROUPS", 5)
    with pytest.raises(InputError, match="line 6: too many call sites and sizes"):
        index_trace(write_trace(*(alloc(0x100, size=64 + n) for n in range(1, 20))))
    monkeypatch.setattr(events, "MAX_WORDS", 5)
    with pytest.raises(InputError, match="line 5: one name or call site too many"):
        index_trace(write_trace(*(alloc(0x100, site=f"f{n}") for n in range(1, 20))))


def test_memory_does_not_grow_with_the_traces_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "CHUNK_BYTES", 1 << 13)

    def peak(rounds: int) -> int:
        path = tmp_path / f"{rounds}.txt"
        with path.open("w") as stream:
            for turn in range(rounds):
                pointer = 0x1000 + 64 * (turn % 7)
                stream.write(f"{alloc(pointer)}\n{free(pointer, more='name=x')}\n")
        tracemalloc.start()
        try:
            index_trace(path)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)  # caches of regular expressions and the like
    assert peak(6_000) < 1.05 * peak(1_000)


def test_progress_ends_with_the_whole_file(unix_dgram: Path) -> None:
    seen: list[tuple[int, int]] = []
    index_trace(unix_dgram, lambda done, total: seen.append((done, total)))
    size = unix_dgram.stat().st_size
    assert seen == sorted(seen)
    assert seen[-1] == (size, size)


def test_the_capture_of_6_18_holds_what_its_readme_says(unix_dgram: Path) -> None:
    """10,000 datagrams from CPU 0 to CPU 1, nothing lost, so 10,000 heads freed remotely (and a few of the tracer's own)."""
    found = index_trace(unix_dgram)
    cache = found.caches[found.cache_number("skbuff_head_cache")]
    assert (cache.size, cache.remote_frees, cache.cpus) == (256, 10_000, (0, 1))
    assert (found.lost, found.clock, found.events) == (0, Clock.SECONDS, 50_130)
    assert all(len(warning) < 130 for warning in found.warnings)


def snapshots(path: Path) -> Iterator[tuple[str, int]]:
    """(cache, allocations so far) from each slabinfo line of a dump: cpustat's allochit + allocmiss."""
    with gzip.open(path, "rt") as stream:
        for line in stream:
            if line.startswith("INFO "):
                hits, misses = re.findall(r"\d+", line.rpartition("cpustat")[2])[:2]
                name = line.split()[1].replace("-1k", "-1024").replace("-2k", "-2048").replace("-4k", "-4096")
                yield name, int(hits) + int(misses)


def test_caches_of_a_6_1_trace_are_those_whose_counters_moved(shared_file: Callable[[str], Path], tmp_path: Path) -> None:
    """Between its two dumps the kernel counted as many allocations of each cache as the trace is read to have."""
    folder = "kernel61/traces/8cpu_2node_local_unix4/"
    with gzip.open(shared_file(folder + "trace.txt.gz"), "rt") as stream:
        text = stream.read().splitlines()
    first, last = (number for number, line in enumerate(text) if "SLT_SNAPSHOT" in line)
    path = tmp_path / "between"
    path.write_text("\n".join(text[first + 1 : last]))
    found = {cache.name: cache.allocs for cache in index_trace(path).caches}
    counted: dict[str, int] = {}
    for name, count in snapshots(shared_file(folder + "dumps.txt.gz")):
        counted[name] = count - counted.get(name, 0)
    # Two mm_structs come from another call site and are never freed; of vmap areas no free at all is in the trace.
    assert found.pop("cache-960@mm_alloc") == 2
    assert found.pop("cache-64@alloc_vmap_area") + found.pop("cache-64@alloc_vmap_area#2") == counted["vmap_area"]
    found["mm_struct"] += 2
    assert len(found) == 30
    assert found == {name: counted[name] for name in found}

# SPDX-License-Identifier: GPL-2.0-only
"""Compares a trace folder of 7.3 with what its trace does here: every pointer, every counter, and the dump after.

A folder holds dumps.txt and trace.txt, plain or gzipped. Leaves out the contended half of LK, which needs a clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from slabdes.allocator.slub.state import KmemCache
from slabdes.conformance.kernel_trace.compare import FILES, before_and_after, folder_file
from slabdes.conformance.kernel_trace.resync import Resync
from slabdes.conformance.kernel_trace.verdict import Item, Total
from slabdes.conformance.slub_log.kernel import SITES
from slabdes.conformance.slub_trace.dump import read_slub_dumps
from slabdes.conformance.slub_trace.events import read_slub_trace
from slabdes.conformance.slub_trace.records import SlubCache, SlubDump
from slabdes.conformance.slub_trace.replay import Replayed, replay
from slabdes.conformance.slub_trace.state import Compared
from slabdes.conformance.slub_trace.verdict import COUNTED, MAX_DIFFERING, SlubCacheVerdict, SlubTraceVerdict
from slabdes.units import percent
from slabdes.workload.trace.lines import TraceLines

LOCKS: Final = "locks"


def is_slub_folder(folder: Path) -> bool:
    """Whether a trace folder's dumps are SLUB's: what their first CACHE line says. InputError if they cannot be read."""
    for line in TraceLines(folder_file(folder, FILES[0])):
        if line.startswith(b"CACHE "):
            return b" sheaf_capacity=" in line
    return False


def compare_slub_folder(folder: Path) -> SlubTraceVerdict:
    """Replay a folder's trace from the dump before, and compare with the dump after. Raises InputError for bad input."""
    dumps_path, trace_path = (folder_file(folder, name) for name in FILES)
    before, after = before_and_after(dumps_path, read_slub_dumps(dumps_path))
    trace = read_slub_trace(trace_path, before.label, after.label)
    replayed = replay(trace, before)
    caches = tuple(_cache_verdicts(before, after, replayed))
    return SlubTraceVerdict(
        name="/".join(folder.resolve().parts[-2:]),
        n_cpus=len(before.node_of_cpu),
        n_nodes=before.n_nodes,
        clock=trace.clock,
        operations=replayed.operations,
        unknown=replayed.unknown,
        pages=replayed.pages,
        searches=replayed.kernel.searches,
        skipped=replayed.skipped,
        caches=caches,
        reasons=tuple(_reasons(before, after, caches, replayed.unknown)),
    )


def _cache_verdicts(before: SlubDump, after: SlubDump, replayed: Replayed) -> Iterator[SlubCacheVerdict]:
    state = replayed.restored.state
    slabs: dict[int, list[int]] = {}
    for number, slab in enumerate(state.slabs):
        if slab.num:
            slabs.setdefault(slab.cache, []).append(number)
    for name, counts in replayed.caches.items():
        earlier, recorded = before.caches[name], after.caches.get(name)
        if recorded is None:
            continue
        cache = replayed.restored.caches[name]
        compared = Compared(replayed.restored, cache, recorded, slabs.get(cache.index, ()))
        yield SlubCacheVerdict(
            name=name,
            allocs=counts.allocs,
            frees=counts.frees,
            differing=counts.differing,
            displaced=not counts.resyncs[Resync.ALIAS],
            learned=counts.learned,
            sheaf_pointers=compared.pointers,
            sheaf_differing=compared.differing,
            odd=dict(counts.odd),
            counters=tuple(_counters(cache, replayed, earlier, recorded)),
            state=compared.items,
            between=tuple(_between(cache, replayed, earlier, recorded)),
            examples=tuple(counts.examples),
        )


def _total(cache: KmemCache, counter: str) -> int:
    return sum(getattr(stats, counter, 0) for stats in cache.stats)


def _counters(cache: KmemCache, replayed: Replayed, earlier: SlubCache, recorded: SlubCache) -> Iterator[Item]:
    """Every counter since boot: ST's, LK's acquisitions."""
    for name, value in recorded.stats.items():
        yield Item(name, _total(cache, name), value)
    here = {SITES[site]: count for (index, site), count in replayed.kernel.locks.items() if index == cache.index}
    for site, (total, _contended) in recorded.locks.items():
        yield Item(f"LK {site}", earlier.locks.get(site, (0, 0))[0] + here.get(site, 0), total)


def _between(cache: KmemCache, replayed: Replayed, earlier: SlubCache, recorded: SlubCache) -> Iterator[Total]:
    """Counts between the two cuts, as the table has them."""
    for name, counters in COUNTED.items():
        start = sum(earlier.stats.get(counter, 0) for counter in counters)
        end = sum(recorded.stats.get(counter, 0) for counter in counters)
        yield Total(name, sum(_total(cache, counter) for counter in counters) - start, end - start)
    taken = sum(total - earlier.locks.get(site, (0, 0))[0] for site, (total, _contended) in recorded.locks.items())
    yield Total(LOCKS, sum(count for (index, _site), count in replayed.kernel.locks.items() if index == cache.index), taken)


def _reasons(before: SlubDump, after: SlubDump, caches: tuple[SlubCacheVerdict, ...], unknown: int) -> Iterator[str]:
    """Why the rule of `verdict` does not hold."""
    for name in sorted(set(before.caches) ^ set(after.caches)):
        yield f"cache {name} is in one of the dumps only"
    if unknown:
        yield f"{unknown} operations on caches that the dumps lack"
    pointers = sum(cache.allocs + cache.sheaf_pointers for cache in caches)
    differing = sum(cache.differing + cache.sheaf_differing for cache in caches)
    if differing > MAX_DIFFERING * pointers:
        yield f"{differing} of {pointers} pointers differ, allowed {percent(MAX_DIFFERING, 1)}"
    for cache in caches:
        yield from (f"{cache.name}: {what}: {count}" for what, count in cache.odd.items())
        if not cache.displaced:
            yield f"{cache.name}: pointers where no unused object lies here"
        wrong = [item.place for item in cache.counters if not item.equal]
        if wrong:
            yield f"{cache.name}: counters {', '.join(wrong)} differ"
        wrong = [item.place for item in cache.state if not item.equal and not (item.excused and cache.differing)]
        if wrong:
            yield f"{cache.name}: the dump after differs in {len(wrong)} places, first {wrong[0]}"

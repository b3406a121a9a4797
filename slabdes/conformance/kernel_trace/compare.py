# SPDX-License-Identifier: GPL-2.0-only
"""Compares a trace folder with what its trace does here: every counter of every cache, and the dump after down to free indexes.

A folder holds dumps.txt and trace.txt, plain or gzipped. Leaves out the high mark, which wraps below zero in 6.1, the contended
half of LK, which needs a clock, and the locks that reading the statistics takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Final, TypeVar

from slabdes.allocator.lists import list_entries
from slabdes.allocator.state import ArrayCache, KmemCache, KmemList3, ListName, SlabState, obj_to_index, virt_to_slab
from slabdes.conformance.kernel_log.kernel import SITES
from slabdes.conformance.kernel_trace.events import read_trace
from slabdes.conformance.kernel_trace.kernel import CacheReplay
from slabdes.conformance.kernel_trace.replay import Replayed, replay
from slabdes.conformance.kernel_trace.verdict import MAX_DIFFERING, MAX_RELATIVE, CacheVerdict, Item, Total, TraceVerdict
from slabdes.conformance.slub_trace.records import SlubDump
from slabdes.dumps.addresses import Addresses
from slabdes.dumps.dump import read_dumps
from slabdes.dumps.records import ArrayDump, CacheDump, Dump, NodeDump, SlabDump
from slabdes.dumps.restore import free_objects_of, head_of, slabs_of
from slabdes.errors import InputError
from slabdes.files import is_regular
from slabdes.units import percent

FILES: Final = ("dumps.txt", "trace.txt")
ENDINGS: Final = ("", ".gz")
FOLDER: Final = "a folder with dumps.txt and trace.txt, plain or .gz"
READING: Final = "slabinfo"
"""The LK site of whoever reads the statistics: no event of the trace."""
_GLOBALSTAT: Final = (
    "num_allocations", "high_mark", "grown", "reaped", "errors", "max_freeable", "node_allocs", "node_frees", "node_overflow",
)  # fmt: skip
_CPUSTAT: Final = ("allochit", "allocmiss", "freehit", "freemiss")
AnyDump = TypeVar("AnyDump", Dump, SlubDump)
_HIGH_MARK: Final = "high_mark"
_COUNTED: Final = {
    "hits": "allochit",
    "misses": "allocmiss",
    "free hits": "freehit",
    "free misses": "freemiss",
    "remote frees": "node_frees",
    "alien overflows": "node_overflow",
    "grown": "grown",
}
ACQUISITIONS: Final = "acquisitions"
RULED: Final = ("hits", "misses", "remote frees", "alien overflows", "grown", ACQUISITIONS)
"""The totals that a contended trace is judged by."""


def is_trace_folder(path: Path) -> bool:
    """Whether `path` is a folder with dumps and a trace in it."""
    return all(any(is_regular(path / f"{name}{ending}") for ending in ENDINGS) for name in FILES)


def compare_trace_folder(folder: Path) -> TraceVerdict:
    """Replay a folder's trace from the dump before, and compare with the dump after. Raises InputError for bad input."""
    dumps_path, trace_path = (folder_file(folder, name) for name in FILES)
    before, after = before_and_after(dumps_path, read_dumps(dumps_path))
    trace = read_trace(trace_path, before.label, after.label)
    replayed = replay(trace, before, after)
    caches = tuple(_cache_verdicts(before, after, replayed))
    contended = _contended(before, after)
    totals = tuple(_totals(caches))
    return TraceVerdict(
        name=folder.resolve().name,
        n_cpus=len(before.node_of_cpu),
        n_nodes=before.n_nodes,
        clock=trace.clock.value if trace.clock else "none",
        contended=contended,
        events=replayed.events,
        unknown=replayed.unknown,
        pages=replayed.pages,
        caches=caches,
        totals=totals,
        reasons=tuple(_reasons(before, after, caches, totals, contended)),
    )


def before_and_after(path: Path, dumps: tuple[AnyDump, ...]) -> tuple[AnyDump, AnyDump]:
    """The two dumps around the trace: `before-X` and `after-X`, or the first two. InputError if they are not of one machine."""
    afters = {dump.label.removeprefix("after-"): dump for dump in reversed(dumps) if dump.label.startswith("after-")}
    befores = {dump.label.removeprefix("before-"): dump for dump in dumps if dump.label.startswith("before-")}
    pairs = [(dump, afters[label]) for label, dump in befores.items() if label in afters]
    if not pairs and len(dumps) == 2:
        pairs = [(dumps[0], dumps[1])]
    if not pairs:
        labels = ", ".join(dump.label for dump in dumps)
        raise InputError(str(path), f"dumps {labels}", allowed="one before-NAME and one after-NAME")
    before, after = pairs[0]
    if (before.node_of_cpu, before.n_nodes) != (after.node_of_cpu, after.n_nodes):
        raise InputError(after.where, "other CPUs or nodes than in the dump before", allowed="two dumps of one machine")
    return before, after


def folder_file(folder: Path, name: str) -> Path:
    """One of FILES in a folder, plain or gzipped. Raises InputError if it is not there."""
    for ending in ENDINGS:
        path = folder / f"{name}{ending}"
        if is_regular(path):
            return path
    raise InputError(str(folder), f"no {name} or {name}.gz in it", allowed=FOLDER)


def _contended(before: Dump, after: Dump) -> int:
    """Contended acquisitions between the dumps, as the kernel counted them."""
    count = 0
    for name, cache in after.caches.items():
        earlier = before.caches[name].locks if name in before.caches else {}
        count += sum(max(0, pair[1] - earlier.get(site, (0, 0))[1]) for site, pair in cache.locks.items() if site != READING)
    return count


def _totals(caches: tuple[CacheVerdict, ...]) -> Iterator[Total]:
    for name in (*_COUNTED, ACQUISITIONS):
        parts = [cache.total(name) for cache in caches]
        yield Total(name, sum(part.ours for part in parts), sum(part.recorded for part in parts))


def _reasons(
    before: Dump, after: Dump, caches: tuple[CacheVerdict, ...], totals: tuple[Total, ...], contended: int
) -> Iterator[str]:
    """Why the rule of `verdict` does not hold."""
    for name in sorted(set(before.caches) ^ set(after.caches)):
        yield f"cache {name} is in one of the dumps only"
    if contended:
        for total in totals:
            if total.name in RULED and abs(total.relative) > MAX_RELATIVE:
                off = f"{percent(total.relative, 2, signed=True)}, allowed {percent(MAX_RELATIVE)}"
                yield f"{total.name}: {total.ours}, recorded {total.recorded}: {off}"
        return
    allocs, differing = sum(cache.allocs for cache in caches), sum(cache.differing for cache in caches)
    if differing > MAX_DIFFERING * allocs:
        yield f"{differing} of {allocs} pointers differ, allowed {percent(MAX_DIFFERING)}"
    for cache in caches:
        wrong = [item.place for item in cache.counters if not item.equal]
        if wrong:
            yield f"{cache.name}: counters {', '.join(wrong)} differ"
        wrong = [item.place for item in cache.state if not item.equal and not item.excused]
        if wrong and not cache.differing:
            yield f"{cache.name}: no pointer differed, but the dump after does in {len(wrong)} places, first {wrong[0]}"


def _cache_verdicts(before: Dump, after: Dump, replayed: Replayed) -> Iterator[CacheVerdict]:
    for name, counts in replayed.caches.items():
        earlier, recorded = before.caches[name], after.caches.get(name)
        if recorded is None:
            continue
        cache = replayed.restored.caches[name]
        counters = tuple(_counters(cache, counts, earlier, recorded))
        state = tuple(_State(replayed, cache, after.jiffies).items(recorded))
        between = tuple(_between(counters, counts, earlier, recorded))
        yield CacheVerdict(
            name=name,
            active=bool(counts.allocs or counts.frees or any(total.ours or total.recorded for total in between)),
            allocs=counts.allocs,
            frees=counts.frees,
            differing=counts.differing,
            moved=counts.moved,
            learned=counts.learned,
            odd_colours=counts.odd_colours,
            held_back=counts.held_back,
            unplaced_frees=counts.unplaced_frees,
            resyncs={resync.value: count for resync, count in counts.resyncs.items()},
            causes={cause.value: count for cause, count in counts.causes.items()},
            counters=counters,
            state=state,
            between=between,
            examples=tuple(counts.examples),
        )


def _counters(cache: KmemCache, counts: CacheReplay, earlier: CacheDump, recorded: CacheDump) -> Iterator[Item]:
    """Every counter since boot: INFO's statistics, LK's acquisitions, EV."""
    given = dict(zip((*_GLOBALSTAT, *_CPUSTAT), (*recorded.info.globalstat, *recorded.info.cpustat), strict=True))
    for name, value in given.items():
        if name != _HIGH_MARK:
            yield Item(name, getattr(cache.stats, name), value)
    here = {SITES[site]: count for site, count in counts.locks.items()}
    for site, (total, _contended_half) in recorded.locks.items():
        if site != READING:
            yield Item(f"LK {site}", earlier.locks.get(site, (0, 0))[0] + here.get(site, 0), total)
    known = {part.name: getattr(counts.events, part.name) for part in fields(counts.events)}
    for name, value in recorded.events.items():
        yield Item(f"EV {name}", earlier.events.get(name, 0) + known.get(name, 0), value)


def _between(counters: tuple[Item, ...], counts: CacheReplay, earlier: CacheDump, recorded: CacheDump) -> Iterator[Total]:
    """Counts between the two cuts."""
    start = dict(zip((*_GLOBALSTAT, *_CPUSTAT), (*earlier.info.globalstat, *earlier.info.cpustat), strict=True))
    items = {item.place: item for item in counters}
    for name, counter in _COUNTED.items():
        yield Total(name, items[counter].ours - start[counter], items[counter].recorded - start[counter])
    taken = sum(total - earlier.locks.get(site, (0, 0))[0] for site, (total, _) in recorded.locks.items() if site != READING)
    yield Total(ACQUISITIONS, sum(counts.locks.values()), taken)


class _State:
    """One cache as it is here after the replay, put beside the dump after."""

    def __init__(self, replayed: Replayed, cache: KmemCache, jiffies: int) -> None:
        self.state: SlabState = replayed.restored.state
        self.addresses: Addresses = replayed.restored.addresses
        self.unsure = replayed.delays.unsure
        self.cache = cache
        self.jiffies = jiffies

    def items(self, recorded: CacheDump) -> Iterator[Item]:
        """Everything that the dump says of the cache."""
        cache = self.cache
        tunables = (recorded.limit, recorded.batchcount, recorded.shared)
        yield Item("tunables", (cache.limit, cache.batchcount, cache.shared), tunables)
        for l3, node in zip(cache.nodelists, recorded.nodes, strict=True):
            self._learn_untouched(l3, node)
        for cpu, (ac, array) in enumerate(zip(cache.array, recorded.arrays, strict=True)):
            yield from self._array(f"CPU {cpu}", ac, array, touched=True)
        for l3, node in zip(cache.nodelists, recorded.nodes, strict=True):
            yield from self._node(l3, node)

    def _learn_untouched(self, l3: KmemList3, node: NodeDump) -> None:
        """Slabs none of whose objects was handed out have no address here yet: they get the dump's if all else is equal."""
        for which in ListName:
            recorded = [slab for slab in node.slabs if slab.which is which]
            for number, slab in zip(list_entries(self.state.slabs, head_of(l3, which)), recorded, strict=False):
                record = self.state.slabs[number]
                colour = slab.address - self.addresses.block(self.cache, slab.address)
                alike = (record.inuse, record.colouroff) == (slab.inuse, colour)
                if alike and number not in self.addresses.of and self.addresses.slab_at(self.cache, slab.address) is None:
                    self.addresses.learn(self.cache, number, slab.address)

    def _array(self, name: str, ac: ArrayCache | None, array: ArrayDump | None, *, touched: bool) -> Iterator[Item]:
        if ac is None or array is None:
            yield Item(name, None if ac is None else "there", None if array is None else "there")
            return
        ours = tuple(self._pointer(obj) for obj in self.state.words[ac.entry : ac.entry + ac.avail])
        differing = {pointer for pair in zip(ours, array.objects, strict=False) if pair[0] != pair[1] for pointer in pair}
        excused = len(ours) == len(array.objects) and differing <= self.unsure
        yield Item(name, _hex(ours), _hex(array.objects), excused)
        if touched:
            yield Item(f"{name} touched", int(bool(ac.touched)), int(bool(array.touched)))

    def _node(self, l3: KmemList3, node: NodeDump) -> Iterator[Item]:
        name = f"node {l3.node}"
        lists = {which: list(list_entries(self.state.slabs, head_of(l3, which))) for which in ListName}
        counters = {
            "total_slabs": (sum(len(slabs) for slabs in lists.values()), node.total_slabs),
            "free_slabs": (len(lists[ListName.FREE]), node.free_slabs),
            "free_objects": (l3.free_objects, node.free_objects),
            "free_limit": (l3.free_limit, node.free_limit),
            "free_touched": (l3.free_touched, node.free_touched),
            "colour_next": (l3.colour_next, node.colour_next),
            "next_reap": (l3.next_reap, self.jiffies + node.next_reap),
        }
        for counter, pair in counters.items():
            yield Item(f"{name} {counter}", *pair)
        yield from self._array(f"{name} shared", l3.shared, node.shared, touched=True)
        for other in range(len(self.cache.nodelists)):
            alien = l3.alien[other] if l3.alien else None
            if other != l3.node and (alien or other in node.alien):
                yield from self._array(f"{name} alien {other}", alien, node.alien.get(other), touched=False)
        for which, slabs in lists.items():
            ours = [(self.addresses.of.get(slab, 0), self.state.slabs[slab].inuse) for slab in slabs]
            theirs = [(slab.address, slab.inuse) for slab in node.slabs if slab.which is which]
            yield Item(f"{name} {which.name.lower()}", _slab_text(ours), _slab_text(theirs))
        yield from self._free_indexes(l3, node.slabs)

    def _free_indexes(self, l3: KmemList3, recorded: tuple[SlabDump, ...]) -> Iterator[Item]:
        ours = {self.addresses.of.get(slab, 0): slab for slab in slabs_of(self.state, l3)}
        for slab in recorded:
            number = ours.get(slab.address)
            free = None if number is None else tuple(obj_to_index(obj) for obj in free_objects_of(self.state, number))
            differing = {objnr for pair in zip(free or (), slab.free, strict=False) if pair[0] != pair[1] for objnr in pair}
            unsure = {slab.address + objnr * self.cache.size for objnr in differing} <= self.unsure
            excused = free is not None and len(free) == len(slab.free) and unsure
            yield Item(f"slab {slab.address:x} free indexes", free, slab.free, excused)

    def _pointer(self, obj: int) -> int:
        return self.addresses.pointer(self.cache, virt_to_slab(obj), obj_to_index(obj))


def _hex(pointers: Iterable[int]) -> str:
    return " ".join(f"{pointer:x}" if pointer else "?" for pointer in pointers)


def _slab_text(slabs: list[tuple[int, int]]) -> str:
    return " ".join(f"{address:x}({inuse})" if address else f"?({inuse})" for address, inuse in slabs)

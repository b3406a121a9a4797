# SPDX-License-Identifier: GPL-2.0-only
"""The kmem events of a complete trace, with the marks that tell where the dumps were taken, and whose cache each event is about.

A cache is told by kmalloc's size and flags, or by the free's name, the pages an object lies in, or the call site, in that
order. Leaves out what the events do to the allocator: see replay.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from slabdes.dumps.records import CacheDump, Dump
from slabdes.errors import InputError
from slabdes.units import PAGE_SIZE
from slabdes.workload.trace.events import Clock, KmemEvent, KmemKind, KmemReader, Parts

MAX_EVENTS: Final = 1 << 21
"""Events accepted in one trace (assumed: they are held in memory, about half a kilobyte each)."""
MAX_MARKS: Final = 64
_MARK: Final = re.compile(rb": slt_dumpall: SLT_SNAPSHOT (\S{1,64})\s*$")
_NAME: Final = b" name="
"""What stands before a name, which goes on to the line's end."""
_GFP: Final = re.compile(rb" gfp_flags=(\S*)")
_CONTEXT: Final = re.compile(rb"-(\d{1,10})[ \t]+(?:\([^()]*\)[ \t]+)?\[\d+\][ \t]+[^ \t]{2}([.a-zA-Z])[^ \t]*[ \t]+\d")
"""task-pid, thread group or none, [cpu], ftrace's latency columns (the third is the context), time."""
_LEVELS: Final = {b"s": 1, b"h": 2, b"H": 2, b"z": 3, b"Z": 3}
KMALLOC: Final = re.compile(r"(?P<dma>dma-)?kmalloc-(?P<type>rcl-|cg-)?\d+[kM]?")
_BITS: Final = ((0x01, "__GFP_DMA"), (0x10, "__GFP_RECLAIMABLE"), (0x400000, "__GFP_ACCOUNT"))
"""Bits of masks printed as numbers (include/linux/gfp_types.h of 6.1)."""
UNKNOWN: Final = ""
"""The cache of an event that no rule can place."""
PAGES: Final = "pages"
"""The `cache` of a kmalloc too large for any cache: the page allocator serves it."""


class TracedEvent(NamedTuple):
    """One kmem event: `kmem` as the trace says it, `name` the cache that a free names, `kind_of_kmalloc` by its flags.

    `level` is 0 in a task, 1 in a soft interrupt, 2 in a hard one, 3 in an NMI, as ftrace's third column tells (0 where it is
    absent); `task` the task that ran or was interrupted.
    """

    kmem: KmemEvent
    name: str
    kind_of_kmalloc: str
    level: int
    task: int


@dataclass(frozen=True)
class Trace:
    """A whole trace: events in file order; those of `events[begin:end]` lie between the two dumps."""

    path: Path
    events: tuple[TracedEvent, ...]
    begin: int
    end: int
    clock: Clock | None


class MarkedReader(KmemReader):
    """A KmemReader that also keeps the line it is at, and where marks stand."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.line = b""
        self.marks: list[tuple[str, int]] = []

    def _event(self, line: bytes, parts: Parts) -> KmemEvent:
        self.line = line
        return super()._event(line, parts)

    def _other_line(self, line: bytes) -> None:
        super()._other_line(line)
        if mark := _MARK.search(line):
            if len(self.marks) >= MAX_MARKS:
                raise self.lines.error("one SLT_SNAPSHOT too many", allowed=f"{MAX_MARKS}")
            self.marks.append((mark[1].decode("ascii", "replace"), self.place))

    @property
    def place(self) -> int:
        """How much of what is kept lies before the line it is at."""
        return self.events

    def begin_and_end(self, before: str, after: str) -> tuple[int, int]:
        """Where the dumps labelled so were taken. InputError if there are no such marks, or if events were lost."""
        path = self.lines.path
        if self.lost or self.lost_uncounted:
            lost = f"{self.lost}" if self.lost else "some"
            raise InputError(str(path), f"{lost} events were lost: the state after cannot follow", allowed="a complete trace")
        begin, end = (_mark(path, self.marks, label) for label in (before, after))
        if begin > end:
            raise InputError(str(path), f"SLT_SNAPSHOT {after} stands before {before}")
        return begin, end


def read_trace(path: Path, before: str, after: str) -> Trace:
    """The trace, cut where the dumps labelled `before` and `after` were taken. InputError if it lacks them or lost events."""
    reader = MarkedReader(path)
    events: list[TracedEvent] = []
    for kmem in reader:
        if len(events) >= MAX_EVENTS:
            raise reader.lines.error("one kmem event too many", allowed=f"{MAX_EVENTS}")
        events.append(traced_event(kmem, reader.line))
    return Trace(path, tuple(events), *reader.begin_and_end(before, after), reader.clock)


def _mark(path: Path, marks: Iterable[tuple[str, int]], label: str) -> int:
    found = [position for name, position in marks if name == label]
    if len(found) != 1:
        count = "no" if not found else f"{len(found)} times"
        raise InputError(str(path), f"{count} SLT_SNAPSHOT {label}", allowed="one mark for each dump of the folder")
    return found[0]


def level_and_task(line: bytes) -> tuple[int, int]:
    """What a line says of who ran: see TracedEvent."""
    context = _CONTEXT.search(line)
    return (_LEVELS.get(context[2], 0), int(context[1])) if context else (0, 0)


def traced_event(kmem: KmemEvent, line: bytes) -> TracedEvent:
    """An event with what else its line says."""
    level, task = level_and_task(line)
    if kmem.kind is KmemKind.FREE:
        name = line.partition(_NAME)[2].rstrip().decode("ascii", "replace")
        return TracedEvent(kmem, name, "", level, task)
    gfp = _GFP.search(line)
    return TracedEvent(kmem, "", _kind_of_kmalloc(gfp[1].decode("ascii", "replace") if gfp else ""), level, task)


def _kind_of_kmalloc(mask: str) -> str:
    """Which of kmalloc's caches a mask asks for: `dma-`, `rcl-`, `cg-` or the plain ones (kmalloc_type)."""
    words = mask.split("|")
    if len(words) == 1 and re.fullmatch(r"(0x)?[0-9a-f]{1,16}", words[0]):
        bits = int(words[0], 16)
        words = [name for bit, name in _BITS if bits & bit]
    if {"GFP_DMA", "__GFP_DMA"} & set(words):
        return "dma-"
    if "__GFP_RECLAIMABLE" in words:
        return "rcl-"
    return "cg-" if {"__GFP_ACCOUNT", "GFP_KERNEL_ACCOUNT"} & set(words) else ""


class CacheFinder:
    """Says which cache each event of a trace is about, from both dumps and the whole trace."""

    def __init__(self, trace: Trace, before: Dump, after: Dump) -> None:
        self._trace = trace
        self._caches: dict[str, CacheDump] = {**after.caches, **before.caches}
        self._homes = (_Homes(before), _Homes(after))
        self._kmallocs = _kmalloc_table(self._caches)
        self._by_sizes = _caches_by_sizes(self._caches)
        self._next_free_name = _names_of_next_frees(trace.events)
        self._sites = self._learn_sites()

    def cache_of(self, position: int) -> str:
        """The cache that the event at `position` is about: its name, PAGES, or UNKNOWN."""
        traced = self._trace.events[position]
        if traced.kmem.kind is KmemKind.FREE:
            return self._cache_of_free(traced)
        return self._kmalloc(traced) if traced.kmem.is_kmalloc else self._kmem_cache(position, traced)

    def _cache_of_free(self, traced: TracedEvent) -> str:
        return traced.name if traced.name in self._caches else UNKNOWN

    def _kmalloc(self, traced: TracedEvent) -> str:
        """By bytes_req and flags."""
        sizes = self._kmallocs.get(traced.kind_of_kmalloc) or self._kmallocs.get("", ())
        place = bisect_left(sizes, (traced.kmem.bytes_req, ""))
        return sizes[place][1] if place < len(sizes) else PAGES

    def _kmem_cache(self, position: int, traced: TracedEvent) -> str:
        name = self._certain(position, traced)
        return name or self._sites.get(_site(traced)) or self._by_size(traced)

    def _certain(self, position: int, traced: TracedEvent) -> str:
        """By the name that its free gives, else by the pages that it lies in, in the dump after or before."""
        name = self._next_free_name[position]
        if name and self._fits(name, traced):
            return name
        if name == UNKNOWN:
            for homes in reversed(self._homes):
                home = homes.of(traced.kmem.pointer)
                if home and self._fits(home, traced):
                    return home
        return UNKNOWN

    def _by_size(self, traced: TracedEvent) -> str:
        """The one cache whose objects have these sizes, if it is one."""
        return self._by_sizes.get((traced.kmem.bytes_req, traced.kmem.bytes_alloc), UNKNOWN)

    def _fits(self, name: str, traced: TracedEvent) -> bool:
        cache = self._caches.get(name)
        return cache is not None and (cache.object_size, cache.geometry.size) == (traced.kmem.bytes_req, traced.kmem.bytes_alloc)

    def _learn_sites(self) -> dict[tuple[str, int, int], str]:
        """The cache that each call site allocates from most often, where pointers and names leave no doubt."""
        seen: dict[tuple[str, int, int], Counter[str]] = {}
        for position, traced in enumerate(self._trace.events):
            if traced.kmem.kind is KmemKind.ALLOC and not traced.kmem.is_kmalloc and (name := self._certain(position, traced)):
                seen.setdefault(_site(traced), Counter())[name] += 1
        return {site: min(names, key=lambda name: (-names[name], name)) for site, names in seen.items()}


class _Homes:
    """Which cache's slab an address lies in, in one dump."""

    def __init__(self, dump: Dump) -> None:
        self._cache_at: dict[tuple[int, int], str] = {}
        orders = set()
        for cache in dump.caches.values():
            bytes_ = PAGE_SIZE << cache.geometry.gfporder
            orders.add(bytes_)
            for node in cache.nodes:
                for slab in node.slabs:
                    self._cache_at[bytes_, slab.address & -bytes_] = cache.name
        self._orders = sorted(orders)

    def of(self, pointer: int) -> str:
        """The cache's name, or UNKNOWN."""
        for bytes_ in self._orders:
            name = self._cache_at.get((bytes_, pointer & -bytes_))
            if name is not None:
                return name
        return UNKNOWN


def _site(traced: TracedEvent) -> tuple[str, int, int]:
    return traced.kmem.call_site, traced.kmem.bytes_req, traced.kmem.bytes_alloc


def _kmalloc_table(caches: Mapping[str, CacheDump]) -> dict[str, tuple[tuple[int, str], ...]]:
    """The kmalloc caches by kind: (largest request in bytes, name), smallest first."""
    table: dict[str, list[tuple[int, str]]] = {}
    for name, cache in caches.items():
        if match := KMALLOC.fullmatch(name):
            table.setdefault(match["dma"] or match["type"] or "", []).append((cache.object_size, name))
    return {kind: tuple(sorted(sizes)) for kind, sizes in table.items()}


def _caches_by_sizes(caches: Mapping[str, CacheDump]) -> dict[tuple[int, int], str]:
    """The cache of objects of (bytes asked for, bytes laid out); UNKNOWN where several have these."""
    found: dict[tuple[int, int], str] = {}
    for name, cache in caches.items():
        sizes = cache.object_size, cache.geometry.size
        found[sizes] = UNKNOWN if sizes in found else name
    return found


def _names_of_next_frees(events: tuple[TracedEvent, ...]) -> list[str]:
    """For each allocation the name that the free of its object gives; UNKNOWN for kfree, and for objects that are never freed.

    A pointer's next allocation ends the search: then the free in between is missing.
    """
    names = [UNKNOWN] * len(events)
    coming: dict[int, str] = {}
    for position in range(len(events) - 1, -1, -1):
        traced = events[position]
        if traced.kmem.kind is KmemKind.FREE:
            coming[traced.kmem.pointer] = traced.name
        else:
            names[position] = coming.pop(traced.kmem.pointer, UNKNOWN)
    return names

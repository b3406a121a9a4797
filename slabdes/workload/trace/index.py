# SPDX-License-Identifier: GPL-2.0-only
"""First pass over a trace: which caches, CPUs and objects it has, and what of it cannot be replayed.

Objects are told apart by pointer, and the order of the file is taken as the order of events: a free that a `local` clock puts
before its allocation counts as one of an object never allocated. Leaves out what happened before the trace began.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from slabdes.errors import InputError, nearest
from slabdes.files import stamp
from slabdes.workload.programs import ANY_NODE
from slabdes.workload.trace.caches import MAX_LISTED, MAX_OBJECT_BYTES, CacheLearner, Fate, GroupKey, TraceCache
from slabdes.workload.trace.events import MAX_CPU, NO_POINTER, UNKNOWN_POINTER, Clock, KmemKind, KmemReader
from slabdes.workload.trace.lines import Progress
from slabdes.workload.trace.recording import Recording, recording_of

MAX_LIVE_OBJECTS: Final = 1 << 24
"""Objects allocated at one moment that are followed (assumed: about 2 GB of memory)."""
MAX_GROUPS: Final = 1 << 16
"""Groups of allocations that share a call site, a name or a size (assumed; a kernel has some thousand call sites)."""
MAX_SPAN_NS: Final = 10**18
"""Longest trace accepted, nanoseconds (assumed: 31 years, so that picoseconds scaled down fit in 64 bits)."""
NS_PER_S: Final = 10**9
_CPU_BITS: Final = MAX_CPU.bit_length()
_LISTED: Final = 6
"""Names shown in an error (assumed to fit on a line or two)."""


@dataclass(frozen=True)
class TraceIndex:
    """What one trace holds. Times in nanoseconds, or ticks where `clock` is a counter.

    `fates` says which cache each group of allocations belongs to; only the second pass needs it.
    """

    path: Path
    clock: Clock
    caches: tuple[TraceCache, ...]
    events_per_cpu: Mapping[int, int]
    first: int
    last: int
    lost: int
    """Events that the trace itself says are missing."""
    lost_uncounted: bool
    freed_never_allocated: int
    """Frees of objects whose allocation is not in the trace: left out of a replay."""
    allocated_never_freed: int
    """Objects that the trace leaves allocated, those included whose pointer was given out again."""
    reallocated: int
    """Allocations that gave out a pointer whose free is not in the trace."""
    no_object: int
    """Frees of NULL and allocations that failed: left out of a replay."""
    hidden: int
    """Events whose pointer the trace does not show: left out of a replay."""
    too_large: int
    """Allocations larger than any simulated cache's objects: left out of a replay."""
    warnings: tuple[str, ...]
    fates: Mapping[GroupKey, Fate] = field(repr=False)
    recording: Recording
    """What its header shows of how it was recorded."""
    asked: Mapping[tuple[int, int], int] = field(repr=False)
    """By CPU and node, how many of the CPU's allocations ask for the node by its number."""
    fingerprint: tuple[int, ...] = field(repr=False)
    """Size in bytes and time of modification, ns: what the second pass checks."""

    @property
    def events(self) -> int:
        """How many kmem events the trace has."""
        return sum(self.events_per_cpu.values())

    def cache_number(self, name: str) -> int:
        """The index in `caches` of the one called `name`; InputError with the nearest name if there is none.

        kmalloc-1k is understood as kmalloc-1024: slabinfo writes it so from Linux 4.20 on.
        """
        return self._number_in({cache.name: number for number, cache in enumerate(self.caches)}, name)

    def cache_numbers(self, names: Iterable[str]) -> tuple[int, ...]:
        """The same of each of `names`, once each, in that order."""
        numbers = {cache.name: number for number, cache in enumerate(self.caches)}
        return tuple(dict.fromkeys(self._number_in(numbers, name) for name in names))

    def _number_in(self, numbers: Mapping[str, int], name: str) -> int:
        for known in (name, _kmalloc_in_bytes(name)):
            if known in numbers:
                return numbers[known]
        names = list(numbers)
        shown = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
        begun = [known for known in names if name and known.startswith(name)]
        raise InputError(f"{self.path}: cache {name}", f"not in the trace{nearest(name, begun) or nearest(name, names)}", shown)


@dataclass(slots=True)
class Tally:
    """Counts in the making; those of the same names are explained in TraceIndex."""

    per_cpu: Counter[int] = field(default_factory=Counter)
    asked: Counter[tuple[int, int]] = field(default_factory=Counter)
    least: int = 0
    greatest: int = 0
    freed_never_allocated: int = 0
    reallocated: int = 0
    no_object: int = 0
    hidden: int = 0
    too_large: int = 0
    allocs: int = 0


def index_trace(path: Path, progress: Progress | None = None) -> TraceIndex:
    """Read the trace `path` once. Memory grows with its live objects and distinct call sites, not with its length.

    Raises InputError, in one line, for whatever is not a trace that can be replayed.
    """
    fingerprint = stamp(path)
    reader = KmemReader(path, progress)
    learner = CacheLearner()
    tally, live = _read(reader, learner)
    return index_of(reader, learner, tally, live, fingerprint)


def index_of(reader: KmemReader, learner: CacheLearner, tally: Tally, live: int, fingerprint: tuple[int, ...]) -> TraceIndex:
    """What comes of a trace that was read to its end with `live` objects left allocated. Raises InputError as index_trace."""
    path = reader.lines.path
    if not tally.allocs:
        raise InputError(str(path), f"no allocation with a pointer in {reader.events} kmem events", "traces with allocations")
    if learner.listed > MAX_LISTED:
        problem = f"its caches would list {learner.listed} call sites and CPUs, all together"
        raise InputError(str(path), problem, allowed=f"at most {MAX_LISTED}: fewer call sites, names or CPUs")
    caches, fates = learner.resolve()
    clock = reader.clock
    assert clock is not None, "a trace with events has times"
    if clock is Clock.SECONDS and (span_ns := tally.greatest - tally.least) > MAX_SPAN_NS:
        raise InputError(str(path), f"times span {span_ns // NS_PER_S} s", allowed=f"at most {MAX_SPAN_NS // NS_PER_S} s")
    return TraceIndex(
        path=path,
        clock=clock,
        caches=caches,
        events_per_cpu=dict(sorted(tally.per_cpu.items())),
        first=tally.least,
        last=tally.greatest,
        lost=reader.lost,
        lost_uncounted=reader.lost_uncounted,
        freed_never_allocated=tally.freed_never_allocated,
        allocated_never_freed=live + tally.reallocated,
        reallocated=tally.reallocated,
        no_object=tally.no_object,
        hidden=tally.hidden,
        too_large=tally.too_large,
        warnings=_warnings(reader, tally, live),
        fates=fates,
        recording=recording_of(path),
        asked=dict(sorted(tally.asked.items())),
        fingerprint=fingerprint,
    )


def _kmalloc_in_bytes(name: str) -> str:
    match = re.fullmatch(r"kmalloc-(\d{1,4})([kM])", name)
    return f"kmalloc-{int(match[1]) << (10 if match[2] == 'k' else 20)}" if match else name


def _read(reader: KmemReader, learner: CacheLearner) -> tuple[Tally, int]:
    """Follow every object; the counts, and how many objects are left allocated."""
    tally = Tally()
    live: dict[int, int] = {}
    """Pointer to the object's group and the CPU that allocated it, packed."""
    for event in reader:
        if not tally.per_cpu:
            tally.least = tally.greatest = event.time
        tally.per_cpu[event.cpu] += 1
        tally.least = min(tally.least, event.time)
        tally.greatest = max(tally.greatest, event.time)
        learner.named |= event.name != ""
        if event.node != ANY_NODE:
            tally.asked[event.cpu, event.node] += 1
        pointer = event.pointer
        if pointer == NO_POINTER:
            tally.no_object += 1
        elif pointer == UNKNOWN_POINTER:
            tally.hidden += 1
        elif event.kind is KmemKind.ALLOC:
            tally.allocs += 1
            tally.reallocated += pointer in live
            tally.too_large += event.bytes_alloc > MAX_OBJECT_BYTES
            live[pointer] = learner.allocated(event) << _CPU_BITS | event.cpu
            if len(live) > MAX_LIVE_OBJECTS:
                raise too_many_live(reader)
            if learner.groups > MAX_GROUPS:
                raise too_many_groups(reader)
        else:
            packed = live.pop(pointer, None)
            if packed is None:
                tally.freed_never_allocated += 1
            else:
                learner.freed(event, packed >> _CPU_BITS, packed & ((1 << _CPU_BITS) - 1))
    return tally, len(live)


def too_many_live(reader: KmemReader, line: int | None = None) -> InputError:
    """What is said of the line, the one last read or another, with which more than MAX_LIVE_OBJECTS are live."""
    return reader.lines.error("too many objects allocated at once", f"at most {MAX_LIVE_OBJECTS}", line)


def too_many_groups(reader: KmemReader, line: int | None = None) -> InputError:
    """What is said of the line, likewise, with which there are more than MAX_GROUPS groups of allocations."""
    return reader.lines.error("too many call sites and sizes", f"at most {MAX_GROUPS} different ones", line)


def _warnings(reader: KmemReader, tally: Tally, live: int) -> tuple[str, ...]:
    """What a user should know before believing a replay, a line each."""
    found: list[str] = []
    freed, again, hidden, large = tally.freed_never_allocated, tally.reallocated, tally.hidden, tally.too_large
    if reader.lost or reader.lost_uncounted:
        count = f"at least {reader.lost:,}" if reader.lost_uncounted else f"{reader.lost:,}"
        found.append(f"lost events: {count} are missing from the trace; record again with a larger buffer")
    if reader.clock is Clock.COUNTER:
        found.append(
            "the clock counts events, not time: there are no think times; one operation each µs, all CPUs together, is assumed"
        )
    if freed:
        found.append(f"{freed:,} frees are of objects that the trace does not allocate; they are left out")
    if again:
        found.append(f"{again:,} pointers are given out again with no free in between; the older objects stay allocated")
    if live:
        found.append(f"{live:,} objects are still allocated at the trace's end; the replay leaves them so")
    if hidden:
        found.append(f"{hidden:,} events hide their pointer (ptrval); they are left out")
    if large:
        found.append(f"{large:,} allocations are of more than {MAX_OBJECT_BYTES >> 20} MiB; no cache has such, they are left out")
    return tuple(found)


def selected_caches(index: TraceIndex, names: Iterable[str]) -> tuple[int, ...]:
    """Numbers of the caches called `names`, once each in that order; all of them for no names. InputError as cache_number."""
    return index.cache_numbers(names) or tuple(range(len(index.caches)))

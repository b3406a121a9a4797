# SPDX-License-Identifier: GPL-2.0-only
"""What a timeline shows of what was seen: a track a CPU with spans in each other, flows from span to span, counters by time.

Times in picoseconds, as seen. Leaves out every file format.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, NamedTuple

from slabdes.allocator.state import NO_OBJECT, obj_to_index, virt_to_slab
from slabdes.answers.figures import lock_name
from slabdes.engine.records import LockKind
from slabdes.engine.watch import GROW, SeenGrow, SeenHold, SeenInterrupt, SeenLock, SeenOperation, SeenStep, SeenTurn, Watched
from slabdes.errors import CheckFailed
from slabdes.paths.outcome import Operation
from slabdes.paths.sites import function_at


@dataclass
class Span:
    """Something that a CPU was at. Flows that leave it do so at its end, those that reach it at its begin."""

    start: int
    end: int
    name: str
    category: str
    told: Mapping[str, Any]
    leaving: list[int] = field(default_factory=list)
    reaching: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Track:
    """A CPU: its spans by begin, the outer ones first."""

    cpu: int
    name: str
    spans: Sequence[Span]

    def boundaries(self) -> Iterator[tuple[int, Span, bool]]:
        """When each span begins (True) and ends, so that inner ones lie within outer ones. Raises CheckFailed if one does not."""
        open_spans: list[Span] = []
        for span in self.spans:
            while open_spans and open_spans[-1].end <= span.start:
                ended = open_spans.pop()
                yield ended.end, ended, False
            if open_spans and open_spans[-1].end < span.end:
                raise CheckFailed(
                    f"{self.name}: {span.name} from {span.start} to {span.end} ps is only partly in what is around it"
                )
            open_spans.append(span)
            yield span.start, span, True
        while open_spans:
            ended = open_spans.pop()
            yield ended.end, ended, False


@dataclass(frozen=True)
class Counter:
    """A number as it changes: from each time on, picoseconds."""

    name: str
    samples: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Timeline:
    """One run's window. `flows` counts the arrows by their kind."""

    name: str
    tracks: Sequence[Track]
    counters: Sequence[Counter]
    flows: Mapping[str, int]


class Moment(NamedTuple):
    """A span of a track begins or ends, or a counter has a new value."""

    time: int
    of: Track | Counter
    span: Span | None
    begins: bool
    value: int


def moments(run: Timeline) -> Iterator[Moment]:
    """All that happens in a timeline, in time; what a track or a counter says of one time in its own order."""
    streams = [_of_track(track) for track in run.tracks] + [_of_counter(counter) for counter in run.counters]
    return heapq.merge(*streams, key=lambda moment: moment.time)


def _of_track(track: Track) -> Iterator[Moment]:
    return (Moment(time, track, span, begins, 0) for time, span, begins in track.boundaries())


def _of_counter(counter: Counter) -> Iterator[Moment]:
    return (Moment(time, counter, None, False, value) for time, value in counter.samples)


HAND_OFF: Final = "hand-off"
FREED_ELSEWHERE: Final = "freed elsewhere"


class Names:
    """What locks, functions and CPUs of a watched run are called."""

    def __init__(self, seen: Watched) -> None:
        self._seen = seen

    def lock(self, number: int) -> str:
        """A lock as kernel people call it."""
        lock = self._seen.locks[number]
        return named_lock(lock)

    def function(self, hold: SeenHold) -> str:
        """The kernel function that took a lock."""
        return function_at(hold.site, self._seen.version)

    def whose(self, hold: SeenHold) -> str:
        """Who had it, and in which function."""
        return f"CPU {hold.cpu} in {self.function(hold)}"


def named_lock(lock: SeenLock) -> str:
    """A lock as kernel people call it; an alien cache's says for which node."""
    name = lock_name(
        {"kind": lock.kind.label, "cache": lock.cache, "node": lock.node if lock.kind is not LockKind.SECTION else -1}
    )
    return f"{name} for node {lock.other}" if lock.kind is LockKind.ALIEN else name


def timeline_of(name: str, seen: Watched) -> Timeline:
    """The timeline of what was seen."""
    ids = count(1)
    spans: dict[int, list[tuple[int, Span]]] = {cpu: [] for cpu in sorted(seen.workers)}
    operations = _operations(seen, spans, ids)
    hand_offs = _locks(seen, spans, ids)
    for row in seen.watch.rows:
        if isinstance(row, SeenTurn):
            taken = {} if row.taken else {"given up": "the mutex was taken"}
            _add(spans, row.cpu, 0, Span(row.start, row.end, row.upkeep.label, "upkeep", taken))
        elif isinstance(row, SeenInterrupt):
            _add(spans, row.cpu, 1, Span(row.start, row.end, "interrupt", "interrupt", {}))
        elif isinstance(row, SeenGrow):
            _add(spans, row.cpu, 4, Span(row.start, row.end, "cache_grow", GROW, {}))
        elif isinstance(row, SeenStep):
            _add(spans, row.cpu, 4 if row.kind == GROW else 3, Span(row.start, row.end, row.function, row.kind, {}))
    tracks = [
        Track(cpu, f"CPU {cpu} (node {seen.node_of_cpu[cpu]})", [span for _rank, span in sorted(of_cpu, key=_outer_first)])
        for cpu, of_cpu in sorted(spans.items())
    ]
    return Timeline(name, tracks, _counters(seen), {HAND_OFF: hand_offs, FREED_ELSEWHERE: operations})


def _outer_first(ranked: tuple[int, Span]) -> tuple[int, int, int]:
    rank, span = ranked
    return span.start, -span.end, rank


def _add(spans: dict[int, list[tuple[int, Span]]], cpu: int, rank: int, span: Span) -> None:
    spans.setdefault(cpu, []).append((rank, span))


def _operations(seen: Watched, spans: dict[int, list[tuple[int, Span]]], ids: Iterator[int]) -> int:
    """Spans of operations; how many objects are freed by another CPU than the one that is seen allocating them."""
    allocated: dict[int, tuple[int, Span]] = {}
    flows = 0
    several = len(seen.caches) > 1
    for row in sorted(seen.watch.of(SeenOperation), key=lambda row: (row.end, row.start)):
        kind = row.path.operation
        words = [kind.label] if kind is Operation.SECTION else [kind.label, row.path.label]
        told: dict[str, Any] = {"number": row.number}
        if row.cache >= 0:
            told["cache"] = seen.caches[row.cache]
            words += [seen.caches[row.cache]] if several else []
            if row.object != NO_OBJECT:
                told["object"] = f"{obj_to_index(row.object)} of slab {virt_to_slab(row.object)}"
        span = Span(row.start, row.end, " ".join(words), "operation", told)
        _add(spans, row.cpu, 2, span)
        if row.cache < 0 or row.object == NO_OBJECT:
            continue
        if kind is Operation.ALLOC:
            allocated[row.object] = row.cpu, span
        elif row.owner >= 0 and row.owner != row.cpu:
            told["allocated by"] = f"CPU {row.owner}"
            by, allocation = allocated.pop(row.object, (row.cpu, span))
            if by == row.owner:
                flows += 1
                _connect(allocation, span, ids)
    return flows


def _connect(frm: Span, to: Span, ids: Iterator[int]) -> None:
    number = next(ids)
    frm.leaving.append(number)
    to.reaching.append(number)


def _locks(seen: Watched, spans: dict[int, list[tuple[int, Span]]], ids: Iterator[int]) -> int:
    """Spans of waits and holds; how many hand-offs there are from one that is seen to another."""
    names = Names(seen)
    last: dict[int, tuple[SeenHold, Span]] = {}
    flows = 0
    for row in sorted(seen.watch.of(SeenHold), key=lambda row: (row.granted, row.released)):
        lock, function = names.lock(row.lock), names.function(row)
        before, span_before = last.get(row.lock, (None, None))
        hold = Span(row.granted, row.released, f"hold {lock}", "hold", {"in": function})
        _add(spans, row.cpu, 6, hold)
        if row.asked < row.granted:
            told = {"in": function} | ({"behind": names.whose(before)} if before else {})
            _add(spans, row.cpu, 5, Span(row.asked, row.granted, f"wait {lock}", "wait", told))
            if row.handoff:
                _add(spans, row.cpu, 6, Span(row.granted - row.handoff, row.granted, HAND_OFF, "wait", {}))
            if before is not None and span_before is not None and before.released == row.granted - row.handoff:
                flows += 1
                _connect(span_before, hold, ids)
        last[row.lock] = row, hold
    return flows


def _counters(seen: Watched) -> list[Counter]:
    """Of each list_lock what its node has free, of each lock that was waited for how many wait."""
    free: dict[int, list[tuple[int, int]]] = {}
    shared: dict[int, list[tuple[int, int]]] = {}
    queue: dict[int, list[tuple[int, int]]] = {}
    for number, (of_lists, of_shared) in seen.watch.before.items():
        free[number], shared[number] = [(seen.watch.start, of_lists)], [(seen.watch.start, of_shared)]
    for row in sorted(seen.watch.of(SeenHold), key=lambda row: row.released):
        if row.free_objects >= 0:
            free.setdefault(row.lock, []).append((row.released, row.free_objects))
            shared.setdefault(row.lock, []).append((row.released, row.shared))
        if row.asked < row.granted:
            queue.setdefault(row.lock, []).extend([(row.asked, 1), (row.granted, -1)])
    made = []
    for number in sorted({*free, *queue}):
        lock = seen.locks[number]
        node = f"{lock.cache} node {lock.node}"
        if number in free:
            made.append(Counter(f"{node} free_objects", _changes(free[number])))
        if number in shared and shared[number][0][1] >= 0:
            made.append(Counter(f"{node} shared->avail", _changes(shared[number])))
        if number in queue:
            made.append(Counter(f"queue {named_lock(lock)}", _summed(queue[number])))
    return made


def _changes(samples: list[tuple[int, int]]) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for time, value in samples:
        if not kept or kept[-1][1] != value:
            kept.append((time, value))
    return kept


def _summed(steps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """From changes by one to how many there are, one sample a time."""
    total, by_time = 0, {}
    for time, step in sorted(steps):
        total += step
        by_time[time] = total
    return list(by_time.items())

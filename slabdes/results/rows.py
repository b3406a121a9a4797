# SPDX-License-Identifier: GPL-2.0-only
"""One replication's records as the rows that its frames get, column by column: plain lists, quick to make and to send.

Times are nanoseconds. Leaves out frames, which are made of many replications at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from slabdes.engine.records import (
    CacheRecord,
    CpuRecord,
    Histogram,
    LockRecord,
    Records,
    SlubRecord,
    SlubStats,
    Spent,
    Standing,
    UpkeepAtLock,
    bucket_bounds,
)
from slabdes.printable import printable
from slabdes.results.warm_up import COLUMNS as WARM_UP_COLUMNS
from slabdes.results.warm_up import warm_up_row
from slabdes.units import ps_to_ns

IRQS_OFF: Final = "off"
IRQ_WAIT: Final = "wait"
NO_CACHE: Final = ""
"""The cache name of a lock or an operation that belongs to no cache."""

_CPU_TIMES: Final = (
    "start",
    "end",
    "think",
    "lock_wait",
    "handoff",
    "slot_wait",
    "partner_wait",
    "line",
    "local_memory",
    "remote_memory",
    "pages",
    "first_touch",
    "work",
    "idle",
    "late_total",
    "late_most",
    "late_last",
)
SPENT_PARTS: Final = tuple(part.name for part in fields(Spent))
"""Where the time of operations can have gone, as Spent explains it."""
_CPU_COUNTS: Final = tuple(part.name for part in fields(CpuRecord) if part.name not in _CPU_TIMES)
_CACHE_COUNTS: Final = tuple(part.name for part in fields(CacheRecord) if part.name != "name")
_SLAB_COUNTS: Final = (
    "slabs_partial", "slabs_full", "slabs_free", "free_objects", "free_limit", "in_arrays", "in_shared", "in_alien", "in_rcu",
    "in_use", "descriptors", "slabs_cpu", "listed_free",
)  # fmt: skip

_SLUB_COUNTS: Final = tuple(part.name for part in fields(SlubRecord) if part.name not in ("cache", "stats", "by_cpu"))
_SAMPLED: Final = tuple(part.name for part in fields(Standing) if part.name not in ("cache", "node"))
SLUB_STATS: Final = tuple(part.name for part in fields(SlubStats))
"""The counters of SLUB_STATS, as the kernel names them in sysfs."""

COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "latency": {"cache": "text", "op": "text", "path": "text", "low_ns": "ns", "high_ns": "ns", "count": "count"},
    "operations": {
        "cache": "text", "op": "text", "path": "text", "count": "count", "total_ns": "ns", "least_ns": "ns", "greatest_ns": "ns",
    },
    "response": {"cache": "text", "op": "text", "path": "text", "low_ns": "ns", "high_ns": "ns", "count": "count"},
    "responses": {
        "cache": "text", "op": "text", "path": "text", "count": "count", "total_ns": "ns", "least_ns": "ns", "greatest_ns": "ns",
    },
    "spent": {"op": "text", "path": "text"} | {f"{part}_ns": "ns" for part in SPENT_PARTS},
    "locks": {
        "lock": "text", "kind": "text", "cache": "text", "node": "id", "other": "id",
        "acquisitions": "count", "contended": "count", "bounces": "count", "con_bounces": "count", "acq_bounces": "count",
        "wait_total_ns": "ns", "wait_min_ns": "ns", "wait_max_ns": "ns",
        "hold_total_ns": "ns", "hold_min_ns": "ns", "hold_max_ns": "ns", "queue_area_ns": "ns",
    },
    "lock_times": {
        "kind": "text", "cache": "text", "node": "id", "what": "text", "low_ns": "ns", "high_ns": "ns", "count": "count",
    },
    "contention_points": {
        "lock": "text", "kind": "text", "cache": "text", "node": "id", "waiter": "text", "holder": "text", "count": "count",
    },
    "upkeep_locks": {
        "upkeep": "text", "kind": "text", "cache": "text", "node": "id", "other": "id",
        "holds": "count", "held_total_ns": "ns", "held_max_ns": "ns",
        "waits": "count", "wait_total_ns": "ns", "wait_max_ns": "ns",
    },
    "interrupts": {"what": "text", "count": "count", "total_ns": "ns", "least_ns": "ns", "greatest_ns": "ns"},
    "interrupt_times": {"what": "text", "low_ns": "ns", "high_ns": "ns", "count": "count"},
    "cpus": dict.fromkeys(_CPU_COUNTS, "count") | {f"{name}_ns": "ns" for name in _CPU_TIMES},
    "caches": {"name": "text"} | dict.fromkeys(_CACHE_COUNTS, "count"),
    "slabs": {"cache": "text", "node": "id"} | dict.fromkeys(_SLAB_COUNTS, "count"),
    "slub": {"cache": "text"} | dict.fromkeys((*_SLUB_COUNTS, *SLUB_STATS), "count"),
    "slub_cpus": {"cache": "text", "cpu": "id"} | dict.fromkeys(SLUB_STATS, "count"),
    "samples": {"time_ns": "ns", "cache": "text", "node": "id"} | dict.fromkeys(_SAMPLED, "count"),
    "progress": {"time_ns": "ns", "operations": "count", "lock_wait_ns": "ns"},
    "moves": {"giver": "id", "taker": "id", "count": "count"},
    "runs": {"digest": "text", "elapsed_ns": "ns", "warnings": "texts", **WARM_UP_COLUMNS},
}  # fmt: skip
"""The columns of every frame but `points`, after `point` and `replication`: text, texts, id and count (integers), or ns."""

Columns = Sequence[Sequence[Any]]
"""A frame's columns after `point` and `replication`, all of the same length."""
_Row = tuple[Any, ...]


@dataclass(frozen=True)
class Replicated:
    """One replication: its digest, the picoseconds that it took, its operations, and the columns of each frame by name."""

    digest: str
    elapsed: int
    operations: int
    columns: Mapping[str, Columns]

    def height(self, name: str) -> int:
        """How many rows it has in a frame."""
        return len(self.columns[name][0])


def replicated(records: Records) -> Replicated:
    """What a replication left, as rows."""
    names = {cache.cache: cache.name for cache in records.caches} | {-1: NO_CACHE}
    turns = {upkeep.label: times for upkeep, times in records.turns.items()}
    warnings = [printable(text) for text in records.warnings]
    interrupts = {IRQS_OFF: records.irqs_off, IRQ_WAIT: records.irq_wait} | turns
    columns = _by_path("latency", "operations", records.latency, names) | _by_path(
        "response", "responses", records.response, names
    )
    columns |= {
        "lock_times": _buckets("lock_times", _lock_times(records.locks, names)),
        "interrupt_times": _buckets("interrupt_times", (((what,), one.buckets) for what, one in interrupts.items())),
    }
    rows: dict[str, Iterable[_Row]] = {
        "spent": ((path.operation.label, path.label, *map(ps_to_ns, _spent_of(spent))) for path, spent in records.spent.items()),
        "locks": (_lock_row(lock, names[lock.cache]) for lock in records.locks),
        "contention_points": _contention_rows(records.locks, names),
        "upkeep_locks": (_upkeep_row(lock, names[lock.cache], one) for lock in records.locks for one in lock.upkeep),
        "interrupts": ((what, *_sums(one)) for what, one in interrupts.items()),
        "cpus": ((*_counts_of(cpu), *map(ps_to_ns, _times_of(cpu))) for cpu in records.cpus),
        "caches": ((one.name, *_cache_of(one)) for one in records.caches),
        "slabs": ((names[slab.cache], slab.node, *_slabs_of(slab)) for slab in records.slabs),
        "slub": ((names[one.cache], *_slub_of(one), *_stats_of(one.stats)) for one in records.slub),
        "slub_cpus": ((names[one.cache], cpu, *_stats_of(stats)) for one in records.slub for cpu, stats in one.by_cpu),
        "samples": (
            (ps_to_ns(sample.time), names[one.cache], one.node, *_sampled_of(one))
            for sample in records.samples
            for one in sample.standings
        ),
        "progress": ((ps_to_ns(sample.time), sample.operations, ps_to_ns(sample.lock_wait)) for sample in records.samples),
        "moves": records.moves,
        "runs": [(records.digest, ps_to_ns(records.elapsed), warnings, *warm_up_row(records.warm_up))],
    }
    columns |= {name: _turned(name, some) for name, some in rows.items()}
    operations = sum(cpu.allocs + cpu.frees + cpu.sections for cpu in records.cpus)
    return Replicated(records.digest, records.elapsed, operations, columns)


_spent_of, _counts_of, _times_of = attrgetter(*SPENT_PARTS), attrgetter(*_CPU_COUNTS), attrgetter(*_CPU_TIMES)
_cache_of, _slabs_of = attrgetter(*_CACHE_COUNTS), attrgetter(*_SLAB_COUNTS)
_sampled_of = attrgetter(*_SAMPLED)
_slub_of, _stats_of = attrgetter(*_SLUB_COUNTS), attrgetter(*SLUB_STATS)


def _turned(name: str, rows: Iterable[_Row]) -> Columns:
    """Rows of a frame as its columns."""
    return list(zip(*rows, strict=True)) or [() for _column in COLUMNS[name]]


def _by_path(buckets: str, sums: str, times: Mapping[tuple[int, Any], Histogram], names: Mapping[int, str]) -> dict[str, Columns]:
    """The frames `buckets` and `sums` of histograms by cache and path."""
    told = [((names[cache], path.operation.label, path.label), one) for (cache, path), one in sorted(times.items())]
    return {
        buckets: _buckets(buckets, ((label, one.buckets) for label, one in told)),
        sums: _turned(sums, ((*label, *_sums(one)) for label, one in told)),
    }


def _buckets(name: str, histograms: Iterable[tuple[_Row, Mapping[int, int]]]) -> Columns:
    """A row a bucket, in order: what the histogram is of, its bounds and its count."""
    columns: list[list[Any]] = [[] for _column in COLUMNS[name]]
    *label, lows, highs, counts = columns
    for what, buckets in histograms:
        bounds = [_bounds_ns(bucket) for bucket in sorted(buckets)]
        lows += [low for low, _high in bounds]
        highs += [high for _low, high in bounds]
        counts += [buckets[bucket] for bucket in sorted(buckets)]
        for column, value in zip(label, what, strict=True):
            column += [value] * len(bounds)
    return columns


def _lock_times(locks: Iterable[LockRecord], names: Mapping[int, str]) -> Iterator[tuple[_Row, Mapping[int, int]]]:
    merged: dict[_Row, dict[int, int]] = {}
    for lock in locks:
        for what, histogram in (("wait", lock.wait), ("hold", lock.hold)):
            buckets = merged.setdefault((lock.kind, names[lock.cache], lock.node, what), {})
            for bucket, count in histogram.buckets.items():
                buckets[bucket] = buckets.get(bucket, 0) + count
    for kind, cache, node, what in sorted(merged):
        yield (kind.label, cache, node, what), merged[kind, cache, node, what]


def _contention_rows(locks: Iterable[LockRecord], names: Mapping[int, str]) -> Iterator[_Row]:
    for lock in locks:
        which = (lock.name, lock.kind.label, names[lock.cache], lock.node)
        yield from ((*which, point.waiter, point.holder, point.count) for point in lock.points)


def _sums(histogram: Histogram) -> tuple[int, float, float, float]:
    """A histogram's count, total, least and greatest."""
    return histogram.count, ps_to_ns(histogram.total), ps_to_ns(histogram.least), ps_to_ns(histogram.greatest)


def _lock_row(lock: LockRecord, cache: str) -> _Row:
    wait, hold = lock.wait, lock.hold
    times = (wait.total, wait.least, wait.greatest, hold.total, hold.least, hold.greatest, lock.queue_area)
    counts = (lock.acquisitions, lock.contended, lock.bounces, lock.con_bounces, lock.acq_bounces)
    return (lock.name, lock.kind.label, cache, lock.node, lock.other, *counts, *map(ps_to_ns, times))


def _upkeep_row(lock: LockRecord, cache: str, one: UpkeepAtLock) -> _Row:
    held = (one.holds, ps_to_ns(one.held), ps_to_ns(one.longest_hold))
    waited = (one.waits, ps_to_ns(one.waited), ps_to_ns(one.longest_wait))
    return (one.upkeep.label, lock.kind.label, cache, lock.node, lock.other, *held, *waited)


@lru_cache(maxsize=1 << 14)
def _bounds_ns(bucket: int) -> tuple[float, float]:
    low, high = bucket_bounds(bucket)
    return ps_to_ns(low), ps_to_ns(high)

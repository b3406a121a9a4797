# SPDX-License-Identifier: GPL-2.0-only
"""Tidy Polars frames of engine records: what `records` counts, one row a bucket, lock, CPU, cache or slab list; times in ns.

Nothing is averaged here. Leaves out order in time: records keep none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from slabdes.engine.records import (
    CacheRecord,
    CpuRecord,
    Histogram,
    LockRecord,
    Operation,
    Records,
    Spent,
    UpkeepAtLock,
    bucket_bounds,
)
from slabdes.engine.records import LockKind as LockKind  # figures name the kinds of locks, and import no engine
from slabdes.engine.records import Path as Path  # likewise the paths
from slabdes.engine.records import Upkeep as Upkeep  # and the kinds of upkeep
from slabdes.errors import InputError
from slabdes.printable import printable
from slabdes.results.points import POINT_COLUMNS as POINT_COLUMNS  # frames are told with them
from slabdes.results.points import points_frame
from slabdes.units import ps_to_ns

if TYPE_CHECKING:
    import polars as pl

IRQS_OFF: Final = "off"
IRQ_WAIT: Final = "wait"
NO_CACHE: Final = ""
"""The cache name of a lock or an operation that belongs to no cache."""

_NUMBER: Final = re.compile(r"(?<![\w.-])\d[\d.,]*(?: (?:ns|µs|ms|s)\b)?")
"""What replications say otherwise by chance, with its unit; not the number in a name."""
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
    "slabs_partial", "slabs_full", "slabs_free", "free_objects", "free_limit", "in_arrays", "in_shared", "in_alien", "in_use",
    "descriptors",
)  # fmt: skip

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
    "runs": {"digest": "text", "elapsed_ns": "ns", "warnings": "texts"},
}  # fmt: skip
"""The columns of every frame but `points`, after `point` and `replication`: text, texts, id and count (integers), or ns."""

ADDED_LATER: Final[Mapping[str, frozenset[str]]] = {
    "cpus": frozenset(("partner_wait_ns", "late_total_ns", "late_most_ns", "late_last_ns"))
}
"""Columns that runs of earlier formats lack: they are 0 there."""
FRAMES_ADDED_LATER: Final = frozenset(("upkeep_locks", "response", "responses"))
"""Frames that runs of earlier versions lack: they have no rows there."""


@dataclass(frozen=True)
class Point:
    """One point of a sweep (or the only point of a run): its number, its machine's name, CPUs in use, swept keys and values."""

    index: int
    machine: str
    cpus: int
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Frames:
    """All frames of a run; `COLUMNS` lists what each has, after the columns `point` and `replication` (both u32).

    `latency` (a row a bucket of an operation's path) and `operations` (a row a path, exact count, total, least, greatest);
    `response` and `responses`, the same of response times, from an operation's arrival on: no rows where none arrives;
    `spent` (a row a path, all caches together: where the time of its operations went); `locks` (a row a lock) and
    `lock_times` (a row a bucket of a kind, cache and node); `contention_points` (a row a lock and pair of functions: how many
    waits began in `waiter` after `holder` had been the last to acquire the lock); `upkeep_locks` (a row a kind of upkeep and
    lock: its holds, and waits behind them); `interrupts` (how long they were `off` at a time, how long those handled had to
    `wait`, and under an Upkeep's label how long its turns took) and `interrupt_times` (a row a bucket of these); `cpus`,
    `caches`, `slabs` (a row a record); `runs` (a row a replication); `points` (a row a point: `POINT_COLUMNS` and the swept keys;
    elapsed_ns is the mean over replications).
    Times are nanoseconds, floats whose thousandths are the engine's integer picoseconds.
    """

    latency: pl.DataFrame
    operations: pl.DataFrame
    response: pl.DataFrame
    responses: pl.DataFrame
    spent: pl.DataFrame
    locks: pl.DataFrame
    lock_times: pl.DataFrame
    contention_points: pl.DataFrame
    upkeep_locks: pl.DataFrame
    interrupts: pl.DataFrame
    interrupt_times: pl.DataFrame
    cpus: pl.DataFrame
    caches: pl.DataFrame
    slabs: pl.DataFrame
    runs: pl.DataFrame
    points: pl.DataFrame

    def items(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """Each frame with its name."""
        for part in fields(self):
            yield part.name, getattr(self, part.name)

    def responding(self) -> Frames:
        """The same with response times in place of latencies, for whatever is made of these; without rows if nothing arrives."""
        return replace(self, latency=self.response, operations=self.responses)

    def interrupts_came(self) -> bool:
        """Whether any did: how long they were off at a time is known without."""
        return bool(self.interrupts.filter(self.interrupts["what"] == IRQ_WAIT)["count"].sum())

    def interrupting(self) -> Frames:
        """The same with times of interrupts in place of latencies, `off` and `wait` for the operation, in one path."""
        import polars as pl

        times = self.interrupt_times.filter(pl.col("what").is_in([IRQS_OFF, IRQ_WAIT])).rename({"what": "op"})
        named = times.with_columns(pl.lit("").alias("cache"), pl.lit("interrupt").alias("path"))
        return replace(self, latency=named.select(self.latency.columns))

    def point_numbers(self) -> list[int]:
        """The numbers of the points, in order."""
        return [int(number) for number in self.points["point"]]

    def swept_keys(self) -> list[str]:
        """The keys that the sweep varies, in the experiment's order."""
        return [name for name in self.points.columns if name not in POINT_COLUMNS]

    def key_named(self, name: str) -> str:
        """The one column of points that `name` stands for, as a swept key's last word does, or `name` itself."""
        known = ["machine", "cpus", *self.swept_keys()]
        first, _, last = name.rpartition(".")
        meant = [key for key in known if key.endswith(f".{last}") and key.startswith(first.partition(".")[0])]
        return meant[0] if name not in known and len(meant) == 1 else name

    def of_points(self, points: Sequence[int]) -> Frames:
        """The frames of some points only. Raises InputError for a point that is not there."""
        import polars as pl

        known = self.point_numbers()
        for point in points:
            if point not in known:
                raise InputError("point", f"{point} is not in this run", allowed=_ranges(known))
        return Frames(**{name: frame.filter(pl.col("point").is_in(list(points))) for name, frame in self.items()})

    def replication(self, point: int, replication: int) -> Frames:
        """The frames of one replication of one point. Raises InputError for one that is not there."""
        import polars as pl

        of_point = self.of_points([point])
        known = sorted(of_point.runs["replication"].to_list())
        if replication not in known:
            raise InputError("replication", f"{replication} is not in this run", allowed=_ranges(known))
        one = {name: frame.filter(pl.col("replication") == replication) for name, frame in of_point.items() if name != "points"}
        elapsed, digest = one["runs"].select("elapsed_ns", "digest").row(0)
        alone = {"elapsed_ns": elapsed, "digest": digest_of([digest]), "replications": 1}
        columns = (pl.lit(value, of_point.points.schema[name]).alias(name) for name, value in alone.items())
        return Frames(points=of_point.points.with_columns(*columns), **one)

    def renumbered(self, point: int) -> Frames:
        """The frames of a run of one point, with its number changed to `point`."""
        import polars as pl

        return Frames(**{name: frame.with_columns(pl.lit(point, pl.UInt32).alias("point")) for name, frame in self.items()})

    def warnings(self) -> list[str]:
        """Every warning of every replication once, in order of appearance; of those that differ in numbers alone the first."""
        told: dict[str, list[str]] = {}
        for warning in (warning for warnings in self.runs["warnings"].to_list() for warning in warnings):
            told.setdefault(_NUMBER.sub("", warning), []).append(warning)
        alike = " (so, or with other numbers, in {} runs)"
        return [first + (alike.format(len(more) + 1) if set(more) - {first} else "") for first, *more in told.values()]

    def digest(self) -> str:
        """The run's digest: over the points' digests in order. Depends on the records alone."""
        return digest_of(self.points["digest"].to_list())

    def run_digest(self) -> str:
        """The same digest, made from `runs`; another one than `digest()` means that the frames do not belong together."""
        runs = self.runs.sort("point", "replication").group_by("point", maintain_order=True).agg("digest")
        return digest_of(digest_of(digests) for digests in runs["digest"].to_list())


def digest_of(digests: Iterable[str]) -> str:
    """One hex SHA-256 over other digests in their order."""
    return hashlib.sha256("\n".join(digests).encode("ascii")).hexdigest()


def schema(name: str) -> dict[str, Any]:
    """The Polars schema of the frame `name`, of any but `points`."""
    import polars as pl

    kinds = {"text": pl.String, "texts": pl.List(pl.String), "id": pl.Int32, "count": pl.Int64, "ns": pl.Float64}
    return {"point": pl.UInt32, "replication": pl.UInt32} | {column: kinds[kind] for column, kind in COLUMNS[name].items()}


def frames_of(point: Point, records: Sequence[Records]) -> Frames:
    """The frames of one point, whose replications 0, 1, ... left `records`, in that order; at least one."""
    gathered = PointFrames()
    gathered.add(point, records)
    return gathered.frames()


class PointFrames:
    """The frames of several points, which come in any order. Rows of many become frames at once: a frame costs what 1,000 do."""

    def __init__(self) -> None:
        self._rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in COLUMNS}
        self._parts: list[dict[str, pl.DataFrame]] = []
        self._points: dict[int, dict[str, Any]] = {}

    def add(self, point: Point, records: Sequence[Records]) -> None:
        """Add a point, whose replications 0, 1, ... left `records`, in that order; at least one."""
        if not records:
            raise ValueError(f"point {point.index} has no replication")
        for replication, one in enumerate(records):
            _add_run(self._rows, (point.index, replication), one)
        row = {
            "point": point.index,
            "machine": point.machine,
            "cpus": point.cpus,
            "replications": len(records),
            "elapsed_ns": ps_to_ns(sum(one.elapsed for one in records)) / len(records),
            "digest": digest_of(one.digest for one in records),
        }
        # A sweep over `replications` would give that column twice, with the same values.
        self._points[point.index] = row | {key: value for key, value in point.settings.items() if key not in row}
        if sum(map(len, self._rows.values())) >= _MOST_ROWS:
            self._put_away()

    def frames(self) -> Frames:
        """Those of all points, in order of their numbers (not by polars' sort, which notes it, and adds up to other digits)."""
        import polars as pl

        self._put_away()
        tidy = {name: pl.concat([part[name] for part in self._parts], rechunk=True) for name in COLUMNS}
        if list(self._points) != sorted(self._points):
            tidy = {name: frame[frame["point"].to_numpy().argsort(kind="stable")] for name, frame in tidy.items()}
        return Frames(points=points_frame([self._points[number] for number in sorted(self._points)]), **tidy)

    def _put_away(self) -> None:
        import polars as pl

        self._parts.append({name: pl.DataFrame(self._rows[name], schema=schema(name), orient="row") for name in COLUMNS})
        for rows in self._rows.values():
            rows.clear()


def _add_run(rows: dict[str, list[tuple[Any, ...]]], key: tuple[int, int], records: Records) -> None:
    names = {cache.cache: cache.name for cache in records.caches} | {-1: NO_CACHE}
    rows["runs"].append((*key, records.digest, ps_to_ns(records.elapsed), [printable(text) for text in records.warnings]))
    for buckets, sums, times in (("latency", "operations", records.latency), ("response", "responses", records.response)):
        for (cache, path), histogram in sorted(times.items()):
            label = (names[cache], path.operation.label, path.label)
            rows[buckets] += [(*key, *label, *bounds, count) for *bounds, count in _buckets(histogram.buckets)]
            rows[sums].append((*key, *label, *_sums(histogram)))
    for path, spent in records.spent.items():
        parts = (ps_to_ns(getattr(spent, name)) for name in SPENT_PARTS)
        rows["spent"].append((*key, path.operation.label, path.label, *parts))
    for lock in records.locks:
        rows["locks"].append((*key, *_lock_row(lock, names[lock.cache])))
        which = (*key, lock.name, lock.kind.label, names[lock.cache], lock.node)
        rows["contention_points"] += [(*which, point.waiter, point.holder, point.count) for point in lock.points]
        rows["upkeep_locks"] += [(*key, *_upkeep_row(lock, names[lock.cache], one)) for one in lock.upkeep]
    rows["lock_times"] += [(*key, *row) for row in _lock_times(records.locks, names)]
    turns = {upkeep.label: times for upkeep, times in records.turns.items()}
    for what, histogram in ({IRQS_OFF: records.irqs_off, IRQ_WAIT: records.irq_wait} | turns).items():
        rows["interrupts"].append((*key, what, *_sums(histogram)))
        rows["interrupt_times"] += [(*key, what, *bounds, count) for *bounds, count in _buckets(histogram.buckets)]
    for cpu in records.cpus:
        counts = tuple(getattr(cpu, name) for name in _CPU_COUNTS)
        rows["cpus"].append((*key, *counts, *(ps_to_ns(getattr(cpu, name)) for name in _CPU_TIMES)))
    for one in records.caches:
        rows["caches"].append((*key, one.name, *(getattr(one, name) for name in _CACHE_COUNTS)))
    for slab in records.slabs:
        rows["slabs"].append((*key, names[slab.cache], slab.node, *(getattr(slab, name) for name in _SLAB_COUNTS)))


def _sums(histogram: Histogram) -> tuple[int, float, float, float]:
    """A histogram's count, total, least and greatest."""
    return histogram.count, ps_to_ns(histogram.total), ps_to_ns(histogram.least), ps_to_ns(histogram.greatest)


def _lock_row(lock: LockRecord, cache: str) -> tuple[Any, ...]:
    wait, hold = lock.wait, lock.hold
    times = (wait.total, wait.least, wait.greatest, hold.total, hold.least, hold.greatest, lock.queue_area)
    counts = (lock.acquisitions, lock.contended, lock.bounces, lock.con_bounces, lock.acq_bounces)
    return (lock.name, lock.kind.label, cache, lock.node, lock.other, *counts, *(ps_to_ns(time) for time in times))


def _upkeep_row(lock: LockRecord, cache: str, one: UpkeepAtLock) -> tuple[Any, ...]:
    held = (one.holds, ps_to_ns(one.held), ps_to_ns(one.longest_hold))
    waited = (one.waits, ps_to_ns(one.waited), ps_to_ns(one.longest_wait))
    return (one.upkeep.label, lock.kind.label, cache, lock.node, lock.other, *held, *waited)


def _lock_times(locks: Iterable[LockRecord], names: Mapping[int, str]) -> Iterator[tuple[Any, ...]]:
    merged: dict[tuple[Any, ...], dict[int, int]] = {}
    for lock in locks:
        for what, histogram in (("wait", lock.wait), ("hold", lock.hold)):
            buckets = merged.setdefault((lock.kind, names[lock.cache], lock.node, what), {})
            for bucket, count in histogram.buckets.items():
                buckets[bucket] = buckets.get(bucket, 0) + count
    for kind, cache, node, what in sorted(merged):
        for low, high, count in _buckets(merged[kind, cache, node, what]):
            yield kind.label, cache, node, what, low, high, count


def _buckets(buckets: Mapping[int, int]) -> Iterator[tuple[float, float, int]]:
    for bucket in sorted(buckets):
        yield *_bounds_ns(bucket), buckets[bucket]


@lru_cache(maxsize=1 << 14)
def _bounds_ns(bucket: int) -> tuple[float, float]:
    low, high = bucket_bounds(bucket)
    return ps_to_ns(low), ps_to_ns(high)


def _ranges(numbers: Sequence[int]) -> str:
    return f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f"{numbers[0]}"


_MOST_ROWS: Final = 50_000
"""Of several points, before frames are made of them: some MiB (a choice)."""
OPERATIONS: Final = tuple(operation.label for operation in Operation)
"""Labels of operations, in the order in which tables and figures show them."""

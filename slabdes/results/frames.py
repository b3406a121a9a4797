# SPDX-License-Identifier: GPL-2.0-only
"""Tidy Polars frames of engine records: what `records` counts, one row a bucket, lock, CPU, cache or slab list; times in ns.

Nothing is averaged here. Leaves out order in time, but for how memory stood now and then: records keep none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from slabdes.engine.records import LockKind as LockKind  # figures name the kinds of locks, and import no engine
from slabdes.engine.records import Operation, Records
from slabdes.engine.records import Path as Path  # likewise the paths
from slabdes.engine.records import Upkeep as Upkeep  # and the kinds of upkeep
from slabdes.errors import InputError
from slabdes.results.points import POINT_COLUMNS as POINT_COLUMNS  # frames are told with them
from slabdes.results.points import points_frame
from slabdes.results.rows import COLUMNS as COLUMNS  # frames are these rows
from slabdes.results.rows import IRQ_WAIT as IRQ_WAIT
from slabdes.results.rows import IRQS_OFF as IRQS_OFF
from slabdes.results.rows import NO_CACHE as NO_CACHE
from slabdes.results.rows import SPENT_PARTS as SPENT_PARTS
from slabdes.results.rows import Replicated, replicated
from slabdes.results.warm_up import COLUMNS as WARM_UP_COLUMNS
from slabdes.units import ps_to_ns

if TYPE_CHECKING:
    import polars as pl

_NUMBER: Final = re.compile(r"(?<![\w.-])\d[\d.,]*(?: (?:ns|µs|ms|s)\b)?")
"""What replications say otherwise by chance, with its unit; not the number in a name."""
ADDED_LATER: Final[Mapping[str, frozenset[str]]] = {
    "cpus": frozenset(("partner_wait_ns", "late_total_ns", "late_most_ns", "late_last_ns")),
    "caches": frozenset(("in_use_before", "grows_failed")),
    "runs": frozenset(WARM_UP_COLUMNS),
    "slabs": frozenset(("in_rcu", "slabs_cpu", "listed_free")),
    "slub": frozenset(("max_empty_sheaves",)),
}
"""Columns that runs of earlier formats lack: they are 0 there."""
FRAMES_ADDED_LATER: Final = frozenset(
    ("upkeep_locks", "response", "responses", "slub", "slub_cpus", "samples", "progress", "moves")
)
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
    `caches`, `slabs`, `slub` (a row a record, the last of SLUB's caches alone); `slub_cpus` (a row a CPU of such a cache that
    counted anything: its SLUB_STATS); `samples` (a row a moment, cache and node of each
    point's first replication: how memory stood then, from the run's begin); `progress` (a row a moment of the same: operations
    that had ended by then, and how long CPUs had waited for locks, all together: hand-offs are in it, and waits under way);
    `moves` (of the same replications a row a pair of CPUs: how many cache lines went from `giver` to `taker`); `runs` (a row a
    replication); `points` (a row a point: `POINT_COLUMNS` and the swept keys; elapsed_ns is the mean over replications). All
    counts and times but those of `samples`, `progress` and `moves` are of what came after the warm-up, which `runs` tells.
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
    slub: pl.DataFrame
    slub_cpus: pl.DataFrame
    samples: pl.DataFrame
    progress: pl.DataFrame
    moves: pl.DataFrame
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


def frames_of(point: Point, runs: Sequence[Records | Replicated]) -> Frames:
    """The frames of one point, whose replications 0, 1, ... left `runs`, in that order; at least one."""
    gathered = PointFrames()
    gathered.add(point, [one if isinstance(one, Replicated) else replicated(one) for one in runs])
    return gathered.frames()


class PointFrames:
    """The frames of several points, which come in any order. Rows of many become frames at once: a frame costs what 1,000 do."""

    def __init__(self) -> None:
        self._runs: list[tuple[int, int, Replicated]] = []
        self._rows = 0
        self._parts: list[dict[str, pl.DataFrame]] = []
        self._points: dict[int, dict[str, Any]] = {}

    def add(self, point: Point, runs: Sequence[Replicated]) -> None:
        """Add a point with its replications 0, 1, ... in that order; at least one."""
        if not runs:
            raise ValueError(f"point {point.index} has no replication")
        row = {
            "point": point.index,
            "machine": point.machine,
            "cpus": point.cpus,
            "replications": len(runs),
            "elapsed_ns": ps_to_ns(sum(one.elapsed for one in runs)) / len(runs),
            "digest": digest_of(one.digest for one in runs),
        }
        # A sweep over `replications` would give that column twice, with the same values.
        self._points[point.index] = row | {key: value for key, value in point.settings.items() if key not in row}
        self._runs += [(point.index, replication, one) for replication, one in enumerate(runs)]
        self._rows += sum(one.height(name) for one in runs for name in COLUMNS)
        if self._rows >= _MOST_ROWS:
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
        self._parts.append({name: _frame(name, self._runs) for name in COLUMNS})
        self._runs, self._rows = [], 0


def _frame(name: str, runs: Sequence[tuple[int, int, Replicated]]) -> pl.DataFrame:
    """One frame of some replications, told by their points' numbers and their own."""
    import numpy as np
    import polars as pl

    heights = [one.height(name) for _point, _replication, one in runs]
    keys: Iterator[Any] = (np.repeat(np.array([run[which] for run in runs], np.uint32), heights) for which in (0, 1))
    columns = zip(*(one.columns[name] for _point, _replication, one in runs), strict=True)
    told = (list(chain.from_iterable(parts)) for parts in columns) if runs else ([] for _column in COLUMNS[name])
    kinds, values = schema(name), [*keys, *told]
    return pl.DataFrame([pl.Series(column, one, kinds[column]) for column, one in zip(kinds, values, strict=True)])


def _ranges(numbers: Sequence[int]) -> str:
    return f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f"{numbers[0]}"


_MOST_ROWS: Final = 50_000
"""Of several points, before frames are made of them: some MiB (a choice)."""
OPERATIONS: Final = tuple(operation.label for operation in Operation)
"""Labels of operations, in the order in which tables and figures show them."""

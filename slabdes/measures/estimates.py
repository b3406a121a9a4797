# SPDX-License-Identifier: GPL-2.0-only
"""What metrics say of all replications together, with intervals from what they say of each: any table's figures, any quantile.

Leaves out greatest and least times, which have no interval of this kind, and what is within one replication.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, nan
from typing import TYPE_CHECKING, Any, Final

from slabdes.errors import InputError
from slabdes.results import breakdown, contention, held, metrics, response, slub, upkeep
from slabdes.results.frames import SPENT_PARTS, Frames
from slabdes.stats.intervals import CONFIDENCE, Interval, section_interval
from slabdes.stats.samples import samples_needed, too_few

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Row:
    """A row of a table of metrics, and the intervals of those of its figures that have one."""

    values: Mapping[str, Any]
    intervals: Mapping[str, Interval]

    def __getitem__(self, column: str) -> Any:
        return self.values[column]


@dataclass(frozen=True)
class Figures:
    """A table of `metrics`: what its rows are known by, which columns get intervals, and which of them are shares or counts.

    A replication that has no such row counts as 0 in `counts`, and not at all elsewhere. Percentiles that all replications
    together do not tell have no value; those of each are taken as they are, since their spread shows how little each tells.
    """

    name: str
    table: Callable[..., pl.DataFrame]
    keys: tuple[str, ...]
    times: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()

    def sections(self, separate: Frames) -> pl.DataFrame:
        """The table of single replications, all percentiles in it."""
        return self.table(separate, every=True) if metrics.QUANTILES.keys() <= set(self.times) else self.table(separate)


TABLES: Final = (
    Figures("rates", metrics.scaling, ("point",), shares=("share_waiting",), counts=("operations_per_s",)),
    Figures(
        "summary", metrics.summary, ("point", "op"), ("mean_ns", *metrics.QUANTILES),
        counts=("operations", "refills", "grows", "grows_failed", "retries", "failed", "remote_frees"),
    ),
    Figures(
        "response", response.response, ("point", "op"),
        ("mean_ns", *metrics.QUANTILES, "service_mean_ns", "service_p99_ns", "late_ns"), counts=("operations",),
    ),
    Figures("loads", response.loads, ("point",), ("mean_ns", *metrics.QUANTILES), counts=("operations_per_s",)),
    Figures("time", metrics.where_time_went, ("point",), shares=metrics.TIME_PARTS),
    Figures(
        "nodes", metrics.per_node, ("point", "node", "kind"), ("mean_wait_ns", "mean_hold_ns"),
        shares=("contended_share", "bounced_share"), counts=("acquisitions",),
    ),
    Figures("node_times", metrics.lock_quantiles, ("point", "node", "kind", "what"), tuple(metrics.QUANTILES)),
    Figures("operations_time", metrics.where_operations_went, ("point", "op"), shares=SPENT_PARTS),
    Figures(
        "interrupts", metrics.interrupt_summary, ("point", "what"), ("mean_ns", *metrics.QUANTILES),
        counts=("count", "handled", "lost"),
    ),
    Figures(
        "upkeep", upkeep.turns, ("point", "upkeep"), ("mean_ns", *metrics.QUANTILES, "held_ns"),
        counts=("turns", "reaped", "lost_ns"),
    ),
    Figures(
        "upkeep_locks", upkeep.locks, ("point", *upkeep.KEY), ("mean_hold_ns", "turn_ns", "mean_wait_ns"), shares=("lost_share",),
        counts=("holds", "held_ns", "waits", "lost_ns"),
    ),
    Figures(
        "locks", contention.locks, ("point", *contention.LOCK), ("mean_wait_ns", "mean_hold_ns"),
        shares=("lost_share", "contended_share", "bounced_share", "busy_share"), counts=("acquisitions", "lost_ns"),
    ),
    Figures(
        "waits_for", contention.waits_for, ("point", *contention.PAIR), shares=("share", "lost_share"),
        counts=("waits", "lost_ns"),
    ),
    Figures(
        "paths", breakdown.paths, ("point", "op", "path"), ("mean_ns", *metrics.QUANTILES), shares=("share", "time_share"),
        counts=("operations",),
    ),
    Figures(
        "caches", breakdown.caches, ("point", "cache"), ("alloc_mean_ns", "free_mean_ns"), shares=("time_share",),
        counts=("allocs", "frees", "refills", "grows", "remote_frees", "lost_ns"),
    ),
    Figures("memory", held.memory, ("point",), shares=("share_used",), counts=("held_bytes",)),
    Figures("slub", slub.counters, ("point", "counter"), counts=("counted", "each")),
)  # fmt: skip
"""Every table of a run."""


def quantile(latency: pl.DataFrame, q: float, confidence: float = CONFIDENCE) -> Interval:
    """The quantile `q` of a histogram over all of its replications, with its interval from each one's own quantile.

    `latency` has replication, low_ns, high_ns and count: rows of `frames.latency` of one point, of whatever operations and
    paths are wanted. Raises InputError for a q outside 0 to 1, and for fewer counts than tell it. See `section_interval` for its
    source.
    """
    import polars as pl

    pooled = metrics.quantile(latency, q)
    counted = latency.filter(pl.col("count") > 0)
    total = int(counted["count"].sum())
    if 0 < q < 1 and total < (needed := samples_needed(q, confidence)):
        raise InputError("quantile", f"{q!r} of {total:,} operations: {too_few(q, confidence)}", allowed=f"{needed:,} or more")
    sections = [metrics.quantile(one, q) for one in counted.partition_by("replication")]
    return section_interval(pooled, sections, confidence, least=0.0, resolution=pooled * metrics.RESOLUTION)


class Estimated:
    """A run's tables with the intervals of their figures, each worked out once and when it is asked for."""

    def __init__(self, frames: Frames, confidence: float = CONFIDENCE) -> None:
        self.frames = frames
        self.confidence = confidence
        self._separate, of = apart(frames)
        self._points = [point for point, _replication in of]
        self._made: dict[str, list[Row]] = {}

    def rows(self, name: str) -> list[Row]:
        """The rows of the table of that name in TABLES, in its order."""
        if name not in self._made:
            figures = next(figures for figures in TABLES if figures.name == name)
            self._made[name] = list(_rows(self.frames, self._separate, self._points, figures, self.confidence))
        return self._made[name]

    def plain(self) -> list[dict[str, Any]]:
        """Every figure of every table, a row each: table, the row's keys, measure, value, low, high, level, replications.

        Then `why` there is no value of a percentile, where there is none.
        """
        return [
            {"table": figures.name, **{key: row[key] for key in figures.keys}, "measure": measure, **told}
            for figures in TABLES
            for row in self.rows(figures.name)
            for measure, told in _told(figures, row, self.confidence)
        ]


def _told(figures: Figures, row: Row, confidence: float) -> Iterator[tuple[str, dict[str, Any]]]:
    for measure in (*figures.times, *figures.shares, *figures.counts):
        if measure in row.intervals:
            yield measure, {**plain(row.intervals[measure]), "why": None}
        elif measure in metrics.QUANTILES:
            yield measure, {**plain(Interval(nan, None, 0, confidence)), "value": None, "why": metrics.TOO_FEW[measure]}


def plain(interval: Interval) -> dict[str, Any]:
    """An interval as plain values; low and high are None for a single replication."""
    return {
        "value": interval.value,
        "low": interval.low,
        "high": interval.high,
        "level": interval.confidence,
        "replications": interval.n,
    }


def interval_of(told: Mapping[str, Any]) -> Interval:
    """The interval whose plain values these are. Raises KeyError or TypeError where they are none."""
    value, low, high = float(told["value"]), told["low"], told["high"]
    least, most = (-inf, inf) if low is None or high is None else (float(low), float(high))
    # An interval may end nearer on one side, where no value lies beyond.
    half = None if low is None or high is None else max(value - least, most - value)
    return Interval(value, half, int(told["replications"]), float(told["level"]), least, most)


def _rows(frames: Frames, separate: Frames, points: Sequence[int], figures: Figures, confidence: float) -> Iterator[Row]:
    """Each row of a table of all replications, with the intervals that the rows of `separate`, one a replication, give it."""
    alone = {(row["point"], *_key(row, figures)): row for row in figures.sections(separate).iter_rows(named=True)}
    runs: dict[int, list[int]] = {}
    for number, point in enumerate(points):
        runs.setdefault(point, []).append(number)
    for row in figures.table(frames).iter_rows(named=True):
        mine = [alone.get((number, *_key(row, figures))) for number in runs[row["point"]]]
        found = {}
        for measure in (*figures.times, *figures.shares, *figures.counts):
            values = _values(measure, mine, measure in figures.counts)
            if row[measure] is not None and values:
                most = 1.0 if measure in figures.shares else inf
                coarse = row[measure] * metrics.RESOLUTION if measure in metrics.QUANTILES else 0.0
                found[measure] = section_interval(row[measure], values, confidence, 0.0, most, coarse)
        yield Row(row, found)


def _key(row: Mapping[str, Any], figures: Figures) -> tuple[Any, ...]:
    return tuple(row[key] for key in figures.keys if key != "point")


def _values(measure: str, rows: Iterable[Mapping[str, Any] | None], counted: bool) -> list[float]:
    values = (None if row is None else row[measure] for row in rows)
    return [float(value or 0) for value in values if counted or value is not None]


def apart(frames: Frames) -> tuple[Frames, list[tuple[int, int]]]:
    """The same frames with each replication a point of its own, and of which point each of these is which replication."""
    import polars as pl

    order = frames.runs.select("point", "replication").sort("point", "replication").with_row_index("number")
    own = frames.runs.select("point", "replication", "elapsed_ns", "digest").join(order, on=["point", "replication"])
    settings = frames.points.drop("elapsed_ns", "digest", "replications")
    points = (
        settings.join(own.drop("replication"), on="point")
        .sort("number")
        .with_columns(pl.col("number").alias("point"), pl.lit(1, pl.Int64).alias("replications"))
        .drop("number")
        .select(frames.points.columns)
    )

    def renumbered(frame: pl.DataFrame) -> pl.DataFrame:
        numbered = frame.with_row_index("at").join(order, on=["point", "replication"]).sort("at").drop("at")
        changed = numbered.with_columns(pl.col("number").alias("point"), pl.lit(0, pl.UInt32).alias("replication"))
        return changed.drop("number")

    tidy = {name: renumbered(frame) for name, frame in frames.items() if name != "points"}
    return Frames(points=points, **tidy), order.select("point", "replication").rows()

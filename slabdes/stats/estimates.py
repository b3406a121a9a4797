# SPDX-License-Identifier: GPL-2.0-only
"""What metrics say of all replications together, with intervals from what they say of each: any table's figures, any quantile.

Leaves out greatest and least times, which have no interval of this kind, and what is within one replication.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Final

from slabdes.results import metrics
from slabdes.results.frames import SPENT_PARTS, Frames
from slabdes.stats.intervals import CONFIDENCE, Interval, section_interval

if TYPE_CHECKING:
    import polars as pl

Key = tuple[Any, ...]
Estimates = Mapping[Key, Mapping[str, Interval]]
"""By a row's key: each of its figures."""


@dataclass(frozen=True)
class Figures:
    """A table of `metrics`: what its rows are known by, which columns get intervals, and which of them are shares or counts.

    A replication that has no such row counts as 0 in `counts`, and not at all elsewhere.
    """

    name: str
    table: Callable[[Frames], pl.DataFrame]
    keys: tuple[str, ...]
    times: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()


TABLES: Final = (
    Figures("rates", metrics.scaling, ("point",), shares=("share_waiting",), counts=("operations_per_s",)),
    Figures(
        "summary", metrics.summary, ("point", "op"), ("mean_ns", *metrics.QUANTILES),
        counts=("operations", "refills", "grows", "retries", "failed", "remote_frees"),
    ),
    Figures("time", metrics.where_time_went, ("point",), shares=metrics.TIME_PARTS),
    Figures("operations_time", metrics.where_operations_went, ("point", "op"), shares=SPENT_PARTS),
    Figures(
        "interrupts", metrics.interrupt_summary, ("point", "what"), ("mean_ns", *metrics.QUANTILES),
        counts=("count", "handled", "lost"),
    ),
    Figures(
        "locks", metrics.per_node, ("point", "node", "kind"), ("mean_wait_ns", "mean_hold_ns"),
        shares=("contended_share", "bounced_share"), counts=("acquisitions",),
    ),
    Figures("waits_for", metrics.waits_for, ("point", "kind", "waiter", "holder"), shares=("share",), counts=("waits",)),
)  # fmt: skip
"""Every table of a run."""


def quantile(latency: pl.DataFrame, q: float, confidence: float = CONFIDENCE) -> Interval:
    """The quantile `q` of a histogram over all of its replications, with its interval from each one's own quantile.

    `latency` has replication, low_ns, high_ns and count: rows of `frames.latency` of one point, of whatever operations and
    paths are wanted. Raises InputError for a q outside 0 to 1 and without counts. See `section_interval` for its source.
    """
    import polars as pl

    pooled = metrics.quantile(latency, q)
    counted = latency.filter(pl.col("count") > 0)
    sections = [metrics.quantile(one, q) for one in counted.partition_by("replication")]
    return section_interval(pooled, sections, confidence, least=0.0, resolution=pooled * metrics.RESOLUTION)


def estimates(frames: Frames, figures: Figures, confidence: float = CONFIDENCE) -> Estimates:
    """The figures of one table, by the keys of its rows; those that a row lacks are left out."""
    return _estimates(frames, apart(frames), figures, confidence)


def interval_rows(frames: Frames, tables: Sequence[Figures] = TABLES, confidence: float = CONFIDENCE) -> list[dict[str, Any]]:
    """Every figure of every table, a row each: table, the row's keys, measure, value, low, high, level and replications."""
    each = apart(frames)
    return [
        {"table": figures.name, **dict(zip(figures.keys, key, strict=True)), "measure": measure, **plain(interval)}
        for figures in tables
        for key, row in _estimates(frames, each, figures, confidence).items()
        for measure, interval in row.items()
    ]


def plain(interval: Interval) -> dict[str, Any]:
    """An interval as plain values; low and high are None for a single replication."""
    return {
        "value": interval.value,
        "low": interval.low,
        "high": interval.high,
        "level": interval.confidence,
        "replications": interval.n,
    }


def _estimates(frames: Frames, each: tuple[Frames, list[int]], figures: Figures, confidence: float) -> Estimates:
    separate, points = each
    sections: dict[int, dict[Key, dict[int, dict[str, Any]]]] = {}
    for number, key, row in _rows(figures.table(separate), figures.keys):
        sections.setdefault(points[number], {}).setdefault((points[number], *key[1:]), {})[number] = row
    of_point = {point: [number for number, whose in enumerate(points) if whose == point] for point in set(points)}
    result: dict[Key, dict[str, Interval]] = {}
    for point, key, row in _rows(figures.table(frames), figures.keys):
        mine = sections.get(point, {}).get(key, {})
        found = {}
        for measure in (*figures.times, *figures.shares, *figures.counts):
            values = _values(measure, (mine.get(number) for number in of_point[point]), measure in figures.counts)
            if row[measure] is not None and values:
                most = 1.0 if measure in figures.shares else inf
                coarse = row[measure] * metrics.RESOLUTION if measure in metrics.QUANTILES else 0.0
                found[measure] = section_interval(row[measure], values, confidence, 0.0, most, coarse)
        result[key] = found
    return result


def _rows(table: pl.DataFrame, keys: Sequence[str]) -> list[tuple[int, Key, dict[str, Any]]]:
    return [(row["point"], tuple(row[key] for key in keys), row) for row in table.iter_rows(named=True)]


def _values(measure: str, rows: Iterable[Mapping[str, Any] | None], counted: bool) -> list[float]:
    values = (None if row is None else row[measure] for row in rows)
    return [float(value or 0) for value in values if counted or value is not None]


def apart(frames: Frames) -> tuple[Frames, list[int]]:
    """The same frames with each replication a point of its own, and which point each of these belongs to."""
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
        numbered = frame.join(order, on=["point", "replication"], maintain_order="left")
        changed = numbered.with_columns(pl.col("number").alias("point"), pl.lit(0, pl.UInt32).alias("replication"))
        return changed.drop("number")

    tidy = {name: renumbered(frame) for name, frame in frames.items() if name != "points"}
    return Frames(points=points, **tidy), order["point"].to_list()

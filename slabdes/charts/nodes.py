# SPDX-License-Identifier: GPL-2.0-only
"""Lock waits and holds by NUMA node: what one pays, where, for whose list; means and 99th percentiles.

Leaves out who waited for whom.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.chart import Chart
from slabdes.charts.choice import choose, point_label, told_apart
from slabdes.measures.estimates import Estimated, Row
from slabdes.results import metrics
from slabdes.results.frames import LockKind
from slabdes.stats.intervals import CONFIDENCE
from slabdes.units import percent

if TYPE_CHECKING:
    import polars as pl

    from slabdes.results.frames import Frames

WAIT, HOLD = "wait", "hold"
TITLES: Final = {WAIT: "wait of a contended acquisition", HOLD: "hold of an acquisition"}

_KEY: Final = ("point", "node", "kind", "what")
_FIGURES: Final = ("mean_ns", "mean_low", "mean_high", "p99_ns", "p99_low", "p99_high")


def nodes(frames: Frames, points: Sequence[int] | None = None) -> Chart:
    """A row a point, node (-1: none), kind of lock, and WAIT or HOLD in `what`: `setting`, mean_ns and p99_ns.

    Null where no acquisition waited, and where too few samples tell a percentile. Then the ends of their intervals over
    replications: mean_low, mean_high, p99_low, p99_high.
    """
    import polars as pl

    chosen, limited = choose(frames, points)
    shown = frames.of_points(chosen)
    keys = told_apart(frames)
    table = metrics.per_node(shown)
    figures = Estimated(shown)
    tails = {tuple(row[key] for key in _KEY): row for row in figures.rows("node_times")}
    each = [
        (*_at(row, what), *_figure(row, f"mean_{what}_ns"), *_figure(tails.get(_at(row, what)), "p99_ns"))
        for what in TITLES
        for row in figures.rows("nodes")
    ]
    names = {point: point_label(frames, point, keys) for point in chosen}
    schema: dict[str, Any] = {"point": pl.UInt32, "node": pl.Int32, "kind": pl.String, "what": pl.String}
    rows = pl.DataFrame(each, schema | dict.fromkeys(_FIGURES, pl.Float64), orient="row")
    setting = pl.col("point").replace_strict(list(names), list(names.values()), return_dtype=pl.String)
    reading = (
        "Of each kind of lock a filled mark is the mean and an open one the 99th percentile, joined by the dotted line; bars are "
        "intervals over replications. Waits that are long where holds are short are queues."
    )
    bars = f"; bars: {percent(CONFIDENCE)} intervals over replications" if rows["mean_low"].is_not_null().any() else ""
    title = f"Locks by node: mean and 99th percentile{limited}{bars}{_few(rows, table)}"
    return Chart("nodes", title, reading, rows.with_columns(setting.alias("setting")))


def _at(row: Row, what: str) -> tuple[Any, ...]:
    return (*(row[key] for key in _KEY[:-1]), what)


def _figure(row: Row | None, column: str) -> tuple[float | None, float | None, float | None]:
    """A figure and the ends of its interval."""
    if row is None:
        return None, None, None
    interval = row.intervals.get(column)
    return (row[column], None, None) if interval is None else (row[column], interval.low, interval.high)


def kinds(rows: pl.DataFrame) -> list[LockKind]:
    """The kinds of locks in a chart's rows, in their order."""
    return [kind for kind in LockKind if kind.label in rows["kind"].to_list()]


def _few(rows: pl.DataFrame, table: pl.DataFrame) -> str:
    """What a title says of percentiles that are not drawn."""
    waits, holds = (rows.filter(rows["what"] == what) for what in (WAIT, HOLD))
    taken = table["acquisitions"].is_not_null()
    lacking = (holds["p99_ns"].is_null() & taken).any() or (waits["p99_ns"].is_null() & waits["mean_ns"].is_not_null()).any()
    return f"; no percentile: {metrics.TOO_FEW['p99_ns']}" if lacking else ""

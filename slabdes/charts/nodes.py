# SPDX-License-Identifier: GPL-2.0-only
"""Lock waits and holds by NUMA node: what one pays, where, for whose list; means and 99th percentiles.

Leaves out who waited for whom.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from slabdes.charts.chart import Chart
from slabdes.charts.choice import choose, point_label, told_apart
from slabdes.results import metrics
from slabdes.results.frames import LockKind

if TYPE_CHECKING:
    import polars as pl

    from slabdes.results.frames import Frames

WAIT, HOLD = "wait", "hold"
TITLES: Final = {WAIT: "wait of a contended acquisition", HOLD: "hold of an acquisition"}


def nodes(frames: Frames, points: Sequence[int] | None = None) -> Chart:
    """A row a point, node (-1: none), kind of lock, and WAIT or HOLD in `what`: `setting`, mean_ns and p99_ns.

    Null where no acquisition waited, and where too few samples tell a percentile.
    """
    import polars as pl

    chosen, limited = choose(frames, points)
    shown = frames.of_points(chosen)
    keys = told_apart(frames)
    table = metrics.per_node(shown)
    tails = metrics.lock_quantiles(shown).select("point", "node", "kind", "what", "p99_ns")
    each = [
        table.select("point", "node", "kind", pl.lit(what).alias("what"), pl.col(f"mean_{what}_ns").alias("mean_ns"))
        for what in TITLES
    ]
    names = {point: point_label(frames, point, keys) for point in chosen}
    rows = pl.concat(each).join(tails, on=["point", "node", "kind", "what"], how="left")
    setting = pl.col("point").replace_strict(list(names), list(names.values()), return_dtype=pl.String)
    reading = (
        "Of each kind of lock a filled mark is the mean and an open one the 99th percentile; the dotted line joins the two. "
        "Waits that are long where holds are short are queues."
    )
    title = f"Locks by node: mean and 99th percentile{limited}{_few(rows, table)}"
    return Chart("nodes", title, reading, rows.with_columns(setting.alias("setting")))


def kinds(rows: pl.DataFrame) -> list[LockKind]:
    """The kinds of locks in a chart's rows, in their order."""
    return [kind for kind in LockKind if kind.label in rows["kind"].to_list()]


def _few(rows: pl.DataFrame, table: pl.DataFrame) -> str:
    """What a title says of percentiles that are not drawn."""
    waits, holds = (rows.filter(rows["what"] == what) for what in (WAIT, HOLD))
    taken = table["acquisitions"].is_not_null()
    lacking = (holds["p99_ns"].is_null() & taken).any() or (waits["p99_ns"].is_null() & waits["mean_ns"].is_not_null()).any()
    return f"; no percentile: {metrics.TOO_FEW['p99_ns']}" if lacking else ""

# SPDX-License-Identifier: GPL-2.0-only
"""From which CPU to which cache lines go: those of arrays, slabs, lists and nodes.

Leaves out locks' lines (`queues`: a log has them), objects' and those of slots, whose costs are counted elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from slabdes.charts.chart import Chart
from slabdes.charts.choice import choose, point_label, told_apart
from slabdes.charts.queues import MOST_CPUS

if TYPE_CHECKING:
    from slabdes.results.frames import Frames


def moves(frames: Frames, points: Sequence[int] | None = None) -> Chart:
    """A row a setting and pair: `giver`, `taker` (CPUs, or nodes beyond MOST_CPUS), `count`, and its `share` of the setting's."""
    import polars as pl

    chosen, limited = choose(frames, points)
    rows = frames.moves.filter(pl.col("point").is_in(chosen))
    cpus = pl.concat([rows["giver"], rows["taker"]]).unique()
    unit = "CPU" if len(cpus) <= MOST_CPUS else "node"
    if unit == "node":
        where = frames.cpus.filter(replication=0).select("point", pl.col("cpu"), "node").unique()
        for end in ("giver", "taker"):
            nodes = where.rename({"cpu": end, "node": f"{end}_node"})
            rows = rows.join(nodes, on=["point", end], how="left").drop(end).rename({f"{end}_node": end})
    keys = told_apart(frames)
    names = {point: point_label(frames, point, keys) for point in chosen}
    table = (
        rows.group_by("point", "giver", "taker", maintain_order=True)
        .agg(pl.col("count").sum())
        .sort("point", "giver", "taker")
        .with_columns((pl.col("count") / pl.col("count").sum().over("point")).alias("share"))
        .with_columns(pl.col("point").replace_strict(names, default="", return_dtype=pl.String).alias("setting"))
        .select("point", "setting", "giver", "taker", "count", "share")
    )
    within = "; the diagonal is lines that stay on a node" if unit == "node" else ""
    reading = (
        f"Each square is how many lines a {unit} (a column) took from another (a row), by reading or writing what that one had "
        f"touched last{within}. Where one column or row is dark, one {unit} hands on what many work with; lines between nodes "
        "cost most."
    )
    kinds = "of arrays, slabs, lists and nodes"
    title = f"Cache lines that go from {unit} to {unit}: {kinds} (replication 0, from its begin){limited}"
    return Chart("moves", title, reading, table, unit)

# SPDX-License-Identifier: GPL-2.0-only
"""From which CPU to which cache lines go: those of arrays, slabs, lists and nodes.

Leaves out locks' lines (`queues`: a log has them), objects' and those of slots, whose costs are counted elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from slabdes.charts.chart import Chart
from slabdes.charts.choice import choose, point_label, told_apart
from slabdes.charts.queues import MOST_CPUS, by_node

if TYPE_CHECKING:
    from slabdes.results.frames import Frames


def moves(frames: Frames, points: Sequence[int] | None = None) -> Chart:
    """A row a setting and pair: `giver`, `taker` (CPUs, or nodes beyond MOST_CPUS), `count`, and its `share` of the setting's."""
    import polars as pl

    chosen, limited = choose(frames, points)
    rows = frames.moves.filter(pl.col("point").is_in(chosen))
    cpus = pl.concat([rows["giver"], rows["taker"]]).unique()
    unit = "CPU" if len(cpus) <= MOST_CPUS else "node"
    keys = told_apart(frames)
    parts = []
    for point in chosen:
        pairs = rows.filter(point=point).group_by("giver", "taker", maintain_order=True)
        mine = pairs.agg(pl.col("count").sum()).sort("giver", "taker")
        if unit == "node":
            mine = by_node(mine, dict(frames.cpus.filter(point=point, replication=0).select("cpu", "node").iter_rows()))
        share = pl.col("count") / pl.col("count").sum()
        named = [pl.lit(point).alias("point"), pl.lit(point_label(frames, point, keys)).alias("setting")]
        parts.append(mine.select(*named, "giver", "taker", "count", share.alias("share")))
    within = "; the diagonal is lines that stay on a node" if unit == "node" else ""
    reading = (
        f"Each square is how many lines a {unit} (a column) took from another (a row), by reading or writing what that one had "
        f"touched last{within}. Where one column or row is dark, one {unit} hands on what many work with; lines between nodes "
        "cost most."
    )
    kinds = "of arrays, slabs, lists and nodes"
    title = f"Cache lines that go from {unit} to {unit}: {kinds} (replication 0, from its begin){limited}"
    return Chart("moves", title, reading, pl.concat(parts), unit)

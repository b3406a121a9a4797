# SPDX-License-Identifier: GPL-2.0-only
"""The machine with what goes between its nodes: how often a lock and its line were handed from one to another.

Of one replication of one point that kept a log. Leaves out lines of objects, which no log has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.chart import Chart
from slabdes.charts.queues import by_node
from slabdes.measures.queues import transfers

if TYPE_CHECKING:
    from slabdes.charts.queues import Log

NODE, LINK = "node", "link"


def traffic(log: Log, layout: Mapping[str, Any]) -> Chart:
    """A row a NODE (`name`, at x, y; `count` within it) and a pair of nodes with any traffic (LINK, x, y to x2, y2; both ways).

    `layout` is that of `machine.graph.layout`. `share` is of all hand-overs between CPUs.
    """
    import polars as pl

    moved = by_node(transfers(log.holds), log.nodes)
    counts: dict[tuple[int, int], int] = {}
    for giver, taker, count in moved.iter_rows():
        pair = (min(giver, taker), max(giver, taker))
        counts[pair] = counts.get(pair, 0) + count
    total = max(sum(counts.values()), 1)
    spots = {node["node"]: (float(node["x"]), float(node["y"])) for node in layout["nodes"]}
    rows: list[dict[str, Any]] = []
    for (one, other), count in counts.items():
        if one != other:
            (x, y), (x2, y2) = spots[one], spots[other]
            ends = {"x": x, "y": y, "x2": x2, "y2": y2}
            rows.append({"what": LINK, "name": f"node {one} and node {other}", "count": count, "share": count / total} | ends)
    for node, (x, y) in spots.items():
        count = counts.get((node, node), 0)
        rows.append({"what": NODE, "name": f"node {node}", "count": count, "share": count / total, "x": x, "y": y})
    schema: Final[Any] = {
        "what": pl.String, "name": pl.String, "count": pl.Int64, **dict.fromkeys(("share", "x", "y", "x2", "y2"), pl.Float64),
    }  # fmt: skip
    reading = (
        "A line between two nodes is as wide as the part of all hand-overs of locks that crossed it; a node's circle is as "
        "large as the part that stayed within it. Wide lines are what another placement of CPUs could save."
    )
    title = f"{layout['name']}: locks handed over between its nodes ({log.about})"
    return Chart("traffic", title, reading, pl.DataFrame(rows, schema))

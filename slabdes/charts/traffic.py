# SPDX-License-Identifier: GPL-2.0-only
"""The machine with what goes between its nodes: how often a lock and its line were handed from one to another.

Of one replication of one point that kept a log. Leaves out lines of objects, which no log has.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from math import atan2, cos, hypot, sin, tau
from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.chart import Chart
from slabdes.charts.queues import by_node, total_text
from slabdes.measures.queues import transfers

if TYPE_CHECKING:
    from slabdes.charts.queues import Log
    from slabdes.results.frames import Frames

NODE, LINK = "node", "link"
FEW: Final = 12
TOLD: Final = 0.02
"""More lines than FEW have figures only where their share is as large (choices: figures would cover each other)."""
_NEAR: Final = 0.25
"""Of a layout's -1 to 1, what a node takes with its name (tried)."""
Spot = tuple[float, float]


def traffic_of(frames: Frames, machines: Mapping[str, Mapping[str, Any]], log: Log, point: int) -> Chart | None:
    """The chart of a point whose machine is among a manifest's `machines`, has several nodes and is known.

    None if it is not, or if nothing was handed over.
    """
    (row,) = frames.points.filter(frames.points["point"] == point).to_dicts()
    layout = machines.get(row["machine"], {}).get("layout")
    if layout is None or len(layout["nodes"]) < 2 or not {node["node"] for node in layout["nodes"]} >= {*log.nodes.values()}:
        return None
    chart = traffic(log, layout)
    return chart if chart.frame["count"].to_numpy().any() else None


def traffic(log: Log, layout: Mapping[str, Any]) -> Chart:
    """A row a NODE (`name`, at x, y; `count` within it) and a pair of nodes with any traffic (LINK, x, y to x2, y2; both ways).

    `told` is whether a line's figure stands on it: of many, those of a larger share. `layout` is that of `machine.graph.layout`;
    nodes go round a circle where one would stand on a line between two others. `share` is of all hand-overs between CPUs.
    """
    import polars as pl

    moved = by_node(transfers(log.holds), log.nodes)
    counts: dict[tuple[int, int], int] = {}
    for giver, taker, count in moved.iter_rows():
        pair = (min(giver, taker), max(giver, taker))
        counts[pair] = counts.get(pair, 0) + count
    total = max(sum(counts.values()), 1)
    spots = _clear({node["node"]: (float(node["x"]), float(node["y"])) for node in layout["nodes"]})
    rows: list[dict[str, Any]] = []
    few = sum(one != other for one, other in counts) <= FEW
    for (one, other), count in counts.items():
        if one != other:
            (x, y), (x2, y2) = spots[one], spots[other]
            ends = {"x": x, "y": y, "x2": x2, "y2": y2, "told": few or count >= TOLD * total}
            rows.append({"what": LINK, "name": f"node {one} and node {other}", "count": count, "share": count / total} | ends)
    for node, (x, y) in spots.items():
        count = counts.get((node, node), 0)
        rows.append({"what": NODE, "name": f"node {node}", "count": count, "share": count / total, "x": x, "y": y})
    schema: Final[Any] = {
        "what": pl.String, "name": pl.String, "count": pl.Int64, **dict.fromkeys(("share", "x", "y", "x2", "y2"), pl.Float64),
        "told": pl.Boolean,
    }  # fmt: skip
    reading = (
        "A line between two nodes is as wide as the part of all hand-overs of locks that crossed it, both ways together; a "
        "node's circle is as large as the part that stayed within it. Where there is no line nothing crossed; wide lines are "
        "what another placement of CPUs could save."
    )
    title = (
        f"How often a lock and its line went between the nodes of {layout['name']}, and within them: "
        f"{total_text(sum(counts.values()))} between CPUs ({log.about})"
    )
    return Chart("traffic", title, reading, pl.DataFrame(rows, schema))


def _clear(own: dict[int, Spot]) -> dict[int, Spot]:
    """Places from which every line between two nodes is seen: a layout's own, the first at the left, or round a circle."""
    first, *_others, last = own.values()
    mirrored = {node: (-x if first[0] > last[0] else x, y) for node, (x, y) in own.items()}
    if not any(
        _beside(mirrored[one], mirrored[other], spot) for one, other in combinations(own, 2) for spot in mirrored.values()
    ):
        return mirrored
    middle = (sum(x for x, _y in mirrored.values()) / len(own), sum(y for _x, y in mirrored.values()) / len(own))
    order = sorted(own, key=lambda node: atan2(mirrored[node][1] - middle[1], mirrored[node][0] - middle[0]))
    angles = {node: tau * (place + 0.5) / len(own) for place, node in enumerate(order)}
    return {node: (cos(angles[node]), sin(angles[node])) for node in own}


def _beside(one: Spot, other: Spot, spot: Spot) -> bool:
    """Whether a third node stands nearly on the line between two."""
    if spot in (one, other):
        return False
    along = (other[0] - one[0], other[1] - one[1])
    length = hypot(*along)
    if not length:
        return True
    at = ((spot[0] - one[0]) * along[0] + (spot[1] - one[1]) * along[1]) / length**2
    return 0 < at < 1 and hypot(spot[0] - one[0] - at * along[0], spot[1] - one[1] - at * along[1]) < _NEAR

# SPDX-License-Identifier: GPL-2.0-only
"""Who waits for whom as a graph: functions on a circle, joined from the one that waits to the one that had the lock.

Leaves out which lock it was: the table has that.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi, sin
from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.chart import Chart
from slabdes.charts.choice import choose, point_label, told_apart
from slabdes.results.contention import waits_for
from slabdes.results.text import share_text

if TYPE_CHECKING:
    from slabdes.results.frames import Frames

NODE, EDGE, LOOP = "function", "waits for", "waits for itself"
"""What a row is; a loop is CPUs in one function that wait for each other."""
_CUT: Final = 0.14
"""Of an edge, what is left free at each end, so that it begins beside a function's name."""
_ASIDE: Final = 0.045
"""How far an edge lies beside the line between two functions, so that both directions are seen."""
LEAST: Final = 0.005
"""Edges of a smaller share of the time lost are left out."""


def waits(frames: Frames, points: Sequence[int] | None = None) -> Chart:
    """A row a function (NODE: at x, y) and a pair (EDGE from x, y to x2, y2; LOOP), its `share` of the time lost, and ns.

    A function's `share` is what is lost behind it; `words` are what is written beside it.
    """
    import polars as pl

    chosen, limited = choose(frames, points)
    keys = told_apart(frames)
    table = waits_for(frames.of_points(chosen))
    rows: list[dict[str, Any]] = []
    for point in chosen:
        pairs: dict[tuple[str, str], tuple[float, float]] = {}
        for row in table.filter(pl.col("point") == point).iter_rows(named=True):
            share, lost = pairs.get((row["waiter"], row["holder"]), (0.0, 0.0))
            pairs[row["waiter"], row["holder"]] = share + row["lost_share"], lost + row["lost_ns"]
        kept = {pair: told for pair, told in pairs.items() if told[0] >= LEAST}
        rows += [{"setting": point_label(frames, point, keys)} | row for row in _graph(kept)]
    reading = (
        "An arrow goes from the function that waits to the one that had taken the lock, as wide as the time lost; a ring is "
        "CPUs in one function that wait for each other, and where there is none they do not. Follow the widest arrow: its head "
        "is what holds others up."
    )
    texts = dict.fromkeys(("setting", "what", "waiter", "holder", "words"), pl.String)
    numbers = dict.fromkeys(("x", "y", "x2", "y2", "share", "lost_ns"), pl.Float64)
    schema: Any = {**texts, **numbers}
    return Chart(
        "waits", f"Who waits for whom, as shares of the time lost at locks{limited}", reading, pl.DataFrame(rows, schema)
    )


def _graph(pairs: dict[tuple[str, str], tuple[float, float]]) -> list[dict[str, Any]]:
    names = sorted({name for pair in pairs for name in pair})
    spots = {
        name: (cos(2 * pi * (at + 0.25) / len(names)), sin(2 * pi * (at + 0.25) / len(names))) for at, name in enumerate(names)
    }
    rows: list[dict[str, Any]] = []
    for (waiter, holder), (share, lost) in pairs.items():
        told = {"waiter": waiter, "holder": holder, "share": share, "lost_ns": lost}
        (x, y), (x2, y2) = spots[waiter], spots[holder]
        if waiter == holder:
            rows.append({"what": LOOP, "x": x, "y": y, "x2": x, "y2": y} | told)
            continue
        aside = (_ASIDE * (y2 - y), _ASIDE * (x - x2))
        ends = [(x + (x2 - x) * at + aside[0], y + (y2 - y) * at + aside[1]) for at in (_CUT, 1 - _CUT)]
        rows.append({"what": EDGE, "x": ends[0][0], "y": ends[0][1], "x2": ends[1][0], "y2": ends[1][1]} | told)
    for name, (x, y) in spots.items():
        behind = sum(told[0] for pair, told in pairs.items() if pair[1] == name)
        itself = pairs.get((name, name), (0.0, 0.0))[0]
        own = f", {share_text(itself)} of itself" if itself and itself < behind else ", all its own" if itself else ""
        words = f"{share_text(behind)} is lost behind it{own}" if behind else "nobody waits behind it"
        at = {"x": x, "y": y, "share": behind, "words": f"{name}\n{words}"}
        rows.append({"what": NODE, "waiter": name, "holder": name} | at)
    return rows

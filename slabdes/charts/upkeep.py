# SPDX-License-Identifier: GPL-2.0-only
"""Upkeep: how long turns of cache_reap and the like take, which locks they hold longest, and how long others wait behind that.

Leaves out single turns: the event log has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.chart import Chart
from slabdes.charts.choice import choose, point_label, told_apart
from slabdes.results import metrics
from slabdes.results import upkeep as turns_of

if TYPE_CHECKING:
    from slabdes.results.frames import Frames

MOST_LOCKS: Final = 8
"""Locks of a point, those that turns hold longest (a choice: a page)."""
TURN, LOCK = "a turn", "locks that turns hold longest"
TURN_TIMES: Final = {"mean_ns": "a turn, mean", "p99_ns": "99th percentile", "max_ns": "longest"}
LOCK_TIMES: Final = {
    "turn_ns": "held in a turn, mean",
    "max_hold_ns": "longest hold",
    "max_wait_ns": "longest wait of others behind it",
}


def upkeep(frames: Frames, points: Sequence[int] | None = None) -> Chart:
    """A row a point, turn or lock, and time of it: `setting`, `what` (TURN or LOCK), `name`, `measure`, `time` in ns.

    Times that are not known, or 0, have no row, and nor have turns and locks without any.
    """
    import polars as pl

    chosen, limited = choose(frames, points)
    turns = turns_of.turns(frames).to_dicts()
    few = f"; no percentile: {metrics.TOO_FEW['p99_ns']}" if any(row["p99_ns"] is None for row in turns) else ""
    locks = turns_of.locks(frames).sort("held_ns", descending=True, maintain_order=True).to_dicts()
    keys = told_apart(frames)
    rows = []
    for point in chosen:
        of_point = {"point": point, "setting": point_label(frames, point, keys)}
        held = [row for row in locks if row["point"] == point][:MOST_LOCKS]
        told = [(turns_of.NAMES[row["upkeep"]], row) for row in turns if row["point"] == point]
        rows += [of_point | row for row in _times(TURN, TURN_TIMES, told)]
        rows += [of_point | row for row in _times(LOCK, LOCK_TIMES, [(_lock(row), row) for row in held])]
    title = f"Upkeep: how long it takes, and what it holds{limited}{few}"
    reading = (
        "One part is how long a turn of each kind takes, the other how long it holds which lock, and how long others waited "
        "behind it. "
        "A wait that is longer than a hold began in a queue."
    )
    texts = dict.fromkeys(("setting", "what", "name", "measure"), pl.String)
    schema: Any = {"point": pl.Int64, **texts, "time": pl.Float64}
    return Chart("upkeep", title, reading, pl.DataFrame(rows, schema))


def _times(what: str, shown: Mapping[str, str], rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[dict[str, Any]]:
    for name, row in rows:
        for column, measure in shown.items():
            if row[column]:
                yield {"what": what, "name": name, "measure": measure, "time": row[column]}


def _lock(row: Mapping[str, Any]) -> str:
    node = f" node {row['node']}" if row["node"] >= 0 else ""
    name = " ".join(word for word in (row["cache"], row["kind"].removesuffix(" lock")) if word)
    return f"{turns_of.NAMES[row['upkeep']]}: {name}{node}"

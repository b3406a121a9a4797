# SPDX-License-Identifier: GPL-2.0-only
"""What holds of locks in a run's event log tell of queues: their length over time, where the longest stood, who hands to whom.

A hold is a row of `engine.event_log`: lock, cpu, asked_ps, granted_ps, released_ps. Leaves out which lock is which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slabdes.units import PS_PER_NS

if TYPE_CHECKING:
    import numpy as np
    import polars as pl


def lengths(holds: pl.DataFrame, parts: int) -> pl.DataFrame:
    """How many CPUs wait for each lock that any waited for, in equal parts of the time of all holds.

    A row a lock and part: lock, start_ns, end_ns, mean and most of the number that wait.
    """
    import numpy as np
    import polars as pl

    waited = holds.filter(pl.col("granted_ps") > pl.col("asked_ps"))
    rows = []
    if waited.height:
        edges = np.linspace(holds["asked_ps"].to_numpy().min(), holds["released_ps"].to_numpy().max(), parts + 1)
        for (lock,), waits in waited.group_by("lock", maintain_order=True):
            times, counts = _steps(waits)
            for name, values in zip(("mean", "most"), _within(times, counts, edges), strict=True):
                rows.append((lock, name, values))
    frame = {
        "lock": [lock for lock, name, _values in rows if name == "mean" for _part in range(parts)],
        "start_ns": [] if not rows else list(edges[:-1] / PS_PER_NS) * (len(rows) // 2),
        "end_ns": [] if not rows else list(edges[1:] / PS_PER_NS) * (len(rows) // 2),
    } | {name: [value for _lock, which, values in rows if which == name for value in values] for name in ("mean", "most")}
    numbers = dict.fromkeys(("start_ns", "end_ns", "mean"), pl.Float64)
    schema: Any = {"lock": pl.Int64, **numbers, "most": pl.Int64}
    return pl.DataFrame(frame, schema)


def _steps(waits: pl.DataFrame) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """When the number that waits for one lock changes, and to what."""
    import numpy as np

    asked, granted = waits["asked_ps"].to_numpy(), waits["granted_ps"].to_numpy()
    times = np.concatenate([asked, granted])
    changes = np.concatenate([np.ones_like(asked), -np.ones_like(granted)])
    # Who is granted the lock leaves before who asks at the same time comes.
    order = np.lexsort((changes, times))
    return times[order], np.cumsum(changes[order])


def _within(times: np.ndarray[Any, Any], counts: np.ndarray[Any, Any], edges: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    """The mean and the greatest count between each two edges of a count that changes at `times`, and is 0 before."""
    import numpy as np

    area = np.concatenate([[0.0], np.cumsum(counts[:-1] * np.diff(times))])
    at = np.interp(edges, times, area)
    first = np.searchsorted(times, edges, side="right") - 1
    held = np.where(first >= 0, counts[np.maximum(first, 0)], 0)
    most = held[:-1].copy()
    inside = np.searchsorted(edges, times, side="right") - 1
    np.maximum.at(most, np.clip(inside, 0, len(most) - 1), counts)
    return np.diff(at) / np.diff(edges), most


def convoy(holds: pl.DataFrame) -> pl.DataFrame:
    """The holds of one lock from the one before the longest queue on, until the lock is free and nobody waits for it.

    In the order in which it was granted; no rows where nobody ever waited.
    """
    import numpy as np

    most, dearest = 0, holds.clear()
    for mine in holds.sort("granted_ps").partition_by("lock", maintain_order=True):
        asked, granted, released = (mine[name].to_numpy() for name in ("asked_ps", "granted_ps", "released_ps"))
        coming = np.minimum.accumulate(asked[::-1])[::-1]
        begins = np.flatnonzero(coming[1:] >= np.maximum.accumulate(released)[:-1]) + 1
        edges = np.concatenate([[0], begins, [len(asked)]])
        lost = np.add.reduceat(granted - asked, edges[:-1])
        at = int(lost.argmax())
        if lost[at] > most:
            most, dearest = int(lost[at]), mine.slice(int(edges[at]), int(edges[at + 1] - edges[at]))
    return dearest


def transfers(holds: pl.DataFrame) -> pl.DataFrame:
    """How often a CPU took a lock that another had held last: a row a pair of CPUs, `giver`, `taker`, `count`."""
    import polars as pl

    ordered = holds.sort("lock", "granted_ps").with_columns(pl.col("cpu").shift(1).over("lock").alias("giver"))
    moved = ordered.filter(pl.col("giver").is_not_null() & (pl.col("giver") != pl.col("cpu")))
    counted = moved.group_by("giver", pl.col("cpu").alias("taker"), maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("count")
    )
    return counted.sort("giver", "taker")

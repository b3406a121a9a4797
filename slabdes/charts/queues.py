# SPDX-License-Identifier: GPL-2.0-only
"""What a run's event log shows of its locks: queues over time, the costliest convoy, and hand-overs from CPU to CPU.

Of one replication of one point. Leaves out runs that kept no log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.chart import Chart
from slabdes.errors import InputError
from slabdes.measures.queues import convoy as dearest
from slabdes.measures.queues import lengths
from slabdes.measures.queues import transfers as taken
from slabdes.results.event_log import scan_log
from slabdes.results.text import time_text
from slabdes.units import PS_PER_NS

if TYPE_CHECKING:
    import polars as pl

    from slabdes.results.frames import Frames

PARTS: Final = 120
"""Of the time that a queue is followed over (a choice: what is seen)."""
MOST_LOCKS: Final = 16
MOST_HOLDS: Final = 40
MOST_CPUS: Final = 64
"""Of whom each has a row of its own: of more, nodes have."""
WAITS, HOLDS = "waits", "holds"
_NODE: Final = re.compile(r"\bnode (\d+)")


class Log:
    """The holds of one replication, and what their numbers mean."""

    def __init__(self, frames: Frames, holds: pl.DataFrame, point: int, replication: int = 0) -> None:
        one = frames.replication(point, replication)
        self.holds = holds
        self.locks: list[str] = one.locks["lock"].to_list()
        self.nodes: dict[int, int] = dict(one.cpus.select("cpu", "node").iter_rows())
        self.about = f"point {point}, replication {replication}" if frames.points.height > 1 else f"replication {replication}"


def log_of(frames: Frames, folder: Path, point: int) -> Log | None:
    """The log of a point's first replication in a run's folder; None where none was kept."""
    try:
        return Log(frames, scan_log(folder, HOLDS, point).collect(), point)
    except InputError:
        return None


def by_name(locks: Iterable[str]) -> list[str]:
    """Locks in the order of their names and then of their nodes, as rows of a map are found.

    >>> by_name(["a node 10 list_lock", "zone lock node 1", "a node 2 list_lock"])
    ['a node 2 list_lock', 'a node 10 list_lock', 'zone lock node 1']
    """

    def key(lock: str) -> tuple[str, int]:
        node = _NODE.search(lock)
        return _NODE.sub("", lock), int(node[1]) if node else -1

    return sorted(dict.fromkeys(locks), key=key)


def queues(log: Log) -> Chart:
    """A row a lock and part of the time: `lock`, start and end (ns), `mean` and `most` of the CPUs that wait for it.

    The locks are those waited for most, at most MOST_LOCKS.
    """
    import polars as pl

    rows = lengths(log.holds, PARTS)
    order = rows.group_by("lock", maintain_order=True).agg(pl.col("mean").sum()).sort("mean", descending=True)["lock"].to_list()
    every = rows.partition_by("lock", as_dict=True)
    shown = pl.concat([every[lock,] for lock in order[:MOST_LOCKS]]) if order else rows
    named = shown.with_columns(pl.col("lock").replace_strict(order, [log.locks[lock] for lock in order], return_dtype=pl.String))
    more = f"; {MOST_LOCKS} of {len(order)} locks" if len(order) > MOST_LOCKS else ""
    reading = (
        "The stronger a part's colour, the more CPUs wait for that lock there, as a mean over the part. Where it stays strong "
        "a queue never empties; where it is strong now and then there are bursts."
    )
    return Chart("queues", f"CPUs that wait for each lock, over time ({log.about}){more}", reading, named)


def queue(log: Log) -> Chart:
    """The rows of `queues`, to be drawn as a line a lock."""
    chart = queues(log)
    reading = (
        "The line is how many CPUs wait, as a mean over a part of the time; above it, the most that waited at once. What it "
        "does after a burst shows how long a convoy takes to dissolve."
    )
    return Chart("queue", f"Length of a lock's queue over time ({log.about})", reading, chart.frame)


def convoy(log: Log) -> Chart:
    """A row a wait or hold (`what`) of the costliest convoy: `cpu`, `node`, begin and end (ns, from the first asking on).

    `place` counts the holds, the first MOST_HOLDS of them; `crossed` is whether a hold came from another node.
    """
    import polars as pl

    every = dearest(log.holds)
    held = every.head(MOST_HOLDS)
    origin = int(held["asked_ps"].to_numpy().min()) if held.height else 0
    rows: list[dict[str, Any]] = []
    before: int | None = None
    for place, hold in enumerate(held.iter_rows(named=True)):
        node = log.nodes.get(hold["cpu"], -1)
        at = {"place": place, "cpu": hold["cpu"], "node": node, "crossed": before is not None and before != node}
        ends = {WAITS: (hold["asked_ps"], hold["granted_ps"]), HOLDS: (hold["granted_ps"], hold["released_ps"])}
        for what, (begin, end) in ends.items():
            if end > begin:
                rows.append(at | {"what": what, "start": (begin - origin) / PS_PER_NS, "end": (end - origin) / PS_PER_NS})
        before = node
    numbers = dict.fromkeys(("place", "cpu", "node"), pl.Int64)
    schema: Any = {**numbers, "crossed": pl.Boolean, "what": pl.String, "start": pl.Float64, "end": pl.Float64}
    name = f": {log.locks[int(held['lock'][0])]}" if held.height else ""
    crossed = sum(row["crossed"] for row in rows if row["what"] == HOLDS)
    marked = "A mark at the begin of a hold is a hand-off from another node, which takes longer."
    reading = (
        "A line is a CPU that asks for the lock: it waits (grey), then holds (coloured). "
        f"{marked if crossed else 'No hold here came from another node: that would be marked.'}"
    )
    return Chart(
        "convoy", f"The costliest convoy{name} ({log.about}){_of_convoy(held, every)}", reading, pl.DataFrame(rows, schema)
    )


def _of_convoy(held: pl.DataFrame, every: pl.DataFrame) -> str:
    """What a title says of how much of a convoy is drawn, and of which time that is."""
    if not every.height:
        return ""
    at, until, end = (
        ps / PS_PER_NS
        for ps in (held["asked_ps"].to_numpy().min(), held["released_ps"].to_numpy().max(), every["released_ps"].to_numpy().max())
    )
    part, whole = until - at, end - at
    lost = time_text(int((every["granted_ps"] - every["asked_ps"]).sum()) / PS_PER_NS)
    count = f"its {every.height:,} holds" if every.height == held.height else f"the first {held.height} of {every.height:,} holds"
    took = time_text(whole) if every.height == held.height else f"{time_text(part)} of {time_text(whole)}"
    return f"; {count}, {took} from {time_text(at)} on, {lost} of CPU time lost"


def transfers(log: Log) -> Chart:
    """A row a pair: `giver`, `taker` (CPUs, or nodes where CPUs are more than MOST_CPUS), `count` and its `share` of all."""
    import polars as pl

    rows = taken(log.holds)
    cpus = sorted({*rows["giver"].to_list(), *rows["taker"].to_list()})
    unit = "CPU" if len(cpus) <= MOST_CPUS else "node"
    if unit == "node":
        rows = by_node(rows, log.nodes)
    total = max(int(rows["count"].sum()), 1)
    reading = (
        f"Each square is how often a lock that a {unit} (a row) had held last was taken by another (a column), with its line. "
        "Squares far from the diagonal of a node's CPUs are lines that cross nodes."
    )
    if unit == "node":
        reading = (
            "Each square is how often a lock that a CPU of one node (a row) had held last was taken by a CPU of another, or of "
            "the same (a column), with its line. Squares off the diagonal are lines that cross nodes."
        )
    handed = int(rows["count"].sum())
    what = f": {total_text(handed)}" if handed else f"; no lock was taken by another {unit} than had held it last"
    title = f"Locks handed over from {unit} to {unit}, with their lines{what} ({log.about})"
    return Chart("transfers", title, reading, rows.with_columns((pl.col("count") / total).alias("share")), unit)


def total_text(count: int) -> str:
    """How many hand-overs a title says that a picture is of."""
    return f"{count:,} hand-over{'s' if count != 1 else ''}"


def by_node(rows: pl.DataFrame, nodes: dict[int, int]) -> pl.DataFrame:
    """Transfers between CPUs as those between their nodes."""
    import polars as pl

    mapped = rows.with_columns(pl.col("giver", "taker").replace_strict(list(nodes), list(nodes.values()), return_dtype=pl.Int64))
    summed = mapped.group_by("giver", "taker", maintain_order=True).agg(pl.col("count").sum())
    return summed.sort("giver", "taker")


def all_of(log: Log) -> Sequence[Chart]:
    """Every chart of a log, without the frames that it is of."""
    return (queues(log), queue(log), convoy(log), transfers(log))

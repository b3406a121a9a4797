# SPDX-License-Identifier: GPL-2.0-only
"""A run's tables: rates, times, what the allocator did, where time went, paths, caches, locks, who waits for whom, interrupts.

A sweep's long tables show one setting and name it in their title. Leaves out how a table is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from slabdes.answers.figures import (
    count,
    few_remarks,
    label_keys,
    labels_by_point,
    lock_name,
    point_name,
    share,
    short,
    time,
)
from slabdes.measures.estimates import Estimated, Row
from slabdes.measures.steady import steady
from slabdes.results import metrics
from slabdes.results.frames import IRQ_WAIT, IRQS_OFF
from slabdes.results.run import Run
from slabdes.results.text import Sheet, count_text, numbers_text, share_text, time_text
from slabdes.results.upkeep import NAMES

MOST_POINTS: Final = 12
"""Settings of which a table shows all (assumed: a screen)."""
MOST_SOME: Final = 8
"""Settings that such a table shows of more, each series' first and last among them (assumed)."""
MOST_ROWS: Final = 6
"""Rows of paths, caches, locks and waits (assumed: what is read)."""


@dataclass(frozen=True)
class View:
    """A run, its figures with intervals, and how much of it tables show: everything, or what fits two screens."""

    run: Run
    figures: Estimated
    everything: bool = False

    @property
    def points(self) -> list[int]:
        """All points."""
        return self.run.frames.point_numbers()

    def most_waiting(self) -> int:
        """The point whose CPUs spend the greatest part of their time waiting for locks; the first of equals."""
        return int(max(self.figures.rows("rates"), key=lambda row: float(row["share_waiting"]))["point"])


def view_of(run: Run, everything: bool = False) -> View:
    """A run as tables and sentences look at it."""
    return View(run, Estimated(run.frames), everything)


def sheets(view: View) -> list[Sheet]:
    """The run's tables; none without rows, and those of figures only where everything is to be seen."""
    shown = (make(view) for name, make in TABLES.items() if view.everything or name not in OF_FIGURES)
    return [sheet for sheet in shown if sheet.rows]


Cells = Callable[[Row], Sequence[str]]


def _sheet(
    view: View, what: str, rows: Sequence[Row], heads: Sequence[str], names: int, cells: Cells, points: Sequence[int] = ()
) -> Sheet:
    """A table whose rows are of several points, or of `points` alone, which the title then names."""
    one = len(view.points) > 1 and len(points) == 1
    keys = [] if one else label_keys(view.run.frames)
    labels = labels_by_point(view.run.frames, keys)
    shown = [row for row in rows if not points or row["point"] in points]
    title = what
    if one:
        title += f": {point_name(view.run.frames, points[0])} (point {points[0]}; --point N shows others)"
    elif points and len(points) < len(view.points):
        title += f": {len(points)} of {len(view.points)} settings, points {numbers_text(sorted(points))} (--point N shows others)"
    body = tuple((*labels[row["point"]], *cells(row)) for row in shown)
    return Sheet(title, (*short(keys), *heads), len(keys) + names, body, few_remarks(body))


def _some(view: View) -> list[int]:
    """The points of tables with a few rows a point: all of them, or a spread."""
    if view.everything or len(view.points) <= MOST_POINTS:
        return view.points
    keys = [key for key in metrics.series_keys(view.run.frames) if key in view.run.points.columns]
    series: dict[tuple[Any, ...], list[int]] = {}
    for row in view.run.points.iter_rows(named=True):
        series.setdefault(tuple(row[key] for key in keys), []).append(row["point"])
    each = max(2, MOST_SOME // len(series))
    chosen = sorted(point for points in series.values() for point in metrics.spread(points, each))
    return metrics.spread(chosen, MOST_POINTS)


def _one(view: View) -> list[int]:
    """The points of tables with many rows a point: all of them, or the one that waits most."""
    return view.points if view.everything or len(view.points) == 1 else [view.most_waiting()]


def _first(view: View, rows: Sequence[Row], points: Sequence[int]) -> tuple[list[Row], str]:
    """The first rows, and what a title says of those left out."""
    mine = [row for row in rows if row["point"] in points]
    if view.everything or len(mine) <= MOST_ROWS:
        return mine, ""
    return mine[:MOST_ROWS], f", {MOST_ROWS} of {len(mine)} rows"


def rates_sheet(view: View) -> Sheet:
    """Operations a second, and the parts of the CPUs' time that are waiting, a row a point."""
    spent = {row["point"]: row for row in view.figures.rows("time")}
    waits = {"slot_wait": "for other CPUs", "partner_wait": "for the other side"}
    other = {part: head for part, head in waits.items() if any(row[part] for row in spent.values())}

    def cells(row: Row) -> Sequence[str]:
        mine = spent[row["point"]]
        rest = (share(mine, part) for part in (*other, "think"))
        return count(row, "operations_per_s"), share(row, "share_waiting"), *rest

    heads = ("operations/s", "waiting for locks", *other.values(), "thinking")
    return _sheet(view, "rates, and shares of the CPUs' time", view.figures.rows("rates"), heads, 0, cells)


def times_sheet(view: View) -> Sheet:
    """Latencies, a row a point and operation."""
    return _sheet(view, "how long operations take", view.figures.rows("summary"), _TIMES_HEADS, 1, _times, _some(view))


_TIMES_HEADS: Final = ("op", "mean", "p50", "p99", "p99.9", "max")


def _times(row: Row) -> Sequence[str]:
    """The cells of a row of times."""
    return row["op"], *(time(row, name) for name in ("mean_ns", *metrics.QUANTILES)), time_text(row["max_ns"])


def response_sheet(view: View) -> Sheet:
    """Response times, a row a point and operation; no rows where no operation arrives."""
    title = "response times, from an operation's arrival on, however late it begins"
    return _sheet(view, title, view.figures.rows("response"), _TIMES_HEADS, 1, _times, _some(view))


def loads_sheet(view: View) -> Sheet:
    """A sweep of rates, load by load: what is offered and answered, response times of all operations; no rows without one."""

    def cells(row: Row) -> Sequence[str]:
        times = (time(row, name) for name in ("mean_ns", *metrics.QUANTILES))
        return count(row, "operations_per_s"), *times, share_text(row["growing"])

    heads = ("answered/s", "mean", "p50", "p99", "p99.9", "backlog grows")
    title = "response times by load, all operations (backlog grows: in so many replications)"
    return _sheet(view, title, view.figures.rows("loads"), heads, 0, cells, _some(view))


def spent_sheet(view: View) -> Sheet:
    """Where the time of operations went; parts that are nowhere are left out."""
    rows = view.figures.rows("operations_time")
    parts = [part for part in SPENT_HEADS if any(row[part] for row in rows)]
    heads = ("op", *(SPENT_HEADS[part] for part in parts))

    def cells(row: Row) -> Sequence[str]:
        return row["op"], *(share(row, part) for part in parts)

    return _sheet(
        view,
        "where the time of operations goes (shares of their time, not of the CPUs')",
        rows if parts else (),
        heads,
        1,
        cells,
        _one(view),
    )


def steady_sheet(view: View) -> Sheet:
    """How much warm-up is in no figure, where sentences do not say it all; no rows where there is no steady state."""

    def cells(row: Row) -> Sequence[str]:
        times = (time_text(row["warm_up_ns"]), time_text(row["took_ns"]))
        return *times, count_text(row["cut"]), count_text(row["operations"]), f"{row['settled']} of {row['replications']}"

    heads = ("warm-up", "counted", "operations cut", "of", "settled")
    what = "warm-up, by MSER, which is in no other table (means of a replication)"
    rows = steady(view.run.frames) if view.everything or len(view.points) > 1 else []
    return _sheet(view, what, rows, heads, 0, cells, _some(view))


COLUMNS: Final = ("mean_ns", *metrics.QUANTILES)
SPENT_HEADS: Final = {
    "lock_wait": "waiting",
    "handoff": "hand-off",
    "line": "lines",
    "local_memory": "memory",
    "remote_memory": "remote",
    "pages": "pages",
    "first_touch": "touch",
    "work": "work",
    "interrupts": "interrupts",
}
"""Short heads of the parts of Spent, in the order of the table."""
TIME_HEADS: Final = {part: head for part, head in SPENT_HEADS.items() if part in metrics.TIME_PARTS} | {
    "slot_wait": "for other CPUs",
    "partner_wait": "for the other side",
    "think": "thinking",
}
"""Those of a CPU's time."""


def counts_sheet(view: View) -> Sheet:
    """What the allocator did, a row a point; no rows without an allocator."""
    by_op = {(row["point"], row["op"]): row for row in view.figures.rows("summary") if row["op"] != "section"}
    rows = [
        by_op.get((point, "alloc")) or by_op[point, "free"]
        for point in _some(view)
        if {(point, "alloc"), (point, "free")} & {*by_op}
    ]

    def cells(row: Row) -> Iterator[str]:
        alloc, free = (by_op.get((row["point"], op)) for op in ("alloc", "free"))
        for of in (alloc, free):
            yield "0" if of is None else count(of, "operations")
        yield "0" if free is None else count(free, "remote_frees")
        for name in ("refills", "grows", "retries", "failed"):
            yield "0" if alloc is None else count(alloc, name)

    heads = ("allocs", "frees", "other node", "refills", "grows", "retries", "failed")
    means = "means of a replication; " if view.run.manifest.replications > 1 else ""
    title = f"what the allocator does ({means}other node: frees of another node's objects)"
    return _sheet(view, title, rows, heads, 0, lambda row: tuple(cells(row)), _some(view))


def time_sheet(view: View) -> Sheet:
    """Where the CPUs' time went; parts that are nowhere are left out."""
    rows = view.figures.rows("time")
    parts = [part for part in TIME_HEADS if any(row[part] for row in rows)]
    heads = [TIME_HEADS[part] for part in parts]
    title = "where the CPUs' time goes (shares of their time at work)"
    return _sheet(view, title, rows if parts else (), heads, 0, lambda row: [share(row, part) for part in parts], _some(view))


def nodes_sheet(view: View) -> Sheet:
    """Waits and holds by node and kind of lock; no rows where no lock was taken."""
    tails = {tuple(row[key] for key in ("point", "node", "kind", "what")): row for row in view.figures.rows("node_times")}

    def cells(row: Row) -> Iterator[str]:
        yield from (row["kind"], "none" if row["node"] < 0 else str(row["node"]), count(row, "acquisitions"))
        yield share(row, "contended_share")
        for what in ("wait", "hold"):
            tail = tails.get((row["point"], row["node"], row["kind"], what))
            yield from (time(row, f"mean_{what}_ns"), "" if tail is None else time(tail, "p99_ns"))

    heads = ("lock", "node", "taken", "contended", "mean wait", "p99 wait", "mean hold", "p99 hold")
    return _sheet(view, "locks by node", view.figures.rows("nodes"), heads, 1, lambda row: tuple(cells(row)), _some(view))


def paths_sheet(view: View) -> Sheet:
    """How operations were served, those that took most time first."""
    points = _one(view)
    rows, rest = _first(view, view.figures.rows("paths"), points)

    def cells(row: Row) -> Sequence[str]:
        part = (
            share(row, "share"),
            time(row, "mean_ns"),
            time(row, "p99_ns"),
            time_text(row["max_ns"]),
            share(row, "time_share"),
        )
        return row["op"], row["path"], *part

    heads = ("op", "path", "of its op", "mean", "p99", "max", "of all time")
    return _sheet(view, f"operations by path{rest}", rows, heads, 2, cells, points)


def caches_sheet(view: View) -> Sheet:
    """What caches cost, where there are several."""
    points = _one(view)
    rows, rest = _first(view, view.figures.rows("caches"), points)
    several = len({row["cache"] for row in rows}) > 1
    elsewhere = any(row["remote_frees"] for row in rows)

    def cells(row: Row) -> Sequence[str]:
        times = (time(row, "alloc_mean_ns"), time(row, "free_mean_ns"), time(row, "lost_ns"), share(row, "time_share"))
        remote = (count(row, "remote_frees"),) if elsewhere else ()
        return row["cache"], count(row, "allocs"), *remote, count(row, "grows"), *times

    other = ("other node",) if elsewhere else ()
    heads = ("cache", "allocs", *other, "grows", "mean alloc", "mean free", "lost to locks", "of time")
    return _sheet(view, f"operations by cache{rest}", rows if several else (), heads, 1, cells, points)


def locks_sheet(view: View) -> Sheet:
    """Locks by cache and node, those that cost most time first; no rows where no lock was taken."""
    points = _one(view)
    rows, rest = _first(view, view.figures.rows("locks"), points)

    def cells(row: Row) -> Sequence[str]:
        waits = (time(row, "mean_wait_ns"), time_text(row["max_wait_ns"]), time(row, "mean_hold_ns"))
        bounced = (
            (share(row, "busy_share"), share(row, "bounced_share"), time_text(row["max_hold_ns"])) if view.everything else ()
        )
        lost = (share(row, "lost_share"),)
        return lock_name(row), count(row, "acquisitions"), share(row, "contended_share"), *waits, *bounced, *lost

    wide = ("busy", "bounced", "max hold") if view.everything else ()
    heads = ("lock", "taken", "contended", "mean wait", "max wait", "mean hold", *wide, "of time lost")
    busy = " (busy: held or handed over; a lock's part of all hand-overs is by its contended acquisitions)" if wide else ""
    return _sheet(view, f"locks{rest}{busy}", rows, heads, 1, cells, points)


def waits_sheet(view: View) -> Sheet:
    """Who waits for whom in time lost; no rows where nobody waited for a lock."""
    points = _one(view)
    rows, rest = _first(view, view.figures.rows("waits_for"), points)

    def cells(row: Row) -> Sequence[str]:
        lost = (time(row, "lost_ns"), share(row, "lost_share"))
        return lock_name(row, node=False), row["waiter"], row["holder"], count(row, "waits"), *lost

    heads = ("lock", "waiting in", "for one taken in", "waits", "time lost", "share")
    total = sum(row["lost_ns"] for row in view.figures.rows("waits_for") if row["point"] in points)
    of = f"share of {time_text(total)} of CPU time" if len(points) == 1 else "share: of the setting's"
    return _sheet(view, f"who waits for whom ({of}{rest})", rows, heads, 3, cells, points)


def interrupts_sheet(view: View) -> Sheet:
    """How long interrupts were off and had to wait; no rows without a source of interrupts."""
    names = {IRQS_OFF: "off", IRQ_WAIT: "wait"}
    rows = [row for row in view.figures.rows("interrupts") if row["handled"]]

    def cells(row: Row) -> Sequence[str]:
        times = (time(row, name) for name in ("mean_ns", *metrics.QUANTILES))
        lost = count(row, "lost") if row["what"] == IRQ_WAIT else ""
        return names[row["what"]], count(row, "count"), *times, time_text(row["max_ns"]), lost

    heads = ("", "times", "mean", "p50", "p99", "p99.9", "max", "lost")
    return _sheet(view, "interrupts (off: how long at a time; wait: of those handled)", rows, heads, 1, cells, _some(view))


def upkeep_sheet(view: View) -> Sheet:
    """How long turns of upkeep took, what they hold and give back; no rows where a run ends before the first."""
    rows = view.figures.rows("upkeep")
    reaped = any(row["reaped"] is not None for row in rows)

    def cells(row: Row) -> Sequence[str]:
        times = (time(row, "mean_ns"), time(row, "p99_ns"), time_text(row["max_ns"]), time(row, "held_ns"), time(row, "lost_ns"))
        return NAMES[row["upkeep"]], count(row, "turns"), *times, *((count(row, "reaped"),) if reaped else ())

    back = ("slabs back",) if reaped else ()
    heads = ("upkeep", "turns", "mean", "p99", "max", "holds locks", "others wait", *back)
    title = "upkeep of a replication (holds locks: in a turn; others wait: behind all turns)"
    return _sheet(view, title, rows, heads, 1, cells, _some(view))


def upkeep_locks_sheet(view: View) -> Sheet:
    """Which locks turns of upkeep hold, how long, and who waits behind that; no rows where a run ends before the first."""
    points = _one(view)
    rows, rest = _first(view, view.figures.rows("upkeep_locks"), points)

    def cells(row: Row) -> Sequence[str]:
        holds = (time(row, "turn_ns"), count(row, "holds"), time_text(row["max_hold_ns"]))
        waits = (count(row, "waits"), time_text(row["max_wait_ns"]), share(row, "lost_share"))
        return NAMES[row["upkeep"]], lock_name(row), *holds, *waits

    heads = ("upkeep", "lock", "held a turn", "holds", "longest", "waits", "longest", "of time lost")
    return _sheet(view, f"locks held for upkeep, and waits of others behind that{rest}", rows, heads, 2, cells, points)


TABLES: Final[dict[str, Callable[[View], Sheet]]] = {
    "rates": rates_sheet,
    "times": times_sheet,
    "response": response_sheet,
    "loads": loads_sheet,
    "steady": steady_sheet,
    "counts": counts_sheet,
    "time": time_sheet,
    "nodes": nodes_sheet,
    "spent": spent_sheet,
    "paths": paths_sheet,
    "caches": caches_sheet,
    "locks": locks_sheet,
    "waits": waits_sheet,
    "interrupts": interrupts_sheet,
    "upkeep": upkeep_sheet,
    "upkeep_locks": upkeep_locks_sheet,
}
"""Every table by the name that `slabdes show --table` takes."""
OF_FIGURES: Final = ("time", "nodes")
"""Tables of what figures show."""

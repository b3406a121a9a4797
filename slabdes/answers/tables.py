# SPDX-License-Identifier: GPL-2.0-only
"""A run's tables: rates, times, what the allocator did, where time went, paths, caches, locks, who waits for whom, interrupts.

A sweep's long tables show one setting and name it in their title. Leaves out how a table is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from slabdes.answers.figures import (
    count,
    lock_name,
    share,
    time,
)
from slabdes.answers.slub import layout_sheet, slub_sheet
from slabdes.answers.view import View as View  # handed on: who looks at tables begins with a view
from slabdes.answers.view import first_rows, make_sheet, one_point, some_points
from slabdes.answers.view import view_of as view_of  # likewise
from slabdes.measures.estimates import Row
from slabdes.measures.steady import steady
from slabdes.results import metrics
from slabdes.results.frames import IRQ_WAIT, IRQS_OFF
from slabdes.results.text import Sheet, count_text, share_text, time_text
from slabdes.results.upkeep import NAMES

Make = Callable[[View], Sheet]


def sheets(view: View) -> list[Sheet]:
    """The run's tables; none without rows, and those of figures only where everything is to be seen."""
    return [sheet for make in shown_tables(view) if (sheet := make(view)).rows]


def shown_tables(view: View) -> list[Make]:
    """What makes each of them, in their order."""
    return [make for name, make in TABLES.items() if view.everything or name not in OF_FIGURES]


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
    return make_sheet(view, "rates, and shares of the CPUs' time", view.figures.rows("rates"), heads, 0, cells)


def times_sheet(view: View) -> Sheet:
    """Latencies, a row a point and operation."""
    return make_sheet(view, "how long operations take", view.figures.rows("summary"), _TIMES_HEADS, 1, _times, some_points(view))


_TIMES_HEADS: Final = ("op", "mean", "p50", "p99", "p99.9", "max")


def _times(row: Row) -> Sequence[str]:
    """The cells of a row of times."""
    return row["op"], *(time(row, name) for name in ("mean_ns", *metrics.QUANTILES)), time_text(row["max_ns"])


def response_sheet(view: View) -> Sheet:
    """Response times, a row a point and operation; no rows where no operation arrives."""
    title = "response times, from an operation's arrival on, however late it begins"
    return make_sheet(view, title, view.figures.rows("response"), _TIMES_HEADS, 1, _times, some_points(view))


def loads_sheet(view: View) -> Sheet:
    """A sweep of rates, load by load: what is offered and answered, response times of all operations; no rows without one."""

    def cells(row: Row) -> Sequence[str]:
        times = (time(row, name) for name in ("mean_ns", *metrics.QUANTILES))
        return count(row, "operations_per_s"), *times, share_text(row["growing"])

    heads = ("answered/s", "mean", "p50", "p99", "p99.9", "backlog grows")
    title = "response times by load, all operations (backlog grows: in so many replications)"
    return make_sheet(view, title, view.figures.rows("loads"), heads, 0, cells, some_points(view))


def spent_sheet(view: View) -> Sheet:
    """Where the time of operations went; parts that are nowhere are left out."""
    rows = view.figures.rows("operations_time")
    parts = [part for part in SPENT_HEADS if any(row[part] for row in rows)]
    heads = ("op", *(SPENT_HEADS[part] for part in parts))

    def cells(row: Row) -> Sequence[str]:
        return row["op"], *(share(row, part) for part in parts)

    return make_sheet(
        view,
        "where the time of operations goes (shares of their time, not of the CPUs')",
        rows if parts else (),
        heads,
        1,
        cells,
        one_point(view),
    )


def steady_sheet(view: View) -> Sheet:
    """How much warm-up is in no figure, where sentences do not say it all; no rows where there is no steady state."""

    def cells(row: Row) -> Sequence[str]:
        times = (time_text(row["warm_up_ns"]), time_text(row["took_ns"]))
        return *times, count_text(row["cut"]), count_text(row["operations"]), f"{row['settled']} of {row['replications']}"

    heads = ("warm-up", "counted", "operations cut", "of", "settled")
    what = "warm-up, by MSER, which is in no other table (means of a replication)"
    rows = steady(view.run.frames) if view.everything or len(view.points) > 1 else []
    return make_sheet(view, what, rows, heads, 0, cells, some_points(view))


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


GROWS_FAILED: Final = {"grows_failed": "grows failed"}
"""Slabs that were wanted and not made, beside those that were."""


def counts_sheet(view: View) -> Sheet:
    """What the allocator did, a row a point; no rows without an allocator."""
    by_op = {(row["point"], row["op"]): row for row in view.figures.rows("summary") if row["op"] != "section"}
    rows = [
        by_op.get((point, "alloc")) or by_op[point, "free"]
        for point in some_points(view)
        if {(point, "alloc"), (point, "free")} & {*by_op}
    ]

    slub = bool(view.run.frames.slub.height)
    tried = ("grows_failed",) if any(row["grows_failed"] for row in rows) else ()
    names = ("refills", "grows", *tried, *(() if slub else ("retries",)), "failed")

    def cells(row: Row) -> Iterator[str]:
        alloc, free = (by_op.get((row["point"], op)) for op in ("alloc", "free"))
        for of in (alloc, free):
            yield "0" if of is None else count(of, "operations")
        if not slub:
            yield "0" if free is None else count(free, "remote_frees")
        for name in names:
            yield "0" if alloc is None else count(alloc, name)

    means = "means of a replication; " if view.run.manifest.replications > 1 else ""
    other = "other node: frees of another node's objects"
    told = means.removesuffix("; ") if slub else means + other
    title = f"what the allocator does ({told})" if told else "what the allocator does"
    heads = ("allocs", "frees", *(() if slub else ("other node",)), *(GROWS_FAILED.get(name, name) for name in names))
    return make_sheet(view, title, rows, heads, 0, lambda row: tuple(cells(row)), some_points(view))


def time_sheet(view: View) -> Sheet:
    """Where the CPUs' time went; parts that are nowhere are left out."""
    rows = view.figures.rows("time")
    parts = [part for part in TIME_HEADS if any(row[part] for row in rows)]
    heads = [TIME_HEADS[part] for part in parts]
    title = "where the CPUs' time goes (shares of their time at work)"
    return make_sheet(
        view, title, rows if parts else (), heads, 0, lambda row: [share(row, part) for part in parts], some_points(view)
    )


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
    return make_sheet(
        view, "locks by node", view.figures.rows("nodes"), heads, 1, lambda row: tuple(cells(row)), some_points(view)
    )


def paths_sheet(view: View) -> Sheet:
    """How operations were served, those that took most time first."""
    points = one_point(view)
    rows, rest = first_rows(view, view.figures.rows("paths"), points)

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
    return make_sheet(view, f"operations by path{rest}", rows, heads, 2, cells, points)


def caches_sheet(view: View) -> Sheet:
    """What caches cost, where there are several."""
    points = one_point(view)
    rows, rest = first_rows(view, view.figures.rows("caches"), points)
    several = len({row["cache"] for row in rows}) > 1
    elsewhere = any(row["remote_frees"] for row in rows)

    def cells(row: Row) -> Sequence[str]:
        times = (time(row, "alloc_mean_ns"), time(row, "free_mean_ns"), time(row, "lost_ns"), share(row, "time_share"))
        remote = (count(row, "remote_frees"),) if elsewhere else ()
        return row["cache"], count(row, "allocs"), *remote, count(row, "grows"), *times

    other = ("other node",) if elsewhere else ()
    heads = ("cache", "allocs", *other, "grows", "mean alloc", "mean free", "lost to locks", "of time")
    return make_sheet(view, f"operations by cache{rest}", rows if several else (), heads, 1, cells, points)


def locks_sheet(view: View) -> Sheet:
    """Locks by cache and node, those that cost most time first; no rows where no lock was taken."""
    points = one_point(view)
    rows, rest = first_rows(view, view.figures.rows("locks"), points)

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
    return make_sheet(view, f"locks{rest}{busy}", rows, heads, 1, cells, points)


def waits_sheet(view: View) -> Sheet:
    """Who waits for whom in time lost; no rows where nobody waited for a lock."""
    points = one_point(view)
    rows, rest = first_rows(view, view.figures.rows("waits_for"), points)

    def cells(row: Row) -> Sequence[str]:
        lost = (time(row, "lost_ns"), share(row, "lost_share"))
        return lock_name(row, node=False), row["waiter"], row["holder"], count(row, "waits"), *lost

    heads = ("lock", "waiting in", "for one taken in", "waits", "time lost", "share")
    total = sum(row["lost_ns"] for row in view.figures.rows("waits_for") if row["point"] in points)
    of = f"share of {time_text(total)} of CPU time" if len(points) == 1 else "share: of the setting's"
    return make_sheet(view, f"who waits for whom ({of}{rest})", rows, heads, 3, cells, points)


def interrupts_sheet(view: View) -> Sheet:
    """How long interrupts were off and had to wait; no rows without a source of interrupts."""
    names = {IRQS_OFF: "off", IRQ_WAIT: "wait"}
    rows = [row for row in view.figures.rows("interrupts") if row["handled"]]

    def cells(row: Row) -> Sequence[str]:
        times = (time(row, name) for name in ("mean_ns", *metrics.QUANTILES))
        lost = count(row, "lost") if row["what"] == IRQ_WAIT else ""
        return names[row["what"]], count(row, "count"), *times, time_text(row["max_ns"]), lost

    heads = ("", "times", "mean", "p50", "p99", "p99.9", "max", "lost")
    return make_sheet(
        view, "interrupts (off: how long at a time; wait: of those handled)", rows, heads, 1, cells, some_points(view)
    )


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
    return make_sheet(view, title, rows, heads, 1, cells, some_points(view))


def upkeep_locks_sheet(view: View) -> Sheet:
    """Which locks turns of upkeep hold, how long, and who waits behind that; no rows where a run ends before the first."""
    points = one_point(view)
    rows, rest = first_rows(view, view.figures.rows("upkeep_locks"), points)

    def cells(row: Row) -> Sequence[str]:
        holds = (time(row, "turn_ns"), count(row, "holds"), time_text(row["max_hold_ns"]))
        waits = (count(row, "waits"), time_text(row["max_wait_ns"]), share(row, "lost_share"))
        return NAMES[row["upkeep"]], lock_name(row), *holds, *waits

    heads = ("upkeep", "lock", "held a turn", "holds", "longest", "waits", "longest", "of time lost")
    return make_sheet(view, f"locks held for upkeep, and waits of others behind that{rest}", rows, heads, 2, cells, points)


TABLES: Final[dict[str, Make]] = {
    "rates": rates_sheet,
    "times": times_sheet,
    "response": response_sheet,
    "loads": loads_sheet,
    "steady": steady_sheet,
    "counts": counts_sheet,
    "layout": layout_sheet,
    "slub": slub_sheet,
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

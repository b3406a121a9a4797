# SPDX-License-Identifier: GPL-2.0-only
"""What a run says in a few sentences: what limits, who waits behind whom, how sure that is, and what it does not tell.

All of it is made from the run's own figures. Leaves out what a replay says of its load (`loads`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from slabdes.answers.best import asked_answer, best
from slabdes.answers.causes import LITTLE, PARTS, bunched
from slabdes.answers.figures import count, label_keys, listed, lock_name, point_name, share, some_assumed, spread_text, time
from slabdes.answers.missing import never_came
from slabdes.answers.response import response_answer
from slabdes.answers.slub import limits_told
from slabdes.answers.steady import warm_up_kept, warm_up_told
from slabdes.answers.tables import View
from slabdes.answers.tail import tail_answer
from slabdes.errors import MAX_LINE, shown
from slabdes.measures.assumed import assumed_costs
from slabdes.measures.estimates import Row
from slabdes.measures.knee import load_lines
from slabdes.results import metrics
from slabdes.results.text import share_text, time_text

MOST_LOCKS: Final = 3
MOST_SERIES: Final = 3
WIDE: Final = 0.2
"""An interval of more than this part of its figure to either side is told as wide (assumed)."""
FEW: Final = 10
"""A percentile that fewer operations exceed is hardly known, whatever its interval (assumed)."""
UPKEEP_TURNS: Final = {
    "reap": "Turns of cache_reap",
    "slabinfo": "Readings of /proc/slabinfo",
    "shrink": "Shrinks",
    "drain": "Calls of do_drain for a shrink",
    "rcu": "Turns of RCU callbacks",
    "change": "Changes of sheaves",
    "flush": "CPUs' flushes for a shrink or a change",
}


def answer(view: View) -> list[str]:
    """Two to six sentences, made from the figures, and those on a replayed trace that the manifest has."""
    point = view.most_waiting()
    asked = asked_answer(view)
    told = _range(view, bool(asked)) if len(view.points) > 1 and not load_lines(view.figures) else []
    times = [f"{shown(sentence, MAX_LINE)}." for sentence in view.run.manifest.times]
    behind = [*_behind(view, point), *_bunched(view, point), *_upkeep(view, point), *limits_told(view), *_sides(view, point)]
    first = [*never_came(view), *asked, *told, *response_answer(view, point)]
    sure = [*warm_up_told(view, point), _sure(view, point), *tail_answer(view, point)]
    return [*first, _limits(view, point), *behind, *sure, *times, _not_told(view)]


def _row(view: View, table: str, point: int) -> Row:
    return next(row for row in view.figures.rows(table) if row["point"] == point)


def _rate(row: Row) -> str:
    return f"{count(row, 'operations_per_s')} operations/s"


def _range(view: View, ranked: bool) -> list[str]:
    """How throughput goes along a sweep: by CPUs for each series, or which setting is best where nothing has said so."""
    rows = view.figures.rows("rates")
    if view.run.points["cpus"].n_unique() > 1 and "cpus" in (metrics.x_key(view.run.frames), *label_keys(view.run.frames)):
        keys = [key for key in metrics.series_keys(view.run.frames) if key != "cpus"]
        series: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            series.setdefault(tuple(row[key] for key in keys), []).append(row)
        if all(len({row["cpus"] for row in mine}) == len(mine) > 1 for mine in series.values()):
            told = [_along(name, mine) for name, mine in list(series.items())[:MOST_SERIES]]
            rest = f"; {len(series) - MOST_SERIES} more are in the table" if len(series) > MOST_SERIES else ""
            return [f"{'; '.join(told)}{rest}."]
    return [] if ranked else [best(view)]


def _along(name: Sequence[Any], rows: Sequence[Row]) -> str:
    """One series by CPUs: its first, its best and its last point, and whether it has a peak."""
    ordered = sorted(rows, key=lambda row: int(row["cpus"]))
    first, last = ordered[0], ordered[-1]
    best = max(ordered, key=lambda row: float(row["operations_per_s"]))
    called = f"{' '.join(map(str, name))}: " if name else ""
    begin = f"{called}{_rate(first)} on {first['cpus']} CPU{'s' * (first['cpus'] != 1)}"
    end = f"{count(last, 'operations_per_s')} on {last['cpus']}"
    if best is last and len(ordered) > 2:
        alike = [str(row["cpus"]) for row in ordered[:-1] if not _apart(best, row)]
        peak = f"the most, but not told from that on {listed(alike)}: where its peak is, is not known" if alike else ""
        return f"{begin}, {end}, {peak or 'the most: no peak within these'}"
    if best in (first, last):
        return f"{begin}, {end}"
    alike = [str(row["cpus"]) for row in (first, last) if not _apart(best, row)]
    chance = f", not told from that on {listed(alike)}" if alike else ""
    return f"{begin}, most on {best['cpus']} ({count(best, 'operations_per_s')}{chance}), {end}"


def _apart(one: Row, other: Row) -> bool:
    """Whether the intervals of two rates have nothing in common; without intervals nobody asks."""
    high, low = one.intervals["operations_per_s"], other.intervals["operations_per_s"]
    return high.low is None or low.high is None or low.is_beneath(high)


def _limits(view: View, point: int) -> str:
    rate, spent = _row(view, "rates", point), _row(view, "time", point)
    name = point_name(view.run.frames, point)
    where = f"With {name}, where they wait most, CPUs" if name else "CPUs"
    waiting = share(rate, "share_waiting")
    if rate["share_waiting"] < LITTLE:
        parts = sorted(PARTS, key=lambda part: -float(spent[part]))
        rest = " and ".join(f"{PARTS[part]} ({share(spent, part)})" for part in parts[:2] if spent[part] > 0)
        where = f"Even with {name}, where they wait most, CPUs" if name else "CPUs"
        return f"{where} hardly wait for locks ({waiting} of their time, {_rate(rate)}); it goes to {rest or 'nothing'}."
    locks = [row for row in view.figures.rows("locks") if row["point"] == point and row["lost_share"] > 0]
    told = f"{where} spend {waiting} of their time waiting for locks ({_rate(rate)}){f', {_lost(locks)}' if locks else ''}"
    others = [part for part in ("partner_wait", "slot_wait") if spent[part] >= LITTLE]
    return told + "".join(f"; {share(spent, part)} goes to {PARTS[part]}" for part in others) + "."


def _lost(locks: Sequence[Row]) -> str:
    """Which locks the time is lost to: the greatest ones, until most of it is told."""
    total = sum(row["lost_ns"] for row in locks)
    named: list[str] = []
    told = 0.0
    for row in locks[:MOST_LOCKS]:
        if told >= 0.9:
            break
        named.append(f"{share_text(row['lost_share'])} of it to {lock_name(row)}")
        told += row["lost_share"]
    return f"{time_text(total)} of CPU time a replication: {listed(named)}"


def _behind(view: View, point: int) -> Iterator[str]:
    """Who waits behind whom, where waiting is worth it; and the path on which allocations and frees lose their time."""
    pairs = [row for row in view.figures.rows("waits_for") if row["point"] == point]
    if pairs and _row(view, "rates", point)["share_waiting"] >= LITTLE:
        first = pairs[0]
        told = f"Most is lost by {first['waiter']} waiting behind {first['holder']} ({share_text(first['lost_share'])})"
        if first["waiter"] == first["holder"]:
            told = f"Most is lost by CPUs in {first['waiter']} waiting behind each other ({share_text(first['lost_share'])})"
        if len(pairs) > 1 and pairs[1]["lost_share"] >= LITTLE:
            told += f", then by {_behind_whom(pairs[1])} ({share_text(pairs[1]['lost_share'])})"
    else:
        told = ""
    paths = [row for row in view.figures.rows("paths") if row["point"] == point]
    if len(paths) > 1:
        dearest = max(paths, key=lambda row: float(row["time_share"]))
        of_all = f"{share_text(dearest['time_share'])} of the time of all operations"
        path = f"goes to {dearest['op']}s by path {dearest['path']}, {share_text(dearest['share'])} of {dearest['op']}s"
        told = f"{told}; {of_all} {path}" if told else f"{of_all[0].upper()}{of_all[1:]} {path}"
    if told:
        yield f"{told}."


def _upkeep(view: View, point: int) -> Iterator[str]:
    """What turns of upkeep take and hold, where others lose much behind them, altogether or one of them."""
    slow = [row["p999_ns"] for row in view.figures.rows("summary") if row["point"] == point and row["p999_ns"] is not None]
    for row in (row for row in view.figures.rows("upkeep") if row["point"] == point):
        locks = [lock for lock in view.figures.rows("upkeep_locks") if (lock["point"], lock["upkeep"]) == (point, row["upkeep"])]
        lost = sum(lock["lost_share"] for lock in locks)
        longest = max((lock["max_wait_ns"] or 0.0 for lock in locks), default=0.0)
        if lost >= LITTLE or any(longest >= time for time in slow):
            held = max(locks, key=lambda lock: float(lock["held_ns"]))
            yield (
                f"{UPKEEP_TURNS[row['upkeep']]} ({count(row, 'turns')}, {time(row, 'mean_ns')} each) hold locks for "
                f"{time(row, 'held_ns')} of that, {lock_name(held)} for up to {time_text(held['max_hold_ns'])} at a time; waits "
                f"behind them take {time(row, 'lost_ns')} ({share_text(lost)} of the time lost), up to {time_text(longest)} each."
            )


def _bunched(view: View, point: int) -> Iterator[str]:
    """Why the lock that costs most is contended more often than it is held."""
    manifest = view.run.manifest
    together = "CPUs come for it in bursts, at the same time"
    if manifest.workload == "burst":
        together = "CPUs come for it at the same time, as their bursts begin together"
    elif manifest.workload == "trace":
        row = view.run.points.filter(point=point).row(0, named=True)
        if row.get("workload.copies", manifest.experiment["workload"].get("copies", 1)) > 1:
            together = "CPUs come for it in bursts, and those of all copies at nearly the same time"
    locks = [row for row in view.figures.rows("locks") if row["point"] == point and row["lost_share"] > 0]
    if locks and (told := bunched(locks[0], together)):
        yield told


def _sides(view: View, point: int) -> Iterator[str]:
    """On which nodes the CPUs are that allocate for others, and those that free for them."""
    if view.run.manifest.workload != "producer_consumer":
        return
    on: dict[str, set[int]] = {"allocs": set(), "frees": set()}
    for row in metrics.at_work(view.run.frames.of_points([point])).iter_rows(named=True):
        for did, nodes in on.items():
            nodes.update([row["node"]] if row[did] else [])
    first, second = (f"node{'s' * (len(nodes) != 1)} {listed([str(node) for node in sorted(nodes)])}" for nodes in on.values())
    name = point_name(view.run.frames, point)
    yield f"Producers are on {first}, consumers on {second}{f' with {name}' if name else ''}."


def _behind_whom(pair: Row) -> str:
    if pair["waiter"] == pair["holder"]:
        return f"CPUs in {pair['waiter']} behind each other"
    return f"{pair['waiter']} behind {pair['holder']}"


def _sure(view: View, point: int) -> str:
    """What the replications say, and the percentile that is known least."""
    repeated = view.run.manifest.replications
    if repeated < 2:
        return "1 replication: no interval, so how far these figures are chance is not known (replications = 5 gives one)."
    rows = [row for row in view.figures.rows("summary") if row["point"] == point]
    told = [
        f"p99 of {row['op']}: {metrics.TOO_FEW['p99_ns']}"
        if row["p99_ns"] is None
        else f"p99 of {row['op']} is {time(row, 'p99_ns')}"
        for row in rows
    ]
    name = point_name(view.run.frames, point)
    wide = [
        f"{head} of {row['op']}" + (f" ({spread_text(row.intervals[column])})" if column != "p99_ns" else "")
        for row in rows
        for column, head in (("p99_ns", "p99"), ("p999_ns", "p99.9"))
        if _is_wide(row, column)
    ]
    rest = f"; too uncertain to quote: {', '.join(wide)}" if wide else ""
    return f"From {repeated} replications, 95 % intervals (±): {', '.join(told)}{f' with {name}' if name else ''}{rest}."


def _is_wide(row: Row, column: str) -> bool:
    interval = row.intervals.get(column)
    return interval is not None and interval.half_width is not None and interval.half_width > WIDE * interval.value


def _not_told(view: View) -> str:
    """What not to conclude from this."""
    told = [*_few(view), *warm_up_kept(view), *_assumed(view), *_passed(view), *_one_node(view), *_settings(view)]
    return f"Not to be concluded: {'; '.join(told)}."


def _few(view: View) -> Iterator[str]:
    """Percentiles that a handful of operations decide."""
    repeated = view.run.manifest.replications
    rows = view.figures.rows("summary")
    few = [row for row in rows if row["operations"] * repeated * (1 - metrics.QUANTILES["p999_ns"]) < FEW and row["p999_ns"]]
    if few:
        ops = listed(sorted({row["op"] for row in few}))
        where = "" if len(few) == len(rows) else " at settings of few operations"
        yield f"anything from p99.9 of {ops}{where}, which fewer than {FEW} operations exceed"


def _assumed(view: View) -> Iterator[str]:
    """Machines whose costs are partly assumed."""
    if told := assumed_costs(view.run):
        yield f"exact times, as costs are assumed ({some_assumed(told)})"


def _passed(view: View) -> Iterator[str]:
    """What the target `two_cpus` of `slabdes validate` finds too fast: a producer and a consumer on real cores."""
    if view.run.manifest.workload in ("trace", "producer_consumer"):
        found = "validate finds a producer and a consumer taking 0.7 of the time measured"
        yield f"that objects pass between CPUs as fast as here ({found})"


def _one_node(view: View) -> Iterator[str]:
    """That a machine has nodes whose cost no CPU pays, since all CPUs that do anything are on one."""
    if view.run.points["cpus"].max() == 1:
        return
    nodes = [view.run.manifest.machines.get(name, {}).get("nodes") for name in view.run.points["machine"].to_list()]
    at_work = metrics.at_work(view.run.frames)
    used = [at_work.filter(point=point)["node"].unique().to_list() for point in view.points]
    several = [len(there) for there in nodes if isinstance(there, list) and len(there) > 1]
    if len(several) == len(nodes) and all(len(mine) == 1 for mine in used):
        how = "--cpus spread" if view.run.manifest.workload == "trace" else "machine.placement = spread"
        yield f"what other nodes cost, as all CPUs at work are on node {used[0][0]} of {several[0]} ({how} takes several)"


def _settings(view: View) -> Iterator[str]:
    """What was held fixed."""
    workload = view.run.manifest.workload
    if workload == "trace":
        yield "anything at another load than this, which think times alone decide"
    elif len(view.points) == 1:
        yield f"anything of another workload, machine or setting than this {workload.replace('_', ' ') or 'one'}"
    else:
        yield "anything between or beyond these settings"

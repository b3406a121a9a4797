# SPDX-License-Identifier: GPL-2.0-only
"""Why two sides differ, and why figures seem not to agree: a lock seldom held and often contended, means against waiting.

Leaves out whether they differ by more than chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from slabdes.answers.figures import listed, lock_name
from slabdes.answers.figures import share as share_of
from slabdes.answers.named import measure_name
from slabdes.measures.causes import LATE, Share, Split, causes
from slabdes.measures.compare import Compared, Pair
from slabdes.measures.estimates import Row
from slabdes.measures.names import HIGHER_IS_BETTER, RATES, RESPONSE
from slabdes.measures.percentiles import Placed
from slabdes.results.text import share_text, time_text
from slabdes.stats.intervals import Interval, section_interval

LEAST_CONTENDED: Final = 0.05
BUNCHED: Final = 3.0
"""A lock is told to be taken in bursts from this share of contended acquisitions on, and from so many times its share of time
held or handed over, which who comes at any time would find (assumed)."""
FEWEST_TAKEN: Final = 30
"""Acquisitions below which that may be chance (assumed)."""
_WAITING: Final = ("lock_wait", "handoff")
_SPENT: Final = {
    "line": "cache lines",
    "local_memory": "memory",
    "remote_memory": "another node's memory",
    "pages": "the page allocator",
    "first_touch": "the first touch of objects",
    "work": "the paths' own work",
    "interrupts": "interrupts",
}
"""What the other parts of an operation's time go to."""
LITTLE: Final = 0.01
"""A share of time that is not worth a sentence (assumed)."""
PARTS: Final = {
    "think": "thinking, outside the allocator",
    "slot_wait": "waiting for other CPUs: for objects, or at a barrier",
    "partner_wait": "waiting for the other side of the exchange",
    "line": "waiting for cache lines",
    "local_memory": "waiting for memory",
    "remote_memory": "waiting for another node's memory",
    "pages": "the page allocator",
    "first_touch": "the first touch of objects",
    "work": "the paths' own work",
}
"""What the parts of a CPU's time are, but for locks."""
MOST_CAUSES: Final = 3
WHY: Final = "Why:"
PART_WORDS: Final = PARTS | {
    "lock_wait": "waiting for locks",
    "handoff": "the hand-over of locks",
    "interrupts": "interrupts taken meanwhile",
    LATE: "waiting to be begun",
}
"""What the parts of an operation's time are."""
_OPERATIONS: Final = {"alloc": "an allocation", "free": "a free", "section": "a critical section"}


def bunched(row: Row, together: str) -> str:
    """Why a lock is contended more often than it is busy, as a sentence; nothing where it is not. `together` says why."""
    often = float(row["contended_share"])
    if row["acquisitions"] < FEWEST_TAKEN or often < max(LEAST_CONTENDED, BUNCHED * row["busy_share"]):
        return ""
    busy, found = share_of(row, "busy_share"), share_of(row, "contended_share")
    return (
        f"{lock_name(row)} is held or handed over {busy} of the time, and yet {found} of acquisitions find it taken: {together}."
    )


def opposed(op: str, before: Split, after: Split, waiting: float) -> str:
    """Why an operation's mean time moves one way and waiting, by `waiting` of CPU time, the other; nothing where they do not.

    `before` and `after` are the sides' times by what they were spent on.
    """
    if op not in before or op not in after:
        return ""
    change = {part: after[op][part] - before[op][part] for part in after[op]}
    mean = sum(change.values())
    if not mean * waiting < 0:
        return ""
    waited = sum(change[part] for part in _WAITING)
    part = max(_SPENT, key=lambda part: change[part] / mean)
    more = "less" if mean < 0 else "more"
    rises = "rises" if waiting > 0 else "falls"
    goes = f"{time_text(abs(change[part]))} {more} goes to {_SPENT[part]}"
    told = f"{op.capitalize()}s take {more} time although waiting {rises}: {goes}"
    if waited * mean < 0:
        return f"{told}, against {time_text(abs(waited))} {'more' if waited > 0 else 'less'} to waiting."
    share, moves = ("greater", "falls") if waiting > 0 else ("smaller", "rises")
    too = f"waiting takes {time_text(abs(waited))} {more} of each, too, and is"
    return f"{told}; {too} a {share} share of CPU time since the rest {moves} more."


def why(pair: Pair, rows: Sequence[Compared]) -> Iterator[str]:
    """Why measures change: which paths percentiles lie among, and, once an operation, what its mean time changes by.

    Percentiles have no parts. Of all operations for rates; nothing for upkeep and interrupts, which are no operations.
    """
    told: set[str] = set()
    for row in rows:
        around = list(_paths_around(pair, row.measure))
        yield from around
        who = "" if row.measure in RATES else row.measure.partition("_")[0]
        if who not in told:
            yield from _mean(pair, row, who, "On average" if around else WHY)
        told.add(who)


def _paths_around(pair: Pair, measure: str) -> Iterator[str]:
    """Which paths the operations around a percentile take, on the first side and then on the second."""
    before, after = (side.get(measure) for side in pair.placed)
    if before is None or after is None:
        return
    names = list(dict.fromkeys([*before.near, *after.near]))
    of_all = [f"{share_text(before.of_all.get(path, 0.0))}, then {share_text(after.of_all.get(path, 0.0))}" for path in names]
    told = f"{WHY} around {measure_name(measure)} operations take"
    if len(names) == 1:
        yield f"{told} the path {names[0]} on both sides; of all, {of_all[0]} do."
    else:
        listing = listed([f"{path} {shares}" for path, shares in zip(names, of_all, strict=True)])
        yield f"{told} {_shares(before.near)}, then {_shares(after.near)}; of all, {listing}."


def _shares(paths: Mapping[str, float]) -> str:
    return listed([path if len(paths) == 1 else f"{path} ({share_text(share)})" for path, share in paths.items()])


def edges(measures: Sequence[str], sides: Mapping[str, Mapping[str, Placed]]) -> Iterator[str]:
    """Which of these percentiles stand on an edge between paths, where little moves them far; `sides` by what they are called."""
    for measure in measures:
        for name, side in sides.items():
            there = side.get(measure)
            if there is not None and there.on_edge:
                reach = f"single replications have {time_text(there.least_ns)} to {time_text(there.most_ns)}"
                of = f" of {name}" if name else ""
                yield (
                    f"{measure_name(measure)}{of} stands on an edge between the paths {listed([*there.near])}, so that a little "
                    f"moves it far: {reach}, and an interval from few of them holds less often than it says."
                )


def _mean(pair: Pair, row: Compared, who: str, begin: str) -> Iterator[str]:
    """What the mean changes by, where that is told from chance, as a sentence that begins so."""
    op, arrived = who.removesuffix(RESPONSE), who.endswith(RESPONSE)
    if op and op not in _OPERATIONS:
        return
    found = causes(*pair.spent, op or None, arrived)
    mean = found.mean
    if not mean.change:
        return
    name = _OPERATIONS.get(op, "an operation")
    each = [causes(*sides, op or None, arrived) for sides in pair.each_spent]
    if op:
        judged = pair.row(f"{who}_mean_ns")
        change = None if judged is None else judged.difference
    else:
        change = _interval(mean, [one.mean for one in each], row.first.confidence)
    if change is not None and change.contains(0.0):
        both = f"{time_text(mean.first)}, then {time_text(mean.second)}"
        yield f"{name[0].upper()}{name[1:]} takes {both} on average: not told apart."
        return
    level = row.first.confidence
    total = _change(mean, [one.mean for one in each], level)
    told = f"{name} takes {total}"
    told += " on average" * (begin == WHY) + " from its arrival on" * arrived
    told += f" ({time_text(mean.first)}, then {time_text(mean.second)})"
    if mean.change * row.difference.value * (-1 if row.measure in HIGHER_IS_BETTER else 1) < 0:
        yield f"The mean goes the other way: {told}."
        return
    parts = [f"{change} is {PART_WORDS[name]}" for name, change in _worth(found.parts, mean, [one.parts for one in each], level)]
    paths = [f"{change} on the path {name}" for name, change in _worth(found.paths, mean, [one.paths for one in each], level)]
    told += f"; {listed(parts)}" if parts else ""
    yield f"{begin} {told}" + ("." if arrived or not paths else f"; by path, {listed(paths)}.")


def _worth(shares: Sequence[Share], mean: Share, each: Sequence[Sequence[Share]], level: float) -> list[tuple[str, str]]:
    """Those that change by more than little of the mean and than chance, the largest, with how much."""
    least = LITTLE * max(mean.first, mean.second)
    found = []
    for share in shares:
        own = [next((one for one in some if one.name == share.name), Share(share.name, 0.0, 0.0)) for some in each]
        interval = _interval(share, own, level)
        if abs(share.change) >= least and not (interval.half_width and interval.contains(0.0)):
            found.append((share.name, _change(share, own, level)))
    return found[:MOST_CAUSES]


def _interval(share: Share, each: Sequence[Share], level: float) -> Interval:
    return section_interval(share.change, [one.change for one in each] or [share.change], level)


def _change(share: Share, each: Sequence[Share], level: float) -> str:
    """How much more or less, with half its interval over replications."""
    half = _interval(share, each, level).half_width
    more = "more" if share.change > 0 else "less"
    return f"{time_text(abs(share.change))}{f' ±{time_text(half)}' if half else ''} {more}"

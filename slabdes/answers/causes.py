# SPDX-License-Identifier: GPL-2.0-only
"""Why figures seem not to agree: a lock that is seldom held and often contended, means that move against waiting.

Leaves out whether they differ by more than chance.
"""

from __future__ import annotations

from typing import Final

from slabdes.answers.figures import lock_name, share
from slabdes.measures.causes import Split
from slabdes.measures.estimates import Row
from slabdes.results.text import time_text

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


def bunched(row: Row, together: str) -> str:
    """Why a lock is contended more often than it is busy, as a sentence; nothing where it is not. `together` says why."""
    often = float(row["contended_share"])
    if row["acquisitions"] < FEWEST_TAKEN or often < max(LEAST_CONTENDED, BUNCHED * row["busy_share"]):
        return ""
    busy, found = share(row, "busy_share"), share(row, "contended_share")
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

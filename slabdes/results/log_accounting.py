# SPDX-License-Identifier: GPL-2.0-only
"""Does time only go forward in an event log? A lock is held by one CPU at a time, and a CPU does one thing after another.

Holds exactly, since rows hold integers. Leaves out what the rows' times add up to (`accounting`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from slabdes.engine.event_log import Logged

if TYPE_CHECKING:
    import numpy as np


def check_log(rows: Mapping[Logged, np.ndarray[Any, Any]]) -> list[str]:
    """What cannot be in one replication's log, one sentence each; empty when all is well. `rows` in the order of the log.

    Holds: asked <= granted <= released, and a lock is granted when it was released before. Operations of a CPU: none ends
    before it starts or before the one ahead of it in the log; two have no time in common, unless one lies within the other, as
    an interrupt handler's do. Neither do a hold, an operation and a turn share a part of their times: one is all within the
    other, or none of it is.
    """
    holds = rows[Logged.HOLDS].tolist()
    operations = rows[Logged.OPERATIONS].tolist()
    turns = rows[Logged.TURNS].tolist()
    return [*_holds(holds), *_operations(operations), *_holds_within(holds, operations, turns)]


def _holds(holds: Iterable[list[int]]) -> Iterator[str]:
    released_at: dict[int, tuple[int, int]] = {}
    for lock, cpu, asked, granted, released in holds:
        if not asked <= granted <= released:
            yield f"lock {lock}: CPU {cpu} asked at {asked} ps, had it at {granted}, released it at {released}"
        before, by = released_at.get(lock, (granted, cpu))
        if granted < before:
            yield f"lock {lock}: CPU {cpu} had it at {granted} ps, CPU {by} released it at {before}"
        released_at[lock] = released, cpu


def _operations(operations: Iterable[list[int]]) -> Iterator[str]:
    lived: dict[int, list[tuple[int, int]]] = {}
    for cpu, start, end, *_what in operations:
        spans = lived.setdefault(cpu, [])
        if end < start:
            yield f"CPU {cpu}: an operation from {start} to {end} ps"
        if spans and end < spans[-1][1]:
            yield f"CPU {cpu}: an operation from {start} to {end} ps is told after one that ends at {spans[-1][1]}"
        yield from (f"CPU {cpu}: {sentence}" for sentence in _nest(spans, start, end))


def _nest(spans: list[tuple[int, int]], start: int, end: int) -> Iterator[str]:
    """Put a span behind others, in place of those within it; whether it shares only a part with one."""
    while spans and spans[-1][0] >= start:
        spans.pop()
    if spans and spans[-1][1] > start:
        yield f"from {spans[-1][0]} to {spans[-1][1]} ps, and from {start} to {end} at the same time"
    spans.append((start, end))


def _holds_within(holds: Iterable[list[int]], operations: Iterable[list[int]], turns: Iterable[list[int]]) -> Iterator[str]:
    spans = [(cpu, released, -asked) for _lock, cpu, asked, _granted, released in holds]
    spans += [(cpu, end, -start) for cpu, start, end, *_what in (*operations, *turns)]
    lived: dict[int, list[tuple[int, int]]] = {}
    for cpu, end, start in sorted(spans):
        yield from (f"CPU {cpu}, with its holds: {sentence}" for sentence in _nest(lived.setdefault(cpu, []), -start, end))

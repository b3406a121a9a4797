# SPDX-License-Identifier: GPL-2.0-only
"""`workload.trace.index.index_trace`, in batches of rows: what rows have in common is learned once, with how often it was said.

Lines are read in a thread, ahead of what is learned from them. Events are kept for `steps`; leaves out what comes of those.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np

from slabdes.ahead import Latest, ahead
from slabdes.files import stamp
from slabdes.scan.bytes import NONE, Table
from slabdes.scan.follow import Objects
from slabdes.scan.objects import CPU_BITS
from slabdes.scan.reader import RowReader
from slabdes.scan.rows import (
    ALLOC,
    CPU,
    HAS_OBJECT,
    HIDDEN_OBJECT,
    IS_ALLOC,
    IS_FREE,
    LINE,
    NAME,
    NO_OBJECT,
    NODE,
    OBJECT,
    TIME,
    WHAT,
)
from slabdes.scan.steps import KeptEvents
from slabdes.workload.programs import ANY_NODE
from slabdes.workload.trace import index as plain
from slabdes.workload.trace.caches import MAX_OBJECT_BYTES, CacheLearner
from slabdes.workload.trace.index import Tally, TraceIndex, index_of
from slabdes.workload.trace.lines import Progress

_BATCHES_AHEAD: Final = 2
"""Batches of rows that wait for being learned from, besides one on either side (a choice: 14 MB in all)."""


def index_rows(path: Path, kept: Path, progress: Progress | None = None) -> tuple[TraceIndex, KeptEvents]:
    """The same as `index_trace`, and its events kept in the file `kept`.

    Raises NotInNumbers where only that can read the trace, and OSError where the file cannot be written.
    """
    fingerprint = stamp(path)
    latest = Latest(progress)
    reader = RowReader(path, latest)
    learner = CacheLearner()
    tally, objects = Tally(), Objects()
    with closing(ahead(reader.batches(), _BATCHES_AHEAD, latest.tell)) as batches, kept.open("wb") as file:
        for rows in batches:
            _count(tally, rows)
            learner.named |= any(reader.texts[name] for name in np.unique(rows[:, NAME]).tolist())
            _follow(reader, learner, objects, rows).tofile(file)
    tally.reallocated, tally.freed_never_allocated = objects.reallocated, objects.stray
    index = index_of(reader, learner, tally, objects.count, fingerprint)
    return index, KeptEvents(kept, learner.keys, tuple(reader.texts))


def _count(tally: Tally, rows: Table) -> None:
    times, has_object = rows[:, TIME], rows[:, OBJECT]
    least, greatest = int(times.min()), int(times.max())
    if not tally.per_cpu:
        tally.least, tally.greatest = least, greatest
    tally.least, tally.greatest = min(tally.least, least), max(tally.greatest, greatest)
    cpus, counts = np.unique(rows[:, CPU], return_counts=True)
    for cpu, count in zip(cpus.tolist(), counts.tolist(), strict=True):
        tally.per_cpu[cpu] += count
    asking = rows[rows[:, NODE] != ANY_NODE]
    if len(asking):
        pairs, times_asked = np.unique(asking[:, (CPU, NODE)], axis=0, return_counts=True)
        for (cpu, node), count in zip(pairs.tolist(), times_asked.tolist(), strict=True):
            tally.asked[cpu, node] += count
    tally.no_object += int((has_object == NO_OBJECT).sum())
    tally.hidden += int((has_object == HIDDEN_OBJECT).sum())
    allocated = (has_object == HAS_OBJECT) & (rows[:, WHAT] == IS_ALLOC)
    tally.allocs += int(allocated.sum())
    tally.too_large += int((rows[allocated, ALLOC] > MAX_OBJECT_BYTES).sum())


def _follow(reader: RowReader, learner: CacheLearner, objects: Objects, rows: Table) -> Table:
    """Learn from the allocations and frees of `rows`; the events to keep.

    Raises InputError for the first row with which there is too much of something.
    """
    classes, seen = objects.classify(rows, IS_ALLOC, np.zeros(len(rows), np.int64))
    groups: list[int] = []
    ended = len(rows)
    for row, count in seen:
        groups.append(learner.allocated(reader.event(rows[row]), count))
        if learner.groups > plain.MAX_GROUPS:
            ended = row
            break
    numbers = np.array([*groups, NONE], np.int64)
    said = numbers[np.where(classes < len(groups), classes, NONE)] << CPU_BITS | rows[:, CPU]
    objects.make_room(rows)
    over, kept = objects.follow(rows[: ended + 1], said, plain.MAX_LIVE_OBJECTS)
    if over != NONE:
        raise plain.too_many_live(reader, int(rows[over, LINE]))
    if ended < len(rows):
        raise plain.too_many_groups(reader, int(rows[ended, LINE]))
    for row, count in objects.classify(rows, IS_FREE, said)[1]:
        known = int(said[row])
        learner.freed(reader.event(rows[row]), known >> CPU_BITS, known & ((1 << CPU_BITS) - 1), count)
    return kept

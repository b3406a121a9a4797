# SPDX-License-Identifier: GPL-2.0-only
"""`workload.trace.spool.write_steps` from the events that `index` kept, many at a time: the trace itself is not read again.

Leaves out the files of steps (`workload.trace.spool`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from slabdes.scan.bytes import NONE, Table
from slabdes.scan.entries import functions
from slabdes.scan.follow import Objects
from slabdes.scan.objects import (
    EVENT_COLUMNS,
    OPEN_CPU,
    OPEN_FATE,
    OPEN_NAME,
    OPEN_STEP,
    STEP_CACHE,
    STEP_COLUMNS,
    STEP_CPU,
    STEP_FLAGS,
    STEP_NODE,
    STEP_OP,
    STEP_SLOT,
    STEP_TIME,
)
from slabdes.scan.reader import ROWS_AT_A_TIME
from slabdes.workload.trace.caches import LEFT_OUT, Fate, GroupKey
from slabdes.workload.trace.events import MAX_CPU, Clock
from slabdes.workload.trace.index import TraceIndex
from slabdes.workload.trace.lines import Progress
from slabdes.workload.trace.spool import fates_in
from slabdes.workload.trace.writer import STEP_BYTES, StepWriter, read_records

_RECORD = (STEP_TIME, STEP_SLOT, STEP_CACHE, STEP_NODE, STEP_OP, STEP_FLAGS)
_EVENT = np.dtype((np.int64, EVENT_COLUMNS))


@dataclass(frozen=True)
class KeptEvents:
    """The events of a trace in the file `path`, in its order; those of no object and of unknown ones are left out."""

    path: Path
    groups: tuple[GroupKey, ...] = field(repr=False)
    """What an allocation's group is known by, by its number."""
    texts: tuple[str, ...] = field(repr=False)
    """Names, by their numbers."""

    def write(self, index: TraceIndex, places: Mapping[int, int], writer: StepWriter, progress: Progress | None) -> int:
        """The same as `write_steps`."""
        return _Steps(self, index, places, writer).write(progress)


class _Steps:
    """Steps on their way from events to a writer."""

    def __init__(self, kept: KeptEvents, index: TraceIndex, places: Mapping[int, int], writer: StepWriter) -> None:
        by_key = fates_in(index, places)
        self._kept = kept
        self._writer = writer
        self._fates: list[Fate] = [by_key[key] for key in kept.groups]
        self._start = index.first if index.clock is Clock.SECONDS else NONE
        self._objects = Objects()
        self._counts: Table = np.zeros(MAX_CPU + 1, np.int64)
        self._steps: Table = np.empty((ROWS_AT_A_TIME, STEP_COLUMNS), np.int64)

    def write(self, progress: Progress | None) -> int:
        """Write the steps of all events; the number of slots."""
        caches = np.array([fate.cache for fate in self._fates] or [LEFT_OUT], np.int64)
        opens = np.array([bool(fate.by_name) for fate in self._fates] or [False], np.int64)
        fates = np.where((caches == LEFT_OUT) & (opens == 0), NONE, np.arange(len(caches)))
        size = self._kept.path.stat().st_size
        for events, before in read_records(self._kept.path, _EVENT, ROWS_AT_A_TIME):
            self._write(events, fates, caches, opens)
            if progress is not None:
                progress((before + len(events)) * _EVENT.itemsize, size)
        self._writer.flush()
        return self._objects.slots

    def _write(self, events: Table, fates: Table, caches: Table, opens: Table) -> None:
        objects = self._objects
        objects.make_room(events)
        made = functions().make_steps(
            *(events, fates, caches, opens, objects.live, objects.state, self._counts),
            *(self._start, self._steps),
        )
        steps = self._steps[:made]
        corrections = self._tell_caches(steps)
        self._writer.append_all(steps[:, STEP_CPU], [steps[:, column] for column in _RECORD])
        for cpu, number, cache in corrections:
            self._writer.correct(cpu, number * STEP_BYTES, cache)

    def _tell_caches(self, steps: Table) -> list[tuple[int, int, int]]:
        """Set the cache of frees that tell it; CPU, number of its step and cache of each allocation that is another's then."""
        corrections = []
        for place in np.flatnonzero(steps[:, OPEN_FATE] != NONE).tolist():
            step = steps[place]
            fate = self._fates[step[OPEN_FATE]]
            cache = fate.by_name.get(self._kept.texts[step[OPEN_NAME]], fate.cache)
            if cache != fate.cache:
                step[STEP_CACHE] = cache
                corrections.append((int(step[OPEN_CPU]), int(step[OPEN_STEP]), cache))
        return corrections

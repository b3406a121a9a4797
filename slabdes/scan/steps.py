# SPDX-License-Identifier: GPL-2.0-only
"""`workload.trace.spool.write_steps`, in batches of rows: fates are looked up once for rows that say the same.

Leaves out the files (`workload.trace.spool`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from slabdes.scan.bytes import NONE, Table
from slabdes.scan.entries import functions
from slabdes.scan.follow import Objects
from slabdes.scan.objects import (
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
from slabdes.scan.reader import ROWS_AT_A_TIME, NotInNumbers, RowReader
from slabdes.scan.rows import IS_ALLOC, TIME
from slabdes.workload.trace.caches import LEFT_OUT, Fate, GroupKey, group_key
from slabdes.workload.trace.events import MAX_CPU, Clock
from slabdes.workload.trace.index import TraceIndex
from slabdes.workload.trace.lines import Progress
from slabdes.workload.trace.spool import changed, fates_in
from slabdes.workload.trace.writer import STEP_BYTES, StepWriter

_RECORD = (STEP_TIME, STEP_SLOT, STEP_CACHE, STEP_NODE, STEP_OP, STEP_FLAGS)


def write_rows(index: TraceIndex, places: Mapping[int, int], writer: StepWriter, progress: Progress | None) -> int:
    """The same as `write_steps`. Raises InputError where the trace has changed."""
    try:
        return _Steps(index, places, writer).write(RowReader(index.path, progress))
    except NotInNumbers:  # the first pass would have met it
        raise changed(index) from None


class _Steps:
    """Steps on their way from rows to a writer."""

    def __init__(self, index: TraceIndex, places: Mapping[int, int], writer: StepWriter) -> None:
        self._index = index
        self._writer = writer
        self._by_key: dict[GroupKey, Fate] = fates_in(index, places)
        self._fates: list[Fate] = []
        self._numbers: dict[GroupKey, int] = {}
        self._start = index.first if index.clock is Clock.SECONDS else NONE
        self._objects = Objects()
        self._counts: Table = np.zeros(MAX_CPU + 1, np.int64)
        self._steps: Table = np.empty((ROWS_AT_A_TIME, STEP_COLUMNS), np.int64)

    def write(self, reader: RowReader) -> int:
        """Write the steps of all rows; the number of slots."""
        for rows in reader.batches():
            self._write(reader, rows)
        self._writer.flush()
        return self._objects.slots

    def _write(self, reader: RowReader, rows: Table) -> None:
        if not self._index.first <= int(rows[:, TIME].min()) <= int(rows[:, TIME].max()) <= self._index.last:
            raise changed(self._index)
        objects = self._objects
        classes, seen = objects.classify(rows, IS_ALLOC, np.zeros(len(rows), np.int64))
        numbers = np.array([*(self._number(reader, rows[row]) for row, _count in seen), NONE], np.int64)
        objects.make_room(rows)
        made = functions().make_steps(
            *(rows, numbers[classes], *self._fate_columns(), objects.live, objects.state, self._counts),
            *(self._start, self._steps),
        )
        steps = self._steps[:made]
        corrections = self._tell_caches(reader, steps)
        self._writer.append_all(steps[:, STEP_CPU], [steps[:, column] for column in _RECORD])
        for cpu, number, cache in corrections:
            self._writer.correct(cpu, number * STEP_BYTES, cache)

    def _number(self, reader: RowReader, row: Table) -> int:
        """The number of the fate of what a row allocates, or NONE if it is left out."""
        key = group_key(reader.event(row))
        if key not in self._numbers:
            fate = self._by_key.get(key)
            if fate is None:
                raise changed(self._index)
            left_out = fate.cache == LEFT_OUT and not fate.by_name
            self._numbers[key] = NONE if left_out else len(self._fates)
            if not left_out:
                self._fates.append(fate)
        return self._numbers[key]

    def _fate_columns(self) -> tuple[Table, Table]:
        """The cache of each fate, and whether the free may tell another one."""
        caches = [fate.cache for fate in self._fates] or [LEFT_OUT]
        return np.array(caches, np.int64), np.array([bool(fate.by_name) for fate in self._fates] or [False], np.int64)

    def _tell_caches(self, reader: RowReader, steps: Table) -> list[tuple[int, int, int]]:
        """Set the cache of frees that tell it; CPU, number of its step and cache of each allocation that is another's then."""
        corrections = []
        for place in np.flatnonzero(steps[:, OPEN_FATE] != NONE).tolist():
            step = steps[place]
            fate = self._fates[step[OPEN_FATE]]
            cache = fate.by_name.get(reader.texts[step[OPEN_NAME]], fate.cache)
            if cache != fate.cache:
                step[STEP_CACHE] = cache
                corrections.append((int(step[OPEN_CPU]), int(step[OPEN_STEP]), cache))
        return corrections

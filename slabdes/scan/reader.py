# SPDX-License-Identifier: GPL-2.0-only
"""The kmem events of a trace as rows of numbers, many at a time, in file order: compiled code reads what it recognises.

Every other line goes to the reader in Python, which this is, so that both read the same. Leaves out following objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from slabdes.errors import InputError
from slabdes.scan.bytes import Data, Table
from slabdes.scan.entries import functions
from slabdes.scan.lines import (
    AT,
    CLOCK,
    COUNTER,
    DONE,
    FIELDS,
    FULL,
    LOOKAHEAD,
    NO_CLOCK,
    NUMBER,
    ODD_BEGIN,
    ODD_END,
    ROWS,
    SECONDS,
)
from slabdes.scan.rows import (
    ALLOC,
    COLUMNS,
    CPU,
    FLAGS,
    HAS_OBJECT,
    HIDDEN_OBJECT,
    KMALLOC,
    LINE,
    NAME,
    NO_OBJECT,
    NODE,
    OBJECT,
    POINTER,
    REQ,
    SITE,
    TIME,
    WHAT,
)
from slabdes.scan.words import WordTable
from slabdes.workload.trace.events import NO_POINTER, UNKNOWN_POINTER, Clock, KmemEvent, KmemKind, KmemReader
from slabdes.workload.trace.lines import Progress

ROWS_AT_A_TIME: Final = 1 << 15
"""Rows of a batch (a choice: some 3 MB, and 6 MB of text)."""
MAX_MASKS: Final = 4096
"""Distinct gfp masks that compiled code knows (assumed; a trace has some dozens)."""
_CLOCKS: Final = {None: NO_CLOCK, Clock.SECONDS: SECONDS, Clock.COUNTER: COUNTER}
_KINDS: Final = tuple(KmemKind)
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1
_POINTER_BITS: Final = 64


class NotInNumbers(Exception):
    """An event that no row has room for: pointers that are names, times and sizes of more than 64 bits."""


class RowReader(KmemReader):
    """A KmemReader of rows. Raises NotInNumbers where the trace has to be read in Python, from its beginning."""

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        super().__init__(path, progress)
        self.texts: list[str] = []
        """Words by their numbers in rows."""
        self._numbers: dict[str, int] = {}
        self._table = WordTable()
        self._masks = WordTable()
        self._known_masks: set[bytes] = set()
        self._rows: Table = np.empty((ROWS_AT_A_TIME, COLUMNS), np.int64)
        self._state: Table = np.zeros(6, np.int64)
        self._spans: Table = np.empty((FIELDS, 2), np.int64)
        self._data: Data = np.zeros(0, np.uint8)

    def batches(self) -> Iterator[Table]:
        """Rows of consecutive events, each batch an array of its own.

        An error is raised after all rows before it were handed out.
        """
        state = self._state
        try:
            for block in self.lines.blocks():
                size = self._take(block)
                state[AT], state[NUMBER] = 0, self.lines.number
                while (ended := self._scan(size)) != DONE:
                    if ended == FULL:
                        yield self._handed_out()
                    else:
                        self._odd_line()
                        if state[ROWS] == len(self._rows):
                            yield self._handed_out()
                self.lines.number = int(state[NUMBER])
        except InputError:
            if state[ROWS]:
                yield self._handed_out()
            raise
        if state[ROWS]:
            yield self._handed_out()
        self.check_events()

    def event(self, row: Table) -> KmemEvent:
        """What a row says, without its pointer."""
        of: list[int] = row.tolist()
        kind, name, site = _KINDS[of[WHAT]], self.texts[of[NAME]], self.texts[of[SITE]]
        req, alloc, flags, node = of[REQ], of[ALLOC], of[FLAGS], of[NODE]
        return KmemEvent(of[CPU], of[TIME], kind, bool(of[KMALLOC]), NO_POINTER, req, alloc, flags, node, name, site)

    def _handed_out(self) -> Table:
        rows = self._rows[: self._state[ROWS]]
        self._rows = np.empty((ROWS_AT_A_TIME, COLUMNS), np.int64)
        self._state[ROWS] = 0
        return rows

    def _take(self, block: bytes) -> int:
        """Bytes of the block with its last line's end, once it is where compiled code finds it."""
        size = len(block) + 1
        if len(self._data) < size + LOOKAHEAD:
            self._data = np.zeros(2 * size + LOOKAHEAD, np.uint8)
        self._data[: size - 1] = np.frombuffer(block, np.uint8)
        self._data[size - 1] = ord("\n")
        self._data[size : size + LOOKAHEAD] = 0
        return size

    def _scan(self, size: int) -> int:
        before = self._state[ROWS]
        self._state[CLOCK] = _CLOCKS[self.clock]
        words, masks = self._table, self._masks
        ended = functions().scan_lines(
            self._data, size, self._state, self._spans, self._rows, words.slots, words.arena, masks.slots, masks.arena
        )
        self.events += int(self._state[ROWS] - before)
        return int(ended)

    def _odd_line(self) -> None:
        """Let Python read the line that compiled code does not recognise."""
        state = self._state
        self.lines.number = int(state[NUMBER])
        line = self._data[state[ODD_BEGIN] : state[ODD_END]].tobytes()
        event = self.read_line(line) if self.lines.is_read(line) else None
        if event is not None:
            self._rows[state[ROWS]] = self._row(event)
            state[ROWS] += 1

    def _row(self, event: KmemEvent) -> tuple[int, ...]:
        pointer, has = event.pointer, HAS_OBJECT
        if pointer in (NO_POINTER, UNKNOWN_POINTER):
            pointer, has = 0, NO_OBJECT if pointer == NO_POINTER else HIDDEN_OBJECT
        elif pointer >> _POINTER_BITS:
            raise NotInNumbers
        row = [0] * COLUMNS
        row[TIME], row[CPU], row[WHAT], row[KMALLOC] = event.time, event.cpu, event.kind, event.is_kmalloc
        row[POINTER], row[OBJECT] = pointer if pointer <= _MOST else pointer - (1 << _POINTER_BITS), has
        row[REQ], row[ALLOC], row[FLAGS], row[NODE] = event.bytes_req, event.bytes_alloc, event.flags, event.node
        row[NAME], row[SITE], row[LINE] = self._numbers[event.name], self._numbers[event.call_site], self.lines.number
        if not all(_LEAST <= number <= _MOST for number in row):
            raise NotInNumbers
        return tuple(row)

    def _word(self, raw: bytes) -> str:
        new = raw not in self._words
        word = super()._word(raw)
        if new:
            number = self._numbers.setdefault(word, len(self._numbers))
            if number == len(self.texts):
                self.texts.append(word)
            self._table.add(raw, number)
        return word

    def _flags(self, raw: bytes) -> int:
        flags = super()._flags(raw)
        if raw not in self._known_masks and len(self._known_masks) < MAX_MASKS:
            self._known_masks.add(raw)
            self._masks.add(raw, flags)
        return flags

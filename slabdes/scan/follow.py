# SPDX-License-Identifier: GPL-2.0-only
"""Objects of batches of rows, followed: memory for those that are live, and what rows say, each once.

Leaves out what compiled code does with it (`objects`).
"""

from __future__ import annotations

import secrets

import numpy as np

from slabdes.scan.bytes import Table
from slabdes.scan.entries import functions
from slabdes.scan.objects import EVENT_COLUMNS, FIRST_LIVE, KEPT, LIVE, REALLOCATED, SALT, SLOTS, STRAY, empty_live
from slabdes.scan.reader import ROWS_AT_A_TIME


class Objects:
    """Objects that are live, and scratch space for a batch of rows."""

    def __init__(self) -> None:
        self.live = empty_live(FIRST_LIVE)
        self.state: Table = np.zeros(6, np.int64)
        self.state[SALT] = secrets.randbits(62)  # which places pointers have changes no result
        self._kept: Table = np.empty((ROWS_AT_A_TIME, EVENT_COLUMNS), np.int64)
        self._slots: Table = np.empty(1 << (2 * ROWS_AT_A_TIME).bit_length(), np.int64)
        self._classes, self._first, self._counts = (np.empty(ROWS_AT_A_TIME, np.int64) for _ in range(3))

    @property
    def count(self) -> int:
        """Objects that are live."""
        return int(self.state[LIVE])

    @property
    def reallocated(self) -> int:
        """Allocations that gave out a live pointer."""
        return int(self.state[REALLOCATED])

    @property
    def stray(self) -> int:
        """Frees of objects that are not live."""
        return int(self.state[STRAY])

    @property
    def slots(self) -> int:
        """Slots that were given out."""
        return int(self.state[SLOTS])

    def make_room(self, rows: Table) -> None:
        """See that there is room for an object more a row."""
        if 2 * (self.count + len(rows)) > len(self.live):
            larger = empty_live(2 * len(self.live))
            functions().move_live(self.live, larger, self.state)
            self.live = larger

    def follow(self, rows: Table, said: Table, most: int) -> tuple[int, Table]:
        """Follow rows; see `objects.follow`. The row with which there are too many, or NONE; and the kept events."""
        over = functions().follow(rows, said, self.live, self.state, most, self._kept)
        return int(over), self._kept[: self.state[KEPT]]

    def classify(self, rows: Table, what: int, chosen: Table) -> tuple[Table, list[tuple[int, int]]]:
        """Each row's class, and of each class the number of its first row and how many there are; see `objects.classify`."""
        classes, first, counts = self._classes[: len(rows)], self._first, self._counts
        known = functions().classify(rows, what, chosen, self._slots, classes, first, counts)
        return classes, list(zip(first[:known].tolist(), counts[:known].tolist(), strict=True))

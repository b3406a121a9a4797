# SPDX-License-Identifier: GPL-2.0-only
"""Words that compiled code knows again: bytes to numbers. Python puts them in, `bytes.find_word` finds them.

Leaves out taking words out.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from slabdes.scan.bytes import HASHED, LENGTH, MAX_PROBES, WORD_COLUMNS, WORD_FACTOR, Data, Table

_BITS: Final = 64
_FIRST_SLOTS: Final = 1 << 10
_FIRST_BYTES: Final = 1 << 14


def _hashed(word: bytes) -> int:
    """What `bytes.find_word` hashes a word to."""
    value = 0
    for letter in word:
        value = (value * WORD_FACTOR + letter) % (1 << _BITS)
    return value - (1 << _BITS if value >> (_BITS - 1) else 0)


class WordTable:
    """Words with a number each. `slots` and `arena` are for `bytes.find_word`; adding a word may make them anew."""

    def __init__(self) -> None:
        self.slots: Table = np.full((_FIRST_SLOTS, WORD_COLUMNS), -1, np.int64)
        self.arena: Data = np.zeros(_FIRST_BYTES, np.uint8)
        self._bytes = 0
        self._words = 0

    def add(self, word: bytes, value: int) -> None:
        """Put a new word in; where too many meet, it is left out and never found."""
        while self._bytes + len(word) > len(self.arena):
            self.arena = np.concatenate((self.arena, np.zeros_like(self.arena)))
        if 2 * self._words >= len(self.slots):
            self._grow()
        if self._insert((_hashed(word), self._bytes, len(word), value)):
            self.arena[self._bytes : self._bytes + len(word)] = np.frombuffer(word, np.uint8)
            self._bytes += len(word)
            self._words += 1

    def _insert(self, row: tuple[int, int, int, int]) -> bool:
        mask = len(self.slots) - 1
        hashed = row[HASHED]
        place = (hashed ^ hashed >> 29) & mask
        for _probe in range(MAX_PROBES):
            if self.slots[place, LENGTH] < 0:
                self.slots[place] = row
                return True
            place = (place + 1) & mask
        return False

    def _grow(self) -> None:
        rows = [tuple(row) for row in self.slots.tolist() if row[LENGTH] >= 0]
        self.slots = np.full((2 * len(self.slots), WORD_COLUMNS), -1, np.int64)
        for row in rows:
            self._insert(row)

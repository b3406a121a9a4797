# SPDX-License-Identifier: GPL-2.0-only
"""Finished replications in one file, each appended as it ends: its records, whole, with their SHA-256.

A process that is killed leaves at most one entry cut at the end, which is dropped. Leaves out which replications there are to be.
"""

from __future__ import annotations

import hashlib
import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

from slabdes.engine.records import Records
from slabdes.errors import InputError
from slabdes.folders import input_errors
from slabdes.results.packing import Unreadable, pack, unpack

_HEAD: Final = struct.Struct("<IIQ32s")
"""What an entry begins with: point, replication, bytes that follow, and their SHA-256."""


class Journal:
    """The file `path`, which need not be there yet. `finished` has every (point, replication), and where its entry begins.

    Reading it changes nothing; what is cut at its end goes when something is added. Raises InputError if it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.finished: dict[tuple[int, int], int] = {}
        self._end = 0
        if path.exists():
            with input_errors(path):
                self._survey()

    def _survey(self) -> None:
        size = self._path.stat().st_size
        with self._path.open("rb") as file:
            while self._end + _HEAD.size <= size:
                point, replication, length, _digest = _HEAD.unpack(file.read(_HEAD.size))
                end = self._end + _HEAD.size + length
                if end > size:
                    return
                if (point, replication) in self.finished:
                    raise self._damaged(point, replication, "is there twice")
                self.finished[point, replication] = self._end
                self._end = file.seek(end)

    def add(self, point: int, replication: int, one: Records | bytes) -> None:
        """Add a finished replication, as it is or packed already. Raises InputError if it cannot be written."""
        payload = one if isinstance(one, bytes) else pack(one)
        entry = _HEAD.pack(point, replication, len(payload), hashlib.sha256(payload).digest()) + payload
        with input_errors(self._path):
            with self._path.open("ab") as file:
                if file.tell() != self._end:
                    os.truncate(self._path, self._end)
                file.write(entry)
            self.finished[point, replication] = self._end
            self._end += len(entry)

    def load(self, point: int, replication: int) -> Records:
        """The records of a finished replication."""
        with input_errors(self._path), self._path.open("rb") as file:
            file.seek(self.finished[point, replication])
            *key, length, digest = _HEAD.unpack(file.read(_HEAD.size))
            payload = file.read(length)
        with suppress(Unreadable):
            if key == [point, replication] and hashlib.sha256(payload).digest() == digest:
                return unpack(payload)
        raise self._damaged(point, replication, "is not as it was written")

    def _damaged(self, point: int, replication: int, how: str) -> InputError:
        what = f"damaged: replication {replication} of point {point} {how}"
        return InputError(str(self._path), what, allowed=f"to remove {self._path.parent.name} and start again")

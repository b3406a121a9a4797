# SPDX-License-Identifier: GPL-2.0-only
"""The canonical event log, kept only when asked for: a row an operation, a hold of a lock, a turn of upkeep, streamed in chunks.

The digest of a run folds exactly the first two: each CPU's operations and each lock's holds, in their order. Both engines
write the same ones. Leaves out where chunks go: a sink takes them as they fill up.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np

ROOM: Final = 1 << 16
"""Rows of a kind that are kept before the sink gets them (a choice: 3 MiB)."""


class Logged(StrEnum):
    """The kinds of rows."""

    OPERATIONS = "operations"
    HOLDS = "holds"
    TURNS = "turns"


COLUMNS: Final = {
    Logged.OPERATIONS: ("cpu", "start_ps", "end_ps", "cache", "path", "object"),
    Logged.HOLDS: ("lock", "cpu", "asked_ps", "granted_ps", "released_ps"),
    Logged.TURNS: ("cpu", "start_ps", "end_ps", "upkeep", "taken"),
}
"""Each kind's columns, 64-bit integers. `path` is a records.Path; `object` is its slab's number << 12 | index, -1 for none, and a
section's hold in picoseconds; `cache` and `lock` are indexes, -1 for a section's cache; `asked_ps` is `granted_ps` if nobody
held the lock. `upkeep` is a records.Upkeep, `taken` 0 for a turn that was given up at once."""

Rows = Any
"""An array of 64-bit integers, (rows, columns of the kind)."""
Sink = Callable[[Logged, "np.ndarray[Any, Any]"], None]


class EventLog:
    """One replication's log. The sink gets rows of a kind when there are `room` of them and what is left at the end.

    Each CPU's operations, each lock's holds and each CPU's turns come in their order. Of a kind that never occurred the sink gets
    no rows, once.
    """

    def __init__(self, sink: Sink, room: int = ROOM) -> None:
        self._sink = sink
        self._room = room
        self._rows: dict[Logged, list[tuple[int, ...]]] = {kind: [] for kind in Logged}
        self._blocks: dict[Logged, list[Rows]] = {kind: [] for kind in Logged}
        self._kept = dict.fromkeys(Logged, 0)
        self._silent = set(Logged)

    def operation(self, cpu: int, start: int, end: int, cache: int, path: int, what: int) -> None:
        """An operation has ended."""
        self._add(Logged.OPERATIONS, (cpu, start, end, cache, int(path), what))

    def hold(self, lock: int, cpu: int, asked: int, granted: int, released: int) -> None:
        """A lock was released."""
        self._add(Logged.HOLDS, (lock, cpu, asked, granted, released))

    def turn(self, cpu: int, start: int, end: int, upkeep: int, taken: bool) -> None:
        """A turn of upkeep has ended."""
        self._add(Logged.TURNS, (cpu, start, end, upkeep, int(taken)))

    def _add(self, kind: Logged, row: tuple[int, ...]) -> None:
        rows = self._rows[kind]
        rows.append(row)
        if len(rows) >= self._room:
            self._hand_over(kind)

    def rows(self, kind: Logged, rows: Rows) -> None:
        """Many rows of a kind at once."""
        self._blocks[kind].append(rows)
        self._kept[kind] += len(rows)
        if self._kept[kind] >= self._room:
            self._hand_over(kind)

    def close(self) -> None:
        """Hand over what is left."""
        for kind in Logged:
            if self._rows[kind] or self._blocks[kind] or kind in self._silent:
                self._hand_over(kind)

    def _hand_over(self, kind: Logged) -> None:
        import numpy as np

        own = np.array(self._rows[kind], "i8").reshape(-1, len(COLUMNS[kind]))
        self._sink(kind, np.concatenate([*self._blocks[kind], own]))
        self._rows[kind].clear()
        self._blocks[kind].clear()
        self._kept[kind] = 0
        self._silent.discard(kind)

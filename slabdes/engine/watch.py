# SPDX-License-Identifier: GPL-2.0-only
"""A part of a run as it was seen happening: operations, holds, turns, interrupts, and what the event log has no column for.

Bounded, however long the run: what lies outside the window is dropped, and a window with too much in it is made narrower.
Leaves out how an engine is watched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from slabdes.allocator.versions import Kernel
from slabdes.engine.records import LockKind
from slabdes.paths.outcome import Path, Upkeep
from slabdes.paths.sites import LockSite
from slabdes.units import MAX_RUN_PS

MOST: Final = 200_000
"""Rows that are kept of a window (a choice: a viewer in a browser opens a file of them in seconds)."""

REFILL: Final = "refill"
FLUSH: Final = "flush"
GROW: Final = "grow"


class SeenOperation(NamedTuple):
    """A row of the log's operations, its number among its CPU's, from 0, and the CPU that allocated its object, or NOBODY."""

    cpu: int
    start: int
    end: int
    cache: int
    path: Path
    object: int
    number: int
    owner: int


class SeenHold(NamedTuple):
    """A row of the log's holds, from where the lock was taken, and how much of the wait was its hand-off.

    Of a list_lock, `free_objects` and `shared` are the node's free objects and its shared array's at the release; else -1.
    """

    cpu: int
    asked: int
    released: int
    granted: int
    lock: int
    handoff: int
    site: LockSite
    free_objects: int
    shared: int


class SeenTurn(NamedTuple):
    """A row of the log's turns."""

    cpu: int
    start: int
    end: int
    upkeep: Upkeep
    taken: bool


class SeenInterrupt(NamedTuple):
    """An interrupt's handler, from its begin to its end."""

    cpu: int
    start: int
    end: int


class SeenStep(NamedTuple):
    """A function of the allocator in which an operation's slow path was: from its first step that other CPUs can see to its last.

    `kind` is one of REFILL, FLUSH and GROW.
    """

    cpu: int
    start: int
    end: int
    function: str
    kind: str


class SeenGrow(NamedTuple):
    """A cache grows: from its new slab's colour on (where that takes no lock, from its pages), until the slab is on a list."""

    cpu: int
    start: int
    end: int


Seen = SeenOperation | SeenHold | SeenTurn | SeenInterrupt | SeenStep | SeenGrow
"""Whatever a CPU was seen at: its first three fields are the CPU, the begin and the end, picoseconds."""


@dataclass(frozen=True)
class SeenLock:
    """A lock's identity; nodes as the OS numbers them, `cache` a name or empty."""

    kind: LockKind
    cache: str
    node: int
    other: int


@dataclass
class Watch:
    """What is to be seen, and what was: rows that have a part in the window from `start` to `end`, in the order of their ends.

    Where there are more than `most`, the window is halved around `anchor`, which lies in it. `before` has each list_lock's
    free_objects and shared as they were when the window began.
    """

    start: int = 0
    end: int = MAX_RUN_PS
    anchor: int = 0
    most: int = MOST
    rows: list[Seen] = field(default_factory=list)
    before: dict[int, tuple[int, int]] = field(default_factory=dict)
    latest: int = 0
    narrowed: bool = False

    def see(self, row: Seen) -> None:
        """Something has ended."""
        _cpu, start, end, *_what = row
        self.latest = max(self.latest, end)
        if end < self.start:
            self._was(row)
        elif start < self.end:
            self.rows.append(row)
            while len(self.rows) > self.most:
                self._narrow()

    def of(self, kind: type[Any]) -> list[Any]:
        """The rows of one kind."""
        return [row for row in self.rows if type(row) is kind]

    def _was(self, row: Seen) -> None:
        if isinstance(row, SeenHold) and row.free_objects >= 0:
            self.before[row.lock] = row.free_objects, row.shared

    def _narrow(self) -> None:
        self.narrowed = True
        self.end = self.anchor + (min(self.end, max(self.latest, 2 * self.anchor - self.start)) - self.anchor) // 2
        self.start = self.anchor - (self.anchor - self.start) // 2
        for row in self.rows:
            if row[2] < self.start:
                self._was(row)
        self.rows = [row for row in self.rows if row[2] >= self.start and row[1] < self.end]
        if self.end - self.start <= 1:
            self.most = len(self.rows)


@dataclass(frozen=True)
class Watched:
    """What was seen, and whose it is: locks and caches by number, each CPU's node as the OS numbers it, the kernel's version.

    `workers` run programs. `elapsed`: where the run stood when it was left, picoseconds; `whole`: whether that was its end.
    """

    watch: Watch
    locks: tuple[SeenLock, ...]
    caches: tuple[str, ...]
    node_of_cpu: tuple[int, ...]
    workers: frozenset[int]
    version: Kernel
    elapsed: int
    whole: bool

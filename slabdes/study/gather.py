# SPDX-License-Identifier: GPL-2.0-only
"""Replications as they come, from the working folder, from cells or from those who run them, put together point by point.

Leaves out running them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from slabdes.results.frames import Frames, Point, PointFrames, frames_of
from slabdes.results.partial import Partial
from slabdes.results.rows import Replicated, replicated
from slabdes.study.cells import Known
from slabdes.study.plan import PlannedPoint

Wanted = tuple[PlannedPoint, int]
"""A point and the number of one of its replications."""
Ran = tuple[Replicated, bytes | None]
"""A replication, and its records as they are packed if anybody keeps them."""
Each = Callable[[int, Frames], object]
"""Hears of each point, by its number, as soon as all its replications are there."""


class Gathering:
    """What there is of every point. Puts a point's replications together as soon as all are there: rows take less room.

    `total` counts the operations of all replications, `there` those of the ones that need not be run here. `wanted` counts the
    replications of all `points`, `have` those that are there, `taken` those that were cells.
    """

    def __init__(self, points: Sequence[PlannedPoint], partial: Partial | None, known: Known, each: Each | None = None) -> None:
        self._partial, self._known, self._each = partial, known, each
        self._saved = set() if partial is None else set(partial.done)
        self._points = points
        self._run: dict[int, dict[int, Replicated]] = {}
        self._together = PointFrames()
        self.there = sum(point.operations for point, number in self._wanted() if (point.index, number) in self._saved)
        self.total = sum(point.operations * point.experiment.replications for point in points)
        self.points, self.wanted = len(points), sum(1 for _one in self._wanted())
        self.have = sum((point.index, number) in self._saved for point, number in self._wanted())
        self.taken = 0
        for point in points:
            self._put_together(point)

    @property
    def keeps(self) -> bool:
        """Whether replications that are run are kept, so that they have to be packed."""
        return self._partial is not None or self._known.kept

    def left(self) -> list[Wanted]:
        """What is neither finished nor a cell. What is one is taken."""
        missing = [one for one in self._wanted() if (one[0].index, one[1]) not in self._saved]
        return [one for one in missing if not self._find(*one)]

    def begin(self, point: PlannedPoint, replication: int) -> bool | None:
        """Whether it is to be run: False if it has become a cell, which is taken; None while another process runs it."""
        if not self._known.claim(point, replication):
            return None
        if not self._find(point, replication):
            return True
        self._known.release(point, replication)
        return False

    def add(self, point: PlannedPoint, replication: int, ran: Ran, log: Path | None) -> None:
        """A replication has been run; its event log was written to the folder `log`."""
        one, packed = ran
        if packed is not None:
            if self._partial is not None:
                self._partial.save(point.index, replication, packed, log)
            self._known.release(point, replication, packed)
        self._take(point, replication, one)

    def frames(self) -> Frames:
        """Those of all points, in order."""
        return self._together.frames()

    def _wanted(self) -> Iterator[Wanted]:
        return ((point, number) for point in self._points for number in range(point.experiment.replications))

    def _find(self, point: PlannedPoint, replication: int) -> bool:
        if (found := self._known.find(point, replication)) is None:
            return False
        records, packed = found
        if self._partial is not None:
            self._partial.save(point.index, replication, packed)
        self.there += point.operations
        self.taken += 1
        self._take(point, replication, replicated(records))
        return True

    def _take(self, point: PlannedPoint, replication: int, one: Replicated) -> None:
        self.have += 1
        self._run.setdefault(point.index, {})[replication] = one
        self._put_together(point)

    def _put_together(self, point: PlannedPoint) -> None:
        numbers = range(point.experiment.replications)
        run = self._run.get(point.index, {})
        saved = [number for number in numbers if number not in run and (point.index, number) in self._saved]
        if len(run) + len(saved) < len(numbers):
            return
        assert self._partial is not None or not saved
        loaded = {number: self._partial.load(point.index, number) for number in saved} if self._partial is not None else {}
        run = run | {number: replicated(records) for number, records in loaded.items()}
        settings: dict[str, Any] = {key: value for key, value in point.settings.items() if key != "machine.cpus"}
        where, runs = Point(point.index, point.machine.name, point.cpus, settings), [run[number] for number in numbers]
        self._together.add(where, runs)
        if self._each is not None:
            self._each(point.index, frames_of(where, runs))
        self._run.pop(point.index, None)

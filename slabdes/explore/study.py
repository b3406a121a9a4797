# SPDX-License-Identifier: GPL-2.0-only
"""One setting of a page being run, beside the one that is pinned: a short first look, then replications until there are enough.

It goes on in small steps, between which others have their turn, and stops as soon as nobody wants it any more. Leaves out whose
turn it is (`desk`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from slabdes.explore.setting import Setting
from slabdes.explore.sizes import first_look, planned, resolved
from slabdes.explore.telling import Event, Ready, first_chart, followed, other_charts, sentences, setting_told
from slabdes.results.rows import Replicated, replicated
from slabdes.study.plan import PlannedPoint
from slabdes.study.run import Task

PAUSE_S: Final = 0.4
"""Between two tellings, for the replications that come meanwhile (a choice: an eye follows)."""
Tell = Callable[[str, Event], None]
"""Told an event's name and what it says."""


@dataclass(frozen=True)
class Rows:
    """A replication as a task for a worker: its rows are made there."""

    task: Task

    @property
    def operations(self) -> int:
        """Steps that it will take."""
        return self.task.operations

    def run(self, progress: Callable[[int], None]) -> Replicated:
        """Simulate it."""
        return replicated(self.task.run(progress))


class Crew(Protocol):
    """Whoever runs replications, and keeps them."""

    jobs: int

    def ready(self, point: PlannedPoint) -> Ready:
        """The point with what is kept of it. Raises InputError where this computer cannot run it."""
        ...

    def run(self, tasks: Sequence[Rows], wanted: Callable[[], bool]) -> Iterator[tuple[int, Replicated]]:
        """Each task's number and rows as it ends; none is begun that is not wanted any more."""
        ...


class Study:
    """`settings` are the pinned one, if there is one, and the present one; `tell` hears of them."""

    def __init__(self, settings: Sequence[Setting], tell: Tell) -> None:
        self._settings, self._tell = settings, tell
        self._next = 0.0
        self.stale = False
        """Whether nobody wants it any more."""

    def refused(self, line: str) -> None:
        """Tell why it ends."""
        self.tell("refused", {"line": line})

    def tell(self, name: str, event: Event) -> None:
        """Tell something, if anybody still wants it."""
        if not self.stale:
            self._tell(name, event)

    def steps(self, crew: Crew) -> Iterator[None]:
        """Run it; stops after each step. Raises InputError for what cannot be run."""
        points = [planned(setting) for setting in self._settings]
        present = self._settings[-1]
        self.tell("setting", setting_told(present, resolved(points[-1])))
        whole = [crew.ready(point) for point in points]
        of = present.experiment.replications
        looks = [first_look(setting, point) for setting, point in zip(self._settings, points, strict=True)]
        if looks != points and not all(side.count for side in whole):
            yield from self._filled(crew, [crew.ready(look) for look in looks], 1, of, short=True)
        yield from self._filled(crew, whole, of, of, short=False)
        runs = [side.run(of) for side in whole]
        for chart in other_charts(runs):
            if self.stale:
                return
            self.tell("chart", chart)
            yield
        self.tell("done", {"digest": runs[-1].digest})

    def _filled(self, crew: Crew, sides: Sequence[Ready], wanted: int, of: int, *, short: bool) -> Iterator[None]:
        """Run the sides until each has so many replications, and tell of them now and then, and at the end."""
        size, told, self._next = crew.jobs, 0, 0.0
        while (count := min(side.count for side in sides)) < wanted and not self.stale:
            most = min(wanted, count + size)
            left = [(side, number) for number in range(most) for side in sides if number not in side.rows]
            tasks = [Rows(Task(side.point, number, side.engine)) for side, number in left]
            for which, rows in crew.run(tasks, lambda: not self.stale):
                side, number = left[which]
                side.rows[number] = rows
                told = self._told_if_due(sides, told, of, short)
            size = 2 * crew.jobs
            yield
        if not self.stale and told < wanted:
            self._told(sides, min(wanted, *(side.count for side in sides)), of, short)
        yield

    def _told_if_due(self, sides: Sequence[Ready], told: int, of: int, short: bool) -> int:
        """Tell of the replications that there are, if that is new and nothing was told just before; how many are told of."""
        count = min(of, *(side.count for side in sides))
        if count <= told or time.monotonic() < self._next or self.stale:
            return told
        self._told(sides, count, of, short)
        self._next = time.monotonic() + PAUSE_S
        return count

    def _told(self, sides: Sequence[Ready], count: int, of: int, short: bool) -> None:
        operations = sides[-1].point.operations
        self.tell("progress", {"replications": count, "of": of, "operations": operations, "short": short})
        for chart in first_chart([side.frames(count) for side in sides]):
            self.tell("chart", chart)
        if not self.stale:
            changed = followed(sides[0].point, sides[-1].point)
            self.tell("answer", sentences([side.run(count) for side in sides], changed))

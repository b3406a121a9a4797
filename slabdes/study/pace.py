# SPDX-License-Identifier: GPL-2.0-only
"""How far a study is, in words: cells done, how many a minute, what time is left, what the first measure asked for is so far.

Leaves out who shows it: a phase is told `simulating: ...`, whose first word stays the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from slabdes.measures.names import RATES, alone, measure_of, text_of
from slabdes.results.frames import Point, frames_of
from slabdes.results.rows import Replicated
from slabdes.results.text import count_text, share_text
from slabdes.stats.intervals import mean_interval
from slabdes.study.gather import Gathering
from slabdes.study.plan import PlannedPoint
from slabdes.study.spools import Phase
from slabdes.units import PS_PER_S

RATE = RATES[0]
SIMULATING: Final = "simulating"
AGAIN_S: Final = 0.5
"""How often words are made anew (a choice)."""
_AT_MOST: Final = 50
"""They take at most one part in so many of the time (a choice)."""
_POINTS_AT_WORK: Final = 8
"""Points whose replications are kept for an estimate that nobody has asked for yet (a choice)."""
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600


class Estimate:
    """What a measure is so far, from replications that have ended here; `name` is as users have it.

    Over all rounds of a study. Nothing but the rate of operations is worked out before it is asked for.
    """

    def __init__(self, name: str) -> None:
        self._name, self._measure = name, measure_of(name, "measures")
        self._values: dict[int, list[float]] = {}
        self._waiting: dict[int, tuple[PlannedPoint, list[Replicated]]] = {}
        self._last: int | None = None

    def ended(self, point: PlannedPoint, one: Replicated) -> None:
        """A replication has been run."""
        self._last = point.index
        if self._measure != RATE:
            self._waiting.setdefault(point.index, (point, []))[1].append(one)
            for index in [*self._waiting][:-_POINTS_AT_WORK]:
                del self._waiting[index]
        elif one.elapsed:
            self._values.setdefault(point.index, []).append(one.operations * PS_PER_S / one.elapsed)

    def text(self, several: bool) -> str:
        """What it is at the point that ended last, with the interval of its mean; nothing before there is any."""
        if self._last is None:
            return ""
        if waiting := self._waiting.pop(self._last, None):
            point, runs = waiting
            frames = frames_of(Point(point.index, point.machine.name, point.cpus, {}), runs)
            found = alone(frames, self._measure).get(point.index, {})
            self._values.setdefault(self._last, []).extend(found.values())
        if not (values := self._values.get(self._last)):
            return ""
        interval = mean_interval(values)
        half = f" ± {share_text(interval.half_width / interval.value)}" if interval.half_width and interval.value else ""
        return f"{f'point {self._last}: ' if several else ''}{self._figure(interval.value)}{half}"

    def _figure(self, value: float) -> str:
        if self._measure == RATE:
            return f"{count_text(value)} operations/s"
        return f"{self._name} {text_of(self._measure)(value)}"


class Pace:
    """Tells a phase of one round of a study; `clock` says seconds."""

    def __init__(
        self, gathering: Gathering, phase: Phase | None, estimate: Estimate, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._gathering, self._phase, self._estimate, self._clock = gathering, phase, estimate, clock
        self._began = clock()
        self._operations = self._cells = 0
        self._words, self._due = SIMULATING, self._began + AGAIN_S

    def ended(self, point: PlannedPoint, one: Replicated) -> None:
        """A replication has been run here."""
        self._operations += point.operations
        self._cells += 1
        if self._phase is not None:
            self._estimate.ended(point, one)

    def within_round(self) -> Callable[[int], None]:
        """What is to be told how many operations have been done since now, those of replications that have not ended included."""
        before = self._operations
        return lambda operations: self.report(before + operations)

    def report(self, done: int | None = None) -> None:
        """So many operations have been done here in all; by default those of replications that have ended."""
        if self._phase is None:
            return
        done = self._operations if done is None else done
        if (now := self._clock()) >= self._due:
            self._words = f"{SIMULATING}: {', '.join(self._parts(done, now - self._began))}"
            self._due = now + max(AGAIN_S, _AT_MOST * (self._clock() - now))
        self._phase(self._words, self._gathering.there + done, self._gathering.total)

    def _parts(self, done: int, seconds: float) -> list[str]:
        gathering = self._gathering
        parts = [f"{gathering.have:,} of {gathering.wanted:,} cells"]
        if self._cells:
            parts.append(f"{self._cells * _MINUTE_S / seconds:,.0f} a minute")
        if left := gathering.total - gathering.there - done:
            parts += [f"{_span(left * seconds / done)} left"] if done else []
        if told := self._estimate.text(gathering.points > 1):
            parts.append(told)
        return parts


def _span(seconds: float) -> str:
    if seconds < _MINUTE_S:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE_S:.0f} min" if seconds < _HOUR_S else f"{seconds / _HOUR_S:.1f} h"

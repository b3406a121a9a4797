# SPDX-License-Identifier: GPL-2.0-only
"""How far a study is, in words: cells done, how many a minute, what time is left, the rate of operations so far.

Leaves out who shows it: a phase is told `simulating: ...`, whose first word stays the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from slabdes.results.rows import Replicated
from slabdes.results.text import count_text, share_text
from slabdes.stats.intervals import mean_interval
from slabdes.study.gather import Gathering
from slabdes.study.plan import PlannedPoint
from slabdes.study.spools import Phase
from slabdes.units import PS_PER_S

SIMULATING: Final = "simulating"
AGAIN_S: Final = 0.5
"""How often words are made anew (a choice)."""
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600


class Pace:
    """Tells a phase of one round of a study; `clock` says seconds."""

    def __init__(self, gathering: Gathering, phase: Phase | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._gathering, self._phase, self._clock = gathering, phase, clock
        self._began = clock()
        self._operations = self._cells = 0
        self._rates: dict[int, list[float]] = {}
        self._last: int | None = None
        self._words, self._due = SIMULATING, self._began + AGAIN_S

    def ended(self, point: PlannedPoint, one: Replicated) -> None:
        """A replication has been run here."""
        self._operations += point.operations
        self._cells += 1
        if one.elapsed:
            self._rates.setdefault(point.index, []).append(one.operations * PS_PER_S / one.elapsed)
            self._last = point.index

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
            self._words, self._due = f"{SIMULATING}: {', '.join(self._parts(done, now - self._began))}", now + AGAIN_S
        self._phase(self._words, self._gathering.there + done, self._gathering.total)

    def _parts(self, done: int, seconds: float) -> list[str]:
        gathering = self._gathering
        parts = [f"{gathering.have:,} of {gathering.wanted:,} cells"]
        if self._cells:
            parts.append(f"{self._cells * _MINUTE_S / seconds:,.0f} a minute")
        if left := gathering.total - gathering.there - done:
            parts += [f"{_span(left * seconds / done)} left"] if done else []
        if self._last is not None:
            several = f"point {self._last}: " if gathering.points > 1 else ""
            parts.append(f"{several}{_rate(self._rates[self._last])}")
        return parts


def _rate(rates: list[float]) -> str:
    """Operations a second of one point's replications so far, with the interval of their mean."""
    interval = mean_interval(rates)
    half = "" if not interval.half_width else f" ± {share_text(interval.half_width / interval.value)}"
    return f"{count_text(interval.value)} operations/s{half}"


def _span(seconds: float) -> str:
    if seconds < _MINUTE_S:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE_S:.0f} min" if seconds < _HOUR_S else f"{seconds / _HOUR_S:.1f} h"

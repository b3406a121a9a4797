# SPDX-License-Identifier: GPL-2.0-only
"""Runs an experiment with as many replications as measures take to be known as precisely as is asked for.

Every point of a sweep has the same number of them, so that points stay paired. Leaves out words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from slabdes.config import Experiment
from slabdes.errors import Unmeasured
from slabdes.measures.names import DEFAULT, intervals, measure_of
from slabdes.results.frames import Frames
from slabdes.stats.deciding import MOST_PRECISE, Precision
from slabdes.stats.intervals import Interval
from slabdes.words import name_of


@dataclass(frozen=True)
class Known:
    """A measure at the point where it is known least, with its interval, and whether that is narrow enough."""

    measure: str
    point: int
    interval: Interval
    reached: bool


@dataclass(frozen=True)
class UntilPrecise:
    """Asks for replications until every measure of every point is known precisely enough (`run.Until`)."""

    measures: Sequence[str]
    precision: Precision

    @staticmethod
    def of(names: Sequence[str], precision: float, most: int) -> UntilPrecise:
        """For measures as users name them. Raises InputError for one that there is not, and for what cannot be reached."""
        return UntilPrecise([measure_of(name) for name in names], Precision(precision, most))

    @staticmethod
    def asked(experiment: Experiment) -> UntilPrecise | None:
        """As an experiment says; None where it asks for no precision. Raises InputError likewise."""
        if experiment.precision is None:
            return None
        return UntilPrecise.of(experiment.measures or (DEFAULT,), experiment.precision, experiment.most or MOST_PRECISE)

    def begun(self, experiment: Experiment) -> Experiment:
        """The experiment with the replications that it begins with."""
        return experiment.model_copy(update={"replications": self.precision.fewest})

    def __call__(self, frames: Frames) -> int:
        """How many replications are to be added. Raises InputError for a measure that no point has."""
        found = [one for measure in self.measures for one in self._intervals(frames, measure).values()]
        return self.precision.more(found, int(frames.points["replications"][0]))

    def known(self, frames: Frames) -> list[Known]:
        """How each measure is known where it is known least."""
        told = []
        for measure in self.measures:
            found = self._intervals(frames, measure)
            worst = max(found, key=lambda point: relative(found[point]))
            told.append(Known(measure, worst, found[worst], all(map(self.precision.reached, found.values()))))
        return told

    def _intervals(self, frames: Frames, measure: str) -> dict[int, Interval]:
        if not (found := intervals(frames, measure)):
            raise Unmeasured("measures", f"no point has {name_of(measure)}", allowed="a measure of operations that there are")
        return found


def relative(interval: Interval) -> float:
    """Half an interval as a share of its value; of 0, as it is. Infinite where it is not known."""
    half = interval.half_width
    return inf if half is None else half / abs(interval.value) if interval.value else half

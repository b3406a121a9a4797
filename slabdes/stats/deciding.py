# SPDX-License-Identifier: GPL-2.0-only
"""When there are replications enough: for a precision, or for a decision; and what several judgements at once are worth.

Sequential stopping, repeated looks, and Holm's correction. Leaves out who runs the replications.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from slabdes.errors import InputError
from slabdes.stats.intervals import CONFIDENCE, Interval, check_confidence, half_width, t_quantile

FEWEST: Final = 5
"""Replications before the first look: stopping as soon as an interval happens to be narrow would bias what is found."""
MOST_PRECISE: Final = 100
"""Replications for a precision where nobody says more (a choice)."""
MOST_LOOKED_AT: Final = 160
"""Of each side for a decision, likewise: six looks."""
_GROWTH: Final = 2
"""An early variance is not trusted with more than doubling the replications."""


@dataclass(frozen=True)
class Precision:
    """Replicate until intervals are at most `relative` of their values to either side, from `fewest` to `most` replications.

    Raises InputError for a precision that is not above 0, and for fewer than 2 replications.
    """

    relative: float
    most: int
    fewest: int = FEWEST

    def __post_init__(self) -> None:
        """Refuse what can never be reached or told."""
        if not 0 < self.relative < math.inf:
            raise InputError("precision", f"{self.relative!r}", allowed="above 0, such as 0.02 or 2%")
        if not 2 <= self.fewest <= self.most:
            raise InputError(
                "precision", f"{self.fewest} to {self.most} replications", allowed="at least 2, and no fewer at most"
            )

    def reached(self, interval: Interval) -> bool:
        """Whether an interval is as narrow as asked for."""
        half = interval.half_width
        return half is not None and interval.n >= self.fewest and half <= self.relative * abs(interval.value)

    def more(self, intervals: Sequence[Interval], made: int) -> int:
        """How many replications to add now, so that all intervals get there; 0 if they are, or if `most` are `made`.

        Intervals are of the same replications, of which some may not have a measure. The number is what the spread so far asks
        for (Law, Simulation Modeling and Analysis, 5th ed. 2015, 9.4.1), but no more than doubles them.
        """
        if made < self.fewest:
            return self.fewest - made
        room = min((_GROWTH - 1) * made, self.most - made)
        return max((self._lacking(interval, room) for interval in intervals), default=0) if room > 0 else 0

    def _lacking(self, interval: Interval, room: int) -> int:
        """How many more, up to `room`, with which an interval of the same spread would be narrow enough."""
        n, half, aim = interval.n, interval.half_width, self.relative * abs(interval.value)
        if half is None or self.reached(interval):
            return room if half is None else 0
        deviation = half / half_width(1.0, n, interval.confidence)
        counts = range(max(n + 1, self.fewest), n + room)
        enough = bisect_left(counts, True, key=lambda wanted: half_width(deviation, wanted, interval.confidence) <= aim)
        return min(counts.start + enough - n, room)


def holm(p_values: Sequence[float]) -> list[float]:
    """What each of several p values is worth where all are looked at together, in their order (Holm, Scand. J. Statist. 6, 1979).

    Calling those at most 0.05 different errs anywhere in at most 5 % of cases, whatever they have to do with each other.
    """
    result = [0.0] * len(p_values)
    worst = 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        worst = max(worst, min(p_values[at] * (len(p_values) - rank), 1.0))
        result[at] = worst
    return result


def p_value_of(interval: Interval) -> float:
    """How often a mean difference would be this far from 0 if the true one were 0: Student's test, two-sided, from a t interval.

    1 for a single difference, which says nothing.
    """
    from scipy.special import stdtr

    if interval.half_width is None:
        return 1.0
    error = interval.half_width / half_width(1.0, interval.n, interval.confidence) / math.sqrt(interval.n)
    if error == 0:
        return 0.0 if interval.value else 1.0
    return float(2 * stdtr(interval.n - 1, -abs(interval.value) / error))


def replications_to_tell(difference: Interval, together: int, most: int) -> int | None:
    """How many replications of the same spread would tell a difference from 0 for certain; None beyond `most`.

    For certain: where `together` such differences are judged at once, each with an equal part of what the confidence leaves to
    error, which no correction takes more than. The spread of few replications is hardly known, and so is this.
    """
    if difference.half_width is None or not difference.value:
        return None
    deviation = difference.half_width / half_width(1.0, difference.n, difference.confidence)
    level = 1 - (1 - difference.confidence) / together
    counts = range(2, most + 1)
    enough = bisect_left(counts, True, key=lambda wanted: half_width(deviation, wanted, level) < abs(difference.value))
    return max(counts[enough], difference.n + 1) if enough < len(counts) else None


class Outcome(StrEnum):
    """What a comparison came to: the second side is higher, lower, alike within what matters, or that is still open."""

    HIGHER = "higher"
    LOWER = "lower"
    ALIKE = "alike"
    OPEN = "open"


@dataclass(frozen=True)
class Looked:
    """A difference as it is at a look, and the value of the side that `indifference` is a share of.

    `resolution` is how finely values are known, as a share of that value: no less can matter.
    """

    difference: Interval
    first: float
    resolution: float = 0.0


@dataclass(frozen=True)
class Looks:
    """Replicate two sides and look now and then, each time with twice the replications, until the difference is decided.

    Every look takes an equal part of what the confidence leaves to error (Bonferroni; Jennison and Turnbull, Group Sequential
    Methods, 2000, 8.1, on repeated intervals), so all looks together err as rarely as one interval would: whoever stops at the
    first interval of 95 % that leaves 0 out calls equal sides different far more often than in 5 % of cases. `indifference`
    is the difference, relative to the first side, that does not matter. Raises InputError for what can never be decided.
    """

    most: int
    indifference: float = 0.0
    fewest: int = FEWEST
    confidence: float = CONFIDENCE

    def __post_init__(self) -> None:
        """Refuse what can never be decided."""
        check_confidence(self.confidence)
        if not 0 <= self.indifference < math.inf:
            raise InputError("--by", f"{self.indifference!r}", allowed="a share of the first side from 0 on, such as 5%")
        if not 2 <= self.fewest <= self.most:
            raise InputError("--most", f"{self.most} replications", allowed=f"{max(self.fewest, 2)} or more")

    @property
    def replications(self) -> list[int]:
        """How many replications there are at each look."""
        counts = [self.fewest]
        while counts[-1] < self.most:
            counts.append(min(counts[-1] * _GROWTH, self.most))
        return counts

    @property
    def level(self) -> float:
        """The confidence of the interval at each look."""
        return 1 - (1 - self.confidence) / len(self.replications)

    def outcome(self, difference: Interval, first: float, resolution: float = 0.0) -> Outcome:
        """What the interval of one difference at a look, made with `level`, says. See `outcomes`."""
        return self.outcomes([Looked(difference, first, resolution)])[0]

    def outcomes(self, looked: Sequence[Looked]) -> list[Outcome]:
        """What the intervals of several differences at one look, made with `level`, say: any of it is wrong as rarely as of one.

        Holm's correction for those that are higher or lower, Bonferroni's for those that are alike. At one of K looks any of them
        is wrong in at most (1 - confidence) / K of cases, whatever they have to do with each other; so all looks together err in
        at most 1 - confidence, whichever of them is the last.
        """
        worth = holm([p_value_of(one.difference) for one in looked])
        return [self._outcome(one, p, len(looked)) for one, p in zip(looked, worth, strict=True)]

    def _outcome(self, looked: Looked, worth: float, count: int) -> Outcome:
        change, half = looked.difference, looked.difference.half_width
        if half is None:
            return Outcome.OPEN
        known = looked.resolution * abs(looked.first)
        if half > known and count > 1:
            left = 1 - change.confidence
            half *= t_quantile(1 - left / count / 2, change.n - 1) / t_quantile(1 - left / 2, change.n - 1)
        if abs(change.value) + half <= max(self.indifference * abs(looked.first), known):
            return Outcome.ALIKE
        if worth > 1 - change.confidence or change.contains(0.0):
            return Outcome.OPEN
        return Outcome.HIGHER if change.value > 0 else Outcome.LOWER

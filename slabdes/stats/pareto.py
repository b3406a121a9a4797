# SPDX-License-Identifier: GPL-2.0-only
"""Which of several choices are worth having where two things are to be small: those than which none is better in both.

Leaves out chance: it takes figures as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def front_of(places: Sequence[tuple[float, float]]) -> list[int]:
    """The numbers of the places on the Pareto front, the least in the second thing first; of equal places, the first.

    >>> front_of([(1, 9), (5, 5), (6, 6), (9, 1), (9, 2)])
    [3, 1, 0]
    """
    found, least = [], math.inf
    for number in sorted(range(len(places)), key=lambda number: (places[number][1], places[number][0], number)):
        if places[number][0] < least:
            least = places[number][0]
            found.append(number)
    return found

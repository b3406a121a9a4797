# SPDX-License-Identifier: GPL-2.0-only
"""One long run: where its warm-up ends (MSER-5), and the interval of its mean from batches of neighbouring values.

For series in their order in time that have a steady state. Leaves out bursts and traces, which have none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from slabdes.errors import InputError
from slabdes.stats.intervals import CONFIDENCE, Interval, check_confidence, mean_interval

if TYPE_CHECKING:
    import numpy as np

GROUP: Final = 5
"""Values that MSER-5 averages before it looks: the 5 of its name."""
MOST_BATCHES: Final = 512
"""Batches begin short: what is dependent over fewer values than that shows between them."""
FEWEST_BATCHES: Final = 16
"""With fewer, an interval is wide and its own width uncertain (Schmeiser, Operations Research 30(3), 1982: 10 to 30)."""
_LAG_1: Final = 1.645
"""One-sided normal quantile of 95 %: a larger lag-1 correlation of independent batches is rarer than that."""


@dataclass(frozen=True)
class WarmUp:
    """How many of `n` values are to be left out at the start, and whether the rest looks `settled`."""

    cut: int
    n: int
    settled: bool


def warm_up(values: Sequence[float], group: int = GROUP) -> WarmUp:
    """Where the warm-up of a series ends: where the rest's mean has the least estimated error.

    MSER-5 (White, Simulation 69(6), 1997; White, Cobb and Spratt, Winter Simulation Conference 2000). A cut is looked for in the
    first half; if the least error is at its very end, the series has not settled and is too short to tell. Values that are means
    of batches already are taken as they are, with a `group` of 1. Raises InputError for fewer than 4 groups.
    """
    import numpy as np

    groups = len(values) // group
    if groups < 4:
        raise InputError("warm-up", f"{len(values)} values", allowed=f"{4 * group} or more")
    means = np.asarray(values[: groups * group], float).reshape(groups, group).mean(axis=1)
    # Sums of what is left from each group on; around the mean of all, so that squares stay small.
    left = means - means.mean()
    sums, squares = np.cumsum(left[::-1])[::-1], np.cumsum(left[::-1] ** 2)[::-1]
    half = groups // 2
    counts = np.arange(groups, groups - half - 1, -1)
    errors = (squares[: half + 1] - sums[: half + 1] ** 2 / counts) / counts**2
    best = int(np.argmin(errors))
    return WarmUp(best * group, len(values), best < half)


@dataclass(frozen=True)
class Batched:
    """The mean of one long run with its interval from `batches` batches, and whether they pass for independent.

    `lag_1` is the correlation of neighbouring batch means; where `independent` is false the run is too short for its interval.
    """

    interval: Interval
    batches: int
    size: int
    lag_1: float
    independent: bool


def batch_means(values: Sequence[float], confidence: float = CONFIDENCE) -> Batched:
    """The mean of `values`, in their order in time, with the t interval of batch means: batches grow until they are independent.

    Batches begin as MOST_BATCHES and are joined by two until the correlation of neighbours is no longer significant (Fishman,
    Management Science 24(5), 1978), down to FEWEST_BATCHES. Values that fill no batch are left out at the start. Raises
    InputError for fewer values than two for each of FEWEST_BATCHES.
    """
    import numpy as np

    check_confidence(confidence)
    if len(values) < 2 * FEWEST_BATCHES:
        raise InputError("batch means", f"{len(values)} values", allowed=f"{2 * FEWEST_BATCHES} or more")
    batches = min(MOST_BATCHES, 1 << (len(values) // 2).bit_length() - 1)
    size = len(values) // batches
    means = np.asarray(values[len(values) - size * batches :], float).reshape(batches, size).mean(axis=1)
    while True:
        lag_1 = _lag_1(means)
        independent = lag_1 <= _LAG_1 / math.sqrt(len(means))
        if independent or len(means) == FEWEST_BATCHES:
            break
        means = means.reshape(-1, 2).mean(axis=1)
    return Batched(mean_interval(means.tolist(), confidence), len(means), len(values) // len(means), lag_1, independent)


def _lag_1(means: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """The correlation of neighbours; 0 if all are alike."""
    left = means - means.mean()
    total = float((left**2).sum())
    return float((left[1:] * left[:-1]).sum()) / total if total else 0.0

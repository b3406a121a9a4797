# SPDX-License-Identifier: GPL-2.0-only
"""The ticket lock's closed system, solved exactly: CPUs that think, then take one lock in the order in which they came.

Nothing of the engine is imported here, so nothing here can share its mistakes. Leaves out every other discipline.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import binom

Vector = np.ndarray[Any, np.dtype[np.float64]]


def ticket_releases(cpus: int, think: float, hold: float, transfer: float) -> float:
    """Releases a unit of time of a ticket lock whose hand-off is fixed by the waiters at the release.

    A semi-Markov process embedded right after each release. In state w, w CPUs wait and N - w think.
    - w > 0: the hand-off takes max(transfer, w * transfer / 2), then the hold; thinkers arrive all the while.
    - w = 0: the first of N thinkers arrives after think / N; with probability 1 / N it is the CPU that released last and
      owns the line, otherwise the line costs a transfer; then the hold, and the other N - 1 may arrive.
    The state after the next release is what is left of w, plus the arrivals.
    """
    kernel = np.zeros((cpus, cpus))
    lasts = np.zeros(cpus)
    for waiting in range(1, cpus):
        delay = max(transfer, waiting * transfer / 2)
        kernel[waiting, waiting - 1 :] = _arrivals(cpus - waiting, think, hold, delay)
        lasts[waiting] = delay + hold
    own = 1 / cpus
    kernel[0] = own * _arrivals(cpus - 1, think, hold, 0.0) + (1 - own) * _arrivals(cpus - 1, think, hold, transfer)
    lasts[0] = think / cpus + (1 - own) * transfer + hold
    assert np.allclose(kernel.sum(axis=1), 1.0)
    stationary = _stationary(kernel - np.eye(cpus))
    return float(1 / (stationary @ lasts))


def _stationary(balance: Vector) -> Vector:
    """The probability vector p with p @ balance == 0."""
    states = len(balance)
    right = np.append(np.zeros(states), 1.0)
    return np.asarray(np.linalg.lstsq(np.vstack([balance.T, np.ones(states)]), right, rcond=None)[0])


def _arrivals(thinkers: int, think: float, hold: float, delay: float) -> Vector:
    """Probabilities of 0, 1, ..., `thinkers` arrivals during a fixed `delay` and then an exponential hold.

    During the delay each thinker arrives on its own: binomial. During the hold the next of k thinkers (rate k / think)
    races the release (rate 1 / hold).
    """
    during_delay = binom.pmf(np.arange(thinkers + 1), thinkers, -np.expm1(-delay / think))
    total = np.zeros(thinkers + 1)
    for before, chance in enumerate(during_delay):
        still = float(chance)
        for arrived in range(before, thinkers + 1):
            goes_on = (thinkers - arrived) / think / ((thinkers - arrived) / think + 1 / hold)
            total[arrived] += still * (1 - goes_on)
            still *= goes_on
    return total

# SPDX-License-Identifier: GPL-2.0-only
"""Queueing theory that the engine is held against: closed systems of CPUs around one lock, and open ones, solved exactly.

In a closed one every CPU thinks (exponential, mean `think`), takes the lock, holds it (exponential, mean `hold`) and releases it;
in an open one holds arrive. Leaves out the engine: nothing of it is imported here, so nothing here can share its mistakes; and
the ticket lock's own chain, which `slabdes validate` uses too (`slabdes.validation.theory`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student_t

Vector = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class ClosedSystem:
    """Stationary figures: releases a unit of time, and the mean number of CPUs at the lock, its holder included."""

    throughput: float
    at_lock: float


@dataclass(frozen=True)
class Estimate:
    """A mean over independent replications and the half-width of its confidence interval (Student's t)."""

    mean: float
    half_width: float

    def covers(self, value: float) -> bool:
        """Whether the interval holds `value`."""
        return abs(self.mean - value) <= self.half_width


def estimate(values: list[float], level: float) -> Estimate:
    """The mean of `values`, one a replication, with its interval at `level`."""
    sample = np.array(values)
    quantile = float(student_t.ppf((1 + level) / 2, len(values) - 1))
    return Estimate(float(sample.mean()), quantile * float(sample.std(ddof=1)) / len(values) ** 0.5)


def machine_repair(cpus: int, think: float, hold: float) -> ClosedSystem:
    """M/M/1//N: k CPUs at the lock, arrivals (N - k) / think, releases 1 / hold."""
    return _birth_death([(cpus - k) / think for k in range(cpus)], [1 / hold] * cpus)


def boyd_wickizer(cpus: int, think: float, hold: float, transfer: float) -> ClosedSystem:
    """Boyd-Wickizer et al., OLS 2012: k CPUs at the lock, arrivals (N - k) / think, releases 1 / (hold + transfer * k / 2)."""
    return _birth_death([(cpus - k) / think for k in range(cpus)], [1 / (hold + transfer * k / 2) for k in range(1, cpus + 1)])


def _birth_death(births: list[float], deaths: list[float]) -> ClosedSystem:
    weights = np.cumprod([1.0, *(birth / death for birth, death in zip(births, deaths, strict=True))])
    weights /= weights.sum()
    return ClosedSystem(float(weights[1:] @ np.array(deaths)), float(weights @ np.arange(len(weights))))


def mm1_response(gap: float, hold: float) -> float:
    """M/M/1, first come first served: the mean of the response time, which is exponential."""
    return 1 / (1 / hold - 1 / gap)


def md1_response(gap: float, hold: float) -> float:
    """M/D/1: the mean response time (Pollaczek and Khinchine)."""
    load = hold / gap
    return hold + load * hold / (2 * (1 - load))


def interrupted_poisson_response(gap: float, on: float, off: float, hold: float) -> float:
    """GI/M/1 with arrivals `gap` apart within bursts: the mean of the response time, which is exponential.

    sigma is the root below 1 of sigma = A((1 - sigma) / hold), with A the transform of the time between two arrivals.
    """
    rate, ends, begins = 1 / gap, 1 / on, 1 / off
    sigma = 0.5
    for _step in range(10_000):
        s = (1 - sigma) / hold
        sigma = rate * (s + begins) / (s * s + (rate + ends + begins) * s + rate * begins)
    return hold / (1 - sigma)

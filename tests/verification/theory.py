# SPDX-License-Identifier: GPL-2.0-only
"""Queueing theory that the engine is held against: closed systems of CPUs around one lock, solved exactly.

Every CPU thinks (exponential, mean `think`), takes the lock, holds it (exponential, mean `hold`) and releases it. Leaves
out the engine: nothing of it is imported here, so nothing here can share its mistakes; and the ticket lock's own chain, which
`slabdes validate` uses too (`slabdes.validation.theory`).
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

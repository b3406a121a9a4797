# SPDX-License-Identifier: GPL-2.0-only
"""Random processes whose answers are known from theory, many repetitions of each at once."""

from __future__ import annotations

import math

import numpy as np

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def ar1(correlation: float, repetitions: int, length: int, seed: int, start: float | None = None) -> Array:
    """AR(1) around 0 with that correlation of neighbours and variance 1; from its steady state unless it has a start."""
    random = np.random.default_rng(seed)
    noise = random.standard_normal((length, repetitions)) * math.sqrt(1 - correlation**2)
    values = np.empty((length, repetitions))
    at = random.standard_normal(repetitions) if start is None else np.full(repetitions, start)
    for step in range(length):
        at = correlation * at + noise[step]
        values[step] = at
    return values.T


def mm1_waits(load: float, repetitions: int, length: int, seed: int) -> Array:
    """Waiting times of M/M/1 customers, service of mean 1, in its steady state; their mean is load / (1 - load).

    Lindley's recursion. Who comes first finds nobody with 1 - load, else an exponential wait.
    """
    random = np.random.default_rng(seed)
    service = random.exponential(1.0, (length, repetitions))
    between = random.exponential(1 / load, (length, repetitions))
    waits = np.empty((length, repetitions))
    at = np.where(random.random(repetitions) < load, random.exponential(1 / (1 - load), repetitions), 0.0)
    for step in range(length):
        waits[step] = at
        at = np.maximum(at + service[step] - between[step], 0.0)
    return waits.T

# SPDX-License-Identifier: GPL-2.0-only
"""Laws of scaling fitted to throughput by number of CPUs: Amdahl's, and the Universal Scalability Law with its peak.

Leaves out why a curve bends: a law has no locks in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slabdes.errors import InputError
from slabdes.stats.intervals import CONFIDENCE, Interval, section_interval


@dataclass(frozen=True)
class Law:
    """Throughput of N CPUs: `alone` N / (1 + `contention` (N - 1) + `crosstalk` N (N - 1)).

    Gunther, Guerrilla Capacity Planning, 2007, 4.3. `alone` is one CPU's throughput; `contention` is what is done one after the
    other, as a share (Amdahl's law is that alone: crosstalk 0); `crosstalk` is what keeping each pair of CPUs in step costs.
    """

    alone: float
    contention: float
    crosstalk: float

    def throughput(self, cpus: float) -> float:
        """Throughput of so many CPUs, in the unit of `alone`."""
        return self.alone * cpus / (1 + self.contention * (cpus - 1) + self.crosstalk * cpus * (cpus - 1))

    @property
    def peak(self) -> float:
        """The number of CPUs with the most throughput; infinite if it never falls, 1 if it only falls."""
        if self.crosstalk <= 0:
            return math.inf
        return max(math.sqrt(max(1 - self.contention, 0.0) / self.crosstalk), 1.0)

    @property
    def most(self) -> float:
        """The most throughput that any number of CPUs has."""
        if math.isfinite(self.peak):
            return self.throughput(self.peak)
        return self.alone / self.contention if self.contention else math.inf


def fit_usl(cpus: Sequence[float], throughput: Sequence[float]) -> Law:
    """The Universal Scalability Law that fits best, by the squares of relative errors; no part of it is below 0.

    N / throughput is linear in its three parts, so the best fit is found exactly. Raises InputError for fewer than three
    different numbers of CPUs, for lists of unequal length, and for values that are not above 0.
    """
    return _fit(cpus, throughput, 3)


def fit_amdahl(cpus: Sequence[float], throughput: Sequence[float]) -> Law:
    """Amdahl's law that fits best, likewise; two different numbers of CPUs are enough."""
    return _fit(cpus, throughput, 2)


@dataclass(frozen=True)
class Fitted:
    """A law, and the intervals over replications of its parts and of its peak (capped at `beyond`, which stands for never)."""

    law: Law
    alone: Interval
    contention: Interval
    crosstalk: Interval
    peak: Interval
    beyond: float


def fitted(
    cpus: Sequence[float],
    replications: Sequence[Sequence[float]],
    fit: Callable[[Sequence[float], Sequence[float]], Law] = fit_usl,
    confidence: float = CONFIDENCE,
) -> Fitted:
    """The law of the mean curve, with intervals from each replication's own: `replications` has one curve each, by `cpus`.

    A peak further out than twice the most CPUs measured counts as `beyond`: the curve does not tell where it is. Raises
    InputError as `fit` does, and for no replications.
    """
    if not replications:
        raise InputError("scaling law", "no replications", allowed="1 or more")
    law = fit(cpus, [math.fsum(values) / len(values) for values in zip(*replications, strict=True)])
    laws = [fit(cpus, curve) for curve in replications]
    beyond = 2.0 * max(cpus)

    def interval(part: Callable[[Law], float], least: float = 0.0, most: float = math.inf) -> Interval:
        return section_interval(part(law), [part(one) for one in laws], confidence, least, most)

    return Fitted(
        law,
        interval(lambda one: one.alone),
        interval(lambda one: one.contention),
        interval(lambda one: one.crosstalk),
        interval(lambda one: min(one.peak, beyond), 1.0, beyond),
        beyond,
    )


def _fit(cpus: Sequence[float], throughput: Sequence[float], parts: int) -> Law:
    import numpy as np
    from scipy.optimize import nnls

    _check(cpus, throughput, parts)
    n = np.asarray(cpus, float)
    per_cpu = n / np.asarray(throughput, float)
    columns = np.column_stack([np.ones_like(n), n - 1, n * (n - 1)])[:, :parts]
    found, _error = nnls(columns / per_cpu[:, None], np.ones_like(n))
    base = float(found[0])
    if base <= 0:
        raise InputError(
            "scaling law", f"nothing tells what one CPU does ({min(cpus):g} CPUs at least)", allowed="a point of 1 CPU, too"
        )
    return Law(1 / base, float(found[1]) / base, float(found[2]) / base if parts > 2 else 0.0)


def _check(cpus: Sequence[float], throughput: Sequence[float], parts: int) -> None:
    if len(cpus) != len(throughput):
        raise InputError("scaling law", f"{len(cpus)} CPU counts and {len(throughput)} throughputs", allowed="as many of both")
    if len(set(cpus)) < parts:
        raise InputError("scaling law", f"{len(set(cpus))} numbers of CPUs", allowed=f"{parts} or more")
    for value in (*cpus, *throughput):
        if not 0 < value < math.inf:
            raise InputError("scaling law", f"{value!r}", allowed="numbers above 0")

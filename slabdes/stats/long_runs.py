# SPDX-License-Identifier: GPL-2.0-only
"""One long run instead of many: its event log as a series, what is left out as warm-up, mean and percentiles with intervals.

For workloads that have a steady state. Leaves out bursts and traces, which have none, and replications.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from slabdes.stats.intervals import CONFIDENCE
from slabdes.stats.samples import Between, effective_samples, quantile_between, samples_needed
from slabdes.stats.steady import Batched, WarmUp, batch_means, warm_up
from slabdes.units import percent

QUANTILES: Final = (0.5, 0.99, 0.999)


@dataclass(frozen=True)
class LongRun:
    """A series after its warm-up: the mean from batches, percentiles by order statistics of as many values as are independent.

    `quantiles` has None for one that the values do not tell; `samples` is how many independent values they are worth.
    """

    warm_up: WarmUp
    mean: Batched
    quantiles: Mapping[float, Between | None]
    samples: float

    def sentences(self, what: str = "operations") -> list[str]:
        """What it says, and whether it may be believed."""
        cut, interval = self.warm_up, self.mean.interval
        told = [f"{cut.cut:,} of {cut.n:,} {what} are left out as warm-up."]
        if not cut.settled:
            told = [f"No steady state is seen in {cut.n:,} {what}: the run is too short, or has none."]
        told.append(f"Mean {interval}, from {self.mean.batches} batches; {what} are worth {self.samples:,.0f} independent ones.")
        if not self.mean.independent:
            told.append("Batches still depend on each other: the interval is too narrow, a longer run is needed.")
        for q, found in self.quantiles.items():
            name = f"p{100 * q:g}"
            if found is None:
                told.append(f"{name}: not enough samples (needs {samples_needed(q, interval.confidence):,} independent ones).")
            else:
                told.append(f"{name} {found.value:.6g} ({found.low:.6g} to {found.high:.6g}, {percent(found.confidence)}).")
        return told


def long_run(values: Sequence[float], confidence: float = CONFIDENCE) -> LongRun:
    """A series in its order in time. Raises InputError for one that is too short for batches."""
    cut = warm_up(values)
    rest = list(values[cut.cut :])
    samples = effective_samples(rest)
    # So far apart that they are as good as independent.
    apart = rest[:: max(math.ceil(len(rest) / samples), 1)]
    return LongRun(cut, batch_means(rest, confidence), {q: quantile_between(apart, q, confidence) for q in QUANTILES}, samples)

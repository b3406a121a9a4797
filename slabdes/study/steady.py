# SPDX-License-Identifier: GPL-2.0-only
"""Which runs have a steady state that is looked for, and how much of one's begin is warm-up: MSER on batches of its time.

And of which it is looked at now and then how memory stands.

Leaves out what is then counted anew (`engine.marks`), and how it is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from slabdes.config import Experiment, WarmUpRule
from slabdes.engine.cpu import NEVER
from slabdes.engine.marks import Marking
from slabdes.machine.topology import Machine
from slabdes.stats.steady import warm_up
from slabdes.units import NS_PER_MS, ns_to_ps
from slabdes.words import NOTHING_TO_SETTLE
from slabdes.workload.programs import Workload
from slabdes.workload.synthetic import known_span_ps

MOST_STANDINGS: Final = 512
"""Caches times nodes of a run that is sampled (a choice: some MiB of records)."""
LEAST_BATCHES: Final = 16
"""Of a run that tells where its warm-up ends (a choice: it is looked for in the first half)."""


def marking_of(experiment: Experiment, machine: Machine, workload: Workload, replication: int) -> Marking | None:
    """What marks of a replication are for: a warm-up to be cut, where there is anything to settle; a point's first is sampled.

    There is one when sheaves are changed, too, so that what came before it is told from what came after.
    """
    settles = experiment.warm_up is not WarmUpRule.NONE and experiment.workload.kind not in NOTHING_TO_SETTLE
    samples = replication == 0 and 0 < len(workload.caches) * machine.n_nodes <= MOST_STANDINGS
    if not settles and not samples:
        return None
    operations, cpus = workload.operations or 0, len(workload.programs)
    costs = machine.costs
    hit = min(costs.alloc_hit, costs.free_hit, costs.alloc_bulk, costs.free_bulk)
    spans = 0 if experiment.workload.kind == "trace" else known_span_ps(experiment, cpus)
    at_least = spans + operations // max(cpus, 1) * hit
    changed = ns_to_ps((experiment.change.at_ms or 0) * NS_PER_MS)
    return Marking(at_least, batches_of_warm_up if settles else None, samples, also=changed or NEVER)


def batches_of_warm_up(means: Sequence[float]) -> tuple[int, bool]:
    """How many of these batches are warm-up, half of them at most; whether the rest looks settled. Too few have none."""
    if len(means) < LEAST_BATCHES:
        return 0, False
    found = warm_up(means, group=1)
    return found.cut, found.settled

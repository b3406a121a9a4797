# SPDX-License-Identifier: GPL-2.0-only
"""Which runs have a steady state that is looked for, and how much of one's begin is warm-up: MSER on batches of its time.

Leaves out what is then counted anew (`engine.marks`), and how it is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from slabdes.config import Experiment, WarmUpRule
from slabdes.engine.marks import Steady
from slabdes.machine.topology import Machine
from slabdes.stats.steady import warm_up
from slabdes.words import NOTHING_TO_SETTLE
from slabdes.workload.programs import Workload
from slabdes.workload.synthetic import known_span_ps

LEAST_BATCHES: Final = 16
"""Of a run that tells where its warm-up ends (a choice: it is looked for in the first half)."""


def steady_of(experiment: Experiment, machine: Machine, workload: Workload) -> Steady | None:
    """How a replication's warm-up is cut; None if it is not to be, or if there is nothing to settle."""
    if experiment.warm_up is WarmUpRule.NONE or experiment.workload.kind in NOTHING_TO_SETTLE:
        return None
    operations, cpus = workload.operations or 0, len(workload.programs)
    costs = machine.costs
    hit = min(costs.alloc_hit, costs.free_hit, costs.alloc_bulk, costs.free_bulk)
    at_least = known_span_ps(experiment, cpus) + operations // cpus * hit
    return Steady(at_least, batches_of_warm_up)


def batches_of_warm_up(means: Sequence[float]) -> tuple[int, bool]:
    """How many of these batches are warm-up, half of them at most; whether the rest looks settled. Too few have none."""
    if len(means) < LEAST_BATCHES:
        return 0, False
    found = warm_up(means, group=1)
    return found.cut, found.settled

# SPDX-License-Identifier: GPL-2.0-only
"""Which runs have a steady state that is looked for, and how much of one's begin is warm-up: MSER on batches of its time.

Leaves out what is then counted anew (`engine.marks`), and how it is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from slabdes.config import Experiment, WarmUpRule
from slabdes.config.workloads import NOTHING_TO_SETTLE
from slabdes.engine.marks import Steady
from slabdes.machine.topology import Machine
from slabdes.stats.steady import warm_up
from slabdes.study.effort import span_ps
from slabdes.workload.programs import Workload

LEAST_BATCHES: Final = 16
"""Of a run that tells where its warm-up ends (a choice: it is looked for in the first half)."""
SHORTEST: Final = 4
"""A run may well take this part of the time that is estimated for it; a longer one only has its marks moved apart."""


def steady_of(experiment: Experiment, machine: Machine, workload: Workload) -> Steady | None:
    """How a replication's warm-up is cut; None if it is not to be, or if there is nothing to settle."""
    if experiment.warm_up is WarmUpRule.NONE or experiment.workload.kind in NOTHING_TO_SETTLE:
        return None
    return Steady(span_ps(experiment, machine, workload) // SHORTEST, batches_of_warm_up)


def batches_of_warm_up(means: Sequence[float]) -> tuple[int, bool]:
    """How many of these batches are warm-up, half of them at most; whether the rest looks settled. Too few have none."""
    if len(means) < LEAST_BATCHES:
        return 0, False
    found = warm_up(means, group=1)
    return found.cut, found.settled

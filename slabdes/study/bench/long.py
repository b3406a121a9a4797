# SPDX-License-Identifier: GPL-2.0-only
"""One run of as many operations as one likes, compiled beside C: how long each takes, and that memory does not grow.

Leaves out SimPy models, which would take hours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from slabdes.engine.compiled.run import run_compiled
from slabdes.machine.topology import Machine
from slabdes.study.bench.checks import check_limit
from slabdes.study.bench.growth import peak_mib
from slabdes.study.bench.scenarios import Case, Scenario

if TYPE_CHECKING:
    from slabdes.study.bench.limit import Limit

_SETTLED: Final = 0.1
"""The share of a run after which all memory that it needs should be there (assumed)."""


@dataclass(frozen=True)
class LongRun:
    """Processor seconds of one case, `limit_s` None without a C compiler; memory a tenth into the run and at its end."""

    scenario: Scenario
    cpus: int
    operations: int
    compiled_s: float
    limit_s: float | None
    early_mib: float
    end_mib: float
    simulated_s: float

    def row(self) -> dict[str, Any]:
        """By name, with the cost of an operation and the share of the C version's speed."""
        share = None if self.limit_s is None else self.limit_s / self.compiled_s
        ns = self.compiled_s * 1e9 / self.operations
        return {**asdict(self), "scenario": self.scenario.value, "compiled_ns": ns, "of_limit": share}


def run_long(
    case: Case,
    machine: Machine,
    limit: Limit | None,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> LongRun:
    """Run the case once on each; `progress` hears (what, operations done, of how many). CheckFailed if they differ."""
    experiment, workload = case.experiment(), case.workload(machine)
    assert workload.operations is not None
    total = workload.operations
    early: list[float] = []

    def compiled_progress(done: int) -> None:
        if done >= _SETTLED * total and not early:
            early.append(peak_mib())
        progress(f"{case.scenario} on {case.cpus} CPUs, compiled", done, total)

    began = time.process_time()
    records = run_compiled(experiment, machine, workload, 0, compiled_progress)
    compiled = time.process_time() - began
    end = peak_mib()
    limit_s = None
    if limit is not None:
        left = limit.run(
            experiment, machine, workload, lambda done: progress(f"{case.scenario} on {case.cpus} CPUs, in C", done, total)
        )
        check_limit(case, records, left)
        limit_s = left.seconds
    return LongRun(case.scenario, case.cpus, total, compiled, limit_s, early[0], end, records.elapsed / 1e12)

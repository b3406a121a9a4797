# SPDX-License-Identifier: GPL-2.0-only
"""How the compiled engine's cost and memory grow with the number of operations, each number in a process of its own.

A process's greatest memory only ever grows, hence the processes. Leaves out the other models.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import slabdes
from slabdes.errors import CheckFailed, InputError
from slabdes.study.bench.scenarios import Case, Scenario, bench_machine

OPERATIONS: Final = (100_000, 1_000_000, 10_000_000, 100_000_000)
CPUS: Final = 64
_KIB: Final = 1024
_BYTES_PER_MIB: Final = 1 << 20


@dataclass(frozen=True)
class Growth:
    """One run of so many operations: processor seconds, those of a run of one burst a CPU (`fixed_s`), greatest memory."""

    scenario: Scenario
    cpus: int
    operations: int
    seconds: float
    fixed_s: float
    peak_mib: float

    def row(self) -> dict[str, Any]:
        """By name, with the cost of an operation beyond what any run costs."""
        return {**asdict(self), "scenario": self.scenario.value, "ns": (self.seconds - self.fixed_s) * 1e9 / self.operations}


def measure_growth(scenario: Scenario, cpus: int, operations: int, rounds: int) -> Growth:
    """Medians over `rounds` runs of one process; its greatest memory over all of them."""
    told = in_fresh_process("growth", scenario=scenario.value, cpus=cpus, operations=operations, rounds=rounds)
    return Growth(scenario=scenario, cpus=cpus, **told)


def with_times_more(growths: Sequence[Growth]) -> list[dict[str, Any]]:
    """Their rows; each also with `times_more`, how much more its operations cost than the row's before, and `more_operations`."""
    rows: list[dict[str, Any]] = []
    before: Growth | None = None
    for growth in growths:
        row = growth.row()
        row["more_operations"] = row["times_more"] = None
        if before is not None and before.scenario is growth.scenario:
            row["more_operations"] = growth.operations / before.operations
            row["times_more"] = (growth.seconds - growth.fixed_s) / max(before.seconds - before.fixed_s, 1e-9)
        rows.append(row)
        before = growth
    return rows


def grow(scenario: str, cpus: int, operations: int, rounds: int) -> dict[str, Any]:
    """What the process of one number of operations does."""
    from slabdes.engine.compiled.run import run_compiled

    machine = bench_machine()

    def seconds(case: Case) -> tuple[float, int]:
        experiment, workload = case.experiment(), case.workload(machine)
        began = time.process_time()
        run_compiled(experiment, machine, workload)
        assert workload.operations is not None
        return time.process_time() - began, workload.operations

    one_burst, case = (Case(Scenario(scenario), cpus, count) for count in (0, operations))
    seconds(one_burst)
    fixed = median(seconds(one_burst)[0] for _round in range(rounds))
    taken, done = zip(*(seconds(case) for _round in range(rounds)), strict=True)
    return {"operations": done[0], "seconds": median(taken), "fixed_s": fixed, "peak_mib": peak_mib()}


def peak_mib() -> float:
    """The greatest memory that this process has had, MiB. InputError where the system does not tell."""
    try:
        import resource
    except ImportError:
        raise InputError("bench", "this system does not tell a process's greatest memory", allowed="a Unix system") from None
    greatest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return greatest / _BYTES_PER_MIB if sys.platform == "darwin" else greatest * _KIB / _BYTES_PER_MIB


def in_fresh_process(what: str, environment: Mapping[str, str] | None = None, **given: Any) -> dict[str, Any]:
    """What `child` says in a new Python, of the same slabdes. CheckFailed if that fails."""
    root = str(Path(slabdes.__file__).parents[1])
    paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", "from slabdes.study.bench.child import main; main()", what, json.dumps(given)],
        env={**os.environ, **(environment or {}), "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise CheckFailed(
            f"bench: a process of its own for {what} failed: {said[-1] if said else f'exit code {done.returncode}'}"
        )
    result: dict[str, Any] = json.loads(done.stdout)
    return result

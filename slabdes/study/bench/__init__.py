"""How fast the engines are, measured side by side in one process: a plain SimPy model, the reference, the compiled engine.

Rounds are interleaved, so that a busy machine slows all of them; figures are medians. Checks, outside what is timed, that
reference and compiled leave equal records. Leaves out a version in C.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median
from typing import Any, Final

from slabdes.config import Experiment, parse_experiment
from slabdes.engine.compiled.run import prepare, run_compiled
from slabdes.engine.reference.plain import run_plain, run_timeouts
from slabdes.engine.reference.run import run_reference
from slabdes.errors import CheckFailed
from slabdes.machine import load_machine
from slabdes.machine.topology import Machine
from slabdes.workload.synthetic import build_synthetic

MACHINE: Final = "epyc-2s"
CPUS: Final = (1, 8, 64, 256)
OBJECTS: Final = 50
"""Objects of a burst: fewer than a limit of 120, so that hits dominate there."""
SCENARIOS: Final = {"hits": (120, 60), "refills": (12, 6)}
"""Array limit and batchcount where hits dominate, and where refills do."""
SLOW_OPERATIONS: Final = 51_200
FAST_OPERATIONS: Final = 2_560_000
"""Operations that a SimPy model and the compiled engine are timed over (assumed: about half a second each)."""


@dataclass(frozen=True)
class Timing:
    """Nanoseconds of processor time an operation of one scenario, medians; `timeout_ns` is a bare SimPy timeout's."""

    scenario: str
    cpus: int
    timeout_ns: float
    plain_ns: float
    reference_ns: float
    compiled_ns: float

    @property
    def over_plain(self) -> float:
        """How many times as fast as the plain model the compiled engine is."""
        return self.plain_ns / self.compiled_ns

    @property
    def over_reference(self) -> float:
        """How many times as fast as the reference it is."""
        return self.reference_ns / self.compiled_ns


def bench(cpus: Sequence[int] = CPUS, rounds: int = 5, tell: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Measure every scenario on each number of CPUs; `tell` hears what is being measured. JSON-able; times in s and ns.

    Raises CheckFailed if two engines that model the same thing leave different records.
    """
    began = time.perf_counter()
    prepare(lambda _done: None)
    ready = time.perf_counter() - began
    machine = load_machine(MACHINE)
    timings = []
    for scenario in SCENARIOS:
        for count in cpus:
            if tell is not None:
                tell(f"{scenario} on {count} CPUs")
            timings.append(_measure(machine, scenario, count, rounds))
    rows = [asdict(timing) | {"over_plain": timing.over_plain, "over_reference": timing.over_reference} for timing in timings]
    return {"machine": MACHINE, "rounds": rounds, "ready_s": ready, "timings": rows}


def _measure(machine: Machine, scenario: str, cpus: int, rounds: int) -> Timing:
    limit, batchcount = SCENARIOS[scenario]
    slow, fast = (_experiment(cpus, limit, batchcount, operations) for operations in (SLOW_OPERATIONS, FAST_OPERATIONS))
    workload = build_synthetic(slow, machine, 0)
    if run_reference(slow, machine, workload) != run_compiled(slow, machine, workload):
        raise CheckFailed(f"bench: reference and compiled differ on {scenario} with {cpus} CPUs")
    bursts = max(1, SLOW_OPERATIONS // (2 * OBJECTS * cpus))
    contestants: dict[str, Callable[[], int]] = {
        "timeout": partial(run_timeouts, SLOW_OPERATIONS),
        "plain": partial(run_plain, cpus, OBJECTS, bursts, limit, batchcount),
        "reference": partial(_run, run_reference, slow, machine),
        "compiled": partial(_run, run_compiled, fast, machine),
    }
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for _round in range(rounds):
        for name, contestant in contestants.items():
            began = time.process_time_ns()
            operations = contestant()
            taken[name].append((time.process_time_ns() - began) / operations)
    medians = {f"{name}_ns": median(times) for name, times in taken.items()}
    return Timing(scenario, cpus, **medians)


def _run(engine: Callable[..., Any], experiment: Experiment, machine: Machine) -> int:
    workload = build_synthetic(experiment, machine, 0)
    engine(experiment, machine, workload)
    assert workload.operations is not None
    return workload.operations


def _experiment(cpus: int, limit: int, batchcount: int, operations: int) -> Experiment:
    raw = {
        "machine": {"preset": MACHINE, "cpus": cpus},
        "cache": [{"name": "bench", "size": 256, "limit": limit, "batchcount": batchcount}],
        "workload": {"kind": "burst", "objects": OBJECTS, "rounds": max(1, operations // (2 * OBJECTS * cpus))},
    }
    return parse_experiment(raw, "bench")

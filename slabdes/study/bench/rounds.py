# SPDX-License-Identifier: GPL-2.0-only
"""Everything side by side in interleaved rounds of one process, so that a busy machine slows all of them; figures are medians.

Processor time without Python's collector, as timeit has it. Leaves out how times grow (`growth`) and start times (`start`).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from slabdes.engine.compiled.run import run_compiled
from slabdes.engine.reference.plain import PlainModel, run_timeouts
from slabdes.engine.reference.plain_slub import PlainSlubModel
from slabdes.engine.reference.run import run_reference
from slabdes.machine.topology import Machine
from slabdes.study.bench.scenarios import OBJECTS, Case, Scenario

if TYPE_CHECKING:
    from slabdes.study.bench.limit import Limit

SLOW_OPERATIONS: Final = 51_200
SLOW_BURSTS: Final = 20
"""Operations that a SimPy model is timed over, and bursts that each CPU has at least, so that first growth does not dominate."""
FAST_OPERATIONS: Final = 20_000_000
"""Operations that compiled code is timed over, so that what happens before and after a run is a few percent at most."""


@dataclass(frozen=True)
class Amounts:
    """Operations to time over, SimPy models and compiled code apart."""

    slow: int = SLOW_OPERATIONS
    fast: int = FAST_OPERATIONS
    bursts: int = SLOW_BURSTS


@dataclass(frozen=True)
class Timing:
    """Nanoseconds of processor time an operation of one case, medians over rounds; `limit_ns` is None without a C compiler.

    `timeout_ns` is an event of bare SimPy timeouts in as many processes as there are CPUs, `loop_ns` one in a single process.
    """

    scenario: Scenario
    cpus: int
    loop_ns: float
    timeout_ns: float
    plain_ns: float
    reference_ns: float
    compiled_ns: float
    limit_ns: float | None

    @property
    def plain_over_timeout(self) -> float:
        """What the plain model costs in bare timeouts."""
        return self.plain_ns / self.timeout_ns

    @property
    def over_plain(self) -> float:
        """How many times as fast as the plain model the compiled engine is."""
        return self.plain_ns / self.compiled_ns

    @property
    def over_reference(self) -> float:
        """How many times as fast as the reference it is."""
        return self.reference_ns / self.compiled_ns

    @property
    def of_limit(self) -> float | None:
        """The compiled engine's speed as a share of the C version's."""
        return None if self.limit_ns is None else self.limit_ns / self.compiled_ns

    def row(self) -> dict[str, Any]:
        """All of it by name, for tables and JSON."""
        names = ("loop_ns", "timeout_ns", "plain_ns", "reference_ns", "compiled_ns", "limit_ns",
                 "plain_over_timeout", "over_plain", "over_reference", "of_limit")  # fmt: skip
        return {"scenario": self.scenario.value, "cpus": self.cpus, **{name: getattr(self, name) for name in names}}


def slow_case(scenario: Scenario, cpus: int, amounts: Amounts) -> Case:
    """What SimPy models are timed on, and engines are compared on."""
    return Case(scenario, cpus, max(amounts.slow, amounts.bursts * 2 * OBJECTS * cpus))


def measure(
    scenario: Scenario,
    cpus: int,
    machine: Machine,
    rounds: int,
    amounts: Amounts,
    limit: Limit | None,
    done: Callable[[], None] = lambda: None,
) -> Timing:
    """Time one case, round after round; `done` hears of every round."""
    slow, fast = slow_case(scenario, cpus, amounts), Case(scenario, cpus, amounts.fast)
    contestants: dict[str, Callable[[], float]] = {
        "loop": partial(_timed, partial(run_timeouts, amounts.slow)),
        "timeout": partial(_timed, partial(run_timeouts, max(amounts.slow, cpus), cpus)),
        "plain": partial(plain_time, slow, machine),
        "reference": partial(engine_time, run_reference, slow, machine),
        "compiled": partial(engine_time, run_compiled, fast, machine),
    }
    if limit is not None:
        contestants["limit"] = partial(limit_time, limit, fast, machine)
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for _round in range(rounds):
        for name, contestant in contestants.items():
            taken[name].append(contestant())
        done()
    medians: dict[str, Any] = {f"{name}_ns": median(times) for name, times in taken.items()}
    return Timing(scenario=scenario, cpus=cpus, **{"limit_ns": None, **medians})


def _timed(run: Callable[[], int]) -> float:
    """Nanoseconds an operation of what `run` does and counts."""
    with _no_collector():
        began = time.process_time_ns()
        operations = run()
        return (time.process_time_ns() - began) / operations


@contextmanager
def _no_collector() -> Iterator[None]:
    gc.collect()
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def plain_time(case: Case, machine: Machine) -> float:
    """Nanoseconds an operation of the plain model of a case's allocator."""
    model = PlainSlubModel if case.allocator.is_slub else PlainModel
    return _timed(model(case.experiment(), machine, case.workload(machine)).run)


def engine_time(engine: Callable[..., Any], case: Case, machine: Machine) -> float:
    """Nanoseconds an operation of an engine on a case."""
    experiment, workload = case.experiment(), case.workload(machine)

    def run() -> int:
        engine(experiment, machine, workload)
        assert workload.operations is not None
        return workload.operations

    return _timed(run)


def limit_time(limit: Limit, case: Case, machine: Machine) -> float:
    """Nanoseconds an operation of a C version on a case."""
    left = limit.run(case.experiment(), machine, case.workload(machine))
    return left.seconds * 1e9 / left.operations

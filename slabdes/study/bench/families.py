# SPDX-License-Identifier: GPL-2.0-only
"""The compiled engine on SLUB and on SLAB, in interleaved rounds of one process. Leaves out other models and engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

from slabdes.config import AllocatorVersion
from slabdes.engine.compiled.run import run_compiled
from slabdes.machine.topology import Machine
from slabdes.study.bench.checks import check_engines
from slabdes.study.bench.rounds import Amounts, engine_time, slow_case
from slabdes.study.bench.scenarios import Case, Scenario

SLAB: Final = AllocatorVersion.V2_6_34
SLUB: Final = (AllocatorVersion.V6_12, AllocatorVersion.V7_3)
"""The recorded ones, whose hits are a private chain's and a sheaf's: those of the versions between are one of these."""


@dataclass(frozen=True)
class Beside:
    """Nanoseconds of processor time an operation of one scenario, the least of all rounds, on SLUB and on SLAB."""

    scenario: Scenario
    cpus: int
    allocator: AllocatorVersion
    slub_ns: float
    slab_ns: float

    def row(self) -> dict[str, Any]:
        """By name, with how many times SLAB's that is."""
        names = {"scenario": self.scenario.value, "allocator": self.allocator.value}
        return asdict(self) | names | {"times_slab": self.slub_ns / self.slab_ns}


def measure_families(
    scenarios: Sequence[Scenario],
    cpus: Sequence[int],
    machine: Machine,
    rounds: int,
    amounts: Amounts,
    tell: Callable[[str, int, int], None],
) -> list[Beside]:
    """Time each scenario on each number of CPUs. Raises CheckFailed if the engines leave different records on SLUB."""
    measured: list[Beside] = []
    cases = [(scenario, count) for scenario in scenarios for count in cpus]
    for number, (scenario, count) in enumerate(cases):
        tell("allocators", number, len(cases))
        for version in SLUB:
            slow = slow_case(scenario, count, amounts)
            check_engines(Case(scenario, count, slow.operations, version), machine, None)
        every = {version: Case(scenario, count, amounts.fast, version) for version in (SLAB, *SLUB)}
        timed = {version: partial(engine_time, run_compiled, case, machine) for version, case in every.items()}
        taken: dict[AllocatorVersion, list[float]] = {version: [] for version in timed}
        for _round in range(rounds):
            for version, time in timed.items():
                taken[version].append(time())
        least = {version: min(times) for version, times in taken.items()}
        measured += [Beside(scenario, count, version, least[version], least[SLAB]) for version in SLUB]
    tell("allocators", len(cases), len(cases))
    return measured

# SPDX-License-Identifier: GPL-2.0-only
"""The compiled engine on SLUB and on SLAB, in interleaved rounds of one process, with SLUB's plain SimPy model and its C version.

Those two are 7.3's alone. Leaves out the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from slabdes.config import AllocatorVersion
from slabdes.engine.compiled.run import run_compiled
from slabdes.machine.topology import Machine
from slabdes.study.bench.checks import check_engines, check_plain
from slabdes.study.bench.rounds import Amounts, engine_time, limit_time, plain_time, slow_case
from slabdes.study.bench.scenarios import Case, Scenario

if TYPE_CHECKING:
    from slabdes.study.bench.limit import Limit

SLAB: Final = AllocatorVersion.V2_6_34
SLUB: Final = (AllocatorVersion.V6_12, AllocatorVersion.V7_3)
"""The recorded ones, whose hits are a private chain's and a sheaf's: those of the versions between are one of these."""
MODELLED: Final = AllocatorVersion.V7_3
"""The one that has a plain model and a C version."""


@dataclass(frozen=True)
class Beside:
    """Nanoseconds of processor time an operation of one scenario, the least of all rounds, on SLUB and on SLAB.

    `plain_ns` is the plain SimPy model's, `limit_ns` the C version's, both on SLUB; None where there is none.
    """

    scenario: Scenario
    cpus: int
    allocator: AllocatorVersion
    slub_ns: float
    slab_ns: float
    plain_ns: float | None
    limit_ns: float | None

    def row(self) -> dict[str, Any]:
        """By name, with how many times SLAB's that is, how many times as fast as the plain model, and the share of C's speed."""
        names = {"scenario": self.scenario.value, "allocator": self.allocator.value}
        shares = {
            "times_slab": self.slub_ns / self.slab_ns,
            "over_plain": None if self.plain_ns is None else self.plain_ns / self.slub_ns,
            "of_limit": None if self.limit_ns is None else self.limit_ns / self.slub_ns,
        }
        return asdict(self) | names | shares


def measure_families(
    scenarios: Sequence[Scenario],
    cpus: Sequence[int],
    machine: Machine,
    rounds: int,
    amounts: Amounts,
    limit: Limit | None,
    tell: Callable[[str, int, int], None],
) -> list[Beside]:
    """Time each scenario on each number of CPUs. Raises CheckFailed where two that model the same leave different records."""
    measured: list[Beside] = []
    cases = [(scenario, count) for scenario in scenarios for count in cpus]
    for scenario in scenarios:
        check_plain(scenario, machine, amounts.slow, MODELLED)
    for number, (scenario, count) in enumerate(cases):
        tell("allocators", number, len(cases))
        measured += _beside(scenario, count, machine, rounds, amounts, limit)
    tell("allocators", len(cases), len(cases))
    return measured


def _beside(
    scenario: Scenario, count: int, machine: Machine, rounds: int, amounts: Amounts, limit: Limit | None
) -> Iterator[Beside]:
    operations = slow_case(scenario, count, amounts).operations
    for version in SLUB:
        check_engines(Case(scenario, count, operations, version), machine, limit if version is MODELLED else None)
    every = {version: Case(scenario, count, amounts.fast, version) for version in (SLAB, *SLUB)}
    timed: dict[str, Callable[[], float]] = {
        version.value: partial(engine_time, run_compiled, case, machine) for version, case in every.items()
    }
    timed["plain"] = partial(plain_time, Case(scenario, count, operations, MODELLED), machine)
    if limit is not None:
        timed["limit"] = partial(limit_time, limit, every[MODELLED], machine)
    taken: dict[str, list[float]] = {name: [] for name in timed}
    for _round in range(rounds):
        for name, time in timed.items():
            taken[name].append(time())
    least = {name: min(times) for name, times in taken.items()}
    for version in SLUB:
        others = (least["plain"], least.get("limit")) if version is MODELLED else (None, None)
        yield Beside(scenario, count, version, least[version.value], least[SLAB.value], *others)

# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own queue spinlock by threads on four sockets: three benchmarks, relative to one thread of each.

Two lengths of each benchmark are taken from two of its rows; the others are predicted. Leaves out what the system calls do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from slabdes.machine import load_machine
from slabdes.machine.topology import Machine
from slabdes.units import PS_PER_NS
from slabdes.validation.measures import section_ns
from slabdes.validation.published import published
from slabdes.validation.simulate import Results
from slabdes.validation.target import Outcome, Row, Target, row

MACHINE: Final = "xeon-4s-72"
FULL_SOCKET: Final = 16
"""Threads whose row gives the serial part: the lock is saturated and they fit one socket."""
OPERATIONS: Final = 400
TORTURE_SECONDS: Final = 30.0
"""How long a run of locktorture took (assumed: the table has totals only)."""


@dataclass(frozen=True)
class Benchmark:
    """A column of the table, and operations a microsecond that one unit of it stands for."""

    column: str
    name: str
    per_us: float


BENCHMARKS: Final = (
    Benchmark("lockt_stock", "locktorture", 1e7 / (TORTURE_SECONDS * 1e6)),
    Benchmark("open1_stock", "will-it-scale open1", 1.0),
    Benchmark("lock2_stock", "will-it-scale lock2", 1.0),
)


def lengths_ns(benchmark: Benchmark, machine: Machine) -> tuple[float, float]:
    """Think and hold time: together as one thread's row has it; hold so that a full socket is held up by hold and hand-off."""
    rates = published("qspinlock_4x_E7-8895v3").numbers(benchmark.column)
    turn = 1000 / (rates[1] * benchmark.per_us)
    handoff = machine.costs.handoff_transfers * machine.transfer_ps[0][1] / PS_PER_NS
    own = machine.costs.lock_op / PS_PER_NS
    hold = max(0.0, 1000 / (rates[FULL_SOCKET] * benchmark.per_us) - handoff - own)
    return turn - hold - own, hold


def experiments() -> Mapping[str, Mapping[str, Any]]:
    """One a benchmark and number of threads."""
    machine = load_machine(MACHINE)
    made = {}
    for benchmark in BENCHMARKS:
        think, hold = lengths_ns(benchmark, machine)
        for threads in published("qspinlock_4x_E7-8895v3").numbers(benchmark.column):
            made[f"{benchmark.name}/{threads}"] = {
                "seed": 1,
                "machine": {"preset": MACHINE, "cpus": threads},
                "lock": {"discipline": "qspinlock"},
                "workload": {
                    "kind": "critical_section",
                    "operations": OPERATIONS,
                    "think_ns": think,
                    "hold_ns": hold,
                },
            }
    return made


def compare(results: Results) -> Outcome:
    """Throughput relative to one thread's, by threads."""
    rows: list[Row] = []
    for benchmark in BENCHMARKS:
        rates = published("qspinlock_4x_E7-8895v3").numbers(benchmark.column)
        alone = section_ns(results[f"{benchmark.name}/1"][0])
        rows += [
            row(
                results[f"{benchmark.name}/{threads}"],
                lambda records, alone=alone: alone / section_ns(records),  # type: ignore[misc]  # the lambda's default
                series=benchmark.name,
                x=threads,
                measured=rate / rates[1],
                fitted=threads in (1, FULL_SOCKET),
            )
            for threads, rate in rates.items()
        ]
    return Outcome(tuple(rows), (), ("no tolerance was stated",))


TARGET: Final = Target(
    name="queue_lock",
    title="Queue spinlock on four sockets by threads",
    source=published("qspinlock_4x_E7-8895v3").source,
    simulated="critical_section with exponential think and hold on 1 to 142 CPUs of xeon-4s-72, lock qspinlock; relative to one",
    calibrated=f"each benchmark's think and hold time on its rows of 1 and {FULL_SOCKET} threads; all other rows are predicted",
    assumed=(
        "line transfers as on another four-socket Xeon",
        "threads fill one socket after another",
        f"a run of locktorture took {TORTURE_SECONDS:g} s",
    ),
    unit="throughput relative to one thread",
    x="threads",
    experiments=experiments,
    compare=compare,
)

# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own queue spinlock by threads on four sockets: three benchmarks, relative to one thread of each.

Two lengths of each will-it-scale benchmark are taken from two of its rows, locktorture's think time from one; the others are
predicted. Leaves out what system calls do beside the lock, and the scheduler.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from slabdes.engine.records import Records
from slabdes.machine import load_machine
from slabdes.machine.topology import Machine
from slabdes.units import PS_PER_NS
from slabdes.validation.measures import section_ns
from slabdes.validation.published import published
from slabdes.validation.simulate import Results
from slabdes.validation.target import Outcome, Row, Target, row, within

DATA: Final = "qspinlock_4x_E7-8895v3"
MACHINE: Final = "xeon-4s-72"
FULL_SOCKET: Final = 16
"""Threads whose row gives will-it-scale's serial part: the lock is saturated and they fit one socket."""
OPERATIONS: Final = 400
IN_ALL: Final = 20_000
"""Sections of each thread, and of all where they are few: sections that are held are rare."""
LINES: Final = 1
"""Lines of data that the lock guards and each hold writes, by reading: locktorture's flag that the lock is held; the descriptor
bitmap of a process; the lock list of a file."""
TORTURE: Final = "locktorture"
TORTURE_SECONDS: Final = 30.0
"""How long a run of locktorture took (assumed: the table has totals only; then one thread's row agrees with 1000 ns a hold)."""
SHORT_NS: Final = 2000.0
SHORT_ONE_IN: Final = 4
"""locktorture before May 2023 held its lock for 2 us in one of 4 N sections, at random, of N threads."""
LONG_NS: Final = 500.0
"""And for 100 ms in one of 200,000 N: 500/N ns a section on average. As every thread waits meanwhile, that is added as it is."""
TOLERANCE: Final = (0.15, 0.3)
"""Median and worst error at all thread counts (stated before anything was changed)."""


@dataclass(frozen=True)
class Benchmark:
    """A column of the table, sections a microsecond that one unit of it stands for, and how its threads were placed."""

    column: str
    name: str
    per_us: float
    placement: str
    unit: str


BENCHMARKS: Final = (
    Benchmark("lockt_stock", TORTURE, 1e7 / (TORTURE_SECONDS * 1e6), "spread", "1e7 a run"),
    Benchmark("open1_stock", "will-it-scale open1", 2.0, "cores", "operations/us"),
    Benchmark("lock2_stock", "will-it-scale lock2", 1.0, "cores", "operations/us"),
)


def lengths_ns(benchmark: Benchmark, machine: Machine) -> tuple[float, float]:
    """Think and hold time: together as one thread's row has it; hold so that a full socket is held up by hold and hand-off.

    locktorture's hold is known.
    """
    rates = published(DATA).numbers(benchmark.column)
    turn = 1000 / (rates[1] * benchmark.per_us)
    own = machine.costs.lock_op / PS_PER_NS
    if benchmark.name == TORTURE:
        return turn - SHORT_NS / SHORT_ONE_IN - LONG_NS - own, SHORT_NS
    moved = (machine.costs.handoff_transfers + LINES) * machine.transfer_ps[0][1] / PS_PER_NS
    hold = max(0.0, 1000 / (rates[FULL_SOCKET] * benchmark.per_us) - moved - own)
    return turn - hold - own, hold


def workload_of(benchmark: Benchmark, threads: int, machine: Machine) -> dict[str, Any]:
    """What so many threads of a benchmark do."""
    think, hold = lengths_ns(benchmark, machine)
    workload = {
        "kind": "critical_section",
        "operations": max(OPERATIONS, IN_ALL // threads),
        "think_ns": think,
        "hold_ns": hold,
        "lines": LINES,
    }
    if benchmark.name == TORTURE:
        workload |= {"hold": "constant", "hold_one_in": SHORT_ONE_IN * threads}
    return workload


def experiment(benchmark: Benchmark, threads: int, discipline: str, machine: Machine) -> dict[str, Any]:
    """A benchmark with so many threads, placed as its were, on a lock of that discipline."""
    return {
        "seed": 1,
        "machine": {"preset": MACHINE, "cpus": threads, "placement": benchmark.placement},
        "lock": {"discipline": discipline},
        "workload": workload_of(benchmark, threads, machine),
    }


def per_section_ns(benchmark: Benchmark, threads: int, records: Records) -> float:
    """Time of the run over the sections of all threads, rare long holds included."""
    return section_ns(records) + (LONG_NS / threads if benchmark.name == TORTURE else 0.0)


def _times_one_thread(benchmark: Benchmark, threads: int, alone: float, records: Records) -> float:
    """Throughput in multiples of one thread's, whose sections take `alone` ns."""
    return alone / per_section_ns(benchmark, threads, records)


def experiments() -> Mapping[str, Mapping[str, Any]]:
    """One a benchmark and number of threads."""
    machine = load_machine(MACHINE)
    return {
        f"{benchmark.name}/{threads}": experiment(benchmark, threads, "qspinlock", machine)
        for benchmark in BENCHMARKS
        for threads in published(DATA).numbers(benchmark.column)
    }


def compare(results: Results) -> Outcome:
    """Throughput relative to one thread's, by threads."""
    rows: list[Row] = []
    for benchmark in BENCHMARKS:
        rates = published(DATA).numbers(benchmark.column)
        alone = per_section_ns(benchmark, 1, results[f"{benchmark.name}/1"][0])
        for threads, rate in rates.items():
            rows.append(
                row(
                    results[f"{benchmark.name}/{threads}"],
                    partial(_times_one_thread, benchmark, threads, alone),
                    series=benchmark.name,
                    x=threads,
                    measured=rate / rates[1],
                    fitted=threads == 1 or (threads == FULL_SOCKET and benchmark.name != TORTURE),
                )
            )
    predicted = [one for one in rows if not one.fitted]
    return Outcome(tuple(rows), (within("queue lock, all thread counts not calibrated on", predicted, *TOLERANCE),))


TARGET: Final = Target(
    name="queue_lock",
    title="Queue spinlock on four sockets by threads",
    source=published(DATA).source,
    simulated="critical_section on 1 to 142 CPUs of xeon-4s-72, lock qspinlock, relative to one. "
    "locktorture: think exponential, hold as 5.9 has it; will-it-scale: both exponential, two sections an open and close, one a "
    "call of lock2",
    calibrated=f"will-it-scale's think and hold times on their rows of 1 and {FULL_SOCKET} threads, locktorture's think time on "
    "its row of one; all other rows are predicted",
    fitted_on=f"rows of 1 thread, and of {FULL_SOCKET} of will-it-scale",
    assumed=(
        "line transfers as on another four-socket Xeon",
        "will-it-scale's threads are on one core each, socket by socket, before any second thread: its main.c pins task i to "
        "core i by hwloc, unless told otherwise (beyond 72 the kernel chooses between a core's threads)",
        "locktorture's threads are on all sockets alike: it pins none, and the scheduler starts threads on the idlest node",
        f"a run of locktorture took {TORTURE_SECONDS:g} s",
        f"each hold writes {LINES} line beside the lock's",
    ),
    unit="throughput relative to one thread",
    x="threads",
    experiments=experiments,
    compare=compare,
)

# SPDX-License-Identifier: GPL-2.0-only
"""How fast the engines are here: beside a plain SimPy model and a version in C, by size, in memory, and at the start.

What is timed is also compared, outside of what is timed. Leaves out tables (the command line's) and figures.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Any

from slabdes.engine.compiled.run import prepare
from slabdes.study.bench import growth as growths
from slabdes.study.bench.c_version import compiler_line, slub_in_c, version_in_c, why_none
from slabdes.study.bench.cells import CELLS, measure_cells
from slabdes.study.bench.checks import check_engines, check_plain
from slabdes.study.bench.families import measure_families
from slabdes.study.bench.long import run_long
from slabdes.study.bench.reading import measure_reading
from slabdes.study.bench.rounds import Amounts, measure, slow_case
from slabdes.study.bench.scenarios import CPUS, MACHINE, Case, Scenario, bench_machine
from slabdes.study.bench.start import measure_start

Tell = Callable[[str, int, int], None]
"""Hears what is measured, how much of it is done, and of how much."""
QUICK = Amounts(slow=10_000, fast=2_000_000, bursts=2)
"""For a look: figures are coarse."""
GROWTH_ROUNDS = 3


class Part(StrEnum):
    """What can be measured."""

    SPEED = "speed"
    GROWTH = "growth"
    START = "start"
    CELLS = "cells"
    ALLOCATORS = "allocators"


def bench(
    parts: Collection[Part] = tuple(Part),
    cpus: Sequence[int] = CPUS,
    scenarios: Sequence[Scenario] = tuple(Scenario),
    rounds: int = 5,
    amounts: Amounts | None = None,
    growth_operations: Sequence[int] = growths.OPERATIONS,
    cells: int = CELLS,
    tell: Tell = lambda _what, _done, _total: None,
) -> dict[str, Any]:
    """Measure `parts` and check that what is compared leaves the same. JSON-able; times in s and ns, memory in MiB.

    Raises CheckFailed if two that model the same thing leave different records.
    """
    measured = _place(rounds)
    if Part.START in parts:
        tell("compile and start", 0, 1)
        measured["start"] = asdict(measure_start())
        tell("compile and start", 1, 1)
    if Part.CELLS in parts:
        measured["cells"] = [study.row() for study in measure_cells(cells, tell)]
    if set(parts) != {Part.CELLS}:
        _get_ready(measured)
    if Part.SPEED in parts:
        measured["timings"] = _speed(cpus, scenarios, rounds, amounts or Amounts(), tell)
    if Part.ALLOCATORS in parts:
        prepare(lambda _done: None, slub=True)
        with slub_in_c() as limit:
            beside = measure_families(scenarios, cpus, bench_machine(), rounds, amounts or Amounts(), limit, tell)
        measured["allocators"] = [one.row() for one in beside]
    if Part.GROWTH in parts:
        measured["growth"] = _growth(scenarios, growth_operations, tell)
    return measured


def bench_long(
    operations: int,
    cpus: Sequence[int] = (growths.CPUS,),
    scenarios: Sequence[Scenario] = tuple(Scenario),
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Run `operations` operations on each number of CPUs, compiled and in C. JSON-able, as `bench`."""
    measured = _place(1)
    _get_ready(measured)
    machine = bench_machine()
    with version_in_c() as limit:
        cases = [Case(scenario, count, operations) for scenario in scenarios for count in cpus]
        runs = [run_long(case, machine, limit, tell or (lambda _what, _done, _total: None)) for case in cases]
    measured["runs"] = [run.row() for run in runs]
    return measured


def bench_reading(trace: Path, tell: Tell = lambda _what, _done, _total: None) -> dict[str, Any]:
    """Read a trace as `scan` does, and its beginning in Python. JSON-able, as `bench`. CheckFailed if that differs."""
    return _place(1) | {"reading": [reading.row() for reading in measure_reading(trace, tell)]}


def _place(rounds: int) -> dict[str, Any]:
    """Where and with what is measured."""
    return {
        "machine": MACHINE,
        "rounds": rounds,
        "python": platform.python_version(),
        "processor": _processor(),
        "c_compiler": compiler_line(),
        "no_c": why_none(),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 -- a plain name, read once
            names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
            return next(names, platform.machine())
    except OSError:
        return platform.processor() or platform.machine()


def _get_ready(measured: dict[str, Any]) -> None:
    began = time.perf_counter()
    prepare(lambda _done: None)
    measured["ready_s"] = time.perf_counter() - began


def _speed(cpus: Sequence[int], scenarios: Sequence[Scenario], rounds: int, amounts: Amounts, tell: Tell) -> list[dict[str, Any]]:
    machine = bench_machine()
    steps = len(cpus) * len(scenarios) * (rounds + 1)
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        tell("speed", done, steps)

    tell("speed", 0, steps)
    rows = []
    with version_in_c() as limit:
        for scenario in scenarios:
            check_plain(scenario, machine, amounts.slow)
            for count in cpus:
                check_engines(slow_case(scenario, count, amounts), machine, limit)
                step()
                rows.append(measure(scenario, count, machine, rounds, amounts, limit, step).row())
    return rows


def _growth(scenarios: Sequence[Scenario], operations: Sequence[int], tell: Tell) -> list[dict[str, Any]]:
    measured = []
    total = len(scenarios) * sum(operations)
    done = 0
    tell("growth", done, total)
    for scenario in scenarios:
        for count in operations:
            measured.append(growths.measure_growth(scenario, growths.CPUS, count, GROWTH_ROUNDS))
            done += count
            tell("growth", done, total)
    return growths.with_times_more(measured)

# SPDX-License-Identifier: GPL-2.0-only
"""Predictions of what nobody here has seen measured, as a table that measurements can be laid beside later.

Leaves out comparing: what they are compared with is not here.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from slabdes.errors import InputError, nearest
from slabdes.files import write_new
from slabdes.machine import load_machine
from slabdes.validation.measures import MEASURES, elapsed_per_object_ns, pair_ns
from slabdes.validation.published import published
from slabdes.validation.simulate import Progress, Results, simulate_all
from slabdes.validation.target import row
from slabdes.validation.targets import list_lock, pages, queue_lock, two_cpus

HEADS: Final = ("set", "case", "x", "measure", "unit", "predicted", "replications_within")
STAGES: Final = tuple(stage for stage in list_lock.STAGES if stage != list_lock.BEFORE)
SIZES: Final = (64, 1024)
"""Of objects on two cores: those that were measured here have 256 bytes."""
DISCIPLINES: Final = ("qspinlock", "cna")
ORDERS: Final = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Prediction:
    """One figure: `x` is the size, threads or order of its case; `spread` how far a replication is from the mean at most."""

    case: str
    x: int
    measure: str
    unit: str
    predicted: float
    spread: float


@dataclass(frozen=True)
class PredictionSet:
    """Figures of one kind: the experiments they come from, and what is read from their records."""

    title: str
    experiments: Callable[[], Mapping[str, Mapping[str, Any]]]
    predict: Callable[[Results], Iterator[Prediction]]


def _stage_experiments() -> Mapping[str, Mapping[str, Any]]:
    wanted = tuple(f"{stage}/" for stage in STAGES)
    return {key: raw for key, raw in list_lock.experiments().items() if key.startswith(wanted)}


def _stages(results: Results) -> Iterator[Prediction]:
    ghz = load_machine(list_lock.MACHINE).clock_ghz
    for stage in STAGES:
        for operation in list_lock.OPERATIONS:
            for size in list_lock.SIZES:
                found = row(results[f"{stage}/{size}"], MEASURES[operation], series="", x=size, scale=ghz)
                yield Prediction(stage.removeprefix("+ "), size, operation, "cycles", found.simulated, found.spread)


def _two_core_experiments() -> Mapping[str, Mapping[str, Any]]:
    measured = two_cpus.measured_ns()
    return {
        f"{size}/{two_cpus.key_of(case)}": two_cpus.experiment(case, two_cpus.think_ns(case, measured), size)
        for size in SIZES
        for case in sorted(measured)
    }


def _two_cores(results: Results) -> Iterator[Prediction]:
    for size in SIZES:
        for case in sorted(two_cpus.measured_ns()):
            found = row(results[f"{size}/{two_cpus.key_of(case)}"], elapsed_per_object_ns, series="", x=size)
            yield Prediction(two_cpus.key_of(case), size, "pair", "ns", found.simulated, found.spread)


def _lock_experiments() -> Mapping[str, Mapping[str, Any]]:
    machine = load_machine(queue_lock.MACHINE)
    return {
        f"{discipline}/{benchmark.name}/{threads}": queue_lock.experiment(benchmark, threads, discipline, machine)
        for discipline in DISCIPLINES
        for benchmark in queue_lock.BENCHMARKS
        for threads in published(queue_lock.DATA).numbers(benchmark.column)
    }


def _locks(results: Results) -> Iterator[Prediction]:
    """Operations a microsecond, in units of the table's columns; and what cna gains over the other."""
    for benchmark in queue_lock.BENCHMARKS:
        for threads in published(queue_lock.DATA).numbers(benchmark.column):
            rates = {}
            for discipline in DISCIPLINES:
                (records,) = results[f"{discipline}/{benchmark.name}/{threads}"]
                rates[discipline] = 1000 / queue_lock.per_section_ns(benchmark, threads, records) / benchmark.per_us
                yield Prediction(benchmark.name, threads, discipline, benchmark.unit, rates[discipline], 0.0)
            yield Prediction(benchmark.name, threads, "cna over qspinlock", "factor", rates["cna"] / rates["qspinlock"], 0.0)


def _page_experiments() -> Mapping[str, Mapping[str, Any]]:
    return {
        f"{order}/{kind}": pages.experiment(order, pages.ALL, pairs=kind == "pairs")
        for order in ORDERS
        for kind in ("sequence", "pairs")
    }


def _pages(results: Results) -> Iterator[Prediction]:
    ghz = load_machine(pages.MACHINE).clock_ghz
    for order in ORDERS:
        for column in pages.COLUMNS:
            records = results[f"{order}/{'pairs' if column == 'pair' else 'sequence'}"]
            found = row(records, pair_ns if column == "pair" else MEASURES[column], series="", x=order, scale=ghz)
            yield Prediction(f"{pages.ALL} CPUs", order, column, "cycles", found.simulated, found.spread)


SETS: Final[Mapping[str, PredictionSet]] = {
    "stages": PredictionSet("the 2016 series' stages on 8 CPUs of an i7-3770, by object size", _stage_experiments, _stages),
    "two_cores": PredictionSet("two cores with objects of 64 and 1,024 bytes", _two_core_experiments, _two_cores),
    "locks": PredictionSet("cna and the queue lock on four sockets, by threads", _lock_experiments, _locks),
    "pages": PredictionSet("pages of orders 1 to 5 with 8 CPUs at once", _page_experiments, _pages),
}
"""Every set by its name, in the order of the table."""


def predictions(
    names: Sequence[str] = (), *, jobs: int = 1, progress: Progress | None = None
) -> dict[str, tuple[Prediction, ...]]:
    """Simulate the sets of those names, or all. Raises InputError for a set that is not there."""
    for name in names:
        if name not in SETS:
            raise InputError(f"set {name!r}", f"there is none{nearest(name, tuple(SETS))}", allowed=", ".join(SETS))
    chosen = {name: one for name, one in SETS.items() if not names or name in names}
    experiments = {f"{name}: {key}": raw for name, one in chosen.items() for key, raw in one.experiments().items()}
    results = simulate_all(experiments, jobs, progress)
    found = {}
    for name, one in chosen.items():
        prefix = f"{name}: "
        own = {key.removeprefix(prefix): records for key, records in results.items() if key.startswith(prefix)}
        found[name] = tuple(one.predict(own))
    return found


def table_text(found: Mapping[str, Sequence[Prediction]], command: str) -> str:
    """The predictions as CSV: the first line says what they are and how they were made."""
    text = io.StringIO()
    text.write(f"# Predictions by slabdes, made before anybody here had seen these measured: {command}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADS)
    for name, rows in found.items():
        for one in rows:
            writer.writerow((name, one.case, one.x, one.measure, one.unit, f"{one.predicted:.4g}", f"{one.spread:.2g}"))
    return text.getvalue()


def write_table(path: Path, text: str) -> None:
    """Write predictions into a new file. Raises InputError if it is there or cannot be written."""
    write_new(path, text)

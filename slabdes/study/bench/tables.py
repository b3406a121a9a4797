# SPDX-License-Identifier: GPL-2.0-only
"""What `bench` has measured, as tables for a terminal. Leaves out what a program should parse: that is bench's own result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from slabdes.results.text import NOTHING, Sheet

_Column = tuple[str, str, Callable[[Any], str]]


def _number(digits: int) -> Callable[[Any], str]:
    return lambda value: f"{value:,.{digits}f}"


FAIR: Final = 3.0
"""Bare timeouts that an operation of a fair plain model costs at most."""
_SPEED: Final[tuple[_Column, ...]] = (
    ("scenario", "scenario", str),
    ("CPUs", "cpus", str),
    ("timeout", "loop_ns", _number(0)),
    ("timeouts", "timeout_ns", _number(0)),
    ("plain", "plain_ns", _number(0)),
    ("reference", "reference_ns", _number(0)),
    ("compiled", "compiled_ns", _number(1)),
    ("C", "limit_ns", _number(1)),
    ("plain / timeouts", "plain_over_timeout", _number(2)),
    ("over plain", "over_plain", _number(0)),
    ("over reference", "over_reference", _number(0)),
    ("of C", "of_limit", _number(2)),
)
_ALLOCATORS: Final[tuple[_Column, ...]] = (
    ("scenario", "scenario", str),
    ("CPUs", "cpus", str),
    ("allocator", "allocator", str),
    ("SLUB", "slub_ns", _number(1)),
    ("SLAB", "slab_ns", _number(1)),
    ("times SLAB's", "times_slab", _number(2)),
    ("plain", "plain_ns", _number(0)),
    ("C", "limit_ns", _number(1)),
    ("over plain", "over_plain", _number(0)),
    ("of C", "of_limit", _number(2)),
)
_GROWTH: Final[tuple[_Column, ...]] = (
    ("scenario", "scenario", str),
    ("CPUs", "cpus", str),
    ("operations", "operations", _number(0)),
    ("run, s", "seconds", _number(3)),
    ("any run, s", "fixed_s", _number(3)),
    ("ns an operation", "ns", _number(1)),
    ("times the operations", "more_operations", _number(2)),
    ("times the cost", "times_more", _number(2)),
    ("most memory, MiB", "peak_mib", _number(0)),
)
_RUNS: Final[tuple[_Column, ...]] = (
    ("scenario", "scenario", str),
    ("CPUs", "cpus", str),
    ("operations", "operations", _number(0)),
    ("simulated, s", "simulated_s", _number(2)),
    ("compiled, s", "compiled_s", _number(1)),
    ("C, s", "limit_s", _number(1)),
    ("compiled, ns", "compiled_ns", _number(1)),
    ("of C", "of_limit", _number(2)),
    ("memory at 10 %, MiB", "early_mib", _number(0)),
    ("at the end, MiB", "end_mib", _number(0)),
)
_CELLS: Final[tuple[_Column, ...]] = (
    ("kept", "kept", str),
    ("workers", "workers", str),
    ("cells", "cells", _number(0)),
    ("a cell, ms", "cell_ms", _number(1)),
    ("its processor, ms", "cell_cpu_ms", _number(1)),
    ("cells / workers, s", "alone_s", _number(2)),
    ("to the first, s", "start_s", _number(2)),
    ("from the first on, s", "seconds", _number(2)),
    ("parent's processor, s", "parent_cpu_s", _number(2)),
    ("workers' processors, s", "workers_cpu_s", _number(2)),
    ("times", "times", _number(2)),
)
_READING: Final[tuple[_Column, ...]] = (
    ("reading", "way", str),
    ("text, MB", "mb", _number(0)),
    ("kmem events", "events", _number(0)),
    ("s", "seconds", _number(2)),
    ("processor, s", "processor_s", _number(2)),
    ("MB a second", "mb_s", _number(0)),
)


def sheets(measured: Mapping[str, Any]) -> list[Sheet]:
    """A table for each part that was measured."""
    where = f"{measured['machine']} simulated on {measured['processor']}, Python {measured['python']}"
    made = []
    if "timings" in measured:
        rounds = measured["rounds"]
        made.append(
            _sheet(
                f"processor time an operation, ns; medians of {rounds} interleaved rounds; {where}", _SPEED, measured["timings"]
            )
        )
        if len({row["cpus"] for row in measured["timings"]}) > 1:
            made.append(_slowdowns(measured["timings"]))
    if "allocators" in measured:
        title = f"compiled, processor time an operation, ns, least of {measured['rounds']} interleaved rounds; {where}"
        made.append(_sheet(title, _ALLOCATORS, measured["allocators"]))
    if "growth" in measured:
        made.append(
            _sheet("cost and memory by number of operations, compiled, each in a process of its own", _GROWTH, measured["growth"])
        )
    if "runs" in measured:
        made.append(_sheet(f"processor time of one run; {where}", _RUNS, measured["runs"]))
    if "reading" in measured:
        made.append(_sheet(f"reading a trace; {where.partition(' on ')[2]}", _READING, measured["reading"]))
    if "cells" in measured:
        title = f"studies of short replications; {where.partition(' on ')[2]}"
        made.append(_sheet(title, _CELLS, measured["cells"]))
    if "start" in measured:
        start = measured["start"]
        rows = (
            ("nothing kept", f"{start['compile_s']:.2f}", f"{start['cold_s']:.2f}"),
            ("kept from before", f"{start['load_s']:.2f}", f"{start['cached_s']:.2f}"),
        )
        made.append(Sheet("from a new process to the records of a small run, s", ("compiled code", "ready", "in all"), 1, rows))
    return made


def remarks(measured: Mapping[str, Any]) -> list[str]:
    """What the tables do not say."""
    told = []
    if "timings" in measured:
        told.append("timeout, timeouts: a SimPy event in one process that only waits, and in as many processes as CPUs")
        told.append(
            "over plain, over reference: how many times as fast the compiled engine is; of C: its share of the C version's speed"
        )
        told += [_unfair(row) for row in measured["timings"] if row["plain_over_timeout"] > FAIR]
    if "allocators" in measured:
        told.append("plain, C: the same on SLUB as a plain SimPy model and in hand-written C, of 7.3 alone")
    if measured["no_c"] is not None and not {"timings", "runs", "allocators"}.isdisjoint(measured):
        told.append(f"C: left out; {measured['no_c']}")
    return told


def _unfair(row: Mapping[str, Any]) -> str:
    return (
        f"plain: {row['plain_over_timeout']:.1f} timeouts an operation on {row['scenario']} with {row['cpus']} CPUs, more than "
        f"the {FAIR:g} of a fair one; against such a one, over plain is {row['timeout_ns'] * FAIR / row['compiled_ns']:.0f}"
    )


def _sheet(title: str, columns: Sequence[_Column], rows: Sequence[Mapping[str, Any]]) -> Sheet:
    cells = tuple(tuple(NOTHING if row[key] is None else shown(row[key]) for _head, key, shown in columns) for row in rows)
    return Sheet(title, tuple(head for head, _key, _shown in columns), 1, cells)


def _slowdowns(timings: Sequence[Mapping[str, Any]]) -> Sheet:
    """What an operation costs on the most CPUs, in those on the fewest."""
    rows = []
    for scenario in dict.fromkeys(row["scenario"] for row in timings):
        some = sorted((row for row in timings if row["scenario"] == scenario), key=lambda row: row["cpus"])
        few, many = some[0], some[-1]
        ratios = (many[name] / few[name] for name in ("plain_ns", "reference_ns", "compiled_ns"))
        rows.append((scenario, f"{many['cpus']} to {few['cpus']}", *(f"{ratio:.2f}" for ratio in ratios)))
    return Sheet(
        "cost of an operation, most CPUs to fewest", ("scenario", "CPUs", "plain", "reference", "compiled"), 2, tuple(rows)
    )

# SPDX-License-Identifier: GPL-2.0-only
"""Reads tables of measured core-to-core latency (CSV, one-way ns): a machine's line transfers as they are.

A table alone says nothing of memory, and its cores, clusters and nodes are found by clustering (`grouping`). Leaves out
which direction of a pair is slower: both directions get their mean.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from slabdes.config import MAX_CPUS
from slabdes.errors import InputError, shown
from slabdes.machine.costs import MAX_COST_NS, check_counted
from slabdes.machine.description import ASSUMED_MEMORY_MIB, Description, default_distances
from slabdes.units import ns_to_ps

SEPARATORS: Final = ",;\t"
NUMBER: Final = re.compile(r"\d{1,12}(?:\.\d{0,30})?(?:[eE][+-]?\d{1,2})?")
BLANKS: Final = frozenset({"", "-", "nan", "NaN", "na", "NA"})

Matrix = tuple[tuple[int, ...], ...]
"""[owner][cpu], ps; 0 on the diagonal."""


def parse_latencies(text: str, where: str) -> Matrix:
    """The full, symmetric matrix of a table: a CPU a row and a column, in the OS's order, ns.

    Either half may be blank, and what stands on the diagonal is not looked at. Rows may end where their half ends. Raises
    InputError with line and column for anything else, and for a pair that neither half tells.
    """
    rows = _rows(text, where)
    size = len(rows)
    widths = {len(row) for row in rows}
    if widths != {size} and [len(row) for row in rows] not in (list(range(size)), list(range(1, size + 1))):
        short = next((number for number, row in enumerate(rows) if len(row) != size), 0)
        problem = f"row {short} has {len(rows[short])} columns, but there are {size} rows (cut off?)"
        raise InputError(where, problem, allowed="a square table, or its lower half")
    full = [[0] * size for _row in rows]
    for a in range(size):
        for b in range(a):
            given = [value for value in (_entry(rows, a, b), _entry(rows, b, a)) if value is not None]
            if not given:
                raise InputError(where, f"nothing in row {a}, column {b}, nor the other way round", allowed="ns for each pair")
            full[a][b] = full[b][a] = ns_to_ps(sum(given) / len(given))
    return tuple(map(tuple, full))


def _entry(rows: list[list[float | None]], row: int, column: int) -> float | None:
    return rows[row][column] if column < len(rows[row]) else None


def _rows(text: str, where: str) -> list[list[float | None]]:
    text = text.rstrip("\r\n")
    if (ends := text.count("\n")) >= MAX_CPUS:
        raise InputError(where, f"{ends + 1} rows", allowed=f"2 to {MAX_CPUS}, one a CPU")
    lines = text.split("\n")
    separator = next((mark for mark in SEPARATORS if mark in text), ",")
    rows: list[list[float | None]] = []
    for number, line in enumerate(lines, 1):
        if line.count(separator) >= MAX_CPUS:
            raise InputError(f"{where}: line {number}", f"{line.count(separator) + 1} columns", allowed=f"at most {MAX_CPUS}")
        # The lower half alone begins with a row of nothing.
        cells = line.split(separator) if line.strip("\r ") else []
        place = f"{where}: line {number}: column"
        rows.append([_cell(cell.strip().strip('"'), f"{place} {column}") for column, cell in enumerate(cells, 1)])
    if len(rows) < 2:
        raise InputError(where, f"{len(rows)} row", allowed=f"2 to {MAX_CPUS}, one a CPU")
    return rows


def _cell(cell: str, where: str) -> float | None:
    if cell in BLANKS:
        return None
    value = float(cell) if NUMBER.fullmatch(cell) else -1.0
    if not 0 <= value <= MAX_COST_NS:
        raise InputError(where, f"{shown(cell, 40)!r} is not a latency", allowed=f"0 to {MAX_COST_NS:g} ns, or nothing")
    check_counted(value, where)
    return value


def describe_latencies(text: str, where: str, name: str) -> Description:
    """A machine from a table alone: cores, clusters and nodes by `grouping`. Raises InputError as `parse_latencies`."""
    from slabdes.machine.grouping import RULE, group

    matrix = parse_latencies(text, where)
    found = group(matrix)
    nodes = max(found.node_of_cpu) + 1
    notes = (
        ("topology", RULE),
        ("memory_mib", f"not told; {ASSUMED_MEMORY_MIB:g} MiB a node assumed"),
        ("distances", "not told; the kernel's own default, 10 and 20, assumed"),
    )
    return Description(
        where=where,
        name=name.rpartition(".")[0] or name,
        source=f"{name} (core-to-core latency); cores, clusters and nodes found by clustering",
        node_ids=tuple(range(nodes)),
        node_of_cpu=found.node_of_cpu,
        core_of_cpu=found.core_of_cpu,
        cluster_of_core=found.cluster_of_core,
        memory_mib=(ASSUMED_MEMORY_MIB,) * nodes,
        distances=default_distances(nodes),
        transfer_ps=matrix,
        sources=(*notes, _measured(name)),
    )


def with_latencies(machine: Description, text: str, where: str, name: str) -> Description:
    """That machine with the table's latencies as its line transfers, CPU by CPU in the OS's order.

    Raises InputError if the table is of another number of CPUs, or wrong in itself.
    """
    matrix = parse_latencies(text, where)
    cpus = len(machine.node_of_cpu)
    if len(matrix) != cpus:
        raise InputError(where, f"{len(matrix)} CPUs, but {machine.name} has {cpus}", allowed="a table of the same machine")
    others = tuple((key, source) for key, source in machine.sources if key != "transfer_ns")
    source = f"{machine.source}; line transfers from {name}"
    return replace(machine, transfer_ps=matrix, source=source, sources=(*others, _measured(name)))


def _measured(name: str) -> tuple[str, str]:
    return "transfer_ns", f"{name}: measured core-to-core latency, one way; both directions of a pair get their mean"

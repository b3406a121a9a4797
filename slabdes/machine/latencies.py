# SPDX-License-Identifier: GPL-2.0-only
"""Reads tables of measured core-to-core latency (CSV, one-way ns): a machine's line transfers as they are.

A table alone says nothing of memory, and its cores, clusters and nodes are found by clustering (`grouping`). Leaves out
which direction of a pair is slower: both directions get their mean.
"""

from __future__ import annotations

from dataclasses import replace

from slabdes.errors import InputError
from slabdes.machine.description import ASSUMED_MEMORY_MIB, Description, default_distances
from slabdes.machine.latency_table import Entries, prompt_lines, read_entries
from slabdes.machine.prompts import left_out_source
from slabdes.units import ns_to_ps

Matrix = tuple[tuple[int, ...], ...]
"""[owner][cpu], ps; 0 on the diagonal."""


def parse_latencies(text: str, where: str) -> Matrix:
    """The full, symmetric matrix of a table (`latency_table` tells of which forms), CPUs in the table's order.

    Either half may be blank, and what stands on the diagonal is not looked at. Rows may end where their half ends. Raises
    InputError with line and column for anything else, for a pair that neither half tells, and for zeros alone.
    """
    rows = read_entries(text, where)
    size = len(rows)
    widths = [len(row) for row in rows]
    if set(widths) != {size} and widths not in (list(range(size)), list(range(1, size + 1))):
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
    if not any(map(any, full)):
        raise InputError(where, "nothing but zeros", allowed="one-way latencies between CPUs in ns")
    _fill_gaps(full)
    return tuple(map(tuple, full))


def _fill_gaps(full: list[list[int]]) -> None:
    """Zeros here and there are pairs that were not measured: they get what the CPU nearest to either has, the lesser of the two.

    Where most CPUs have one it is a measured nothing, and stays.
    """
    gaps = [(a, b) for a, row in enumerate(full) for b in range(a) if not row[b]]
    if 2 * len({cpu for pair in gaps for cpu in pair}) >= len(full):
        return
    found = {}
    for a, b in gaps:
        ends = ((a, b), (b, a))
        told = [next(value for near in _nearest(full[own], own) if (value := full[near][other])) for own, other in ends]
        found[a, b] = min(told)
    for (a, b), value in found.items():
        full[a][b] = full[b][a] = value


def _nearest(row: list[int], own: int) -> list[int]:
    """The other CPUs, the nearest first; not those of a gap."""
    return sorted((cpu for cpu, value in enumerate(row) if value and cpu != own), key=lambda cpu: row[cpu])


def _entry(rows: Entries, row: int, column: int) -> float | None:
    return rows[row][column] if column < len(rows[row]) else None


def describe_latencies(text: str, where: str, name: str, nodes: int | None = None) -> Description:
    """A machine from a table alone: cores, clusters and nodes by `grouping`, or so many `nodes`.

    Raises InputError as `parse_latencies`, and for a number of nodes that is no level of the table.
    """
    from slabdes.machine.grouping import RULE, group

    matrix = parse_latencies(text, where)
    try:
        found = group(matrix, nodes)
    except ValueError as error:
        raise InputError(where, f"no level of {nodes} groups", allowed=f"nodes: {error}") from None
    given = "" if nodes is None else f"; {nodes} nodes were asked for"
    nodes = max(found.node_of_cpu) + 1
    notes = (
        ("topology", RULE + given),
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
        sources=(*notes, *_measured(name, text)),
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
    return replace(machine, transfer_ps=matrix, source=source, sources=(*others, *_measured(name, text)))


def _measured(name: str, text: str) -> tuple[tuple[str, str], ...]:
    prompts = prompt_lines(text)
    measured = "transfer_ns", f"{name}: measured core-to-core latency, one way; both directions of a pair get their mean"
    return (measured, left_out_source(prompts)) if prompts else (measured,)

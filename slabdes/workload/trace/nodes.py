# SPDX-License-Identifier: GPL-2.0-only
"""The nodes of a trace: which its allocations ask for by number, which stand for them, and which its CPUs were on, if that shows.

Leaves out where its CPUs are put (`placing`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from slabdes.errors import InputError
from slabdes.workload.programs import ANY_NODE
from slabdes.workload.trace.index import TraceIndex
from slabdes.workload.trace.spool import Spool

_SHOWN: Final = 8
"""Nodes listed (assumed)."""


@dataclass(frozen=True)
class TracedNodes:
    """The node of each traced CPU of which it is known, and how it is."""

    of_cpu: Mapping[int, int] = field(default_factory=dict)
    why: str = ""
    guessed: bool = False
    """Whether nothing but requests tells it."""
    same_numbers: bool = False
    """Whether CPUs keep their numbers on a machine that has them on the same nodes: its state is by these."""

    def groups(self, cpus: Iterable[int]) -> dict[int, list[int]]:
        """Those of `cpus` that were on a node, by node."""
        found: dict[int, list[int]] = {}
        for cpu in cpus:
            if cpu in self.of_cpu:
                found.setdefault(self.of_cpu[cpu], []).append(cpu)
        return dict(sorted(found.items()))

    def told(self, cpus: Iterable[int]) -> str:
        """Which of `cpus` were on which node."""
        groups = list(self.groups(cpus).items())
        listed = ", ".join(f"{ranges(some)} on node {node}" for node, some in groups[:_SHOWN])
        return f"CPUs {listed}{', ...' if len(groups) > _SHOWN else ''}"


UNKNOWN: Final = TracedNodes()


def traced_nodes(index: TraceIndex, recorded: Sequence[int] | None = None) -> TracedNodes:
    """The nodes of a trace's CPUs, as a dump of the same system (`recorded`) or the trace's header has them.

    Where neither tells, a CPU is taken to have been on the node that more than half of its requests by number are for: most who
    ask want their own node's memory.
    """
    if recorded is not None:
        return TracedNodes(dict(enumerate(recorded)), "as the dump has them", same_numbers=True)
    if index.recording.node_of_cpu:
        return TracedNodes(index.recording.node_of_cpu, "as its header lists them")
    by_cpu: dict[int, dict[int, int]] = {}
    for (cpu, node), count in index.asked.items():
        by_cpu.setdefault(cpu, {})[node] = count
    found = {}
    for cpu, counts in by_cpu.items():
        node = max(counts, key=counts.__getitem__)
        if 2 * counts[node] > sum(counts.values()):
            found[cpu] = node
    return TracedNodes(found, "as most of their allocations ask that ask for a node by its number", guessed=True)


def nodes_needed(index: TraceIndex, recorded: Sequence[int] | None = None) -> int:
    """Nodes that a machine has to have for a trace: those of its CPUs, as far as known, and those that it asks for."""
    known = traced_nodes(index, recorded).of_cpu
    return 1 + max((*known.values(), *(node for _cpu, node in index.asked)), default=0)


def ranges(numbers: Sequence[int]) -> str:
    """Rising numbers as lists of CPUs are written.

    >>> ranges([0, 1, 2, 5, 7, 8])
    '0-2,5,7-8'
    """
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    shown = ",".join("-".join(map(str, part)) for part in parts[:_SHOWN])
    return f"{shown},..." if len(parts) > _SHOWN else shown


def parse_nodes(rule: str, n_nodes: int) -> dict[int, int]:
    """The node of a machine with `n_nodes` that stands for a traced one, by `rule`: a map such as 2:0,3:1, or nothing.

    Raises InputError for a node that the machine lacks, and for a traced node that is there twice.
    """
    onto: dict[int, int] = {}
    for pair in filter(None, rule.split(",")):
        traced, node = map(int, pair.split(":"))
        if traced in onto:
            raise InputError("workload.nodes", f"{rule[:80]}: traced node {traced} is there twice", allowed="each once")
        if node >= n_nodes:
            raise InputError("workload.nodes", f"{rule[:80]}: node {node}", allowed=f"nodes 0 to {n_nodes - 1} of this machine")
        onto[traced] = node
    return onto


def renumbered(asked: npt.NDArray[Any], onto: Mapping[int, int]) -> npt.NDArray[Any]:
    """The nodes that steps ask for, where the trace asks for these."""
    if not onto:
        return asked
    nodes = np.arange(ANY_NODE, max(*onto, int(asked.max()), 0) + 1, dtype=asked.dtype)
    nodes[np.array(list(onto)) - ANY_NODE] = list(onto.values())
    found: npt.NDArray[Any] = nodes[asked - ANY_NODE]
    return found


def asked_nodes(spool: Spool) -> dict[int, int]:
    """Allocations that ask for a node, by its number in the trace."""
    counts: Counter[int] = Counter()
    for cpu in spool.cpus:
        for records in spool.records(cpu):
            nodes, times = np.unique(records["node"], return_counts=True)
            counts.update(dict(zip(nodes.tolist(), times.tolist(), strict=True)))
    del counts[ANY_NODE]
    return dict(sorted(counts.items()))


def node_warnings(spool: Spool, copies: int, onto: Mapping[int, int], n_nodes: int) -> tuple[str, ...]:
    """What to say where the machine lacks nodes that are asked for, and where copies share them."""
    told = []
    strays = {} if spool.highest_node < n_nodes else asked_nodes(spool)
    strays = {node: count for node, count in strays.items() if onto.get(node, node) >= n_nodes}
    if strays:
        count, first = sum(strays.values()), next(iter(strays))
        listed = ", ".join(map(str, list(strays)[:_SHOWN])) + (", ..." if len(strays) > _SHOWN else "")
        told.append(
            f"{count:,} {_ask(count)} for {'node' if len(strays) == 1 else 'nodes'} {listed}, which the machine has not: they "
            f"are served as the kernel serves an offline node, from any node's lists; --nodes {first}:0 puts node 0 in its place"
        )
    if copies > 1 and spool.node_requests:
        count = spool.node_requests
        told.append(
            f"{spool.index.path}: {count} {_ask(count)} for a node by its number; in each of the "
            f"{copies} copies they keep it, wherever the copy runs"
        )
    return tuple(told)


def _ask(count: int) -> str:
    return "allocation asks" if count == 1 else "allocations ask"

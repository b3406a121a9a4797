# SPDX-License-Identifier: GPL-2.0-only
"""The nodes that a trace's allocations ask for by number, on a machine: which stands for which, and what is said of the others.

Leaves out which node a traced CPU was on, since traces do not say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from slabdes.errors import InputError
from slabdes.workload.programs import ANY_NODE
from slabdes.workload.trace.spool import Spool

_SHOWN: Final = 8
"""Nodes listed (assumed)."""


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


def split_warnings(spool: Spool, node_of_cpus: Sequence[int], n_nodes: int) -> tuple[str, ...]:
    """What to say where a trace of several nodes, as far as it shows, is replayed on one; `node_of_cpus`: of a copy's CPUs."""
    if spool.highest_node < 1 or n_nodes == 1 or len(node_of_cpus) == 1 or len(set(node_of_cpus)) > 1:
        return ()
    return (
        f"{spool.index.path}: allocations ask for several nodes, so its CPUs were on several; all {len(node_of_cpus)} are on "
        f"node {node_of_cpus[0]} here, and what the split costs is lost: --cpus spread, or a map of CPUs, keeps it",
    )


def _ask(count: int) -> str:
    return "allocation asks" if count == 1 else "allocations ask"

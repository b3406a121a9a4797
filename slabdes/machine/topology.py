# SPDX-License-Identifier: GPL-2.0-only
"""A machine: which CPU sits on which core and node, how far nodes are apart, and what a cache line costs between any two CPUs.

Immutable, in dense indexes and integer picoseconds. Leaves out links, bandwidth and congestion: a transfer takes the same
time however many others are under way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import zip_longest
from typing import Any, Final

from slabdes.config import Placement
from slabdes.errors import InputError
from slabdes.machine.costs import REFERENCE_GHZ, Costs
from slabdes.units import PAGE_SIZE, ps_to_ns

BYTES_PER_MIB: Final = 1 << 20


class LineClass(StrEnum):
    """What lies between two CPUs, nearest first; `remote` is split further by distance."""

    SAME_CORE = "same_core"
    SAME_CLUSTER = "same_cluster"
    SAME_NODE = "same_node"
    REMOTE = "remote"


@dataclass(frozen=True)
class Machine:
    """CPUs, cores, NUMA nodes and their costs. Build one with `load_machine` or a `Description`, which validate.

    `node_ids` are the OS's ids of the nodes; everything else uses dense indexes, 0 to n-1. `node_of_cpu` and
    `core_of_cpu` go by CPU, `cluster_of_core` by core (None where shared caches are unknown), `memory_pages` (4 KiB
    pages a node can hand out, 0 for a memory-less node) by node. `distances` is the SLIT, [from][to].
    `transfer_ps[owner][cpu]` is one cache-line transfer, `dram_ps[node of the CPU][home node]` a line from memory.
    `sources` says where what is not a cost comes from, as (key, text) pairs. `llc_of_core` says which last-level cache a core
    has, each of `llc_mib`; None where that is not known.
    """

    name: str
    source: str
    node_ids: tuple[int, ...]
    node_of_cpu: tuple[int, ...]
    core_of_cpu: tuple[int, ...]
    cluster_of_core: tuple[int, ...] | None
    memory_pages: tuple[int, ...]
    distances: tuple[tuple[int, ...], ...]
    costs: Costs
    transfer_ps: tuple[tuple[int, ...], ...]
    dram_ps: tuple[tuple[int, ...], ...]
    clock_ghz: float = REFERENCE_GHZ
    sources: tuple[tuple[str, str], ...] = ()
    llc_mib: float = 0.0
    llc_of_core: tuple[int, ...] | None = None

    @property
    def n_cpus(self) -> int:
        """Logical CPUs."""
        return len(self.node_of_cpu)

    @property
    def n_nodes(self) -> int:
        """NUMA nodes, those without CPUs or memory included."""
        return len(self.node_ids)

    @property
    def n_cores(self) -> int:
        """Physical cores."""
        return max(self.core_of_cpu) + 1

    @cached_property
    def farthest_ps(self) -> int:
        """The dearest line transfer between two CPUs."""
        return max(map(max, self.transfer_ps))

    @cached_property
    def _cpus_by_node(self) -> tuple[tuple[int, ...], ...]:
        found: list[list[int]] = [[] for _node in self.node_ids]
        for cpu, node in enumerate(self.node_of_cpu):
            found[node].append(cpu)
        return tuple(map(tuple, found))

    def cpus_of_node(self, node: int) -> tuple[int, ...]:
        """The node's CPUs, ascending; none for a CPU-less node."""
        return self._cpus_by_node[node]

    def zonelist(self, node: int) -> tuple[int, ...]:
        """All nodes in the order in which an allocation on `node` falls back: by distance, then round the ring from `node`.

        The order of the kernel's find_next_best_node, less its balancing of equally near nodes by load, its preference for
        CPU-less nodes, and the one unit of distance by which it holds back nodes with a lower number.
        """
        row = self.distances[node]
        return tuple(sorted(range(self.n_nodes), key=lambda other: (other != node, row[other], (other - node) % self.n_nodes)))

    def choose_cpus(self, count: int, placement: Placement) -> tuple[int, ...]:
        """Which `count` CPUs a workload runs on, in the order in which it fills them.

        Compact: node by node; within a node one thread of each core, then the second threads. Spread: round the nodes,
        one thread of each core everywhere before any second thread. Cores: one thread of each core, node by node, then the
        second threads likewise (will-it-scale gives each task a core by its hwloc index, and begins anew behind the last).
        Raises InputError if the machine has fewer CPUs.
        """
        if not 1 <= count <= self.n_cpus:
            raise InputError("machine.cpus", f"{count} CPUs on {self.name}", allowed=f"1 to {self.n_cpus}")
        by_node = [list(self._threads_first(node)) for node in range(self.n_nodes)]
        order: list[int] = []
        if placement is Placement.COMPACT:
            order = [cpu for rounds in by_node for same_turn in rounds for cpu in same_turn]
        elif placement is Placement.CORES:
            order = [cpu for turn in zip_longest(*by_node, fillvalue=()) for same_turn in turn for cpu in same_turn]
        else:
            for turn in zip_longest(*by_node, fillvalue=()):
                for once_round in zip_longest(*turn):
                    order += [cpu for cpu in once_round if cpu is not None]
        return tuple(order[:count])

    def _threads_first(self, node: int) -> Iterator[tuple[int, ...]]:
        """The node's CPUs in turns: the first thread of each core by core index, then the second of each, and so on."""
        threads: dict[int, list[int]] = {}
        for cpu in self.cpus_of_node(node):
            threads.setdefault(self.core_of_cpu[cpu], []).append(cpu)
        cores = [threads[core] for core in sorted(threads)]
        for turn in range(max(map(len, cores), default=0)):
            yield tuple(core[turn] for core in cores if turn < len(core))

    def line_class(self, owner: int, cpu: int) -> LineClass:
        """What lies between two different CPUs. Nodes no further apart than a node from itself count as one."""
        if self.core_of_cpu[owner] == self.core_of_cpu[cpu]:
            return LineClass.SAME_CORE
        home, there = self.node_of_cpu[cpu], self.node_of_cpu[owner]
        if self.distances[home][there] > self.distances[home][home]:
            return LineClass.REMOTE
        clusters = self.cluster_of_core
        if clusters is not None and clusters[self.core_of_cpu[owner]] == clusters[self.core_of_cpu[cpu]]:
            return LineClass.SAME_CLUSTER
        return LineClass.SAME_NODE

    def transfer_summary(self) -> list[dict[str, Any]]:
        """Line transfers by class: class, distance, pairs (ordered), min_ns, median_ns, max_ns; nearest class first."""
        groups: dict[tuple[int, int], list[int]] = {}
        rank = {line_class: index for index, line_class in enumerate(LineClass)}
        for owner, row in enumerate(self.transfer_ps):
            for cpu, transfer in enumerate(row):
                if cpu != owner:
                    distance = self.distances[self.node_of_cpu[cpu]][self.node_of_cpu[owner]]
                    groups.setdefault((rank[self.line_class(owner, cpu)], distance), []).append(transfer)
        classes = list(LineClass)
        return [_summary(classes[index], distance, sorted(groups[index, distance])) for index, distance in sorted(groups)]

    def memory_mib(self) -> tuple[float, ...]:
        """Memory of each node in MiB."""
        return tuple(pages * PAGE_SIZE / BYTES_PER_MIB for pages in self.memory_pages)


def _summary(line_class: LineClass, distance: int, ordered_ps: Sequence[int]) -> dict[str, Any]:
    middle = (ordered_ps[(len(ordered_ps) - 1) // 2] + ordered_ps[len(ordered_ps) // 2]) / 2
    return {
        "class": line_class.value,
        "distance": distance,
        "pairs": len(ordered_ps),
        "min_ns": ps_to_ns(ordered_ps[0]),
        "median_ns": middle / 1000,
        "max_ns": ps_to_ns(ordered_ps[-1]),
    }


def line_transfers(
    costs: Costs,
    node_of_cpu: Sequence[int],
    core_of_cpu: Sequence[int],
    cluster_of_core: Sequence[int] | None,
    distances: Sequence[Sequence[int]],
) -> tuple[tuple[int, ...], ...]:
    """The [owner][cpu] transfer matrix that costs and topology give, in ps; 0 from a CPU to itself.

    The nearest of same_core, same_cluster and same_node that holds; between nodes remote_base + remote_per_distance for
    each unit of the SLIT above local, read from the fetching CPU's node to the owner's.
    """
    nodes = range(len(distances))
    between = [[_between_nodes(costs, distances[home], home, there) for home in nodes] for there in nodes]
    near: dict[int, list[int]] = {}
    for cpu, node in enumerate(node_of_cpu):
        near.setdefault(node, []).append(cpu)
    rows = []
    for owner, there in enumerate(node_of_cpu):
        row = [between[there][home] for home in node_of_cpu]
        for cpu in near[there]:
            if core_of_cpu[cpu] == core_of_cpu[owner]:
                row[cpu] = costs.same_core
            elif cluster_of_core is not None and cluster_of_core[core_of_cpu[cpu]] == cluster_of_core[core_of_cpu[owner]]:
                row[cpu] = costs.same_cluster
        row[owner] = 0
        rows.append(tuple(row))
    return tuple(rows)


def _between_nodes(costs: Costs, row: Sequence[int], home: int, there: int) -> int:
    beyond = row[there] - row[home]
    return costs.remote_base + costs.remote_per_distance * beyond if beyond > 0 else costs.same_node


def dram_latencies(costs: Costs, distances: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """The [node of the CPU][home node] latency of a line from memory, in ps: dram_local plus a cost a unit of distance."""
    return tuple(
        tuple(costs.dram_local + costs.dram_remote_per_distance * max(0, distance - row[home]) for distance in row)
        for home, row in enumerate(distances)
    )

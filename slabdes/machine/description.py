# SPDX-License-Identifier: GPL-2.0-only
"""What a machine file says, before costs become picoseconds: the one place where every importer's input is validated.

Importers fill a `Description`, overrides replace parts of it, `build` makes the Machine. Leaves out reading any format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from slabdes.config import MAX_CPUS
from slabdes.errors import InputError, shown
from slabdes.machine.costs import REFERENCE_GHZ, build_costs, check_names
from slabdes.machine.topology import Machine, dram_latencies, line_transfers
from slabdes.units import pages_of_mib

MAX_NODES: Final = 256
"""Most nodes of a machine; the kernel's own ceiling is 1024 (a choice that keeps tables readable)."""
MIN_DISTANCE: Final = 10
MAX_DISTANCE: Final = 254
UNREACHABLE: Final = 255
TAKEN_AS_FARTHEST: Final = f"{UNREACHABLE}, unreachable, is taken as {MAX_DISTANCE}, the greatest there is"
"""What a SLIT entry may be (ACPI: 10 is local, 0 to 9 are reserved, 255 means unreachable)."""
REMOTE_DISTANCE: Final = 20
"""The kernel's REMOTE_DISTANCE: what it assumes between nodes when firmware gives no SLIT."""
MAX_MEMORY_MIB: Final = float(1 << 30)
"""Most memory of a node, MiB: a pebibyte (assumed)."""
MAX_CACHE_MIB: Final = 65_536.0
"""Largest last-level cache, MiB (assumed)."""
ASSUMED_MEMORY_MIB: Final = 4096.0
"""Memory of a node whose file does not say, MiB (assumed)."""
TRANSFER_COSTS: Final = ("same_core", "same_cluster", "same_node", "remote_base", "remote_per_distance")
"""Costs that a measured matrix of line transfers takes the place of."""


@dataclass(frozen=True)
class Description:
    """A machine as its file tells it: dense indexes, `memory_mib` by node, `costs_ns` only where the file gives one.

    `where` begins every error: the file as its user named it. `transfer_ps` is a measured matrix, if there is one. Last-level
    caches are as Machine's.
    """

    where: str
    name: str
    source: str
    node_ids: tuple[int, ...]
    node_of_cpu: tuple[int, ...]
    core_of_cpu: tuple[int, ...]
    cluster_of_core: tuple[int, ...] | None
    memory_mib: tuple[float, ...]
    distances: tuple[tuple[int, ...], ...]
    clock_ghz: float = REFERENCE_GHZ
    costs_ns: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    cost_sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    transfer_ps: tuple[tuple[int, ...], ...] | None = None
    sources: tuple[tuple[str, str], ...] = ()
    llc_mib: float = 0.0
    llc_of_core: tuple[int, ...] | None = None

    def with_costs(self, overrides_ns: Mapping[str, float]) -> Description:
        """This description with some costs replaced (ns). Raises InputError for a bad name, or a cost that has no effect."""
        if not overrides_ns:
            return self
        check_names(overrides_ns, "costs")
        for name in TRANSFER_COSTS:
            if self.transfer_ps is not None and name in overrides_ns:
                raise InputError(f"costs.{name}", f"has no effect: {self.where} gives every transfer in transfer_ns")
        texts = dict.fromkeys(overrides_ns, "overridden by the experiment")
        return replace(self, costs_ns={**self.costs_ns, **overrides_ns}, cost_sources={**self.cost_sources, **texts})

    def with_memory(self, memory_mib: float | Sequence[float] | None) -> Description:
        """This description with other memory: one number for every node that has some, or one a node (MiB)."""
        if memory_mib is None:
            return self
        if isinstance(memory_mib, Sequence):
            given = tuple(memory_mib)
            if len(given) != len(self.node_ids):
                raise InputError(
                    "memory_mib", f"{len(given)} numbers for {len(self.node_ids)} nodes", allowed="one number, or one a node"
                )
        else:
            given = tuple(memory_mib if stated else 0.0 for stated in self.memory_mib)
        other = tuple((key, text) for key, text in self.sources if key != "memory_mib")
        sources = (*other, ("memory_mib", "overridden by the experiment"))
        return replace(self, memory_mib=tuple(_memory(value, "memory_mib") for value in given), sources=sources)

    def with_llc(self, llc_mib: float | None) -> Description:
        """This description with last-level caches of another size (MiB), where they are, or where they are assumed to be."""
        if llc_mib is None:
            return self
        caches = self.llc_of_core or default_caches(self.node_of_cpu, self.core_of_cpu, self.cluster_of_core)
        other = tuple((key, text) for key, text in self.sources if key != "llc_mib")
        return replace(self, llc_mib=llc_mib, llc_of_core=caches, sources=(*other, ("llc_mib", "overridden by the experiment")))

    def build(self) -> Machine:
        """The Machine. Raises InputError, in one line that begins with `where`, for anything that cannot be."""
        self._check_cpus()
        self._check_caches()
        check_distances(self.distances, len(self.node_ids), self.where)
        for value in self.memory_mib:
            _memory(value, f"{self.where}: memory_mib")
        costs = build_costs(self.costs_ns, self.cost_sources, clock_ghz=self.clock_ghz, where=f"{self.where}: costs")
        transfer = self.transfer_ps
        if transfer is None:
            transfer = line_transfers(costs, self.node_of_cpu, self.core_of_cpu, self.cluster_of_core, self.distances)
        return Machine(
            name=self.name,
            source=self.source,
            node_ids=self.node_ids,
            node_of_cpu=self.node_of_cpu,
            core_of_cpu=self.core_of_cpu,
            cluster_of_core=self.cluster_of_core,
            memory_pages=tuple(map(pages_of_mib, self.memory_mib)),
            distances=self.distances,
            costs=costs,
            transfer_ps=transfer,
            dram_ps=dram_latencies(costs, self.distances),
            clock_ghz=self.clock_ghz,
            sources=tuple(sorted(self.sources)),
            llc_mib=self.llc_mib,
            llc_of_core=self.llc_of_core,
        )

    def _check_caches(self) -> None:
        if not 0 <= self.llc_mib <= MAX_CACHE_MIB or (self.llc_of_core is not None and not self.llc_mib):
            raise InputError(f"{self.where}: llc_mib", f"{self.llc_mib:g} is no size", f"more than 0, to {MAX_CACHE_MIB:.0f} MiB")

    def _check_cpus(self) -> None:
        check_size(len(self.node_of_cpu), len(self.node_ids), self.where)
        node_of_core: dict[int, int] = {}
        for cpu, core in enumerate(self.core_of_cpu):
            node = self.node_of_cpu[cpu]
            if node_of_core.setdefault(core, node) != node:
                raise InputError(
                    f"{self.where}: core_of_cpu",
                    f"core {core} has CPUs on nodes {node_of_core[core]} and {node}",
                    "one node a core",
                )
        if sorted(node_of_core) != list(range(len(node_of_core))):
            raise InputError(
                f"{self.where}: core_of_cpu",
                f"{len(node_of_core)} cores, numbered up to {max(node_of_core)}",
                "0, 1, 2, ... with none left out",
            )


def check_size(cpus: int, nodes: int, where: str) -> None:
    """Raise InputError for a machine without CPUs or nodes, or with too many."""
    if not 1 <= cpus <= MAX_CPUS:
        raise InputError(where, f"{cpus} CPUs", allowed=f"1 to {MAX_CPUS}")
    if not 1 <= nodes <= MAX_NODES:
        raise InputError(where, f"{nodes} nodes", allowed=f"1 to {MAX_NODES}")


def check_distances(distances: Sequence[Sequence[int]], nodes: int, where: str) -> None:
    """Raise InputError for a SLIT that is not square, out of range, or has a node nearer to another than to itself."""
    where = f"{where}: distances"
    if len(distances) != nodes:
        raise InputError(where, f"{len(distances)} rows for {nodes} nodes", allowed="one row a node")
    for node, row in enumerate(distances):
        if len(row) != nodes:
            raise InputError(where, f"row {node} has {len(row)} entries, not {nodes}: the matrix is not square")
        for other, distance in enumerate(row):
            if not MIN_DISTANCE <= distance <= MAX_DISTANCE:
                raise InputError(
                    where, f"{distance} from node {node} to node {other}", allowed=f"{MIN_DISTANCE} to {MAX_DISTANCE}"
                )
            if distance < row[node]:
                raise InputError(where, f"node {node} is nearer to node {other} ({distance}) than to itself ({row[node]})")


def default_distances(nodes: int) -> tuple[tuple[int, ...], ...]:
    """What the kernel assumes without a SLIT: 10 on the diagonal, 20 elsewhere."""
    return tuple(tuple(MIN_DISTANCE if a == b else REMOTE_DISTANCE for b in range(nodes)) for a in range(nodes))


def default_caches(
    node_of_cpu: Sequence[int], core_of_cpu: Sequence[int], cluster_of_core: tuple[int, ...] | None
) -> tuple[int, ...]:
    """Last-level cache by core where it is not told: one a cluster, or one a node where clusters are not known."""
    node_of_core = dict(zip(core_of_cpu, node_of_cpu, strict=True))
    # That every core has a CPU is checked later.
    return cluster_of_core or tuple(node_of_core.get(core, 0) for core in range(max(core_of_cpu) + 1))


def _memory(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_MEMORY_MIB:
        raise InputError(where, f"{shown(value, 40)} is not a memory size", allowed=f"0 to {MAX_MEMORY_MIB:.0f} MiB")
    return float(value)


def reachable(distance: int) -> int:
    """A distance of a SLIT as a machine can have it (TAKEN_AS_FARTHEST)."""
    return MAX_DISTANCE if distance == UNREACHABLE else distance

# SPDX-License-Identifier: GPL-2.0-only
"""What an OS or a topology tool tells of a machine, in the OS's own numbers, turned into a description in dense ones.

hwloc XML and sysfs both end here: which node a CPU is on, what is a core, what is a cluster. Leaves out reading any format.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from slabdes.errors import InputError
from slabdes.machine.costs import REFERENCE_GHZ
from slabdes.machine.description import (
    ASSUMED_MEMORY_MIB,
    MIN_DISTANCE,
    REMOTE_DISTANCE,
    Description,
    check_size,
    default_distances,
)
from slabdes.machine.topology import BYTES_PER_MIB

GHZ_RANGE: Final = (0.1, 10.0)
"""Clocks that are believed, GHz: what a machine file may say too."""
MODEL_CLOCK: Final = re.compile(r"@\s*(\d{1,2}(?:\.\d{1,3})?)\s*GHz", re.IGNORECASE)


@dataclass(frozen=True)
class Clock:
    """A clock in GHz and where it was read."""

    ghz: float
    source: str


@dataclass(frozen=True)
class SurveyedNode:
    """A NUMA node: `cpus` is a bit set by the OS's CPU numbers, `memory_mib` is None where it is not told."""

    cpus: int
    memory_mib: float | None


@dataclass(frozen=True)
class SurveyedCache:
    """A cache's level and size in bytes."""

    level: int
    size: int


@dataclass(frozen=True)
class Survey:
    """A machine in the OS's numbers.

    `core_of_cpu` gives each CPU whatever names its core; `shared` are sets of CPUs (bits) that share a cache or are called a
    cluster; `nodes` go by the OS's id; `distances` by pairs of ids, [from, to], or None where the OS has no SLIT.
    """

    core_of_cpu: Mapping[int, Hashable]
    shared: Iterable[int]
    nodes: Mapping[int, SurveyedNode]
    distances: Mapping[tuple[int, int], int] | None
    clock: Clock | None = None
    notes: tuple[tuple[str, str], ...] = ()
    """(key, text) pairs for the machine's `sources`."""
    caches: Mapping[int, SurveyedCache] = field(default_factory=dict)
    """Data or unified caches above the first level by their sets of CPUs (bits), of those of one set the last."""


def members(bits: int) -> Iterator[int]:
    """The members of a bit set, ascending.

    >>> list(members(0b1011))
    [0, 1, 3]
    """
    # Through text: taking a bit from a number takes as long as the number is.
    digits = f"{max(bits, 0):b}"[::-1]
    place = digits.find("1")
    while place >= 0:
        yield place
        place = digits.find("1", place + 1)


def bit_set(numbers: Iterable[int]) -> int:
    """The bit set of those numbers."""
    bits = 0
    for number in numbers:
        bits |= 1 << number
    return bits


def clock_of_model(model: str | None) -> Clock | None:
    """The clock that a processor's own name gives (`... @ 2.70GHz`): the nominal one, not what it boosts to."""
    match = MODEL_CLOCK.search(model) if model else None
    return believed_clock(float(match[1]), f"the processor's name, {model}") if match else None


def believed_clock(ghz: float, source: str) -> Clock | None:
    """That clock, or None if no processor has it (some firmware reports 0)."""
    low, high = GHZ_RANGE
    return Clock(ghz, source) if low <= ghz <= high else None


def describe(survey: Survey, where: str, name: str, source: str) -> Description:
    """The machine that was surveyed. Raises InputError, in one line that begins with `where`, if it cannot be one.

    A CPU is on the node with the smallest set of CPUs that has it; of nodes with equal sets (memory of another kind beside
    it) on the one with the lowest id. CPUs that no node has get a memory-less node of their own.
    """
    cpus = sorted(survey.core_of_cpu)
    check_size(len(cpus), max(len(survey.nodes), 1), where)
    nodes, homes = _homes(survey, cpus)
    ids = tuple(sorted(nodes))
    check_size(len(cpus), len(ids), where)
    place = {node: index for index, node in enumerate(ids)}
    # Threads of a core that the OS puts on different nodes (fake NUMA) count as cores of their own.
    keys = [(survey.core_of_cpu[cpu], homes[cpu]) for cpu in cpus]
    core_index = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    memory, memory_notes = _memory(nodes, ids)
    distances, distance_notes = _distances(survey.distances, ids, where)
    caches, llc_mib, cache_notes = _last_level(survey.caches, cpus, [core_index[key] for key in keys])
    clock_notes = (("clock_ghz", survey.clock.source),) if survey.clock else ()
    return Description(
        where=where,
        name=name,
        source=source,
        node_ids=ids,
        node_of_cpu=tuple(place[homes[cpu]] for cpu in cpus),
        core_of_cpu=tuple(core_index[key] for key in keys),
        cluster_of_core=_clusters(survey.shared, cpus, homes, [core_index[key] for key in keys]),
        memory_mib=memory,
        distances=distances,
        clock_ghz=survey.clock.ghz if survey.clock else REFERENCE_GHZ,
        sources=(*memory_notes, *distance_notes, *clock_notes, *cache_notes, *survey.notes),
        llc_mib=llc_mib,
        llc_of_core=caches,
    )


def _homes(survey: Survey, cpus: list[int]) -> tuple[dict[int, SurveyedNode], dict[int, int]]:
    """All nodes by id, one for CPUs without any added, and the node of each CPU."""
    nodes = dict(survey.nodes)
    known = bit_set(cpus)
    homes: dict[int, int] = {}
    # The last one to claim a CPU is the one that fits it best.
    for node in sorted(nodes, key=lambda node: ((nodes[node].cpus & known).bit_count(), node), reverse=True):
        homes.update(dict.fromkeys(members(nodes[node].cpus & known), node))
    homeless = [cpu for cpu in cpus if cpu not in homes]
    if homeless:
        extra = max(nodes, default=-1) + 1
        nodes[extra] = SurveyedNode(bit_set(homeless), 0.0)
        homes.update(dict.fromkeys(homeless, extra))
    return nodes, homes


def _clusters(shared: Iterable[int], cpus: list[int], homes: Mapping[int, int], cores: list[int]) -> tuple[int, ...] | None:
    """Cluster by core: the largest set that several cores of a node share, but not all of them; None if there is no such set.

    A cache that a whole node shares tells no two of its cores apart, one that a single core has does not either.
    """
    node_cpus: dict[int, int] = {}
    core_cpus: dict[int, int] = {}
    for cpu, core in zip(cpus, cores, strict=True):
        node_cpus[homes[cpu]] = node_cpus.get(homes[cpu], 0) | 1 << cpu
        core_cpus[core] = core_cpus.get(core, 0) | 1 << cpu
    core_of = dict(zip(cpus, cores, strict=True))
    known = bit_set(cpus)
    chosen: dict[int, int] = {}
    for whole in sorted({bits & known for bits in shared}, key=lambda bits: (bits.bit_count(), bits)):
        for node in {homes[cpu] for cpu in members(whole)}:
            part = whole & node_cpus[node]
            inside = {core_of[cpu] for cpu in members(part)}
            if part != node_cpus[node] and len(inside) > 1:
                chosen.update((core, part) for core in inside if core_cpus[core] & part == core_cpus[core])
    if not chosen:
        return None
    keys = [chosen.get(core, core_cpus[core]) for core in sorted(core_cpus)]
    index = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return tuple(index[key] for key in keys)


_Notes = tuple[tuple[str, str], ...]


def _last_level(
    caches: Mapping[int, SurveyedCache], cpus: list[int], cores: list[int]
) -> tuple[tuple[int, ...] | None, float, _Notes]:
    """Last-level cache by core, a cache's size in MiB, and what is to be said of it; None where a CPU's is not told."""
    of_core: dict[int, int] = {}
    for cpu, core in zip(cpus, cores, strict=True):
        of_cpu = [bits for bits in caches if bits >> cpu & 1]
        if not of_cpu:
            return None, 0.0, ()
        of_core.setdefault(core, max(of_cpu, key=lambda bits: (caches[bits].level, bits)))
    index = {bits: number for number, bits in enumerate(dict.fromkeys(of_core[core] for core in sorted(of_core)))}
    sizes = {caches[bits].size for bits in index}
    note = f"the smallest of {', '.join(f'{size / BYTES_PER_MIB:g}' for size in sorted(sizes))} MiB"
    notes = (("llc_mib", note),) if len(sizes) > 1 else ()
    return tuple(index[of_core[core]] for core in sorted(of_core)), min(sizes) / BYTES_PER_MIB, notes


def _memory(nodes: Mapping[int, SurveyedNode], ids: tuple[int, ...]) -> tuple[tuple[float, ...], _Notes]:
    told = [nodes[node].memory_mib for node in ids]
    if any(told):
        # Tools leave the size of a node without memory out.
        return tuple(mib or 0.0 for mib in told), ()
    if None not in told:
        return tuple(0.0 for _node in ids), ()
    assumed = tuple(ASSUMED_MEMORY_MIB if mib is None else 0.0 for mib in told)
    return assumed, (("memory_mib", f"not told; {ASSUMED_MEMORY_MIB:g} MiB a node assumed"),)


def _distances(
    given: Mapping[tuple[int, int], int] | None, ids: tuple[int, ...], where: str
) -> tuple[tuple[tuple[int, ...], ...], _Notes]:
    if given is None:
        notes = (("distances", "not told; the kernel's own default, 10 and 20, assumed"),) if len(ids) > 1 else ()
        return default_distances(len(ids)), notes
    told = {node for node, _other in given}
    for node in sorted(told):
        if node not in ids:
            raise InputError(f"{where}: distances", f"of node {node}, which is not there", allowed=", ".join(map(str, ids[:16])))
    matrix = tuple(tuple(given.get((a, b), MIN_DISTANCE if a == b else REMOTE_DISTANCE) for b in ids) for a in ids)
    untold = [str(node) for node in ids if node not in told]
    text = f"node {', '.join(untold)} not told; the kernel's own default, {REMOTE_DISTANCE}, assumed"
    return matrix, (("distances", text),) if untold else ()

# SPDX-License-Identifier: GPL-2.0-only
"""What estimates of time and memory ask of a cache, whichever allocator has it. Leaves out everything that a run knows better."""

from __future__ import annotations

from dataclasses import dataclass

from slabdes.allocator.slub.geometry import cpu_partial_by_size
from slabdes.allocator.slub.state import MAX_EMPTY_SHEAVES, MAX_FULL_SHEAVES, sheaf_lines
from slabdes.allocator.state import CacheSpec, array_lines
from slabdes.allocator.tunables import alien_limit
from slabdes.config import CacheConfig, Experiment
from slabdes.config.allocators import SLAB_KEYS, slub_tunables
from slabdes.engine.setup import cache_spec, slub_version_of, version_of
from slabdes.engine.slub_setup import slub_geometry_of
from slabdes.machine.topology import Machine

_SHEAVES_OF_A_CPU = 2
_SHEAVES_OF_A_BARN = 20
"""Sheaves that there are at most, as long as nobody asks a barn for more."""
_ALWAYS = 100
"""Percent, as in sysfs: how often other nodes' partial slabs are looked for by default."""


@dataclass(frozen=True)
class LaidOut:
    """A cache: objects of a slab and its order, objects moved at a time on a slow path; room for pointers, its lines, locks.

    `key` of the experiment makes the pointers many.
    """

    num: int
    order: int
    batch: int
    pointers: int
    lines: int
    locks: int
    key: str


def laid_out(experiment: Experiment, machine: Machine, cache: CacheConfig) -> LaidOut:
    """A cache of an experiment. Raises InputError for one that the kernel refuses."""
    if experiment.allocator.is_slub:
        return _slub(experiment, machine, cache)
    return _slab(cache_spec(cache, machine.n_cpus, version_of(experiment)), machine)


def tunables_of(experiment: Experiment, machine: Machine, cache: CacheConfig) -> dict[str, int]:
    """A cache's tunables by their keys in an experiment, what it does not say as the kernel chooses. InputError likewise."""
    if not experiment.allocator.is_slub:
        tunables = cache_spec(cache, machine.n_cpus, version_of(experiment)).tunables
        return {key: getattr(tunables, key) for key in SLAB_KEYS}
    geometry = slub_geometry_of(cache, machine.n_cpus, slub_version_of(experiment))
    known = {
        "sheaf_capacity": geometry.sheaf_capacity,
        "max_full_sheaves": MAX_FULL_SHEAVES,
        "max_empty_sheaves": MAX_EMPTY_SHEAVES,
        "cpu_partial": cpu_partial_by_size(geometry.size),
        "min_partial": geometry.min_partial,
        "remote_node_defrag_ratio": _ALWAYS,
    }
    given = {key: value for key in known if (value := getattr(cache, key)) is not None}
    return {key: (known | given)[key] for key in slub_tunables(experiment.allocator, experiment.slub.cpu_slabs)}


def _slab(spec: CacheSpec, machine: Machine) -> LaidOut:
    cpus, nodes = machine.n_cpus, machine.n_nodes
    limit, shared = spec.tunables.limit, spec.tunables.shared * spec.tunables.batchcount
    arrays = [(cpus, limit), (nodes, shared), (nodes * (nodes - 1), alien_limit(limit))]
    return LaidOut(
        num=spec.geometry.num,
        order=spec.geometry.gfporder,
        batch=spec.tunables.batchcount,
        pointers=sum(number * size for number, size in arrays),
        lines=sum(number * array_lines(size) for number, size in arrays),
        locks=nodes * (nodes + 1),
        key="limit",
    )


def _slub(experiment: Experiment, machine: Machine, cache: CacheConfig) -> LaidOut:
    version = slub_version_of(experiment)
    geometry = slub_geometry_of(cache, machine.n_cpus, version)
    sheaves = _SHEAVES_OF_A_CPU * machine.n_cpus + _SHEAVES_OF_A_BARN * machine.n_nodes if geometry.sheaf_capacity else 0
    return LaidOut(
        num=geometry.objects,
        order=geometry.order,
        batch=geometry.sheaf_capacity or geometry.objects,
        pointers=sheaves * geometry.sheaf_capacity,
        lines=sheaves * sheaf_lines(geometry.sheaf_capacity),
        locks=2 * machine.n_nodes,
        key="sheaf_capacity",
    )

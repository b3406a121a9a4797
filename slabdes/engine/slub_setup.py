# SPDX-License-Identifier: GPL-2.0-only
"""SLUB for an experiment, before anything has run: its caches, on which lines what of them lies, their locks.

Leaves out what is every allocator's (`timed`), and how engines run it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from slabdes.allocator.slub.create import create_with_cpu_slabs, kmem_cache_create
from slabdes.allocator.slub.geometry import SlubGeometry, order_objects, slabs_half_full, slub_geometry
from slabdes.allocator.slub.state import REMOTE_NODE_DEFRAG_RATIO, SlubState, sheaf_lines
from slabdes.allocator.slub.versions import SheavesOf, SlubVersion
from slabdes.allocator.state import OBJECT_MASK
from slabdes.config import CacheConfig, CacheFlag, Experiment
from slabdes.engine.lines import CacheLines
from slabdes.engine.records import LockKind
from slabdes.engine.setup import slub_version_of
from slabdes.engine.timed import TimedLock, add_other_locks
from slabdes.errors import InputError
from slabdes.machine.topology import Machine


def slub_geometry_of(config: CacheConfig, n_cpus: int, version: SlubVersion) -> SlubGeometry:
    """How a cache is laid out where `n_cpus` are present. InputError for objects that fit no slab, or none of its order."""
    assert config.size is not None
    geometry = slub_geometry(
        config.size,
        config.align,
        cpus=n_cpus,
        hwcache_align=CacheFlag.HWCACHE_ALIGN in config.flags,
        pointer_behind=config.ctor or CacheFlag.TYPESAFE_BY_RCU in config.flags,
        noleaktrace=CacheFlag.NOLEAKTRACE in config.flags,
    )
    capacity = version.sheaf_capacity(config.name, config.sheaf_capacity, geometry.sheaf_capacity, n_cpus)
    min_partial = geometry.min_partial if config.min_partial is None else config.min_partial
    order = geometry.order if config.order is None else config.order
    objects = order_objects(order, geometry.size)
    if not 1 <= objects <= OBJECT_MASK:
        where = f"cache {config.name!r}: order {order}"
        raise InputError(where, f"{objects} objects a slab", f"an order with 1 to {OBJECT_MASK}, such as {geometry.order}")
    return replace(geometry, order=order, objects=objects, min_partial=min_partial, sheaf_capacity=capacity)


def below_size(config: CacheConfig, n_cpus: int, version: SlubVersion) -> int:
    """What a cache's size gives its sheaves where it asks for less, which kernels do not grant; 0 where it does not."""
    if version.sheaves != SheavesOf.ALL or config.sheaf_capacity is None:
        return 0
    usual = slub_geometry_of(config.model_copy(update={"sheaf_capacity": None}), n_cpus, version).sheaf_capacity
    return usual if config.sheaf_capacity < usual else 0


def cycle_ps(machine: Machine) -> int:
    """Picoseconds of a cycle of the counter that searches of other nodes look at."""
    return max(1, round(1000 / machine.clock_ghz))


def build_slub_state(experiment: Experiment, machine: Machine, caches: Sequence[CacheConfig]) -> SlubState:
    """All caches of a run, as they are after boot."""
    version = slub_version_of(experiment)
    state = SlubState(machine.node_of_cpu, machine.n_nodes, has_memory=[pages > 0 for pages in machine.memory_pages])
    for config in caches:
        geometry = slub_geometry_of(config, machine.n_cpus, version)
        if version.cpu_slabs:
            cache = create_with_cpu_slabs(state, config.name, geometry)
            if config.cpu_partial is not None:
                cache.cpu_partial_slabs = slabs_half_full(config.cpu_partial, geometry.objects)
        else:
            cache = kmem_cache_create(state, config.name, geometry)
        if config.max_full_sheaves is not None:
            cache.full_limit = config.max_full_sheaves
        if config.max_empty_sheaves is not None:
            cache.empty_limit = config.max_empty_sheaves
        if config.remote_node_defrag_ratio is not None:
            cache.ratio = config.remote_node_defrag_ratio * REMOTE_NODE_DEFRAG_RATIO // 100
    return state


def place_slub_lines(state: SlubState, lines: CacheLines) -> None:
    """Say on which node each line of the caches lies: there are no slabs yet."""
    for cache in state.caches:
        for n in cache.node:
            lines.place(n.line, 1, n.node)
        for barn in cache.barn:
            lines.place(barn.line, 1, barn.node)
        for pcs, node in zip(cache.cpu_sheaves, state.node_of_cpu, strict=True):
            main = state.sheaves[pcs.main]
            lines.place(main.line, sheaf_lines(main.capacity), node)


def make_slub_locks(state: SlubState, lines: CacheLines) -> list[TimedLock]:
    """Make every lock of a run on SLUB, in the order of their numbers: the caches', each node's zone lock, the workload's own."""
    locks: dict[int, TimedLock] = {}
    for cache in state.caches:
        for n in cache.node:
            locks[n.list_lock] = TimedLock(n.line, LockKind.LIST, cache.index, n.node, n.node)
        for barn in cache.barn:
            locks[barn.lock] = TimedLock(barn.line, LockKind.BARN, cache.index, barn.node, barn.node)
    return add_other_locks(state, lines, locks)

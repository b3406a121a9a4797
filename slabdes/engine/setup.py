# SPDX-License-Identifier: GPL-2.0-only
"""Builds the allocator's state for an experiment: caches, and the general caches that off-slab descriptors come from.

Leaves out time: engines give the locks and lines that are numbered here a meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from slabdes.allocator.create import frees_look_up, kmem_cache_create
from slabdes.allocator.geometry import Geometry, kmem_cache_geometry
from slabdes.allocator.geometry_indexes import indexes_geometry
from slabdes.allocator.slub.versions import MILLI_OBJECTS, SLUB_VERSIONS, Leftovers, RemoteRefill, SlubVersion
from slabdes.allocator.state import CacheSpec, KmemCache, SlabState
from slabdes.allocator.timers import REAPTIMEOUT_LIST3_SECONDS, first_next_reap
from slabdes.allocator.tunables import Tunables, default_tunables
from slabdes.allocator.versions import VERSIONS, FreeList, Switches, Version, with_switches
from slabdes.config import CacheConfig, CacheFlag, Experiment
from slabdes.config.slub import Barns, EmptyMain, ListEnd, RefillOrder
from slabdes.dumps.dump import read_dumps
from slabdes.dumps.records import Dump
from slabdes.dumps.restore import Restored, dumped, known_names, restore
from slabdes.engine.fields import fields_of
from slabdes.errors import InputError
from slabdes.files import stamp
from slabdes.machine.topology import Machine
from slabdes.streams import Purpose, below, mix64, stream_key

SWITCHES: Final = tuple(name for name in fields_of(Switches) if name in Experiment.model_fields)
"""What differs between kernels, and an experiment may turn on over any of them by a key of the same name."""


def version_of(experiment: Experiment) -> Version:
    """The allocator that an experiment asks for."""
    version = with_switches(VERSIONS[experiment.allocator.value], tuple(switch.value for switch in experiment.switches))
    asked: dict[str, Any] = {name: True for name in SWITCHES if getattr(experiment, name)}
    return replace(version, **asked)


_AS_GIVEN: Final = ("cpu_slabs", "refill_needs_waiting", "remote_by_batches", "capacity_base", "capacity_most")
"""Keys of [slub] whose values are a version's switches as they stand."""


def slub_version_of(experiment: Experiment) -> SlubVersion:
    """The SLUB that an experiment asks for, with the switches that it turns."""
    version = SLUB_VERSIONS[experiment.allocator.value]
    given, turned = experiment.slub, dict[str, Any]()
    if given.refill_order is not None:
        turned["reverse_refill"] = given.refill_order is RefillOrder.REVERSE
    if given.leftovers is not None:
        turned["leftovers"] = Leftovers[given.leftovers.name]
    if given.unneeded is not None:
        turned["unneeded_to_head"] = given.unneeded is ListEnd.HEAD
    if given.remote_refill is not None:
        turned["remote_refill"] = RemoteRefill[given.remote_refill.name]
    if given.empty_main is not None:
        turned["empty_main_to_barn"] = given.empty_main is EmptyMain.BARN
    if given.barns is not None:
        turned["barns_with_memory"] = given.barns is Barns.MEMORY
    if given.capacity_per_cpu is not None:
        turned["capacity_per_cpu_milli"] = round(given.capacity_per_cpu * MILLI_OBJECTS)
    turned |= {key: value for key in _AS_GIVEN if (value := getattr(given, key)) is not None}
    return replace(version, **turned)


def cache_spec(config: CacheConfig, n_cpus: int, version: Version) -> CacheSpec:
    """A cache's geometry and tunables; defaults fill in what the experiment leaves open.

    Raises InputError when the tunables that result are ones that the kernel refuses.
    """
    geometry = geometry_of(config, version)
    default = default_tunables(geometry.size, n_cpus)
    limit = config.limit if config.limit is not None else default.limit
    batchcount = config.batchcount if config.batchcount is not None else min(default.batchcount, (limit + 1) // 2)
    shared = config.shared if config.shared is not None else default.shared
    tunables = Tunables(limit, batchcount, shared)
    if tunables.refused():
        raise InputError(f"cache {config.name}: batchcount", f"{batchcount} with limit {limit}", allowed=f"1 to {limit}")
    return CacheSpec(config.name, geometry, tunables, mem_spread=CacheFlag.MEM_SPREAD in config.flags, ctor=config.ctor)


def geometry_of(config: CacheConfig, version: Version) -> Geometry:
    """How `version` lays a cache's slabs out, once its size is known. Raises InputError for objects that fit no slab."""
    assert config.size is not None
    hwcache_align = CacheFlag.HWCACHE_ALIGN in config.flags
    reclaim_account = CacheFlag.RECLAIM_ACCOUNT in config.flags
    noleaktrace = CacheFlag.NOLEAKTRACE in config.flags
    if version.free_list is FreeList.BUFCTL:
        return kmem_cache_geometry(
            config.size, config.align, hwcache_align=hwcache_align, reclaim_account=reclaim_account, noleaktrace=noleaktrace
        )
    return indexes_geometry(
        config.size,
        config.align,
        hwcache_align=hwcache_align,
        reclaim_account=reclaim_account,
        noleaktrace=noleaktrace,
        typesafe_by_rcu=CacheFlag.TYPESAFE_BY_RCU in config.flags,
        ctor=config.ctor,
    )


def recorded_state(experiment: Experiment, machine: Machine, caches: tuple[CacheConfig, ...]) -> Restored | None:
    """The state that the experiment's dump shows, on this machine; None without one. InputError if it lacks a cache."""
    if experiment.dump is None:
        return None
    dump = _first_dump(experiment.dump, stamp(experiment.dump))
    names = [cache.name for cache in caches]
    return restore(dump, node_of_cpu=machine.node_of_cpu, n_nodes=machine.n_nodes, names=names, counters=False)


def recorded_caches(dump: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Those of `names` that the file `dump` shows. InputError if it shows none of them."""
    first = _first_dump(dump, stamp(dump))
    known = known_names(first, names)
    if not known:
        raise InputError(first.where, "none of the trace's caches", allowed=f"a dump with {names[0]}" if names else None)
    return known


def recorded_nodes(experiment: Experiment) -> tuple[int, ...] | None:
    """The node of each CPU of the system that the experiment's dump is of; None without one."""
    return None if experiment.dump is None else nodes_of_dump(experiment.dump)


def sized(caches: Sequence[CacheConfig], dump: Path) -> tuple[CacheConfig, ...]:
    """The caches with the sizes that the file `dump` shows. InputError for one that it lacks."""
    shown = _first_dump(dump, stamp(dump))
    return tuple(cache.model_copy(update={"size": dumped(shown, cache.name).object_size}) for cache in caches)


def filled_caches(dump: Path) -> tuple[str, ...]:
    """The names of the caches that have slabs in the file `dump`."""
    caches = _first_dump(dump, stamp(dump)).caches
    return tuple(name for name, cache in caches.items() if any(node.slabs for node in cache.nodes))


def nodes_of_dump(dump: Path) -> tuple[int, ...]:
    """The node of each CPU of the system that the file `dump` is of."""
    return _first_dump(dump, stamp(dump)).node_of_cpu


@lru_cache(maxsize=2)
def _first_dump(path: Path, _state: tuple[int, ...]) -> Dump:
    return read_dumps(path)[0]


def build_state(experiment: Experiment, machine: Machine, caches: tuple[CacheConfig, ...], replication: int) -> SlabState:
    """All caches of a run, as they are after boot: the workload's first, in order, then the general ones they need."""
    restored = recorded_state(experiment, machine, caches)
    state = restored.state if restored else _booted_state(experiment, machine, caches, replication)
    said = {config.name: config.frees_look_up for config in caches if config.frees_look_up is not None}
    for cache in state.caches:
        default = frees_look_up(version_of(experiment), cache.name, machine.n_nodes)
        cache.frees_look_up = said.get(cache.name, default)
    return state


def _booted_state(experiment: Experiment, machine: Machine, caches: tuple[CacheConfig, ...], replication: int) -> SlabState:
    use_alien_caches = machine.n_nodes > 1 and not experiment.noaliencache
    state = SlabState(machine.node_of_cpu, machine.n_nodes, use_alien_caches)
    hz = experiment.timing.hz
    version = version_of(experiment)
    by_name: dict[str, KmemCache] = {}
    descriptors: list[str | None] = []

    def create(config: CacheConfig) -> KmemCache:
        spec = cache_spec(config, machine.n_cpus, version)
        word = mix64(stream_key(experiment.seed, replication, len(state.caches), Purpose.CREATION))
        address = below(word, REAPTIMEOUT_LIST3_SECONDS * hz)
        cache = by_name[spec.name] = kmem_cache_create(state, spec, first_next_reap(0, address, hz))
        descriptors.append(spec.geometry.slabp_cache)
        return cache

    for config in caches:
        create(config)
    for cache, name in zip(tuple(state.caches), tuple(descriptors), strict=True):
        _find_descriptor_cache(cache, name, by_name, create)
    return state


def _find_descriptor_cache(
    cache: KmemCache, name: str | None, by_name: dict[str, KmemCache], create: Callable[[CacheConfig], KmemCache]
) -> None:
    """Give an off-slab cache the general cache of its descriptors; that one's own descriptors lie in its slabs."""
    if name is None:
        return
    if name not in by_name:
        # kmem_cache_init and create_kmalloc_caches align the general caches with cache lines.
        create(CacheConfig(name=name, size=int(name.rpartition("-")[2]), flags=(CacheFlag.HWCACHE_ALIGN,)))
    cache.slabp_cache = by_name[name]

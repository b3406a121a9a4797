# SPDX-License-Identifier: GPL-2.0-only
"""Moves SLUB's caches, sheaves, slabs and objects from records into arrays before it is compiled code's turn, and back.

Leaves out what is every allocator's (`pack`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from slabdes.allocator.slub.state import (
    KVFREE_BULK_MAX_ENTR,
    InHand,
    KfreeRcuCpu,
    KmemCacheCpu,
    KmemCacheNode,
    NodeBarn,
    PercpuSheaves,
    SlabSheaf,
    SlubState,
    SlubStats,
    sheaf_lines,
)
from slabdes.allocator.slub.versions import SlubSwitches, SlubVersion
from slabdes.allocator.state import NOBODY, Slab
from slabdes.config import Experiment
from slabdes.engine.compiled.layout import Array, blank, names_of
from slabdes.engine.compiled.memory import Memory
from slabdes.engine.compiled.pack import put_cpus, table
from slabdes.engine.compiled.slub.layout import SlubCache, SlubCosts
from slabdes.engine.compiled.slub.standing import CompiledSlubStanding
from slabdes.engine.compiled.slub.target import lowered
from slabdes.engine.cpu import NEVER
from slabdes.engine.fields import fields_of
from slabdes.engine.lines import CacheLines
from slabdes.engine.records import Standing
from slabdes.engine.setup import slub_version_of
from slabdes.engine.slub_setup import build_slub_state, cycle_ps, make_slub_locks, place_slub_lines
from slabdes.engine.timed import TimedLock, TimedSettings, settings_of
from slabdes.machine.topology import Machine
from slabdes.paths.slub.kernel import BATCHES, PCS_BATCH_MAX
from slabdes.paths.slub.upkeep import ChangeSettings
from slabdes.workload.programs import Workload

SPARE: Final = 1024
"""Slabs, and sheaves, that there is room for at the start; room doubles as it is needed."""
_FRAMES: Final = 16
"""More paths than can be under way at once on a CPU, interrupts apart."""
_PARTS: Final[tuple[tuple[str, str, type], ...]] = (
    ("stats", "stats", SlubStats),
    ("cpu_sheaves", "cpu_sheaves", PercpuSheaves),
    ("own_slabs", "cpu_slab", KmemCacheCpu),
    ("nodes", "node", KmemCacheNode),
    ("barns", "barn", NodeBarn),
)
"""Where those records of caches lie of which each CPU or node has one, and what a cache calls them."""
_COUNTED: Final = ("slabs_created", "slabs_destroyed", "grows_failed", "spare", "spare_sheaves", "sheaf_capacity", "full_limit")
"""What a run changes of a cache itself."""


def set_up(
    memory: Memory, experiment: Experiment, machine: Machine, workload: Workload, replication: int
) -> tuple[SlubState, TimedSettings[SlubVersion], list[TimedLock]]:
    """Build what a run on SLUB starts from and put its caches into a run's memory, and CPUs that have nothing but stacks."""
    state = build_slub_state(experiment, machine, workload.caches)
    settings = settings_of(experiment, machine, workload.caches, slub_version_of(experiment))
    memory.set(batches=state.new_words(machine.n_cpus * BATCHES * PCS_BATCH_MAX))
    memory.set(call_arrays=state.new_words(machine.n_cpus * settings.call_room), call_room=settings.call_room)
    memory.set(prefill=settings.prefill)
    lines = CacheLines(machine.node_of_cpu, machine.transfer_ps, machine.dram_ps)
    place_slub_lines(state, lines)
    locks = make_slub_locks(state, lines)
    memory.set(cycle_ps=cycle_ps(machine), grace=settings.grace, stagger=settings.stagger)
    memory.set(**{name: getattr(settings.costs, name) for name in fields_of(SlubCosts)})
    memory.set(**{name: getattr(settings.change, name) for name in fields_of(ChangeSettings)})
    pack_version(memory, settings.version)
    pack_caches(memory, state)
    pack_objects(memory, state, lines.stamps, lines.home, KVFREE_BULK_MAX_ENTR if settings.grace else 0)
    pack_nodes(memory, state, [machine.zonelist(node) for node in range(machine.n_nodes)])
    put_slub_cpus(memory, machine.n_cpus)
    return state, settings, locks


def put_slub_cpus(memory: Memory, n_cpus: int) -> Array:
    """CPUs with nothing but their stacks."""
    cpus = put_cpus(memory, n_cpus, _FRAMES, lowered())
    cpus["reap_at"] = NEVER
    return cpus


def pack_version(memory: Memory, version: SlubVersion) -> None:
    """The switches of a kernel version."""
    memory.set(**{name: int(getattr(version, name)) for name in fields_of(SlubSwitches)})


def pack_caches(memory: Memory, state: SlubState) -> None:
    """Caches, and what each CPU and node has of one."""
    caches = memory.put("caches", blank(SlubCache, len(state.caches)))
    for cache, record in zip(state.caches, caches, strict=False):
        for name in names_of(SlubCache):
            record[name] = getattr(cache, name)
    for name, of_cache, kind in _PARTS:
        memory.put(name, table(kind, _in_a_row(state, of_cache)))
    memory.put("rcu", table(KfreeRcuCpu, state.rcu))
    memory.put("in_hand", table(InHand, state.in_hand))
    memory.set(all_caches=len(state.caches))


def _in_a_row(state: SlubState, of_cache: str) -> list[Any]:
    """A part of all caches; as many records of a cache that has none of it, where another has: each finds its own by number."""
    parts = [getattr(cache, of_cache) for cache in state.caches]
    longest: list[Any] = max(parts, key=len, default=[])
    return [one for part in parts for one in part or longest]


def pack_objects(
    memory: Memory, state: SlubState, stamps: Sequence[int], home: Sequence[int], block: int, sheaves: int = SPARE
) -> None:
    """Slabs, sheaves, objects and cache lines; `stamps` and `home` by line.

    `block` is the capacity of blocks that kfree_rcu's general batching needs; there is room for so many more sheaves.
    """
    capacities = [block, memory.get("new_capacity"), memory.get("prefill"), *(cache.sheaf_capacity for cache in state.caches)]
    memory.set(
        promoted=state.promoted,
        n_slabs=len(state.slabs),
        n_sheaves=len(state.sheaves),
        n_words=len(state.words),
        n_lines=state.n_lines,
        most_objects=max((cache.num for cache in state.caches), default=1),
        most_capacity=max(capacities),
        most_sheaf_lines=sheaf_lines(max(capacities)),
    )
    memory.put("words", state.words)
    memory.put("touched", np.full(len(state.words), NOBODY))
    memory.put("sizes", [cache.size for cache in state.caches])
    memory.put("looked_up", [cache.frees_look_up for cache in state.caches])
    memory.put("slabs", table(Slab, state.slabs))
    memory.put("all_sheaves", table(SlabSheaf, state.sheaves))
    memory.put("stamps", stamps)
    memory.put("home", home)
    grow_room(memory, SPARE, sheaves)


def pack_nodes(memory: Memory, state: SlubState, fallback: Sequence[Sequence[int]]) -> None:
    """Zonelists are of nodes with memory: all equally long, in rows as long as there are nodes."""
    zonelists = np.zeros((state.n_nodes, state.n_nodes), "i8")
    for node, row in enumerate(zonelists):
        nodes = [other for other in fallback[node] if state.has_memory[other]]
        row[: len(nodes)] = nodes
    memory.put("zonelists", zonelists)
    memory.put("has_memory", state.has_memory)
    memory.set(nodes_with_memory=sum(state.has_memory))


def make_room(memory: Memory) -> None:
    """Room for as many slabs and sheaves again, or as there was."""
    slabs, sheaves = memory.get("n_slabs"), memory.get("n_sheaves")
    grow_room(memory, max(slabs, memory.get("slab_room") - slabs), max(sheaves, memory.get("sheaf_room") - sheaves))


def grow_room(memory: Memory, slabs: int, sheaves: int) -> None:
    """Room for so many slabs and sheaves beside those that there are."""
    run = memory.run[0]
    slab_room = int(run["n_slabs"]) + slabs
    sheaf_room = int(run["n_sheaves"]) + sheaves
    # Sheaves that are smaller than the largest have taken less than there was room for: what is there is kept.
    wanted = int(run["n_words"]) + slabs * int(run["most_objects"]) + sheaves * int(run["most_capacity"])
    word_room = max(int(run["word_room"]), wanted)
    line_room = max(int(run["line_room"]), int(run["n_lines"]) + slabs + sheaves * int(run["most_sheaf_lines"]))
    memory.grow("slabs", slab_room, 0)
    memory.grow("all_sheaves", sheaf_room, 0)
    memory.grow("words", word_room, 0)
    memory.grow("touched", word_room, NOBODY)
    memory.grow("stamps", line_room, NOBODY)
    memory.grow("home", line_room, 0)
    memory.set(slab_room=slab_room, sheaf_room=sheaf_room, word_room=word_room, line_room=line_room)


def standing(memory: Memory, state: SlubState) -> Callable[[], tuple[Standing, ...]]:
    """What says how a run's memory stands now."""
    return CompiledSlubStanding(memory, state)


def unpack_state(memory: Memory, state: SlubState) -> None:
    """Bring all that a run changes back into the state."""
    state.n_lines = memory.get("n_lines")
    state.words[:] = memory["words"][: memory.get("n_words")].tolist()
    slabs, sheaves = memory.get("n_slabs"), memory.get("n_sheaves")
    state.slabs.extend(Slab(number, 0, 0, 0) for number in range(len(state.slabs), slabs))
    state.sheaves.extend(SlabSheaf(0, 0) for _number in range(len(state.sheaves), sheaves))
    _fill(state.slabs, memory["slabs"])
    _fill(state.sheaves, memory["all_sheaves"])
    for name, of_cache, _kind in _PARTS:
        for place, cache in enumerate(state.caches):
            part = getattr(cache, of_cache)
            _fill(part, memory[name][place * len(part) :])
    _fill(state.rcu, memory["rcu"])
    _fill(state.in_hand, memory["in_hand"])
    for cache, record in zip(state.caches, memory["caches"], strict=False):
        for name in _COUNTED:
            setattr(cache, name, int(record[name]))


def _fill(objects: Sequence[Any], records: Any) -> None:
    """Objects get the fields of records."""
    for name in records.dtype.names:
        for one, value in zip(objects, records[name][: len(objects)].tolist(), strict=True):
            setattr(one, name, value)

# SPDX-License-Identifier: GPL-2.0-only
"""Moves SLAB's caches, slabs and objects from records into arrays before it is compiled code's turn, and back when it has ended.

Leaves out what is every allocator's (`pack`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np

from slabdes.allocator.state import NOBODY, SLAB_LINES, ArrayCache, CacheStats, KmemCache, Slab, SlabState
from slabdes.allocator.timers import first_reap
from slabdes.allocator.versions import L3Layout, Switches, Version
from slabdes.config import Experiment
from slabdes.engine.compiled.layout import Array, blank, names_of
from slabdes.engine.compiled.memory import Memory
from slabdes.engine.compiled.pack import put_cpus, table
from slabdes.engine.compiled.slab.layout import L3, Cache
from slabdes.engine.compiled.slab.standing import CompiledStanding
from slabdes.engine.compiled.slab.target import lowered
from slabdes.engine.fields import fields_of
from slabdes.engine.lines import CacheLines
from slabdes.engine.records import Standing
from slabdes.engine.setup import build_state
from slabdes.engine.timed import TimedLock, TimedSettings, make_locks, place_lines, reap_time_ps, timed_settings
from slabdes.machine.topology import Machine
from slabdes.workload.programs import Workload

SPARE_SLABS: Final = 1024
"""Slabs that there is room for at the start; room doubles as it is needed."""
_FRAMES: Final = 11
_FRAMES_OF_A_DESCRIPTOR: Final = 8
"""Paths that can be under way at once on a CPU, and as many again for each cache that descriptors' descriptors come from."""


def set_up(
    memory: Memory, experiment: Experiment, machine: Machine, workload: Workload, replication: int
) -> tuple[SlabState, TimedSettings[Version], list[TimedLock]]:
    """Build what a run on SLAB starts from and put its caches into a run's memory, and CPUs that have nothing but stacks."""
    state = build_state(experiment, machine, workload.caches, replication)
    settings = timed_settings(experiment, machine, workload.caches)
    lines = CacheLines(machine.node_of_cpu, machine.transfer_ps, machine.dram_ps)
    place_lines(state, lines)
    locks = make_locks(state, lines, settings.version)
    pack_version(memory, settings.version)
    pack_caches(memory, state)
    pack_objects(memory, state, lines.stamps, lines.home)
    memory.put("zonelists", [machine.zonelist(node) for node in range(machine.n_nodes)])
    cpus = put_slab_cpus(memory, state)
    cpus["reap_due"] = [first_reap(number, 0, settings.hz) for number in range(len(cpus))]
    cpus["reap_at"] = [reap_time_ps(due, settings.hz) for due in cpus["reap_due"].tolist()]
    return state, settings, locks


def put_slab_cpus(memory: Memory, state: SlabState) -> Array:
    """CPUs with nothing but their stacks."""
    longest = max((1 + chain_length(cache, len(state.caches)) for cache in state.caches), default=1)
    return put_cpus(memory, len(state.node_of_cpu), _FRAMES + _FRAMES_OF_A_DESCRIPTOR * longest, lowered())


def pack_version(memory: Memory, version: Version) -> None:
    """The switches of a kernel version, and its lines."""
    memory.set(**{name: getattr(version, name) for name in fields_of(Switches)})
    memory.set(**{f"line_of_{name}": getattr(version.layout, name) for name in fields_of(L3Layout)})


def pack_caches(memory: Memory, state: SlabState, more: Sequence[ArrayCache] = ()) -> tuple[list[ArrayCache], int]:
    """Caches, their lists and counters; the arrays by the numbers that these find them under, and where `more` begin."""
    arrays: list[ArrayCache] = []
    nothing = ArrayCache("", 0, 0, 0)

    def place(some: Iterable[ArrayCache | None]) -> int:
        first = len(arrays)
        arrays.extend(nothing if array is None else array for array in some)
        return first

    caches = blank(Cache, len(state.caches))
    l3s = blank(L3, len(state.caches) * state.n_nodes)
    for cache, record in zip(state.caches, caches, strict=True):
        for name in ("num", "gfporder", "colour", "colour_off", "spare", "limit", "batchcount", "shared", "frees_look_up"):
            record[name] = getattr(cache, name)
        record["slabp_cache"] = -1 if cache.slabp_cache is None else cache.slabp_cache.index
        record["mem_spread"], record["ctor"], record["ctor_calls"] = cache.mem_spread, cache.ctor, cache.ctor_calls
        record["slabs_created"], record["slabs_destroyed"] = cache.slabs_created, cache.slabs_destroyed
        record["grows_failed"] = cache.grows_failed
        record["array"] = place(cache.array)
        for l3 in cache.nodelists:
            packed = l3s[cache.index * state.n_nodes + l3.node]
            for name in names_of(L3):
                if name not in ("shared", "alien"):
                    packed[name] = getattr(l3, name)
            packed["shared"] = -1 if l3.shared is None else place([l3.shared])
            packed["alien"] = -1 if l3.alien is None else place(l3.alien)
    memory.put("caches", caches)
    memory.put("l3s", l3s)
    first_more = place(more)
    memory.put("arrays", table(ArrayCache, arrays))
    memory.put("stats", table(CacheStats, [cache.stats for cache in state.caches]))
    memory.set(all_caches=len(state.caches))
    return arrays, first_more


def pack_objects(memory: Memory, state: SlabState, stamps: Sequence[int], home: Sequence[int]) -> None:
    """Slabs, objects and cache lines; `stamps` and `home` by line."""
    memory.set(
        n_slabs=len(state.slabs),
        scratch=state.stack,
        n_words=len(state.words),
        n_lines=state.n_lines,
        most_objects=max((cache.num for cache in state.caches), default=1),
    )
    memory.put("words", state.words)
    memory.put("touched", np.full(memory.get("n_words"), NOBODY))
    memory.put("sizes", [cache.size for cache in state.caches])
    memory.put("looked_up", [cache.frees_look_up for cache in state.caches])
    memory.put("slabs", table(Slab, state.slabs))
    memory.put("stamps", stamps)
    memory.put("home", home)
    _make_room(memory, SPARE_SLABS)


def make_room(memory: Memory) -> None:
    """Room for as many slabs again."""
    _make_room(memory, memory.get("n_slabs"))


def _make_room(memory: Memory, slabs: int) -> None:
    run = memory.run[0]
    slab_room = int(run["n_slabs"]) + slabs
    word_room = int(run["n_words"]) + slabs * int(run["most_objects"])
    line_room = int(run["n_lines"]) + SLAB_LINES * slabs
    memory.grow("slabs", slab_room, 0)
    memory.grow("words", word_room, 0)
    memory.grow("touched", word_room, NOBODY)
    memory.grow("stamps", line_room, NOBODY)
    memory.grow("home", line_room, 0)
    memory.set(slab_room=slab_room, word_room=word_room, line_room=line_room)


def chain_length(cache: KmemCache, longest: int) -> int:
    """How many caches in a row descriptors come from; more than `longest` if they come from each other."""
    length = 0
    below = cache.slabp_cache
    while below is not None and length <= longest:
        length += 1
        below = below.slabp_cache
    return length


def unpack_slabs(memory: Memory, state: SlabState) -> dict[str, list[int]]:
    """The fields of all slabs by name; the state gets those that compiled code has made."""
    n_slabs = memory.get("n_slabs")
    columns: dict[str, list[int]] = {name: memory["slabs"][name][:n_slabs].tolist() for name in names_of(Slab)}
    for number in range(len(state.slabs), n_slabs):
        state.slabs.append(Slab(number, columns["cache"][number], columns["num"][number], columns["bufctl"][number]))
    return columns


def standing(memory: Memory, state: SlabState) -> Callable[[], tuple[Standing, ...]]:
    """What says how a run's memory stands now."""
    return CompiledStanding(memory, state)


def unpack_state(memory: Memory, state: SlabState) -> None:
    """Bring what records are made from back into the state."""
    state.words[:] = memory["words"][: len(state.words)].tolist()
    columns = unpack_slabs(memory, state)
    for number, slab in enumerate(state.slabs):
        slab.next, slab.prev = columns["next"][number], columns["prev"][number]
        slab.inuse, slab.nodeid = columns["inuse"][number], columns["nodeid"][number]
    avail = memory["arrays"]["avail"].tolist()
    # Without a cache there is still one entry (see `put`).
    for cache, packed, stats in zip(state.caches, memory["caches"], memory["stats"], strict=False):
        cache.slabs_created, cache.slabs_destroyed = int(packed["slabs_created"]), int(packed["slabs_destroyed"])
        cache.grows_failed = int(packed["grows_failed"])
        for name in names_of(CacheStats):
            setattr(cache.stats, name, int(stats[name]))
        for array, number in zip(cache.array, range(int(packed["array"]), len(avail)), strict=False):
            array.avail = avail[number]
        for l3 in cache.nodelists:
            record = memory["l3s"][cache.index * state.n_nodes + l3.node]
            l3.free_objects, l3.free_slabs = int(record["free_objects"]), int(record["free_slabs"])
            l3.free_limit, l3.descriptors = int(record["free_limit"]), int(record["descriptors"])
            if l3.shared is not None:
                l3.shared.avail = avail[int(record["shared"])]
            for other, alien in enumerate(l3.alien or ()):
                if alien is not None:
                    alien.avail = avail[int(record["alien"]) + other]

# SPDX-License-Identifier: GPL-2.0-only
"""Moves a run's state from records into arrays before it is compiled code's turn, and back when it has ended.

What an engine starts from (`setup`, `timed`) and what it hands over (`collect`) are the reference's. Leaves out steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.pages import PagePool
from slabdes.allocator.state import NOBODY, SLAB_LINES, ArrayCache, CacheStats, KmemCache, Slab, SlabState
from slabdes.allocator.versions import L3Layout, Switches, Version
from slabdes.engine import records
from slabdes.engine.compiled.account import LEVELS, N_TIMES
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.layout import (
    BUCKETS,
    L3,
    N_PATHS,
    N_UPKEEPS,
    Array,
    Cache,
    Counts,
    Lock,
    LockAccount,
    Spent,
    blank,
    names_of,
)
from slabdes.engine.compiled.memory import Memory
from slabdes.engine.compiled.run_layout import Costs, Disciplines
from slabdes.engine.compiled.slab import FRAME
from slabdes.engine.cpu import NEVER, TimedCpu
from slabdes.engine.fields import Account, Clock, Interrupts, Timers, fields_of
from slabdes.engine.lines import CacheLines
from slabdes.engine.records import Histogram
from slabdes.engine.timed import TimedLock, TimedSettings
from slabdes.locks.disciplines import DISCIPLINES, Discipline, LockParameters
from slabdes.locks.spinlock import FREE
from slabdes.machine.topology import Machine
from slabdes.paths.interrupts import InterruptSettings
from slabdes.paths.outcome import Path
from slabdes.paths.sites import N_SITES, LockSite
from slabdes.paths.slab.upkeep import UpkeepSettings
from slabdes.streams import GAMMA, MASK64, exponential_table
from slabdes.units import MAX_RUN_PS

SPARE_SLABS = 1024
"""Slabs that there is room for at the start; room doubles as it is needed."""
NO_BUCKETS = np.zeros(0)
_FRAMES = 11
_FRAMES_OF_A_DESCRIPTOR = 8
"""Paths that can be under way at once on a CPU, and as many again for each cache that descriptors' descriptors come from."""


def pack(
    memory: Memory,
    state: SlabState,
    machine: Machine,
    settings: TimedSettings[Version],
    lines: CacheLines,
    locks: Sequence[TimedLock],
    cpus: Sequence[TimedCpu],
    jitter_keys: Sequence[int],
    race_keys: Sequence[int],
) -> None:
    """Put everything but the workload into a run's memory; CPUs' streams of jitter and of races begin at the keys."""
    _pack_rules(memory, machine, settings)
    pack_caches(memory, state)
    pack_objects(memory, state, lines.owner, lines.home)
    pack_locks(memory, [lock.line for lock in locks], machine.n_nodes)
    histograms = (len(state.caches) + 1) * N_PATHS
    memory.put("buckets", np.zeros((histograms, BUCKETS)))
    memory.put("counts", no_counts(histograms))
    memory.put("response_buckets", [])
    memory.put("response_counts", no_counts(0))
    memory.put("spent", blank(Spent, N_PATHS))
    packed = _pack_cpus(memory, state, cpus)
    packed["jitter_key"] = np.array(jitter_keys, "u8")
    packed["race_key"] = np.array(race_keys, "u8")


def pack_response(memory: Memory) -> None:
    """Room for response times, beside that of latencies."""
    memory.put("response_buckets", np.zeros_like(memory["buckets"]))
    memory.put("response_counts", no_counts(len(memory["counts"])))


def pack_interrupts(memory: Memory, settings: InterruptSettings, keys: Sequence[int]) -> None:
    """Interrupt sources, whose CPUs' streams of draws begin at `keys`: the first draw of each has been made."""
    memory.set(
        irq_periodic=settings.periodic,
        irq_mean=settings.mean,
        irq_cache=settings.cache,
        irq_objects=settings.objects,
        irq_keep=settings.keep,
        irq_work=settings.work,
    )
    memory.put("rings", np.zeros(len(keys) * (settings.keep + settings.objects)))
    memory["cpus"]["irq_key"] = np.array([(key + GAMMA) & MASK64 for key in keys], "u8")


def pack_objects(memory: Memory, state: SlabState, owner: Sequence[int], home: Sequence[int]) -> None:
    """Slabs, objects and cache lines; `owner` and `home` by line."""
    memory.set(
        n_slabs=len(state.slabs),
        scratch=state.stack,
        n_words=len(state.words),
        n_lines=state.n_lines,
        most_objects=max((cache.num for cache in state.caches), default=1),
    )
    memory.put("words", state.words)
    memory.put("touched", np.full(memory.get("n_words"), NOBODY))
    memory.put("slabs", table(Slab, state.slabs))
    memory.put("owner", owner)
    memory.put("home", home)
    make_room(memory, SPARE_SLABS)


def pack_locks(memory: Memory, lines: Sequence[int], n_nodes: int) -> None:
    """Free locks on these lines: the caches', one for each node's zone, the workload's own."""
    memory.set(section_lock=len(lines) - 1, first_zone_lock=len(lines) - 1 - n_nodes)
    packed = memory.put("locks", blank(Lock, len(lines)))
    packed["line"] = lines
    packed["holder"] = packed["acquired_by"] = packed["acquired_from"] = packed["passed"] = FREE
    memory.put("lock_buckets", np.zeros((2 * len(lines), BUCKETS)))
    memory.put("lock_counts", no_counts(2 * len(lines)))
    memory.put("lock_points", np.zeros((len(lines), N_SITES, N_SITES)))
    memory.put("upkeep_counts", blank(Counts, 2 * len(lines) * N_UPKEEPS))


def no_counts(histograms: int) -> Array:
    """Sums of empty histograms."""
    counts = blank(Counts, histograms)
    counts["least"] = np.iinfo("i8").max
    return counts


def make_room(memory: Memory, slabs: int) -> None:
    """Room for `slabs` more slabs."""
    run = memory.run[0]
    slab_room = int(run["n_slabs"]) + slabs
    word_room = int(run["n_words"]) + slabs * int(run["most_objects"])
    line_room = int(run["n_lines"]) + SLAB_LINES * slabs
    memory.grow("slabs", slab_room, 0)
    memory.grow("words", word_room, 0)
    memory.grow("touched", word_room, NOBODY)
    memory.grow("owner", line_room, NOBODY)
    memory.grow("home", line_room, 0)
    memory.set(slab_room=slab_room, word_room=word_room, line_room=line_room)


def _pack_rules(memory: Memory, machine: Machine, settings: TimedSettings[Version]) -> None:
    version = settings.version
    n_cpus = machine.n_cpus
    bits = (n_cpus - 1).bit_length()
    leaves = 1 << bits
    memory.set(**{name: getattr(settings.costs, name) for name in fields_of(Costs)})
    memory.set(**{name: getattr(settings.upkeeps, name) for name in fields_of(UpkeepSettings)})
    pack_version(memory, version)
    pack_discipline(memory, settings.locks.discipline)
    memory.set(**{name: getattr(settings.locks, name) for name in fields_of(LockParameters)})
    memory.set(
        hz=settings.hz,
        spinners_slow_holder=settings.rules.spinners_slow_holder,
        array_lines=settings.rules.array_lines,
        irqs_off=settings.rules.irqs_off,
        posted_neighbour_writes=settings.rules.posted_neighbour_writes,
        n_cpus=n_cpus,
        n_nodes=machine.n_nodes,
        bits=bits,
        leaves=leaves,
        time_limit=MAX_RUN_PS,
        current=NOBODY,
        reaper=NOBODY,
    )
    memory.put("tree", np.full(2 * leaves, np.iinfo(np.int64).max))
    memory.put("transfer", machine.transfer_ps)
    memory.put("dram", machine.dram_ps)
    memory.put("zonelists", [machine.zonelist(node) for node in range(machine.n_nodes)])
    memory.put("exponential", exponential_table())
    pool = PagePool(machine.memory_pages, n_cpus)
    memory.put("free_pages", pool.free)
    memory.put("pcp", pool.pcp)
    memory.put("page_batch", pool.batch)
    memory.put("page_high", pool.high)


def pack_discipline(memory: Memory, discipline: Discipline) -> None:
    """How contended locks are handed over. `run.why_not` has refused a discipline that compiled code does not know."""
    flags = {name: DISCIPLINES[name] is discipline for name in fields_of(Disciplines)}
    assert sum(flags.values()) == 1, discipline
    memory.set(unqueued=not discipline.queued, **flags)


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
        for name in ("num", "gfporder", "colour", "colour_off", "spare", "limit", "batchcount", "shared"):
            record[name] = getattr(cache, name)
        record["slabp_cache"] = -1 if cache.slabp_cache is None else cache.slabp_cache.index
        record["mem_spread"], record["ctor"], record["ctor_calls"] = cache.mem_spread, cache.ctor, cache.ctor_calls
        record["slabs_created"], record["slabs_destroyed"] = cache.slabs_created, cache.slabs_destroyed
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


def table(record: type, objects: Sequence[Any]) -> Array:
    """Objects as records of a class, whose fields they have."""
    made = blank(record, len(objects))
    for name in names_of(record):
        made[name] = [getattr(one, name) for one in objects]
    return made


def chain_length(cache: KmemCache, longest: int) -> int:
    """How many caches in a row descriptors come from; more than `longest` if they come from each other."""
    length = 0
    below = cache.slabp_cache
    while below is not None and length <= longest:
        length += 1
        below = below.slabp_cache
    return length


def _pack_cpus(memory: Memory, state: SlabState, cpus: Sequence[TimedCpu]) -> Array:
    packed = put_cpus(memory, state)
    timers = ("irq_at", *fields_of(Timers))
    for name in ("number", "node", "slowdown", "jitter", "reap_node", *timers, "alloc_hit", "free_hit"):
        packed[name] = [getattr(cpu, name) for cpu in cpus]
    return packed


def put_cpus(memory: Memory, state: SlabState) -> Array:
    """CPUs with nothing but their stacks."""
    n_cpus = len(state.node_of_cpu)
    depth = _FRAMES + _FRAMES_OF_A_DESCRIPTOR * max(
        (1 + chain_length(cache, len(state.caches)) for cache in state.caches), default=1
    )
    # A handler may be on top of a path, and a path of its own on top of that.
    depth = 2 * depth + 1
    packed = memory.put("cpus", blank(Cpu, n_cpus))
    memory.put("frames", np.zeros(n_cpus * depth, FRAME))
    packed["frame0"] = np.arange(n_cpus) * depth
    packed["irq_at"] = packed["slabinfo_at"] = packed["drain_at"] = packed["rcu_at"] = NEVER
    memory.put("accounts", blank(Spent, LEVELS * n_cpus))
    memory.put("irq_buckets", np.zeros((N_TIMES, BUCKETS)))
    memory.put("irq_counts", no_counts(N_TIMES))
    memory.put("rings", [])
    memory.put("policies", blank(MemPolicy, 1))
    return packed


def unpack(memory: Memory, state: SlabState, locks: Sequence[TimedLock], cpus: Sequence[TimedCpu]) -> None:
    """Bring what records are made from back into the objects that the run began with."""
    _unpack_caches(memory, state)
    buckets, counts = memory["lock_buckets"], memory["lock_counts"]
    upkeep = memory["upkeep_counts"].reshape(len(locks), 2, N_UPKEEPS)
    of_lock, of_cpu = fields_of(LockAccount), fields_of(Clock, Account, Interrupts)
    for number, (lock, packed) in enumerate(zip(locks, memory["locks"], strict=True)):
        for name in of_lock:
            setattr(lock, name, int(packed[name]))
        lock.joined = still_waiting(memory, packed)
        points = memory["lock_points"][number]
        for waiter, holder in np.argwhere(points).tolist():
            lock.points[LockSite(waiter), LockSite(holder)] = int(points[waiter, holder])
        lock.wait = _histogram(buckets[2 * number], counts[2 * number])
        lock.hold = _histogram(buckets[2 * number + 1], counts[2 * number + 1])
        lock.held_in, lock.behind = ([_histogram(NO_BUCKETS, sums) for sums in kinds] for kinds in upkeep[number])
    for cpu, packed in zip(cpus, memory["cpus"], strict=True):
        for name in of_cpu:
            setattr(cpu, name, int(packed[name]))
    cpus[0].irqs_off, cpus[0].irq_wait, *cpus[0].turns = (
        _histogram(one, sums) for one, sums in zip(memory["irq_buckets"].reshape(N_TIMES, -1), memory["irq_counts"], strict=True)
    )
    # Compiled code counts all CPUs together: records add them up anyway.
    totals = memory["counts"]["total"].reshape(-1, N_PATHS).sum(axis=0)
    for number, packed in enumerate(memory["spent"]):
        cpus[0].spent[Path(number)] = _with_work(packed, int(totals[number]), Path(number))
    cpus[0].latency = _by_path(memory["buckets"], memory["counts"])
    cpus[0].response = _by_path(memory["response_buckets"], memory["response_counts"]) if memory.get("arrivals") else None


def _by_path(buckets: Array, counts: Array) -> dict[tuple[int, Path], Histogram]:
    """The histograms of operations that occurred, by cache and path."""
    some = ((number, sums) for number, sums in enumerate(counts) if sums["count"])
    return {(number // N_PATHS - 1, Path(number % N_PATHS)): _histogram(buckets[number], sums) for number, sums in some}


def _with_work(packed: Any, total: int, path: Path) -> list[int]:
    """The parts of a path's time in the order of Spent: work is the rest. `collect` sees to hits: most have no account."""
    parts = {name: int(packed[name]) for name in names_of(Spent)}
    parts["work"] = 0 if path in (Path.HIT, Path.FREE_HIT) else total - sum(parts.values())
    return [parts[part.name] for part in fields(records.Spent)]


def still_waiting(memory: Memory, lock: Any) -> dict[int, int]:
    """The CPUs that wait for a lock when the run ends, and since when."""
    joined: dict[int, int] = {}
    waiter = int(lock["first"])
    for _place in range(int(lock["waiters"])):
        cpu = memory["cpus"][waiter]
        joined[waiter] = int(cpu["asked"])
        waiter = int(cpu["next_waiter"])
    return joined


def _histogram(buckets: Array, sums: Any) -> Histogram:
    if not sums["count"]:
        return Histogram()
    filled = np.flatnonzero(buckets)
    return Histogram(
        dict(zip(filled.tolist(), buckets[filled].tolist(), strict=True)),
        int(sums["count"]),
        int(sums["total"]),
        int(sums["least"]),
        int(sums["greatest"]),
    )


def unpack_slabs(memory: Memory, state: SlabState) -> dict[str, list[int]]:
    """The fields of all slabs by name; the state gets those that compiled code has made."""
    n_slabs = memory.get("n_slabs")
    columns: dict[str, list[int]] = {name: memory["slabs"][name][:n_slabs].tolist() for name in names_of(Slab)}
    for number in range(len(state.slabs), n_slabs):
        state.slabs.append(Slab(number, columns["cache"][number], columns["num"][number], columns["bufctl"][number]))
    return columns


def _unpack_caches(memory: Memory, state: SlabState) -> None:
    state.words[:] = memory["words"][: len(state.words)].tolist()
    columns = unpack_slabs(memory, state)
    for number, slab in enumerate(state.slabs):
        slab.next, slab.prev = columns["next"][number], columns["prev"][number]
        slab.inuse, slab.nodeid = columns["inuse"][number], columns["nodeid"][number]
    avail = memory["arrays"]["avail"].tolist()
    # Without a cache there is still one entry (see `put`).
    for cache, packed, stats in zip(state.caches, memory["caches"], memory["stats"], strict=False):
        cache.slabs_created, cache.slabs_destroyed = int(packed["slabs_created"]), int(packed["slabs_destroyed"])
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

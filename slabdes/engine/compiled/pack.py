# SPDX-License-Identifier: GPL-2.0-only
"""Moves a run's state from records into arrays before it is compiled code's turn, and back when it has ended.

What an engine starts from (`setup`, `timed`) and what it hands over (`collect`) are the reference's. Leaves out steps,
and caches, which each allocator has its own of (`slab.pack`, `slub.pack`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.pages import PagePool
from slabdes.allocator.state import NOBODY
from slabdes.engine import records
from slabdes.engine.compiled.account import LEVELS, N_TIMES
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.layout import (
    BUCKETS,
    N_PATHS,
    N_UPKEEPS,
    Array,
    Counts,
    Lock,
    LockAccount,
    Spent,
    blank,
    frame_dtype,
    names_of,
)
from slabdes.engine.compiled.memory import Memory
from slabdes.engine.compiled.run_layout import Costs, Disciplines
from slabdes.engine.cpu import NEVER, TimedCpu
from slabdes.engine.fields import Account, Clock, Interrupts, Timers, fields_of
from slabdes.engine.records import Histogram
from slabdes.engine.timed import AnyKernel, TimedLock, TimedSettings
from slabdes.locks.disciplines import DISCIPLINES, Discipline, LockParameters
from slabdes.locks.spinlock import FREE
from slabdes.lowering.lower import Lowered
from slabdes.machine.topology import Machine
from slabdes.paths.charges import ClockRules
from slabdes.paths.interrupts import InterruptSettings
from slabdes.paths.outcome import Path
from slabdes.paths.sites import N_SITES, LockSite
from slabdes.paths.upkeep import UpkeepSettings
from slabdes.streams import GAMMA, MASK64, exponential_table
from slabdes.units import MAX_RUN_PS

NO_BUCKETS = np.zeros(0)


def pack(
    memory: Memory,
    machine: Machine,
    settings: TimedSettings[AnyKernel],
    locks: Sequence[TimedLock],
    caches: int,
) -> None:
    """Put into a run's memory what is every allocator's: all but `caches` caches, CPUs and the workload."""
    _pack_rules(memory, machine, settings)
    pack_locks(memory, [lock.line for lock in locks], machine.n_nodes)
    histograms = (caches + 1) * N_PATHS
    memory.put("buckets", np.zeros((histograms, BUCKETS)))
    memory.put("counts", no_counts(histograms))
    memory.put("response_buckets", [])
    memory.put("response_counts", no_counts(0))
    memory.put("spent", blank(Spent, N_PATHS))


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


def _pack_rules(memory: Memory, machine: Machine, settings: TimedSettings[AnyKernel]) -> None:
    n_cpus = machine.n_cpus
    bits = (n_cpus - 1).bit_length()
    leaves = 1 << bits
    memory.set(**{name: getattr(settings.costs, name) for name in fields_of(Costs)})
    memory.set(**{name: getattr(settings.upkeeps, name) for name in fields_of(UpkeepSettings)})
    pack_discipline(memory, settings.locks.discipline)
    memory.set(**{name: getattr(settings.locks, name) for name in fields_of(LockParameters)})
    memory.set(**{name: getattr(settings.rules, name) for name in fields_of(ClockRules)})
    memory.set(
        hz=settings.hz,
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
    memory.put("moves", np.zeros((machine.n_cpus, machine.n_cpus)))
    memory.put("dram", machine.dram_ps)
    memory.put("exponential", exponential_table())
    pool = PagePool(machine.memory_pages, machine.node_of_cpu, settings.version.page_lists)
    memory.put("free_pages", pool.free)
    memory.put("pcp", pool.pcp)
    memory.put("pcp_lists", pool.lists)
    memory.put("pcp_warm", pool.warm)
    memory.put("page_batch", pool.batch)
    memory.put("page_high", pool.high)
    memory.put("page_blocks", pool.blocks)
    memory.put("page_lone", pool.lone)
    memory.put("page_giver", pool.giver)
    memory.put("page_given", pool.given)


def pack_discipline(memory: Memory, discipline: Discipline) -> None:
    """How contended locks are handed over. `run.why_not` has refused a discipline that compiled code does not know."""
    flags = {name: DISCIPLINES[name] is discipline for name in fields_of(Disciplines)}
    assert sum(flags.values()) == 1, discipline
    memory.set(unqueued=not discipline.queued, all_spin=discipline.all_spin, **flags)


def table(record: type, objects: Sequence[Any]) -> Array:
    """Objects as records of a class, whose fields they have."""
    made = blank(record, len(objects))
    for name in names_of(record):
        made[name] = [getattr(one, name) for one in objects]
    return made


def pack_cpus(memory: Memory, cpus: Sequence[TimedCpu], jitter_keys: Sequence[int], race_keys: Sequence[int]) -> None:
    """What CPUs, whose stacks are there, start from; their streams of jitter and of races begin at the keys."""
    packed = memory["cpus"]
    timers = ("irq_at", *fields_of(Timers))
    for name in (
        "number",
        "node",
        "slowdown",
        "jitter",
        "reap_node",
        *timers,
        "alloc_hit",
        "free_hit",
        "slab_read",
        "slab_begun",
        "slot_line",
        "partner",
        "cache_bytes",
    ):
        packed[name] = [getattr(cpu, name) for cpu in cpus]
    packed["jitter_key"] = np.array(jitter_keys, "u8")
    packed["race_key"] = np.array(race_keys, "u8")
    packed["grace_key"] = np.array([cpu.grace_key for cpu in cpus], "u8")


def put_cpus(memory: Memory, n_cpus: int, depth: int, lowered: Lowered) -> Array:
    """CPUs with nothing but stacks for `depth` paths under way, of those that were lowered."""
    # A handler may be on top of a path, and a path of its own on top of that.
    depth = 2 * depth + 1
    memory.set(take_interrupts=lowered.numbers["take_interrupts"])
    packed = memory.put("cpus", blank(Cpu, n_cpus))
    memory.put("frames", np.zeros(n_cpus * depth, frame_dtype(lowered.frame)))
    packed["frame0"] = np.arange(n_cpus) * depth
    packed["irq_at"] = packed["slabinfo_at"] = packed["drain_at"] = packed["rcu_at"] = packed["cache_bytes"] = NEVER
    memory.put("accounts", blank(Spent, LEVELS * n_cpus))
    memory.put("irq_buckets", np.zeros((N_TIMES, BUCKETS)))
    memory.put("irq_counts", no_counts(N_TIMES))
    memory.put("rings", [])
    memory.put("policies", blank(MemPolicy, 1))
    return packed


def unpack(memory: Memory, locks: Sequence[TimedLock], cpus: Sequence[TimedCpu]) -> None:
    """Bring what records are made from, caches apart, back into the objects that the run began with."""
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
    """The CPUs that wait for a lock now, or when the run ends, and since when."""
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

"""Runs one experiment with the reference engine and hands over its records."""

from __future__ import annotations

import hashlib

import simpy

from slabdes.allocator.lists import list_entries
from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import L3_LINES, NO_NODE, SLAB_LINES, KmemCache, virt_to_slab
from slabdes.config import Experiment
from slabdes.engine.records import CacheRecord, CpuRecord, Histogram, LockKind, LockRecord, Path, Records, SlabRecord
from slabdes.engine.reference.cpu import TimedCpu
from slabdes.engine.reference.kernel import TimedKernel, TimedLock, TimedSettings
from slabdes.engine.reference.process import Progress, Run
from slabdes.engine.setup import build_state, version_of
from slabdes.locks.disciplines import HANDOFFS, MILLI
from slabdes.machine.topology import Machine
from slabdes.streams import Purpose, stream_key, words
from slabdes.workload.programs import Workload


def run_reference(
    experiment: Experiment, machine: Machine, workload: Workload, replication: int = 0, progress: Progress | None = None
) -> Records:
    """Simulate one replication. `progress` is told the operations done; Stalled if the programs wait for each other."""
    env = simpy.Environment(0)
    state = build_state(experiment, machine, workload.caches, replication)
    kernel = TimedKernel(env, state, machine, _settings(experiment))
    _place_lines(kernel)
    section_lock = _make_locks(kernel)
    cpus = _make_cpus(experiment, machine, workload, replication)
    run = Run(kernel, workload, section_lock, progress, debug=experiment.debug)
    run.start(cpus)
    env.run(until=run.finished)
    if experiment.debug:
        run.check()
    return _records(kernel, cpus, workload, kernel.now)


def _settings(experiment: Experiment) -> TimedSettings:
    return TimedSettings(
        handoff=HANDOFFS[experiment.lock.discipline.value],
        handoff_milli=round(experiment.lock.handoff_transfers * MILLI),
        hz=experiment.timing.hz,
        version=version_of(experiment),
        spinners_slow_holder=experiment.timing.spinners_slow_holder,
        posted_neighbour_writes=experiment.timing.posted_neighbour_writes,
    )


def _place_lines(kernel: TimedKernel) -> None:
    """Say on which node each line of the caches lies, and that nobody has touched anything yet."""
    for slab in kernel.state.slabs:
        if slab.num and slab.nodeid != NO_NODE:
            kernel.lines.place(slab.line, SLAB_LINES, slab.nodeid)
            kernel.forget_touches(slab.bufctl, slab.num)
    for cache in kernel.state.caches:
        for l3 in cache.nodelists:
            kernel.lines.place(l3.line, L3_LINES, l3.node)
            for array in (l3.shared, *(l3.alien or ())):
                if array is not None:
                    kernel.lines.place(array.line, 1, l3.node)


def _make_locks(kernel: TimedKernel) -> int:
    """Make every lock, in the order of their numbers; the number of the workload's own."""
    state = kernel.state
    locks: dict[int, TimedLock] = {}
    for cache in state.caches:
        for l3 in cache.nodelists:
            locks[l3.list_lock] = TimedLock(l3.line + kernel.layout.list_lock, LockKind.LIST, cache.index, l3.node, l3.node)
            for other, alien in enumerate(l3.alien or ()):
                if alien is not None:
                    locks[alien.lock] = TimedLock(alien.line, LockKind.ALIEN, cache.index, l3.node, other)
    kernel.locks = [locks[number] for number in range(state.n_locks)]
    for node in range(state.n_nodes):
        kernel.zone_locks.append(_add_lock(kernel, LockKind.ZONE, node))
    return _add_lock(kernel, LockKind.SECTION, 0)


def _add_lock(kernel: TimedKernel, kind: LockKind, node: int) -> int:
    number = kernel.state.new_lock()
    line = kernel.state.new_lines(1)
    kernel.lines.place(line, 1, node)
    kernel.locks.append(TimedLock(line, kind, -1, node, node))
    return number


def _make_cpus(experiment: Experiment, machine: Machine, workload: Workload, replication: int) -> list[TimedCpu]:
    """Every CPU of the machine; those whose core has both threads at work are slowed down."""
    busy: dict[int, int] = {}
    for cpu in workload.programs:
        core = machine.core_of_cpu[cpu]
        busy[core] = busy.get(core, 0) + 1
    cpus = []
    for number, node in enumerate(machine.node_of_cpu):
        shares = number in workload.programs and busy[machine.core_of_cpu[number]] > 1
        jitter_words = words(stream_key(experiment.seed, replication, number, Purpose.JITTER))
        slowdown = machine.costs.smt_slowdown if shares else 1.0
        cpus.append(TimedCpu(number, node, MemPolicy(machine.n_nodes), slowdown, experiment.timing.jitter, jitter_words))
    return cpus


def _records(kernel: TimedKernel, cpus: list[TimedCpu], workload: Workload, elapsed: int) -> Records:
    digest = hashlib.sha256()
    for running in (*(cpu.digest for cpu in cpus), *(lock.digest for lock in kernel.locks)):
        digest.update(running.to_bytes(8, "little"))
    latency: dict[tuple[int, Path], Histogram] = {}
    for cpu in cpus:
        for key, histogram in cpu.latency.items():
            latency.setdefault(key, Histogram()).merge(histogram)
    state = kernel.state
    return Records(
        digest=digest.hexdigest(),
        elapsed=elapsed,
        latency=dict(sorted(latency.items())),
        locks=tuple(_lock_record(kernel, lock, elapsed) for lock in kernel.locks),
        cpus=tuple(_cpu_record(cpu) for cpu in cpus),
        caches=tuple(_cache_record(cache) for cache in state.caches),
        slabs=tuple(_slab_record(kernel, cache, node) for cache in state.caches for node in range(state.n_nodes)),
        warnings=workload.warnings,
    )


def _lock_record(kernel: TimedKernel, lock: TimedLock, elapsed: int) -> LockRecord:
    node_ids = kernel.machine.node_ids
    name = f"{lock.kind.label} of node {node_ids[lock.node]}"
    if lock.kind is LockKind.ALIEN:
        name += f" for node {node_ids[lock.other]}"
    if lock.cache >= 0:
        name = f"{kernel.state.caches[lock.cache].name}: {name}"
    return LockRecord(
        name=name,
        kind=lock.kind,
        cache=lock.cache,
        node=lock.node,
        other=lock.other,
        acquisitions=lock.acquisitions,
        contended=lock.contended,
        bounces=lock.bounces,
        wait=lock.wait,
        hold=lock.hold,
        queue_area=lock.area_of_the_granted(),
    )


def _cpu_record(cpu: TimedCpu) -> CpuRecord:
    return CpuRecord(
        cpu=cpu.number,
        node=cpu.node,
        allocs=cpu.allocs,
        frees=cpu.frees,
        failed=cpu.failed,
        skipped=cpu.skipped,
        sections=cpu.sections,
        start=0,
        end=cpu.clock,
        think=cpu.think_time,
        lock_wait=cpu.lock_wait,
        slot_wait=cpu.slot_wait,
        line=cpu.line_time,
        pages=cpu.page_time,
        first_touch=cpu.first_touch_time,
        work=cpu.work_time,
        idle=cpu.idle_time,
    )


def _cache_record(cache: KmemCache) -> CacheRecord:
    stats = cache.stats
    return CacheRecord(
        cache=cache.index,
        name=cache.name,
        object_size=cache.size,
        num=cache.num,
        gfporder=cache.gfporder,
        limit=cache.limit,
        batchcount=cache.batchcount,
        shared=cache.shared,
        refills=stats.refills,
        retries=stats.retries,
        grown=stats.grown,
        reaped=stats.reaped,
        allochit=stats.allochit,
        allocmiss=stats.allocmiss,
        freehit=stats.freehit,
        freemiss=stats.freemiss,
        node_allocs=stats.node_allocs,
        node_frees=stats.node_frees,
        node_overflow=stats.node_overflow,
        slabs_created=cache.slabs_created,
        slabs_destroyed=cache.slabs_destroyed,
    )


def _slab_record(kernel: TimedKernel, cache: KmemCache, node: int) -> SlabRecord:
    state = kernel.state
    l3 = cache.nodelists[node]
    lists = {head: list(list_entries(state.slabs, head)) for head in (l3.slabs_partial, l3.slabs_full, l3.slabs_free)}
    arrays = [ac for ac, home in zip(cache.array, state.node_of_cpu, strict=True) if home == node]
    in_alien = sum(
        state.slabs[virt_to_slab(obj)].nodeid == node
        for other in cache.nodelists
        for alien in other.alien or ()
        if alien is not None
        for obj in state.words[alien.entry : alien.entry + alien.avail]
    )
    in_arrays = sum(ac.avail for ac in arrays)
    in_shared = l3.shared.avail if l3.shared else 0
    outside = sum(state.slabs[slab].inuse for slabs in lists.values() for slab in slabs)
    return SlabRecord(
        cache=cache.index,
        node=node,
        slabs_partial=len(lists[l3.slabs_partial]),
        slabs_full=len(lists[l3.slabs_full]),
        slabs_free=len(lists[l3.slabs_free]),
        free_objects=l3.free_objects,
        free_limit=l3.free_limit,
        in_arrays=in_arrays,
        in_shared=in_shared,
        in_alien=in_alien,
        in_use=outside - in_arrays - in_shared - in_alien,
    )

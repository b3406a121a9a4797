# SPDX-License-Identifier: GPL-2.0-only
"""A finished run's state turned into its records, whichever engine ran it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, fields, replace
from typing import Final

from slabdes.allocator.lists import list_entries
from slabdes.allocator.slub.state import SlubState
from slabdes.allocator.state import KmemCache, SlabState, virt_to_slab
from slabdes.allocator.versions import Kernel
from slabdes.engine.cpu import TimedCpu
from slabdes.engine.load import remarks
from slabdes.engine.marks import Cut
from slabdes.engine.records import (
    CacheRecord,
    ContentionPoint,
    CpuRecord,
    Histogram,
    LockKind,
    LockRecord,
    Records,
    Sample,
    SlabRecord,
    SlubRecord,
    Spent,
    Upkeep,
    UpkeepAtLock,
)
from slabdes.engine.slub_records import slub_cache_record, slub_record, slub_slab_record
from slabdes.engine.timed import AnyKernel, TimedLock, TimedSettings
from slabdes.paths.outcome import Path
from slabdes.paths.sites import function_at
from slabdes.workload.programs import Workload


def make_records(
    state: SlabState | SlubState,
    locks: Sequence[TimedLock],
    cpus: Sequence[TimedCpu],
    settings: TimedSettings[AnyKernel],
    node_ids: Sequence[int],
    elapsed: int,
    workload: Workload,
    cut: Cut | None = None,
    samples: Sequence[Sample] = (),
    moves: Sequence[Sequence[int]] = (),
) -> Records:
    """The records of a run that took `elapsed` picoseconds. `node_ids` (the OS's) name locks, the version functions.

    Of one whose warm-up was looked for, books are without it already, and sums get so here.
    """
    if cut is not None:
        _leave_out(cut, state, locks, cpus)
    began = 0 if cut is None else cut.warm_up.time
    in_use = {} if cut is None else cut.in_use
    latency = _by_path(cpu.latency for cpu in cpus)
    cpu_records = tuple(_cpu_record(cpu, elapsed) for cpu in cpus)
    cache_records, slab_records, slub_records = _of_caches(state, in_use)
    told = () if workload.recorded is None else remarks(workload.recorded, cpu_records, cache_records, state.n_nodes)
    return Records(
        digest=digest_of([cpu.digest for cpu in cpus], [lock.digest for lock in locks]),
        elapsed=elapsed - began,
        latency=latency,
        response=_by_path(cpu.response or {} for cpu in cpus),
        spent=_spent(cpus, latency),
        locks=tuple(_lock_record(state, lock, settings.version, node_ids) for lock in locks),
        cpus=cpu_records,
        caches=cache_records,
        slabs=slab_records,
        slub=slub_records,
        irqs_off=_merged(cpu.irqs_off for cpu in cpus),
        irq_wait=_merged(cpu.irq_wait for cpu in cpus),
        turns={upkeep: merged for upkeep in Upkeep if (merged := _merged(cpu.turns[upkeep] for cpu in cpus)).count},
        warnings=(*workload.warnings, *told),
        warm_up=None if cut is None else cut.warm_up,
        samples=tuple(samples),
        moves=tuple((giver, taker, int(count)) for giver, row in enumerate(moves) for taker, count in enumerate(row) if count),
    )


def _of_caches(
    state: SlabState | SlubState, in_use: Mapping[int, int]
) -> tuple[tuple[CacheRecord, ...], tuple[SlabRecord, ...], tuple[SlubRecord, ...]]:
    """What caches counted and what they hold on each node; of SLUB also what only it has."""
    nodes = range(state.n_nodes)
    if isinstance(state, SlubState):
        return (
            tuple(slub_cache_record(cache, in_use.get(cache.index, 0)) for cache in state.caches),
            tuple(slub_slab_record(state, cache, node) for cache in state.caches for node in nodes),
            tuple(slub_record(state, cache) for cache in state.caches),
        )
    caches = tuple(_cache_record(cache, in_use.get(cache.index, 0)) for cache in state.caches)
    return caches, tuple(_slab_record(state, cache, node) for cache in state.caches for node in nodes), ()


def _leave_out(cut: Cut, state: SlabState | SlubState, locks: Sequence[TimedLock], cpus: Sequence[TimedCpu]) -> None:
    """Take what was before from the sums; each CPU's time begins where its account stood then."""
    lived = [_lived(cpu) for cpu in cpus]
    cut.leave_out(cpus, locks, state)
    for cpu, all_of_it in zip(cpus, lived, strict=True):
        cpu.start = all_of_it - _lived(cpu)


def _lived(cpu: TimedCpu) -> int:
    return sum(getattr(cpu, attribute) for attribute in _TIMES.values())


def _by_path(every: Iterable[Mapping[tuple[int, Path], Histogram]]) -> dict[tuple[int, Path], Histogram]:
    """Histograms of all CPUs together, in the order of caches and paths."""
    merged: dict[tuple[int, Path], Histogram] = {}
    for one in every:
        for key, histogram in one.items():
            merged.setdefault(key, Histogram()).merge(histogram)
    return dict(sorted(merged.items()))


def _merged(histograms: Iterable[Histogram]) -> Histogram:
    merged = Histogram()
    for histogram in histograms:
        merged.merge(histogram)
    return merged


def _spent(cpus: Sequence[TimedCpu], latency: Mapping[tuple[int, Path], Histogram]) -> dict[Path, Spent]:
    """Where the time of each path went. CPUs account for operations that are more than a hit; hits are touches and work."""
    parts = {path: [0] * len(fields(Spent)) for path in Path}
    for cpu in cpus:
        for path, times in cpu.spent.items():
            parts[path] = [one + other for one, other in zip(parts[path], times, strict=True)]
    accounted = {path: Spent(*times) for path, times in parts.items()}
    for hit, touches in ((Path.HIT, "first_touch_time"), (Path.FREE_HIT, "descriptor_read_time")):
        others = sum(spent.first_touch for path, spent in accounted.items() if path.operation is hit.operation)
        total = sum(histogram.total for (_cache, path), histogram in latency.items() if path is hit)
        touched = sum(getattr(cpu, touches) for cpu in cpus) - others
        if hit is Path.FREE_HIT:
            touched += sum(cpu.read_before for cpu in cpus)
        left = total - sum(astuple(accounted[hit]))
        if any(cpu.start for cpu in cpus):
            # What handlers were in the midst of when the warm-up ended is not known apart.
            touched = min(max(touched, 0), left)
        work = left - touched
        accounted[hit] = replace(
            accounted[hit], first_touch=accounted[hit].first_touch + touched, work=accounted[hit].work + work
        )
    return {path: accounted[path] for path in Path if any(path is counted for _cache, counted in latency)}


def digest_of(cpus: Sequence[int], locks: Sequence[int]) -> str:
    """The digest of a run from the running hash of each CPU and of each lock, in index order."""
    digest = hashlib.sha256()
    for running in (*cpus, *locks):
        digest.update(running.to_bytes(8, "little"))
    return digest.hexdigest()


def _lock_record(state: SlabState | SlubState, lock: TimedLock, version: Kernel, node_ids: Sequence[int]) -> LockRecord:
    name = f"{lock.kind.label} of node {node_ids[lock.node]}"
    if lock.kind is LockKind.ALIEN:
        name += f" for node {node_ids[lock.other]}"
    if lock.cache >= 0:
        name = f"{state.caches[lock.cache].name}: {name}"
    return LockRecord(
        name=name,
        kind=lock.kind,
        cache=lock.cache,
        node=lock.node,
        other=lock.other,
        acquisitions=lock.acquisitions,
        contended=lock.contended,
        bounces=lock.bounces,
        con_bounces=lock.con_bounces,
        acq_bounces=lock.acq_bounces,
        wait=lock.wait,
        hold=lock.hold,
        queue_area=lock.area_of_the_granted(),
        points=tuple(_contention_points(lock, version)),
        upkeep=tuple(_upkeep(lock)),
    )


def _upkeep(lock: TimedLock) -> Iterator[UpkeepAtLock]:
    for upkeep in Upkeep:
        hold, behind = lock.held_in[upkeep], lock.behind[upkeep]
        if hold.count or behind.count:
            sums = (hold.count, hold.total, hold.greatest, behind.count, behind.total, behind.greatest)
            yield UpkeepAtLock(upkeep, *sums)


def _contention_points(lock: TimedLock, version: Kernel) -> Iterator[ContentionPoint]:
    """Sites of one function are one."""
    by_function: Counter[tuple[str, str]] = Counter()
    for (waiter, holder), count in sorted(lock.points.items()):
        by_function[function_at(waiter, version), function_at(holder, version)] += count
    return (ContentionPoint(waiter, holder, count) for (waiter, holder), count in by_function.items())


def _cpu_record(cpu: TimedCpu, elapsed: int) -> CpuRecord:
    """A CPU's account up to the run's end: of what it was in the midst of then, only the part that lies within the run."""
    times = {part: getattr(cpu, attribute) for part, attribute in _TIMES.items()}
    beyond = max(0, cpu.clock - elapsed)
    for part in _TIMES:
        cut = min(beyond, times[part])
        times[part] -= cut
        beyond -= cut
    return CpuRecord(
        cpu=cpu.number,
        node=cpu.node,
        allocs=cpu.allocs,
        frees=cpu.frees,
        failed=cpu.failed,
        skipped=cpu.skipped,
        sections=cpu.sections,
        start=cpu.start,
        end=min(cpu.clock, elapsed),
        interrupts=cpu.interrupts,
        interrupts_lost=cpu.interrupts_lost,
        late_total=cpu.late_total,
        late_most=cpu.late_most,
        late_last=cpu.late_last,
        **times,
    )


_TIMES: Final = {
    "work": "work_time",
    "pages": "page_time",
    "line": "line_time",
    "local_memory": "local_memory_time",
    "remote_memory": "remote_memory_time",
    "handoff": "handoff_time",
    "lock_wait": "lock_wait",
    "first_touch": "touch_time",
    "think": "think_time",
    "slot_wait": "slot_wait",
    "partner_wait": "partner_wait",
    "idle": "idle_time",
}
"""The parts of a CPU's time, in the order in which a reap that the run's end cuts off has added to them."""


def _cache_record(cache: KmemCache, in_use_before: int) -> CacheRecord:
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
        num_allocations=stats.num_allocations,
        high_mark=stats.high_mark,
        errors=stats.errors,
        max_freeable=stats.max_freeable,
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
        grows_failed=cache.grows_failed,
        in_use_before=in_use_before,
    )


def _slab_record(state: SlabState, cache: KmemCache, node: int) -> SlabRecord:
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
        in_use=outside - in_arrays - in_shared - in_alien - l3.descriptors,
        descriptors=l3.descriptors,
    )

# SPDX-License-Identifier: GPL-2.0-only
"""Synthetic records that add up: what an engine could leave behind, made without one. Everything follows from the arguments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random

import polars as pl

from slabdes.engine.records import (
    CacheRecord,
    ContentionPoint,
    CpuRecord,
    Histogram,
    LockKind,
    LockRecord,
    Path,
    Records,
    Sample,
    SlabRecord,
    Spent,
    Standing,
    bucket_bounds,
)
from slabdes.results.frames import COLUMNS, Frames, Point, frames_of, schema
from slabdes.results.manifest import Manifest, make_manifest
from slabdes.results.points import points_frame

NUM = 15
PARTS = 4
"""Of a run's time, at the ends of which it was looked at."""
ALLOC_WEIGHTS = {Path.HIT: 900, Path.SHARED: 40, Path.PARTIAL: 30, Path.FREE: 8, Path.GROW: 20, Path.FAIL: 2}
FREE_WEIGHTS = {Path.FREE_HIT: 850, Path.FLUSH_SHARED: 60, Path.FLUSH_LISTS: 25, Path.ALIEN_PUT: 60, Path.ALIEN_DRAIN: 5}
WORK_PS = {Path.HIT: 12_000, Path.FREE_HIT: 11_000, Path.GROW: 900_000}
SLOW_WORK_PS = 150_000
POINTS = {
    LockKind.LIST: (
        ("cache_alloc_refill", "cache_flusharray", "cache_alloc_refill"),
        ("cache_alloc_refill", "cache_alloc_refill", "cache_flusharray"),
    ),
    LockKind.ALIEN: (("cache_free_alien",), ("cache_free_alien",)),
}
"""Who waits, and for whom, pair by pair."""
WITHOUT_LOCK = {Path.HIT, Path.FREE_HIT, Path.FAIL}
ALIEN = {Path.ALIEN_PUT, Path.ALIEN_DRAIN}


@dataclass
class Tally:
    """What the CPUs did while the records are made."""

    waits: list[Histogram]
    holds: list[Histogram]
    bounces: list[int]


def example_records(cpus: int = 4, nodes: int = 2, operations: int = 400, contention: bool = True, seed: int = 1) -> Records:
    """Records of `cpus` CPUs on `nodes` nodes with one cache, list_locks, alien locks and an idle zone lock a node."""
    random = Random(seed * 1009 + cpus)
    locks = Tally([Histogram() for _ in range(2 * nodes)], [Histogram() for _ in range(2 * nodes)], [0] * (2 * nodes))
    latency: dict[tuple[int, Path], Histogram] = {}
    spent: dict[Path, Spent] = {}
    records = [
        _cpu(cpu, cpu * nodes // cpus, cpus, nodes, operations, contention, random, locks, latency, spent) for cpu in range(cpus)
    ]
    elapsed = max(record.end for record in records)
    in_use = sum(record.allocs - record.failed - record.frees for record in records)
    return Records(
        digest=f"{random.getrandbits(256):064x}",
        elapsed=elapsed,
        latency=latency,
        spent=spent,
        locks=tuple(_locks(nodes, locks)),
        cpus=tuple(records),
        caches=(_cache(latency, in_use),),
        slabs=tuple(_slabs(nodes, in_use)),
        irqs_off=locks.holds[0],
        irq_wait=Histogram(),
        warnings=("one page allocation failed",) if seed == 2 else (),
        samples=tuple(
            _sample(
                elapsed * part // PARTS, nodes, in_use * part // PARTS, (operations * cpus * part, elapsed * part * cpus // 4)
            )
            for part in range(PARTS + 1)
        ),
        moves=tuple((giver, taker, 1 + giver + 3 * taker) for giver in range(cpus) for taker in range(cpus) if giver != taker),
    )


def _cpu(
    cpu: int, node: int, cpus: int, nodes: int, operations: int, contention: bool, random: Random, locks: Tally,
    latency: dict[tuple[int, Path], Histogram], spent: dict[Path, Spent],
) -> CpuRecord:  # fmt: skip
    parts = dict.fromkeys(
        ("think", "lock_wait", "handoff", "slot_wait", "line", "local_memory", "remote_memory", "pages", "first_touch", "work"), 0
    )
    done = {Path.HIT.operation: 0, Path.FREE_HIT.operation: 0}
    failed = 0
    for number in range(operations):
        weights = ALLOC_WEIGHTS if number % 2 == 0 or number > operations - 4 else FREE_WEIGHTS
        path = random.choices(list(weights), list(weights.values()))[0]
        if nodes == 1 and path in ALIEN:
            path = Path.FLUSH_SHARED
        cost = {"work": int(WORK_PS.get(path, SLOW_WORK_PS) * random.uniform(0.85, 1.15))}
        cost["first_touch"] = random.choice((0, 17_000))
        cost["pages"] = 350_000 if path in (Path.GROW, Path.FAIL) else 0
        cost["line"] = 0 if path in WITHOUT_LOCK else random.choice((40_000, 110_000))
        cost["lock_wait"] = 0
        if path not in WITHOUT_LOCK:
            lock = node + nodes if path in ALIEN else random.randrange(nodes) if random.random() < 0.1 else node
            waited = _take(locks, lock, cpus, contention and cpus > 1, random)
            cost["handoff"] = min(waited, 60_000)
            cost["lock_wait"] = waited - cost["handoff"]
        parts["think"] += int(random.expovariate(1 / 400_000))
        for name, took in cost.items():
            parts[name] += took
        latency.setdefault((0, path), Histogram()).add(sum(cost.values()))
        before = spent.get(path, Spent())
        spent[path] = replace(before, **{name: getattr(before, name) + time for name, time in cost.items()})
        done[path.operation] += 1
        failed += path is Path.FAIL
    allocs, frees = done.values()
    start = random.randrange(1000)
    return CpuRecord(
        cpu=cpu, node=node, allocs=allocs, frees=frees, failed=failed, skipped=0, sections=0,
        start=start, end=start + sum(parts.values()), **parts,
    )  # fmt: skip


def _take(locks: Tally, lock: int, cpus: int, contention: bool, random: Random) -> int:
    locks.holds[lock].add(int(random.uniform(30_000, 90_000)))
    locks.bounces[lock] += random.random() < 0.5
    if not contention or random.random() > cpus / (cpus + 8):
        return 0
    waited = int(random.expovariate(1 / (20_000 * cpus)))
    locks.waits[lock].add(waited)
    return waited


def _locks(nodes: int, locks: Tally) -> list[LockRecord]:
    found = []
    for number in range(2 * nodes):
        kind, node = (LockKind.LIST, number) if number < nodes else (LockKind.ALIEN, number - nodes)
        taken, contended = locks.holds[number].count, locks.waits[number].count
        other = (node + 1) % nodes if kind is LockKind.ALIEN else -1
        name = f"objects node {node} {kind.label}"
        bounces = locks.bounces[number]
        wait, hold = locks.waits[number], locks.holds[number]
        counts = (taken, contended, bounces, contended, bounces)
        points = _points(*POINTS[kind], contended)
        found.append(LockRecord(name, kind, 0, node, other, *counts, wait, hold, wait.total, points))
    for node in range(nodes):
        found.append(LockRecord(f"zone {node}", LockKind.ZONE, -1, node, -1, 0, 0, 0, 0, 0, Histogram(), Histogram()))
    return found


def _points(waiters: tuple[str, ...], holders: tuple[str, ...], waits: int) -> tuple[ContentionPoint, ...]:
    """The same number of waits for each pair, and what is left over for the first."""
    pairs = list(zip(waiters, holders, strict=True))
    counts = [waits - (len(pairs) - 1) * (waits // len(pairs)), *([waits // len(pairs)] * (len(pairs) - 1))]
    return tuple(ContentionPoint(*pair, count) for pair, count in zip(pairs, counts, strict=True) if count)


def _cache(latency: dict[tuple[int, Path], Histogram], in_use: int) -> CacheRecord:
    def count(*paths: Path) -> int:
        return sum(latency[0, path].count for path in paths if (0, path) in latency)

    refills = count(Path.SHARED, Path.PARTIAL, Path.FREE, Path.GROW, Path.FAIL)
    slabs = _slab_count(in_use)
    grown = max(count(Path.GROW), slabs)
    return CacheRecord(
        cache=0, name="objects", object_size=256, num=NUM, gfporder=0, limit=120, batchcount=60, shared=8,
        num_allocations=60 * refills, high_mark=in_use, errors=0, max_freeable=1,
        refills=refills, retries=refills // 50, grown=grown, reaped=grown - slabs, allochit=count(Path.HIT),
        allocmiss=refills, freehit=count(Path.FREE_HIT), freemiss=count(Path.FLUSH_SHARED, Path.FLUSH_LISTS),
        node_allocs=0, node_frees=count(Path.ALIEN_PUT, Path.ALIEN_DRAIN), node_overflow=0,
        slabs_created=grown, slabs_destroyed=grown - slabs,
    )  # fmt: skip


def _slab_count(in_use: int) -> int:
    return in_use // NUM + 2


def _slabs(nodes: int, in_use: int) -> list[SlabRecord]:
    """All on node 0: full slabs, a partial one, a free one whose objects lie in arrays."""
    full, rest = divmod(in_use, NUM)
    first = SlabRecord(0, 0, 1, full, 1, NUM - rest, 360, NUM - 4, 3, 1, in_use)
    return [first, *(SlabRecord(0, node, 0, 0, 0, 0, 360, 0, 0, 0, 0) for node in range(1, nodes))]


def _sample(time: int, nodes: int, in_use: int, progress: tuple[int, int]) -> Sample:
    """The same at a moment when so many are in use, a slab with a CPU beside; `progress` is of PARTS parts."""
    full, rest = divmod(in_use, NUM)
    first = Standing(0, 0, 1, full, 1, 1, 3 * NUM - rest, in_use, NUM - 4, 3, 1)
    done, waited = (part // PARTS for part in progress)
    return Sample(time, (first, *(Standing(0, node, 0, 0, 0, 0, 0, 0, 0, 0, 0) for node in range(1, nodes))), done, waited)


def section_records(cpus: int = 4, operations: int = 200, seed: int = 1) -> Records:
    """Records of a workload with no allocator: one lock of no node that all CPUs take."""
    random = Random(seed)
    wait, hold, latency = Histogram(), Histogram(), Histogram()
    records = []
    for cpu in range(cpus):
        think = waited = worked = 0
        for _ in range(operations):
            think += int(random.expovariate(1e-6))
            one, held = int(random.expovariate(1e-5)), int(random.expovariate(1e-5))
            wait.add(one)
            hold.add(held)
            latency.add(one + held)
            waited, worked = waited + one, worked + held
        end = think + waited + worked
        records.append(CpuRecord(cpu, 0, 0, 0, 0, 0, operations, 0, end, think, waited, 0, 0, 0, 0, 0, 0, 0, worked))
    total = cpus * operations
    points = (ContentionPoint("section", "section", total),)
    lock = LockRecord("section", LockKind.SECTION, -1, -1, -1, total, total, 0, 0, 0, wait, hold, wait.total, points)
    elapsed = max(record.end for record in records)
    parts = Spent(lock_wait=wait.total, work=hold.total)
    latencies = {(-1, Path.SECTION): latency}
    return Records(
        f"{seed:064x}", elapsed, latencies, {Path.SECTION: parts}, (lock,), tuple(records), (), (), hold, Histogram(), ()
    )


def example_frames(
    cpu_counts: tuple[int, ...] = (4,), machines: tuple[str, ...] = ("xeon-2s",), replications: int = 1, nodes: int = 2,
    operations: int = 400, contention: bool = True,
) -> Frames:  # fmt: skip
    """Frames of a sweep over machines and CPU counts, the CPU count fastest; one of each is a plain run."""
    parts = []
    for machine in machines:
        for cpus in cpu_counts:
            swept = {"machine.preset": machine} if len(machines) > 1 else {}
            swept |= {"machine.cpus": cpus} if len(cpu_counts) > 1 else {}
            on = min(nodes, cpus)
            salt = machines.index(machine)
            runs = [example_records(cpus, on, operations, contention, seed + 10 * salt) for seed in range(1, replications + 1)]
            parts.append(frames_of(Point(len(parts), machine, cpus, swept), runs))
    return concat_frames(parts)


def concat_frames(parts: Iterable[Frames]) -> Frames:
    """The frames of several points as one run's, in order of their numbers; at least one."""
    ordered = sorted(parts, key=lambda part: part.point_numbers()[0])
    if not ordered:
        raise ValueError("no point to put together")
    tidy = {name: pl.concat([getattr(part, name) for part in ordered], rechunk=True) for name in COLUMNS}
    points = [row for part in ordered for row in part.points.iter_rows(named=True)]
    return Frames(points=points_frame(points), **tidy)


def example_manifest(frames: Frames, layouts: dict[str, dict[str, object]] | None = None) -> Manifest:
    """The manifest of such frames."""
    values = {key: set(frames.points[key].to_list()) for key in frames.swept_keys()}
    sweep = {key: sorted(some, key=lambda value: (value is None, value)) for key, some in values.items()}
    experiment = {"name": "example", "seed": 1, "workload": {"kind": "mix"}, "sweep": sweep}
    machines = {name: {"name": name} for name in frames.points["machine"].to_list()}
    for name, layout in (layouts or {}).items():
        machines[name] = {"name": name, "layout": layout}
    return make_manifest(frames, experiment, "reference", machines, wall_s=1.5)


def histogram_frame(histogram: Histogram) -> pl.DataFrame:
    """One histogram as low_ns, high_ns (first value no longer counted) and count, a row a bucket."""
    rows = [(*(bound / 1000 for bound in bucket_bounds(bucket)), count) for bucket, count in sorted(histogram.buckets.items())]
    kinds = {name: kind for name, kind in schema("latency").items() if name in ("low_ns", "high_ns", "count")}
    return pl.DataFrame(rows, schema=kinds, orient="row")

# SPDX-License-Identifier: GPL-2.0-only
"""What comes out of an engine: counts, times as histograms, and one digest. Everything downstream sees only this.

A run keeps no list of operations: times are counted in logarithmic buckets, so records do not grow with the run.
Leaves out every average: metrics make those from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from slabdes.allocator.slub.state import SHEAF_HEADER_WORDS as SHEAF_HEADER_WORDS  # handed on: how large a sheaf is
from slabdes.allocator.slub.state import SlubStats as SlubStats  # handed on: what SLUB counts is recorded as it is
from slabdes.paths.outcome import Operation as Operation  # handed on: what is served is recorded by its path
from slabdes.paths.outcome import Path as Path
from slabdes.paths.outcome import Upkeep as Upkeep

SUB_BUCKET_BITS: Final = 7
"""Each power of two is cut into 2**7 buckets, so a bucket is at most 1/128 = 0.8 % wide."""
_EXACT: Final = (2 << SUB_BUCKET_BITS) - 1
"""The greatest value that has a bucket of its own."""


class LockKind(IntEnum):
    """The locks of the model: a node's list_lock, an alien cache's lock, a zone's lock, a workload's own lock, a barn's lock."""

    LIST = 0
    ALIEN = 1
    ZONE = 2
    SECTION = 3
    BARN = 4

    @property
    def label(self) -> str:
        """The field's name for it."""
        return ("list_lock", "alien lock", "zone lock", "section lock", "barn lock")[self]


def bucket_of(value: int) -> int:
    """The bucket that the non-negative integer `value` is counted in.

    Values below 2**8 have a bucket each; above, buckets are 1/128 to 1/256 of their value wide.
    """
    exponent = (value | _EXACT).bit_length() - SUB_BUCKET_BITS - 1
    return (exponent << SUB_BUCKET_BITS) + (value >> exponent)


def bucket_bounds(bucket: int) -> tuple[int, int]:
    """The lowest value counted in `bucket` and the lowest one that no longer is.

    >>> bucket_bounds(bucket_of(1000))
    (1000, 1004)
    """
    exponent = (bucket >> SUB_BUCKET_BITS) - 1
    if exponent <= 0:
        return bucket, bucket + 1
    mantissa = bucket - (exponent << SUB_BUCKET_BITS)
    return mantissa << exponent, (mantissa + 1) << exponent


@dataclass
class Histogram:
    """Counts of integer picoseconds in logarithmic buckets, with exact count, total, least and greatest."""

    buckets: dict[int, int] = field(default_factory=dict)
    count: int = 0
    total: int = 0
    least: int = 0
    greatest: int = 0

    def add(self, value: int) -> None:
        """Count one non-negative value."""
        exponent = (value | _EXACT).bit_length() - SUB_BUCKET_BITS - 1
        bucket = (exponent << SUB_BUCKET_BITS) + (value >> exponent)
        buckets = self.buckets
        buckets[bucket] = buckets.get(bucket, 0) + 1
        if not self.count or value < self.least:
            self.least = value
        if value > self.greatest:
            self.greatest = value
        self.count += 1
        self.total += value

    def merge(self, other: Histogram) -> None:
        """Count everything that `other` has counted."""
        if not other.count:
            return
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count
        self.least = min(self.least, other.least) if self.count else other.least
        self.greatest = max(self.greatest, other.greatest)
        self.count += other.count
        self.total += other.total


@dataclass(frozen=True)
class ContentionPoint:
    """Waits for one lock that began in the function `waiter` after the function `holder` had been the last to acquire it."""

    waiter: str
    holder: str
    count: int


@dataclass(frozen=True)
class UpkeepAtLock:
    """One lock in all turns of one kind of upkeep: holds, and waits that began while such a turn had acquired it last.

    Times in picoseconds; waits as in LockRecord.wait, whoever else they waited for beside.
    """

    upkeep: Upkeep
    holds: int
    held: int
    longest_hold: int
    waits: int
    waited: int
    longest_wait: int


@dataclass(frozen=True)
class LockRecord:
    """One lock over a run. `cache` is -1 for locks of no cache; `other` is the node that an alien lock's objects go to.

    `wait` counts contended acquisitions (picoseconds from asking to being granted), `hold` all of them (from the
    grant to the release). `bounces`: acquisitions whose lock line came from another CPU. `con_bounces` and `acq_bounces` are
    lock_stat's: waits that began, and acquisitions made, when another CPU had acquired the lock last. They differ from
    `bounces` where the line travels without the lock. `queue_area` is the number of waiters integrated over time, in
    waiter-picoseconds: Little's law says it equals `wait.total`. `points` are all waits that began, also those that the run's
    end cut off, by the kernel's functions. `upkeep` has those kinds that held it.
    """

    name: str
    kind: LockKind
    cache: int
    node: int
    other: int
    acquisitions: int
    contended: int
    bounces: int
    con_bounces: int
    acq_bounces: int
    wait: Histogram
    hold: Histogram
    queue_area: int = 0
    points: tuple[ContentionPoint, ...] = ()
    upkeep: tuple[UpkeepAtLock, ...] = ()


@dataclass(frozen=True)
class CpuRecord:
    """One CPU over a run; times in picoseconds.

    `start` is 0, or up to when its time belongs to a warm-up that was cut; `end` is when it last did anything, reaps included.
    The parts of its time: `think` (between operations), `lock_wait` (for contended locks until they are released to this
    CPU), `handoff` (from then until it has them), `slot_wait` (for an object another CPU hands over), `partner_wait` (for the
    other side of a traced exchange: for room, or for its turn), `line` (cache lines that other CPUs owned, posted neighbour
    writes and spinners' toll included), `local_memory` and `remote_memory` (lines that nobody owned, from its own node's
    memory or another's), `pages` (in the page allocator), `first_touch` (of objects, by allocations, and of descriptors, by
    frees), `work` (the rest) and `idle` (with no program, or none left, between reaps). They add up to `end - start`.
    `interrupts` were handled; `interrupts_lost` came while another was pending.
    Where operations arrive at given times, `late_total`, `late_most` and `late_last` are by how much they began after those:
    all together, the latest, and the CPU's last one, those of a warm-up too.
    """

    cpu: int
    node: int
    allocs: int
    frees: int
    failed: int
    skipped: int
    sections: int
    start: int
    end: int
    think: int
    lock_wait: int
    handoff: int
    slot_wait: int
    line: int
    local_memory: int
    remote_memory: int
    pages: int
    first_touch: int
    work: int
    idle: int = 0
    partner_wait: int = 0
    interrupts: int = 0
    interrupts_lost: int = 0
    late_total: int = 0
    late_most: int = 0
    late_last: int = 0


LATE: Final = 20
"""A backlog grows if its CPU's last operation begins late by more than one part in so many of the run (assumed)."""


def backlog_grows(last: Any, most: Any, elapsed: Any) -> Any:
    """Whether a CPU's backlog grows to the end: late then by a fair share of the run, and about as late as it ever was.

    Of numbers or of columns, by one rule. Where less arrives than is served, now and then a CPU of many ends so by chance:
    whoever judges a run asks for half of its CPUs.
    """
    return (last * LATE > elapsed) & (4 * last >= 3 * most)


@dataclass(frozen=True)
class Spent:
    """Where the time of all operations of one path went, picoseconds: CpuRecord's parts, and `interrupts` taken meanwhile.

    They add up to the path's latencies.
    """

    lock_wait: int = 0
    handoff: int = 0
    line: int = 0
    local_memory: int = 0
    remote_memory: int = 0
    pages: int = 0
    first_touch: int = 0
    work: int = 0
    interrupts: int = 0


@dataclass(frozen=True)
class CacheRecord:
    """One cache's counters over a run: the kernel's own statistics, and what only a timed run can see.

    Of SLUB, which has no arrays, `limit`, `batchcount` and `shared` are 0, as are SLAB's own statistics: see SlubRecord.

    `refills` counts cache_alloc_refill calls, `retries` refills that went back to the lists because another CPU
    emptied the slab this one had grown, `slabs_created` and `slabs_destroyed` all slabs, and `grows_failed` slabs that were
    wanted and not made, for want of pages or of a descriptor, those of a warm-up too; when that ended,
    `in_use_before` objects were allocated.
    """

    cache: int
    name: str
    object_size: int
    num: int
    gfporder: int
    limit: int
    batchcount: int
    shared: int
    num_allocations: int
    high_mark: int
    errors: int
    max_freeable: int
    refills: int
    retries: int
    grown: int
    reaped: int
    allochit: int
    allocmiss: int
    freehit: int
    freemiss: int
    node_allocs: int
    node_frees: int
    node_overflow: int
    slabs_created: int
    slabs_destroyed: int
    in_use_before: int = 0
    grows_failed: int = 0


@dataclass(frozen=True)
class SlubRecord:
    """What only a SLUB cache has: its geometry and tunables, and its SLUB_STATS over a run, all CPUs together and `by_cpu`.

    `by_cpu` has a pair (CPU, counters) for each CPU that counted anything.

    A `sheaf_capacity` of 0 means no sheaves, `cpu_partial_slabs` of 0 no per-CPU slabs. When the run ends there are so many
    `sheaves`, and `fallback_slabs`, of `min_objects` each, for which there were no pages of the cache's order.
    """

    cache: int
    sheaf_capacity: int
    max_full_sheaves: int
    max_empty_sheaves: int
    cpu_partial_slabs: int
    min_partial: int
    remote_node_defrag_ratio: int
    sheaves: int
    fallback_slabs: int
    min_objects: int
    stats: SlubStats
    by_cpu: tuple[tuple[int, SlubStats], ...] = ()


@dataclass(frozen=True)
class SlabRecord:
    """What one cache holds on one node when the run ends: slabs on its lists and objects by where they lie.

    Objects out of the allocator are `in_use` by the workload, or `descriptors` of other caches' slabs, which lie there.
    Of SLUB, lists are as in Standing; what CPUs' sheaves, or private chains, hold is `in_arrays`, what a barn holds `in_shared`,
    and what waits for a grace period of RCU `in_rcu`; `listed_free` are free objects of slabs on the node's partial list, which
    alone count as free in /proc/slabinfo.
    """

    cache: int
    node: int
    slabs_partial: int
    slabs_full: int
    slabs_free: int
    free_objects: int
    free_limit: int
    in_arrays: int
    in_shared: int
    in_alien: int
    in_use: int
    descriptors: int = 0
    in_rcu: int = 0
    slabs_cpu: int = 0
    listed_free: int = 0


@dataclass(frozen=True)
class Standing:
    """What one cache holds on one node at a moment: slabs, also those on their way to a list, and objects as in SlabRecord.

    What goes from an array to slabs is in both for a moment, and so lacks in `in_use`. Of SLUB, `slabs_partial` are on the node's
    partial list, empty ones too, `slabs_cpu` CPUs' own and those on their partial chains, `slabs_full` all others.
    """

    cache: int
    node: int
    slabs_partial: int
    slabs_full: int
    slabs_free: int
    slabs_cpu: int
    free_objects: int
    in_use: int
    in_arrays: int
    in_shared: int
    in_alien: int
    in_rcu: int = 0


@dataclass(frozen=True)
class Sample:
    """How a run stood `time` picoseconds from its begin, its warm-up included: memory, a record a cache and node, and CPUs.

    `operations` had ended by then, and CPUs had waited for locks for `lock_wait` picoseconds, all together: hand-offs, and waits
    that were still under way, are in it.
    """

    time: int
    standings: tuple[Standing, ...]
    operations: int = 0
    lock_wait: int = 0


@dataclass(frozen=True)
class WarmUp:
    """What was left out at a run's begin: up to `time` picoseconds, `cut` of its `operations`; whether it `settled`."""

    time: int
    cut: int
    operations: int
    settled: bool


@dataclass(frozen=True)
class Records:
    """Everything one run (one experiment, one replication) leaves behind. Times in picoseconds from the first event.

    `warm_up` is what is in none of it, but the digest, warnings and how caches stand at the end; None where it was not looked
    for. `elapsed` counts from there.

    `latency` has a histogram for each (cache index, path) that occurred; cache -1 is a workload's own lock. `response`, where
    operations arrive at given times, is the same from their arrival to their end; what handlers do has none.
    `spent` says where the time of each path that occurred went, all caches together. `irqs_off` counts how long interrupts
    were off at a time, all CPUs together (hits, as long as they last, are not in it), `irq_wait` how long each interrupt
    that was handled had waited for them to be on. `turns`: how long each turn of a kind of upkeep took that was not given up,
    all CPUs together, waiting for locks and interrupts included.
    `samples` are how memory stood now and then, where that was asked for, and `moves` then tells how many cache lines went from
    which CPU to which (giver, taker, count), the warm-up's too: those of arrays, slabs, lists and nodes, not locks' nor objects'.
    `digest` is a hex SHA-256 over one running 64-bit hash of each CPU's operations and of each lock's holds, in index order.
    """

    digest: str
    elapsed: int
    latency: dict[tuple[int, Path], Histogram]
    spent: dict[Path, Spent]
    locks: tuple[LockRecord, ...]
    cpus: tuple[CpuRecord, ...]
    caches: tuple[CacheRecord, ...]
    slabs: tuple[SlabRecord, ...]
    irqs_off: Histogram
    irq_wait: Histogram
    warnings: tuple[str, ...]
    turns: dict[Upkeep, Histogram] = field(default_factory=dict)
    response: dict[tuple[int, Path], Histogram] = field(default_factory=dict)
    slub: tuple[SlubRecord, ...] = ()
    warm_up: WarmUp | None = None
    samples: tuple[Sample, ...] = ()
    moves: tuple[tuple[int, int, int], ...] = ()

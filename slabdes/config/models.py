# SPDX-License-Identifier: GPL-2.0-only
"""What an experiment file may say, in pydantic models; each documents its keys.

Frozen once read. Leaves out whether a machine has the CPUs asked for: the machine knows, and says so when it is built.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, Strict, model_validator

from slabdes.config.allocators import AllocatorVersion, check_cache_keys, check_slub
from slabdes.config.families import CHOOSING
from slabdes.config.fields import (
    COUNTED,
    MAX_CACHES,
    MAX_CPUS,
    MAX_OBJECT_SIZE,
    FileName,
    Frozen,
    Name,
    Real,
    Truth,
    sorted_set,
)
from slabdes.config.measures import Measures, Share
from slabdes.config.slub import (
    MOST_IN_SHEAF,
    ChangeConfig,
    RcuConfig,
    SlubConfig,
    check_bulk,
    check_change,
    check_rcu,
    check_switches,
)
from slabdes.config.sweeps import Lists, check_sweeps
from slabdes.config.timing import TimingConfig
from slabdes.config.workloads import TraceWorkload, WarmUpRule, Workload


class EngineName(StrEnum):
    """Which engine runs an experiment; `auto` picks the fastest that is there."""

    AUTO = "auto"
    REFERENCE = "reference"
    COMPILED = "compiled"


class Placement(StrEnum):
    """Which CPUs a workload on fewer CPUs than the machine has runs on.

    `compact` fills a node's cores, then its cores' second threads, before the next node; `spread` goes round the nodes; `cores`
    takes one thread of each core, node by node, then the second threads: as will-it-scale pins its tasks.
    """

    COMPACT = "compact"
    SPREAD = "spread"
    CORES = "cores"


class Discipline(StrEnum):
    """How a contended lock is handed over (DESIGN, "Locks")."""

    TAS = "tas"
    TICKET = "ticket"
    QSPINLOCK = "qspinlock"
    CNA = "cna"


class Switch(StrEnum):
    """The 2016 series' changes to cache_grow and the refill, each on its own, over 2.6.34 or 4.6."""

    UNLOCKED_COLOUR = "unlocked_colour"
    PRIVATE_SLAB = "private_slab"
    UNLOCKED_LOOK = "unlocked_look"


class CacheFlag(StrEnum):
    """The kmem_cache_create flags that matter to geometry and placement."""

    HWCACHE_ALIGN = "HWCACHE_ALIGN"
    RECLAIM_ACCOUNT = "RECLAIM_ACCOUNT"
    MEM_SPREAD = "MEM_SPREAD"
    NOLEAKTRACE = "NOLEAKTRACE"
    TYPESAFE_BY_RCU = "TYPESAFE_BY_RCU"
    """Matters to 4.6 and later: free objects may not be written to."""


class MachineConfig(Frozen):
    """The machine: a preset's name or a file, what part of it the workload uses, and costs to override (ns)."""

    preset: Name | None = None
    """A machine that comes with slabdes (`slabdes machine list` names them), or `host`, this one. Either this or `file`."""
    file: FileName | None = None
    """A machine of one's own: our TOML, hwloc XML, the output of `numactl --hardware`, or a table of latencies (CSV)."""
    cpus: Annotated[int, Strict(), Field(ge=1, le=MAX_CPUS)] | None = None
    """CPUs that a synthetic workload runs on, all by default; `workload.cpus` and `workload.copies` place a trace."""
    placement: Placement = Placement.COMPACT
    """Which CPUs those are, for a synthetic workload: `compact` fills a node's cores, then their second threads, before the next
    node; `spread` goes round the nodes; `cores` takes a thread of each core, node by node, before second threads. Producers and
    consumers go round the nodes whatever it says, but for `workload.pairs = "within"`."""
    memory_mib: Annotated[float, Strict(), Field(ge=0)] | tuple[Annotated[float, Strict(), Field(ge=0)], ...] | None = None
    """MiB each node's page allocator may hand out to caches; one number for every node or one a node. Default: the machine's."""
    llc_mib: Annotated[float, Strict(), Field(gt=0, le=65_536)] | None = None
    """Size of a last-level cache, MiB: what CPUs touch beyond it comes from memory. Default: the machine's, which may not say."""
    costs: dict[str, Annotated[Real, Field(ge=0), COUNTED]] = Field(default_factory=dict)
    """Costs in ns in place of the machine's; `slabdes machine show` lists their names."""

    @model_validator(mode="after")
    def _one_source(self) -> MachineConfig:
        if (self.preset is None) == (self.file is None):
            raise ValueError("give either preset or file")
        return self


class CacheConfig(Frozen):
    """One cache, as kmem_cache_create takes it, with tunables where they are not to be the kernel's defaults.

    For a trace: a change to the trace's cache of that name. What it does not say stays as the trace has it; its size must agree.
    What it says goes before a slabinfo file, and that before the kernel's defaults.
    """

    name: Name = Field(min_length=1, max_length=64)
    """As /proc/slabinfo would show it; settings and sweeps may say cache.NAME.limit."""
    size: Annotated[int, Strict(), Field(ge=1, le=MAX_OBJECT_SIZE)] | None = None
    """Bytes of an object; by default as the trace, or the slabinfo file, has it."""
    align: Annotated[int, Strict(), Field(ge=0, le=4096)] = 0
    """Bytes, a power of two; 0 for none."""
    flags: Annotated[tuple[CacheFlag, ...], BeforeValidator(sorted_set)] = ()
    """A list of the flags, each once, in any order; kept sorted."""
    ctor: Truth = False
    """Whether the cache has a constructor."""
    limit: Annotated[int, Strict(), Field(ge=1, le=1 << 20)] | None = None
    """Objects that a CPU's array holds; by default as the kernel chooses by size."""
    batchcount: Annotated[int, Strict(), Field(ge=1, le=1 << 20)] | None = None
    """Objects moved at a time between an array and the node; at most limit."""
    shared: Annotated[int, Strict(), Field(ge=0, le=1 << 10)] | None = None
    """Arrays' worth of objects that a node's CPUs share; 0 for no shared array."""
    frees_look_up: Truth | None = None
    """SLAB: whether a free reads its slab's descriptor though its array has room: dear where another CPU allocated the object. By
    default it does where any of these holds: on 6.1 (memory cgroups' hook), on several nodes (of which is the object?), and where
    kfree frees the objects, of caches named kmalloc-, dma-kmalloc- or size-. To say `false` there asks what reading it costs."""
    order: Annotated[int, Strict(), Field(ge=0, le=10)] | None = None
    """SLUB: pages of a slab, 2**order of them, as slab_order in sysfs; by default as the kernel chooses by size and CPUs."""
    sheaf_capacity: Annotated[int, Strict(), Field(ge=1, le=MOST_IN_SHEAF)] | None = None
    """SLUB with sheaves: objects that a CPU's sheaf holds; by default as the kernel chooses by size."""
    max_full_sheaves: Annotated[int, Strict(), Field(ge=0, le=1 << 20)] | None = None
    """Likewise: full sheaves that a node's barn takes from frees; by default 10."""
    max_empty_sheaves: Annotated[int, Strict(), Field(ge=0, le=1 << 20)] | None = None
    """Likewise: empty sheaves up to which it takes those that callbacks of kfree_rcu have emptied; by default 10."""
    cpu_partial: Annotated[int, Strict(), Field(ge=0, le=1 << 20)] | None = None
    """SLUB with per-CPU slabs: free objects that a CPU's partial slabs are to have, as in sysfs; by default by size."""
    min_partial: Annotated[int, Strict(), Field(ge=0, le=1 << 20)] | None = None
    """SLUB: partial slabs that a node keeps though they are empty, as in sysfs; by default by size."""
    remote_node_defrag_ratio: Annotated[int, Strict(), Field(ge=0, le=100)] | None = None
    """SLUB: how often other nodes' partial slabs are looked for, percent as in sysfs; by default 100, and 0 for never."""

    @model_validator(mode="after")
    def _batchcount_within_limit(self) -> CacheConfig:
        if self.limit is not None and self.batchcount is not None and self.batchcount > self.limit:
            raise ValueError(f"batchcount {self.batchcount} is greater than limit {self.limit}; allowed: 1 to limit")
        if self.align & (self.align - 1):
            raise ValueError(f"align {self.align} is not a power of two; allowed: 0 or a power of two up to 4096")
        return self


class LockConfig(Frozen):
    """How contended locks are handed over."""

    discipline: Discipline = Discipline.QSPINLOCK
    """Who is next, and what handing over costs."""
    handoff_transfers: Annotated[Real, Field(ge=0, le=16), COUNTED] | None = None
    """Line transfers of a qspinlock or cna hand-off; by default the machine's, whose calibration they belong to."""
    numa_spinlock_threshold_ns: Annotated[Real, Field(ge=0, le=1e12), COUNTED] = 1e6
    """How long cna may pass waiters of other nodes over: 1 ms by default in version 15 of the patches (10 ms from version 10 on,
    65,536 hand-offs before)."""


LEAST_EVERY_MS: Final = 0.001
"""Between two turns of what is done every so often (assumed)."""


class InterruptKind(StrEnum):
    """When a CPU's interrupts come: at random, or every so often from a random beginning."""

    POISSON = "poisson"
    PERIODIC = "periodic"


class InterruptConfig(Frozen):
    """An interrupt source of each CPU that has a program, until that ends. Its handler works, allocates and frees.

    Like an edge-triggered line: one interrupt can be pending; others that come meanwhile are lost, and counted.
    """

    kind: InterruptKind = InterruptKind.POISSON
    """How they come."""
    mean_ns: Annotated[float, Strict(), Field(ge=1, le=1e12)]
    """Between two of them, on average."""
    cache: Name | None = None
    """Of the objects that a handler allocates, atomically; by default the workload's first."""
    objects: Annotated[int, Strict(), Field(ge=0, le=4096)] = 1
    """Allocated by each handler."""
    keep: Annotated[int, Strict(), Field(ge=0, le=1 << 20)] = 64
    """Objects that a CPU's handlers hold at most when one ends: the oldest beyond are freed, as from a ring of buffers."""
    work_ns: Annotated[Real, Field(ge=0, le=1e9), COUNTED] = 1000.0
    """A handler's own work, entry and return included (assumed)."""


class UpkeepConfig(Frozen):
    """What CPUs do for the caches beside operations and reaping: each time is a turn, which tables and the event log tell."""

    slabinfo_every_ms: Annotated[Real, Field(ge=0, le=1e9)] = 0.0
    """Between two readings of /proc/slabinfo, as by a monitoring agent, the first after as long; 0 for none."""
    slabinfo_cpu: Annotated[int, Strict(), Field(ge=0, lt=MAX_CPUS)] = 0
    """The CPU that reads it, whatever else it does."""
    shrink_at_ms: Annotated[Real, Field(ge=0, le=1e9)] = 0.0
    """When caches are shrunk first (kmem_cache_shrink): all arrays are drained, free slabs go; 0 for after shrink_every_ms."""
    shrink_every_ms: Annotated[Real, Field(ge=0, le=1e9)] = 0.0
    """Between two times that they are; 0 for once at most."""
    shrink_cpu: Annotated[int, Strict(), Field(ge=0, lt=MAX_CPUS)] = 0
    """The CPU that shrinks them, and interrupts the others."""
    shrink_cache: Name | None = None
    """The cache that is shrunk; by default all, one after the other."""

    @model_validator(mode="after")
    def _not_all_the_time(self) -> UpkeepConfig:
        for key in ("slabinfo_every_ms", "shrink_at_ms", "shrink_every_ms"):
            if 0 < (given := getattr(self, key)) < LEAST_EVERY_MS:
                raise ValueError(f"{key} {given:g}; allowed: 0, or {LEAST_EVERY_MS:g} and more")
        return self


TABLES: Final[dict[str, type[Frozen]]] = {
    "machine": MachineConfig,
    "cache": CacheConfig,
    "lock": LockConfig,
    "timing": TimingConfig,
    "interrupts": InterruptConfig,
    "upkeep": UpkeepConfig,
    "slub": SlubConfig,
    "rcu": RcuConfig,
    "change": ChangeConfig,
}
"""Tables of a file that are the same for every workload, in the order in which they are written; `cache` is a list of them."""


OF_STUDY: Final = ("precision", "most", "measures")
"""Keys of all points together: how much is to be known, and of what. No replication depends on them."""


def _version_text(value: object) -> object:
    """A version that was written as a number: 4.6."""
    return repr(value) if isinstance(value, float) else value


class Experiment(Frozen):
    """One experiment: a machine, caches, a workload, and how often. A sweep holds several; see `expand`."""

    name: Name = Field(default="experiment", min_length=1, max_length=100)
    """In titles and in the manifest; the run folder is named by the file."""
    seed: Annotated[int, Strict(), Field(ge=0, lt=1 << 63)] = 1
    """Of every random stream."""
    replications: Annotated[int, Strict(), Field(ge=1, le=10_000)] = 1
    """Runs with random streams of their own; intervals come from them."""
    precision: Share | None = None
    """As --precision: in place of a number of replications they are added until half the interval of each of measures is at most
    this share of its value, at every point."""
    most: Annotated[int, Strict(), Field(ge=5, le=10_000)] | None = None
    """As --most: replications at most where some are added, for a precision (by default 100), by compare (160) or tune (40)."""
    measures: Measures = ()
    """What matters, as --measure and --decide: the answer begins with these, precision is of these, compare decides each, tune
    and sensitivity take the first. By default operations/s; for sensitivity alloc.mean."""
    engine: EngineName = EngineName.AUTO
    """All engines give the same results."""
    allocator: Annotated[AllocatorVersion, BeforeValidator(_version_text)] = AllocatorVersion.V2_6_34
    """The kernel whose allocator runs."""
    switches: Annotated[tuple[Switch, ...], BeforeValidator(sorted_set)] = ()
    """Changes of the 2016 series, each on its own."""
    noaliencache: Truth = False
    """As the kernel's boot option: no alien caches."""
    reap_drains_all_aliens: Truth = False
    """A turn of cache_reap drains every alien cache of its CPU's node, as kernels did before each turn took one node's."""
    slabinfo: FileName | None = None
    """A real /proc/slabinfo: caches that it names have its size and tunables, where the experiment does not say otherwise; on
    SLUB, which has none, its size, and the order of its slabs if the file is a SLUB kernel's."""
    sysfs: FileName | None = None
    """A copy of a SLUB kernel's /sys/kernel/slab, a folder or a tar file: caches that it names have its size, flags, order and
    settings, where the experiment does not say otherwise; on SLAB its size and flags alone."""
    start: FileName | None = None
    """A dump of a real 6.1 allocator: its caches that a [[cache]] names begin in its (first) state, with its size and tunables.
    A trace has `workload.from_dump`. Needs allocator 4.6 or later."""
    debug: Truth = False
    """Check every invariant of the allocator whenever no CPU is on a slow path, and when the run ends (slow)."""
    log: Truth = False
    """Keep every operation, hold of a lock and turn of upkeep in the run folder: see `results/event_log`. Takes time and disk."""
    warm_up: WarmUpRule = WarmUpRule.MSER
    """What of a replication's begin is in no figure: `mser`, what MSER finds to be warm-up, told in the answer, of workloads that
    have a steady state (bursts, pages and traces have none); `none`, nothing."""
    machine: MachineConfig
    cache: Annotated[tuple[CacheConfig, ...], Field(max_length=MAX_CACHES)] = ()
    """The caches that a synthetic workload uses, or changes to a trace's; see CacheConfig."""
    lock: LockConfig = LockConfig()
    timing: TimingConfig = TimingConfig()
    interrupts: InterruptConfig | None = None
    """None unless given."""
    upkeep: UpkeepConfig = UpkeepConfig()
    slub: SlubConfig = SlubConfig()
    rcu: RcuConfig = RcuConfig()
    change: ChangeConfig = ChangeConfig()
    workload: Workload
    sweep: Lists = Field(default_factory=dict)
    """Dotted keys to lists of values, or to a range, { from = 8, to = 120, step = 8 } or { from = 1, to = 64, points = 7, log =
    true }: every combination is a point."""
    zip: Lists = Field(default_factory=dict)
    """Likewise, lists of one length that go side by side: their first values together, then their second ones, and so on."""

    @model_validator(mode="after")
    def _consistent(self) -> Experiment:
        if swept := [key for key in (*self.sweep, *self.zip) if key in OF_STUDY]:
            raise ValueError(f"a sweep of {swept[0]}, which is of all points together; allowed: {swept[0]} = ..., once")
        if "rcu.frees" not in (*self.sweep, *self.zip):
            check_rcu(self.rcu)
        if not any(key in (*self.sweep, *self.zip) for key in CHOOSING):
            self._check_allocator()
        names = Counter(cache.name for cache in self.cache)
        for name, times in names.items():
            if times > 1:
                raise ValueError(f"cache name {name!r} is given {times} times; allowed: once")
        check_sweeps(self.sweep, self.zip)
        if self.workload.kind == "trace":
            self._check_trace(self.workload)
        for cache in self.cache if self.start else ():
            if said := sorted(cache.model_fields_set - {"name"}):
                raise ValueError(f"[[cache]] {cache.name!r} has {said[0]} with start; allowed: its name, the rest is the dump's")
        sizeless = [cache.name for cache in self.cache if cache.size is None and not self.start]
        if sizeless and not (self.slabinfo or self.sysfs) and self.workload.kind != "trace":
            raise ValueError(f"cache {sizeless[0]!r} has no size; allowed: a size, or slabinfo or sysfs that has the cache")
        what = self.workload.of if self.workload.kind == "arrivals" else self.workload.kind
        if not names and what in ("burst", "mix", "producer_consumer"):
            raise ValueError(f"workload {what} needs a [[cache]]")
        return self

    @property
    def dump(self) -> Path | None:
        """The dump in whose state caches begin, if any."""
        return self.workload.from_dump if self.workload.kind == "trace" else self.start

    def _check_allocator(self) -> None:
        """What only another allocator than the experiment's has is refused; a sweep of several: `families`."""
        if self.dump and self.allocator is AllocatorVersion.V2_6_34:
            key = "start" if self.start else "workload.from_dump"
            raise ValueError(f"{key} needs the slab layout of allocator 4.6 or later; allowed: 4.6, 4.7, 6.1")
        for cache in self.cache:
            given = [key for key, value in cache if value is not None]
            check_cache_keys(self.allocator, cache.name, given, [flag.value for flag in cache.flags], self.slub.cpu_slabs)
        upkeep = self.upkeep
        asked = {
            "switches": bool(self.switches),
            "noaliencache": self.noaliencache,
            "reap_drains_all_aliens": self.reap_drains_all_aliens,
            "start" if self.start else "workload.from_dump": self.dump is not None,
            "interrupts": self.interrupts is not None,
            "upkeep.slabinfo_every_ms": upkeep.slabinfo_every_ms > 0,
        }
        check_slub(self.allocator, asked.items())
        check_switches(self.allocator, self.slub, self.rcu)
        check_bulk(self.allocator, self.workload, self.rcu)
        check_change(self.allocator, self.change, shrinks=bool(upkeep.shrink_at_ms or upkeep.shrink_every_ms))

    def _check_trace(self, trace: TraceWorkload) -> None:
        """What else an experiment may say is about synthetic workloads: refused, not ignored."""
        if self.start:
            raise ValueError("start with a trace; allowed: workload.from_dump")
        placed = "allowed: workload.cpus and workload.copies, which place a trace"
        if self.machine.cpus is not None:
            raise ValueError(f"machine.cpus {self.machine.cpus} with a trace; {placed}")
        if self.machine.placement is not Placement.COMPACT:
            raise ValueError(f"machine.placement {self.machine.placement.value!r} with a trace; {placed}")
        if self.rcu.frees:
            raise ValueError("rcu.frees with a trace, whose frees are as they were recorded; allowed: false")
        if trace.from_dump and self.cache:
            raise ValueError(
                f"[[cache]] {self.cache[0].name!r} with workload.from_dump; allowed: the dump's own caches, none here"
            )

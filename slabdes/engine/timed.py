# SPDX-License-Identifier: GPL-2.0-only
"""What every timed engine starts from: an experiment's clock rules, its locks, lines and CPUs, before anything has run.

Leaves out time itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar

from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.slub.versions import SheavesOf
from slabdes.allocator.state import L3_LINES, NO_NODE, SLAB_LINES, Memory, SlabState, array_lines
from slabdes.allocator.transitions import NO_SLAB
from slabdes.allocator.versions import Kernel, Version
from slabdes.config import CacheConfig, Experiment, InterruptKind
from slabdes.config.workloads import MOST_SECTION_LINES, section_lines, writes_objects
from slabdes.engine.cpu import NEVER, TimedCpu
from slabdes.engine.lines import CacheLines
from slabdes.engine.records import Histogram, LockKind
from slabdes.engine.setup import slub_version_of, version_of
from slabdes.engine.working_set import cache_parts
from slabdes.errors import Impossible, Stalled
from slabdes.locks.disciplines import DISCIPLINES, LockRules
from slabdes.locks.spinlock import SpinLock
from slabdes.machine.costs import Costs
from slabdes.machine.topology import Machine
from slabdes.paths.charges import ClockRules
from slabdes.paths.interrupts import MOST_IN_A_ROW, InterruptSettings
from slabdes.paths.outcome import Upkeep
from slabdes.paths.sites import LockSite
from slabdes.paths.slub.prices import with_slub_hits
from slabdes.paths.slub.upkeep import ChangeSettings
from slabdes.paths.upkeep import ONCE, UpkeepSettings
from slabdes.streams import GAMMA, MASK64, Purpose, below, exponential, mix64, stream_key, words
from slabdes.units import MAX_RUN_PS, MILLI, NS_PER_MS, PS_PER_S, ns_to_ps
from slabdes.workload.programs import Workload
from slabdes.workload.synthetic import partners

AnyKernel = TypeVar("AnyKernel", bound=Kernel)
"""A kernel version of one allocator."""


@dataclass(frozen=True)
class TimedSettings(Generic[AnyKernel]):
    """Rules of the clock for one run, as the experiment gives them. `grace`: a grace period's length if kfree_rcu frees, or 0.

    `stagger`: within how long CPUs notice its end, each for itself. `call_room`: objects of a bulk call on SLUB at most;
    `prefill`: of the sheaf that one takes its own from, or 0.
    """

    locks: LockRules
    costs: Costs
    hz: int
    version: AnyKernel
    interrupts: InterruptSettings | None
    rules: ClockRules
    upkeeps: UpkeepSettings
    change: ChangeSettings
    grace: int
    stagger: int
    call_room: int
    prefill: int


class TimedLock(SpinLock):
    """A SpinLock with its identity and its account.

    `toll`: what a write to its line costs the holder; `relinked`: the slab whose move has paid that last during this hold;
    `written`: such writes in this hold; `posted`: the dearest write to a neighbour on a list, `posted_total` all of them.
    `points`: waits begun, by the site of who waits and of who has acquired the lock last (lock_stat's contention points).
    `held_in` and `behind` are holds in turns of upkeep, and waits that began behind them, by Upkeep.
    """

    __slots__ = (
        "acquisitions",
        "behind",
        "bounces",
        "cache",
        "contended",
        "digest",
        "held_in",
        "hold",
        "kind",
        "node",
        "other",
        "points",
        "posted",
        "posted_total",
        "relinked",
        "retry",
        "since",
        "toll",
        "wait",
        "written",
    )

    def __init__(self, line: int, kind: LockKind, cache: int, node: int, other: int) -> None:
        super().__init__(line)
        self.kind = kind
        self.cache = cache
        self.node = node
        self.other = other
        self.acquisitions = self.contended = self.bounces = 0
        self.points: Counter[tuple[LockSite, LockSite]] = Counter()
        self.wait = Histogram()
        self.hold = Histogram()
        self.held_in = [Histogram() for _upkeep in Upkeep]
        self.behind = [Histogram() for _upkeep in Upkeep]
        self.digest = 0
        self.since = 0
        self.toll = self.written = 0
        self.relinked = NO_SLAB
        self.posted = self.posted_total = 0
        self.retry: object | None = None
        """The coming attempt of a waiter, where a lock is not queued."""


def interrupt_settings(experiment: Experiment, caches: Sequence[CacheConfig]) -> InterruptSettings | None:
    """The interrupt sources that an experiment asks for. Raises Impossible for a cache that is not the workload's."""
    config = experiment.interrupts
    if config is None:
        return None
    names = [cache.name for cache in caches]
    name = config.cache if config.cache is not None else next(iter(names), "")
    if config.objects and name not in names:
        raise Impossible(
            "interrupts.cache", f"{name!r} is not a cache of the workload", allowed=", ".join(names) or "objects = 0"
        )
    return InterruptSettings(
        periodic=config.kind is InterruptKind.PERIODIC,
        mean=ns_to_ps(config.mean_ns),
        cache=names.index(name) if config.objects else 0,
        objects=config.objects,
        keep=config.keep,
        work=ns_to_ps(config.work_ns),
    )


def next_gap(settings: InterruptSettings, draws: Iterator[int]) -> int:
    """Picoseconds from an interrupt to the next."""
    return settings.mean if settings.periodic else exponential(next(draws), settings.mean)


def start_interrupts(settings: InterruptSettings, cpu: TimedCpu, key: int) -> None:
    """Set a CPU's first interrupt; its stream of draws begins at `key`."""
    cpu.irq_words = words(key)
    word = next(cpu.irq_words)
    cpu.irq_at = below(word, settings.mean) if settings.periodic else exponential(word, settings.mean)


def interrupt_key(experiment: Experiment, replication: int, cpu: int) -> int:
    """Where a CPU's stream of interrupts begins."""
    return stream_key(experiment.seed, replication, cpu, Purpose.INTERRUPTS)


def interrupt_storm(cpu: int) -> Impossible:
    """A CPU does nothing any more but handle interrupts."""
    return Impossible(
        "interrupts.mean_ns", f"CPU {cpu} only handles interrupts, {MOST_IN_A_ROW:,} in a row", allowed="more than handlers take"
    )


ZONE_LINES: Final = 2
"""A zone's lock, and its free lists (paths.pages)."""


def upkeep_settings(experiment: Experiment, machine: Machine, caches: Sequence[CacheConfig]) -> UpkeepSettings:
    """What the experiment has CPUs do for the caches. Raises Impossible for a CPU or a cache that there is none of."""
    config, change = experiment.upkeep, experiment.change
    asked = {"upkeep.slabinfo_cpu": config.slabinfo_cpu, "upkeep.shrink_cpu": config.shrink_cpu, "change.cpu": change.cpu}
    for key, cpu in asked.items():
        if cpu >= machine.n_cpus:
            raise Impossible(key, f"there is no CPU {cpu}", allowed=f"0 to {machine.n_cpus - 1} on {machine.name}")
    names = [cache.name for cache in caches]
    for key, cache in (("upkeep.shrink_cache", config.shrink_cache), ("change.cache", change.cache)):
        if cache is not None and cache not in names:
            problem = f"{cache!r} is not a cache of the workload"
            raise Impossible(key, problem, allowed=", ".join(names) or "a workload with caches")
    first, by, of = config.shrink_at_ms or config.shrink_every_ms, config.shrink_cpu, config.shrink_cache
    if change.at_ms:
        first, by, of = change.at_ms, change.cpu, change.cache
    return UpkeepSettings(
        slabinfo_every=ns_to_ps(config.slabinfo_every_ms * NS_PER_MS),
        slabinfo_cpu=config.slabinfo_cpu,
        shrink_first=ns_to_ps(first * NS_PER_MS),
        shrink_every=ns_to_ps(config.shrink_every_ms * NS_PER_MS) or ONCE,
        shrink_cpu=by,
        shrink_cache=-1 if of is None else names.index(of),
        retry=PS_PER_S // experiment.timing.hz,
    )


def change_settings(experiment: Experiment) -> ChangeSettings:
    """What SLUB's caches get while the run goes on; nothing, if they keep what they have."""
    change = experiment.change
    if not change.at_ms:
        return ChangeSettings(0, -1)
    return ChangeSettings(change.sheaf_capacity or 0, -1 if change.max_full_sheaves is None else change.max_full_sheaves)


def lock_rules(experiment: Experiment, machine: Machine) -> LockRules:
    """The rules of locks that an experiment asks for; a hand-off that it leaves open is the machine's.

    Waiters that do not spin race nobody. A parameter of a discipline becomes an integer here.
    """
    config = experiment.lock
    given = config.handoff_transfers
    discipline = DISCIPLINES[config.discipline.value]
    return LockRules(
        discipline=discipline,
        transfer=machine.transfer_ps,
        node_of_cpu=machine.node_of_cpu,
        handoff_milli=round((machine.costs.handoff_transfers if given is None else given) * MILLI),
        spinner_milli=round(machine.costs.spinner_transfers * MILLI) if experiment.timing.all_spinners else 0,
        cna_threshold=ns_to_ps(config.numa_spinlock_threshold_ns),
        lock_races=experiment.timing.lock_races and discipline.spins,
        arrival_races=experiment.timing.arrival_races and experiment.timing.lock_races and discipline.spins,
    )


def timed_settings(experiment: Experiment, machine: Machine, caches: Sequence[CacheConfig]) -> TimedSettings[Version]:
    """The clock rules that an experiment on SLAB asks for."""
    return settings_of(experiment, machine, caches, version_of(experiment))


def settings_of(
    experiment: Experiment, machine: Machine, caches: Sequence[CacheConfig], version: AnyKernel
) -> TimedSettings[AnyKernel]:
    """The clock rules that an experiment asks for, on a kernel. Waiters that do not spin slow no holder."""
    locks, bulk = lock_rules(experiment, machine), getattr(experiment.workload, "bulk", 0)
    slowed = experiment.timing.spinners_slow_holder and locks.discipline.spins
    return TimedSettings(
        locks=locks,
        costs=costs_of(experiment, machine, caches),
        hz=experiment.timing.hz,
        version=version,
        interrupts=interrupt_settings(experiment, caches),
        rules=ClockRules(
            spinners_slow_holder=slowed,
            late_spinners=experiment.timing.late_spinners and slowed,
            posted_neighbour_writes=experiment.timing.posted_neighbour_writes,
            array_lines=experiment.timing.array_lines,
            irqs_off=not experiment.allocator.is_slub,
            zone_lists_beside_lock=version.zone_lists_beside_lock,
            page_lists_to_order=version.page_lists.top_order if experiment.timing.higher_page_lists else 0,
            section_lines=section_lines(experiment.workload),
            copy_line_milli=round(machine.costs.copy_line_share * MILLI) if experiment.timing.copy_lines else 0,
            descriptor_once=experiment.timing.descriptor_once,
            slot_lines=experiment.timing.slot_lines,
            ring_indexes=experiment.timing.ring_indexes and not bulk,
            early_lookups=experiment.timing.early_lookups,
            miss_milli=round(machine.costs.miss_share * MILLI),
            writes_objects=writes_objects(experiment.workload),
        ),
        upkeeps=upkeep_settings(experiment, machine, caches),
        change=change_settings(experiment),
        grace=ns_to_ps(experiment.rcu.grace_ms * NS_PER_MS) if experiment.rcu.frees else 0,
        stagger=ns_to_ps(experiment.rcu.stagger_ms * NS_PER_MS),
        call_room=bulk if experiment.allocator.is_slub else 0,
        prefill=getattr(experiment.workload, "prefill", 0),
    )


def costs_of(experiment: Experiment, machine: Machine, caches: Sequence[CacheConfig]) -> Costs:
    """The machine's costs, less those of the rules that the experiment leaves out; hits are its allocator's."""
    timing = experiment.timing
    off: dict[str, Any] = {}
    if not timing.first_touch:
        off["first_touch"] = off["descriptor_read"] = 0
    if not timing.smt_siblings:
        off["smt_slowdown"] = 1.0
    costs = replace(machine.costs, **off)
    if experiment.allocator.is_slub:
        version = slub_version_of(experiment)
        asked = any(version.sheaf_capacity(one.name, one.sheaf_capacity, 0) for one in caches)
        sheaves = asked or not version.cpu_slabs or version.sheaves == SheavesOf.ALL
        return with_slub_hits(costs, sheaves)
    return costs


def place_lines(state: SlabState, lines: CacheLines) -> None:
    """Say on which node each line of SLAB's caches lies: also those of slabs that were there before the run."""
    for slab in state.slabs:
        if slab.num and slab.nodeid != NO_NODE:
            lines.place(slab.line, SLAB_LINES, slab.nodeid)
    for cache in state.caches:
        for l3 in cache.nodelists:
            lines.place(l3.line, L3_LINES, l3.node)
            for array in (l3.shared, *(l3.alien or ())):
                if array is not None:
                    lines.place(array.line, array_lines(array.limit), l3.node)


def make_locks(state: SlabState, lines: CacheLines, version: Version) -> list[TimedLock]:
    """Make every lock of a run on SLAB, in the order of their numbers: the caches', each node's zone lock, the workload's own."""
    locks: dict[int, TimedLock] = {}
    for cache in state.caches:
        for l3 in cache.nodelists:
            locks[l3.list_lock] = TimedLock(l3.line + version.layout.list_lock, LockKind.LIST, cache.index, l3.node, l3.node)
            for other, alien in enumerate(l3.alien or ()):
                if alien is not None:
                    locks[alien.lock] = TimedLock(alien.line, LockKind.ALIEN, cache.index, l3.node, other)
    return add_other_locks(state, lines, locks)


def add_other_locks(state: Memory, lines: CacheLines, locks: Mapping[int, TimedLock]) -> list[TimedLock]:
    """The caches' locks in the order of their numbers, then each node's zone lock and the workload's own."""
    made = [locks[number] for number in range(state.n_locks)]
    for kind, node, nr in (
        *((LockKind.ZONE, node, ZONE_LINES) for node in range(state.n_nodes)),
        (LockKind.SECTION, 0, 1 + MOST_SECTION_LINES),
    ):
        state.new_lock()
        line = state.new_lines(nr)
        lines.place(line, nr, node)
        made.append(TimedLock(line, kind, -1, node, node))
    return made


def make_cpus(experiment: Experiment, machine: Machine, workload: Workload, replication: int) -> list[TimedCpu]:
    """Every CPU of the machine; those whose core has both threads at work are slowed down."""
    costs = costs_of(experiment, machine, workload.caches)
    interrupts = interrupt_settings(experiment, workload.caches)
    upkeeps = upkeep_settings(experiment, machine, workload.caches)
    # A barn's limit alone is changed without the other CPUs.
    all_flush = not experiment.change.at_ms or experiment.change.sheaf_capacity is not None
    busy: dict[int, int] = {}
    for worker in workload.programs:
        core = machine.core_of_cpu[worker]
        busy[core] = busy.get(core, 0) + 1
    passes_to = partners(workload.programs)
    parts = cache_parts(machine, workload.programs) if experiment.timing.working_sets else {}
    cpus = []
    for number, node in enumerate(machine.node_of_cpu):
        shares = number in workload.programs and busy[machine.core_of_cpu[number]] > 1
        jitter_words = words(jitter_key(experiment, replication, number))
        slowdown = costs.smt_slowdown if shares else 1.0
        cpu = TimedCpu(number, node, MemPolicy(machine.n_nodes), slowdown, experiment.timing.jitter, jitter_words)
        cpu.set_hits(costs)
        cpu.partner = passes_to.get(number, -1)
        cpu.cache_bytes = parts.get(number, NEVER)
        cpu.response = {} if workload.arrivals else None
        cpu.race_words = words(race_key(experiment, replication, number))
        cpu.grace_key = stream_key(experiment.seed, replication, number, Purpose.GRACE)
        if interrupts is not None and number in workload.programs:
            start_interrupts(interrupts, cpu, interrupt_key(experiment, replication, number))
        if upkeeps.slabinfo_every and number == upkeeps.slabinfo_cpu:
            cpu.slabinfo_at = upkeeps.slabinfo_every
        if upkeeps.shrink_first and (all_flush or number == upkeeps.shrink_cpu):
            cpu.drain_at = upkeeps.shrink_first
        cpus.append(cpu)
    return cpus


def jitter_key(experiment: Experiment, replication: int, cpu: int) -> int:
    """Where a CPU's stream of jitter begins."""
    return stream_key(experiment.seed, replication, cpu, Purpose.JITTER)


def race_key(experiment: Experiment, replication: int, cpu: int) -> int:
    """Where a CPU's stream of races for locks begins."""
    return stream_key(experiment.seed, replication, cpu, Purpose.RACE)


def until_noticed(key: int, period: int, stagger: int) -> int:
    """Picoseconds from a grace period's end until a CPU notices it, whose stream of them begins at `key`: a word a period."""
    return below(mix64((key + (period + 1) * GAMMA) & MASK64), stagger)


def reap_time_ps(due: int, hz: int) -> int:
    """The first picosecond at which the jiffies that a reap timer waits for have come."""
    return -(-due * PS_PER_S // hz)


def ran_too_long() -> Impossible:
    """A run has gone on for longer than time is counted exactly."""
    return Impossible(
        "simulated time", "the run does not end in time", allowed=f"at most {MAX_RUN_PS // PS_PER_S:,} s, simulated"
    )


NAMED_IN_ERROR = 8
"""CPUs that an error names (assumed)."""
AT_BARRIER = "at the barrier"


def for_slot(slot: int, what: str) -> str:
    """That a CPU waits until a slot is filled or emptied."""
    return f"for slot {slot} to be {what}"


def stalled(blocked: Mapping[int, str]) -> Stalled:
    """The error of a run whose CPUs all wait, each for what `blocked` says."""
    named = [f"CPU {cpu} {why}" for cpu, why in sorted(blocked.items())]
    more = f" and {len(named) - NAMED_IN_ERROR} more" if len(named) > NAMED_IN_ERROR else ""
    return Stalled(f"every CPU waits for another: {', '.join(named[:NAMED_IN_ERROR])}{more}")

# SPDX-License-Identifier: GPL-2.0-only
"""Synthetic workloads: what each CPU does, drawn from its own random stream and from nothing that the engine decides.

A program knows which of its slots it has filled, not what the allocator made of them. Leaves out traces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from slabdes.allocator.gfp import MAY_WAIT
from slabdes.config import (
    ArrivalsWorkload,
    BurstWorkload,
    CriticalSectionWorkload,
    Experiment,
    MixWorkload,
    PagesWorkload,
    Placement,
    ProducerConsumerWorkload,
    ThinkKind,
)
from slabdes.config.workloads import PairRule
from slabdes.errors import InputError
from slabdes.machine.topology import Machine
from slabdes.streams import Purpose, below, exponential, stream_key, words
from slabdes.units import ns_to_ps
from slabdes.workload.arrivals import Arriving, arrivals_of, gap_ps
from slabdes.workload.pairs import pairs_of
from slabdes.workload.programs import (
    ANY_NODE,
    Op,
    Program,
    Step,
    Workload,
    await_signal,
    barrier,
    begin_bulk,
    end_bulk,
    get_pages,
    give_pages,
    section,
    signal,
)

BulkWorkload = BurstWorkload | MixWorkload | ProducerConsumerWorkload


def build_synthetic(experiment: Experiment, machine: Machine, replication: int) -> Workload:
    """The programs of any experiment but a trace's.

    Raises InputError when the machine has too few CPUs for it.
    """
    config = experiment.workload
    count = experiment.machine.cpus or machine.n_cpus
    placement = experiment.machine.placement
    if isinstance(config, ProducerConsumerWorkload):
        if config.pair_rule is not PairRule.WITHIN:
            placement = Placement.SPREAD
        if count % 2:
            raise InputError("machine.cpus", f"{count} CPUs do not pair up for producer_consumer", allowed="an even number")
    cpus = machine.choose_cpus(count, placement)
    caches = experiment.cache

    def key(cpu: int) -> int:
        return stream_key(experiment.seed, replication, cpu, Purpose.WORKLOAD)

    programs: dict[int, Program]
    match config:
        case BurstWorkload():
            if config.own_caches and len(caches) < count:
                raise InputError("workload.own_caches", f"{len(caches)} for {count} CPUs", allowed="a cache for each CPU")
            programs = {cpu: Burst(config, len(caches), slot) for slot, cpu in enumerate(cpus)}
            calls = sum(_bulk_calls(config, op, config.objects) for op in _SIDES)
            steps = 2 * (config.objects + calls) * config.rounds * count
            return Workload(programs, caches, operations=steps, barrier=count if config.barrier else 0)
        case MixWorkload():
            programs = {cpu: Mix(config, len(caches), slot, key(cpu)) for slot, cpu in enumerate(cpus)}
            return Workload(programs, caches, operations=(config.operations + _mix_calls(config)) * count)
        case ProducerConsumerWorkload():
            if config.bulk > config.window:
                raise InputError("workload.bulk", f"{config.bulk} with window {config.window}", allowed=f"0 to {config.window}")
            drawn = stream_key(experiment.seed, replication, 0, Purpose.PAIRS)
            pairs, warnings = pairs_of(config, cpus, machine, drawn)
            programs = {
                cpu: PassObjects(config, *_caches_of(config, pair, len(caches)), op, pair, key(cpu))
                for pair, both in enumerate(pairs)
                for cpu, op in zip(reversed(both) if config.opposite and pair % 2 else both, (Op.ALLOC, Op.FREE), strict=True)
            }
            steps = (2 * config.objects + _pair_calls(config)) * len(pairs)
            return Workload(programs, caches, windowed=True, operations=steps, warnings=warnings)
        case CriticalSectionWorkload():
            programs = {cpu: CriticalSection(config, key(cpu)) for cpu in cpus}
            return Workload(programs, caches, operations=config.operations * count)
        case PagesWorkload():
            programs = {cpu: Pages(config) for cpu in cpus}
            steps = 2 * config.blocks * config.rounds * count
            return Workload(programs, caches, operations=steps, barrier=count if config.barrier else 0)
        case ArrivalsWorkload():
            programs = {}
            for slot, cpu in enumerate(cpus):
                own = stream_key(experiment.seed, replication, cpu, Purpose.ARRIVALS)
                programs[cpu] = Arriving(_arriving(config, len(caches), slot, key(cpu)), arrivals_of(config, count), own)
            return Workload(programs, caches, arrivals=True, operations=config.operations * count)
    raise AssertionError(f"{config.kind} is not synthetic")


def _arriving(config: ArrivalsWorkload, n_caches: int, owner: int, key: int) -> Program:
    """What arrives at a CPU: the program of a closed workload that never thinks."""
    if config.of == "mix":
        return Mix(MixWorkload(kind="mix", operations=config.operations, live=config.live, think_ns=0), n_caches, owner, key)
    closed = CriticalSectionWorkload(
        kind="critical_section", operations=config.operations, think_ns=0, hold_ns=config.hold_ns, hold=config.hold
    )
    return CriticalSection(closed, key)


def known_span_ps(experiment: Experiment, cpus: int) -> int:
    """Picoseconds that one of `cpus` CPUs of a synthetic workload spends at least, on average.

    Its think and hold times, or the time until its last operation arrives.
    """
    config = experiment.workload
    match config:
        case ArrivalsWorkload():
            return config.operations * gap_ps(config, cpus)
        case BurstWorkload():
            thoughts = sum(_bulk_calls(config, op, config.objects) or config.objects for op in _SIDES)
            return thoughts * config.rounds * ns_to_ps(config.think_ns)
        case MixWorkload():
            each = {Op.ALLOC: config.operations - config.operations // 2, Op.FREE: config.operations // 2}
            return sum(_bulk_calls(config, op, some) or some for op, some in each.items()) * ns_to_ps(config.think_ns)
        case ProducerConsumerWorkload():
            return max(_bulk_calls(config, op, config.objects) or config.objects for op in _SIDES) * ns_to_ps(config.think_ns)
        case CriticalSectionWorkload():
            return config.operations * (ns_to_ps(config.think_ns) + ns_to_ps(config.hold_ns) // config.hold_one_in)
        case PagesWorkload():
            return 0
    raise AssertionError(f"{config.kind} is not synthetic")


_SIDES = (Op.ALLOC, Op.FREE)


def bulk_size(config: BulkWorkload, op: Op) -> int:
    """Objects of a bulk call of this side; 0 where each object has a call of its own."""
    return config.bulk if config.bulk_of in ("both", op.name.lower()) else 0


def _bulk_calls(config: BulkWorkload, op: Op, objects: int) -> int:
    """Bulk calls that this side takes for so many objects; 0 if each object has a call of its own."""
    size = bulk_size(config, op)
    return -(-objects // size) if size else 0


def _mix_calls(config: MixWorkload) -> int:
    """About how many steps of a CPU begin or end bulk calls: half of all operations are of each side, if all calls are full."""
    return 2 * sum(_bulk_calls(config, op, (config.operations + 1) // 2) for op in _SIDES)


def _pair_calls(config: ProducerConsumerWorkload) -> int:
    """Steps of a pair that begin or end bulk calls, or tell the other side what such a call waits for."""
    allocs, frees = (_bulk_calls(config, op, config.objects) for op in _SIDES)
    waits = (max(config.objects - 1 - config.window, -1) // config.bulk + 1) if allocs else 0
    return 3 * allocs + waits + 4 * frees


def _in_one_call(op: Op, cache: int, slots: Sequence[int], flags: int, think: Callable[[], int], bulk: bool) -> Iterator[Step]:
    """Objects of one cache on end, in one bulk call or in a call each."""
    if bulk:
        yield begin_bulk(think(), cache, len(slots) if op is Op.ALLOC else 0, flags)
    for slot in slots:
        yield 0 if bulk else think(), op, cache, slot, ANY_NODE, flags
    if bulk:
        yield end_bulk(cache, len(slots) if op is Op.FREE else 0)


def _caches_of(config: ProducerConsumerWorkload, pair: int, n_caches: int) -> tuple[int, int]:
    """The first of the caches that a pair goes round, and how many they are."""
    return (pair % n_caches, 1) if config.opposite else (0, n_caches)


SLOT_BITS = 40
"""A CPU's slots are its number above this many bits, and a counter below."""


@dataclass(frozen=True)
class Burst:
    """A burst's program; `owner` numbers the CPUs that take part. Each class here is a Program; engines may read its fields."""

    config: BurstWorkload
    n_caches: int
    owner: int

    def __call__(self) -> Iterator[Step]:
        """Allocate them all, then free them all, in every round."""
        config = self.config
        for _round in range(config.rounds):
            for op, flags in ((Op.ALLOC, MAY_WAIT), (Op.FREE, 0)):
                yield from self._calls(op, flags)
                if config.barrier:
                    yield barrier()

    def _calls(self, op: Op, flags: int) -> Iterator[Step]:
        """All objects once, so many as a bulk call has from one cache after the other: a call each, or in bulk calls."""
        config = self.config
        think = ns_to_ps(config.think_ns)
        base = self.owner << SLOT_BITS
        first, n_caches = (self.owner, 1) if config.own_caches else (0, self.n_caches)
        bulk, of_one_cache = bulk_size(config, op) > 0, config.bulk or 1
        for call, begin in enumerate(range(0, config.objects, of_one_cache)):
            slots = range(base + begin, base + min(begin + of_one_cache, config.objects))
            yield from _in_one_call(op, first + call % n_caches, slots, flags, lambda: think, bulk)


@dataclass(frozen=True)
class Mix:
    """A mix's program, its draws from the stream at `key`."""

    config: MixWorkload
    n_caches: int
    owner: int
    key: int

    def __call__(self) -> Iterator[Step]:
        """Allocate with probability 1 - live / (2 * target), so that the live set hovers around its target."""
        return self._in_bulk() if self.config.bulk else self._singly()

    def _in_bulk(self) -> Iterator[Step]:
        """The same where each choice is for as many objects as a bulk call has, of one cache."""
        config = self.config
        draws = words(self.key)
        think = _time(config.think, ns_to_ps(config.think_ns), draws)
        live: list[list[int]] = [[] for _cache in range(self.n_caches)]
        spare = [self.owner << SLOT_BITS | slot for slot in range(2 * config.live + config.bulk - 1, -1, -1)]
        left = config.operations
        while left:
            held = sum(map(len, live))
            op = Op.ALLOC if below(next(draws), 2 * config.live) >= held else Op.FREE
            if op is Op.ALLOC:
                cache = below(next(draws), self.n_caches)
                slots = [spare.pop() for _object in range(min(config.bulk, left))]
                live[cache] += slots
            else:
                cache = _cache_at(live, below(next(draws), held))
                slots = [_taken(live[cache], draws) for _object in range(min(config.bulk, left, len(live[cache])))]
                spare += slots
            left -= len(slots)
            yield from _in_one_call(op, cache, slots, MAY_WAIT if op is Op.ALLOC else 0, think, bulk_size(config, op) > 0)

    def _singly(self) -> Iterator[Step]:
        config = self.config
        draws = words(self.key)
        think = _time(config.think, ns_to_ps(config.think_ns), draws)
        live: list[int] = []
        spare = [self.owner << SLOT_BITS | slot for slot in range(2 * config.live, -1, -1)]
        for _operation in range(config.operations):
            pause = think()
            if below(next(draws), 2 * config.live) >= len(live):
                slot = spare.pop()
                live.append(slot)
                yield pause, Op.ALLOC, slot % self.n_caches, slot, ANY_NODE, MAY_WAIT
            else:
                chosen = below(next(draws), len(live))
                slot, live[chosen] = live[chosen], live[-1]
                live.pop()
                spare.append(slot)
                yield pause, Op.FREE, slot % self.n_caches, slot, ANY_NODE, 0


@dataclass(frozen=True)
class PassObjects:
    """The program of a producer (`op` ALLOC) or a consumer (FREE) of pair `pair`, its draws from the stream at `key`."""

    config: ProducerConsumerWorkload
    first: int
    n_caches: int
    op: Op
    pair: int
    key: int

    def __call__(self) -> Iterator[Step]:
        """Go round the window's slots."""
        return self._in_bulk() if self.config.bulk else self._singly()

    def _in_bulk(self) -> Iterator[Step]:
        """The same, as many objects of one cache on end as a bulk call has: before one, wait until the other side is so far.

        A side that has no bulk calls waits object by object, and tells the other when it is done with as many.
        """
        config = self.config
        think = _time(config.think, ns_to_ps(config.think_ns), words(self.key))
        mine, other = ((bulk_size(config, op) > 0) for op in (self.op, Op.FREE if self.op is Op.ALLOC else Op.ALLOC))
        base, awaited = self.pair << SLOT_BITS, -1
        for call, begin in enumerate(range(0, config.objects, config.bulk)):
            end = min(begin + config.bulk, config.objects)
            needed = call if self.op is Op.FREE else (end - 1 - config.window) // config.bulk
            thought = think
            if mine and needed > awaited:
                awaited = needed
                yield await_signal(think(), self._signal(needed, Op.ALLOC if self.op is Op.FREE else Op.FREE))
                thought = _nothing
            slots = [base + number % config.window for number in range(begin, end)]
            cache, flags = self.first + call % self.n_caches, MAY_WAIT if self.op is Op.ALLOC else 0
            yield from _in_one_call(self.op, cache, slots, flags, thought, mine)
            if other:
                yield signal(self._signal(call, self.op))

    def _signal(self, call: int, told_by: Op) -> int:
        """The slot in which a side tells that it is done with a call's objects; no more than a window's are told ahead."""
        window = self.config.window
        return (self.pair << SLOT_BITS) + window * (2 + (told_by is Op.FREE)) + call % window

    def _singly(self) -> Iterator[Step]:
        config = self.config
        think = _time(config.think, ns_to_ps(config.think_ns), words(self.key))
        flags = MAY_WAIT if self.op is Op.ALLOC else 0
        base = self.pair << SLOT_BITS
        for number in range(config.objects):
            slot = number % config.window
            yield think(), self.op, self.first + slot % self.n_caches, base + slot, ANY_NODE, flags


def partners(programs: Mapping[int, Program]) -> dict[int, int]:
    """Of CPUs that pass objects on, who is on the other end of each one's window."""
    pairs: dict[int, list[int]] = {}
    for cpu, program in programs.items():
        if isinstance(program, PassObjects):
            pairs.setdefault(program.pair, []).append(cpu)
    return {cpu: other for both in pairs.values() for cpu, other in zip(both, reversed(both), strict=True)}


@dataclass(frozen=True)
class CriticalSection:
    """The program of a CPU that only takes the workload's own lock, its draws from the stream at `key`."""

    config: CriticalSectionWorkload
    key: int

    def __call__(self) -> Iterator[Step]:
        """Think, then hold the lock."""
        config = self.config
        draws = words(self.key)
        think = _time(config.think, ns_to_ps(config.think_ns), draws)
        hold = _time(config.hold, ns_to_ps(config.hold_ns), draws)
        one_in = config.hold_one_in
        for _operation in range(config.operations):
            pause = think()
            held = one_in == 1 or below(next(draws), one_in) == 0
            yield section(pause, hold() if held else 0)


@dataclass(frozen=True)
class Pages:
    """The program of a CPU that only uses the page allocator."""

    config: PagesWorkload

    def __call__(self) -> Iterator[Step]:
        """Take all blocks, then give all back, in every round."""
        config = self.config
        for _round in range(config.rounds):
            for step in (get_pages(config.order), give_pages(config.order)):
                for _block in range(config.blocks):
                    yield step
                if config.barrier:
                    yield barrier()


def _nothing() -> int:
    return 0


def _cache_at(live: Sequence[Sequence[int]], chosen: int) -> int:
    """The cache of the object number `chosen` of all, cache by cache."""
    for cache, slots in enumerate(live):
        if chosen < len(slots):
            return cache
        chosen -= len(slots)
    raise AssertionError("no object has that number")


def _taken(slots: list[int], draws: Iterator[int]) -> int:
    """One of the slots at random, taken out; the last takes its place."""
    chosen = below(next(draws), len(slots))
    slot, slots[chosen] = slots[chosen], slots[-1]
    slots.pop()
    return slot


def _time(kind: ThinkKind, mean: int, draws: Iterator[int]) -> Callable[[], int]:
    """Picoseconds of mean `mean`, always the same or exponential."""
    if kind is ThinkKind.CONSTANT or not mean:
        return lambda: mean
    return lambda: exponential(next(draws), mean)

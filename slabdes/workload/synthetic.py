"""Synthetic workloads: what each CPU does, drawn from its own random stream and from nothing that the engine decides.

A program knows which of its slots it has filled, not what the allocator made of them. Leaves out traces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from slabdes.config import (
    BurstWorkload,
    CacheConfig,
    CriticalSectionWorkload,
    Experiment,
    MixWorkload,
    Placement,
    ProducerConsumerWorkload,
    ThinkKind,
)
from slabdes.errors import InputError
from slabdes.machine.topology import Machine
from slabdes.streams import Purpose, below, exponential, stream_key, words
from slabdes.units import ns_to_ps
from slabdes.workload.programs import ANY_NODE, MAY_WAIT, Op, Program, Step, Workload

NO_CACHE = -1


def build_synthetic(experiment: Experiment, machine: Machine, replication: int) -> Workload:
    """The programs of a burst, mix, producer_consumer or critical_section experiment.

    Raises InputError when the machine has too few CPUs for it.
    """
    config = experiment.workload
    count = experiment.machine.cpus or machine.n_cpus
    placement = experiment.machine.placement
    if isinstance(config, ProducerConsumerWorkload):
        placement = Placement.SPREAD
        if count % 2:
            raise InputError("machine.cpus", f"{count} CPUs do not pair up for producer_consumer", allowed="an even number")
    cpus = machine.choose_cpus(count, placement)
    caches = experiment.cache

    def random_words(cpu: int) -> Iterator[int]:
        return words(stream_key(experiment.seed, replication, cpu, Purpose.WORKLOAD))

    programs: dict[int, Program]
    match config:
        case BurstWorkload():
            programs = {cpu: partial(_burst, config, len(caches), slot) for slot, cpu in enumerate(cpus)}
            steps = 2 * config.objects * config.rounds * count
            return Workload(programs, caches, operations=steps, barrier=count if config.barrier else 0)
        case MixWorkload():
            programs = {
                cpu: partial(_mix, config, len(caches), slot, partial(random_words, cpu)) for slot, cpu in enumerate(cpus)
            }
            return Workload(programs, caches, operations=config.operations * count)
        case ProducerConsumerWorkload():
            return _producer_consumer(config, caches, cpus, random_words)
        case CriticalSectionWorkload():
            programs = {cpu: partial(_critical_section, config, partial(random_words, cpu)) for cpu in cpus}
            return Workload(programs, caches, operations=config.operations * count)
    raise AssertionError(f"{config.kind} is not synthetic")


Words = Callable[[], Iterator[int]]
_SLOT_BITS = 40
"""A CPU's slots are its number above this many bits, and a counter below."""


def _burst(config: BurstWorkload, n_caches: int, owner: int) -> Iterator[Step]:
    think = ns_to_ps(config.think_ns)
    base = owner << _SLOT_BITS
    for _round in range(config.rounds):
        for slot in range(config.objects):
            yield think, Op.ALLOC, slot % n_caches, base + slot, ANY_NODE, MAY_WAIT
        if config.barrier:
            yield 0, Op.BARRIER, NO_CACHE, 0, ANY_NODE, 0
        for slot in range(config.objects):
            yield think, Op.FREE, slot % n_caches, base + slot, ANY_NODE, 0
        if config.barrier:
            yield 0, Op.BARRIER, NO_CACHE, 0, ANY_NODE, 0


def _mix(config: MixWorkload, n_caches: int, owner: int, random_words: Words) -> Iterator[Step]:
    """Allocate with probability 1 - live / (2 * target), so that the live set hovers around its target."""
    draws = random_words()
    think = _time(config.think, ns_to_ps(config.think_ns), draws)
    live: list[int] = []
    spare = [owner << _SLOT_BITS | slot for slot in range(2 * config.live, -1, -1)]
    for _operation in range(config.operations):
        pause = think()
        if below(next(draws), 2 * config.live) >= len(live):
            slot = spare.pop()
            live.append(slot)
            yield pause, Op.ALLOC, slot % n_caches, slot, ANY_NODE, MAY_WAIT
        else:
            chosen = below(next(draws), len(live))
            slot, live[chosen] = live[chosen], live[-1]
            live.pop()
            spare.append(slot)
            yield pause, Op.FREE, slot % n_caches, slot, ANY_NODE, 0


def _producer_consumer(
    config: ProducerConsumerWorkload,
    caches: tuple[CacheConfig, ...],
    cpus: tuple[int, ...],
    random_words: Callable[[int], Iterator[int]],
) -> Workload:
    """Neighbours in the order of the CPUs, which goes round the nodes, are a pair: so its nodes differ where nodes do."""
    programs: dict[int, Program] = {}
    for pair, (producer, consumer) in enumerate(zip(cpus[::2], cpus[1::2], strict=True)):
        base = pair << _SLOT_BITS
        programs[producer] = partial(_pass_objects, config, len(caches), Op.ALLOC, base, partial(random_words, producer))
        programs[consumer] = partial(_pass_objects, config, len(caches), Op.FREE, base, partial(random_words, consumer))
    return Workload(programs, caches, windowed=True, operations=config.objects * len(cpus))


def _pass_objects(config: ProducerConsumerWorkload, n_caches: int, op: Op, base: int, random_words: Words) -> Iterator[Step]:
    think = _time(config.think, ns_to_ps(config.think_ns), random_words())
    flags = MAY_WAIT if op is Op.ALLOC else 0
    for number in range(config.objects):
        slot = number % config.window
        yield think(), op, slot % n_caches, base + slot, ANY_NODE, flags


def _critical_section(config: CriticalSectionWorkload, random_words: Words) -> Iterator[Step]:
    draws = random_words()
    think = _time(config.think, ns_to_ps(config.think_ns), draws)
    hold = _time(config.hold, ns_to_ps(config.hold_ns), draws)
    for _operation in range(config.operations):
        yield think(), Op.SECTION, NO_CACHE, hold(), ANY_NODE, 0


def _time(kind: ThinkKind, mean: int, draws: Iterator[int]) -> Callable[[], int]:
    """Picoseconds of mean `mean`, always the same or exponential."""
    if kind is ThinkKind.CONSTANT or not mean:
        return lambda: mean
    return lambda: exponential(next(draws), mean)

"""Synthetic workloads: what each CPU does, drawn from its own random stream and from nothing that the engine decides.

A program knows which of its slots it has filled, not what the allocator made of them. Leaves out traces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from slabdes.config import (
    BurstWorkload,
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

    def key(cpu: int) -> int:
        return stream_key(experiment.seed, replication, cpu, Purpose.WORKLOAD)

    programs: dict[int, Program]
    match config:
        case BurstWorkload():
            programs = {cpu: Burst(config, len(caches), slot) for slot, cpu in enumerate(cpus)}
            steps = 2 * config.objects * config.rounds * count
            return Workload(programs, caches, operations=steps, barrier=count if config.barrier else 0)
        case MixWorkload():
            programs = {cpu: Mix(config, len(caches), slot, key(cpu)) for slot, cpu in enumerate(cpus)}
            return Workload(programs, caches, operations=config.operations * count)
        case ProducerConsumerWorkload():
            # Neighbours in the order of the CPUs, which goes round the nodes, are a pair: its nodes differ where nodes do.
            programs = {
                cpu: PassObjects(config, len(caches), Op.FREE if place % 2 else Op.ALLOC, place // 2, key(cpu))
                for place, cpu in enumerate(cpus)
            }
            return Workload(programs, caches, windowed=True, operations=config.objects * len(cpus))
        case CriticalSectionWorkload():
            programs = {cpu: CriticalSection(config, key(cpu)) for cpu in cpus}
            return Workload(programs, caches, operations=config.operations * count)
    raise AssertionError(f"{config.kind} is not synthetic")


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
        think = ns_to_ps(config.think_ns)
        base = self.owner << SLOT_BITS
        for _round in range(config.rounds):
            for slot in range(config.objects):
                yield think, Op.ALLOC, slot % self.n_caches, base + slot, ANY_NODE, MAY_WAIT
            if config.barrier:
                yield 0, Op.BARRIER, NO_CACHE, 0, ANY_NODE, 0
            for slot in range(config.objects):
                yield think, Op.FREE, slot % self.n_caches, base + slot, ANY_NODE, 0
            if config.barrier:
                yield 0, Op.BARRIER, NO_CACHE, 0, ANY_NODE, 0


@dataclass(frozen=True)
class Mix:
    """A mix's program, its draws from the stream at `key`."""

    config: MixWorkload
    n_caches: int
    owner: int
    key: int

    def __call__(self) -> Iterator[Step]:
        """Allocate with probability 1 - live / (2 * target), so that the live set hovers around its target."""
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
    n_caches: int
    op: Op
    pair: int
    key: int

    def __call__(self) -> Iterator[Step]:
        """Go round the window's slots."""
        config = self.config
        think = _time(config.think, ns_to_ps(config.think_ns), words(self.key))
        flags = MAY_WAIT if self.op is Op.ALLOC else 0
        base = self.pair << SLOT_BITS
        for number in range(config.objects):
            slot = number % config.window
            yield think(), self.op, slot % self.n_caches, base + slot, ANY_NODE, flags


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
        for _operation in range(config.operations):
            yield think(), Op.SECTION, NO_CACHE, hold(), ANY_NODE, 0


def _time(kind: ThinkKind, mean: int, draws: Iterator[int]) -> Callable[[], int]:
    """Picoseconds of mean `mean`, always the same or exponential."""
    if kind is ThinkKind.CONSTANT or not mean:
        return lambda: mean
    return lambda: exponential(next(draws), mean)

# SPDX-License-Identifier: GPL-2.0-only
"""The plain SimPy model that `bench` compares with: what one would write first. One event an operation, a Resource for a lock.

Models a burst on one cache of Linux 2.6.34: CPUs' arrays, shared arrays, slabs on lists, page lists, jitter, first touch, all
as Python lists and objects. Leaves out cache lines, what waiting costs others, reap timers, and pages' way back to the zone.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import simpy

from slabdes.allocator.page_lists import LISTS_OF_2_6_34
from slabdes.allocator.pages import PagePool
from slabdes.allocator.state import OBJECT_BITS
from slabdes.allocator.tunables import BATCHREFILL_LIMIT
from slabdes.config import BurstWorkload, Experiment
from slabdes.engine.collect import digest_of
from slabdes.engine.cpu import FIXED_BITS, TimedCpu, fold, hold_word, slowed, what_word
from slabdes.engine.records import SUB_BUCKET_BITS, Histogram, LockKind
from slabdes.engine.setup import build_state
from slabdes.engine.timed import make_cpus
from slabdes.machine.topology import Machine
from slabdes.paths.outcome import Path
from slabdes.streams import BLOCK
from slabdes.workload.programs import Workload

Steps = Generator[simpy.Event, Any, None]


class PlainObject:
    """An object, and the CPU that allocated it last."""

    __slots__ = ("index", "owner", "slab")

    def __init__(self, slab: PlainSlab, index: int) -> None:
        self.slab = slab
        self.index = index
        self.owner: PlainCpu | None = None


class _Numbered(Protocol):
    number: int


class LoggedObject(Protocol):
    """An object of any plain model, as a log knows it."""

    index: int

    @property
    def slab(self) -> _Numbered:
        """Its slab."""


class PlainSlab:
    """A slab, with its free objects; the one to be handed out next is the last."""

    __slots__ = ("free", "number")

    def __init__(self, number: int, num: int) -> None:
        self.number = number
        self.free = [PlainObject(self, index) for index in reversed(range(num))]


class PlainLock(simpy.Resource):
    """A lock: first come, first served. `kind` and `node` say which."""

    def __init__(self, env: simpy.Environment, kind: LockKind, node: int) -> None:
        super().__init__(env)
        self.kind = kind
        self.node = node


class PlainNode:
    """A node's lists, heads first, and its locks. Nobody looks for full slabs, so they are on no list."""

    def __init__(self, env: simpy.Environment, number: int, free_limit: int) -> None:
        self.list_lock = PlainLock(env, LockKind.LIST, number)
        self.zone_lock = PlainLock(env, LockKind.ZONE, number)
        self.shared: list[PlainObject] = []
        self.partial: list[PlainSlab] = []
        self.free: list[PlainSlab] = []
        self.free_objects = 0
        self.free_limit = free_limit


class PlainCpu:
    """A CPU: its array, the pages on its list, and how much slower than usual each next piece of work is."""

    def __init__(self, cpu: TimedCpu, node: PlainNode) -> None:
        self.number = cpu.number
        self.node = node
        self.array: list[PlainObject] = []
        self.touched = False
        self.pages = 0
        self.factors = factors_of(cpu)


def factors_of(cpu: TimedCpu) -> Iterator[int]:
    """How much slower than usual each next piece of a CPU's work is, in fixed point."""
    import numpy as np

    while True:
        drawn = np.fromiter(islice(cpu.jitter_words, BLOCK), "u8", BLOCK) >> np.uint64(64 - FIXED_BITS)
        yield from slowed(cpu.slowdown, cpu.jitter, drawn.astype("i8")).tolist()  # type: ignore[arg-type,attr-defined] # an array's worth at once


def histogram_of(took: list[float]) -> Histogram:
    """The histogram of some times: their buckets, all at once."""
    import numpy as np

    values = np.array(took, "i8")
    exponents = np.maximum(np.frexp(values)[1] - SUB_BUCKET_BITS - 1, 0)
    buckets, counts = np.unique((exponents << SUB_BUCKET_BITS) + (values >> exponents), return_counts=True)
    counted = dict(zip(buckets.tolist(), counts.tolist(), strict=True))
    return Histogram(counted, len(took), int(values.sum()), int(values.min()), int(values.max()))


@dataclass
class PlainLog:
    """Operations as (CPU, start, end, path, slab, index), holds as (kind, node, CPU, asked, granted, released)."""

    operations: list[tuple[int, int, int, Path, int, int]] = field(default_factory=list)
    holds: list[tuple[LockKind, int, int, int, int, int]] = field(default_factory=list)

    def add(self, cpu: int, start: float, end: float, path: Path, obj: LoggedObject) -> None:
        """Keep an operation."""
        self.operations.append((cpu, int(start), int(end), path, obj.slab.number, obj.index))

    def digest(self, n_cpus: int, locks: Sequence[tuple[LockKind, int]]) -> str:
        """The digest that an engine makes of the same operations and holds; `locks` are all of a run by kind and node."""
        cpus = [0] * n_cpus
        for cpu, start, end, path, slab, index in self.operations:
            cpus[cpu] = fold(cpus[cpu], start, end, what_word(slab << OBJECT_BITS | index, 0, path))
        held = dict.fromkeys(locks, 0)
        for kind, node, cpu, asked, granted, released in self.holds:
            held[kind, node] = fold(held[kind, node], asked, released, hold_word(cpu, granted))
        return digest_of(cpus, [held[lock] for lock in locks])


class _Holder(Protocol):
    """A CPU, as a lock's record names it."""

    number: int


class PlainBurst:
    """What the model of any allocator has: `latency` has a histogram for each path; `log` is filled if there is one."""

    def __init__(self, experiment: Experiment, log: PlainLog | None) -> None:
        assert isinstance(experiment.workload, BurstWorkload)
        self.burst = experiment.workload
        self.log = log
        self.took: dict[Path, list[float]] = {path: [] for path in Path}
        self.latency: dict[Path, Histogram] = {}
        self.env = simpy.Environment()

    def run(self) -> int:
        """Simulate; how many operations that were."""
        self.env.run()
        self.latency = {path: histogram_of(took) for path, took in self.took.items() if took}
        return sum(histogram.count for histogram in self.latency.values())

    def hold(self, cpu: _Holder, lock: PlainLock, spent: int) -> Steps:
        """Take a lock and release it when the time `spent` is over."""
        asked = self.env.now
        with lock.request() as request:
            if not request.triggered:
                yield request
            granted = self.env.now
            yield self.env.timeout(spent)
        self.held(cpu, lock, asked, granted)

    def held(self, cpu: _Holder, lock: PlainLock, asked: float, granted: float) -> None:
        """Record a hold that ends now."""
        if self.log is not None:
            self.log.holds.append((lock.kind, lock.node, cpu.number, int(asked), int(granted), int(self.env.now)))


class PlainModel(PlainBurst):
    """The model of one experiment on SLAB."""

    def __init__(self, experiment: Experiment, machine: Machine, workload: Workload, log: PlainLog | None = None) -> None:
        super().__init__(experiment, log)
        state = build_state(experiment, machine, workload.caches, 0)
        (self.cache,) = state.caches
        self.n_slabs = len(state.slabs)
        self.spare: list[int] = []
        """Numbers of destroyed slabs, to be used again."""
        self.costs = costs = machine.costs
        self.alloc_hit, self.alloc_miss = costs.alloc_hit, costs.alloc_hit + costs.slow_path
        self.free_hit, self.free_miss = costs.free_hit, costs.free_hit + costs.slow_path
        self.first_touch = costs.first_touch
        env = self.env
        self.page_batch = PagePool(machine.memory_pages, machine.node_of_cpu, LISTS_OF_2_6_34).batch
        nodes = [PlainNode(env, l3.node, l3.free_limit) for l3 in self.cache.nodelists]
        shared = self.cache.nodelists[0].shared
        self.shared_limit = shared.limit if shared else 0
        for cpu in make_cpus(experiment, machine, workload, 0):
            if cpu.number in workload.programs:
                env.process(self.live(PlainCpu(cpu, nodes[cpu.node])))

    def live(self, cpu: PlainCpu) -> Steps:
        """A CPU's program. It does not think: an operation begins when the one before has ended."""
        env, timeout, array, factors, took, log = self.env, self.env.timeout, cpu.array, cpu.factors, self.took, self.log
        alloc_hit, free_hit, first_touch, limit = self.alloc_hit, self.free_hit, self.first_touch, self.cache.limit
        alloc_hits, free_hits = took[Path.HIT], took[Path.FREE_HIT]
        start = env.now
        for _round in range(self.burst.rounds):
            held: list[PlainObject] = []
            for _object in range(self.burst.objects):
                if array:
                    path, times = Path.HIT, alloc_hits
                    obj = array.pop()
                    work = alloc_hit * next(factors) >> FIXED_BITS
                    yield timeout(work if obj.owner is cpu else work + first_touch)
                else:
                    path = yield from self.refill(cpu)
                    times = took[path]
                    obj = array.pop()
                    if obj.owner is not cpu:
                        yield timeout(first_touch)
                obj.owner = cpu
                held.append(obj)
                end = env.now
                times.append(end - start)
                if log is not None:
                    log.add(cpu.number, start, end, path, obj)
                start = end
            for obj in held:
                if len(array) < limit:
                    path, times = Path.FREE_HIT, free_hits
                    yield timeout(free_hit * next(factors) >> FIXED_BITS)
                else:
                    path = yield from self.flush(cpu)
                    times = took[path]
                array.append(obj)
                end = env.now
                times.append(end - start)
                if log is not None:
                    log.add(cpu.number, start, end, path, obj)
                start = end

    def refill(self, cpu: PlainCpu) -> Generator[simpy.Event, Any, Path]:
        """Fill an empty array from the node, which grows until it has something."""
        env, lock = self.env, cpu.node.list_lock
        batch = self.cache.batchcount if cpu.touched else min(self.cache.batchcount, BATCHREFILL_LIMIT)
        grown = False
        yield env.timeout(self.alloc_miss * next(cpu.factors) >> FIXED_BITS)
        while True:
            asked = env.now
            with lock.request() as request:
                if not request.triggered:
                    yield request
                granted = env.now
                path, spent = self.take(cpu, batch)
                yield env.timeout(spent)
            self.held(cpu, lock, asked, granted)
            if cpu.array:
                cpu.touched = True
                return Path.GROW if grown else path
            yield from self.grow(cpu)
            grown = True

    def take(self, cpu: PlainCpu, batch: int) -> tuple[Path, int]:
        """Move a batch from the shared array, else from slabs, to the CPU's array: from where, and how long that takes."""
        node = cpu.node
        spent = self.costs.lock_op
        if node.shared:
            nr = min(batch, len(node.shared))
            cpu.array += node.shared[-nr:]
            del node.shared[-nr:]
            return Path.SHARED, spent + nr * self.costs.move_object
        from_partial = from_free = False
        while batch and (node.partial or node.free):
            from_partial |= bool(node.partial)
            from_free |= not node.partial
            slab = (node.partial or node.free).pop(0)
            nr = min(batch, len(slab.free))
            cpu.array += slab.free[: -nr - 1 : -1]
            del slab.free[-nr:]
            if slab.free:
                node.partial.insert(0, slab)
            batch -= nr
            node.free_objects -= nr
            spent += nr * self.costs.slab_object + self.costs.list_move
        if from_partial and from_free:
            return Path.PARTIAL_FREE, spent
        return Path.PARTIAL if from_partial else Path.FREE, spent

    def grow(self, cpu: PlainCpu) -> Steps:
        """Make a slab: the lock is held once for its colour and once to put it on the free list."""
        env, node, costs = self.env, cpu.node, self.costs
        yield from self.hold(cpu, node.list_lock, costs.lock_op)
        if not cpu.pages:
            cpu.pages = self.page_batch[node.list_lock.node]
            yield from self.hold(cpu, node.zone_lock, costs.lock_op + cpu.pages * costs.pcp_refill_page)
        cpu.pages -= 1
        if not self.spare:
            self.spare.append(self.n_slabs)
            self.n_slabs += 1
        slab = PlainSlab(self.spare.pop(), self.cache.num)
        yield env.timeout(costs.page_alloc_order0 + costs.irq_pair + costs.grow_base + self.cache.num * costs.init_object)
        yield from self.hold(cpu, node.list_lock, costs.lock_op + costs.list_move)
        node.free.append(slab)
        node.free_objects += self.cache.num

    def flush(self, cpu: PlainCpu) -> Generator[simpy.Event, Any, Path]:
        """Make room in a full array: its oldest batch goes to the shared array, or to the slabs if that is full."""
        env, lock = self.env, cpu.node.list_lock
        yield env.timeout(self.free_miss * next(cpu.factors) >> FIXED_BITS)
        asked = env.now
        with lock.request() as request:
            if not request.triggered:
                yield request
            granted = env.now
            path, spent = self.give(cpu)
            yield env.timeout(spent)
        self.held(cpu, lock, asked, granted)
        return path

    def give(self, cpu: PlainCpu) -> tuple[Path, int]:
        """Move a batch from a CPU's array to the shared array, else to the slabs: where to, and how long that takes."""
        node = cpu.node
        batch = self.cache.batchcount
        room = min(batch, self.shared_limit - len(node.shared))
        if room:
            node.shared += cpu.array[:room]
            del cpu.array[:room]
            return Path.FLUSH_SHARED, self.costs.lock_op + room * self.costs.move_object
        for obj in cpu.array[:batch]:
            self.give_back(cpu, obj)
        del cpu.array[:batch]
        return Path.FLUSH_LISTS, self.costs.lock_op + batch * (self.costs.slab_object + self.costs.list_move)

    def give_back(self, cpu: PlainCpu, obj: PlainObject) -> None:
        """Return an object to its slab; a slab that empties beyond free_limit becomes a page of the CPU's list again."""
        node, slab = cpu.node, obj.slab
        if slab.free:
            node.partial.remove(slab)
        slab.free.append(obj)
        node.free_objects += 1
        if len(slab.free) < self.cache.num:
            node.partial.append(slab)
        elif node.free_objects > node.free_limit:
            node.free_objects -= self.cache.num
            self.spare.append(slab.number)
            cpu.pages += 1
        else:
            node.free.insert(0, slab)


def run_timeouts(events: int, processes: int = 1) -> int:
    """A bare loop of timeouts in each process: the least that a SimPy model with an event an operation can cost."""
    env = simpy.Environment()
    each = events // processes
    for _process in range(processes):
        env.process(_tick(env, each))
    env.run()
    return each * processes


def _tick(env: simpy.Environment, events: int) -> Steps:
    for _event in range(events):
        yield env.timeout(1)

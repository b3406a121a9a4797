# SPDX-License-Identifier: GPL-2.0-only
"""SLUB as a plain SimPy model: the same burst on Linux 7.3, an event a hit, a Resource for a lock, sheaves as Python lists.

Models main and spare sheaves, barns, refills from partial lists of all nodes and from new slabs, flushes by groups, jitter, first
touch. Leaves out cache lines, what waiting costs others, the race for a slab's state word, blocks of pages that are split, merged
or still warm, nodes that run out of them, and slabs of orders without per-CPU lists.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

from slabdes.allocator.pages import PagePool
from slabdes.allocator.slub.state import CYCLES_MASK
from slabdes.allocator.slub.transitions import LOOKAHEAD
from slabdes.config import Experiment
from slabdes.engine.cpu import FIXED_BITS, TimedCpu
from slabdes.engine.records import LockKind
from slabdes.engine.reference.plain import PlainBurst, PlainLock, PlainLog, Steps, factors_of
from slabdes.engine.setup import slub_version_of
from slabdes.engine.slub_setup import build_slub_state, cycle_ps
from slabdes.engine.timed import costs_of, make_cpus
from slabdes.machine.topology import Machine
from slabdes.paths.outcome import Path
from slabdes.workload.programs import Workload


class PlainSlubObject:
    """An object, and the CPU that allocated it last."""

    __slots__ = ("index", "owner", "slab")

    def __init__(self, slab: PlainSlubSlab, index: int) -> None:
        self.slab = slab
        self.index = index
        self.owner: PlainSlubCpu | None = None


class PlainSlubSlab:
    """A slab, with its free objects, the one to be handed out next last, and whether it is on its node's list."""

    __slots__ = ("free", "listed", "node", "number")

    def __init__(self, number: int, node: PlainSlubNode, num: int) -> None:
        self.number = number
        self.node = node
        self.free = [PlainSlubObject(self, index) for index in reversed(range(num))]
        self.listed = False


Sheaf = list[PlainSlubObject]


class PlainSlubNode:
    """A node's partial list, head first, its barn, the last sheaf put there last, and its locks."""

    def __init__(self, env: simpy.Environment, number: int) -> None:
        self.number = number
        self.list_lock = PlainLock(env, LockKind.LIST, number)
        self.barn_lock = PlainLock(env, LockKind.BARN, number)
        self.zone_lock = PlainLock(env, LockKind.ZONE, number)
        self.partial: list[PlainSlubSlab] = []
        self.full: list[Sheaf] = []
        self.empty: list[Sheaf] = []


class PlainSlubCpu:
    """A CPU: its main sheaf and its spare, blocks of each node's pages, how much slower than usual each next piece of work is."""

    def __init__(self, cpu: TimedCpu, node: PlainSlubNode, n_nodes: int) -> None:
        self.number = cpu.number
        self.node = node
        self.main: Sheaf = []
        self.spare: Sheaf | None = None
        self.blocks = [0] * n_nodes
        self.factors = factors_of(cpu)


class PlainSlubModel(PlainBurst):
    """The model of one experiment on SLUB with sheaves."""

    def __init__(self, experiment: Experiment, machine: Machine, workload: Workload, log: PlainLog | None = None) -> None:
        super().__init__(experiment, log)
        version = slub_version_of(experiment)
        assert not version.cpu_slabs
        state = build_slub_state(experiment, machine, workload.caches)
        (self.cache,) = state.caches
        self.capacity = self.cache.sheaf_capacity
        self.n_slabs = len(state.slabs)
        self.spare: list[int] = []
        """Numbers of slabs given up, to be used again."""
        self.costs = costs_of(experiment, machine, workload.caches)
        self.cycle_ps = cycle_ps(machine)
        self.pages = PagePool(machine.memory_pages, machine.node_of_cpu, version.page_lists)
        env = self.env
        nodes = [PlainSlubNode(env, number) for number in range(machine.n_nodes)]
        self.zonelists = [[nodes[zone] for zone in machine.zonelist(node)] for node in range(machine.n_nodes)]
        for cpu in make_cpus(experiment, machine, workload, 0):
            if cpu.number in workload.programs:
                env.process(self.live(PlainSlubCpu(cpu, nodes[cpu.node], machine.n_nodes)))

    def live(self, cpu: PlainSlubCpu) -> Steps:
        """A CPU's program. It does not think: an operation begins when the one before has ended."""
        env, timeout, factors, took, log = self.env, self.env.timeout, cpu.factors, self.took, self.log
        alloc_hit, free_hit, first_touch, capacity = (
            self.costs.alloc_hit,
            self.costs.free_hit,
            self.costs.first_touch,
            self.capacity,
        )
        alloc_hits, free_hits = took[Path.HIT], took[Path.FREE_HIT]
        start = env.now
        for _round in range(self.burst.rounds):
            held: list[PlainSlubObject] = []
            for _object in range(self.burst.objects):
                work = alloc_hit * next(factors) >> FIXED_BITS
                if cpu.main:
                    path, times = Path.HIT, alloc_hits
                    obj = cpu.main.pop()
                    yield timeout(work if obj.owner is cpu else work + first_touch)
                else:
                    yield timeout(work)
                    path = yield from self.replace_empty(cpu)
                    times = took[path]
                    obj = cpu.main.pop()
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
                yield timeout(free_hit * next(factors) >> FIXED_BITS)
                if obj.slab.node is not cpu.node:
                    path = yield from self.free(cpu, obj.slab, [obj])
                    times = took[path]
                elif len(cpu.main) < capacity:
                    path, times = Path.FREE_HIT, free_hits
                    cpu.main.append(obj)
                else:
                    path = yield from self.replace_full(cpu)
                    times = took[path]
                    cpu.main.append(obj)
                end = env.now
                times.append(end - start)
                if log is not None:
                    log.add(cpu.number, start, end, path, obj)
                start = end

    def replace_empty(self, cpu: PlainSlubCpu) -> Generator[simpy.Event, Any, Path]:
        """Give the CPU a main sheaf that holds something: its spare, one of the barn, else one that is refilled."""
        node = cpu.node
        if cpu.spare:
            cpu.main, cpu.spare = cpu.spare, cpu.main
            return Path.SPARE
        if node.full and (full := (yield from self.exchange(cpu, node.full, node.empty, cpu.main))) is not None:
            cpu.main = full
            return Path.BARN
        sheaf, cpu.spare = cpu.spare, None
        if sheaf is None:
            sheaf = yield from self.exchange(cpu, node.empty)
        if sheaf is None:
            sheaf = yield from self.new_sheaf(cpu)
        path = yield from self.refill(cpu, sheaf)
        cpu.main, cpu.spare = sheaf, cpu.main
        return path

    def replace_full(self, cpu: PlainSlubCpu) -> Generator[simpy.Event, Any, Path]:
        """Give the CPU a main sheaf with room: its spare, an empty one of the barn, a new one, or its spare once flushed."""
        node = cpu.node
        if cpu.spare is None:
            empty = yield from self.exchange(cpu, node.empty)
            path = Path.FREE_NEW_SHEAF if empty is None else Path.FREE_BARN
            if empty is None:
                empty = yield from self.new_sheaf(cpu)
            cpu.main, cpu.spare = empty, cpu.main
            return path
        if len(cpu.spare) < self.capacity:
            cpu.main, cpu.spare = cpu.spare, cpu.main
            return Path.FREE_SPARE
        if len(node.full) >= self.cache.full_limit:
            yield from self.flush(cpu, cpu.spare)
            cpu.main, cpu.spare = cpu.spare, cpu.main
            return Path.FREE_FLUSH
        empty = yield from self.exchange(cpu, node.empty, node.full, cpu.main)
        if empty is not None:
            cpu.main = empty
            return Path.FREE_BARN
        full, cpu.main = cpu.main, (yield from self.new_sheaf(cpu))
        yield from self.locked(cpu, node.barn_lock, self.costs.list_move)
        node.full.append(full)
        return Path.FREE_NEW_SHEAF

    def exchange(
        self, cpu: PlainSlubCpu, wanted: list[Sheaf], given: list[Sheaf] | None = None, sheaf: Sheaf | None = None
    ) -> Generator[simpy.Event, Any, Sheaf | None]:
        """Take a sheaf of the barn's list `wanted`, and put `sheaf` on `given`; None if there is none."""
        if not wanted:
            return None
        lock, costs = cpu.node.barn_lock, self.costs
        got = None
        asked = self.env.now
        with lock.request() as request:
            if not request.triggered:
                yield request
            granted = self.env.now
            if wanted:
                got = wanted.pop()
                if given is not None and sheaf is not None:
                    given.append(sheaf)
            yield self.env.timeout(costs.irq_save + costs.lock_op + costs.list_move)
        self.held(cpu, lock, asked, granted)
        return got

    def new_sheaf(self, cpu: PlainSlubCpu) -> Generator[simpy.Event, Any, Sheaf]:
        """An empty sheaf, which is an allocation, too."""
        yield self.env.timeout(self.costs.alloc_hit * next(cpu.factors) >> FIXED_BITS)
        return []

    def refill(self, cpu: PlainSlubCpu, sheaf: Sheaf) -> Generator[simpy.Event, Any, Path]:
        """Fill a sheaf: of this node's slabs, of other nodes' that have more than they need, of new ones."""
        path = Path.REFILL
        yield self.env.timeout(self.costs.slow_path)
        yield from self.refill_from(cpu, cpu.node, sheaf)
        got = len(sheaf)
        if got < self.capacity and self.cache.ratio >= int(self.env.now) // self.cycle_ps & CYCLES_MASK and self.cache.ratio:
            for node in self.zonelists[cpu.node.number]:
                if len(node.partial) > self.cache.min_partial and not node.list_lock.count:
                    yield from self.refill_from(cpu, node, sheaf)
                    if len(sheaf) == self.capacity:
                        break
            path = Path.REFILL_REMOTE if len(sheaf) > got else path
        while len(sheaf) < self.capacity:
            yield from self.grow(cpu, sheaf)
            path = Path.REFILL_GROW
        return path

    def refill_from(self, cpu: PlainSlubCpu, node: PlainSlubNode, sheaf: Sheaf) -> Steps:
        """Take slabs off the head of a node's list until they have enough, then their objects; what is left is listed last."""
        if not node.partial:
            return
        costs = self.costs
        lock, slabs, free = node.list_lock, list[PlainSlubSlab](), 0
        asked = self.env.now
        with lock.request() as request:
            if not request.triggered:
                yield request
            granted = self.env.now
            while node.partial and free < self.capacity - len(sheaf):
                slab = node.partial.pop(0)
                slab.listed = False
                slabs.append(slab)
                free += len(slab.free)
            yield self.env.timeout(costs.irq_save + costs.lock_op + len(slabs) * costs.list_move // 2)
        self.held(cpu, lock, asked, granted)
        for slab in slabs:
            nr = min(self.capacity - len(sheaf), len(slab.free))
            if nr:
                sheaf += slab.free[: -nr - 1 : -1]
                del slab.free[-nr:]
                yield self.env.timeout(costs.cmpxchg_double + nr * costs.slab_object)
            if slab.free:
                yield from self.locked(cpu, lock, costs.cmpxchg_double + costs.list_move // 2)
                slab.listed = True
                node.partial.append(slab)

    def grow(self, cpu: PlainSlubCpu, sheaf: Sheaf) -> Steps:
        """Make a slab and take what is wanted of it; the rest is listed first."""
        env, node, costs, cache = self.env, cpu.node, self.costs, self.cache
        yield env.timeout(costs.page_alloc_order0)
        if not cpu.blocks[node.number]:
            batch = self.pages.batch[node.number]
            cpu.blocks[node.number] = blocks = max(batch >> cache.order, 2) if batch > 1 else batch
            yield from self.locked(cpu, node.zone_lock, blocks * (costs.page_take + costs.page_cold))
        cpu.blocks[node.number] -= 1
        yield env.timeout(costs.page_cold * ((1 << cache.order) - 1))
        if not self.spare:
            self.spare.append(self.n_slabs)
            self.n_slabs += 1
        slab = PlainSlubSlab(self.spare.pop(), node, cache.num)
        nr = min(cache.num, self.capacity - len(sheaf))
        sheaf += slab.free[: -nr - 1 : -1]
        del slab.free[-nr:]
        yield env.timeout(costs.grow_base + cache.num * costs.init_object + nr * costs.move_object)
        if slab.free:
            yield from self.locked(cpu, node.list_lock, costs.list_move // 2)
            slab.listed = True
            node.partial.insert(0, slab)

    def flush(self, cpu: PlainSlubCpu, sheaf: Sheaf) -> Steps:
        """A sheaf's objects go back to their slabs: the last, and those of its slab that are near it, at a time."""
        yield self.env.timeout(self.costs.slow_path)
        while sheaf:
            group = [sheaf.pop()]
            place, misses = len(sheaf), 0
            while place and misses < LOOKAHEAD:
                place -= 1
                if sheaf[place].slab is group[0].slab:
                    group.append(sheaf[place])
                    sheaf[place] = sheaf[-1]
                    sheaf.pop()
                else:
                    misses += 1
            yield from self.free(cpu, group[0].slab, group)

    def free(self, cpu: PlainSlubCpu, slab: PlainSlubSlab, group: Sheaf) -> Generator[simpy.Event, Any, Path]:
        """Return a group of objects to their slab, under list_lock if it was full or becomes empty."""
        env, node, costs, num = self.env, slab.node, self.costs, self.cache.num
        spent = costs.cmpxchg_double + len(group) * costs.slab_object
        if slab.free and len(slab.free) + len(group) < num:
            slab.free += group
            yield env.timeout(spent)
            return Path.FREE_SLAB
        lock = node.list_lock
        asked = env.now
        with lock.request() as request:
            if not request.triggered:
                yield request
            granted = env.now
            doomed = self.give_back(node, slab, group)
            yield env.timeout(costs.irq_save + costs.lock_op + spent + costs.list_move // 2)
        self.held(cpu, lock, asked, granted)
        if doomed:
            self.spare.append(slab.number)
            yield env.timeout(costs.page_free_order0 + (costs.page_check << self.cache.order))
            cpu.blocks[node.number] += 1
            if cpu.blocks[node.number] << self.cache.order >= self.pages.high[node.number]:
                batch = self.pages.batch[node.number] + (1 << self.cache.order) - 1 >> self.cache.order
                cpu.blocks[node.number] -= min(cpu.blocks[node.number], batch)
                yield from self.locked(cpu, node.zone_lock, 0)
        return Path.FREE_LIST

    def give_back(self, node: PlainSlubNode, slab: PlainSlubSlab, group: Sheaf) -> bool:
        """Under list_lock: put a group into its slab, and the slab where it belongs; whether it is to be given up."""
        was_full = not slab.free
        slab.free += group
        if not was_full and not slab.listed:
            return False
        if len(slab.free) == self.cache.num and len(node.partial) >= self.cache.min_partial:
            if slab.listed:
                node.partial.remove(slab)
                slab.listed = False
            return True
        if was_full:
            node.partial.append(slab)
            slab.listed = True
        return False

    def locked(self, cpu: PlainSlubCpu, lock: PlainLock, spent: int) -> Steps:
        """Hold a lock for that long, beside what taking it costs: SLUB's own are taken with interrupts off."""
        own = 0 if lock.kind is LockKind.ZONE else self.costs.irq_save
        return self.hold(cpu, lock, own + self.costs.lock_op + spent)

# SPDX-License-Identifier: GPL-2.0-only
"""SLUB's engine without a clock: nothing fails unless it is told to, grace periods end when it is told, CPUs take turns in order.

Leaves out what comes in between the steps of an operation (`let_in`) and how steps are written down.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.slub.state import CYCLES_MASK, KmemCache, SlubState
from slabdes.allocator.slub.versions import SlubVersion
from slabdes.allocator.state import NO_NODE
from slabdes.engine.clockless import Clockless
from slabdes.paths.kernel import Waits
from slabdes.paths.slub.kernel import BATCHES, PCS_BATCH_MAX, FlushingSlubKernel, Point, SlubCpu
from slabdes.paths.slub.rcu import flush_rcu_sheaf, kvfree_rcu_bulk, rcu_free_sheaf, rcu_free_sheaf_nobarn
from slabdes.paths.slub.shrink import flush_cpu

Injected = Callable[[], None]
"""Operations that interrupt another one."""


@dataclass(frozen=True)
class Callback:
    """A sheaf that waits for a grace period, and which of the two callbacks it gets."""

    cache: KmemCache
    sheaf: int
    cpu: int
    flushing: bool


class ClocklessCpu(SlubCpu):
    """A CPU."""

    __slots__ = ("batches",)

    def __init__(self, number: int, node: int, policy: MemPolicy) -> None:
        super().__init__(number, node, policy)
        self.batches = 0


class ClocklessSlub(Clockless[SlubCpu], FlushingSlubKernel[SlubCpu]):
    """A SlubKernel whose operations run one after the other. `zonelists[node]` is where a node falls back to.

    `callbacks` wait for the grace period's end, and by CPU the objects that kfree_rcu's general batching has queued (`batched`).
    `failing_pages` are how many first and second requests for a slab's pages fail next, `failing_sheaves` the same for sheaves of
    the cache's capacity. `injected` waits at a point, `skips` are the next searches' fates.
    """

    def __init__(self, state: SlubState, zonelists: Sequence[Sequence[int]], version: SlubVersion) -> None:
        super().__init__()
        self.state = state
        self.version = version
        self.zonelists = [tuple(zonelist) for zonelist in zonelists]
        policy = MemPolicy(state.n_nodes)
        self.cpus = tuple(ClocklessCpu(number, node, policy) for number, node in enumerate(state.node_of_cpu))
        self.batches = state.new_words(len(self.cpus) * BATCHES * PCS_BATCH_MAX)
        self.failing_pages = [0, 0]
        self.failing_sheaves = 0
        self.pages_out = [0] * state.n_nodes
        self.callbacks: list[Callback] = []
        self.array_at = self.array_size = 0
        self.batched: list[list[int]] = [[] for _cpu in self.cpus]
        self.injected: tuple[Point, Injected] | None = None
        self.skips: deque[bool] = deque()

    def load_state(self, cpu: SlubCpu, slab: int) -> Waits[None]:
        yield from ()

    def cmpxchg(self, cpu: SlubCpu, slab: int) -> Waits[None]:
        yield from ()

    def let_in(self, cpu: SlubCpu, point: Point) -> Waits[None]:
        yield from ()
        if self.injected is not None and self.injected[0] == point:
            self.come_in()

    def come_in(self) -> None:
        """What waits for this point happens now."""
        assert self.injected is not None
        _point, injected = self.injected
        self.injected = None
        injected()

    def cycles(self, cpu: SlubCpu) -> int:
        return CYCLES_MASK if self.skips and self.skips.popleft() else 0

    def pages_fail(self, cpu: SlubCpu, fallback: bool) -> None:
        """A request for a slab's pages is one of those that are to fail."""
        self.failing_pages[fallback] -= 1

    def slab_pages(self, cpu: SlubCpu, cache: KmemCache, order: int, fallback: bool, node: int, thisnode: bool) -> Waits[int]:
        yield from ()
        if self.failing_pages[fallback]:
            self.pages_fail(cpu, fallback)
            return NO_NODE
        homes = [home for home in self.zonelists[node] if not thisnode or home == node]
        if not homes:
            return NO_NODE
        self.pages_out[homes[0]] += 1 << order
        return homes[0]

    def free_slab_pages(self, cpu: SlubCpu, cache: KmemCache, order: int, node: int) -> Waits[None]:
        yield from ()
        self.pages_out[node] -= 1 << order

    def sheaf_memory(self, cpu: SlubCpu, cache: KmemCache, capacity: int) -> Waits[bool]:
        yield from ()
        if self.failing_sheaves and capacity == cache.sheaf_capacity:
            self.failing_sheaves -= 1
            return False
        return True

    def zonelist(self, node: int) -> tuple[int, ...]:
        return self.zonelists[node]

    def call_rcu(self, cpu: SlubCpu, cache: KmemCache, sheaf: int, flushing: bool) -> None:
        self.callbacks.append(Callback(cache, sheaf, cpu.number, flushing))

    def batch_rcu(self, cpu: SlubCpu, cache: KmemCache, obj: int) -> None:
        self.batched[cpu.number].append(obj)

    def batch(self, cpu: SlubCpu) -> int:
        return self.batches + (cpu.number * BATCHES + cpu.batches) * PCS_BATCH_MAX

    def in_turn(self, numbers: list[int]) -> list[int]:
        """The order in which CPUs do what another has asked them for."""
        return numbers

    def flush_each_cpu(self, cpu: SlubCpu, cache: KmemCache) -> Waits[None]:
        for number in self.in_turn([other.number for other in self.cpus]):
            yield from flush_cpu(self, self.cpus[number], cache)

    def flush_each_rcu(self, cpu: SlubCpu, cache: KmemCache) -> Waits[None]:
        for number in self.in_turn([other.number for other in self.cpus]):
            flush_rcu_sheaf(self, self.cpus[number], cache)
        yield from ()

    def take_callbacks(self, order: Sequence[int] = ()) -> list[Callback]:
        """All callbacks; `order` gives their places in the order in which they were queued, those not named come last."""
        waiting = self.callbacks
        self.callbacks = []
        rest = [place for place in range(len(waiting)) if place not in set(order)]
        return [waiting[place] for place in (*order, *rest)]

    def end_grace_period(self, order: Sequence[int] = ()) -> Waits[None]:
        """Run all callbacks, in an order as `take_callbacks` has it."""
        for callback in self.take_callbacks(order):
            run = rcu_free_sheaf_nobarn if callback.flushing else rcu_free_sheaf
            yield from run(self, self.cpus[callback.cpu], callback.cache, callback.sheaf)

    def take_batched(self) -> Iterator[tuple[SlubCpu, list[int]]]:
        """What the general batching holds, by CPU: one array a CPU, with objects of all caches."""
        for cpu, queued in zip(self.cpus, self.batched, strict=True):
            objects = queued.copy()
            queued.clear()
            yield cpu, objects

    def free_batched(self) -> Waits[None]:
        """Free it."""
        for cpu, objects in self.take_batched():
            at = self.put_array(objects)
            yield from kvfree_rcu_bulk(self, cpu, at, len(objects))

    def array(self, size: int) -> int:
        """Where in `words` a caller's array of `size` objects may lie; the next one may lie in the same place."""
        if size > self.array_size:
            self.array_at, self.array_size = self.state.new_words(size), size
        return self.array_at

    def put_array(self, objects: Sequence[int]) -> int:
        """Where such an array with these objects lies now."""
        at = self.array(len(objects))
        self.state.words[at : at + len(objects)] = objects
        return at

# SPDX-License-Identifier: GPL-2.0-only
"""Replays the events between two dumps, each on its CPU and cache, and compares every pointer with the one handed out here.

Where the two differ, the recorded pointer wins: the two objects change places (see `Resync`), and the difference is counted, so
that none hides behind another. Leaves out time: one event completes before the next.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

from slabdes.allocator.state import NO_OBJECT, KmemCache, obj_to_index, object_number, virt_to_slab
from slabdes.allocator.transitions import NO_SLAB
from slabdes.conformance.kernel_trace.events import PAGES, UNKNOWN, CacheFinder, Trace, TracedEvent
from slabdes.conformance.kernel_trace.interrupts import Delay, Delays, delays
from slabdes.conformance.kernel_trace.kernel import CacheReplay, Cause, Difference, TraceKernel
from slabdes.conformance.kernel_trace.resync import Resync, change_places
from slabdes.dumps.records import Dump
from slabdes.dumps.restore import Restored, live_objects, restore
from slabdes.errors import InputError
from slabdes.paths.slab.alloc import kmem_cache_alloc, kmem_cache_alloc_node
from slabdes.paths.slab.free import kmem_cache_free
from slabdes.paths.slab.kernel import SlabCpu
from slabdes.workload.programs import ANY_NODE
from slabdes.workload.trace.events import NO_POINTER, UNKNOWN_POINTER, KmemKind

MAX_EXAMPLES: Final = 8
"""Differing pointers that are told one by one, a cache."""
CLOSE: Final = 64
"""Events within which two CPUs' operations may stand the wrong way round (assumed: some microseconds)."""


@dataclass(frozen=True)
class Replayed:
    """What is left after a replay: the state, and what was counted by cache name, and over the whole trace."""

    restored: Restored
    kernel: TraceKernel
    caches: dict[str, CacheReplay]
    events: int
    unknown: int
    """Events that no rule gave a cache."""
    pages: int
    """Large kmallocs and their frees, which no cache serves."""
    empty: int
    """Frees of NULL, and failed allocations."""
    free_lists_traced: bool
    delays: Delays


def replay(trace: Trace, before: Dump, after: Dump) -> Replayed:
    """Apply the events between the dumps to the state `before`. `after` only helps to tell whose an object is."""
    finder = CacheFinder(trace, before, after)
    names = {position: finder.cache_of(position) for position in range(trace.begin, trace.end)}
    # cache_grow_begin and slab_destroy call the exported functions, so the free lists of off-slab caches are traced as
    # kmem_cache_alloc and kmem_cache_free of a kmalloc cache: they are replayed like any event, not made by growing.
    traced = any(not trace.events[p].kmem.is_kmalloc and name.startswith("kmalloc-") for p, name in names.items())
    restored = restore(before, descriptors=not traced, jiffies=before.jiffies)
    return _Replayer(trace, names, restored, traced).run()


class _Replayer:
    """One replay under way."""

    def __init__(self, trace: Trace, names: dict[int, str], restored: Restored, free_lists_traced: bool) -> None:
        self.trace = trace
        self.names = names
        self.restored = restored
        self.free_lists_traced = free_lists_traced
        self.addresses = restored.addresses
        self.state = restored.state
        self.kernel = TraceKernel(self.state, self.addresses, restored.descriptors)
        self.counts = {name: CacheReplay() for name in restored.caches}
        self.aliases: dict[tuple[int, int], int] = {}
        self.live: set[int] = set()
        self.recorded_live: dict[int, str] = {}
        self.blocked: dict[int, deque[int]] = {}
        self.stopped: list[tuple[int, int]] = []
        """Position and CPU of all that have stopped, the first position on top; some have gone on."""
        self.waiting: dict[int, list[int]] = {}
        self.positions: dict[int, list[int]] = {}
        for position in range(trace.begin, trace.end):
            self.positions.setdefault(trace.events[position].kmem.pointer, []).append(position)
        self.standing: dict[int, int] = {}
        """By object, the pointer that it stands for: `aliases` the other way round."""
        self.displaced: set[int] = set()
        self.spare: dict[int, list[int]] | None = None
        """By cache, objects that were in use when free lists were first moved."""
        self.recent: dict[str, deque[tuple[int, int]]] = {name: deque(maxlen=CLOSE) for name in restored.caches}
        """By cache, positions and CPUs of its last events."""
        self.last_free: dict[int, tuple[int, int]] = {}
        """By pointer, position and CPU of its last free."""
        self.unknown = self.pages = self.empty = 0
        self.delays = delays(trace)
        self.moved: set[int] = set()
        for name, cache in restored.caches.items():
            self.kernel.name_locks(cache)
            for obj in live_objects(self.state, cache):
                if obj not in self.kernel.descriptors:
                    self.live.add(obj)
                self.recorded_live[self._pointer(cache, obj)] = name

    def run(self) -> Replayed:
        """All events, in order; a CPU whose next event cannot be yet waits for the one it needs, on another CPU."""
        for position in range(self.trace.begin, self.trace.end):
            cpu = self.trace.events[position].kmem.cpu
            if cpu in self.blocked:
                self.blocked[cpu].append(position)
            else:
                self._advance(cpu, deque((position,)))
        while self.stopped:
            position, cpu = heappop(self.stopped)
            if cpu in self.blocked and self.blocked[cpu][0] == position:
                queue = self.blocked.pop(cpu)
                self._step(queue.popleft())
                self._advance(cpu, queue)
        return Replayed(
            self.restored, self.kernel, self.counts, self.trace.end - self.trace.begin, self.unknown, self.pages, self.empty,
            self.free_lists_traced, self.delays,
        )  # fmt: skip

    def _advance(self, cpu: int, queue: deque[int]) -> None:
        """Work a CPU's queue off until it is empty or has to wait; then go on with those that waited for it."""
        ready = deque(((cpu, queue),))
        while ready:
            cpu, queue = ready.popleft()
            while queue:
                position = queue[0]
                pointer = self.trace.events[position].kmem.pointer
                if self._too_early(position):
                    self.blocked[cpu] = queue
                    heappush(self.stopped, (position, cpu))
                    name = self.names[position] or self.recorded_live.get(pointer, UNKNOWN)
                    if name in self.counts:
                        self.counts[name].held_back += 1
                    self.waiting.setdefault(pointer, []).append(cpu)
                    break
                queue.popleft()
                self._step(position)
                for other in self.waiting.pop(pointer, ()):
                    if other in self.blocked:
                        ready.append((other, self.blocked.pop(other)))

    def _too_early(self, position: int) -> bool:
        """Whether the trace shows an allocation before the free, or a free before the allocation, that must have preceded it.

        Only traces with a clock a CPU do: elsewhere an allocation is logged after the fact and a free before it.
        """
        kmem = self.trace.events[position].kmem
        if kmem.pointer <= NO_POINTER or self.names[position] == PAGES:
            return False
        later = self._later(position)
        if not later or later[0].kmem.cpu == kmem.cpu:
            return False
        if kmem.kind is KmemKind.ALLOC:
            return kmem.pointer in self.recorded_live and later[0].kmem.kind is KmemKind.FREE
        if kmem.pointer in self.recorded_live or later[0].kmem.kind is KmemKind.FREE:
            return False
        # Free, allocation, free is what pages that become a slab look like: nothing is early there.
        return len(later) == 1 or later[1].kmem.kind is KmemKind.ALLOC

    def _later(self, position: int) -> list[TracedEvent]:
        """The next two events about the same pointer."""
        positions = self.positions[self.trace.events[position].kmem.pointer]
        place = bisect_right(positions, position)
        return [self.trace.events[later] for later in positions[place : place + 2]]

    def _step(self, position: int) -> None:
        for delay in self.delays.before.get(position, ()):
            if delay.delayed not in self.moved and self._was_before(delay):
                self.moved.add(delay.delayed)
                self.counts[self.names[delay.delayed]].moved += 1
                self._apply(delay.delayed)
        if position not in self.moved:
            self._apply(position)

    def _was_before(self, delay: Delay) -> bool:
        """Whether the recorded pointer shows that an allocation came before the interrupt after whose events it is logged.

        It did if the array would give that pointer now but not after them; or if the array is empty now, so that a refill finds
        the pointer, and they leave another one on top.
        """
        name, traced = self.names[delay.delayed], self.trace.events[delay.delayed]
        kmem = traced.kmem
        if name not in self.counts or kmem.pointer in self.recorded_live or kmem.cpu >= len(self.kernel.cpus):
            return False
        cache, cpu = self.restored.caches[name], self.kernel.cpus[kmem.cpu]
        stack: list[int] = []
        freed = set()
        for position in delay.interrupt:
            other = self.trace.events[position].kmem
            named = self.names[position] or self.recorded_live.get(other.pointer, UNKNOWN)
            if named != name or other.pointer <= NO_POINTER:
                continue
            if other.kind is KmemKind.FREE:
                stack.append(other.pointer)
                freed.add(other.pointer)
            elif stack:
                stack.pop()
        if not freed or (stack and stack[-1] == kmem.pointer) or kmem.node not in (ANY_NODE, cpu.node):
            return False
        ac = cache.array[kmem.cpu]
        if not ac.avail:
            return bool(stack) and kmem.pointer not in freed
        return self._pointer(cache, self.state.words[ac.entry + ac.avail - 1]) == kmem.pointer

    def _apply(self, position: int) -> None:
        traced = self.trace.events[position]
        name = self.names[position]
        if traced.kmem.pointer == NO_POINTER:
            self.empty += 1
        elif traced.kmem.pointer == UNKNOWN_POINTER:
            self.unknown += 1
        elif traced.kmem.kind is KmemKind.FREE:
            self._free(position, traced, name)
        elif name == PAGES:
            self.pages += 1
        elif name not in self.counts:
            self.unknown += 1
        else:
            self._allocate(position, traced, name)

    def _context(self, cpu: int, counts: CacheReplay) -> SlabCpu:
        """The CPU, with the kernel's counters turned to those of one cache."""
        if cpu >= len(self.kernel.cpus):
            raise InputError(str(self.trace.path), f"event on CPU {cpu}", allowed=f"the {len(self.kernel.cpus)} CPUs of the dump")
        self.kernel.events, self.kernel.locks = counts.events, counts.locks
        self.kernel.tokens.clear()
        return self.kernel.cpus[cpu]

    def _allocate(self, position: int, traced: TracedEvent, name: str) -> None:
        kmem, cache, counts = traced.kmem, self.restored.caches[name], self.counts[name]
        cpu = self._context(kmem.cpu, counts)
        self.recent[name].append((position, kmem.cpu))
        if not ANY_NODE <= kmem.node < self.state.n_nodes:
            raise InputError(str(self.trace.path), f"an allocation from node {kmem.node}", allowed=f"{self.state.n_nodes} nodes")
        if kmem.node == ANY_NODE:
            path = kmem_cache_alloc(self.kernel, cpu, cache, kmem.flags)
        else:
            path = kmem_cache_alloc_node(self.kernel, cpu, cache, kmem.flags, kmem.node)
        obj = self.kernel.finish(path)
        counts.allocs += 1
        if obj == NO_OBJECT:
            counts.failures += 1
            return
        ours = self._pointer(cache, obj)
        if not ours and self._learn(cache, counts, obj, kmem.pointer):
            ours = kmem.pointer
        if ours != kmem.pointer:
            obj = self._resynchronise(position, traced, name, obj)
        self.live.add(obj)
        self.recorded_live[kmem.pointer] = name

    def _learn(self, cache: KmemCache, counts: CacheReplay, obj: int, pointer: int) -> bool:
        """Take `pointer` for the address of an object of a new slab, if a slab can lie there."""
        slab = virt_to_slab(obj)
        first = pointer - obj_to_index(obj) * cache.size
        block = self.addresses.block(cache, pointer)
        colour, odd = divmod(first - block, cache.colour_off)
        if not block or self.addresses.slab_at(cache, pointer) is not None or odd or not 0 <= colour < max(cache.colour, 1):
            return False
        counts.learned += 1
        counts.odd_colours += first - block != self.state.slabs[slab].colouroff
        self.kernel.know(cache, slab, first)
        return True

    def _resynchronise(self, position: int, traced: TracedEvent, name: str, obj: int) -> int:
        """Take the recorded pointer over in place of `obj`: what is handed out now. See Resync."""
        cache, counts, pointer = self.restored.caches[name], self.counts[name], traced.kmem.pointer
        ours = self._pointer(cache, obj)
        tokens = " ".join(self.kernel.tokens)
        recorded = self._object_at(cache, pointer)
        nodes = {self.state.slabs[virt_to_slab(either)].nodeid for either in (obj, recorded) if either != NO_OBJECT}
        if recorded == NO_OBJECT or len(nodes) > 1:
            resync = Resync.ALIAS
        elif recorded in self.live:
            resync = Resync.TRADE if recorded in self.standing else Resync.ALIAS
        else:
            resync = change_places(self.state, cache, recorded, obj)
        cause = self._cause(position, name, {ours, pointer}, {obj, recorded})
        self.displaced.update((obj, recorded))
        counts.differing += 1
        counts.resyncs[resync] += 1
        counts.causes[cause] += 1
        if len(counts.examples) < MAX_EXAMPLES:
            counts.examples.append(Difference(position - self.trace.begin, traced.kmem.cpu, ours, pointer, resync, cause, tokens))
        if resync is Resync.TRADE:
            self._stand_for(cache, counts, obj, self.standing.pop(recorded))
        if resync is Resync.ALIAS:
            self._stand_for(cache, counts, obj, pointer)
            return obj
        return recorded

    def _stand_for(self, cache: KmemCache, counts: CacheReplay, obj: int, pointer: int) -> None:
        """From now on `obj` is what `pointer` means, until it is freed; unless it turns out to lie there."""
        self.live.add(obj)
        self.aliases.pop((cache.index, pointer), None)
        known = self._pointer(cache, obj)
        if known == pointer or (not known and self._learn(cache, counts, obj, pointer)):
            return
        self.aliases[cache.index, pointer] = obj
        self.standing[obj] = pointer

    def _cause(self, position: int, name: str, pointers: set[int], objects: set[int]) -> Cause:
        if objects & self.displaced:
            return Cause.FOLLOWS
        if any(pointer in self.delays.unsure for pointer in pointers):
            return Cause.INTERRUPT
        cpu = self.trace.events[position].kmem.cpu
        if any(position - other <= CLOSE and number != cpu for other, number in self.recent[name]):
            return Cause.ORDER
        freed = [self.last_free[pointer] for pointer in pointers if pointer in self.last_free]
        if len(freed) == len(pointers) and len({number for _, number in freed}) > 1 and abs(freed[0][0] - freed[1][0]) <= CLOSE:
            return Cause.ORDER
        return Cause.UNKNOWN

    def _object_at(self, cache: KmemCache, pointer: int) -> int:
        """The object at `pointer`, in a known slab, or else in a new one whose colour and node let it lie there."""
        obj = self.addresses.object_at(cache, pointer)
        if obj != NO_OBJECT or self.addresses.slab_at(cache, pointer) is not None:
            return obj
        block, unlearned = self.addresses.block(cache, pointer), self.kernel.unlearned.get(cache.index)
        if unlearned is None or not block:
            return NO_OBJECT

        def place(offset: int) -> int:
            objnr, odd = divmod(pointer - block - offset, cache.size)
            return objnr if not odd and 0 <= objnr < cache.num else -1

        slab = unlearned.first(lambda offset: place(offset) >= 0)
        if slab == NO_SLAB:
            return NO_OBJECT
        offset = self.state.slabs[slab].colouroff
        self.kernel.know(cache, slab, block + offset)
        return object_number(slab, place(offset))

    def _free(self, position: int, traced: TracedEvent, named: str) -> None:
        pointer = traced.kmem.pointer
        name = named or self.recorded_live.get(pointer, UNKNOWN)
        if name == UNKNOWN:
            self._free_of_no_object(pointer)
            return
        if name not in self.counts:
            self.unknown += 1
            return
        cache, counts = self.restored.caches[name], self.counts[name]
        cpu = self._context(traced.kmem.cpu, counts)
        self.recent[name].append((position, traced.kmem.cpu))
        self.last_free[pointer] = (position, traced.kmem.cpu)
        obj = self.aliases.pop((cache.index, pointer), NO_OBJECT)
        self.standing.pop(obj, None)
        if obj == NO_OBJECT:
            obj = self.addresses.object_at(cache, pointer)
        self.recorded_live.pop(pointer, None)
        if obj in self.kernel.descriptors:
            self._hold_elsewhere(obj)
        if obj == NO_OBJECT or obj not in self.live:
            counts.unplaced_frees += 1
            return
        self.live.remove(obj)
        counts.frees += 1
        self.kernel.finish(kmem_cache_free(self.kernel, cpu, cache, obj))

    def _hold_elsewhere(self, obj: int) -> None:
        """Have another object in use hold the free list that `obj` was taken to hold: dumps do not tell which does."""
        if self.spare is None:
            self.spare = {}
            for other in sorted(self.live - self.standing.keys()):
                self.spare.setdefault(self._cache_of(other), []).append(other)
        spare = self.spare.get(self._cache_of(obj), [])
        while spare:
            other = spare.pop()
            if other in self.live and other not in self.standing:
                slab = self.kernel.descriptors.pop(obj)
                self.kernel.descriptors[other] = slab
                self.state.slabs[slab].descriptor = other
                self.live.remove(other)
                self.live.add(obj)
                return

    def _cache_of(self, obj: int) -> int:
        return self.state.slabs[virt_to_slab(obj)].cache

    def _free_of_no_object(self, pointer: int) -> None:
        """A kfree, which gives no name, of what is not in use: unless it lies in a slab, it came from the page allocator."""
        caches = self.addresses.caches_at(pointer)
        if caches:
            self.counts[caches[0].name].unplaced_frees += 1
        else:
            self.pages += 1

    def _pointer(self, cache: KmemCache, obj: int) -> int:
        return self.addresses.pointer(cache, virt_to_slab(obj), obj_to_index(obj))

# SPDX-License-Identifier: GPL-2.0-only
"""Replays the operations between two dumps, each on its CPU and cache, and compares every pointer with the one handed out here.

Where the two differ, the recorded pointer wins: the two objects change places (see `Resync`), and the difference is counted, so
that none hides behind another. Leaves out time: one operation completes before the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from slabdes.allocator.slub.state import NO_SHEAF, KmemCache
from slabdes.allocator.slub.transitions import sheaf_top
from slabdes.allocator.state import NO_NODE, NO_OBJECT, NOBODY, obj_to_index, virt_to_slab
from slabdes.conformance.kernel_trace.resync import Resync
from slabdes.conformance.slub_trace.counts import MAX_EXAMPLES, CacheReplay, Difference
from slabdes.conformance.slub_trace.events import BEFORE, Kind, Operation, SlubTrace, sheaves_behind
from slabdes.conformance.slub_trace.fates import Doubt, Fates
from slabdes.conformance.slub_trace.kernel import TraceKernel
from slabdes.conformance.slub_trace.records import SlubDump
from slabdes.conformance.slub_trace.restore import Restored, restore
from slabdes.conformance.slub_trace.resync import change_places
from slabdes.dumps.bounds import MAX_STEPS, Allowance
from slabdes.errors import InputError
from slabdes.paths.slub.alloc import kmem_cache_alloc_node
from slabdes.paths.slub.bulk import kmem_cache_alloc_bulk, kmem_cache_free_bulk
from slabdes.paths.slub.kernel import SlubCpu
from slabdes.paths.slub.pcs_free import kmem_cache_free
from slabdes.paths.slub.prefill import (
    kmem_cache_alloc_from_sheaf,
    kmem_cache_prefill_sheaf,
    kmem_cache_refill_sheaf,
    kmem_cache_return_sheaf,
)
from slabdes.paths.slub.rcu import kfree_rcu, kvfree_rcu_bulk, rcu_free_sheaf, rcu_free_sheaf_nobarn
from slabdes.workload.programs import ANY_NODE
from slabdes.workload.trace.events import NO_POINTER, UNKNOWN_POINTER

AHEAD: Final = 1024
"""Operations within which a prefilled sheaf's first object is looked for (assumed)."""


@dataclass(frozen=True)
class Replayed:
    """What is left after a replay: the state, and what was counted by cache name, and over the whole trace."""

    restored: Restored
    kernel: TraceKernel
    caches: dict[str, CacheReplay]
    operations: int
    unknown: int
    """Operations on caches that no dump has."""
    pages: int
    """Large kmallocs and their frees, which no cache serves."""
    skipped: int
    """Searches of other nodes that were skipped, as what was recorded shows."""


def replay(trace: SlubTrace, before: SlubDump) -> Replayed:
    """Apply the operations between the dumps to the state `before`."""
    objects = sum(node.total_objects for cache in before.caches.values() for node in cache.nodes)
    fates = Fates(trace.end - trace.begin + objects)
    while True:
        try:
            return _Replayer(trace, restore(before), fates, before.where).run()
        except Doubt as doubt:
            fates.try_another(doubt.searches)


class _Replayer:
    """One replay under way."""

    def __init__(self, trace: SlubTrace, restored: Restored, fates: Fates, where: str) -> None:
        self.trace = trace
        self.fates = fates
        self.faults = 0
        """What differed so far."""
        self.restored = restored
        self.state = restored.state
        self.addresses = restored.addresses
        self.allowance = Allowance()
        self.kernel = TraceKernel(restored, fates, self.allowance, where)
        self.kernel.settle_sheaf = self._settle_sheaf
        self.counts = {name: CacheReplay() for name in restored.caches}
        self.by_index = {cache.index: cache for cache in restored.caches.values()}
        self.live = restored.live
        self.out: dict[int, tuple[int, int]] = {}
        """Prefilled sheaves that callers hold, and their caches' indexes, by their recorded addresses."""
        self.aliases: dict[int, int] = {}
        self.sheaves: deque[int] = deque()
        """The kmallocs of sheaves that the operation under way may take."""
        self.position = 0
        self.scans = MAX_STEPS
        """Steps left for looking for recorded objects that lie elsewhere here."""
        self.unknown = self.pages = 0

    def run(self) -> Replayed:
        """All operations, in order."""
        waiting, behind = sheaves_behind(self.trace)
        for position in range(self.trace.begin, self.trace.end):
            operation = self.trace.operations[position]
            if operation.inner:
                continue
            self.position = position
            mine = waiting.get(operation.context, deque())
            waiting[operation.context] = following = behind.get(position, deque())
            self.sheaves = following if operation.kind in BEFORE else mine
            searches, faults = self.kernel.searches, self.faults
            self._apply(operation)
            for left in mine:
                self._odd(self._cache_of_kmalloc(self.trace.operations[left]), "sheaves allocated there only")
            if self.faults > faults and self.state.n_nodes > 1:
                self.fates.doubt(range(searches, self.kernel.searches))
        skipped = sum(map(self.fates.is_skipped, range(self.kernel.searches)))
        operations = self.trace.end - self.trace.begin
        return Replayed(self.restored, self.kernel, self.counts, operations, self.unknown, self.pages, skipped)

    def _odd(self, cache: KmemCache | None, what: str) -> None:
        self.faults += 1
        if cache is None:
            self.unknown += 1
        else:
            self.counts[cache.name].odd[what] += 1

    def _cpu(self, number: int) -> SlubCpu:
        if number >= len(self.kernel.cpus):
            raise InputError(
                str(self.trace.path), f"an operation on CPU {number}", allowed=f"the {len(self.kernel.cpus)} CPUs of the dump"
            )
        return self.kernel.cpus[number]

    def _apply(self, operation: Operation) -> None:
        cpu = self._cpu(operation.cpu)
        match operation.kind:
            case Kind.ALLOC:
                self._allocate(operation, cpu)
            case Kind.FREE:
                self._free(operation, cpu)
            case Kind.BULK_ALLOC:
                self._bulk_allocate(operation, cpu)
            case Kind.BULK_FREE:
                self._bulk_free(operation, cpu)
            case Kind.RCU:
                self._kfree_rcu(operation, cpu)
            case Kind.CALLBACK | Kind.FLUSHING:
                self._callback(operation, cpu)
            case _:
                self._prefilled(operation, cpu)

    def _named(self, operation: Operation) -> KmemCache | None:
        cache = self.restored.caches.get(operation.name)
        if cache is None:
            self.unknown += 1
        return cache

    def _cache_of_kmalloc(self, operation: Operation) -> KmemCache | None:
        return self.kernel.kmallocs.of(operation.kind_of_kmalloc, operation.bytes_alloc)

    def _allocate(self, operation: Operation, cpu: SlubCpu) -> None:
        (pointer,) = operation.pointers
        cache = self._cache_of_kmalloc(operation) if operation.bytes_alloc else self._named(operation)
        if cache is None:
            too_large = operation.bytes_alloc > self.kernel.kmallocs.largest
            self.pages += too_large
            self.unknown += bool(operation.bytes_alloc) and not too_large
            return
        if not ANY_NODE <= operation.node < self.state.n_nodes:
            problem = f"an allocation from node {operation.node}"
            raise InputError(str(self.trace.path), problem, allowed=f"{self.state.n_nodes} nodes")
        node = NO_NODE if operation.node == ANY_NODE else operation.node
        obj = self.kernel.finish(kmem_cache_alloc_node(self.kernel, cpu, cache, operation.flags, node))
        self._settle(cache, cpu, obj, pointer)

    def _bulk_allocate(self, operation: Operation, cpu: SlubCpu) -> None:
        cache = self._named(operation)
        if cache is None:
            return
        size = len(operation.pointers)
        at = self.kernel.array(size)
        if not self.kernel.finish(kmem_cache_alloc_bulk(self.kernel, cpu, cache, operation.flags, at, size)):
            self._odd(cache, "failed here only")
            return
        objects = self.state.words[at : at + size]
        place_of = {obj: place for place, obj in enumerate(objects)}
        for place, pointer in enumerate(operation.pointers):
            ours, recorded = objects[place], self.addresses.object_at(pointer)
            other = place_of.get(recorded, place)
            if other > place:
                # Another of the same block: nothing of the state differs, only who of the caller's objects is which.
                objects[place], objects[other] = recorded, ours
                place_of[ours] = other
                self._count_difference(cache, cpu, self._pointer(ours), pointer, Resync.ARRAY)
            self._settle(cache, cpu, objects[place], pointer)

    def _settle_sheaf(self, cpu: SlubCpu, cache: KmemCache | None, obj: int) -> int:
        """The address of the object that a new sheaf lies in: the next recorded kmalloc of a sheaf."""
        if not self.sheaves:
            self._odd(cache, "sheaves allocated here only")
            self.live.add(obj)
            return 0
        operation = self.trace.operations[self.sheaves.popleft()]
        (pointer,) = operation.pointers
        if cache is None or self._cache_of_kmalloc(operation) is not cache:
            self._odd(cache, "sheaves of other sizes there")
            self.live.add(obj)
            return 0
        self._settle(cache, cpu, obj, pointer)
        return pointer

    def _settle(self, cache: KmemCache, cpu: SlubCpu, obj: int, pointer: int) -> None:
        """Compare an object just handed out with the recorded pointer, and take that over."""
        counts = self.counts[cache.name]
        counts.allocs += 1
        if obj == NO_OBJECT or pointer in (NO_POINTER, UNKNOWN_POINTER):
            if obj != NO_OBJECT:
                self._odd(cache, "failed there only")
                self.live.add(obj)
            elif pointer != NO_POINTER:
                self._odd(cache, "failed here only")
            return
        ours = self._pointer(obj)
        if not ours and self._learn(cache, counts, obj, pointer):
            ours = pointer
        if ours != pointer:
            obj = self._resynchronise(cache, cpu, obj, ours, pointer)
        self.live.add(obj)

    def _learn(self, cache: KmemCache, counts: CacheReplay, obj: int, pointer: int) -> bool:
        """Take `pointer` for the address of an object of a new slab, if its slab can lie there."""
        if not self.addresses.learn(virt_to_slab(obj), pointer - obj_to_index(obj) * cache.size):
            return False
        counts.learned += 1
        return True

    def _resynchronise(self, cache: KmemCache, cpu: SlubCpu, obj: int, ours: int, pointer: int) -> int:
        """Take the recorded pointer over in place of `obj`: what is handed out now."""
        recorded = self.addresses.object_at(pointer)
        resync = Resync.ALIAS
        others = list(self._other_sheaves(cache))
        steps = (len(cache.cpu_sheaves) + len(cache.barn) + len(others)) * max(1, cache.sheaf_capacity)
        unused = recorded != NO_OBJECT and recorded not in self.live
        if unused and self.state.slabs[virt_to_slab(recorded)].cache == cache.index and steps <= self.scans:
            self.scans -= steps
            resync = change_places(self.state, cache, recorded, obj, others)
        self._count_difference(cache, cpu, ours, pointer, resync)
        if resync is Resync.ALIAS:
            self.aliases[pointer] = obj
            return obj
        return recorded

    def _count_difference(self, cache: KmemCache, cpu: SlubCpu, ours: int, pointer: int, resync: Resync) -> None:
        counts = self.counts[cache.name]
        self.faults += 1
        counts.differing += 1
        counts.resyncs[resync] += 1
        if len(counts.examples) < MAX_EXAMPLES:
            counts.examples.append(Difference(self.position - self.trace.begin, cpu.number, ours, pointer, resync))

    def _pointer(self, obj: int) -> int:
        return self.addresses.pointer(virt_to_slab(obj), obj_to_index(obj))

    def _other_sheaves(self, cache: KmemCache) -> Iterator[int]:
        yield from (callback.sheaf for callback in self.kernel.callbacks if callback.cache is cache)
        yield from (sheaf for sheaf, of in self.out.values() if of == cache.index)

    def _object(self, pointer: int) -> int:
        """The object in use that a recorded pointer means, or NO_OBJECT."""
        obj = self.aliases.pop(pointer, NO_OBJECT)
        if obj == NO_OBJECT:
            obj = self.addresses.object_at(pointer)
        return obj if obj in self.live else NO_OBJECT

    def _given_back(self, pointer: int, name: str) -> tuple[KmemCache, int] | None:
        """The cache and the object of a pointer that is given back, which is in use no longer."""
        if pointer <= NO_POINTER:
            return None
        obj = self._object(pointer)
        if obj == NO_OBJECT:
            slab = self.addresses.slab_at(pointer)
            if name or slab != NOBODY:
                cache = self.restored.caches.get(name) if name else self.by_index[self.state.slabs[slab].cache]
                self._odd(cache, "frees of objects not in use")
            else:
                self.pages += 1
            return None
        cache = self.by_index[self.state.slabs[virt_to_slab(obj)].cache]
        if name and cache.name != name:
            self._odd(cache, "frees under another cache's name")
        self.live.remove(obj)
        self.counts[cache.name].frees += 1
        return cache, obj

    def _free(self, operation: Operation, cpu: SlubCpu) -> None:
        found = self._given_back(operation.pointers[0], operation.name)
        if found is not None:
            self.kernel.finish(kmem_cache_free(self.kernel, cpu, *found))

    def _bulk_free(self, operation: Operation, cpu: SlubCpu) -> None:
        found = [self._given_back(pointer, operation.name) for pointer in operation.pointers]
        objects = [obj for one in found if one is not None for obj in one[1:]]
        at = self.kernel.array(len(objects))
        self.state.words[at : at + len(objects)] = objects
        cache = self.restored.caches.get(operation.name)
        if cache is None:
            self.kernel.finish(kvfree_rcu_bulk(self.kernel, cpu, at, len(objects)))
        else:
            self.kernel.finish(kmem_cache_free_bulk(self.kernel, cpu, cache, at, len(objects)))

    def _kfree_rcu(self, operation: Operation, cpu: SlubCpu) -> None:
        found = self._given_back(operation.pointers[0], operation.name)
        if found is None:
            return
        batched = len(self.kernel.batched[cpu.number])
        self.kernel.finish(kfree_rcu(self.kernel, cpu, *found))
        if len(self.kernel.batched[cpu.number]) > batched:
            self.live.add(self.kernel.batched[cpu.number].pop())
            self._odd(found[0], "kfree_rcu into sheaves there only")

    def _callback(self, operation: Operation, cpu: SlubCpu) -> None:
        cache = self._named(operation)
        if cache is None:
            return
        self.allowance.spend(len(self.kernel.callbacks), str(self.trace.path), "a callback")
        waiting = [one for one in self.kernel.callbacks if one.cache is cache]
        addresses = self.kernel.sheaf_at
        same = [one for one in waiting if addresses.get(one.sheaf) == operation.sheaf]
        unknown = [one for one in waiting if not addresses.get(one.sheaf) and one.cpu == cpu.number]
        found = next(iter(same or unknown), None)
        if found is None:
            self._odd(cache, "callbacks of sheaves that do not wait here")
            return
        if self.state.sheaves[found.sheaf].size != operation.size:
            self._odd(cache, "callbacks of sheaves of other sizes")
        self.kernel.callbacks.remove(found)
        addresses[found.sheaf] = operation.sheaf
        path = rcu_free_sheaf_nobarn if operation.kind is Kind.FLUSHING else rcu_free_sheaf
        self.kernel.finish(path(self.kernel, cpu, cache, found.sheaf))

    def _prefilled(self, operation: Operation, cpu: SlubCpu) -> None:
        cache = self._named(operation)
        if cache is None:
            return
        kernel = self.kernel
        if operation.kind is Kind.PREFILL:
            self.allowance.operations(operation.want, str(self.trace.path))
            searches = kernel.searches
            sheaf = kernel.finish(kmem_cache_prefill_sheaf(kernel, cpu, cache, 0, operation.want))
            if kernel.searches > searches:
                self._look_ahead(operation, cache, sheaf)
            self._settle_prefilled(cache, operation, sheaf)
            return
        sheaf, of = self.out.get(operation.sheaf, (NO_SHEAF, cache.index))
        if sheaf == NO_SHEAF or of != cache.index:
            self._odd(cache, "prefilled sheaves that nobody holds here")
            return
        if operation.kind is Kind.FROM_SHEAF:
            self._settle(cache, cpu, kmem_cache_alloc_from_sheaf(kernel, cpu, sheaf), operation.pointers[0])
        elif operation.kind is Kind.RETURN:
            if self.state.sheaves[sheaf].size != operation.size:
                self._odd(cache, "prefilled sheaves of other sizes")
            del self.out[operation.sheaf]
            kernel.finish(kmem_cache_return_sheaf(kernel, cpu, cache, 0, sheaf))
        else:
            self.allowance.operations(operation.want, str(self.trace.path))
            after = kernel.finish(kmem_cache_refill_sheaf(kernel, cpu, cache, 0, sheaf, operation.want))
            self.out[operation.sheaf] = (sheaf if after == NO_SHEAF else after, cache.index)

    def _look_ahead(self, operation: Operation, cache: KmemCache, number: int) -> None:
        """A prefilled sheaf's fault shows in the first object taken from it."""
        sheaf = self.state.sheaves[number]
        self.allowance.spend(AHEAD, str(self.trace.path), "a prefilled sheaf's first object")
        for position in range(self.position, min(self.position + AHEAD, self.trace.end)):
            later = self.trace.operations[position]
            if later.sheaf == operation.sheaf and later.kind is Kind.RETURN:
                return
            if later.sheaf == operation.sheaf and later.kind is Kind.FROM_SHEAF and number != NO_SHEAF and sheaf.size:
                obj, pointer = sheaf_top(self.state.words, sheaf), later.pointers[0]
                ours = self._pointer(obj)
                address = pointer - obj_to_index(obj) * cache.size
                self.faults += ours != pointer if ours else not self.addresses.may_lie(virt_to_slab(obj), address)
                return

    def _settle_prefilled(self, cache: KmemCache, operation: Operation, sheaf: int) -> None:
        """Compare a prefilled sheaf with the recorded one: its address, as far as it is known, and its size."""
        if sheaf == NO_SHEAF or not operation.sheaf:
            if (sheaf == NO_SHEAF) != (not operation.sheaf):
                self._odd(cache, "prefilled sheaves here or there only")
            return
        known = self.kernel.sheaf_at.get(sheaf, 0)
        if known and known != operation.sheaf:
            self._odd(cache, "prefilled sheaves at other addresses")
        if self.state.sheaves[sheaf].size != operation.size:
            self._odd(cache, "prefilled sheaves of other sizes")
        self.kernel.sheaf_at[sheaf] = operation.sheaf
        self.out[operation.sheaf] = (sheaf, cache.index)

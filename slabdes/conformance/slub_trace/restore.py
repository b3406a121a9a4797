# SPDX-License-Identifier: GPL-2.0-only
"""Sets SLUB's state up from a dump of all caches: slabs with their free chains, partial lists, sheaves, barns, counters.

Leaves out sheaves that dumps do not show: prefilled ones that callers hold, and those that wait for RCU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from slabdes.allocator.slub.create import kmem_cache_create
from slabdes.allocator.slub.state import NO_SHEAF, KmemCache, SlubState, SlubStats, new_sheaf, new_slab, slab_order
from slabdes.allocator.slub.transitions import add_partial, put_empty, put_full, sheaf_push
from slabdes.allocator.state import BUFCTL_END, NO_OBJECT, NOBODY, object_number
from slabdes.conformance.slub_trace.records import ListedSlab, Objects, SlabPages, SlubCache, SlubDump, SlubNode
from slabdes.dumps.bounds import check_room
from slabdes.errors import InputError
from slabdes.units import PAGE_SIZE

SHEAVES: Final = 3
"""Sheaves that a CPU may have."""


class Addresses:
    """Where slabs lie in the recorded kernel's memory: `of[slab]` is the address of its first object, once that is known."""

    def __init__(self, state: SlubState) -> None:
        self.of: dict[int, int] = {}
        self._state = state
        self._slab_at: dict[int, int] = {}
        """By page, the slab that lies on it."""

    def learn(self, slab: int, address: int) -> bool:
        """Slab `slab` lies at `address`; false, and nothing is learned, if it cannot, or another is known to lie there."""
        pages = self._pages(slab, address)
        if not self.may_lie(slab, address):
            return False
        self.of[slab] = address
        self._slab_at.update(dict.fromkeys(pages, slab))
        return True

    def may_lie(self, slab: int, address: int) -> bool:
        """Whether a slab may lie at an address, as far as is known: whole pages of its order, none of them another's."""
        pages = self._pages(slab, address)
        aligned = address > 0 and not address % (PAGE_SIZE * len(pages))
        return aligned and not any(page in self._slab_at for page in pages)

    def forget(self, slab: int) -> None:
        """The slab is given up."""
        address = self.of.pop(slab, 0)
        if address:
            for page in self._pages(slab, address):
                del self._slab_at[page]

    def _pages(self, slab: int, address: int) -> range:
        record = self._state.slabs[slab]
        first = address // PAGE_SIZE
        return range(first, first + (1 << slab_order(self._state.caches[record.cache], record)))

    def slab_at(self, pointer: int) -> int:
        """The known slab whose pages `pointer` lies in, or NOBODY."""
        return self._slab_at.get(pointer // PAGE_SIZE, NOBODY)

    def object_at(self, pointer: int) -> int:
        """The object at `pointer`, or NO_OBJECT where no known slab has one."""
        slab = self.slab_at(pointer)
        if slab == NOBODY:
            return NO_OBJECT
        record = self._state.slabs[slab]
        objnr, rest = divmod(pointer - self.of[slab], self._state.caches[record.cache].size)
        return object_number(slab, objnr) if not rest and 0 <= objnr < record.num else NO_OBJECT

    def pointer(self, slab: int, objnr: int) -> int:
        """The address of a slab's object, or 0 while the slab's is not known."""
        first = self.of.get(slab, 0)
        return first + objnr * self._state.caches[self._state.slabs[slab].cache].size if first else 0


@dataclass(frozen=True)
class Restored:
    """A state from a dump; `caches` by name; `live` are the objects in use that lie in no sheaf."""

    state: SlubState
    caches: Mapping[str, KmemCache]
    addresses: Addresses
    live: set[int]


def restore(dump: SlubDump) -> Restored:
    """The state that `dump` shows. Raises InputError for one that contradicts itself, or needs too much memory."""
    state = SlubState(dump.node_of_cpu, dump.n_nodes, has_memory=dump.has_memory)
    _check_room(dump, state)
    restored = Restored(state, {}, Addresses(state), set())
    caches = {}
    for recorded in dump.caches.values():
        caches[recorded.name] = _Restorer(dump, recorded, restored).cache
    return Restored(state, caches, restored.addresses, restored.live)


def _check_room(dump: SlubDump, state: SlubState) -> None:
    """Raise InputError if the caches need more memory than there should be."""
    sheaves = places = 0
    for cache in dump.caches.values():
        stocked = sum(len(node.full) + node.nr_empty for node in cache.nodes)
        sheaves += SHEAVES * state.n_cpus + stocked
        places += (SHEAVES * state.n_cpus + stocked) * cache.geometry.sheaf_capacity
        places += sum(len(node.pages) for node in cache.nodes) * cache.geometry.objects
    check_room(state, len(dump.caches), sheaves, places, dump.where)


class _Restorer:
    """One cache while it is filled."""

    def __init__(self, dump: SlubDump, recorded: SlubCache, restored: Restored) -> None:
        self.where = f"{dump.where}: {recorded.name}"
        self.state = restored.state
        self.addresses = restored.addresses
        self.live = restored.live
        self.cache = cache = kmem_cache_create(self.state, recorded.name, recorded.geometry)
        cache.ratio = recorded.ratio
        cache.stats = [SlubStats() for _cpu in range(self.state.n_cpus)]
        self._stats(recorded.stats)
        for number, node in enumerate(recorded.nodes):
            self._node(number, node)
        for pcs, sheaves in zip(cache.cpu_sheaves, recorded.cpus, strict=False):
            self._fill(pcs.main, sheaves.main)
            pcs.spare = NO_SHEAF if sheaves.spare is None else self._sheaf(sheaves.spare)
            pcs.rcu = NO_SHEAF if sheaves.rcu is None else self._sheaf(sheaves.rcu)
        for barn, node in zip(cache.barn, recorded.nodes, strict=False):
            for objects in reversed(node.full):
                put_full(self.state.sheaves, barn, self._sheaf(objects))
            for _empty in range(node.nr_empty):
                put_empty(self.state.sheaves, barn, self._sheaf(()))

    def _stats(self, stats: Mapping[str, int]) -> None:
        for name, count in stats.items():
            if name not in SlubStats.__slots__:
                raise InputError(self.where, f"ST has {name[:60]!r}", allowed="counters of SLUB_STATS in 7.3")
            setattr(self.cache.stats[0], name, count)

    def _node(self, number: int, node: SlubNode) -> None:
        counts = (len(node.pages), sum(slab.objects for slab in node.pages))
        if counts != (node.nr_slabs, node.total_objects):
            said = f"slabs={node.nr_slabs} objects={node.total_objects}"
            raise self._contradiction(f"node {number}: {said}, its PG lines have {counts[0]} and {counts[1]}")
        here = self.cache.node[number]
        here.nr_slabs, here.total_objects = counts
        listed = {slab.address: slab for slab in node.partial}
        numbers = {slab.address: self._slab(number, slab, listed.get(slab.address)) for slab in node.pages}
        for slab in node.partial:
            if slab.address not in numbers or listed[slab.address] is not slab:
                raise self._contradiction(f"node {number}: SL {slab.address:x} has no PG line, or two SL lines")
            add_partial(self.state.slabs, here, numbers[slab.address], True)

    def _slab(self, node: int, pages: SlabPages, listed: ListedSlab | None) -> int:
        number = new_slab(self.state, self.cache, pages.objects)
        record = self.state.slabs[number]
        record.nodeid, record.inuse, record.free = node, pages.inuse, BUFCTL_END
        free = listed.free if listed else ()
        if len(free) != pages.objects - pages.inuse:
            raise self._contradiction(
                f"PG {pages.address:x} has {pages.inuse} of {pages.objects} in use, its SL line {len(free)} free"
            )
        for objnr in reversed(free):
            self.state.words[record.bufctl + objnr] = record.free
            record.free = objnr
        if not self.addresses.learn(number, pages.address):
            raise self._contradiction(f"two slabs at {pages.address:x}")
        self.live.update(object_number(number, objnr) for objnr in set(range(pages.objects)).difference(free))
        return number

    def _sheaf(self, objects: Objects) -> int:
        number = new_sheaf(self.state, self.cache, self.cache.sheaf_capacity)
        self._fill(number, objects)
        return number

    def _fill(self, number: int, objects: Objects) -> None:
        for pointer in objects:
            obj = self.addresses.object_at(pointer)
            if obj not in self.live or self.state.slabs[self.addresses.slab_at(pointer)].cache != self.cache.index:
                raise self._contradiction(f"a sheaf holds {pointer:x}, which is no object in use, or in another sheaf too")
            self.live.remove(obj)
            sheaf_push(self.state.words, self.state.sheaves[number], obj)

    def _contradiction(self, problem: str) -> InputError:
        return InputError(self.where, problem, allowed="a dump that agrees with itself")

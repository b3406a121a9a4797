# SPDX-License-Identifier: GPL-2.0-only
"""One cache as it is here after a replay, put beside the dump after: sheaves, barns, partial lists with free chains, slabs.

Leaves out counters, and whether what differs may: see compare.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slabdes.allocator.lists import list_entries
from slabdes.allocator.slub.state import NO_SHEAF, KmemCache, SlubState
from slabdes.allocator.state import obj_to_index, virt_to_slab
from slabdes.conformance.kernel_trace.verdict import Item
from slabdes.conformance.slub_log.snapshot import free_chain, sheaf_chain
from slabdes.conformance.slub_trace.records import CpuSheaves, Objects, SlubCache, SlubNode
from slabdes.conformance.slub_trace.restore import Restored


class Compared:
    """The items of a cache whose `slabs` are given by number.

    `pointers` are how many of sheaves' pointers were compared, `differing` how many of them differ.
    """

    def __init__(self, restored: Restored, cache: KmemCache, recorded: SlubCache, slabs: Sequence[int]) -> None:
        self.pointers = self.differing = 0
        self._state: SlubState = restored.state
        self._addresses = restored.addresses
        self._cache = cache
        self._slabs: dict[int, list[int]] = {}
        for number in slabs:
            self._slabs.setdefault(self._state.slabs[number].nodeid, []).append(number)
        self._learn(recorded)
        self.items = tuple(self._items(recorded))

    def _items(self, recorded: SlubCache) -> Iterator[Item]:
        for cpu, sheaves in enumerate(recorded.cpus):
            for name, number, objects in self._of_cpu(cpu, sheaves):
                yield self._sheaf(f"CPU {cpu} {name}", number, objects)
        for number, node in enumerate(recorded.nodes):
            if recorded.cpus:
                yield from self._barn(number, node)
            yield from self._node(number, node)

    def _of_cpu(self, cpu: int, sheaves: CpuSheaves) -> Iterator[tuple[str, int, Objects | None]]:
        pcs = self._cache.cpu_sheaves[cpu]
        for name in ("main", "spare", "rcu"):
            yield name, getattr(pcs, name), getattr(sheaves, name)

    def _learn(self, recorded: SlubCache) -> None:
        """Slabs none of whose objects was handed out have no address here yet: they get the dump's where all else is equal."""
        for cpu, sheaves in enumerate(recorded.cpus):
            for _name, number, objects in self._of_cpu(cpu, sheaves):
                self._learn_sheaf(number, objects or ())
        for barn, node in zip(self._cache.barn, recorded.nodes, strict=False):
            for number, objects in zip(sheaf_chain(self._state, barn.full), node.full, strict=False):
                self._learn_sheaf(number, objects)
        for n, node in zip(self._cache.node, recorded.nodes, strict=False):
            for slab, listed in zip(list_entries(self._state.slabs, n.partial), node.partial, strict=False):
                self._learn_slab(slab, listed.address)

    def _learn_sheaf(self, number: int, recorded: Objects) -> None:
        for obj, pointer in zip(self._objects(number), recorded, strict=False):
            self._learn_slab(virt_to_slab(obj), pointer - obj_to_index(obj) * self._cache.size)

    def _learn_slab(self, slab: int, address: int) -> None:
        if slab not in self._addresses.of:
            self._addresses.learn(slab, address)

    def _objects(self, number: int) -> Sequence[int]:
        if number == NO_SHEAF:
            return ()
        sheaf = self._state.sheaves[number]
        return self._state.words[sheaf.entry : sheaf.entry + sheaf.size]

    def _sheaf(self, place: str, number: int, recorded: Objects | None) -> Item:
        ours = tuple(self._addresses.pointer(virt_to_slab(obj), obj_to_index(obj)) for obj in self._objects(number))
        theirs = recorded or ()
        self.pointers += max(len(ours), len(theirs))
        self.differing += sum(a != b for a, b in zip(ours, theirs, strict=False)) + abs(len(ours) - len(theirs))
        return Item(
            place,
            None if number == NO_SHEAF else _hex(ours),
            None if recorded is None else _hex(recorded),
            len(ours) == len(theirs) and (number == NO_SHEAF) == (recorded is None),
        )

    def _barn(self, number: int, node: SlubNode) -> Iterator[Item]:
        barn = self._cache.barn[number]
        yield Item(f"node {number} barn full", barn.nr_full, len(node.full))
        yield Item(f"node {number} barn empty", barn.nr_empty, node.nr_empty)
        for place, (sheaf, objects) in enumerate(zip(sheaf_chain(self._state, barn.full), node.full, strict=False)):
            yield self._sheaf(f"node {number} barn full {place}", sheaf, objects)

    def _node(self, number: int, node: SlubNode) -> Iterator[Item]:
        n = self._cache.node[number]
        for name in ("nr_slabs", "total_objects", "nr_partial"):
            yield Item(f"node {number} {name}", getattr(n, name), getattr(node, name))
        listed = list(list_entries(self._state.slabs, n.partial))
        slabs = [(self._addresses.of.get(slab, 0), self._state.slabs[slab]) for slab in listed]
        ours = [f"{address:x} {slab.inuse}/{slab.num}" for address, slab in slabs]
        yield Item(f"node {number} partial", ours, [f"{slab.address:x} {slab.inuse}/{slab.objects}" for slab in node.partial])
        free = {address: tuple(free_chain(self._state, slab)) for address, slab in slabs}
        for slab in node.partial:
            chain = free.get(slab.address)
            excused = chain is not None and len(chain) == len(slab.free)
            yield Item(f"slab {slab.address:x} free indexes", chain, slab.free, excused)
        here = self._slabs.get(number, ())
        mine = sorted(
            (self._addresses.of.get(other, 0), self._state.slabs[other].inuse, self._state.slabs[other].num) for other in here
        )
        theirs = sorted((slab.address, slab.inuse, slab.objects) for slab in node.pages)
        yield Item(f"node {number} slabs", _slabs(mine), _slabs(theirs))


def _hex(pointers: Sequence[int]) -> str:
    return " ".join(f"{pointer:x}" for pointer in pointers)


def _slabs(slabs: Sequence[tuple[int, int, int]]) -> str:
    return " ".join(f"{address:x} {inuse}/{objects}" for address, inuse, objects in slabs)

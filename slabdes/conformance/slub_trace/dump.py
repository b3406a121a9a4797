# SPDX-License-Identifier: GPL-2.0-only
"""Dumps of a 7.3 kernel's SLUB, as kernel73/README describes them: every cache's geometry, counters, sheaves, barns and slabs.

What is read is checked for shape and size, and an error names the line. Leaves out what the numbers mean: see restore.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from slabdes.allocator.geometry import KMALLOC_MAX_ORDER
from slabdes.allocator.slub.geometry import SlubGeometry
from slabdes.allocator.state import OBJECT_MASK
from slabdes.conformance.slub_trace.records import (
    CpuSheaves,
    ListedSlab,
    Objects,
    SlabPages,
    SlubCache,
    SlubDump,
    SlubNode,
)
from slabdes.dumps.bounds import MAX_CPUS, MAX_NODES
from slabdes.dumps.lines import (
    Malformed,
    Totals,
    cache_words,
    counters_of,
    framed,
    line_of_cache,
    locks_of,
    pointer_of,
    quoted,
    whole_number,
)
from slabdes.units import PAGE_SIZE

MAX_CAPACITY: Final = 1 << 12
"""Objects that a sheaf of a dump may hold (assumed; kernels have 4 to 60, and caches that ask for more some dozens)."""
DUMPS: Final = "a dump of SLUB: DUMP, each cache from its CACHE to its SL lines, PG lines, ENDDUMP"
_GEOMETRY: Final = (
    *("object_size", "size", "align", "offset", "order", "objects", "min_order", "min_objects", "min_partial"),
    "sheaf_capacity",
)
_MOST: Final = (1 << 63) - 1


@dataclass
class _Node:
    nr_empty: int = 0
    nr_full: int = 0
    full: list[Objects] = field(default_factory=list)
    counts: tuple[int, int, int] = (0, 0, 0)
    listed: bool = False
    partial: list[ListedSlab] = field(default_factory=list)
    pages: list[SlabPages] = field(default_factory=list)

    def finished(self) -> SlubNode:
        """The node, once all its lines have been read."""
        return SlubNode(*self.counts, tuple(self.partial), tuple(self.full), self.nr_empty, tuple(self.pages))


@dataclass
class _Cache:
    name: str
    geometry: SlubGeometry
    ratio: int
    stats: dict[str, int] | None = None
    locks: dict[str, tuple[int, int]] | None = None
    main: list[Objects] = field(default_factory=list)
    spare: dict[int, Objects] = field(default_factory=dict)
    rcu: dict[int, Objects] = field(default_factory=dict)
    cpu_nodes: list[int] = field(default_factory=list)
    nodes: dict[int, _Node] = field(default_factory=dict)

    def node(self, number: int) -> _Node:
        """A node's draft, begun by its first line."""
        if number >= MAX_NODES:
            raise Malformed(f"node {number}, more than {MAX_NODES}")
        return self.nodes.setdefault(number, _Node())


def read_slub_dumps(path: Path) -> tuple[SlubDump, ...]:
    """Every dump of a file, plain or gzip, in order. Raises InputError, with the line's number, for what is none."""
    totals = Totals()
    return tuple(framed(path, lambda rest: _SlubReader(str(path), rest, totals), DUMPS))


class _SlubReader:
    """One dump while its lines come in."""

    def __init__(self, path: str, rest: str, totals: Totals) -> None:
        match = re.fullmatch(r"(\S{1,64}) jiffies=\d{1,20}", rest)
        if match is None:
            raise Malformed(f"DUMP {quoted(rest)}")
        self.label = match[1]
        self._path = path
        self._totals = totals
        self._caches: dict[str, _Cache] = {}
        self._draft: _Cache | None = None
        self._parts = {
            "ST": self._stats, "LK": self._locks, "MAIN": self._main, "SPARE": self._spare, "RCU": self._rcu, "BARN": self._barn,
            "FULL": self._full, "ND": self._node, "SL": self._listed,
        }  # fmt: skip

    def line(self, word: str, rest: str) -> None:
        """Take one line between DUMP and ENDDUMP."""
        if word == "CACHE":
            self._cache(rest)
            return
        if word == "PG":
            self._pages(rest)
            return
        line_of_cache(self._parts, self._draft, word, rest)

    def finished(self) -> SlubDump:
        """The dump, at its ENDDUMP."""
        drafts = self._caches.values()
        machines = {tuple(draft.cpu_nodes) for draft in drafts if draft.cpu_nodes}
        memories = {frozenset(number for number, node in draft.nodes.items() if node.listed) for draft in drafts}
        if len(machines) != 1 or len(memories) != 1:
            raise Malformed(f"dump {self.label!r} has caches of other CPUs or nodes than others, or none with sheaves")
        node_of_cpu, memory = next(iter(machines)), next(iter(memories))
        n_nodes = 1 + max(number for draft in drafts for number in (*draft.nodes, *draft.cpu_nodes))
        if not memory:
            raise Malformed(f"dump {self.label!r} has no node with memory")
        caches = {draft.name: self._finished(draft, len(node_of_cpu), n_nodes) for draft in drafts}
        has_memory = tuple(node in memory for node in range(n_nodes))
        return SlubDump(f"{self._path}: {self.label}", self.label, node_of_cpu, n_nodes, has_memory, caches)

    def _finished(self, draft: _Cache, n_cpus: int, n_nodes: int) -> SlubCache:
        if draft.stats is None or draft.locks is None or len(draft.main) != (n_cpus if draft.geometry.sheaf_capacity else 0):
            raise Malformed(f"CACHE {draft.name!r} lacks ST, LK or MAIN lines")
        for number, node in draft.nodes.items():
            if node.nr_full != len(node.full) or node.counts[2] != len(node.partial):
                raise Malformed(f"CACHE {draft.name!r}: node {number} lacks FULL or SL lines, or has too many")
        cpus = (CpuSheaves(main, draft.spare.get(cpu), draft.rcu.get(cpu)) for cpu, main in enumerate(draft.main))
        nodes = (draft.nodes.get(number, _Node()).finished() for number in range(n_nodes))
        return SlubCache(draft.name, draft.geometry, draft.ratio, draft.stats, draft.locks, tuple(cpus), tuple(nodes))

    def _cache(self, rest: str) -> None:
        name, words = cache_words(rest, self._caches)
        geometry = SlubGeometry(**{key: whole_number(words.get(key, ""), key) for key in _GEOMETRY})
        _check_geometry(geometry)
        draft = _Cache(name, geometry, whole_number(words.get("ratio", ""), "ratio"))
        self._caches[draft.name] = self._draft = draft

    def _stats(self, draft: _Cache, rest: str) -> None:
        draft.stats = counters_of("ST", rest, _MOST)

    def _locks(self, draft: _Cache, rest: str) -> None:
        draft.locks = locks_of(rest)

    def _main(self, draft: _Cache, rest: str) -> None:
        cpu, node, objects = self._sheaf(draft, "MAIN", rest)
        if cpu != len(draft.main) or cpu >= MAX_CPUS or node >= MAX_NODES:
            raise Malformed(f"MAIN of CPU {cpu} on node {node} after {len(draft.main)} CPUs")
        draft.main.append(objects)
        draft.cpu_nodes.append(node)

    def _spare(self, draft: _Cache, rest: str) -> None:
        self._beside(draft, draft.spare, "SPARE", rest)

    def _rcu(self, draft: _Cache, rest: str) -> None:
        self._beside(draft, draft.rcu, "RCU", rest)

    def _beside(self, draft: _Cache, sheaves: dict[int, Objects], kind: str, rest: str) -> None:
        cpu, node, objects = self._sheaf(draft, kind, rest)
        if cpu in sheaves or cpu >= len(draft.main) or node != draft.cpu_nodes[cpu]:
            raise Malformed(f"{kind} of CPU {cpu} on node {node} without its MAIN, or a second one")
        sheaves[cpu] = objects

    def _barn(self, draft: _Cache, rest: str) -> None:
        match = re.fullmatch(r"(\d{1,9}) full=(\d{1,9}) empty=(\d{1,9})", rest)
        if match is None or not draft.geometry.sheaf_capacity:
            raise Malformed(f"BARN {quoted(rest)} of a cache with sheaves of {draft.geometry.sheaf_capacity}")
        node = draft.node(int(match[1]))
        node.nr_full, node.nr_empty = int(match[2]), int(match[3])
        self._totals.add(0, node.nr_empty * draft.geometry.sheaf_capacity)

    def _full(self, draft: _Cache, rest: str) -> None:
        number, _cpu, objects = self._sheaf(draft, "FULL", rest)
        if number not in draft.nodes or len(objects) != draft.geometry.sheaf_capacity:
            raise Malformed(f"FULL of node {number} with {len(objects)} of {draft.geometry.sheaf_capacity} objects, or no BARN")
        draft.nodes[number].full.append(objects)

    def _node(self, draft: _Cache, rest: str) -> None:
        match = re.fullmatch(r"(\d{1,9}) slabs=(\d{1,9}) objects=(\d{1,9}) nr_partial=(\d{1,9})", rest)
        if match is None:
            raise Malformed(f"ND {quoted(rest)}")
        node = draft.node(int(match[1]))
        if node.listed:
            raise Malformed(f"a second ND of node {match[1]}")
        node.listed = True
        node.counts = (int(match[2]), int(match[3]), int(match[4]))

    def _listed(self, draft: _Cache, rest: str) -> None:
        head, colon, tail = rest.partition(" :")
        match = re.fullmatch(r"(\d{1,9}) (\S+) (\d{1,9})/(\d{1,9})", head)
        if match is None or not colon or int(match[1]) not in draft.nodes:
            raise Malformed(f"SL {quoted(rest)}")
        inuse, objects = int(match[3]), int(match[4])
        free = tuple(whole_number(word, "free index") for word in tail.split())
        if len(free) != objects - inuse or len(set(free)) != len(free) or not free or max(free) >= objects:
            raise Malformed(f"SL {quoted(match[2])} with {inuse} of {objects} in use and {len(free)} free indexes")
        self._totals.add(0, len(free))
        draft.nodes[int(match[1])].partial.append(ListedSlab(pointer_of(match[2]), inuse, objects, free))

    def _pages(self, rest: str) -> None:
        match = re.fullmatch(r"(\d{1,9}) (\S+) (\d{1,9})/(\d{1,9}) (.+)", rest)
        draft = self._caches.get(match[5]) if match else None
        if match is None or draft is None or int(match[1]) not in draft.nodes:
            raise Malformed(f"PG {quoted(rest)}")
        node, address, inuse, objects = int(match[1]), pointer_of(match[2]), int(match[3]), int(match[4])
        geometry = draft.geometry
        if objects not in (geometry.objects, geometry.min_objects) or not 0 <= inuse <= objects:
            raise Malformed(f"PG {quoted(match[2])} with {inuse} of {objects} in use, the cache has {geometry.objects} a slab")
        order = geometry.order if objects == geometry.objects else geometry.min_order
        if address % (PAGE_SIZE << order):
            raise Malformed(f"PG {quoted(match[2])} is no address of pages of order {order}")
        self._totals.add(1, objects)
        draft.nodes[node].pages.append(SlabPages(address, inuse, objects))

    def _sheaf(self, draft: _Cache, kind: str, rest: str) -> tuple[int, int, Objects]:
        head, colon, tail = rest.partition(" :")
        match = re.fullmatch(r"(\d{1,9}) (\d{1,9}) (\d{1,9})", head)
        objects = tuple(pointer_of(word) for word in tail.split())
        if match is None or not colon or int(match[3]) != len(objects) or len(objects) > draft.geometry.sheaf_capacity:
            raise Malformed(f"{kind} {quoted(rest)} of a cache with sheaves of {draft.geometry.sheaf_capacity}")
        self._totals.add(0, len(objects))
        return int(match[1]), int(match[2]), objects


def _check_geometry(geometry: SlubGeometry) -> None:
    for order, objects in ((geometry.order, geometry.objects), (geometry.min_order, geometry.min_objects)):
        if order > KMALLOC_MAX_ORDER or not 1 <= objects <= OBJECT_MASK or not 1 <= geometry.size * objects <= PAGE_SIZE << order:
            raise Malformed(f"{objects} objects of size={geometry.size} do not fit order={order}")
    if geometry.min_objects > geometry.objects or geometry.min_order > geometry.order:
        raise Malformed(f"min_objects={geometry.min_objects} with objects={geometry.objects}")
    if geometry.sheaf_capacity > MAX_CAPACITY:
        raise Malformed(f"sheaf_capacity={geometry.sheaf_capacity}, at most {MAX_CAPACITY}")

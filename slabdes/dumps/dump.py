# SPDX-License-Identifier: GPL-2.0-only
"""Dumps of a 6.1 kernel's whole allocator, as kernel61/README describes them: every cache's geometry, counters, arrays and slabs.

What is read is checked for shape and size, and an error names the line. Leaves out what the numbers mean: see restore.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from slabdes.allocator.geometry import KMALLOC_MAX_ORDER, Geometry, Placement
from slabdes.allocator.state import OBJECT_MASK, ListName
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
from slabdes.dumps.records import ArrayDump, CacheDump, Dump, NodeDump, SlabDump
from slabdes.units import PAGE_SIZE
from slabdes.workload.slabinfo import SlabinfoRow, parse_row

MAX_LIMIT: Final = 1 << 20
"""Largest array accepted, objects (assumed; one line of a dump holds far fewer)."""
MAX_JIFFIES: Final = 1 << 60
"""Highest time accepted, jiffies: a kernel would be up for millions of years."""

DUMPS: Final = "a dump of the allocator: DUMP, then CACHE, INFO, LK, EV, AC, ND, SH, AL and SL lines, then ENDDUMP"
PLACEMENTS: Final = {"obj": Placement.IN_OBJECT, "off": Placement.OFF_SLAB, "on": Placement.ON_SLAB}
LISTS: Final = {"P": ListName.PARTIAL, "F": ListName.FULL, "E": ListName.FREE}
_CACHE_KEYS: Final = (
    *("object_size", "size", "align", "num", "order", "colour", "colour_off", "freelist_size"),
    *("limit", "batchcount", "shared", "sharedlimit", "alienlimit"),
)
_NEXT_REAP: Final = "next_reap"
_MOST_EVENTS: Final = (1 << 64) - 1
_NODE_KEYS: Final = ("total_slabs", "free_slabs", "free_objects", "free_limit", "free_touched", "colour_next", "next_reap")


@dataclass
class _NodeDraft:
    counters: dict[str, int]
    shared: ArrayDump | None = None
    alien: dict[int, ArrayDump] = field(default_factory=dict)
    slabs: dict[ListName, list[SlabDump]] = field(default_factory=lambda: {which: [] for which in ListName})


@dataclass
class _CacheDraft:
    name: str
    keys: dict[str, int]
    placement: Placement
    info: SlabinfoRow | None = None
    locks: dict[str, tuple[int, int]] | None = None
    events: dict[str, int] | None = None
    arrays: list[ArrayDump] = field(default_factory=list)
    cpu_nodes: list[int] = field(default_factory=list)
    nodes: list[_NodeDraft] = field(default_factory=list)
    addresses: set[int] = field(default_factory=set)


def read_dumps(path: Path) -> tuple[Dump, ...]:
    """Every dump of a file, plain or gzip, in order. Raises InputError, with the line's number, for what is none."""
    totals = Totals()
    return tuple(framed(path, lambda rest: _DumpReader(str(path), rest, totals), DUMPS))


class _DumpReader:
    """One dump while its lines come in."""

    def __init__(self, path: str, rest: str, totals: Totals) -> None:
        match = re.fullmatch(r"(\S{1,64}) jiffies=(\d{1,20})", rest)
        if match is None:
            raise Malformed(f"DUMP {quoted(rest)}")
        self.path = path
        self.label = match[1]
        self._jiffies = whole_number(match[2], "jiffies", most=MAX_JIFFIES)
        self._totals = totals
        self._caches: dict[str, CacheDump] = {}
        self._draft: _CacheDraft | None = None
        self._machine: tuple[tuple[int, ...], int] | None = None
        self._parts = {
            "INFO": self._info, "LK": self._locks, "EV": self._events, "AC": self._array, "ND": self._node, "SH": self._shared,
            "AL": self._alien, "SL": self._slab,
        }  # fmt: skip

    def line(self, word: str, rest: str) -> None:
        """Take one line between DUMP and ENDDUMP."""
        if word == "CACHE":
            self._end_cache()
            self._draft = self._cache(rest)
            return
        line_of_cache(self._parts, self._draft, word, rest)

    def finished(self) -> Dump:
        """The dump, at its ENDDUMP."""
        self._end_cache()
        if self._machine is None:
            raise Malformed(f"dump {self.label!r} has no cache")
        return Dump(f"{self.path}: {self.label}", self.label, self._jiffies, *self._machine, self._caches)

    def _cache(self, rest: str) -> _CacheDraft:
        name, words = cache_words(rest, self._caches)
        placement = PLACEMENTS.get(words.get("freelist", ""))
        if placement is None:
            raise Malformed(f"freelist={quoted(words.get('freelist', ''))}, not one of {', '.join(PLACEMENTS)}")
        keys = {key: whole_number(words.get(key, ""), key) for key in _CACHE_KEYS}
        self._check_geometry(keys)
        return _CacheDraft(name, keys, placement)

    def _check_geometry(self, keys: dict[str, int]) -> None:
        order, num, size = keys["order"], keys["num"], keys["size"]
        if order > KMALLOC_MAX_ORDER or not 1 <= num <= OBJECT_MASK or size < 1 or num * size > PAGE_SIZE << order:
            raise Malformed(f"num={num} objects of size={size} do not fit order={order}")
        if keys["colour_off"] < 1 or keys["colour"] * keys["colour_off"] >= max(PAGE_SIZE << order, 1):
            raise Malformed(f"colour={keys['colour']} times colour_off={keys['colour_off']} does not fit order={order}")
        if not 1 <= keys["batchcount"] <= keys["limit"] <= MAX_LIMIT:
            raise Malformed(f"limit={keys['limit']} batchcount={keys['batchcount']}")
        if keys["sharedlimit"] > MAX_LIMIT or keys["alienlimit"] > MAX_LIMIT:
            raise Malformed(f"sharedlimit={keys['sharedlimit']} alienlimit={keys['alienlimit']}")
        if keys["sharedlimit"] != keys["shared"] * keys["batchcount"]:
            raise Malformed(f"sharedlimit={keys['sharedlimit']} with shared={keys['shared']} batchcount={keys['batchcount']}")

    def _info(self, draft: _CacheDraft, rest: str) -> None:
        try:
            draft.info = parse_row(rest)
        except ValueError as error:
            raise Malformed(f"INFO: {error}") from None
        if draft.info.name != draft.name:
            raise Malformed(f"INFO of {draft.info.name!r} in CACHE {draft.name!r}")
        if len(draft.info.globalstat) != 9 or len(draft.info.cpustat) != 4:
            raise Malformed("INFO without globalstat and cpustat: the kernel was built without statistics")

    def _locks(self, draft: _CacheDraft, rest: str) -> None:
        draft.locks = locks_of(rest)

    def _events(self, draft: _CacheDraft, rest: str) -> None:
        draft.events = counters_of("EV", rest, _MOST_EVENTS)

    def _array(self, draft: _CacheDraft, rest: str) -> None:
        (cpu, node, avail, touched), objects = self._entries(draft, rest, "AC", 4)
        if cpu != len(draft.arrays):
            raise Malformed(f"AC of CPU {cpu} on node {node} after {len(draft.arrays)} CPUs")
        if cpu >= MAX_CPUS or node >= MAX_NODES:
            raise Malformed(f"AC of CPU {cpu} on node {node}: more than {MAX_CPUS} CPUs or {MAX_NODES} nodes")
        _check_avail("AC", avail, draft.keys["limit"], objects)
        draft.arrays.append(ArrayDump(draft.keys["limit"], touched, objects))
        draft.cpu_nodes.append(node)

    def _node(self, draft: _CacheDraft, rest: str) -> None:
        number, *words = rest.split() or [""]
        given = dict(word.partition("=")[::2] for word in words)
        if whole_number(number, "node") != len(draft.nodes):
            raise Malformed(f"ND of node {quoted(number)} after {len(draft.nodes)} nodes")
        if len(draft.nodes) >= MAX_NODES:
            raise Malformed(f"more than {MAX_NODES} nodes")
        counters = {key: whole_number(given.get(key, ""), key) for key in _NODE_KEYS if key != _NEXT_REAP}
        draft.nodes.append(_NodeDraft({**counters, _NEXT_REAP: _jiffies_from_now(given.get(_NEXT_REAP, ""))}))

    def _shared(self, draft: _CacheDraft, rest: str) -> None:
        (node, avail, limit, touched), objects = self._entries(draft, rest, "SH", 4)
        _check_avail("SH", avail, limit, objects)
        if limit != draft.keys["sharedlimit"]:
            raise Malformed(f"SH with limit {limit}, sharedlimit={draft.keys['sharedlimit']}")
        self._at(draft, node).shared = ArrayDump(limit, touched, objects)

    def _alien(self, draft: _CacheDraft, rest: str) -> None:
        (node, other, avail, limit), objects = self._entries(draft, rest, "AL", 4)
        _check_avail("AL", avail, limit, objects)
        if other == node or other >= MAX_NODES or not 1 <= limit <= MAX_LIMIT:
            raise Malformed(f"AL {node} {other} with limit {limit}")
        self._at(draft, node).alien[other] = ArrayDump(limit, 0, objects)

    def _slab(self, draft: _CacheDraft, rest: str) -> None:
        head, colon, tail = rest.partition(" :")
        words = head.split()
        if not colon or len(words) != 4 or words[1] not in LISTS:
            raise Malformed(f"SL {quoted(rest)}")
        which, address, inuse = LISTS[words[1]], pointer_of(words[2]), whole_number(words[3], "inuse")
        free = tuple(whole_number(word, "free index") for word in tail.split())
        num = draft.keys["num"]
        if len(free) != num - inuse or len(set(free)) != len(free) or any(index >= num for index in free):
            raise Malformed(f"SL {words[2]} with {inuse} of {num} in use and {len(free)} free indexes")
        if which != list_of(inuse, num):
            raise Malformed(f"SL {words[2]} with {inuse} of {num} in use on list {words[1]}")
        block = address & -(PAGE_SIZE << draft.keys["order"])
        if block in draft.addresses:
            raise Malformed(f"SL {words[2]}: those pages are another slab's")
        self._totals.add(1, len(free))
        draft.addresses.add(block)
        self._at(draft, whole_number(words[0], "node")).slabs[which].append(SlabDump(which, address, inuse, free))

    def _at(self, draft: _CacheDraft, node: int) -> _NodeDraft:
        if node >= len(draft.nodes):
            raise Malformed(f"node {node} before its ND line")
        return draft.nodes[node]

    def _entries(self, draft: _CacheDraft, rest: str, kind: str, count: int) -> tuple[list[int], tuple[int, ...]]:
        head, colon, tail = (rest + " ").partition(" : ")
        words = head.split()
        if not colon or len(words) != count:
            raise Malformed(f"{kind} {quoted(rest)} in cache {draft.name!r}")
        addresses = tail.split()
        self._totals.add(0, len(addresses))
        return [whole_number(word, kind) for word in words], tuple(pointer_of(word) for word in addresses)

    def _end_cache(self) -> None:
        draft = self._draft
        if draft is None:
            return
        self._draft = None
        if draft.info is None or draft.locks is None or draft.events is None or not draft.arrays or not draft.nodes:
            raise Malformed(f"CACHE {draft.name!r} lacks INFO, LK, EV, AC or ND lines")
        machine = (tuple(draft.cpu_nodes), len(draft.nodes))
        self._machine = self._machine or machine
        if machine != self._machine or max(draft.cpu_nodes) >= len(draft.nodes):
            raise Malformed(f"CACHE {draft.name!r} has other CPUs or nodes than those before")
        if any(other >= len(draft.nodes) for node in draft.nodes for other in node.alien):
            raise Malformed(f"CACHE {draft.name!r} has an alien array for a node that is not there")
        self._caches[draft.name] = _finished_cache(draft, draft.info, draft.locks, draft.events)


def _finished_cache(
    draft: _CacheDraft, info: SlabinfoRow, locks: Mapping[str, tuple[int, int]], events: Mapping[str, int]
) -> CacheDump:
    keys = draft.keys
    nodes = tuple(
        NodeDump(
            **node.counters,
            shared=node.shared,
            alien=node.alien,
            slabs=tuple(slab for which in ListName for slab in node.slabs[which]),
        )
        for node in draft.nodes
    )
    return CacheDump(
        name=draft.name,
        object_size=keys["object_size"],
        geometry=_geometry(keys, draft.placement),
        limit=keys["limit"],
        batchcount=keys["batchcount"],
        shared=keys["shared"],
        sharedlimit=keys["sharedlimit"],
        alienlimit=keys["alienlimit"],
        info=info,
        locks=locks,
        events=events,
        arrays=tuple(draft.arrays),
        nodes=nodes,
    )


def _geometry(keys: dict[str, int], placement: Placement) -> Geometry:
    freelist = keys["freelist_size"]
    used = keys["num"] * keys["size"] + (freelist if placement is Placement.ON_SLAB else 0)
    return Geometry(
        size=keys["size"],
        align=keys["align"],
        num=keys["num"],
        gfporder=keys["order"],
        colour=keys["colour"],
        colour_off=keys["colour_off"],
        left_over=(PAGE_SIZE << keys["order"]) - used,
        off_slab=placement is Placement.OFF_SLAB,
        slab_size=freelist,
        slabp_cache=None,
        placement=placement,
    )


def list_of(inuse: int, num: int) -> ListName:
    """The list that a slab with `inuse` of `num` objects in use belongs on."""
    if inuse == 0:
        return ListName.FREE
    return ListName.FULL if inuse >= num else ListName.PARTIAL


def _check_avail(kind: str, avail: int, limit: int, objects: tuple[int, ...]) -> None:
    if avail != len(objects) or avail > limit:
        raise Malformed(f"{kind} with avail {avail} of {limit} and {len(objects)} pointers")


def _jiffies_from_now(text: str) -> int:
    jiffies = whole_number(text.removeprefix("-"), _NEXT_REAP, most=MAX_JIFFIES)
    return -jiffies if text.startswith("-") else jiffies

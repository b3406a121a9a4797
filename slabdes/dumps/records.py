# SPDX-License-Identifier: GPL-2.0-only
"""What a dump of a 6.1 kernel's allocator says, as frozen records: slabs, arrays, nodes, caches, the whole machine.

Addresses are the recorded kernel's. Leaves out how dumps are written down (see dump) and what they mean (see restore).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from slabdes.allocator.geometry import Geometry
from slabdes.allocator.state import ListName
from slabdes.workload.slabinfo import SlabinfoRow


@dataclass(frozen=True)
class SlabDump:
    """A slab: address of its first object, objects in use, free indexes in hand-out order."""

    which: ListName
    address: int
    inuse: int
    free: tuple[int, ...]


@dataclass(frozen=True)
class ArrayDump:
    """An array: the addresses it holds, bottom to top. `touched` is 0 for alien arrays, which dumps do not tell."""

    limit: int
    touched: int
    objects: tuple[int, ...]


@dataclass(frozen=True)
class NodeDump:
    """A node's lists and counters. `next_reap` is relative to the dump's jiffies; `slabs` are in list order, list by list."""

    total_slabs: int
    free_slabs: int
    free_objects: int
    free_limit: int
    free_touched: int
    colour_next: int
    next_reap: int
    shared: ArrayDump | None
    alien: Mapping[int, ArrayDump]
    slabs: tuple[SlabDump, ...]


@dataclass(frozen=True)
class CacheDump:
    """One cache: geometry, tunables, statistics since boot, an array for each CPU, a NodeDump for each node.

    `locks`: site to (acquisitions, contended ones). `events`: the EV counters.
    """

    name: str
    object_size: int
    geometry: Geometry
    limit: int
    batchcount: int
    shared: int
    sharedlimit: int
    alienlimit: int
    info: SlabinfoRow
    locks: Mapping[str, tuple[int, int]]
    events: Mapping[str, int]
    arrays: tuple[ArrayDump, ...]
    nodes: tuple[NodeDump, ...]


@dataclass(frozen=True)
class Dump:
    """The whole allocator at one moment. `node_of_cpu` and `n_nodes` are the machine's; `where` names file and label."""

    where: str
    label: str
    jiffies: int
    node_of_cpu: tuple[int, ...]
    n_nodes: int
    caches: Mapping[str, CacheDump]

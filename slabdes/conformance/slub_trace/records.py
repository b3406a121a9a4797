# SPDX-License-Identifier: GPL-2.0-only
"""What a dump of a 7.3 kernel's allocator says, as frozen records: sheaves, slabs, nodes, caches, the whole machine.

Addresses are the recorded kernel's. Leaves out how dumps are written down (see dump) and what they mean (see restore).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from slabdes.allocator.slub.geometry import SlubGeometry

Objects = tuple[int, ...]
"""The addresses that a sheaf holds, bottom to top."""


@dataclass(frozen=True)
class ListedSlab:
    """A slab on a partial list: address of its first object, objects in use and in all, free indexes in hand-out order."""

    address: int
    inuse: int
    objects: int
    free: tuple[int, ...]


@dataclass(frozen=True)
class SlabPages:
    """Any slab, as the machine's list of pages has it."""

    address: int
    inuse: int
    objects: int


@dataclass(frozen=True)
class CpuSheaves:
    """A CPU's sheaves; None where it has none."""

    main: Objects
    spare: Objects | None
    rcu: Objects | None


@dataclass(frozen=True)
class SlubNode:
    """A node's barn, head first, and `nr_empty` empty sheaves of it; its slabs: `partial` in list order, `pages` all."""

    nr_slabs: int
    total_objects: int
    nr_partial: int
    partial: tuple[ListedSlab, ...]
    full: tuple[Objects, ...]
    nr_empty: int
    pages: tuple[SlabPages, ...]


@dataclass(frozen=True)
class SlubCache:
    """One cache. `stats` are SLUB_STATS since boot, over all CPUs; `locks`: site to (acquisitions, contended ones).

    `cpus` is empty where the cache has no sheaves.
    """

    name: str
    geometry: SlubGeometry
    ratio: int
    stats: Mapping[str, int]
    locks: Mapping[str, tuple[int, int]]
    cpus: tuple[CpuSheaves, ...]
    nodes: tuple[SlubNode, ...]


@dataclass(frozen=True)
class SlubDump:
    """One dump. `where` says which in messages; `has_memory` of each node whether slabs can lie there."""

    where: str
    label: str
    node_of_cpu: tuple[int, ...]
    n_nodes: int
    has_memory: tuple[bool, ...]
    caches: Mapping[str, SlubCache]

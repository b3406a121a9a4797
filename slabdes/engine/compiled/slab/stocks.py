# SPDX-License-Identifier: GPL-2.0-only
"""What a CPU has of its own of a SLAB cache: its array, a stack of `avail` objects of the CPU's node."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from typing import TypeAlias

from slabdes.allocator.state import ArrayCache, CacheStats, Slab
from slabdes.allocator.transitions import alloc_hit, free_hit
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.slab.records import arrays_at, caches_at, stats_at

Own: TypeAlias = ArrayCache
"""What a CPU has of its own."""


def own_array(run: Run, cpu: Cpu) -> ArrayCache:
    """The CPU's array of the present step's cache."""
    return arrays_at(run.arrays)[caches_at(run.caches)[cpu.cache].array + cpu.number]


def counters(run: Run, cpu: Cpu) -> CacheStats:
    """Where its hits are counted."""
    return stats_at(run.stats)[cpu.cache]


def home_of(run: Run, cpu: Cpu) -> int:
    """The node whose objects a CPU keeps."""
    return cpu.node


def kept(own: ArrayCache) -> int:
    """How many objects there are."""
    return own.avail


def take(own: ArrayCache, words: MutableSequence[int], slabs: Sequence[Slab], stats: CacheStats) -> int:
    """Take one, a hit."""
    return alloc_hit(words, stats, own)


def room(own: ArrayCache) -> int:
    """How many more there may be."""
    return own.limit - own.avail


def accepts(own: ArrayCache, slab: int, node: int, home: int) -> bool:
    """Whether an object of a slab on `node` may be one."""
    return node == home


def put(own: ArrayCache, words: MutableSequence[int], slabs: Sequence[Slab], stats: CacheStats, obj: int) -> None:
    """Put one there, a hit."""
    free_hit(words, stats, own, obj)

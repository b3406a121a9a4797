# SPDX-License-Identifier: GPL-2.0-only
"""What a CPU has of its own of a SLUB cache: its main sheaf, a stack; or the private free chain of its slab (per-CPU slabs)."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from typing import Final, TypeAlias

from slabdes.allocator.slub.state import KmemCacheCpu, SlabSheaf, SlubStats
from slabdes.allocator.slub.transitions import sheaf_pop, sheaf_push
from slabdes.allocator.state import BUFCTL_END, OBJECT_BITS, OBJECT_MASK, Slab
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.numba_tools import ints_at
from slabdes.engine.compiled.slub.layout import SlubRun
from slabdes.engine.compiled.slub.records import cpu_sheaves_at, cpu_slabs_at, sheaves_at, slub_stats_at
from slabdes.engine.cpu import NEVER

OwnSheaf: TypeAlias = SlabSheaf
OwnSlab: TypeAlias = KmemCacheCpu
"""What a CPU has of its own, with sheaves and with per-CPU slabs."""
_ANY: Final = -1
"""In place of a CPU's node: objects of every node will do."""


def main_sheaf(run: SlubRun, cpu: Cpu) -> SlabSheaf:
    """The CPU's main sheaf of the present step's cache."""
    return sheaves_at(run.sheaves)[cpu_sheaves_at(run.cpu_sheaves)[cpu.cache * run.n_cpus + cpu.number].main]


def own_slab(run: SlubRun, cpu: Cpu) -> KmemCacheCpu:
    """Its own slab."""
    return cpu_slabs_at(run.own_slabs)[cpu.cache * run.n_cpus + cpu.number]


def counters(run: SlubRun, cpu: Cpu) -> SlubStats:
    """Where its hits are counted."""
    return slub_stats_at(run.stats)[cpu.cache * run.n_cpus + cpu.number]


def home_of(run: SlubRun, cpu: Cpu) -> int:
    """The node whose objects a CPU's sheaves take: those of a CPU without memory take any (paths.slub.pcs_free.is_local)."""
    return cpu.node if ints_at(run.has_memory)[cpu.node] else _ANY


def kept(own: SlabSheaf) -> int:
    """How many objects there are."""
    return own.size


def kept_in_chain(own: KmemCacheCpu) -> int:
    """Nobody knows how many there are, if any."""
    return 0 if own.free == BUFCTL_END else NEVER


def any_in_chain(own: KmemCacheCpu) -> bool:
    """Whether there is one."""
    return own.free != BUFCTL_END


def take(own: SlabSheaf, words: Sequence[int], slabs: Sequence[Slab], stats: SlubStats) -> int:
    """Take one, a hit."""
    stats.alloc_fastpath += 1
    return sheaf_pop(words, own)


def take_from_chain(own: KmemCacheCpu, words: Sequence[int], slabs: Sequence[Slab], stats: SlubStats) -> int:
    """The same (paths.slub.cpu_slab.pop_private)."""
    stats.alloc_fastpath += 1
    objnr = own.free
    own.free = words[slabs[own.slab].bufctl + objnr]
    return own.slab << OBJECT_BITS | objnr


def room(own: SlabSheaf) -> int:
    """How many more there may be."""
    return own.capacity - own.size


def room_in_chain(own: KmemCacheCpu) -> int:
    """As many as the slab has objects: nobody counts them."""
    return NEVER


def accepts(own: SlabSheaf, slab: int, node: int, home: int) -> bool:
    """Whether an object of a slab on `node` may be one."""
    return home in (node, _ANY)


def accepts_in_chain(own: KmemCacheCpu, slab: int, node: int, home: int) -> bool:
    """Whether one of this slab may be."""
    return own.slab == slab


def put(own: SlabSheaf, words: MutableSequence[int], slabs: Sequence[Slab], stats: SlubStats, obj: int) -> None:
    """Put one there, a hit."""
    stats.free_fastpath += 1
    sheaf_push(words, own, obj)


def put_in_chain(own: KmemCacheCpu, words: MutableSequence[int], slabs: Sequence[Slab], stats: SlubStats, obj: int) -> None:
    """The same (paths.slub.cpu_slab_free.do_slab_free)."""
    stats.free_fastpath += 1
    words[slabs[own.slab].bufctl + (obj & OBJECT_MASK)] = own.free
    own.free = obj & OBJECT_MASK

# SPDX-License-Identifier: GPL-2.0-only
"""What a CPU has of its own of a SLUB cache: its main sheaf, a stack; or the private free chain of its slab (per-CPU slabs)."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from typing import Final, TypeAlias

from slabdes.allocator.slub.state import NO_SHEAF as NO_SHEAF  # handed on
from slabdes.allocator.slub.state import KmemCacheCpu, SlabSheaf, SlubStats
from slabdes.allocator.slub.transitions import sheaf_pop, sheaf_push
from slabdes.allocator.state import BUFCTL_END, OBJECT_BITS, OBJECT_MASK, Slab
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.layout import dtype_of
from slabdes.engine.compiled.numba_tools import ints_at
from slabdes.engine.compiled.slub.layout import RcuSheaf, SlubRun
from slabdes.engine.compiled.slub.records import (
    cpu_sheaves_at,
    cpu_slabs_at,
    rcu_sheaves_at,
    sheaves_at,
    slub_caches_at,
    slub_stats_at,
)
from slabdes.engine.cpu import NEVER

OwnSheaf: TypeAlias = SlabSheaf
OwnSlab: TypeAlias = KmemCacheCpu
OwnRcuSheaf: TypeAlias = RcuSheaf
"""What a CPU has of its own: with sheaves, with per-CPU slabs, and for kfree_rcu."""
_SHEAF_BYTES: Final = dtype_of(SlabSheaf).itemsize
_ANY: Final = -1
"""In place of a CPU's node: objects of every node will do."""


def main_sheaf(run: SlubRun, cpu: Cpu) -> SlabSheaf:
    """The CPU's main sheaf of the present step's cache."""
    return sheaves_at(run.all_sheaves)[cpu_sheaves_at(run.cpu_sheaves)[cpu.cache * run.n_cpus + cpu.number].main]


def own_slab(run: SlubRun, cpu: Cpu) -> KmemCacheCpu:
    """Its own slab."""
    return cpu_slabs_at(run.own_slabs)[cpu.cache * run.n_cpus + cpu.number]


def rcu_sheaf_number(run: SlubRun, cpu: Cpu) -> int:
    """The number of the sheaf that kfree_rcu fills, or NO_SHEAF."""
    return cpu_sheaves_at(run.cpu_sheaves)[cpu.cache * run.n_cpus + cpu.number].rcu


def rcu_sheaf(run: SlubRun, number: int) -> RcuSheaf:
    """That sheaf."""
    return rcu_sheaves_at(run.all_sheaves + _SHEAF_BYTES * number)[0]


def has_slabs_alone(run: SlubRun, cpu: Cpu) -> bool:
    """Whether hits of the present step's cache are in a slab of the CPU's own, not in a sheaf."""
    return run.cpu_slabs and not slub_caches_at(run.caches)[cpu.cache].sheaf_capacity


def counters(run: SlubRun, cpu: Cpu) -> SlubStats:
    """Where its hits are counted."""
    return slub_stats_at(run.stats)[cpu.cache * run.n_cpus + cpu.number]


def home_of(run: SlubRun, cpu: Cpu) -> int:
    """The node whose objects a CPU's sheaves take: those of a CPU without memory may take any (paths.slub.pcs_free.is_local)."""
    return cpu.node if ints_at(run.has_memory)[cpu.node] or run.barns_with_memory else _ANY


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
    return node == home or home == _ANY


def accepts_in_chain(own: KmemCacheCpu, slab: int, node: int, home: int) -> bool:
    """Whether one of this slab may be."""
    return own.slab == slab


def room_to_gather(own: RcuSheaf) -> int:
    """How many more there may be: the last is handed over with the others."""
    return own.capacity - own.gathered - 1


def accepts_to_gather(own: RcuSheaf, slab: int, node: int, home: int) -> bool:
    """Whether an object of a slab on `node` may be one."""
    return node == home


def gather(own: RcuSheaf, words: MutableSequence[int], slabs: Sequence[Slab], stats: SlubStats, obj: int) -> None:
    """Put one there, a hit (paths.slub.rcu.__kfree_rcu_sheaf)."""
    stats.free_rcu_sheaf += 1
    words[own.entry + own.gathered] = obj
    own.gathered += 1


def put(own: SlabSheaf, words: MutableSequence[int], slabs: Sequence[Slab], stats: SlubStats, obj: int) -> None:
    """Put one there, a hit."""
    stats.free_fastpath += 1
    sheaf_push(words, own, obj)


def put_in_chain(own: KmemCacheCpu, words: MutableSequence[int], slabs: Sequence[Slab], stats: SlubStats, obj: int) -> None:
    """The same (paths.slub.cpu_slab_free.do_slab_free)."""
    stats.free_fastpath += 1
    words[slabs[own.slab].bufctl + (obj & OBJECT_MASK)] = own.free
    own.free = obj & OBJECT_MASK

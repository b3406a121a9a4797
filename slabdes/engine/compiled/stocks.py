# SPDX-License-Identifier: GPL-2.0-only
"""What a CPU has of its own of a cache: SLAB's array; SLUB's main sheaf, or the private free chain of the CPU's slab.

What is asked of one is chosen by the type of its record, or by that of the run, so that hits of each are loops of their own
(`hits`). The counterpart of Run._take, _has_room and _put.
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence, Sequence
from typing import Any, Final, TypeAlias

from slabdes.allocator.slub.state import KmemCacheCpu, SlabSheaf, SlubStats
from slabdes.allocator.slub.transitions import sheaf_pop, sheaf_push
from slabdes.allocator.state import BUFCTL_END, OBJECT_BITS, OBJECT_MASK, ArrayCache, CacheStats, Slab
from slabdes.allocator.transitions import alloc_hit, free_hit
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.numba_tools import (
    arrays_at,
    by_fields,
    by_record,
    by_run,
    caches_at,
    field_of,
    function,
    ints_at,
    stats_at,
)
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.slub.layout import SlubRun
from slabdes.engine.compiled.slub.records import cpu_sheaves_at, cpu_slabs_at, sheaves_at, slub_stats_at
from slabdes.engine.cpu import NEVER

Own: TypeAlias = ArrayCache | SlabSheaf | KmemCacheCpu
"""One of them."""
_Hits = Callable[[Run, Cpu, int], int]
_ANY: Final = -1
"""In place of a CPU's node: objects of every node will do."""


def with_own(row: Callable[[Run, Cpu, int, Own], int]) -> _Hits:
    """A row of hits in what the CPU has of its own of the present step's cache."""

    @function
    def of_array(run: Run, cpu: Cpu, most: int) -> int:
        return row(run, cpu, most, arrays_at(run.arrays)[caches_at(run.caches)[cpu.cache].array + cpu.number])

    @function
    def of_sheaf(run: SlubRun, cpu: Cpu, most: int) -> int:
        mine = cpu.cache * run.n_cpus + cpu.number
        return row(run, cpu, most, sheaves_at(run.sheaves)[cpu_sheaves_at(run.cpu_sheaves)[mine].main])

    @function
    def of_chain(run: SlubRun, cpu: Cpu, most: int) -> int:
        return row(run, cpu, most, cpu_slabs_at(run.own_slabs)[cpu.cache * run.n_cpus + cpu.number])

    def of_slab(run: Run, cpu: Cpu, most: int) -> int:
        return of_array(run, cpu, most)

    def of_slub(run: SlubRun, cpu: Cpu, most: int) -> int:
        return of_chain(run, cpu, most) if run.cpu_slabs else of_sheaf(run, cpu, most)

    return by_run(SlubRun, of_slub, of_slab)


def _of_cache(run: Run, cpu: Cpu) -> CacheStats:
    return stats_at(run.stats)[cpu.cache]


def _of_cpu(run: SlubRun, cpu: Cpu) -> SlubStats:
    return slub_stats_at(run.stats)[cpu.cache * run.n_cpus + cpu.number]


counters: Final[Callable[[Run, Cpu], Any]] = by_fields(lambda fields: _of_cpu if field_of(SlubRun) in fields else _of_cache)
"""Where hits of the present step's cache are counted."""


def _own_node(run: Run, cpu: Cpu) -> int:
    return cpu.node


def _node_or_any(run: SlubRun, cpu: Cpu) -> int:
    return cpu.node if ints_at(run.has_memory)[cpu.node] else _ANY


home_of: Final = by_run(SlubRun, _node_or_any, _own_node)
"""The node whose objects a CPU keeps (paths.slub.pcs_free.is_local)."""

# An array: SLAB's objects are a stack of `avail`, as are a sheaf's of `size`; of a chain nobody knows how long it is.


def _avail(own: ArrayCache) -> int:
    return own.avail


def _size(own: SlabSheaf) -> int:
    return own.size


def _chained(own: KmemCacheCpu) -> int:
    return 0 if own.free == BUFCTL_END else NEVER


kept: Final[Callable[[Own], int]] = by_record({ArrayCache: _avail, SlabSheaf: _size, KmemCacheCpu: _chained})
"""How many objects can be taken at most."""


def _yes(own: Own) -> bool:
    return True


def _not_at_end(own: KmemCacheCpu) -> bool:
    return own.free != BUFCTL_END


has_any: Final[Callable[[Own], bool]] = by_record({KmemCacheCpu: _not_at_end}, _yes)
"""Whether one more can be taken, if no more than `kept` were."""


def _take(own: ArrayCache, words: Sequence[int], slabs: Sequence[Slab], stats: CacheStats) -> int:
    return alloc_hit(words, stats, own)


def _pop(own: SlabSheaf, words: Sequence[int], slabs: Sequence[Slab], stats: SlubStats) -> int:
    stats.alloc_fastpath += 1
    return sheaf_pop(words, own)


def _unchain(own: KmemCacheCpu, words: Sequence[int], slabs: Sequence[Slab], stats: SlubStats) -> int:
    stats.alloc_fastpath += 1
    objnr = own.free
    own.free = words[slabs[own.slab].bufctl + objnr]
    return own.slab << OBJECT_BITS | objnr


take: Final[Callable[[Own, Sequence[int], Sequence[Slab], Any], int]] = by_record(
    {ArrayCache: _take, SlabSheaf: _pop, KmemCacheCpu: _unchain}
)
"""Take an object, a hit."""


def _array_room(own: ArrayCache) -> int:
    return own.limit - own.avail


def _sheaf_room(own: SlabSheaf) -> int:
    return own.capacity - own.size


def _boundless(own: KmemCacheCpu) -> int:
    return NEVER


room: Final[Callable[[Own], int]] = by_record({ArrayCache: _array_room, SlabSheaf: _sheaf_room, KmemCacheCpu: _boundless})
"""How many can be put there at most."""


def _of_node(own: ArrayCache, slab: int, node: int, home: int) -> bool:
    return node == home


def _of_home(own: SlabSheaf, slab: int, node: int, home: int) -> bool:
    return home in (node, _ANY)


def _of_slab(own: KmemCacheCpu, slab: int, node: int, home: int) -> bool:
    return own.slab == slab


accepts: Final[Callable[[Own, int, int, int], bool]] = by_record(
    {ArrayCache: _of_node, SlabSheaf: _of_home, KmemCacheCpu: _of_slab}
)
"""Whether an object of this slab, on this node, may be put there by a CPU whose `home_of` is given."""


def _put(own: ArrayCache, words: MutableSequence[int], slabs: Sequence[Slab], stats: CacheStats, obj: int) -> None:
    free_hit(words, stats, own, obj)


def _push(own: SlabSheaf, words: MutableSequence[int], slabs: Sequence[Slab], stats: SlubStats, obj: int) -> None:
    stats.free_fastpath += 1
    sheaf_push(words, own, obj)


def _chain(own: KmemCacheCpu, words: MutableSequence[int], slabs: Sequence[Slab], stats: SlubStats, obj: int) -> None:
    stats.free_fastpath += 1
    words[slabs[own.slab].bufctl + (obj & OBJECT_MASK)] = own.free
    own.free = obj & OBJECT_MASK


put: Final[Callable[[Own, MutableSequence[int], Sequence[Slab], Any, int], None]] = by_record(
    {ArrayCache: _put, SlabSheaf: _push, KmemCacheCpu: _chain}
)
"""Put an object there, a hit."""

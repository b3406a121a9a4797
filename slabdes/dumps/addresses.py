# SPDX-License-Identifier: GPL-2.0-only
"""Where slabs lie in a recorded kernel's memory, both ways. Leaves out how addresses become known: see restore and replay."""

from __future__ import annotations

from typing import Final

from slabdes.allocator.geometry import KMALLOC_MAX_ORDER
from slabdes.allocator.state import NO_OBJECT, KmemCache, object_number
from slabdes.units import PAGE_SIZE

NO_ADDRESS: Final = 0
"""The address of a slab that has not been learned yet."""


class Addresses:
    """Where slabs lie in the recorded kernel's memory: `of[slab]` is the address of a slab's first object, or NO_ADDRESS."""

    def __init__(self) -> None:
        self.of: dict[int, int] = {}
        self._slab_at: dict[tuple[int, int], int] = {}
        self._caches_at: dict[tuple[int, int], dict[int, KmemCache]] = {}
        """By order and block, the caches that have a slab there, by index: one, unless they know too little."""

    def learn(self, cache: KmemCache, slab: int, address: int) -> None:
        """Slab `slab` of `cache` has its first object at `address`."""
        self.of[slab] = address
        block = self.block(cache, address)
        self._slab_at[cache.index, block] = slab
        self._caches_at.setdefault((cache.gfporder, block), {})[cache.index] = cache

    def forget(self, cache: KmemCache, slab: int) -> None:
        """The slab is destroyed, or its pages were another's."""
        address = self.of.pop(slab, NO_ADDRESS)
        key = (cache.index, self.block(cache, address))
        if self._slab_at.get(key) == slab:
            del self._slab_at[key]
            place = (cache.gfporder, key[1])
            del self._caches_at[place][cache.index]
            if not self._caches_at[place]:
                del self._caches_at[place]

    def slab_at(self, cache: KmemCache, pointer: int) -> int | None:
        """The known slab of `cache` whose pages `pointer` lies in."""
        return self._slab_at.get((cache.index, self.block(cache, pointer)))

    def object_at(self, cache: KmemCache, pointer: int) -> int:
        """The object of `cache` at `pointer`, or NO_OBJECT where no known slab has one."""
        slab = self.slab_at(cache, pointer)
        if slab is None:
            return NO_OBJECT
        objnr, rest = divmod(pointer - self.of[slab], cache.size)
        return object_number(slab, objnr) if not rest and 0 <= objnr < cache.num else NO_OBJECT

    def caches_at(self, pointer: int) -> list[KmemCache]:
        """The caches that have a known slab with an object at `pointer`, the first created first."""
        found = []
        for order in range(KMALLOC_MAX_ORDER + 1):
            at = self._caches_at.get((order, pointer & -(PAGE_SIZE << order)), {})
            found += [cache for cache in at.values() if self.object_at(cache, pointer) != NO_OBJECT]
        return sorted(found, key=lambda cache: cache.index)

    def pointer(self, cache: KmemCache, slab: int, objnr: int) -> int:
        """The address of a slab's object, or NO_ADDRESS while the slab's is not known."""
        first = self.of.get(slab, NO_ADDRESS)
        return first + objnr * cache.size if first else NO_ADDRESS

    @staticmethod
    def block(cache: KmemCache, pointer: int) -> int:
        """The first address of the pages that a slab of `cache` with `pointer` in it takes up."""
        return pointer & -(PAGE_SIZE << cache.gfporder)

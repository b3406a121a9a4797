# SPDX-License-Identifier: GPL-2.0-only
"""SLUB's engine without a clock over all caches of a dump: sheaves come from kmalloc's caches, slabs have addresses.

Leaves out the order of operations: see replay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from slabdes.allocator.gfp import MAY_WAIT
from slabdes.allocator.slub.state import CYCLES_MASK, KmemCache
from slabdes.allocator.slub.versions import LINUX_7_3
from slabdes.allocator.state import NO_OBJECT
from slabdes.conformance.kernel_trace.events import KMALLOC
from slabdes.conformance.slub_trace.fates import Fates
from slabdes.conformance.slub_trace.restore import Restored
from slabdes.dumps.bounds import MAX_PLACES, Allowance
from slabdes.engine.clockless_slub import ClocklessSlub
from slabdes.errors import InputError
from slabdes.paths.kernel import Waits
from slabdes.paths.sites import LockSite
from slabdes.paths.slub.alloc import kmem_cache_alloc
from slabdes.paths.slub.kernel import SlubCpu

SHEAF_HEADER_BYTES: Final = 32
"""struct slab_sheaf before its objects (recorded: the kmalloc of a sheaf of 60 objects asks for 512 bytes, of 4 for 64)."""
POINTER_BYTES: Final = 8


class Kmallocs:
    """kmalloc's caches by their kind and size."""

    def __init__(self, caches: Mapping[str, KmemCache]) -> None:
        self._caches: dict[tuple[str, int], KmemCache] = {}
        self.indexes: set[int] = set()
        """Which caches are kmalloc's."""
        for name, cache in caches.items():
            if match := KMALLOC.fullmatch(name):
                self._caches[match["dma"] or match["type"] or "", cache.size] = cache
                self.indexes.add(cache.index)
        self.sizes = sorted(size for kind, size in self._caches if not kind)

    @property
    def largest(self) -> int:
        """Bytes of the largest objects that there are."""
        return self.sizes[-1] if self.sizes else 0

    def of(self, kind: str, size: int) -> KmemCache | None:
        """The cache of objects of exactly `size` bytes; a kind that there is none of is served by the plain ones."""
        return self._caches.get((kind, size)) or self._caches.get(("", size))

    def serving(self, size: int) -> KmemCache | None:
        """The plain cache that a request for `size` bytes is served from, or None if it is too large for any."""
        fitting = next((known for known in self.sizes if known >= size), None)
        return None if fitting is None else self._caches["", fitting]


class TraceKernel(ClocklessSlub):
    """A ClocklessSlub for many caches. `settle_sheaf` is told of each object that a sheaf lies in, and says its address.

    `fates` say which searches of other nodes are skipped; `searches` counts them.
    """

    def __init__(self, restored: Restored, fates: Fates, allowance: Allowance, where: str) -> None:
        state = restored.state
        n = state.n_nodes
        rings = ([(node + step) % n for step in range(n)] for node in range(n))
        super().__init__(state, [[home for home in ring if state.has_memory[home]] for ring in rings], LINUX_7_3)
        self.addresses = restored.addresses
        self.kmallocs = Kmallocs(restored.caches)
        self.sheaf_at: dict[int, int] = {}
        """Addresses of sheaves, as far as they are known."""
        self.locks: Counter[tuple[int, LockSite]] = Counter()
        """Acquisitions by cache and site."""
        self.settle_sheaf: Callable[[SlubCpu, KmemCache | None, int], int] = lambda _cpu, _cache, _obj: 0
        self.searches = 0
        self._fates = fates
        self._allowance = allowance
        self._where = where
        self._restricted = False
        self._memory = 0
        self._cache_of_lock = {
            lock: cache.index
            for cache in state.caches
            for lock in (*(barn.lock for barn in cache.barn), *(n.list_lock for n in cache.node))
        }

    def spin_lock(self, cpu: SlubCpu, lock: int, site: LockSite) -> Waits[None]:
        self.locks[self._cache_of_lock[lock], site] += 1
        yield from ()

    def cycles(self, cpu: SlubCpu) -> int:
        number = self.searches
        self.searches += 1
        return CYCLES_MASK if self._fates.is_skipped(number) else 0

    def slab_pages(self, cpu: SlubCpu, cache: KmemCache, order: int, fallback: bool, node: int, thisnode: bool) -> Waits[int]:
        self._allowance.spend(cache.num, self._where, f"a slab more of {cache.name}")
        if len(self.state.words) + cache.num > MAX_PLACES:
            raise InputError(self._where, f"more than {MAX_PLACES} objects in sheaves and slabs", allowed="a shorter trace")
        return (yield from super().slab_pages(cpu, cache, order, fallback, node, thisnode))

    def sheaf_memory(self, cpu: SlubCpu, cache: KmemCache, capacity: int) -> Waits[bool]:
        """An object of a kmalloc cache; none within the same for a kmalloc cache's sheaf (__GFP_NO_OBJ_EXT)."""
        if self._restricted:
            return False
        serving = self.kmallocs.serving(SHEAF_HEADER_BYTES + POINTER_BYTES * capacity)
        obj = NO_OBJECT
        if serving is not None:
            self._restricted = cache.index in self.kmallocs.indexes
            obj = yield from kmem_cache_alloc(self, cpu, serving, MAY_WAIT)
            self._restricted = False
        self._memory = self.settle_sheaf(cpu, serving, obj)
        return serving is None or obj != NO_OBJECT

    def note_sheaf_allocated(self, cpu: SlubCpu, sheaf: int) -> None:
        self.sheaf_at[sheaf] = self._memory

    def note_dropped(self, cpu: SlubCpu, cache: KmemCache, slab: int) -> None:
        self.addresses.forget(slab)

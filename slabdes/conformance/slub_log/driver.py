# SPDX-License-Identifier: GPL-2.0-only
"""What runs a SLUB log's operations, one after the other, over the state of a kernel without a clock: here, the generators.

The compiled engine's phases do it too (`compiled/slub/serial`). Leaves out what operations say about themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from slabdes.allocator.slub.create import create_with_cpu_slabs, kmem_cache_create
from slabdes.allocator.slub.geometry import SlubGeometry
from slabdes.allocator.slub.state import KmemCache
from slabdes.engine.clockless_slub import ClocklessSlub
from slabdes.paths.slub.alloc import kmem_cache_alloc_node
from slabdes.paths.slub.bulk import kmem_cache_alloc_bulk, kmem_cache_free_bulk
from slabdes.paths.slub.kernel import SlubCpu
from slabdes.paths.slub.pcs_free import kmem_cache_free
from slabdes.paths.slub.prefill import (
    kmem_cache_alloc_from_sheaf,
    kmem_cache_prefill_sheaf,
    kmem_cache_refill_sheaf,
    kmem_cache_return_sheaf,
)
from slabdes.paths.slub.rcu import flush_rcu_all_sheaves, kfree_rcu
from slabdes.paths.slub.shrink import kmem_cache_shrink


class SlubDriver(Protocol):
    """Each operation ends before the next begins, and by then the kernel has been told of every step.

    The state shows where an object lies and what a sheaf that came back holds; after `settle`, all there is. What the log sets
    (a cache's ratio and min_partial, pages and sheaves that are to fail) is heard at the next operation.
    """

    def create(self, name: str, geometry: SlubGeometry, *, cpu_slabs: bool) -> KmemCache:
        """Set a cache up; `cpu_slabs`: each CPU has a slab of its own."""
        ...

    def alloc(self, cpu: SlubCpu, cache: KmemCache, flags: int, node: int) -> int:
        """An object, of `node` unless that is NO_NODE, or NO_OBJECT."""
        ...

    def free(self, cpu: SlubCpu, cache: KmemCache, obj: int) -> None:
        """Give an object back."""
        ...

    def alloc_bulk(self, cpu: SlubCpu, cache: KmemCache, count: int) -> list[int] | None:
        """So many objects, or None if there are not."""
        ...

    def free_bulk(self, cpu: SlubCpu, cache: KmemCache, objects: Sequence[int]) -> None:
        """Give objects back, together."""
        ...

    def prefill(self, cpu: SlubCpu, cache: KmemCache, size: int) -> int:
        """A sheaf that holds at least `size` objects, or NO_SHEAF."""
        ...

    def alloc_from_sheaf(self, cpu: SlubCpu, sheaf: int) -> int:
        """Its top object, or NO_OBJECT."""
        ...

    def refill_sheaf(self, cpu: SlubCpu, cache: KmemCache, sheaf: int, size: int) -> int:
        """A sheaf that holds at least `size` objects, this one or another in its place; or NO_SHEAF, and this one stays."""
        ...

    def return_sheaf(self, cpu: SlubCpu, cache: KmemCache, sheaf: int) -> None:
        """Give a sheaf back with what is left in it."""
        ...

    def kfree_rcu(self, cpu: SlubCpu, cache: KmemCache, obj: int) -> None:
        """Give an object back once a grace period is over."""
        ...

    def end_grace_period(self, order: Sequence[int]) -> None:
        """Run all callbacks, in an order as ClocklessSlub.take_callbacks has it."""
        ...

    def free_batched(self) -> None:
        """Free what kfree_rcu's general batching holds."""
        ...

    def shrink(self, cpu: SlubCpu, cache: KmemCache) -> int:
        """Empty a cache's sheaves and give empty slabs back; 1 if slabs are left, else 0."""
        ...

    def flush_rcu(self, cpu: SlubCpu, cache: KmemCache) -> None:
        """Have every CPU hand its RCU sheaf over."""
        ...

    def settle(self) -> None:
        """Let the state show everything."""
        ...


MakeSlubDriver = Callable[[ClocklessSlub], SlubDriver]


class SlubGeneratorDriver:
    """The readable paths."""

    def __init__(self, kernel: ClocklessSlub) -> None:
        self._kernel = kernel

    def create(self, name: str, geometry: SlubGeometry, *, cpu_slabs: bool) -> KmemCache:
        return (create_with_cpu_slabs if cpu_slabs else kmem_cache_create)(self._kernel.state, name, geometry)

    def alloc(self, cpu: SlubCpu, cache: KmemCache, flags: int, node: int) -> int:
        return int(self._kernel.finish(kmem_cache_alloc_node(self._kernel, cpu, cache, flags, node)))

    def free(self, cpu: SlubCpu, cache: KmemCache, obj: int) -> None:
        self._kernel.finish(kmem_cache_free(self._kernel, cpu, cache, obj))

    def alloc_bulk(self, cpu: SlubCpu, cache: KmemCache, count: int) -> list[int] | None:
        kernel = self._kernel
        at = kernel.array(count)
        done = kernel.finish(kmem_cache_alloc_bulk(kernel, cpu, cache, 0, at, count))
        return kernel.state.words[at : at + count] if done else None

    def free_bulk(self, cpu: SlubCpu, cache: KmemCache, objects: Sequence[int]) -> None:
        at = self._kernel.put_array(objects)
        self._kernel.finish(kmem_cache_free_bulk(self._kernel, cpu, cache, at, len(objects)))

    def prefill(self, cpu: SlubCpu, cache: KmemCache, size: int) -> int:
        return int(self._kernel.finish(kmem_cache_prefill_sheaf(self._kernel, cpu, cache, 0, size)))

    def alloc_from_sheaf(self, cpu: SlubCpu, sheaf: int) -> int:
        return kmem_cache_alloc_from_sheaf(self._kernel, cpu, sheaf)

    def refill_sheaf(self, cpu: SlubCpu, cache: KmemCache, sheaf: int, size: int) -> int:
        return int(self._kernel.finish(kmem_cache_refill_sheaf(self._kernel, cpu, cache, 0, sheaf, size)))

    def return_sheaf(self, cpu: SlubCpu, cache: KmemCache, sheaf: int) -> None:
        self._kernel.finish(kmem_cache_return_sheaf(self._kernel, cpu, cache, 0, sheaf))

    def kfree_rcu(self, cpu: SlubCpu, cache: KmemCache, obj: int) -> None:
        self._kernel.finish(kfree_rcu(self._kernel, cpu, cache, obj))

    def end_grace_period(self, order: Sequence[int]) -> None:
        self._kernel.finish(self._kernel.end_grace_period(order))

    def free_batched(self) -> None:
        self._kernel.finish(self._kernel.free_batched())

    def shrink(self, cpu: SlubCpu, cache: KmemCache) -> int:
        return int(self._kernel.finish(kmem_cache_shrink(self._kernel, cpu, cache)))

    def flush_rcu(self, cpu: SlubCpu, cache: KmemCache) -> None:
        self._kernel.finish(flush_rcu_all_sheaves(self._kernel, cpu, cache))

    def settle(self) -> None:
        """It always does."""

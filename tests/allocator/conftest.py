# SPDX-License-Identifier: GPL-2.0-only
"""Small systems, built and driven without a script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from slabdes.allocator.create import kmem_cache_create
from slabdes.allocator.geometry import kmem_cache_geometry
from slabdes.allocator.gfp import MAY_WAIT
from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import CacheSpec, KmemCache, SlabState
from slabdes.allocator.tunables import Tunables
from slabdes.conformance.kernel import ConformanceKernel
from slabdes.paths.slab.alloc import kmem_cache_alloc, kmem_cache_alloc_node
from slabdes.paths.slab.free import kmem_cache_free


@dataclass
class SmallSystem:
    """A state with one cache, and a kernel without a clock that runs on it."""

    state: SlabState
    kernel: ConformanceKernel
    cache: KmemCache

    def alloc(self, cpu: int, node: int | None = None, flags: int = MAY_WAIT) -> int:
        """An object for a CPU, of a node if one is given."""
        context = self.kernel.cpus[cpu]
        if node is None:
            path = kmem_cache_alloc(self.kernel, context, self.cache, flags)
        else:
            path = kmem_cache_alloc_node(self.kernel, context, self.cache, flags, node)
        obj: int = self.kernel.finish(path)
        return obj

    def free(self, cpu: int, obj: int) -> None:
        """Give an object back on a CPU."""
        self.kernel.finish(kmem_cache_free(self.kernel, self.kernel.cpus[cpu], self.cache, obj))


BuildSystem = Callable[..., SmallSystem]


@pytest.fixture
def build_system() -> BuildSystem:
    """A function from CPUs' nodes, object size and tunables to a SmallSystem. 1000-byte objects are four a slab."""

    def build(*nodes: int, size: int = 1000, limit: int = 4, batchcount: int = 2, shared: int = 1) -> SmallSystem:
        state = SlabState(nodes, max(nodes) + 1)
        kernel = ConformanceKernel(state, MemPolicy(state.n_nodes))
        spec = CacheSpec("small", kmem_cache_geometry(size), Tunables(limit, batchcount, shared))
        cache = kmem_cache_create(state, spec, next_reap=4000)
        kernel.name_locks(cache)
        return SmallSystem(state, kernel, cache)

    return build

# SPDX-License-Identifier: GPL-2.0-only
"""Where a refill looks for objects, in which order, on three nodes."""

from __future__ import annotations

from dataclasses import replace

from slabdes.allocator.slub.create import kmem_cache_create
from slabdes.allocator.slub.geometry import slub_geometry
from slabdes.allocator.slub.state import SlubState
from slabdes.allocator.slub.versions import LINUX_7_3
from slabdes.allocator.state import NO_NODE, virt_to_slab
from slabdes.engine.clockless_slub import ClocklessSlub
from slabdes.paths.slub.alloc import kmem_cache_alloc_node


def test_a_refill_goes_on_to_the_next_node_until_it_has_enough() -> None:
    kernel = ClocklessSlub(SlubState([0, 1, 2], 3), [[0, 1, 2], [1, 2, 0], [2, 0, 1]], LINUX_7_3)
    cache = kmem_cache_create(kernel.state, "cache", replace(slub_geometry(256, cpus=8), min_partial=0))
    # A sheaf holds 28 of a slab's 32 objects: CPUs 1 and 2 leave four each on their nodes' lists.
    for cpu, ratio in ((1, 0), (2, 0), (0, 1000)):
        cache.ratio = ratio
        kernel.finish(kmem_cache_alloc_node(kernel, kernel.cpus[cpu], cache, 0, NO_NODE))
    main = kernel.state.sheaves[cache.cpu_sheaves[0].main]
    objects = kernel.state.words[main.entry : main.entry + 28]
    # The first of all was handed out: it was the last to come.
    assert [kernel.state.slabs[virt_to_slab(obj)].nodeid for obj in objects] == [1] * 4 + [2] * 4 + [0] * 20
    assert [n.nr_partial for n in cache.node] == [1, 0, 0]

# SPDX-License-Identifier: GPL-2.0-only
"""Atomic updates that fail, since another CPU has changed the slab in between: from reading, in no recording."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from slabdes.allocator.slub.check import check
from slabdes.allocator.slub.create import kmem_cache_create
from slabdes.allocator.slub.geometry import slub_geometry
from slabdes.allocator.slub.state import SlubState
from slabdes.allocator.slub.transitions import add_partial, put_group
from slabdes.allocator.slub.versions import LINUX_7_3
from slabdes.allocator.state import NO_NODE, obj_to_index, virt_to_slab
from slabdes.engine.clockless_slub import ClocklessSlub
from slabdes.paths.kernel import Waits
from slabdes.paths.slub.alloc import kmem_cache_alloc_node
from slabdes.paths.slub.kernel import SlubCpu
from slabdes.paths.slub.pcs_free import kmem_cache_free


class Racing(ClocklessSlub):
    """At the `nth` atomic update from now on, another CPU comes first and does `other`."""

    nth = 0
    other: Callable[[], None]

    def cmpxchg(self, cpu: SlubCpu, slab: int) -> Waits[None]:
        yield from ()
        self.nth -= 1
        if not self.nth:
            self.other()


class TwoCpus:
    """A cache on two CPUs, 32 objects a slab; without sheaves each operation is one atomic update."""

    def __init__(self, sheaves: bool = False) -> None:
        self.kernel = Racing(SlubState([0, 0], 1), [[0]], LINUX_7_3)
        self.cache = kmem_cache_create(self.kernel.state, "cache", slub_geometry(256, cpus=8, noleaktrace=not sheaves))

    def alloc(self, cpu: int) -> int:
        path = kmem_cache_alloc_node(self.kernel, self.kernel.cpus[cpu], self.cache, 0, NO_NODE)
        return int(self.kernel.finish(path))

    def free(self, cpu: int, obj: int) -> None:
        self.kernel.finish(kmem_cache_free(self.kernel, self.kernel.cpus[cpu], self.cache, obj))

    @property
    def failed(self) -> int:
        return self.cache.stats[0].cmpxchg_double_fail


@pytest.fixture
def slabs() -> TwoCpus:
    return TwoCpus()


def test_a_free_that_finds_its_slab_changed_is_done_again(slabs: TwoCpus) -> None:
    objects = [slabs.alloc(0) for _object in range(5)]
    slabs.kernel.nth, slabs.kernel.other = 1, lambda: slabs.free(1, objects[3])
    slabs.free(0, objects[4])
    assert slabs.failed == 1
    check(slabs.kernel.state, slabs.cache, objects[:3])


def test_a_free_to_a_full_slab_gives_list_lock_back_if_another_free_was_first(slabs: TwoCpus) -> None:
    objects = [slabs.alloc(0) for _object in range(32)]
    slabs.kernel.nth, slabs.kernel.other = 1, lambda: slabs.free(1, objects[3])
    slabs.free(0, objects[4])
    # The other one put the slab on the list, this one has nothing to do there any more.
    assert slabs.failed == 1
    assert [stats.free_add_partial for stats in slabs.cache.stats] == [0, 1]
    check(slabs.kernel.state, slabs.cache, objects[:3] + objects[5:])


def test_an_allocation_under_list_lock_is_tried_again(slabs: TwoCpus) -> None:
    objects = [slabs.alloc(0) for _object in range(5)]
    slabs.kernel.nth, slabs.kernel.other = 1, lambda: slabs.free(1, objects[2])
    # What was freed last is handed out first.
    assert slabs.alloc(0) == objects[2]
    assert slabs.failed == 1
    check(slabs.kernel.state, slabs.cache, objects)


def free_past_sheaves(slabs: TwoCpus, obj: int) -> None:
    """What a free into its slab does at once, lists apart."""
    slab = slabs.kernel.state.slabs[virt_to_slab(obj)]
    put_group(slabs.kernel.state.words, slab, obj_to_index(obj), obj_to_index(obj), 1)


def main_of(slabs: TwoCpus) -> list[int]:
    """The main sheaf's objects, bottom to top, and the one that was popped last."""
    main = slabs.kernel.state.sheaves[slabs.cache.cpu_sheaves[0].main]
    return slabs.kernel.state.words[main.entry : main.entry + main.size + 1]


def test_a_refill_that_finds_its_slab_changed_takes_what_is_there_then() -> None:
    slabs = TwoCpus(sheaves=True)
    objects = [slabs.alloc(0) for _object in range(28)]
    # Main is empty, the slab has 4 free objects of 32; the other CPU frees one into the slab before these are taken.
    slabs.kernel.nth, slabs.kernel.other = 1, lambda: free_past_sheaves(slabs, objects.pop(5))
    slabs.alloc(0)
    assert slabs.failed == 1
    assert slabs.cache.stats[0].sheaf_refill == 56
    # Objects come from the top of the first sheaf down: the sixth was 22. It lies below the four, the rest is a new slab's.
    assert [obj_to_index(obj) for obj in main_of(slabs)] == [22, 28, 29, 30, 31, *range(23)]
    check(slabs.kernel.state, slabs.cache, [*objects, main_of(slabs)[-1]])


def test_the_rest_of_a_slab_is_freed_as_a_group_if_another_freed_to_it_before_the_lock_was_there() -> None:
    slabs = TwoCpus(sheaves=True)
    state, cache = slabs.kernel.state, slabs.cache
    objects = [slabs.alloc(0) for _object in range(28)]
    for _object in range(26):
        free_past_sheaves(slabs, objects.pop())
    number = virt_to_slab(objects[0])

    def free_one() -> None:
        free_past_sheaves(slabs, objects.pop())
        add_partial(state.slabs, cache.node[0], number, True)

    # The first update takes the chain of 30, the second is to give 2 back.
    slabs.kernel.nth, slabs.kernel.other = 2, free_one
    slabs.alloc(0)
    assert slabs.failed == 1
    assert state.slabs[number].num - state.slabs[number].inuse == 3
    check(state, cache, [*objects, main_of(slabs)[-1]])

# SPDX-License-Identifier: GPL-2.0-only
"""What an operation costs when nobody else is about: a sum written by hand for every path, from the costs by name.

`P` has every cost in picoseconds. Leaves out contention and jitter.
"""

from __future__ import annotations

import inspect
import re
import sys

from slabdes.allocator.gfp import MAY_WAIT, THISNODE
from slabdes.allocator.tunables import BATCHREFILL_LIMIT
from slabdes.config import CacheFlag
from slabdes.engine.records import Operation, Path
from slabdes.units import PAGE_SIZE
from slabdes.workload.programs import Step
from tests.verification.bench import PRICE as P
from tests.verification.bench import alloc, experiment, free, last_operation, later, machine

SMALL = experiment({"limit": 4, "batchcount": 2, "shared": 1})
"""256-byte objects, 15 a slab of one page; a CPU's array holds 4, the shared array 2, and 2 move at a time."""
BARE = experiment({"limit": 4, "batchcount": 2, "shared": 0})
PAIRS = {"size": 2000, "flags": [CacheFlag.NOLEAKTRACE.value], "limit": 1, "batchcount": 1, "shared": 0}
"""Two objects a slab of one page, descriptor inside; an array holds 1. free_limit is (1 + 2 CPUs) * 1 + 2 = 5."""
NO_MEMORY_HERE = machine(memory_mib=(0.0, 512.0))
NO_MEMORY = machine(memory_mib=(0.0, 0.0))
PCP_BATCH = 31
"""Pages that a CPU's page list takes at once from a zone of 512 MiB (zone_batchsize)."""


def costs(path: Path, expected: int, measured: tuple[Path, int]) -> None:
    assert measured[0] is path
    assert measured[1] == expected


def allocs(count: int, first: int = 0) -> list[Step]:
    return [alloc(slot) for slot in range(first, first + count)]


def frees(*slots: int) -> list[Step]:
    return [free(slot) for slot in slots]


# Sums that several paths have in common.

ENTER = P.alloc_hit + P.slow_path
LEAVE = P.free_hit + P.slow_path
FROM_ZONE = P.page_alloc_order0 + P.lock_op + PCP_BATCH * P.pcp_refill_page
"""A page when the CPU's list is empty, its zone's lock line apart."""


def grow(num: int, taken: int, line: int) -> int:
    """Refill from a slab that has to be made, with every line (lock, lists, zone lock) costing `line`; its own cost nothing.

    list_lock is taken four times: nothing found, colour, insertion, second look.
    """
    nothing_found = line + line + P.lock_op
    colour = P.lock_op
    made = P.irq_pair + FROM_ZONE + line + P.grow_base + num * P.init_object
    inserted = P.lock_op + P.list_move
    second_look = P.lock_op + taken * P.slab_object + P.list_move
    return nothing_found + colour + made + inserted + second_look


LOOKED_AT = P.dram_local
"""The line of a shared array that nobody has touched yet: a refill looks at how full it is."""


# Allocations on the CPU's own node.


def test_the_first_allocation_of_all_pays_for_a_slab() -> None:
    costs(Path.GROW, ENTER + LOOKED_AT + grow(15, 2, P.dram_local) + P.first_touch, last_operation(0, {0: [alloc(0)]}, SMALL))


def test_a_hit_on_an_untouched_object_costs_its_first_touch() -> None:
    costs(Path.HIT, P.alloc_hit + P.first_touch, last_operation(0, {0: allocs(2)}, SMALL))


def test_a_hit_on_an_object_the_cpu_knows_costs_the_hit_alone() -> None:
    costs(Path.HIT, P.alloc_hit, last_operation(0, {0: [*allocs(1), free(0), alloc(1)]}, SMALL))


def test_a_refill_from_a_partial_slab_whose_lines_are_owned_costs_its_lock_and_its_objects() -> None:
    expected = ENTER + P.lock_op + 2 * P.slab_object + P.list_move + P.first_touch
    costs(Path.PARTIAL, expected, last_operation(0, {0: allocs(3)}, SMALL))


def test_a_neighbour_cpus_refill_fetches_each_line_from_the_cpu_that_had_it() -> None:
    lines = 5 * P.same_node  # list_lock's, the empty shared array's, the lists', the slab's two
    expected = ENTER + P.lock_op + lines + 2 * P.slab_object + P.list_move + P.first_touch
    costs(Path.PARTIAL, expected, last_operation(1, {0: allocs(1), 1: [later(alloc(9))]}, SMALL))


def test_a_second_slab_with_its_zones_pages_on_the_cpus_list_needs_no_zone_lock() -> None:
    made = P.irq_pair + P.page_alloc_order0 + P.grow_base + 2 * P.init_object
    expected = ENTER + 4 * P.lock_op + made + 2 * P.list_move + P.slab_object + P.first_touch
    costs(Path.GROW, expected, last_operation(0, {0: allocs(3)}, experiment(PAIRS)))


def test_an_atomic_allocation_grows_without_turning_interrupts_on() -> None:
    expected = ENTER + LOOKED_AT + grow(15, 2, P.dram_local) - P.irq_pair + P.first_touch
    costs(Path.GROW, expected, last_operation(0, {0: [alloc(0, flags=0)]}, SMALL))


def test_a_slab_of_two_pages_comes_from_under_the_zone_lock() -> None:
    size = 3000  # two objects in 8 KiB; a descriptor is asked to lie inside
    two_pages = experiment({"size": size, "flags": ["NOLEAKTRACE"], "limit": 4, "batchcount": 2, "shared": 0})
    pages = P.page_alloc_order0 + P.page_take + 2 * P.page_cold + P.lock_op + 2 * P.dram_local
    order0 = FROM_ZONE + P.dram_local
    expected = ENTER + grow(2 * PAGE_SIZE // size, 2, P.dram_local) - order0 + pages + P.first_touch
    costs(Path.GROW, expected, last_operation(0, {0: [alloc(0)]}, two_pages))


def test_a_slab_of_four_pages_costs_two_cold_pages_more() -> None:
    size = 12_000
    four_pages = experiment({"size": size, "flags": ["NOLEAKTRACE"], "limit": 4, "batchcount": 2, "shared": 0})
    pages = P.page_alloc_order0 + P.page_take + 4 * P.page_cold + P.lock_op + 2 * P.dram_local
    expected = ENTER + grow(1, 1, P.dram_local) - FROM_ZONE - P.dram_local + pages + P.first_touch
    costs(Path.GROW, expected, last_operation(0, {0: [alloc(0)]}, four_pages))


def test_a_refill_from_the_shared_array_costs_a_move_an_object() -> None:
    # Six objects out; the fifth free sends the oldest two to the shared array and leaves 3; three hits empty the array.
    steps = [*allocs(6), *frees(0, 1, 2, 3, 4), *allocs(3, first=10), alloc(13)]
    costs(Path.SHARED, ENTER + P.lock_op + 2 * P.move_object, last_operation(0, {0: steps}, SMALL))


def test_a_refill_from_another_cpus_shared_objects_fetches_the_arrays_line_and_touches_the_object() -> None:
    lines = 2 * P.same_node  # list_lock's and the shared array's
    expected = ENTER + P.lock_op + lines + 2 * P.move_object + P.first_touch
    programs = {0: [*allocs(6), *frees(0, 1, 2, 3, 4)], 1: [later(alloc(10))]}
    costs(Path.SHARED, expected, last_operation(1, programs, SMALL))


def test_lines_of_pointers_that_move_together_are_fetched_together() -> None:
    # CPU 0 flushes 20 pointers into the shared array: with its header of three words that is three lines. CPU 1's array has not
    # been used: it takes 16 (BATCHREFILL_LIMIT), whose first lies on the header's line.
    twenty = experiment({"limit": 20, "batchcount": 20, "shared": 1})
    programs = {0: [*allocs(21), *frees(*range(21))], 1: [later(alloc(30))]}
    lines = 3 * P.same_node  # list_lock's, the header's, and one of those that follow: the others come at the same time
    expected = ENTER + P.lock_op + lines + BATCHREFILL_LIMIT * P.move_object + P.first_touch
    costs(Path.SHARED, expected, last_operation(1, programs, twenty))


def test_a_refill_from_a_free_slab_costs_what_one_from_a_partial_slab_does() -> None:
    # Slabs A = (0, 1), B = (2, unused). The frees flush 0 and 1: A is free, B partial, object 2 in the array. Two
    # allocations use up the array and B; the third has to break A.
    steps = [*allocs(3), *frees(0, 1, 2), *allocs(3, first=10)]
    expected = ENTER + P.lock_op + P.slab_object + P.list_move
    costs(Path.FREE, expected, last_operation(0, {0: steps}, experiment(PAIRS)))


def test_a_refill_that_goes_on_from_partial_to_free_pays_for_both_slabs() -> None:
    pairs = experiment({**PAIRS, "limit": 3, "batchcount": 3})
    # Slabs A = (0, 1), B = (2, 3), C = (4, 5). Four frees fill the array (3) and flush 0, 2, 3: A partial, B free.
    steps = [*allocs(6), *frees(0, 2, 3, 1)]
    # Object 1 is left in the array: a hit takes it, the next allocation refills with A's one object and B's two.
    steps += [alloc(10), alloc(11)]
    expected = ENTER + P.lock_op + 3 * P.slab_object + 2 * P.list_move
    costs(Path.PARTIAL_FREE, expected, last_operation(0, {0: steps}, pairs))


def test_of_the_neighbours_that_a_list_move_writes_only_the_dearest_is_paid() -> None:
    settings = experiment(PAIRS, noaliencache=True)
    # Slabs A = (0, 1), B = (2, 3), C = (4, 5), D = (6, 7) of node 0. CPU 1's three frees flush 1 and 3: A and B are partial,
    # in this order. CPU 2 frees 5 straight to its slab: C follows B, whose descriptor is written for that. Last, CPU 0
    # flushes 2: B is empty, and leaves the list from between A and C.
    programs = {
        0: [*allocs(8), later(later(later(free(2)))), free(6)],
        1: [later(free(1)), free(3), free(7)],
        2: [later(later(free(5)))],
    }
    lock_and_lists = 2 * P.remote
    descriptor_and_chain = P.remote + P.same_node
    neighbours = max(P.same_node, P.remote)  # A's descriptor is CPU 1's, C's is CPU 2's
    lines = lock_and_lists + descriptor_and_chain + neighbours
    costs(
        Path.FLUSH_LISTS,
        LEAVE + P.lock_op + P.slab_object + P.list_move + lines,
        last_operation(0, programs, settings),
    )


# Allocations from other nodes.


def test_an_allocation_on_another_node_pays_that_nodes_memory_for_every_line() -> None:
    expected = ENTER + grow(15, 1, P.dram_remote) + P.first_touch
    costs(Path.NODE_GROW, expected, last_operation(0, {0: [alloc(0, node=1)]}, SMALL))


def test_a_second_object_of_another_nodes_slab_costs_its_lock_and_a_list_move() -> None:
    expected = ENTER + P.lock_op + P.slab_object + P.list_move + P.first_touch
    costs(Path.NODE_PARTIAL, expected, last_operation(0, {0: [alloc(0, node=1), alloc(1, node=1)]}, SMALL))


def free_slab_on_node_1() -> list[Step]:
    """CPU 2 leaves a slab of its node on the free list, and owns every line of it."""
    return [*allocs(3, first=20), *frees(20, 21, 22)]


def test_an_allocation_from_another_nodes_free_slab_fetches_its_owners_lines() -> None:
    # Object 22's slab is partial and goes first; CPU 0 fetches the lock's and the lists' lines for it.
    programs = {2: free_slab_on_node_1(), 0: [later(alloc(0, node=1)), alloc(1, node=1)]}
    slab = 2 * P.remote
    expected = ENTER + P.lock_op + slab + P.slab_object + P.list_move + P.first_touch
    costs(Path.NODE_FREE, expected, last_operation(0, programs, experiment(PAIRS)))


REFUSED = P.lock_op + P.irq_pair + P.page_alloc_order0
"""cache_grow on a node without memory: the colour, interrupts, an empty page list and an empty zone."""
HERE_FIRST = P.lock_op + REFUSED + P.slow_path + P.lock_op + REFUSED
"""Before it falls back, a refill finds nothing, cannot grow, and then its node is asked in the other way, likewise."""
FIRST_TIME = 2 * P.dram_local + LOOKED_AT
"""list_lock's and the lists' line of the CPU's own node, and its shared array's."""


def test_a_fallback_with_nothing_anywhere_makes_a_slab_where_there_is_memory() -> None:
    pages = P.irq_pair + P.page_alloc_order0 + FROM_ZONE + P.dram_remote  # node 0's list is empty, then node 1's zone
    colour = 2 * P.dram_remote + P.lock_op
    made = P.irq_pair + P.grow_base + 15 * P.init_object + P.lock_op + P.list_move
    taken = P.slow_path + P.lock_op + P.slab_object + P.list_move
    expected = ENTER + FIRST_TIME + HERE_FIRST + pages + colour + made + taken + P.first_touch
    costs(Path.FALLBACK_GROW, expected, last_operation(0, {0: [alloc(0)]}, SMALL, NO_MEMORY_HERE))


def test_a_fallback_to_a_partial_slab_pays_for_trying_at_home_first() -> None:
    taken = P.slow_path + P.lock_op + P.slab_object + P.list_move
    expected = ENTER + HERE_FIRST + taken + P.first_touch
    costs(Path.FALLBACK_PARTIAL, expected, last_operation(0, {0: allocs(2)}, SMALL, NO_MEMORY_HERE))


def test_a_fallback_to_a_free_slab_fetches_its_owners_lines() -> None:
    taken = P.slow_path + P.lock_op + 2 * P.remote + P.slab_object + P.list_move
    expected = ENTER + HERE_FIRST + taken + P.first_touch
    programs = {2: free_slab_on_node_1(), 0: [later(alloc(0)), alloc(1)]}
    costs(Path.FALLBACK_FREE, expected, last_operation(0, programs, experiment(PAIRS), NO_MEMORY_HERE))


def test_a_failure_costs_every_attempt_and_touches_nothing() -> None:
    looked_there = P.dram_remote  # at the other node's free_objects
    expected = ENTER + FIRST_TIME + HERE_FIRST + looked_there + P.irq_pair + 2 * P.page_alloc_order0
    costs(Path.FAIL, expected, last_operation(0, {0: [alloc(0)]}, SMALL, NO_MEMORY))


def test_a_failure_bound_to_its_node_does_not_look_elsewhere() -> None:
    expected = ENTER + FIRST_TIME + HERE_FIRST
    costs(Path.FAIL, expected, last_operation(0, {0: [alloc(0, flags=MAY_WAIT | THISNODE)]}, SMALL, NO_MEMORY_HERE))


# Frees on the object's own node.


def test_a_free_into_the_array_costs_the_hit_alone() -> None:
    costs(Path.FREE_HIT, P.free_hit, last_operation(0, {0: [alloc(0), free(0)]}, SMALL))


def test_a_free_leaves_the_object_untouched_so_that_the_freer_who_allocates_it_next_touches_it_first() -> None:
    programs = {0: [alloc(0)], 1: [later(free(0)), alloc(1)]}
    costs(Path.HIT, P.alloc_hit + P.first_touch, last_operation(1, programs, SMALL))


def test_a_free_of_an_object_that_a_neighbour_allocated_reads_a_cold_descriptor() -> None:
    costs(Path.FREE_HIT, P.free_hit + P.descriptor_read, last_operation(1, {0: [alloc(0)], 1: [later(free(0))]}, SMALL))


def test_a_flush_to_a_shared_array_that_the_cpu_has_looked_at_costs_a_move_an_object() -> None:
    expected = LEAVE + P.lock_op + 2 * P.move_object
    costs(Path.FLUSH_SHARED, expected, last_operation(0, {0: [*allocs(6), *frees(0, 1, 2, 3, 4)]}, SMALL))


def test_a_flush_to_the_lists_costs_a_list_move_for_each_object() -> None:
    expected = LEAVE + P.lock_op + 2 * (P.slab_object + P.list_move)
    costs(Path.FLUSH_LISTS, expected, last_operation(0, {0: [*allocs(6), *frees(0, 1, 2, 3, 4)]}, BARE))


def beyond_free_limit(objects: int) -> list[Step]:
    """Frees in order until the flush of the object before the last empties a slab with more than free_limit free objects."""
    return [*allocs(objects), *frees(*range(objects))]


def test_a_flush_that_empties_a_slab_beyond_free_limit_gives_its_page_to_the_cpus_list() -> None:
    # Seven objects in slabs A to D, D half free: free_limit is 5. The frees flush objects 0 to 5; with object 3, B's second,
    # 5 are free and B stays; with object 5, C's second, 7 would be, so C goes.
    expected = LEAVE + P.lock_op + P.slab_object + P.list_move + P.page_free_order0
    costs(Path.FLUSH_LISTS, expected, last_operation(0, {0: beyond_free_limit(7)}, experiment(PAIRS)))


def test_a_slab_of_two_pages_is_given_back_under_the_zone_lock() -> None:
    two_pages = experiment({**PAIRS, "size": 3000})
    expected = LEAVE + P.lock_op + P.slab_object + P.list_move + P.page_free_order0 + 2 * P.page_check + P.lock_op
    costs(Path.FLUSH_LISTS, expected, last_operation(0, {0: beyond_free_limit(7)}, two_pages))


def test_on_a_small_zone_a_page_goes_straight_through_the_cpus_list() -> None:
    # A zone under 32 MiB has page lists that hold nothing (zone_batchsize is 0): each page costs a zone lock.
    expected = LEAVE + P.lock_op + P.slab_object + P.list_move + P.page_free_order0 + P.lock_op + P.pcp_trim_page
    small_zones = machine(memory_mib=(16.0, 16.0))
    costs(Path.FLUSH_LISTS, expected, last_operation(0, {0: beyond_free_limit(7)}, experiment(PAIRS), small_zones))


OFF_SLAB = experiment({**PAIRS, "size": 2048, "flags": []})
"""2048-byte objects: two a slab of a page, whose descriptor is an object of size-64, 59 a slab of a page."""


def test_the_first_slab_with_its_descriptor_elsewhere_pays_for_that_caches_slab_too() -> None:
    # The second slab takes its page from the list that the first one's filled, without the zone's lock.
    descriptors = ENTER + LOOKED_AT + grow(59, 16, P.dram_local) - FROM_ZONE - P.dram_local + P.page_alloc_order0
    expected = ENTER + grow(2, 1, P.dram_local) + descriptors + P.first_touch
    costs(Path.GROW, expected, last_operation(0, {0: [alloc(0)]}, OFF_SLAB))


# Frees on another node.


def test_a_free_of_another_nodes_object_goes_to_the_alien_cache_of_its_own_node() -> None:
    expected = LEAVE + P.descriptor_read + P.dram_local + P.lock_op
    costs(Path.ALIEN_PUT, expected, last_operation(2, {0: [alloc(0)], 2: [later(free(0))]}, SMALL))


ALIEN_LIMIT = 12


def test_a_full_alien_cache_fills_the_shared_array_of_the_objects_home() -> None:
    # Twelve objects fit; the thirteenth sends them home, where a shared array of 16 takes them all.
    settings = experiment({"limit": 4, "batchcount": 2, "shared": 8})
    programs = {0: allocs(13), 2: [later(free(0)), *frees(*range(1, 13))]}
    lines = 2 * P.remote  # list_lock's and the shared array's, from CPU 0
    # Five pointers share the line of an array's header; the other seven lie on the next one, which nobody has touched yet.
    expected = LEAVE + P.descriptor_read + P.lock_op + P.lock_op + lines + P.dram_remote + ALIEN_LIMIT * P.move_object
    costs(Path.ALIEN_DRAIN, expected, last_operation(2, programs, settings))


def test_an_alien_caches_sixth_pointer_lies_on_a_line_of_its_own() -> None:
    programs = {0: allocs(6), 2: [later(free(0)), *frees(1, 2, 3, 4), free(5)]}
    costs(Path.ALIEN_PUT, LEAVE + P.descriptor_read + P.lock_op + P.dram_local, last_operation(2, programs, SMALL))


def test_a_full_alien_cache_without_a_shared_array_returns_each_object_to_its_slab() -> None:
    programs = {0: allocs(13), 2: [later(free(0)), *frees(*range(1, 13))]}
    lines = 4 * P.remote  # list_lock's, the lists', and the one slab's two
    expected = LEAVE + P.descriptor_read + 2 * P.lock_op + lines + ALIEN_LIMIT * (P.slab_object + P.list_move)
    costs(Path.ALIEN_DRAIN, expected, last_operation(2, programs, BARE))


def test_without_alien_caches_a_remote_free_goes_straight_to_its_slab() -> None:
    settings = experiment({"limit": 4, "batchcount": 2, "shared": 1}, noaliencache=True)
    lines = 4 * P.remote
    expected = LEAVE + P.descriptor_read + P.lock_op + lines + P.slab_object + P.list_move
    costs(Path.ALIEN_DIRECT, expected, last_operation(2, {0: [alloc(0)], 2: [later(free(0))]}, settings))


def test_every_path_of_an_allocation_and_a_free_has_its_sum_above() -> None:
    summed = set(re.findall(r"costs\(\s*Path\.(\w+)", inspect.getsource(sys.modules[__name__])))
    pages = {Path.GET_PAGES, Path.GIVE_PAGES}  # no allocator's paths: test_pages
    slab = {path for path in Path if path <= Path.GIVE_PAGES}  # SLUB's: tests/engine/reference/test_slub
    assert summed == {path.name for path in slab - pages if path.operation is not Operation.SECTION}

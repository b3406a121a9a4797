# SPDX-License-Identifier: GPL-2.0-only
"""What differs between SLUB's versions, and what each switch turns, in the words of the logs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from slabdes.allocator.gfp import MAY_WAIT
from slabdes.allocator.lists import list_entries
from slabdes.allocator.slub.check import check
from slabdes.allocator.slub.create import create_with_cpu_slabs, kmem_cache_create
from slabdes.allocator.slub.geometry import slub_geometry
from slabdes.allocator.slub.state import SlubState
from slabdes.allocator.slub.versions import (
    LINUX_6_18,
    LINUX_7_0,
    LINUX_7_1,
    LINUX_7_2,
    LINUX_7_3,
    RECORDED,
    SLUB_VERSIONS,
    Leftovers,
    RemoteRefill,
    SlubVersion,
)
from slabdes.allocator.state import NO_NODE, obj_to_index, virt_to_slab
from slabdes.conformance.slub_log.kernel import LogKernel
from slabdes.paths.slub.alloc import kmem_cache_alloc_node
from slabdes.paths.slub.bulk import kmem_cache_free_bulk
from slabdes.paths.slub.kernel import Point
from slabdes.paths.slub.pcs_free import kmem_cache_free

SLAB = 32
"""Objects of 256 bytes in a slab, where 8 CPUs are present."""


class System:
    """A cache of 256-byte objects on CPUs 0 and 1 of node 0, and 2 and 3 of node 1, whose steps are told."""

    def __init__(self, version: SlubVersion, capacity: int, memory: tuple[bool, bool] = (True, True), **switches: Any) -> None:
        zonelists = [[node for node in order if memory[node]] for order in ((0, 1), (1, 0))]
        state = SlubState([0, 0, 1, 1], 2, has_memory=memory)
        self.kernel = LogKernel(state, zonelists, replace(version, **switches))
        create = create_with_cpu_slabs if version.cpu_slabs else kmem_cache_create
        self.cache = create(state, "cache", replace(slub_geometry(256, cpus=8), sheaf_capacity=capacity))
        self.kernel.name_locks(self.cache)
        self.held: list[int] = []

    def alloc(self, cpu: int, times: int = 1, flags: int = MAY_WAIT) -> str:
        for _object in range(times):
            path = kmem_cache_alloc_node(self.kernel, self.kernel.cpus[cpu], self.cache, flags, NO_NODE)
            self.held.append(self.kernel.finish(path))
        return self.told()

    def free(self, cpu: int, objects: Iterable[int] | None = None) -> str:
        for obj in [*(self.held if objects is None else objects)]:
            self.held.remove(obj)
            self.kernel.finish(kmem_cache_free(self.kernel, self.kernel.cpus[cpu], self.cache, obj))
        return self.told()

    def told(self) -> str:
        check(self.kernel.state, self.cache, self.held, barns_with_memory=self.kernel.version.barns_with_memory)
        return self.kernel.take_tokens()


def with_free_slabs(version: SlubVersion, capacity: int, kept: int = 0, **switches: Any) -> System:
    """Node 0's list has slabs with `kept` objects in use each, and no sheaf has any: the other node has freed the others."""
    system = System(version, capacity, **switches)
    system.alloc(0, 3 * SLAB)
    while system.kernel.state.sheaves[system.cache.cpu_sheaves[0].main].size:
        system.alloc(0)
    system.free(2, [obj for obj in system.held if obj_to_index(obj) >= kept])
    return system


def of_list(system: System) -> list[int]:
    """The slabs on node 0's partial list."""
    return list(list_entries(system.kernel.state.slabs, system.cache.node[0].partial))


def locks(told: str) -> Counter[str]:
    return Counter(re.findall(r"[BL]\((\w+),n\d\)", told))


def used(told: str) -> list[str]:
    """The slabs that a refill has taken objects from, in order."""
    return re.findall(r"take\((S\d+)", told)


def test_7_2_does_what_7_3_does_and_what_is_recorded_is_among_the_versions() -> None:
    assert replace(LINUX_7_2, name="7.3") == LINUX_7_3
    assert set(RECORDED) < set(SLUB_VERSIONS)


def test_a_refill_of_7_0_uses_the_slabs_it_has_unlinked_in_reverse() -> None:
    # The sheaf holds more than a slab, so that two are unlinked.
    in_order, reverse = (with_free_slabs(version, 48).alloc(0) for version in (LINUX_7_3, LINUX_7_0))
    assert locks(in_order)["bulk"] == locks(reverse)["bulk"] == 1
    assert re.findall(r"isolate\((S\d+)", in_order) == re.findall(r"isolate\((S\d+)", reverse) == used(in_order)
    assert used(reverse) == used(in_order)[::-1]


@pytest.mark.parametrize(
    ("version", "freed"),
    [
        (LINUX_7_3, ["pcs(8)", "remote(40)"]),
        (LINUX_7_2, ["pcs(8)", "remote(40)"]),
        (LINUX_7_1, ["remote(32)", "pcs(8)", "remote(8)"]),
        (LINUX_6_18, ["remote(32)", "pcs(8)", "remote(8)"]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_bulk_free_up_to_7_1_frees_objects_of_other_nodes_by_32_as_it_finds_them(
    version: SlubVersion, freed: list[str]
) -> None:
    system = System(version, 48)
    system.alloc(2, 40)
    system.alloc(0, 8)
    kernel, objects = system.kernel, [system.held[number] for number in (*range(20), *range(40, 48), *range(20, 40))]
    at = kernel.state.new_words(len(objects))
    kernel.state.words[at : at + len(objects)] = objects
    kernel.finish(kmem_cache_free_bulk(kernel, kernel.cpus[0], system.cache, at, len(objects)))
    assert sorted(kernel.state.words[at : at + len(objects)]) == sorted(objects)
    system.held.clear()
    assert re.findall(r"(?:pcs|remote)\(\d+\)", system.told()) == freed


def test_a_rule_by_cpus_adds_to_what_the_kernel_chooses_and_a_caches_own_capacity_goes_before_it() -> None:
    rule = replace(LINUX_7_3, capacity_per_cpu_milli=1500, capacity_most=100)
    assert [rule.sheaf_capacity("dentry", None, 28, cpus) for cpus in (1, 8, 64)] == [29, 40, 100]
    assert replace(rule, capacity_base=4).sheaf_capacity("dentry", None, 28, 8) == 16
    assert rule.sheaf_capacity("dentry", 7, 28, 8) == 7
    assert rule.sheaf_capacity("kmem_cache", None, 28, 8) == 0
    assert replace(LINUX_6_18, capacity_per_cpu_milli=1000).sheaf_capacity("dentry", None, 28, 8) == 0


@pytest.mark.parametrize(
    ("leftovers", "taken"),
    [
        (Leftovers.TAIL, {"bulk": 1, "return": 1}),
        (Leftovers.HEAD, {"bulk": 1, "return": 1}),
        (Leftovers.GROUP, {"bulk": 1, "free": 1}),
        (Leftovers.SPILL, {"bulk": 1}),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, Leftovers) else "",
)
def test_leftovers_cost_a_second_list_lock_unless_they_are_spilled(leftovers: Leftovers, taken: dict[str, int]) -> None:
    assert locks(with_free_slabs(LINUX_7_3, 20, leftovers=leftovers).alloc(0)) == taken


def test_a_slab_whose_leftovers_went_to_the_head_is_used_next() -> None:
    tail, head = (with_free_slabs(LINUX_7_3, 20, leftovers=end) for end in (Leftovers.TAIL, Leftovers.HEAD))
    first = used(tail.alloc(0))
    assert used(head.alloc(0)) == first
    assert first[0] not in used(tail.alloc(0, 20))
    assert used(head.alloc(0, 20))[0] == first[0]


def test_spilled_objects_are_handed_out_before_those_of_the_sheaf_that_was_refilled() -> None:
    # 32 free objects: 20 fill the sheaf, 12 go to the empty main, which stays main; the other becomes the spare.
    spilled = with_free_slabs(LINUX_7_3, 20, leftovers=Leftovers.SPILL)
    spilled.alloc(0)
    pcs = spilled.cache.cpu_sheaves[0]
    assert [spilled.kernel.state.sheaves[number].size for number in (pcs.main, pcs.spare)] == [11, 20]
    assert spilled.alloc(0, 11) == ""
    assert spilled.alloc(0) == "swap"


def test_what_main_has_no_room_for_fills_sheaves_of_the_barn_and_the_rest_goes_back() -> None:
    # 32 free objects, 5 a sheaf: the refilled one, main, four of the barn, and 2 that go back.
    spilled = with_free_slabs(LINUX_7_3, 5, leftovers=Leftovers.SPILL)
    full = spilled.cache.barn[0].nr_full
    told = spilled.alloc(0)
    assert spilled.cache.barn[0].nr_full - full == 4
    assert (locks(told)["putfull"], locks(told)["return"]) == (4, 1)
    assert "return(S" in told and told.split("return(S")[1].split(")")[0].endswith(",2")


def test_a_barn_at_its_limit_takes_no_spilled_sheaf() -> None:
    spilled = with_free_slabs(LINUX_7_3, 5, leftovers=Leftovers.SPILL)
    spilled.cache.full_limit = 0
    assert locks(spilled.alloc(0))["putfull"] == 0


@pytest.mark.parametrize("to_head", [False, True], ids=["to the tail, empty ones too", "to the head, empty ones away"])
@pytest.mark.parametrize("emptied", [False, True])
def test_slabs_not_needed_go_where_the_version_has_them_go(to_head: bool, emptied: bool) -> None:
    # Two slabs with 20 free objects each are unlinked for 30. Then all others of the first are freed: the second is not needed.
    system = with_free_slabs(LINUX_7_3, 30, kept=12, unneeded_to_head=to_head)
    kernel, cache = system.kernel, system.cache
    cache.min_partial = 0
    first, second, *others = of_list(system)

    def freed() -> None:
        for slab in (first, second)[: 1 + emptied]:
            for obj in [obj for obj in system.held if virt_to_slab(obj) == slab]:
                system.held.remove(obj)
                kernel.finish(kmem_cache_free(kernel, kernel.cpus[2], cache, obj))

    kernel.injected = Point.ISOLATED, freed
    told = system.alloc(0)
    assert used(told) == [f"S{kernel.state.slabs[first].serial}"]
    assert locks(told)["back"] == 1
    assert ("drop" in told, cache.stats[0].free_slab) == ((True, 1) if to_head and emptied else (False, 0))
    left = others if to_head and emptied else [second, *others] if to_head else [*others, second]
    assert [slab for slab in of_list(system) if slab != first] == left


def test_other_nodes_are_asked_as_the_switch_says() -> None:
    def asked(rule: RemoteRefill) -> Counter[str]:
        system = with_free_slabs(LINUX_7_3, 16, remote_refill=rule)
        system.cache.min_partial = 0
        return locks(system.alloc(2))

    assert asked(RemoteRefill.OFF) == {"newslab": 1}
    assert asked(RemoteRefill.TRYLOCK) == {"trybulk": 1, "return": 1}
    assert asked(RemoteRefill.WAIT) == {"bulk": 1, "return": 1}


@pytest.mark.parametrize("version", [LINUX_6_18, LINUX_7_3], ids=lambda version: version.name)
def test_an_empty_main_that_goes_to_the_barn_costs_two_barn_locks_a_refill(version: SlubVersion) -> None:
    # Each refill puts one there, and each but the first gets one.
    refills = 9
    told = System(version, SLAB, empty_main_to_barn=True).alloc(0, refills * SLAB)
    assert (locks(told)["putempty"], locks(told)["getempty"]) == (refills, refills - 1)
    assert sum(locks(System(LINUX_7_3, SLAB).alloc(0, refills * SLAB)).values()) == 0


@pytest.mark.parametrize("version", [LINUX_7_0, LINUX_7_1], ids=lambda version: version.name)
def test_before_7_1_nothing_passes_sheaves_on_a_node_without_memory(version: SlubVersion) -> None:
    system = System(version, 4, memory=(True, False))
    allocated, freed = system.alloc(2, 8), system.free(2)
    stats = system.cache.stats[2]
    sheaves = version is LINUX_7_1
    assert (stats.alloc_slowpath, stats.free_slowpath) == ((0, 0) if sheaves else (8, 8))
    assert ("slow" in allocated, "L(free,n0)" in freed) == (not sheaves, not sheaves)


def test_6_18_fills_a_sheaf_from_the_cpu_slab_object_by_object_if_the_allocation_may_wait() -> None:
    waiting, atomic = System(LINUX_6_18, 8), System(LINUX_6_18, 8)
    waiting.alloc(0, 8)
    stats = waiting.cache.stats[0]
    # The first of the eight makes the CPU's slab, the others are popped off its private chain; then each pops the sheaf.
    assert (stats.alloc_slowpath, stats.alloc_fastpath, stats.sheaf_refill) == (1, 7 + 8, 8)
    atomic.alloc(0, 8, flags=0)
    stats = atomic.cache.stats[0]
    assert (stats.alloc_slowpath, stats.alloc_fastpath, stats.sheaf_refill) == (1, 7, 0)


def test_6_18_frees_what_no_sheaf_takes_to_the_cpu_slab_or_the_slab() -> None:
    system = System(LINUX_6_18, 8)
    system.alloc(0, 4, flags=0)
    # Another node's CPU: past its sheaves, into the slab that CPU 0 has frozen.
    assert system.free(2, system.held[:2]).startswith("cas(S0) free(S0,1)")
    assert system.cache.stats[2].free_frozen == 2
    assert system.cache.stats[2].sheaf_alloc == 0


@pytest.mark.parametrize(
    ("version", "name", "asked", "capacity"),
    [
        ("6.12", "maple_node", None, 0),
        ("6.18", "maple_node", None, 32),
        ("6.18", "vm_area_struct", None, 32),
        ("6.18", "dentry", None, 0),
        ("6.18", "dentry", 12, 12),
        ("7.0", "dentry", None, 28),
        ("7.3", "maple_node", 64, 64),
    ],
)
def test_which_caches_have_sheaves_is_the_versions(version: str, name: str, asked: int | None, capacity: int) -> None:
    assert SLUB_VERSIONS[version].sheaf_capacity(name, asked, 28) == capacity

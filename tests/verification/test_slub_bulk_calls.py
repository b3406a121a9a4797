# SPDX-License-Identifier: GPL-2.0-only
"""SLUB's bulk calls against sums and counts written by hand: blocks out of sheaves and into them, the rest from slabs at once."""

from __future__ import annotations

from typing import Final

import pytest

from slabdes.allocator.gfp import MAY_WAIT
from slabdes.config import Experiment
from slabdes.engine.records import Histogram, Path, Records
from slabdes.workload.programs import Step, begin_bulk, end_bulk
from tests.verification.bench import LATER, alloc, experiment, free, later, machine, run
from tests.verification.bench import PRICE as P

CAPACITY: Final = 8
MOST: Final = 20
"""Objects of a call, for which each CPU has room."""
TRYLOCK: Final = machine().costs.local_trylock
FIRST: Final = [alloc(0)]
"""A first allocation fills the main sheaf from a new slab, and leaves CAPACITY - 1 objects in it."""


def slub(version: str = "7.3") -> Experiment:
    cache = {} if version == "6.12" else {"sheaf_capacity": CAPACITY}
    return experiment(cache, allocator=version, workload={"kind": "burst", "bulk": MOST})


def allocs(first: int, size: int) -> list[Step]:
    """One call that allocates into `size` slots from `first` on, a millisecond later."""
    return [begin_bulk(LATER, 0, size, MAY_WAIT), *(alloc(first + n) for n in range(size)), end_bulk(0, 0)]


def frees(first: int, size: int) -> list[Step]:
    return [begin_bulk(LATER, 0, 0, 0), *(free(first + n) for n in range(size)), end_bulk(0, size)]


def ran(*steps: Step, version: str = "7.3") -> Records:
    return run({0: steps}, slub(version))


def of(records: Records, path: Path) -> Histogram:
    return records.latency[0, path]


def test_a_call_served_by_the_main_sheaf_takes_its_lock_once_and_copies_a_block() -> None:
    objects = of(ran(*FIRST, *allocs(1, 5)), Path.BULK)
    assert (objects.count, objects.total) == (5, P.alloc_bulk + TRYLOCK + 5 * P.move_object + 5 * P.first_touch)


def test_a_free_into_the_main_sheaf_does_likewise() -> None:
    objects = of(ran(*FIRST, *allocs(1, 5), *frees(1, 5)), Path.FREE_BULK)
    assert (objects.count, objects.total) == (5, P.free_bulk + TRYLOCK + 5 * P.move_object)


@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_objects_share_their_calls_time_to_the_picosecond(size: int) -> None:
    objects = of(ran(*FIRST, *allocs(1, size)), Path.BULK)
    assert objects.greatest - objects.least == (objects.total % size > 0)
    assert objects.least == objects.total // size


def test_a_call_larger_than_the_stock_gets_the_rest_from_slabs_and_fills_no_sheaf() -> None:
    before, after = ran(*FIRST), ran(*FIRST, *allocs(1, MOST))
    (cache,), (was,) = after.slub, before.slub
    assert cache.stats.alloc_fastpath - was.stats.alloc_fastpath == CAPACITY - 1
    assert cache.stats.alloc_slowpath - was.stats.alloc_slowpath == MOST - (CAPACITY - 1)
    assert cache.stats.sheaf_refill == was.stats.sheaf_refill == CAPACITY


def test_a_free_larger_than_the_sheaves_have_room_for_puts_the_rest_into_slabs() -> None:
    (cache,) = ran(*allocs(0, MOST), *frees(0, MOST)).slub
    # The main sheaf is new and empty, and the barn has no empty one to give.
    assert (cache.stats.free_fastpath, cache.stats.free_slowpath) == (CAPACITY, MOST - CAPACITY)


def test_objects_of_another_node_go_to_their_slabs_past_the_sheaves() -> None:
    begin, *rest = frees(0, 4)
    (cache,) = run({0: allocs(0, 4), 2: [later(begin), *rest]}, slub()).slub
    assert (cache.stats.free_fastpath, cache.stats.free_slowpath) == (0, 4)


@pytest.mark.parametrize("version", ["7.3", "6.18", "6.12"])
def test_a_call_that_gets_no_memory_gives_all_back_and_its_frees_are_skips(version: str) -> None:
    nothing = machine(memory_mib=(0.0, 0.0))
    records = run({0: [*allocs(0, 3), *frees(0, 3)]}, slub(version), nothing)
    (cpu, *_others) = records.cpus
    assert (cpu.allocs, cpu.failed, cpu.frees, cpu.skipped) == (3, 3, 0, 3)
    assert of(records, Path.FAIL).count == 3
    assert (0, Path.FREE_BULK) not in records.latency


def test_a_slab_of_the_cpus_own_is_emptied_with_interrupts_off_once_and_refilled_by_one_update() -> None:
    costs = machine().costs
    records = ran(*FIRST, *allocs(1, 5), *frees(1, 5), version="6.12")
    allocated, freed = of(records, Path.BULK), of(records, Path.FREE_BULK)
    assert allocated.total == P.alloc_bulk + costs.irq_save + 5 * P.slab_object + 5 * P.first_touch
    assert freed.total == P.free_bulk + costs.cpu_cmpxchg


def test_after_a_call_hits_cost_what_they_did_before() -> None:
    records = ran(*FIRST, *allocs(1, 2), later(alloc(3)))
    assert of(records, Path.HIT).total == P.alloc_bulk + TRYLOCK + P.first_touch


PREFILL: Final = 4
OVERSIZE: Final = 3 * CAPACITY


def prefilled(calls: int, size: int, prefill: int) -> Records:
    """A run of so many calls, each of which takes `size` objects from a sheaf prefilled with `prefill`."""
    workload = {"kind": "burst", "bulk": size, "prefill": prefill, "bulk_of": "alloc"}
    one = experiment({"sheaf_capacity": CAPACITY}, allocator="7.3", workload=workload)
    return run({0: [step for call in range(calls) for step in allocs(call * size, size)]}, one)


def test_a_call_from_a_prefilled_sheaf_that_was_the_spare_takes_two_locks_and_pops_each_object() -> None:
    # The first call fills a sheaf and leaves 5 objects in it, of which the second, that finds it as the spare, takes 3.
    first, second = (prefilled(calls, 3, PREFILL) for calls in (1, 2))
    paid = of(second, Path.BULK).total - of(first, Path.BULK).total
    assert paid == 2 * TRYLOCK + 3 * (P.alloc_bulk + P.first_touch)
    (cache,) = second.slub
    assert (cache.stats.sheaf_prefill_slow, cache.stats.sheaf_prefill_fast, cache.stats.sheaf_return_fast) == (1, 1, 2)
    assert cache.stats.sheaf_refill == CAPACITY


def test_a_prefilled_sheaf_that_holds_too_few_is_filled_again() -> None:
    (cache,) = prefilled(3, 3, PREFILL).slub
    # The third call finds 2 of 8.
    assert cache.stats.sheaf_refill == CAPACITY + (CAPACITY - 2)


def test_a_call_that_asks_for_more_than_a_sheaf_has_one_made_of_that_size_and_flushes_what_it_leaves() -> None:
    (cache,) = prefilled(2, 3, OVERSIZE).slub
    assert (cache.stats.sheaf_prefill_oversize, cache.stats.alloc_slowpath) == (2, 2 * OVERSIZE)
    assert (cache.stats.sheaf_flush, cache.sheaves) == (2 * (OVERSIZE - 3), machine().n_cpus)

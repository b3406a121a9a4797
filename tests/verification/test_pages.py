# SPDX-License-Identifier: GPL-2.0-only
"""The page allocator on its own: what a block costs, by order and with and without company, summed by hand.

Leaves out slabs, which get their pages the same way (`test_uncontended_costs`).
"""

from __future__ import annotations

from slabdes.engine.records import LockKind, Path
from slabdes.workload.programs import ANY_NODE, Op, Step
from tests.verification.bench import PRICE as P
from tests.verification.bench import machine, run

NO_CACHE = -1
PCP_BATCH = 31
"""Pages that a CPU's page list and its zone exchange at a time on 512 MiB (zone_batchsize)."""


def get(order: int = 0) -> Step:
    return (0, Op.GET_PAGES, NO_CACHE, order, ANY_NODE, 0)


def give(order: int = 0) -> Step:
    return (0, Op.GIVE_PAGES, NO_CACHE, order, ANY_NODE, 0)


def test_a_page_comes_from_the_cpus_list_which_the_first_one_fills_under_the_zone_lock() -> None:
    records = run({0: [get(), get(), give(), give()]})
    got, given = records.latency[NO_CACHE, Path.GET_PAGES], records.latency[NO_CACHE, Path.GIVE_PAGES]
    first = P.page_alloc_order0 + P.dram_local + P.lock_op + PCP_BATCH * P.pcp_refill_page
    assert (got.greatest, got.least) == (first, P.page_alloc_order0)
    assert (given.greatest, given.least) == (P.page_free_order0, P.page_free_order0)
    assert sum(lock.acquisitions for lock in records.locks if lock.kind is LockKind.ZONE) == 1


def test_larger_blocks_take_the_zone_lock_each_time() -> None:
    records = run({0: [get(3), give(3)]})
    got, given = records.latency[NO_CACHE, Path.GET_PAGES], records.latency[NO_CACHE, Path.GIVE_PAGES]
    assert got.total == P.dram_local + P.lock_op + P.page_alloc_higher + 2 * P.page_per_order
    assert given.total == P.lock_op + P.page_free_higher + 2 * P.page_per_order
    assert sum(lock.acquisitions for lock in records.locks if lock.kind is LockKind.ZONE) == 2


def test_cpus_of_a_node_wait_for_its_zone_lock_and_those_of_another_do_not() -> None:
    together = run({0: [get(1)], 1: [get(1)]})
    apart = run({0: [get(1)], 2: [get(1)]})
    assert [lock.contended for lock in together.locks if lock.kind is LockKind.ZONE] == [1, 0]
    assert [lock.contended for lock in apart.locks if lock.kind is LockKind.ZONE] == [0, 0]


def test_what_is_not_there_is_not_got_and_gives_nothing_back() -> None:
    records = run({0: [get(1), give(1)]}, on=machine(memory_mib=(0.0, 512.0)))
    assert records.cpus[0].failed == 1
    assert records.cpus[0].skipped == 1
    assert records.cpus[0].frees == 0
    assert records.latency[NO_CACHE, Path.FAIL].count == 1

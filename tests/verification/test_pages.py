# SPDX-License-Identifier: GPL-2.0-only
"""The page allocator on its own: what a block costs, by order and with and without company, summed by hand.

Leaves out slabs, which get their pages the same way (`test_uncontended_costs`).
"""

from __future__ import annotations

import pytest

from slabdes.allocator.page_lists import LISTS_OF_2_6_34, LISTS_OF_5_14
from slabdes.allocator.pages import LONE_BLOCKS, PagePool
from slabdes.engine.records import LockKind, Path, Records
from slabdes.machine import load_machine
from slabdes.paths.charges import late_toll, share_behind
from slabdes.workload.programs import ANY_NODE, Op, Step
from tests.verification.bench import ALONE, alloc, experiment, later, machine, run
from tests.verification.bench import PRICE as P

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


WARM = P.page_alloc_order0 + P.lock_op + P.page_take
"""A block that is on its free list, and was the CPU's own before; the zone's lines apart."""
GIVEN = P.page_free_order0 + P.lock_op


def test_larger_blocks_take_the_zone_lock_each_time_and_one_that_was_just_given_back_is_neither_split_nor_cold() -> None:
    records = run({0: [get(3), give(3), get(3)]})
    got, given = records.latency[NO_CACHE, Path.GET_PAGES], records.latency[NO_CACHE, Path.GIVE_PAGES]
    # The zone's lock and its free lists are a line each.
    assert (got.greatest, got.least) == (2 * P.dram_local + WARM + 8 * P.page_cold, WARM)
    assert given.total == GIVEN + 8 * P.page_check
    assert sum(lock.acquisitions for lock in records.locks if lock.kind is LockKind.ZONE) == 3


def test_a_block_is_split_when_no_other_is_left_and_merged_again_when_the_second_half_comes_back() -> None:
    lone = LONE_BLOCKS
    records = run({0: [*[get(9)] * (lone + 2), *[give(9)] * (lone + 2)]})
    got, given = records.latency[NO_CACHE, Path.GET_PAGES], records.latency[NO_CACHE, Path.GIVE_PAGES]
    cold = WARM + 512 * P.page_cold
    # Eight lone blocks, then one of order 10 is split, and its other half is there for the last.
    assert (got.greatest, got.least) == (max(2 * P.dram_local, P.page_split) + cold, cold)
    assert got.total == (lone + 2) * cold + P.page_split + 2 * P.dram_local
    assert given.total == (lone + 2) * (GIVEN + 512 * P.page_check) + P.page_split


def elapsed_on_a_node_of_four(cpus: int, allocator: str, discipline: str = "qspinlock", **rules: bool) -> int:
    timing = {"jitter": 0.0, "lock_races": False, "late_spinners": False, **rules}
    settings = experiment(allocator=allocator, lock={"discipline": discipline}, timing=timing)
    return run({cpu: [get()] for cpu in range(cpus)}, settings, FOUR).elapsed


FOUR = load_machine("numa-2x4")
TRANSFER = FOUR.transfer_ps[0][1]
BATCH = LISTS_OF_2_6_34.batch(FOUR.memory_pages[0])


@pytest.mark.parametrize(("allocator", "written"), [("2.6.34", BATCH), ("4.6", 0)])
def test_the_list_of_single_pages_lay_on_the_line_that_waiters_spin_on_until_linux_4_1(allocator: str, written: int) -> None:
    # CPU 1 has the lock while CPU 2 spins on it.
    slowed, not_slowed = (elapsed_on_a_node_of_four(3, allocator, spinners_slow_holder=slows) for slows in (True, False))
    assert slowed - not_slowed == written * TRANSFER


def test_a_cpu_that_begins_to_spin_during_a_hold_slows_its_rest() -> None:
    # CPU 1 asks for the zone's lock when CPU 0 has had it for a share of its hold: that share of its writes is over.
    alone = run({0: [get()]}, experiment(timing={**ALONE, "late_spinners": True}), FOUR)
    held = next(lock.hold.total for lock in alone.locks if lock.kind is LockKind.ZONE and lock.acquisitions)
    for begun in (0, held // 4, held - 1):
        programs = {0: [get()], 1: [(begun, *get()[1:])]}
        holds = {}
        for late in (False, True):
            records = run(programs, experiment(timing={**ALONE, "late_spinners": late}), FOUR)
            (lock,) = (lock for lock in records.locks if lock.kind is LockKind.ZONE and lock.acquisitions)
            assert lock.contended == 1
            holds[late] = lock.hold.greatest
        assert holds[True] - holds[False] == BATCH * TRANSFER * ((held - begun) * 1000 // held) // 1000


def first_hold(discipline: str, *asked: int) -> int:
    """How much longer CPU 0 has the zone's lock because of CPUs that ask so much later: picoseconds."""
    programs = {0: [get()], **{cpu: [(late, *get()[1:])] for cpu, late in enumerate(asked, 1)}}
    holds = {}
    for rule in (False, True):
        timing = {**ALONE, "late_spinners": rule}
        records = run(programs, experiment(lock={"discipline": discipline}, timing=timing), FOUR)
        (lock,) = (lock for lock in records.locks if lock.kind is LockKind.ZONE and lock.acquisitions)
        # All but the first have waiters at their grants, or nobody behind them.
        holds[rule] = lock.hold.total
    return holds[True] - holds[False]


@pytest.mark.parametrize("discipline", ["tas", "ticket"])
def test_of_those_that_spin_late_each_costs_for_as_long_as_it_spins(discipline: str) -> None:
    held = next(lock.hold.total for lock in run({0: [get()]}, on=FOUR).locks if lock.kind is LockKind.ZONE and lock.acquisitions)
    one, three = first_hold(discipline, 1), first_hold(discipline, 1, 1, 1)
    assert three > 2 * one
    assert first_hold(discipline, 1, held - 1, held - 1) == one, "two that came at the end"
    assert one < first_hold(discipline, 1, held // 2, held // 2) < three


def test_a_waiter_spins_behind_its_asking_and_the_grant_and_not_at_all_where_no_time_has_passed() -> None:
    assert share_behind(granted_at=1000, asked=900, now=2000) == 1000, "it asked before the lock was granted"
    assert share_behind(granted_at=1000, asked=1750, now=2000) == 250
    assert share_behind(granted_at=1000, asked=2000, now=2000) == 0
    assert share_behind(granted_at=1000, asked=1000, now=1000) == 0
    assert late_toll(5, 250 * 100) == 125
    assert late_toll(0, 1000 * 100) == 0


def test_of_several_cpus_that_spin_on_a_line_all_cost_its_writer_something() -> None:
    # CPU 1 has the lock while 2 and 3 spin; with a queue lock only 2 does.
    milli = round(FOUR.costs.spinner_transfers * 1000)
    for discipline, toll in (("ticket", 2 * TRANSFER * milli // 1000), ("qspinlock", TRANSFER)):
        every, one = (elapsed_on_a_node_of_four(4, "2.6.34", discipline, all_spinners=rule) for rule in (True, False))
        assert every - one == BATCH * (toll - TRANSFER)


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


ORDER = 3
LISTED = experiment(allocator="6.1")
BLOCKS = max(LISTS_OF_5_14.batch(machine().memory_pages[0]) >> ORDER, 2)
"""Blocks that a refill moves: 3, a batch of 31 pages."""
OWN = P.page_alloc_order0
"""A block from the CPU's own list that it put there itself."""


def zone_locks(records: Records) -> int:
    return sum(lock.acquisitions for lock in records.locks if lock.kind is LockKind.ZONE)


def test_blocks_up_to_order_3_come_from_the_cpus_list_since_5_14_refilled_a_batch_of_pages_at_a_time() -> None:
    records = run({0: [get(ORDER)] * (BLOCKS + 1)}, LISTED)
    got = records.latency[NO_CACHE, Path.GET_PAGES]
    assert zone_locks(records) == 2
    # A block's first page is cold for the refill, the others for who takes the block.
    cold = OWN + 7 * P.page_cold
    # The first 8 blocks of each order are whole; the zone's lock and its free lists are a line each, the CPU's own afterwards.
    refill = P.lock_op + BLOCKS * (P.page_take + P.page_cold)
    assert (got.greatest, got.least) == (2 * P.dram_local + refill + cold, cold)
    assert got.total == (BLOCKS + 1) * cold + 2 * refill + 2 * P.dram_local


def test_a_block_that_was_put_on_the_own_list_is_warm_and_takes_no_lock() -> None:
    records = run({0: [get(ORDER), give(ORDER), get(ORDER), give(ORDER)]}, LISTED)
    assert zone_locks(records) == 1
    given = records.latency[NO_CACHE, Path.GIVE_PAGES]
    assert (given.greatest, given.least) == (P.page_free_order0 + 8 * P.page_check,) * 2
    assert records.latency[NO_CACHE, Path.GET_PAGES].least == OWN


def test_lists_that_reach_their_mark_give_a_batch_of_pages_back_and_a_split_block_is_merged() -> None:
    small = machine(memory_mib=(64.0, 64.0))
    lists = PagePool(small.memory_pages, small.node_of_cpu, LISTS_OF_5_14)
    batch, high = lists.batch[0], lists.high[0]
    # 4 * sqrt(128 Ki KiB) KiB are 362 pages, half of them this zone's; a quarter more, and two CPUs.
    assert (batch, high) == (3, 113)
    blocks = 2 * high
    program = {0: [*[get(1)] * blocks, *[give(1)] * blocks]}
    records = run(program, LISTED, small)
    refills = blocks // 2
    # After the 57th block 114 pages are there, of which 2 blocks go, more than 3 pages: so every second one from then on.
    trims = (blocks - (high + 1) // 2) // 2 + 1
    assert zone_locks(records) == refills + trims
    assert zone_locks(run(program, experiment(allocator="6.1", timing={"higher_page_lists": False}), small)) == 2 * blocks


@pytest.mark.parametrize("allocator", ["6.12", "7.3"])
def test_a_slab_takes_the_zone_lock_once_a_batch_with_the_rule_and_each_time_without(allocator: str) -> None:
    # Slabs of order 1: a refill moves 15 of them where a batch has 31 pages.
    taken = {}
    for rule in (True, False):
        settings = experiment({"order": 1}, allocator=allocator, timing={"higher_page_lists": rule})
        records = run({0: [alloc(slot) for slot in range(1000)]}, settings)
        taken[rule] = records.caches[0].slabs_created, zone_locks(records)
    (slabs, with_lists), (as_many, without) = taken[True], taken[False]
    assert slabs == as_many == without > 30
    assert with_lists == -(-slabs // 15)


def test_blocks_of_other_cpus_lists_are_out_of_reach() -> None:
    # Of 3 pages the first CPU keeps two, as its lists may hold 4; to the other one is left.
    scarce = machine(memory_mib=(3 * 4 / 1024, 512.0))
    records = run({0: [get(1), give(1)], 1: [later(get(1))]}, LISTED, scarce)
    assert records.cpus[1].failed == 1

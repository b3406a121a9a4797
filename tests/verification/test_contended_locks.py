# SPDX-License-Identifier: GPL-2.0-only
"""A lock that two or three CPUs want at once, and the kernel's `goto retry`: provoked by think times, priced by hand.

Leaves out queues in the long run (`test_closed_systems`).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from slabdes.config import CriticalSectionWorkload, parse_experiment
from slabdes.engine.compiled.run import run_compiled
from slabdes.engine.records import ContentionPoint, LockKind, LockRecord, Path, Records
from slabdes.engine.timed import timed_settings
from slabdes.locks.disciplines import DISCIPLINES
from slabdes.machine import describe_machine
from slabdes.machine.costs import Costs
from slabdes.workload.programs import Step
from slabdes.workload.synthetic import build_synthetic
from tests.verification.bench import ALONE, alloc, experiment, free, run, section
from tests.verification.bench import PRICE as P

HOLD = 1_000_000
"""A microsecond in picoseconds, long beside every cost."""
TICKET = experiment(lock={"discipline": "ticket"})
QSPINLOCK = experiment(lock={"discipline": "qspinlock", "handoff_transfers": 3.0})


def lock_of(records: Records, kind: LockKind, node: int = 0) -> LockRecord:
    return next(lock for lock in records.locks if lock.kind is kind and lock.node == node)


def test_a_qspinlock_is_handed_over_in_three_transfers_between_the_two_cpus() -> None:
    records = run({0: [section(HOLD)], 2: [section(HOLD, think=10)]}, QSPINLOCK)
    first = P.dram_local + P.lock_op + HOLD
    lock = lock_of(records, LockKind.SECTION)
    assert (lock.acquisitions, lock.contended, lock.bounces) == (2, 1, 1)
    assert lock.wait.total == first - 10 + 3 * P.remote
    assert lock.hold.greatest == first
    assert lock.hold.total == first + P.lock_op + HOLD
    assert records.elapsed == first + 3 * P.remote + P.lock_op + HOLD


def test_lines_that_a_section_touches_move_with_its_lock_and_come_together() -> None:
    guarded = QSPINLOCK.model_copy(update={"workload": CriticalSectionWorkload(kind="critical_section", lines=2)})
    records = run({0: [section(HOLD)], 2: [section(HOLD, think=10)]}, guarded)
    lock = lock_of(records, LockKind.SECTION)
    assert lock.hold.greatest == 2 * P.dram_local + P.lock_op + HOLD, "the lock's line, then both others"
    assert lock.hold.total == lock.hold.greatest + P.lock_op + P.remote + HOLD


def test_bounces_are_counted_as_lock_stat_does_by_who_acquired_the_lock_last() -> None:
    # CPU 0 takes the lock, 2 and 3 wait for it; 0 asks again while it is handed to 2; when all are done, 3 takes it once more.
    first = P.dram_local + P.lock_op + HOLD
    again = 3 * P.remote // 2
    end = 10 * HOLD
    programs = {
        0: [section(HOLD), section(HOLD, think=again)],
        2: [section(HOLD, think=10)],
        3: [section(HOLD, think=20), section(HOLD, think=end), section(HOLD)],
    }
    lock = lock_of(run(programs, QSPINLOCK), LockKind.SECTION)
    assert first + again < end
    assert (lock.acquisitions, lock.contended) == (6, 3)
    assert lock.con_bounces == 2, "2 and 3 wait behind 0; nobody has acquired it since 0 when 0 asks again"
    assert lock.acq_bounces == 4, "2, 3, 0, then 3; not the first of all, and not 3's last, which follows its own"
    assert lock.bounces == 4, "here the line travels with the lock"


def test_a_line_fetched_before_the_lock_is_asked_for_is_no_bounce_of_the_line_but_one_of_the_lock() -> None:
    # 4.7 looks at free_objects, which lies on list_lock's line, before it takes the lock.
    settings = experiment({"limit": 1, "batchcount": 1, "shared": 0}, allocator="4.7")
    programs = {0: [alloc(0)], 1: [alloc(1, think=HOLD * 100)]}
    lock = lock_of(run(programs, settings), LockKind.LIST)
    assert (lock.acquisitions, lock.contended, lock.bounces) == (2, 0, 0)
    assert (lock.con_bounces, lock.acq_bounces) == (0, 1)


def test_a_ticket_is_handed_over_after_half_the_waiters_fetches_but_at_least_one() -> None:
    # CPUs 1 (same node), 2 and 3 (the other one) wait at the first release, in this order; 2 and 3 at the second; then 3.
    programs = {cpu: [section(HOLD, think=cpu)] for cpu in range(4)}
    records = run(programs, TICKET)
    handoffs = (
        max(P.same_node, (P.same_node + P.remote + P.remote) // 2),
        max(P.remote, (P.remote + P.remote) // 2),
        max(P.same_node, P.same_node // 2),
    )
    assert records.elapsed == P.dram_local + 4 * (P.lock_op + HOLD) + sum(handoffs)


def test_waiters_are_served_in_the_order_in_which_they_came_and_ties_in_the_order_of_cpus() -> None:
    programs = {0: [section(HOLD)], 1: [section(HOLD, think=50)], 2: [section(HOLD, think=20)], 3: [section(HOLD, think=20)]}
    records = run(programs, QSPINLOCK)
    ends = {record.cpu: record.end for record in records.cpus}
    assert ends[0] < ends[2] < ends[3] < ends[1]


def test_an_arrival_during_a_hand_off_waits_though_nobody_holds_the_lock_yet() -> None:
    first = P.dram_local + P.lock_op + HOLD
    during = first + 3 * P.remote // 2
    records = run({0: [section(HOLD)], 2: [section(HOLD, think=10)], 3: [section(HOLD, think=during)]}, QSPINLOCK)
    assert lock_of(records, LockKind.SECTION).contended == 2
    handed_over = first + 3 * P.remote + P.lock_op + HOLD + 3 * P.same_node
    assert records.elapsed == handed_over + P.lock_op + HOLD


def test_a_tas_lock_goes_to_the_nearest_waiter_after_one_transfer() -> None:
    tas = experiment(lock={"discipline": "tas"}, timing=ALONE | {"arrival_races": False})
    records = run({0: [section(HOLD)], 2: [section(HOLD, think=10)], 1: [section(HOLD, think=20)]}, tas)
    # From 0 to 1 on its node, while 2 asks for the line, too; from there to 2.
    both = P.same_node + (P.same_node + P.remote) // 2 * round(Costs().spinner_transfers * 1000) // 1000
    assert records.elapsed == P.dram_local + 3 * (P.lock_op + HOLD) + both + P.remote
    handoffs = {record.cpu: record.handoff for record in records.cpus}
    assert handoffs == {0: 0, 1: both, 2: P.remote, 3: 0}
    lock = lock_of(records, LockKind.SECTION)
    assert (lock.acquisitions, lock.contended, lock.bounces) == (3, 2, 2)


def test_the_releaser_of_a_tas_lock_may_have_it_again_while_a_waiter_is_on_its_way_and_of_a_queued_lock_it_may_not() -> None:
    programs = {0: [section(HOLD), section(HOLD)], 2: [section(HOLD, think=10)]}
    took = P.dram_local + P.lock_op + HOLD
    barged = run(programs, experiment(lock={"discipline": "tas"}))
    assert lock_of(barged, LockKind.SECTION).contended == 1
    assert {record.cpu: record.end for record in barged.cpus if record.sections} == {
        0: took + P.lock_op + HOLD,
        2: took + 2 * (P.lock_op + HOLD) + P.remote,
    }
    queued = run(programs, TICKET)
    assert lock_of(queued, LockKind.SECTION).contended == 2
    assert queued.cpus[2].end < queued.cpus[0].end


def test_a_newcomer_takes_a_tas_lock_from_under_a_waiter_on_its_way_and_the_waiter_tries_again_at_the_next_release() -> None:
    first = P.dram_local + P.lock_op + HOLD
    came = first + P.same_node
    records = run(
        {0: [section(HOLD)], 2: [section(HOLD, think=10)], 1: [section(HOLD, think=came)]},
        experiment(lock={"discipline": "tas"}),
    )
    taken = came + P.same_node + P.lock_op + HOLD
    assert records.cpus[1].end == taken
    assert records.cpus[2].end == taken + P.remote + P.lock_op + HOLD
    assert (records.cpus[2].lock_wait, records.cpus[2].handoff) == (taken - 10, P.remote)


def test_without_arrivals_a_releaser_of_a_tas_lock_and_the_waiter_on_its_way_have_it_about_as_often() -> None:
    rounds = 2_000
    programs = {cpu: [section(HOLD) for _round in range(rounds)] for cpu in (0, 1)}
    alike = experiment(lock={"discipline": "tas"}, timing={"jitter": 0.0, "arrival_races": False})
    lock = lock_of(run(programs, alike), LockKind.SECTION)
    # Each section begins with a race that its CPU has lost, and waits, or won. Four standard deviations of a fair coin.
    assert abs(lock.contended - rounds) < 4 * (2 * rounds / 4) ** 0.5
    assert lock.acquisitions == 2 * rounds


def test_waiters_that_sleep_neither_race_a_newcomer_nor_slow_the_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    tas = experiment(lock={"discipline": "tas"}, timing={"jitter": 0.0})
    rounds = 20
    programs = {0: [section(HOLD) for _round in range(rounds)], 2: [section(HOLD, think=10)]}
    monkeypatch.setitem(DISCIPLINES, "tas", replace(DISCIPLINES["tas"], spins=False))  # type: ignore[arg-type]
    records = run(programs, tas)
    # The releaser comes at once, each time before the waiter's next try.
    took = P.dram_local + rounds * (P.lock_op + HOLD)
    assert lock_of(records, LockKind.SECTION).contended == 1
    assert (records.cpus[0].end, records.cpus[2].end) == (took, took + P.remote + P.lock_op + HOLD)
    assert not timed_settings(tas, describe_machine("uma-4").build(), ()).rules.spinners_slow_holder


def test_without_arrivals_none_of_many_equally_near_cpus_is_done_with_its_tas_lock_long_before_another() -> None:
    raw = {
        "machine": {"preset": "uma-8"},
        "lock": {"discipline": "tas"},
        "timing": {"arrival_races": False},
        "workload": {"kind": "critical_section", "operations": 1000, "hold_ns": 200, "think_ns": 0},
    }
    asked = parse_experiment(raw, "test")
    machine = describe_machine("uma-8").build()
    records = run_compiled(asked, machine, build_synthetic(asked, machine, 0))
    ends = [cpu.end for cpu in records.cpus]
    assert min(ends) > 0.8 * max(ends)
    # Of 8 who ask, one is first: all but the last few sections are waited for by 7 in 8.
    lock = lock_of(records, LockKind.SECTION)
    assert 0.85 < lock.contended / lock.acquisitions < 0.9


def test_a_cna_lock_stays_on_its_node_while_somebody_there_waits() -> None:
    # CPU 0 is next while 3 has the lock, and passes 2 over for 1; the splice at the end takes one transfer more.
    programs = {cpu: [section(HOLD, think=think)] for cpu, think in ((3, 0), (0, 10), (2, 20), (1, 30))}
    kept = run(programs, experiment(lock={"discipline": "cna", "numa_spinlock_threshold_ns": 1e6}))
    total = P.dram_remote + 4 * (P.lock_op + HOLD) + 3 * (P.remote + P.same_node + P.remote) + P.remote
    assert (kept.elapsed, kept.cpus[2].end) == (total, total)
    in_order = run(programs, QSPINLOCK)
    assert in_order.cpus[2].end < in_order.cpus[1].end


PAIRS = experiment({"size": 2000, "flags": ["NOLEAKTRACE"], "limit": 4, "batchcount": 4, "shared": 0})
"""Two objects a slab of one page: any refill empties a fresh slab."""
NOTHING_FOUND = 2 * P.dram_local + P.lock_op
MADE = P.irq_pair + P.page_alloc_order0 + P.lock_op + 31 * P.pcp_refill_page + P.dram_local + P.grow_base + 2 * P.init_object
INSERTION_AT = P.alloc_hit + P.slow_path + NOTHING_FOUND + P.lock_op + MADE
"""When CPU 0, whose allocation begins at 0 and finds an empty cache, takes list_lock to insert its slab, picoseconds."""
ASKED = INSERTION_AT + (P.lock_op + P.list_move) // 2
"""In the middle of the hold in which the slab is inserted."""
THIEF_THINKS = ASKED - P.alloc_hit - P.slow_path
"""A refill asks for list_lock this long after its CPU begins to think."""


def rob(victim: Step) -> Records:
    """CPU 0 grows the cache for `victim`; CPU 1 of its node is next at list_lock when the slab goes in, and takes all of it."""
    return run({0: [victim], 1: [alloc(1, think=THIEF_THINKS), alloc(2)]}, PAIRS)


@pytest.mark.parametrize(
    "victim", [alloc(0), alloc(0, node=0)], ids=["kmem_cache_alloc", "kmem_cache_alloc_node on the CPU's own node"]
)
def test_a_refill_whose_new_slab_another_cpu_has_emptied_goes_back_and_grows_again(victim: Step) -> None:
    records = rob(victim)
    (cache,) = records.caches
    assert cache.retries == 1
    assert cache.grown == 2
    assert cache.refills == 2, "one of each CPU: going back is not another refill"
    counts = {path: histogram.count for (_cache, path), histogram in records.latency.items()}
    assert counts == {Path.GROW: 1, Path.FREE: 1, Path.HIT: 1}
    victims = records.latency[0, Path.GROW]
    assert victims.total == records.cpus[0].end
    assert lock_of(records, LockKind.LIST).contended == 2, "the thief while the slab goes in, the victim at its second look"
    assert (records.slabs[0].slabs_full, records.slabs[0].in_use, records.slabs[0].in_arrays) == (2, 3, 1)


def test_a_wait_is_for_the_function_that_has_acquired_the_lock_last() -> None:
    # The thief comes while the slab goes in; the victim's second look comes while the lock is on its way to the thief.
    points = lock_of(rob(alloc(0)), LockKind.LIST).points
    assert points == (ContentionPoint("cache_alloc_refill", "cache_grow", 2),)


def test_once_a_waiter_has_the_lock_the_next_one_waits_for_the_waiters_function() -> None:
    granted = INSERTION_AT + P.lock_op + P.list_move + 3 * P.same_node
    from_afar = alloc(3, node=0, think=granted + 1 - P.alloc_hit - P.slow_path)
    records = run({0: [alloc(0)], 1: [alloc(1, think=THIEF_THINKS)], 2: [from_afar]}, PAIRS)
    (point,) = (point for point in lock_of(records, LockKind.LIST).points if point.waiter == "____cache_alloc_node")
    assert point == ContentionPoint("____cache_alloc_node", "cache_alloc_refill", 1)


def test_without_the_thief_in_time_the_same_refill_looks_once_more_and_is_done() -> None:
    second_look = INSERTION_AT + P.lock_op + P.list_move
    records = run({0: [alloc(0)], 1: [alloc(1, think=second_look + 1 - P.alloc_hit - P.slow_path)]}, PAIRS)
    assert records.caches[0].retries == 0
    assert records.latency[0, Path.GROW].least == second_look + P.lock_op + 2 * P.slab_object + P.list_move + P.first_touch


def test_an_allocation_from_another_node_is_robbed_of_its_slab_likewise() -> None:
    # Node 1's lists as CPU 0 sees them: every line from the other node's memory. CPU 2, at home there, is the thief.
    enter = P.alloc_hit + P.slow_path
    made = MADE - P.dram_local + P.dram_remote
    insertion = enter + 2 * P.dram_remote + P.lock_op + P.lock_op + made
    asked = insertion + (P.lock_op + P.list_move) // 2
    records = run({0: [alloc(0, node=1)], 2: [alloc(1, think=asked - enter), alloc(2)]}, PAIRS)
    assert records.caches[0].retries == 1
    counts = {path: histogram.count for (_cache, path), histogram in records.latency.items()}
    assert counts == {Path.NODE_GROW: 1, Path.FREE: 1, Path.HIT: 1}


def test_two_cpus_that_flush_at_once_wait_for_each_other() -> None:
    settings = experiment({"limit": 1, "batchcount": 1, "shared": 0})
    begin = 1_000_000_000
    programs = {cpu: [alloc(2 * cpu), alloc(2 * cpu + 1), free(2 * cpu, think=begin), free(2 * cpu + 1)] for cpu in (0, 1)}
    records = run(programs, settings)
    lock = lock_of(records, LockKind.LIST)
    assert lock.contended > 0
    everywhere = sum(lock.wait.total for lock in records.locks)
    assert everywhere == sum(cpu.lock_wait + cpu.handoff for cpu in records.cpus)

# SPDX-License-Identifier: GPL-2.0-only
"""Where the time of operations went, part by part, in sums written by hand; and what each rule of the clock adds.

Leaves out totals, which `test_uncontended_costs` and `test_contended_locks` have.
"""

from __future__ import annotations

import pytest

from slabdes.config import TimingRule, without_rule
from slabdes.engine.records import Path, Spent
from slabdes.machine.description import Description
from tests.verification.bench import COSTS_NS, alloc, experiment, free, later, run, section
from tests.verification.bench import PRICE as P

HOLD = 1_000_000
PAIRS = experiment({"size": 2000, "flags": ["NOLEAKTRACE"], "limit": 4, "batchcount": 4, "shared": 0})
"""Two objects a slab of one page."""
GROWN = P.lock_op * 5 + P.irq_pair + P.grow_base + 2 * P.init_object + 2 * P.list_move
"""Locks (the refill's twice, the colour's, the zone's, the insertion's), a slab made, linked, and relinked."""
PAGE = P.page_alloc_order0 + 31 * P.pcp_refill_page


def test_the_first_allocation_goes_to_memory_for_its_lines() -> None:
    spent = run({0: [alloc(0)]}, PAIRS).spent
    # The node's two lines, the zone's lock, the slab's descriptor and its free chain: nobody owned them.
    work = P.alloc_hit + P.slow_path + GROWN + 2 * P.slab_object
    assert spent == {Path.GROW: Spent(local_memory=3 * P.dram_local, pages=PAGE, first_touch=P.first_touch, work=work)}


def test_another_nodes_memory_is_told_apart() -> None:
    spent = run({0: [alloc(0, node=1)]}, PAIRS).spent
    # ____cache_alloc_node grows, then looks again and takes one object.
    work = P.alloc_hit + P.slow_path + GROWN + P.slab_object
    assert spent == {Path.NODE_GROW: Spent(remote_memory=3 * P.dram_remote, pages=PAGE, first_touch=P.first_touch, work=work)}


def test_waiting_ends_at_the_release_and_hand_off_begins_there() -> None:
    records = run({0: [section(HOLD)], 2: [section(HOLD, think=10)]}, experiment(lock={"handoff_transfers": 3.0}))
    waited = P.dram_local + P.lock_op + HOLD - 10
    assert records.spent == {
        Path.SECTION: Spent(
            lock_wait=waited, handoff=3 * P.remote, local_memory=P.dram_local, work=2 * (P.lock_op + HOLD)
        )
    }  # fmt: skip
    assert (records.cpus[2].lock_wait, records.cpus[2].handoff) == (waited, 3 * P.remote)


def test_a_lock_line_of_another_cpu_is_a_transfer() -> None:
    records = run({0: [section(HOLD)], 2: [later(section(HOLD))]})
    assert records.spent[Path.SECTION] == Spent(line=P.remote, local_memory=P.dram_local, work=2 * (P.lock_op + HOLD))


def test_hits_are_work_and_first_touches_told_apart_by_operation() -> None:
    # Three hits after the refill of four, each touching a new object; then frees by the CPU that allocated: nothing cold.
    four = experiment({"limit": 4, "batchcount": 4, "shared": 0})
    spent = run({0: [alloc(slot) for slot in range(4)] + [free(slot) for slot in range(4)]}, four).spent
    assert spent[Path.HIT] == Spent(first_touch=3 * P.first_touch, work=3 * P.alloc_hit)
    assert spent[Path.FREE_HIT] == Spent(work=4 * P.free_hit)
    # Freed by the node's other CPU: each descriptor is cold.
    spent = run({0: [alloc(slot) for slot in range(4)], 1: [later(free(slot)) for slot in range(4)]}, four).spent
    assert spent[Path.FREE_HIT] == Spent(first_touch=4 * P.descriptor_read, work=4 * P.free_hit)


def test_without_first_touch_objects_and_descriptors_cost_nothing_extra() -> None:
    programs = {0: [alloc(slot) for slot in range(4)], 1: [later(free(slot)) for slot in range(4)]}
    left_out = run(programs, without_rule(experiment(), TimingRule.FIRST_TOUCH))
    assert run(programs).spent.keys() == left_out.spent.keys()
    assert all(spent.first_touch == 0 for spent in left_out.spent.values())


def test_without_smt_siblings_both_threads_of_a_core_work_at_full_speed() -> None:
    threads = Description(
        where="test",
        name="threads",
        source="test",
        node_ids=(0,),
        node_of_cpu=(0, 0),
        core_of_cpu=(0, 0),
        cluster_of_core=None,
        memory_mib=(512.0,),
        distances=((10,),),
        costs_ns={**COSTS_NS, "smt_slowdown": 2.0},
    ).build()
    programs = {cpu: [alloc(4 * cpu + slot, think=cpu * HOLD) for slot in range(2)] for cpu in range(2)}
    shared = run(programs, experiment(), threads).spent[Path.HIT]
    alone = run(programs, without_rule(experiment(), TimingRule.SMT_SIBLINGS), threads).spent[Path.HIT]
    assert (shared.work, alone.work) == (2 * 2 * P.alloc_hit, 2 * P.alloc_hit)


@pytest.mark.parametrize("rule", TimingRule)
def test_every_rule_can_be_left_out_and_is_there_otherwise(rule: TimingRule) -> None:
    settings = experiment(timing={})
    assert getattr(settings.timing, rule.value)
    left_out = without_rule(settings, rule)
    assert not getattr(left_out.timing, rule.value)
    others = set(TimingRule) - {rule}
    assert all(getattr(left_out.timing, other.value) == getattr(settings.timing, other.value) for other in others)

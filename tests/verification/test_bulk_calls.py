# SPDX-License-Identifier: GPL-2.0-only
"""Bulk calls against sums written by hand: interrupts go off once, each object costs less, a pending interrupt waits.

`P` has every cost in picoseconds. Leaves out what single calls cost (`test_uncontended_costs`).
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from slabdes.engine.records import Path, Records
from slabdes.results.accounting import check_accounting
from slabdes.units import PS_PER_NS, PS_PER_S
from slabdes.workload.programs import ANY_NODE, NO_CACHE, Op, Step
from tests.verification.bench import PRICE as P
from tests.verification.bench import alloc, experiment, free, last_operation, later, machine, run, section

SMALL = experiment({"limit": 4, "batchcount": 2, "shared": 1})
"""256-byte objects, 15 a slab of one page; a CPU's array holds 4, the shared array 2, and 2 move at a time."""
END: Step = (0, Op.END_BULK, NO_CACHE, 0, ANY_NODE, 0)
MEAN_NS = 100_000
MEAN = MEAN_NS * PS_PER_NS
INTERRUPTED = experiment(interrupts={"kind": "periodic", "mean_ns": MEAN_NS, "objects": 0, "work_ns": 500})
KNOWN = [alloc(0, flags=0), alloc(1, flags=0), free(0), free(1)]
"""Leaves two objects in the array that the CPU has touched."""


def begin(think: int = 0) -> Step:
    return think, Op.BEGIN_BULK, NO_CACHE, 0, ANY_NODE, 0


def bulk(*steps: Step) -> list[Step]:
    return [begin(), *steps, END]


def added(before: Sequence[Step], steps: Sequence[Step]) -> int:
    """What steps add to their CPU's time."""
    return run({0: [*before, *steps]}).cpus[0].end - run({0: before}).cpus[0].end


def test_a_bulk_call_turns_interrupts_off_once_and_pays_a_cheaper_hit_an_object() -> None:
    assert added(KNOWN, bulk(alloc(2), alloc(3))) == P.irq_pair + 2 * P.alloc_bulk


def test_a_bulk_free_costs_its_hits_likewise() -> None:
    assert added(KNOWN, [*bulk(alloc(2), alloc(3)), *bulk(free(2), free(3))]) == 2 * P.irq_pair + 2 * (P.alloc_bulk + P.free_bulk)


def test_after_a_bulk_call_hits_cost_what_they_did_before() -> None:
    assert added(KNOWN, [*bulk(), alloc(2)]) == P.irq_pair + P.alloc_hit


def test_a_hits_latency_within_a_bulk_call_is_its_own_and_the_calls_is_nobodys() -> None:
    records = run({0: [*KNOWN, *bulk(alloc(2), alloc(3))]})
    assert records.latency[0, Path.HIT].least == P.alloc_bulk
    assert check_accounting(records) == []


def test_a_refill_within_a_bulk_call_costs_what_it_does_alone_but_for_the_hit() -> None:
    path, took = last_operation(0, {0: [alloc(0), begin(), alloc(1), alloc(2)]}, SMALL)
    assert path is Path.PARTIAL
    assert took == P.alloc_bulk + P.slow_path + P.lock_op + 2 * P.slab_object + P.list_move + P.first_touch


def test_a_flush_within_a_bulk_call_costs_what_it_does_alone_but_for_the_hit() -> None:
    allocs = [alloc(slot) for slot in range(6)]
    path, took = last_operation(0, {0: [*allocs, begin(), *(free(slot) for slot in range(5))]}, SMALL)
    assert path is Path.FLUSH_SHARED
    assert took == P.free_bulk + P.slow_path + P.lock_op + 2 * P.move_object


def irqs_off(records: Records) -> tuple[int, int]:
    return records.irqs_off.count, records.irqs_off.total


def test_interrupts_are_off_from_a_bulk_calls_begin_to_its_end_whatever_it_does() -> None:
    before = irqs_off(run({0: KNOWN}, SMALL))
    steps = [*bulk(*(alloc(slot, flags=0) for slot in range(2, 12)))]
    records = run({0: [*KNOWN, *steps]}, SMALL)
    assert records.latency[0, Path.PARTIAL].count > 0, "refills among them"
    took = records.cpus[0].end - run({0: KNOWN}, SMALL).cpus[0].end
    assert irqs_off(records) == (before[0] + 1, before[1] + took)


def test_a_grow_that_may_wait_turns_them_on_within_a_bulk_call_as_it_does_alone() -> None:
    # As a single call: off until the pages are asked for; under the zone's lock; and from the insertion on, here to the end.
    records, alone = run({0: bulk(alloc(0))}), run({0: [alloc(0)]})
    made = P.irq_pair + P.page_alloc_order0 + P.grow_base + records.caches[0].num * P.init_object
    assert (records.irqs_off.count, alone.irqs_off.count) == (3, 3)
    assert records.cpus[0].end - records.irqs_off.total == made
    assert records.cpus[0].end - alone.cpus[0].end == P.irq_pair + P.alloc_bulk - P.alloc_hit


def test_an_interrupt_waits_for_the_end_of_a_bulk_call_and_those_that_come_meanwhile_are_lost() -> None:
    records = run({0: [*KNOWN, *bulk(alloc(2, think=5 * MEAN)), section(0)]}, INTERRUPTED)
    cpu = records.cpus[0]
    section_took = P.irq_pair + 5 * MEAN + P.alloc_bulk
    # Five or six came, one a period: the first is pending, the others are lost.
    assert cpu.interrupts == 1
    assert cpu.interrupts_lost in (4, 5)
    assert section_took - MEAN < records.irq_wait.greatest <= section_took
    assert records.irqs_off.greatest == section_took


def test_a_cpu_that_waits_for_another_ones_object_in_a_bulk_call_takes_neither_interrupts_nor_reaps_meanwhile() -> None:
    long = 5 * PS_PER_S  # more than a reap's period
    rare = experiment(interrupts={"kind": "periodic", "mean_ns": 1e9, "objects": 0, "work_ns": 500})
    for steps, interrupts in (([free(0)], (5, 6)), (bulk(free(0)), (1,))):
        # Blocked before, so that an alarm for its timer may still be set.
        records = run({0: [alloc(9, think=MEAN), alloc(0, think=long)], 1: [free(9), *steps, later(section(0))]}, rare)
        waited = records.cpus[1]
        assert waited.interrupts in interrupts
        assert waited.slot_wait == pytest.approx(long, rel=0.01)


def test_a_bulk_call_that_gets_no_memory_goes_on_and_its_frees_are_skips() -> None:
    records = run({0: [*bulk(alloc(0), alloc(1)), *bulk(free(0), free(1))]}, SMALL, machine(memory_mib=(0.0, 0.0)))
    assert (records.cpus[0].failed, records.cpus[0].skipped) == (2, 2)
    assert check_accounting(records) == []

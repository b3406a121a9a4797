# SPDX-License-Identifier: GPL-2.0-only
"""Lines that come together, races by arrival, descriptors read once, rings on lines, lookups before a lock: each priced by hand.

Leaves out what a line by itself costs (`test_uncontended_costs`).
"""

from __future__ import annotations

from typing import Any

import pytest

from slabdes.config import CriticalSectionWorkload, parse_experiment
from slabdes.engine.cpu import TimedCpu
from slabdes.engine.lines import slot_cost
from slabdes.engine.records import LockKind, LockRecord, Path, Records
from slabdes.engine.reference.run import run_reference
from slabdes.locks.disciplines import RACE_BITS, arrives_late
from slabdes.machine import load_machine
from slabdes.paths.charges import copy_cost
from slabdes.workload.programs import Step
from slabdes.workload.synthetic import build_synthetic
from tests.verification.bench import ALONE, alloc, experiment, free, later, machine, run, section
from tests.verification.bench import PRICE as P

HOLD = 1_000_000
SHARE = 0.25
MILLI = 250
QSPINLOCK = {"discipline": "qspinlock", "handoff_transfers": 3.0}
TAS = {"discipline": "tas", "handoff_transfers": 3.0}


def lock_of(records: Records, kind: LockKind) -> LockRecord:
    return next(lock for lock in records.locks if lock.kind is kind and lock.node == 0)


def with_rules(cache: dict[str, Any] | None = None, **rules: bool) -> Any:
    """The bench's experiment with some of the rules that it leaves out."""
    return experiment(cache, timing={**ALONE, **rules})


@pytest.mark.parametrize("lines", [1, 2, 5])
def test_each_line_that_comes_with_a_dearer_one_costs_a_share(lines: int) -> None:
    workload = CriticalSectionWorkload(kind="critical_section", lines=lines)
    settings = experiment(lock=QSPINLOCK, timing={**ALONE, "copy_lines": True}).model_copy(update={"workload": workload})
    programs = {0: [section(HOLD)], 2: [section(HOLD, think=10)]}
    lock = lock_of(run(programs, settings, machine(copy_line_share=SHARE)), LockKind.SECTION)
    fresh, moved = (whole + (lines - 1) * whole * MILLI // 1000 for whole in (P.dram_local, P.remote))
    first, second = P.dram_local + P.lock_op + fresh + HOLD, P.lock_op + moved + HOLD
    assert (lock.hold.total, lock.hold.greatest) == (first + second, max(first, second))


def test_writes_to_neighbours_are_posted_for_the_dearest_and_a_share_of_the_others() -> None:
    # Slabs of two objects; a lot of them has passed CPU 1's hands before CPU 0 flushes: it writes lines of both.
    cache = {"limit": 4, "batchcount": 4, "shared": 0, "size": 2048}
    programs: dict[int, list[Step]] = {
        1: [*(alloc(100 + slot) for slot in range(8)), *(free(100 + slot) for slot in range(8))],
        0: [later(alloc(0)), *(alloc(slot) for slot in range(1, 8)), *(free(slot) for slot in range(8))],
    }
    held = {}
    for together in (False, True):
        records = run(programs, with_rules(cache, copy_lines=together), machine(copy_line_share=SHARE))
        held[together] = lock_of(records, LockKind.LIST).hold.total
    assert held[True] > held[False]


def test_of_one_slabs_objects_in_a_row_the_first_free_alone_reads_a_cold_descriptor() -> None:
    programs = {0: [alloc(slot) for slot in range(3)], 1: [later(free(0)), free(1), free(2)]}
    took = {}
    for once in (False, True):
        hits = run(programs, with_rules({"limit": 120}, descriptor_once=once)).latency[0, Path.FREE_HIT]
        took[once] = (hits.count, hits.total)
    assert took == {
        False: (3, 3 * (P.free_hit + P.descriptor_read)),
        True: (3, 3 * P.free_hit + P.descriptor_read),
    }


def test_a_slots_line_is_fetched_once_unless_it_was_written_since() -> None:
    way, milli = 40, 500

    class Reader:
        clock, slot_line, slot_read_at, index_until = 1000, -1, 0, 0

    cpu = Reader()
    assert slot_cost(cpu, 8, 900, way, milli, False) == copy_cost(way, way, milli) == 60
    assert slot_cost(cpu, 9, 950, way, milli, False) == 0, "of the same line, and written before that came"
    assert slot_cost(cpu, 16, 950, way, milli, False) == 60, "another line"
    cpu.clock = 2000
    assert slot_cost(cpu, 17, 1500, way, milli, False) == 60, "written since"
    cpu.clock = 3000
    assert slot_cost(cpu, 18, 3000, way, milli, False) == 80, "waited for: its line was here, and had to go back first"
    assert {"slot_line", "slot_read_at", "index_until", "partner"} <= {name for name in dir(TimedCpu) if not name.startswith("_")}


def test_a_rings_index_stays_as_long_as_it_took_to_come_and_then_comes_anew() -> None:
    way, milli = 40, 500

    class Reader:
        clock, slot_line, slot_read_at, index_until = 1000, 1, 1000, 0

    cpu = Reader()
    for clock, cost in ((1000, way), (1040, 0), (1080, 0), (1081, way), (1161, 0), (1162, way)):
        cpu.clock = clock
        assert slot_cost(cpu, 9, 900, way, milli, True) == cost, clock
    cpu.clock = 2000
    assert slot_cost(cpu, 16, 1900, way, milli, True) == way + copy_cost(way, way, milli), "and the slot's own line behind it"
    assert cpu.slot_read_at == 2000 + way + copy_cost(way, way, milli)
    for cpu.index_until in (2999, 3000, 3001):
        cpu.clock, cpu.slot_line = 3000, 1
        waited = slot_cost(cpu, 24, 3000, way, milli, True)
        assert waited == 2 * way + copy_cost(way, way, milli), "who waits has polled the index, so that it had to go back first"


def test_who_does_nothing_but_pass_objects_through_a_ring_works_half_of_the_time() -> None:
    # As long as its index is here it goes on, as long it waits for it again.
    way, own = 1000, 100

    class Reader:
        clock, slot_line, slot_read_at, index_until = 0, 0, 1 << 62, -1

    cpu, waited = Reader(), 0
    for _object in range(1000):
        cost = slot_cost(cpu, 0, 0, way, 0, True)
        waited += cost
        cpu.clock += cost + own
    assert waited / cpu.clock == pytest.approx(0.5, abs=0.03)


def test_a_ring_between_two_cpus_costs_them_its_lines_and_nobody_else() -> None:
    raw = {
        "machine": {"preset": "numa-2x4", "cpus": 2},
        "cache": [{"name": "c", "size": 256}],
        "workload": {"kind": "producer_consumer", "objects": 400, "window": 64, "think_ns": 0},
    }
    waited = {}
    for rules in ((False, False), (True, False), (True, True), (False, True)):
        timing = {**ALONE, "slot_lines": rules[0], "ring_indexes": rules[1]}
        asked = parse_experiment({**raw, "timing": timing}, "test")
        records = run_reference(asked, machine(), build_synthetic(asked, machine(), 0))
        waited[rules] = [record.slot_wait for record in records.cpus]
    with_lines, with_both, neither = waited[True, False], waited[True, True], waited[False, False]
    consumer = max(range(4), key=lambda cpu: with_lines[cpu])
    assert neither[consumer] < with_lines[consumer] < with_both[consumer]
    assert waited[False, True] == neither, "a ring without lines has no indexes"
    assert len([cpu for cpu in range(4) if not neither[cpu] and not with_both[cpu]]) >= 2


def test_a_descriptor_that_a_flush_needs_was_read_before_its_lock() -> None:
    # CPU 1 has had the slab last: both lines of it come under the lock, or the descriptor's before.
    cache = {"limit": 2, "batchcount": 2, "shared": 0}
    programs: dict[int, list[Step]] = {
        0: [alloc(0), alloc(1), later(later(free(0))), free(1), free(2)],
        1: [later(alloc(10)), alloc(11), free(10), free(11)],
    }
    programs[0].insert(2, alloc(2))
    holds, elapsed = {}, {}
    for early in (False, True):
        records = run(programs, with_rules(cache, early_lookups=early))
        holds[early] = lock_of(records, LockKind.LIST).hold.total
        elapsed[early] = records.elapsed
    assert holds[False] - holds[True] == P.same_node
    assert elapsed[False] == elapsed[True], "it is paid for all the same"


@pytest.mark.parametrize(
    ("allocator", "name", "nodes", "said", "looked_up"),
    [
        ("2.6.34", "skbuff", 1, None, False),
        ("2.6.34", "size-256", 1, None, True),
        ("4.7", "skbuff", 1, None, False),
        ("4.7", "kmalloc-256", 1, None, True),
        ("4.7", "skbuff", 2, None, True),
        ("6.1", "skbuff", 1, None, True),
        ("6.1", "skbuff", 1, False, False),
        ("4.7", "skbuff", 1, True, True),
    ],
)
def test_frees_read_a_descriptor_where_their_kernel_does_and_else_the_flush_does_under_its_lock(
    allocator: str, name: str, nodes: int, said: bool | None, looked_up: bool
) -> None:
    on = load_machine("uma-4" if nodes == 1 else "numa-2x4")
    cache = {"name": name, "limit": 2, "batchcount": 2, "shared": 0} | ({} if said is None else {"frees_look_up": said})
    programs: dict[int, list[Step]] = {
        0: [later(later(free(0))), free(1), free(2)],
        1: [later(alloc(0)), alloc(1), alloc(2)],
    }

    def records_of(early: bool) -> Records:
        timing = {**ALONE, "early_lookups": early, "descriptor_once": True}
        return run(programs, experiment(cache, allocator=allocator, timing=timing), on)

    records = records_of(early=True)
    hits = records.latency[0, Path.FREE_HIT]
    assert hits.total == 2 * on.costs.free_hit + (on.costs.descriptor_read if looked_up else 0)
    # CPU 1 has had the slab last: under the lock its free chain comes, and its descriptor if no free has read it.
    sooner = lock_of(records_of(early=False), LockKind.LIST).hold.greatest - lock_of(records, LockKind.LIST).hold.greatest
    assert (sooner > 0) is looked_up


def test_who_comes_late_in_the_window_loses_a_race_more_often_and_behind_it_always() -> None:
    window = 100
    least, middle, most = 0, 1 << (RACE_BITS - 1), (1 << RACE_BITS) - 1
    assert not any(arrives_late(drawn, 1000, 1000, 0, window) for drawn in (least, middle, most)), "the releaser, at once"
    assert [arrives_late(drawn, 1049, 1000, 0, window) for drawn in (least, middle, most)] == [True, False, False]
    assert [arrives_late(drawn, 1011, 1000, 40, window) for drawn in (least, middle, most)] == [True, True, False]
    assert all(arrives_late(drawn, 1000, 1000, window, window) for drawn in (least, middle, most))


def test_a_releaser_that_comes_back_within_the_window_takes_its_lock_again_as_often_as_it_is_early() -> None:
    rounds = 2_000
    window = 2 * P.same_node
    for share in (0.25, 0.5):
        back = round(window * share)
        programs = {cpu: [section(HOLD, think=back) for _round in range(rounds)] for cpu in (0, 1)}
        lock = lock_of(run(programs, experiment(lock=TAS, timing={"jitter": 0.0})), LockKind.SECTION)
        # A section is waited for if its CPU lost the race for it; while one waits the other has it, so both are as often asked.
        lost = lock.contended / lock.acquisitions
        assert lost == pytest.approx(share / (1 - share + share), abs=0.05)


def test_a_waiter_for_a_tas_lock_has_it_three_transfers_after_its_release() -> None:
    programs = {0: [section(HOLD)], 2: [section(HOLD, think=10)]}
    records = run(programs, experiment(lock=TAS, timing={"jitter": 0.0}))
    assert records.cpus[2].handoff == 3 * P.remote
    assert records.elapsed == P.dram_local + 2 * (P.lock_op + HOLD) + 3 * P.remote

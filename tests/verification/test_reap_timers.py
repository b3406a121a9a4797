# SPDX-License-Identifier: GPL-2.0-only
"""cache_reap runs in simulated time: every two seconds on every CPU, whether it thinks, waits or has nothing to do.

Leaves out what one reap does to the lists, which the golden data check.
"""

from __future__ import annotations

import pytest

from slabdes.engine.records import Path, Records
from slabdes.results.metrics import TIME_PARTS
from slabdes.units import PS_PER_S
from slabdes.workload.programs import Step
from tests.verification.bench import alloc, experiment, free, run

SECOND = PS_PER_S
LONG = 60 * SECOND
OBJECTS = 30
PAIRS = experiment({"size": 2000, "flags": ["NOLEAKTRACE"], "limit": 10, "batchcount": 5, "shared": 1})
"""Two objects a slab; an array of 10 and a shared array of 5 a node, which keep objects until they are reaped."""
CACHE = {"size": 2000, "flags": ["NOLEAKTRACE"], "shared": 0}
PAIR_AT_A_TIME = experiment({**CACHE, "limit": 10, "batchcount": 2})
HERE, THERE = 0, 1


def use_and_leave(first: int) -> list[Step]:
    slots = range(first, first + OBJECTS)
    return [*(alloc(slot) for slot in slots), *(free(slot) for slot in slots)]


def left_in_caches(records: Records, node: int) -> int:
    slab = records.slabs[node]
    return slab.in_arrays + slab.in_shared


def slabs_left(records: Records, node: int) -> int:
    slab = records.slabs[node]
    return slab.slabs_partial + slab.slabs_full + slab.slabs_free


def assert_times_add_up(records: Records) -> None:
    for cpu in records.cpus:
        parts = sum(getattr(cpu, part) for part in (*TIME_PARTS, "idle"))
        assert parts == cpu.end - cpu.start, f"CPU {cpu.cpu}"


def test_within_the_first_half_second_nothing_is_reaped() -> None:
    records = run({0: [*use_and_leave(0), alloc(99, think=SECOND // 2)]}, PAIRS)
    assert records.caches[0].reaped == 0
    assert left_in_caches(records, HERE) == 10 + 5 - 1


def test_a_cpu_that_thinks_for_a_minute_is_reaped_of_all_it_left() -> None:
    records = run({0: [*use_and_leave(0), alloc(99, think=LONG)]}, PAIRS)
    assert records.caches[0].reaped > 0
    assert records.latency[0, Path.GROW].count == OBJECTS // 2 + 1, "the last allocation has to make a slab again"
    assert slabs_left(records, HERE) == 1
    assert records.caches[0].slabs_destroyed == records.caches[0].slabs_created - 1
    assert_times_add_up(records)


def test_reaps_take_none_of_the_thought_they_interrupt() -> None:
    records = run({0: [*use_and_leave(0), alloc(99, think=LONG)]}, PAIRS)
    assert records.cpus[0].think == LONG
    assert records.cpus[0].end > LONG


def test_a_reap_comes_every_two_seconds() -> None:
    # One object in the array: the first reap finds it touched, the second frees it. CPU 0 first reaps after one second
    # (start_cpu_timer rounds HZ to itself), then after three.
    for think, left in ((2 * SECOND, 1), (4 * SECOND, 0)):
        records = run({0: [alloc(0), alloc(1), free(0), free(1, think=think)]}, PAIR_AT_A_TIME)
        assert left_in_caches(records, HERE) == left + 1


def test_an_idle_cpu_reaps_its_array_and_its_nodes_slabs() -> None:
    # CPU 2, alone on node 1, is done at once; CPU 0 keeps the run alive.
    records = run({0: [alloc(99, think=LONG)], 2: use_and_leave(0)}, PAIRS)
    assert left_in_caches(records, THERE) == 0
    assert slabs_left(records, THERE) == 0
    assert records.cpus[2].idle > 0.9 * LONG
    assert_times_add_up(records)


def test_a_cpu_without_a_program_reaps_what_its_node_shares() -> None:
    # CPUs 2 and 3 have no program; CPU 0 leaves a slab of node 1 free: only CPUs of node 1 look after its lists.
    steps = [*(alloc(slot, node=THERE) for slot in range(8)), *(free(slot) for slot in range(8)), alloc(99, think=LONG)]
    records = run({0: steps}, experiment({**CACHE, "limit": 1, "batchcount": 1}, noaliencache=True))
    assert records.caches[0].reaped > 0
    assert slabs_left(records, THERE) == 0


def test_a_cpu_that_waits_for_an_object_reaps_meanwhile() -> None:
    # CPU 2 waits a minute for the object of slot 99, which CPU 0 allocates last.
    records = run({0: [alloc(99, think=LONG)], 2: [*use_and_leave(0), free(99)]}, PAIRS)
    assert left_in_caches(records, THERE) == 0
    assert slabs_left(records, THERE) == 0
    assert records.cpus[2].slot_wait == pytest.approx(LONG, rel=1e-3)
    assert_times_add_up(records)


def test_a_producer_that_waits_for_room_reaps_meanwhile() -> None:
    # A window of one: CPU 2's second allocation into slot 99 waits until CPU 0 has emptied it, a minute later.
    producer = [*use_and_leave(0), alloc(99), alloc(99)]
    records = run({2: producer, 0: [free(99, think=LONG), free(99)]}, PAIRS, windowed=True)
    assert records.caches[0].reaped > 0
    assert records.cpus[2].slot_wait == pytest.approx(LONG, rel=1e-3)
    assert_times_add_up(records)


def test_alien_caches_are_reaped_back_to_the_objects_home() -> None:
    # CPU 2 frees three objects of node 0 into node 1's alien cache and is done.
    records = run({0: [*(alloc(slot) for slot in range(3)), alloc(99, think=LONG)], 2: [free(0), free(1), free(2)]}, PAIRS)
    assert records.latency[0, Path.ALIEN_PUT].count == 3
    assert records.slabs[HERE].in_alien == 0


def test_timers_keep_to_seconds_whatever_hz_is() -> None:
    settings = experiment({**CACHE, "limit": 10, "batchcount": 5}, timing={"jitter": 0.0, "hz": 100})
    records = run({0: [*use_and_leave(0), alloc(99, think=LONG)]}, settings)
    assert records.caches[0].reaped > 0
    assert slabs_left(records, HERE) == 1

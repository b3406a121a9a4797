# SPDX-License-Identifier: GPL-2.0-only
"""What must hold in every run, whatever it simulates: Little's law at each lock, no object lost, no time unaccounted for.

Small random experiments of every kind, on a machine with enough memory and on one that runs out. Leaves out how long anything
takes.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slabdes.config import Discipline, Experiment
from slabdes.engine.records import LockKind, Operation, Path, Records, Spent
from slabdes.engine.reference.run import run_reference
from slabdes.machine.topology import Machine
from slabdes.results.accounting import check_accounting
from slabdes.results.metrics import TIME_PARTS
from slabdes.units import PAGE_SIZE
from slabdes.workload.synthetic import build_synthetic
from tests.verification.bench import LATER, PRICE, alloc, experiment, experiment_of, free, later, machine, run, section

MIB = 1 << 20
MS = 1_000_000_000
"""Picoseconds of a millisecond."""
PLENTY = (512.0, 512.0)
FALLBACKS = (Path.FALLBACK_PARTIAL, Path.FALLBACK_FREE, Path.FALLBACK_GROW)


def pages(here: int, there: int) -> tuple[float, float]:
    """Memory of so many pages on the two nodes, in MiB."""
    return here * PAGE_SIZE / MIB, there * PAGE_SIZE / MIB


def assert_littles_law(records: Records) -> None:
    for lock in records.locks:
        assert lock.queue_area == lock.wait.total, lock.name
        assert lock.wait.count == lock.contended <= lock.acquisitions == lock.hold.count, lock.name
        if lock.contended:
            mean_queue = lock.queue_area / records.elapsed
            rate, mean_wait = lock.contended / records.elapsed, lock.wait.total / lock.contended
            assert mean_queue == pytest.approx(rate * mean_wait, rel=1e-12)
    assert sum(lock.wait.total for lock in records.locks) == sum(cpu.lock_wait + cpu.handoff for cpu in records.cpus)


def assert_times_add_up(records: Records) -> None:
    for cpu in records.cpus:
        parts = [getattr(cpu, part) for part in (*TIME_PARTS, "idle")]
        assert min(parts) >= 0
        assert sum(parts) == cpu.end - cpu.start, f"CPU {cpu.cpu}"


def assert_operations_time_adds_up(records: Records) -> None:
    took = dict.fromkeys(records.spent, 0)
    for (_cache, path), histogram in records.latency.items():
        took[path] += histogram.total
    for path, spent in records.spent.items():
        assert min(astuple(spent)) >= 0, path
        assert sum(astuple(spent)) == took[path], path
    for hit in {Path.HIT, Path.FREE_HIT} & records.spent.keys():
        spent = records.spent[hit]
        assert spent == Spent(first_touch=spent.first_touch, work=spent.work), "a hit is work and first touch"


def assert_nothing_lost(records: Records) -> None:
    """Only for one cache whose descriptors lie in its slabs: records do not tell caches' operations apart by CPU."""
    counts = dict.fromkeys(Operation, 0)
    for (_cache, path), histogram in records.latency.items():
        counts[path.operation] += histogram.count
    assert counts[Operation.ALLOC] == sum(cpu.allocs for cpu in records.cpus)
    assert counts[Operation.FREE] == sum(cpu.frees for cpu in records.cpus)
    failed = sum(cpu.failed for cpu in records.cpus)
    failures = [histogram.count for (_cache, path), histogram in records.latency.items() if path is Path.FAIL]
    assert failed == sum(failures)
    assert sum(slab.in_use for slab in records.slabs) == counts[Operation.ALLOC] - failed - counts[Operation.FREE]
    for slab in records.slabs:
        num = records.caches[slab.cache].num
        everywhere = slab.free_objects + slab.in_arrays + slab.in_shared + slab.in_alien + slab.in_use
        assert everywhere == num * (slab.slabs_partial + slab.slabs_full + slab.slabs_free)
        assert slab.free_objects >= num * slab.slabs_free + slab.slabs_partial
    for cache in records.caches:
        on_lists = sum(s.slabs_partial + s.slabs_full + s.slabs_free for s in records.slabs if s.cache == cache.cache)
        assert on_lists == cache.slabs_created - cache.slabs_destroyed


def simulate(settings: Experiment, on: Machine, replication: int = 0) -> Records:
    return run_reference(settings, on, build_synthetic(settings, on, replication), replication)


def operations_asked_for(workload: dict[str, Any], cpus: int) -> int:
    match workload["kind"]:
        case "burst":
            return cpus * 2 * int(workload["objects"]) * int(workload["rounds"])
        case "producer_consumer":
            return cpus * int(workload["objects"])
    return cpus * int(workload["operations"])


TIMES = st.sampled_from(["constant", "exponential"])
THINK_NS = st.sampled_from([0.0, 20.0, 500.0])
WORKLOADS = st.one_of(
    st.fixed_dictionaries(
        {
            "kind": st.just("burst"),
            "objects": st.integers(1, 60),
            "rounds": st.integers(1, 3),
            "think_ns": THINK_NS,
            "barrier": st.booleans(),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("mix"),
            "operations": st.integers(1, 200),
            "live": st.integers(1, 60),
            "think_ns": THINK_NS,
            "think": TIMES,
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("producer_consumer"),
            "objects": st.integers(1, 200),
            "window": st.integers(1, 40),
            "think_ns": THINK_NS,
            "think": TIMES,
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("critical_section"),
            "operations": st.integers(1, 100),
            "think_ns": THINK_NS,
            "hold_ns": THINK_NS,
            "think": TIMES,
            "hold": TIMES,
        }
    ),
)


@st.composite
def caches(draw: st.DrawFn) -> dict[str, Any]:
    limit = draw(st.integers(1, 20))
    return {
        "size": draw(st.sampled_from([32, 256, 500, 2000, 3000, 6000])),
        "flags": ["NOLEAKTRACE"],
        "limit": limit,
        "batchcount": draw(st.integers(1, limit)),
        "shared": draw(st.integers(0, 3)),
    }


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    workload=WORKLOADS,
    cache=caches(),
    cpus=st.sampled_from([2, 4]),
    seed=st.integers(0, 1 << 32),
    jitter=st.sampled_from([0.0, 0.15, 0.9]),
    discipline=st.sampled_from(Discipline),
    noaliencache=st.booleans(),
    memory=st.sampled_from([PLENTY, pages(3, 2), pages(0, 4), pages(0, 0)]),
)
def test_laws_hold_in_every_kind_of_workload_with_and_without_enough_memory(
    workload: dict[str, Any],
    cache: dict[str, Any],
    cpus: int,
    seed: int,
    jitter: float,
    discipline: str,
    noaliencache: bool,
    memory: tuple[float, float],
) -> None:
    chosen = experiment(
        cache,
        seed=seed,
        machine={"preset": "numa-2x4", "cpus": cpus, "placement": "spread"},
        timing={"jitter": jitter},
        lock={"discipline": discipline},
        noaliencache=noaliencache,
        workload=workload,
    )
    records = simulate(chosen, machine(memory))
    assert_littles_law(records)
    assert_times_add_up(records)
    assert_operations_time_adds_up(records)
    assert_nothing_lost(records)
    done = sum(cpu.allocs + cpu.frees + cpu.skipped + cpu.sections for cpu in records.cpus)
    assert done == operations_asked_for(workload, cpus)
    if memory == PLENTY:
        assert not any(cpu.failed or cpu.skipped for cpu in records.cpus)


@pytest.mark.parametrize(
    ("workload", "size", "memory"),
    [
        ({"kind": "burst", "objects": 60, "rounds": 4}, 256, pages(3, 1)),
        ({"kind": "mix", "operations": 400, "live": 60}, 256, pages(3, 1)),
        ({"kind": "producer_consumer", "objects": 400, "window": 60}, 2000, pages(1, 1)),
    ],
    ids=["burst", "mix", "producer_consumer"],
)
def test_with_a_few_pages_allocations_fail_fall_back_and_succeed_again(
    workload: dict[str, Any], size: int, memory: tuple[float, float]
) -> None:
    cache = {"size": size, "flags": ["NOLEAKTRACE"], "limit": 4, "batchcount": 2, "shared": 1}
    # Alien caches could hold every object that these pages make, and keep it from those who want one.
    parts = {"machine": {"preset": "numa-2x4", "placement": "spread"}, "noaliencache": True}
    chosen = experiment(cache, workload=workload, **parts)
    records = simulate(chosen, machine(memory))
    counts = {path: histogram.count for (_cache, path), histogram in records.latency.items()}
    skipped = sum(cpu.skipped for cpu in records.cpus)
    assert counts[Path.FAIL] > 0
    assert sum(counts.get(path, 0) for path in FALLBACKS) > 0
    at_once_at_most = records.caches[0].slabs_created * records.caches[0].num
    succeeded = sum(cpu.allocs - cpu.failed for cpu in records.cpus)
    assert succeeded > at_once_at_most, "objects are used again"
    assert skipped <= counts[Path.FAIL]
    assert_littles_law(records)
    assert_times_add_up(records)
    assert_operations_time_adds_up(records)
    assert_nothing_lost(records)


PAIRS = {"size": 2000, "flags": ["NOLEAKTRACE"], "limit": 1, "batchcount": 1, "shared": 0}


def test_an_allocation_falls_back_then_fails_and_the_next_one_after_a_free_succeeds() -> None:
    # One page of two objects on each node.
    steps = [alloc(0), alloc(1), alloc(2), alloc(3), alloc(4), free(4), free(0), alloc(5)]
    records = run({0: steps}, experiment(PAIRS), machine(pages(1, 1)))
    counts = {path: histogram.count for (_cache, path), histogram in records.latency.items()}
    assert counts == {
        Path.GROW: 1,
        Path.PARTIAL: 1,
        Path.FALLBACK_GROW: 1,
        Path.FALLBACK_PARTIAL: 1,
        Path.FAIL: 1,
        Path.FREE_HIT: 1,
        Path.HIT: 1,
    }
    assert (records.cpus[0].failed, records.cpus[0].skipped) == (1, 1)
    assert_nothing_lost(records)


def test_pages_of_a_slab_that_one_cache_gives_back_serve_another_cache() -> None:
    # Four pages. Cache 0 takes them all; cache 1 fails; the seventh object that cache 0 gives back to its slabs empties a slab
    # with more than free_limit = 5 objects free, and its page goes back; cache 1 gets it.
    both = experiment_of([{"name": "one", **PAIRS}, {"name": "other", **PAIRS}])
    steps = [*(alloc(slot) for slot in range(8)), alloc(100, cache=1), *(free(slot) for slot in range(8)), alloc(101, cache=1)]
    records = run({0: steps}, both, machine(pages(4, 0)))
    assert records.latency[1, Path.FAIL].count == 1
    assert records.latency[1, Path.GROW].count == 1
    assert records.caches[0].slabs_destroyed == 1


def test_littles_law_holds_though_the_run_ends_while_a_reaping_cpu_waits() -> None:
    # A list move takes 20 ms. CPU 0 flushes at 980 ms, CPU 1 asks at 985, CPU 2's timer at 994 ms: its alien cache holds an
    # object of node 0. CPU 1's flush is the last step of all; CPU 2 has waited since, and is not granted the lock any more.
    slow = machine(list_move=20e6)
    settings = experiment(PAIRS)
    first = {
        0: [alloc(0), alloc(1), alloc(9), free(0)],
        1: [alloc(2, think=200 * MS), alloc(3), free(2)],
        2: [free(9, think=400 * MS)],
    }
    ends = [cpu.end for cpu in run(first, settings, slow).cpus]
    last = {0: [free(1, think=980 * MS - ends[0])], 1: [free(3, think=985 * MS - ends[1])], 2: []}
    records = run({cpu: first[cpu] + last[cpu] for cpu in first}, settings, slow)
    lock = next(lock for lock in records.locks if lock.kind is LockKind.LIST and lock.node == 0)
    assert lock.acquisitions == lock.hold.count + 1, "CPU 2 still waits"
    assert check_accounting(records) == []
    assert lock.contended == lock.wait.count == 1
    assert lock.queue_area == lock.wait.total
    assert_times_add_up(records)
    assert_operations_time_adds_up(records)


def test_a_failed_allocations_free_is_skipped_by_the_cpu_it_was_meant_for() -> None:
    records = run({0: [alloc(0)], 2: [later(free(0))]}, experiment(PAIRS), machine(pages(0, 0)))
    assert (records.cpus[0].failed, records.cpus[2].skipped, records.cpus[2].frees) == (1, 1, 0)
    assert_times_add_up(records)
    assert_operations_time_adds_up(records)


def test_a_windows_next_object_waits_until_the_one_before_is_freed_not_only_until_its_free_has_begun() -> None:
    # CPU 2's free begins long after CPU 0 has come for the slot, but engines look at it before.
    records = run({0: [alloc(0), section(1000), alloc(0)], 2: [later(free(0))]}, experiment(), windowed=True)
    producer, consumer = records.cpus[0], records.cpus[2]
    assert consumer.end > LATER
    assert producer.end == consumer.end + PRICE.alloc_hit + PRICE.first_touch
    assert producer.slot_wait > LATER / 2

# SPDX-License-Identifier: GPL-2.0-only
"""SLUB on the reference's clock: locks and atomics an object, counted by hand; costs of paths; the race for a state word."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import slabdes
from slabdes.config import AllocatorVersion, Experiment, parse_experiment
from slabdes.config.allocators import slub_tunables
from slabdes.config.slub import switches_of
from slabdes.engine.records import LockKind, Path, Records
from slabdes.engine.reference.run import run_reference, set_up_slub
from slabdes.engine.reference.slub import TimedSlubKernel
from slabdes.engine.timed import costs_of
from slabdes.paths.sites import LockSite
from slabdes.paths.slub import prices
from slabdes.paths.slub.notes import SlubNotes
from slabdes.results.accounting import check_accounting
from slabdes.study.plan import machine_of
from slabdes.workload.synthetic import build_synthetic
from tests.engine.reference.programs import (
    CAPACITY,
    CPU_SLABS,
    GO,
    SHEAVES,
    allocs,
    experiment,
    follow,
    frees,
    signal,
    wait_for,
)  # fmt: skip


def simulate(one: Experiment) -> Records:
    machine = machine_of(one)
    records = run_reference(one, machine, build_synthetic(one, machine, 0))
    assert check_accounting(records) == []
    return records


def taken(records: Records) -> Counter[LockKind]:
    return Counter({kind: sum(lock.acquisitions for lock in records.locks if lock.kind is kind) for kind in LockKind})


def test_each_price_answers_a_note_of_its_name() -> None:
    priced = [name for name in vars(prices) if name.startswith("note_")]
    assert [name for name in priced if not hasattr(SlubNotes, name)] == []
    assert [name for name in priced if getattr(TimedSlubKernel, name) is not getattr(prices, name)] == []


@pytest.mark.parametrize("memory", [None, [0, 64]], ids=["on a node with memory", "on a node without"])
def test_streaming_on_one_node_takes_the_barns_lock_twice_a_sheaf_and_list_lock_not_at_all(memory: list[int] | None) -> None:
    # A sheaf that the consumer has filled goes to the barn for an empty one, under its lock; the producer takes it for the one
    # that it has emptied, under its lock: 2 a sheaf's worth of objects, and no slab is touched.
    one = experiment(SHEAVES, machine={"preset": "numa-2x4"} | ({"memory_mib": memory} if memory else {}))

    def of(sheaves: int) -> Counter[LockKind]:
        slots = [number % (4 * CAPACITY) for number in range(sheaves * CAPACITY)]
        steps = {0: allocs(slots, think=1_000_000), 1: frees(slots)}
        return taken(follow(one, steps, windowed=True))

    few, many = of(40), of(140)
    assert many[LockKind.BARN] - few[LockKind.BARN] == 2 * 100
    assert many[LockKind.LIST] == few[LockKind.LIST]


def test_objects_of_another_node_go_to_their_slabs_with_two_list_locks_a_slab_and_one_atomic_an_object() -> None:
    # Each refill takes a whole new slab (capacity = objects a slab): no list_lock. Of a slab's frees the first finds it full and
    # lists it, the last empties it: both take list_lock. Nothing is tried twice, as nobody else is about.
    slabs = 6
    slots = range(slabs * CAPACITY)
    programs = {0: [*allocs(slots), signal(GO)], 4: [wait_for(GO), *frees(slots)]}
    records = follow(experiment(SHEAVES), programs)
    stats = records.slub[0].stats
    assert taken(records)[LockKind.LIST] == 2 * slabs
    assert taken(records)[LockKind.BARN] == 0
    paths = {path: times.count for (_cache, path), times in records.latency.items() if path.operation.label == "free"}
    assert paths == {Path.FREE_SLAB: slabs * (CAPACITY - 2), Path.FREE_LIST: 2 * slabs}
    assert (stats.free_slowpath, stats.cmpxchg_double_fail) == (len(slots), 0)
    # A slab goes if, when it is emptied, min_partial are on the list, itself among them: one less stays.
    assert stats.free_slab == slabs - (records.slub[0].min_partial - 1)


def test_per_cpu_slabs_take_list_lock_once_a_slab_that_others_empty() -> None:
    # The allocating CPU still has the last slab: frees to it only update it. Each other slab was full, so its first free makes it
    # a partial slab of the freeing CPU's, and its last one takes list_lock to find it on no list.
    slabs = 3
    slots = range(slabs * CAPACITY)
    records = follow(experiment(CPU_SLABS), {0: [*allocs(slots), signal(GO)], 1: [wait_for(GO), *frees(slots)]})
    assert slabs - 1 <= records.slub[0].cpu_partial_slabs
    assert taken(records)[LockKind.LIST] == slabs - 1
    counts = {path: times.count for (_cache, path), times in records.latency.items() if path.operation.label == "free"}
    assert counts[Path.FREE_CPU_PARTIAL] == counts[Path.FREE_LIST] == slabs - 1
    assert records.slub[0].stats.free_frozen == CAPACITY


def test_costs_of_paths_are_sums_of_costs_by_name() -> None:
    one = experiment(SHEAVES, machine={"preset": "numa-2x4", "cpus": 2})
    machine = machine_of(one)
    costs = costs_of(one, machine, one.cache)
    assert costs.alloc_hit == machine.costs.alloc_bulk + machine.costs.local_trylock
    slots = range(CAPACITY)
    records = follow(one, {0: [*allocs(slots), signal(GO)], 4: [wait_for(GO), *frees(slots)]})
    # The other node's CPU has read the descriptor, and brought the state word from the CPU that made the slab.
    free = costs.free_hit + costs.cmpxchg_double + costs.slab_object
    assert records.latency[0, Path.FREE_SLAB].least == free
    # The first free alone reads the descriptor, and brings the lines of the state word and of the node, whose list is empty.
    listed = records.latency[0, Path.FREE_LIST]
    far = machine.transfer_ps[0][4]
    lock = costs.irq_save + costs.lock_op + costs.list_move // 2
    assert listed.greatest == free + costs.descriptor_read + far + far + lock


def test_who_finds_a_state_word_changed_pays_the_line_and_the_atomic_again() -> None:
    # Two CPUs free to one slab at the same moment: the slower one's update fails, once, and both objects are back.
    one = experiment(SHEAVES)
    machine = machine_of(one)
    costs = costs_of(one, machine, one.cache)
    slots = range(CAPACITY)
    listed = [signal(GO + 1), signal(GO + 2)]
    programs = {
        0: [*allocs(slots), signal(GO)],
        6: [wait_for(GO), *frees([0]), *listed],
        4: [wait_for(GO + 1), *frees([1], think=50_000_000)],
        5: [wait_for(GO + 2), *frees([2], think=50_000_000)],
    }
    stats = (records := follow(one, programs)).slub[0].stats
    assert (stats.free_slowpath, stats.cmpxchg_double_fail) == (3, 1)
    # Both read what CPU 6 has left, one after the other as the line comes to them: 5 has it from 4, and 4 has to bring it back
    # for its update, which succeeds at once. 5 brings it again, finds it changed, has it still, and tries once more.
    atomic = costs.cmpxchg_double
    update = costs.free_hit + costs.descriptor_read + atomic + costs.slab_object
    to_4, over, back = machine.transfer_ps[6][4], machine.transfer_ps[4][5], machine.transfer_ps[5][4]
    times = records.latency[0, Path.FREE_SLAB]
    assert times.least == update + to_4 + back
    assert times.greatest == update + over + over + atomic


CACHE_KEYS: dict[str, tuple[int, ...]] = {
    "min_partial": (0, 1, 20),
    "remote_node_defrag_ratio": (0, 50, 100),
    "sheaf_capacity": (1, 2, 7, 40),
    "max_full_sheaves": (0, 1, 3),
    "max_empty_sheaves": (0, 1, 3),
    "cpu_partial": (0, 5, 300),
}
SWITCHES: dict[str, tuple[Any, ...]] = {
    "refill_order": ("list", "reverse"),
    "leftovers": ("tail", "head", "group", "spill"),
    "unneeded": ("tail", "head"),
    "remote_refill": ("off", "trylock", "wait"),
    "empty_main": ("spare", "barn"),
    "barns": ("online", "memory"),
    "refill_needs_waiting": (False, True),
    "remote_by_batches": (False, True),
    "capacity_base": (1, 5, 40),
    "capacity_per_cpu": (0, 0.3, 4),
    "capacity_most": (40, 60),
}


@st.composite
def drawn(draw: st.DrawFn) -> Experiment:
    """Small experiments of any kind on any SLUB, with its switches turned, on nodes with and without memory."""
    version = draw(st.sampled_from([version for version in AllocatorVersion if version.is_slub]))
    cache: dict[str, Any] = {"size": draw(st.sampled_from((8, 64, 256, 700, 2048, 9000)))}
    cpu_slabs = draw(st.sampled_from((None, False, True))) if "cpu_slabs" in switches_of(version) else None
    for key in slub_tunables(version, cpu_slabs):
        if draw(st.booleans()):
            cache[key] = draw(st.sampled_from(CACHE_KEYS[key]))
    keys = [key for key in switches_of(version, cpu_slabs) if key != "cpu_slabs"]
    slub = {"cpu_slabs": cpu_slabs} | {key: draw(st.sampled_from(SWITCHES[key])) for key in keys if draw(st.booleans())}
    workload = draw(
        st.sampled_from(
            (
                {"kind": "burst", "objects": 150, "rounds": 3},
                {"kind": "mix", "operations": 300, "live": 40},
                {"kind": "producer_consumer", "objects": 300, "window": 60, "think_ns": 50},
            )
        )
    )
    memory = draw(st.sampled_from((None, None, [0, 40], [0.2, 0.2])))
    place = {"preset": "numa-2x4"} | ({"memory_mib": memory} if memory else {})
    seed = draw(st.integers(0, 99))
    rcu = {"frees": draw(st.booleans()), "grace_ms": draw(st.sampled_from((0.001, 0.01)))}
    one = experiment({"allocator": version.value, "cache": cache}, workload, machine=place, seed=seed, slub=slub, rcu=rcu)
    return one.model_copy(update={"timing": one.timing.model_copy(update={"jitter": 0.15})})


@settings(max_examples=12, deadline=None)
@given(drawn())
def test_invariants_hold_and_everything_adds_up_in_random_experiments(one: Experiment) -> None:
    # `debug` checks the invariants whenever no CPU is on a path.
    assert simulate(one).digest == simulate(one.model_copy(update={"debug": False})).digest


def test_a_turn_that_the_runs_end_finds_under_way_breaks_no_invariant() -> None:
    # CPU 6 gives an empty slab up when the last program ends: it is on no list any more.
    raw = {
        "seed": 50,
        "debug": True,
        "allocator": "7.0",
        "machine": {"preset": "numa-2x4"},
        "cache": [
            {"name": "a", "size": 9000, "max_full_sheaves": 1, "max_empty_sheaves": 0, "min_partial": 1}
            | {"remote_node_defrag_ratio": 0}
        ],
        "timing": {"jitter": 0.15},
        "slub": {"refill_order": "list", "unneeded": "tail", "empty_main": "barn", "capacity_per_cpu": 4.0},
        "rcu": {"frees": True, "grace_ms": 0.001},
        "workload": {"kind": "burst", "objects": 150, "rounds": 3, "think_ns": 0.0},
    }
    checked = parse_experiment(raw, "test")
    assert simulate(checked).digest == simulate(checked.model_copy(update={"debug": False})).digest


def test_all_sheaves_are_somewhere_when_a_run_ends() -> None:
    one = experiment(SHEAVES, {"kind": "mix", "operations": 500, "live": 60})
    machine = machine_of(one)
    run = set_up_slub(one, machine, build_synthetic(one, machine, 0))
    run.live()
    run.check()
    assert run.kernel.now > 0


def test_a_rule_by_cpus_is_of_all_that_the_machine_has_and_can_be_swept() -> None:
    raw = {"allocator": "7.3", "machine": {"preset": "numa-2x4", "cpus": 2}, "cache": [{"name": "a", "size": 256}]}
    raw |= {"engine": "reference", "workload": {"kind": "burst", "objects": 4}}
    run = slabdes.simulate(raw | {"sweep": {"slub.capacity_per_cpu": [0, 0.5, 4, 64]}}, progress=False)
    # By size 28; the machine has 8 CPUs.
    assert run.slub["sheaf_capacity"].to_list() == [28, 32, 60, 508]


def test_a_lock_that_is_tried_and_taken_costs_its_lines_transfer() -> None:
    one = experiment(SHEAVES)
    kernel = set_up_slub(one, machine_of(one), build_synthetic(one, machine_of(one), 0)).kernel
    holder, tries = kernel.cpus[4], kernel.cpus[0]
    lock = kernel.state.caches[0].node[0].list_lock
    line = kernel.locks[lock].line
    assert finished(kernel.spin_trylock(holder, lock, LockSite.SLUB_TRYBULK))
    before = tries.clock
    assert not finished(kernel.spin_trylock(tries, lock, LockSite.SLUB_TRYBULK))
    tries.settle()
    assert tries.clock - before == kernel.machine.transfer_ps[holder.number][tries.number] > 0
    assert kernel.lines.owner[line] == tries.number


def finished(path: Any) -> bool:
    """What a path says that has no need to wait."""
    with pytest.raises(StopIteration) as ended:
        next(path)
    return bool(ended.value.value)

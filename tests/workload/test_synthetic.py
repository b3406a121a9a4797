# SPDX-License-Identifier: GPL-2.0-only
"""Synthetic workloads: which CPUs are pairs, and how long a program is known to take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from slabdes.config import parse_experiment
from slabdes.errors import InputError
from slabdes.machine.toml_file import parse_toml
from slabdes.machine.topology import Machine
from slabdes.study.plan import machine_of
from slabdes.workload.pairs import pair_up
from slabdes.workload.programs import Op
from slabdes.workload.synthetic import SLOT_BITS, build_synthetic, known_span_ps


def machine(*node_of_cpu: int) -> Machine:
    return parse_toml(f"node_of_cpu = {list(node_of_cpu)}", "test", "test").build()


def experiment(**workload: Any) -> Any:
    raw = {"machine": {"preset": "uma-4"}, "cache": [{"name": "c", "size": 8}], "workload": workload}
    return parse_experiment(raw, "test")


def nodes_of_pairs(on: Machine) -> list[tuple[int, ...]]:
    workload = build_synthetic(experiment(kind="producer_consumer"), on, 0)
    pairs: dict[int, list[int]] = {}
    for cpu, program in workload.programs.items():
        pairs.setdefault(program.pair, []).append(cpu)  # type: ignore[attr-defined]
    assert sorted(cpu for pair in pairs.values() for cpu in pair) == list(range(on.n_cpus))
    return [tuple(on.node_of_cpu[cpu] for cpu in pair) for pair in pairs.values()]


def test_pairs_on_even_nodes_are_neighbours_round_the_nodes() -> None:
    assert pair_up((0, 4, 1, 5), machine(0, 0, 0, 0, 1, 1, 1, 1)) == [(0, 4), (1, 5)]


@pytest.mark.parametrize(
    "nodes", [(0, 0, 0, 1, 2, 2), (0, 0, 0, 0, 1, 1, 2, 2), (0, 1, 1, 2), (0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3)]
)
def test_pairs_on_uneven_nodes_are_on_different_ones_wherever_that_is_possible(nodes: tuple[int, ...]) -> None:
    assert all(one != other for one, other in nodes_of_pairs(machine(*nodes)))
    assert build_synthetic(experiment(kind="producer_consumer"), machine(*nodes), 0).warnings == ()


def test_pairs_that_must_be_on_one_node_are_as_few_as_can_be_and_told() -> None:
    lopsided = machine(0, 0, 0, 0, 0, 1)
    assert sum(one == other for one, other in nodes_of_pairs(lopsided)) == 2
    (warning,) = build_synthetic(experiment(kind="producer_consumer"), lopsided, 0).warnings
    assert warning == "producer_consumer: 2 of 3 pairs are within one node, for lack of CPUs on others"


def test_a_machine_of_one_node_has_nothing_to_warn_of() -> None:
    assert build_synthetic(experiment(kind="producer_consumer"), machine(0, 0), 0).warnings == ()


@pytest.mark.parametrize(
    ("workload", "nanoseconds"),
    [
        ({"kind": "burst", "objects": 10, "rounds": 3, "think_ns": 5}, 300),
        ({"kind": "burst", "objects": 10, "rounds": 3, "think_ns": 5, "bulk": 4}, 90),
        ({"kind": "mix", "operations": 7, "think_ns": 2}, 14),
        ({"kind": "mix", "operations": 20, "think_ns": 2, "bulk": 5}, 8),
        ({"kind": "mix", "operations": 20, "think_ns": 2, "bulk": 5, "bulk_of": "free"}, 24),
        ({"kind": "producer_consumer", "objects": 7, "think_ns": 2}, 14),
        ({"kind": "producer_consumer", "objects": 7, "think_ns": 2, "bulk": 3}, 6),
        ({"kind": "producer_consumer", "objects": 7, "think_ns": 2, "bulk": 3, "bulk_of": "free"}, 14),
        ({"kind": "critical_section", "operations": 7, "think_ns": 2, "hold_ns": 3}, 35),
    ],
)
def test_a_program_takes_at_least_its_think_and_hold_times(workload: dict[str, Any], nanoseconds: int) -> None:
    assert known_span_ps(experiment(**workload), 8) == nanoseconds * 1000


def steps(caches: int, cpus: int = 1, **workload: Any) -> list[list[tuple[int, str, int, int]]]:
    """Think time (ns), operation, cache and slot of every step of each CPU; slots counted from the CPU's first."""
    raw = {
        "machine": {"preset": "uma-4", "cpus": cpus},
        "cache": [{"name": f"c{number}", "size": 8} for number in range(caches)],
        "workload": {"kind": "burst", **workload},
    }
    parsed = parse_experiment(raw, "test")
    workload_ = build_synthetic(parsed, machine_of(parsed), 0)
    made = [list(program()) for program in workload_.programs.values()]
    assert workload_.operations == sum(map(len, made)) or workload.get("kind") == "mix"
    return [
        [(think // 1000, Op(op).name, cache, slot & ((1 << SLOT_BITS) - 1)) for think, op, cache, slot, _node, _flags in program]
        for program in made
    ]


def test_bulk_calls_are_of_one_cache_each_and_the_last_has_what_is_left() -> None:
    (program,) = steps(2, objects=5, bulk=2, think_ns=7)
    calls = [(0, (0, 1)), (1, (2, 3)), (0, (4,))]
    assert program == [
        step
        for op in ("ALLOC", "FREE")
        for cache, slots in calls
        for step in (
            (7, "BEGIN_BULK", cache, len(slots) if op == "ALLOC" else 0),
            *((0, op, cache, slot) for slot in slots),
            (0, "END_BULK", cache, len(slots) if op == "FREE" else 0),
        )
    ]


def test_a_bulk_call_of_one_object_is_not_a_single_call() -> None:
    (single,), (bulk,) = steps(1, objects=1), steps(1, objects=1, bulk=1)
    assert [op for _think, op, _cache, _slot in single] == ["ALLOC", "FREE"]
    assert [op for _think, op, _cache, _slot in bulk] == ["BEGIN_BULK", "ALLOC", "END_BULK", "BEGIN_BULK", "FREE", "END_BULK"]


def test_cpus_with_caches_of_their_own_use_no_other() -> None:
    programs = steps(3, cpus=3, objects=4, own_caches=True)
    assert [{cache for _think, _op, cache, _slot in program} for program in programs] == [{0}, {1}, {2}]


def test_too_few_caches_for_one_each_are_told() -> None:
    with pytest.raises(InputError, match=r"^workload.own_caches: 2 for 3 CPUs; allowed: a cache for each CPU$"):
        steps(2, cpus=3, own_caches=True)


@pytest.mark.parametrize(("side", "bulk"), [("alloc", Op.ALLOC), ("free", Op.FREE)])
def test_bulk_calls_may_be_on_one_side_only(side: str, bulk: Op) -> None:
    (program,) = steps(1, objects=5, bulk=2, bulk_of=side)
    inside, by_op = False, {Op.ALLOC: 0, Op.FREE: 0}
    for _think, name, _cache, _slot in program:
        op = Op[name]
        inside = op is Op.BEGIN_BULK or (inside and op is not Op.END_BULK)
        if op in by_op:
            by_op[op] += inside
    assert by_op == {Op.ALLOC: 5 * (bulk is Op.ALLOC), Op.FREE: 5 * (bulk is Op.FREE)}
    assert known_span_ps(experiment(kind="burst", objects=5, bulk=2, bulk_of=side, think_ns=1), 8) == (3 + 5) * 1000


@pytest.mark.parametrize(
    ("placement", "rule", "nodes"),
    [("compact", "within", {0}), ("spread", "within", {0, 1}), ("compact", "across", {0, 1}), ("compact", "", {0, 1})],
)
def test_pairs_within_nodes_are_placed_as_the_machine_says_and_others_round_the_nodes(
    placement: str, rule: str, nodes: set[int]
) -> None:
    raw = {"machine": {"preset": "numa-2x4", "cpus": 2, "placement": placement}, "cache": [{"name": "a", "size": 64}]}
    one = parse_experiment(raw | {"workload": {"kind": "producer_consumer", "pairs": rule}}, "test")
    on = machine_of(one)
    built = build_synthetic(one, on, 0)
    assert {on.node_of_cpu[cpu] for cpu in built.programs} == nodes
    assert bool(built.warnings) == (rule == "within" and len(nodes) == 2)


def test_opposite_pairs_send_caches_of_their_own_both_ways() -> None:
    on = machine(0, 0, 1, 1)
    raw = {"kind": "producer_consumer", "objects": 3, "opposite": True}
    caches = [{"name": name, "size": 64} for name in "ab"]
    both = parse_experiment({"machine": {"preset": "uma-4"}, "cache": caches, "workload": raw}, "test")
    told: dict[int, dict[Op, int]] = {}
    for cpu, program in build_synthetic(both, on, 0).programs.items():
        ((op, cache),) = {(Op(step[1]), step[2]) for step in program()}
        told.setdefault(cache, {})[op] = on.node_of_cpu[cpu]
    assert told == {0: {Op.ALLOC: 0, Op.FREE: 1}, 1: {Op.ALLOC: 1, Op.FREE: 0}}


@pytest.mark.parametrize("side", ["both", "alloc", "free"])
def test_what_a_burst_frees_is_of_the_cache_that_it_was_allocated_from(side: str) -> None:
    (program,) = steps(3, objects=11, bulk=3, bulk_of=side)
    taken, freed = ({slot: cache for _think, op, cache, slot in program if op == what} for what in ("ALLOC", "FREE"))
    assert taken == freed == {slot: slot // 3 % 3 for slot in range(11)}


Steps = list[tuple[int, str, int, int]]


def in_calls(program: Steps) -> Iterator[tuple[bool, list[tuple[str, int, int]]]]:
    """What is allocated or freed in each bulk call, and each single call; a bulk call does nothing else and has one cache."""
    call: list[tuple[str, int, int]] | None = None
    for think, op, cache, slot in program:
        if op == "BEGIN_BULK":
            call = []
        elif op == "END_BULK":
            assert call and len({(op, cache) for op, cache, _slot in call}) == 1
            yield True, call
            call = None
        elif call is not None:
            assert think == 0
            call.append((op, cache, slot))
        elif op in ("ALLOC", "FREE"):
            yield False, [(op, cache, slot)]
    assert call is None


@pytest.mark.parametrize("side", ["both", "alloc", "free"])
@pytest.mark.parametrize("caches", [1, 3])
def test_a_mix_in_bulk_calls_holds_about_as_many_objects_and_frees_what_it_holds(side: str, caches: int) -> None:
    (program,) = steps(caches, kind="mix", operations=4003, live=40, bulk=7, bulk_of=side)
    held: dict[int, int] = {}
    most, done, sizes = 0, 0, set()
    for in_bulk, call in in_calls(program):
        assert in_bulk == (side in ("both", call[0][0].lower()))
        sizes.add(len(call)) if in_bulk else None
        for op, cache, slot in call:
            done += 1
            if op == "ALLOC":
                assert slot not in held
                held[slot] = cache
            else:
                assert held.pop(slot) == cache
        most = max(most, len(held))
    assert done == 4003
    assert max(sizes) == 7
    assert 40 < most < 2 * 40 + 7


@pytest.mark.parametrize("side", ["both", "alloc", "free"])
@pytest.mark.parametrize(("bulk", "window"), [(1, 1), (3, 3), (3, 7), (5, 7), (7, 64)])
def test_pairs_in_bulk_calls_pass_every_object_once_whichever_side_runs_ahead(side: str, bulk: int, window: int) -> None:
    programs = steps(2, cpus=2, kind="producer_consumer", objects=23, bulk=bulk, bulk_of=side, window=window)
    calls = [list(in_calls(program)) for program in programs]
    for number, op in enumerate(("ALLOC", "FREE")):
        assert {in_bulk for in_bulk, _call in calls[number]} == {side in ("both", op.lower())}
    passed = [[(cache, slot) for _bulk, call in mine for _op, cache, slot in call] for mine in calls]
    assert passed[0] == passed[1]
    assert len(passed[0]) == 23
    for order in ((0, 1), (1, 0)):
        assert most_in_flight(programs, order, window) <= window


def most_in_flight(programs: list[Steps], order: tuple[int, int], window: int) -> int:
    """Let each CPU go on as far as it can, in turn, to the end: how many objects are in flight at most. Every wait ends."""
    at, most = [0, 0], 0
    full: set[int] = set()
    while any(at[cpu] < len(programs[cpu]) for cpu in order):
        before = tuple(at)
        for cpu in order:
            inside = False
            while at[cpu] < len(programs[cpu]):
                _think, op, _cache, slot = programs[cpu][at[cpu]]
                inside = op == "BEGIN_BULK" or (inside and op != "END_BULK")
                if (op in ("FREE", "AWAIT") and slot not in full) or (op in ("ALLOC", "SIGNAL") and slot in full):
                    assert not inside, "a bulk call waits for nothing"
                    break
                if op in ("FREE", "AWAIT"):
                    full.remove(slot)
                elif op in ("ALLOC", "SIGNAL"):
                    full.add(slot)
                    most = max(most, sum(other < window for other in full))
                at[cpu] += 1
        assert before != tuple(at), "both wait"
    return most


def test_a_bulk_call_of_more_objects_than_a_window_is_refused() -> None:
    with pytest.raises(InputError, match=r"^workload.bulk: 8 with window 7; allowed: 0 to 7$"):
        steps(1, cpus=2, kind="producer_consumer", bulk=8, window=7)

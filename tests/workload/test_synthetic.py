"""Synthetic workloads: which CPUs are pairs, and how long a program is known to take."""

from __future__ import annotations

from typing import Any

import pytest

from slabdes.config import parse_experiment
from slabdes.machine.toml_file import parse_toml
from slabdes.machine.topology import Machine
from slabdes.workload.synthetic import build_synthetic, known_span_ps, pair_up


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
        ({"kind": "mix", "operations": 7, "think_ns": 2}, 14),
        ({"kind": "producer_consumer", "objects": 7, "think_ns": 2}, 14),
        ({"kind": "critical_section", "operations": 7, "think_ns": 2, "hold_ns": 3}, 35),
    ],
)
def test_a_program_takes_at_least_its_think_and_hold_times(workload: dict[str, Any], nanoseconds: int) -> None:
    assert known_span_ps(experiment(**workload)) == nanoseconds * 1000

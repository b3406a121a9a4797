# SPDX-License-Identifier: GPL-2.0-only
"""Producers and consumers by a rule or a map: who frees what another allocates."""

from __future__ import annotations

from typing import Any

import pytest

from slabdes.config import Experiment, parse_experiment
from slabdes.engine.compiled.run import run_compiled
from slabdes.engine.reference.run import run_reference
from slabdes.errors import InputError
from slabdes.study.plan import machine_of
from slabdes.workload.synthetic import PassObjects, build_synthetic


def mapped(pairs: str, **machine: Any) -> Experiment:
    raw: dict[str, Any] = {"machine": {"preset": "numa-2x4"} | machine, "cache": [{"name": "a", "size": 256}], "allocator": "7.3"}
    return parse_experiment(raw | {"workload": {"kind": "producer_consumer", "objects": 60, "pairs": pairs}}, "test")


def test_those_that_a_map_names_pass_objects_on_and_the_others_do_nothing() -> None:
    one = mapped("0:5,6:2")
    machine = machine_of(one)
    records = [run(one, machine, build_synthetic(one, machine, 0)) for run in (run_reference, run_compiled)]
    assert records[0] == records[1]
    assert {cpu.cpu: (cpu.allocs, cpu.frees) for cpu in records[0].cpus if cpu.allocs or cpu.frees} == {
        0: (60, 0), 5: (0, 60), 6: (60, 0), 2: (0, 60),
    }  # fmt: skip


def pairs_of(pairs: str, replication: int = 0, **machine: Any) -> tuple[set[frozenset[int]], tuple[str, ...]]:
    """Who passes objects to whom, and what is said of it."""
    one = mapped(pairs, **machine)
    workload = build_synthetic(one, machine_of(one), replication)
    by_number: dict[int, set[int]] = {}
    for cpu, program in workload.programs.items():
        assert isinstance(program, PassObjects)
        by_number.setdefault(program.pair, set()).add(cpu)
    return {frozenset(both) for both in by_number.values()}, workload.warnings


def test_a_rule_pairs_every_cpu_once_across_nodes_within_them_or_at_random() -> None:
    node_of = machine_of(mapped("")).node_of_cpu
    for rule, nodes in (("across", 2), ("within", 1)):
        pairs, warnings = pairs_of(rule)
        assert {len({node_of[cpu] for cpu in both}) for both in pairs} == {nodes}
        assert sorted(cpu for both in pairs for cpu in both) == list(range(8))
        assert not warnings
    assert pairs_of("across") == pairs_of("")
    drawn = {frozenset(pairs_of("random", replication)[0]) for replication in range(20)}
    # Of 105 ways to pair eight CPUs; the same again for the same replication.
    assert len(drawn) > 10
    assert all(sorted(cpu for both in pairs for cpu in both) == list(range(8)) for pairs in drawn)
    assert pairs_of("random", 3) == pairs_of("random", 3)


def test_pairs_that_nodes_of_odd_numbers_of_cpus_do_not_have_are_told() -> None:
    pairs, warnings = pairs_of("within", cpus=6, placement="spread")
    assert len(pairs) == 3
    assert warnings == ("producer_consumer: 1 of 3 pairs are across nodes, which have odd numbers of CPUs",)


@pytest.mark.parametrize(
    ("pairs", "machine", "told"),
    [
        ("0:4,4:1", {}, r"pairs: CPU 4 is there more than once; allowed: each CPU once"),
        ("0-4", {}, r"workload\.pairs: .*allowed: across, within, random, or a map such as 0:4,1:5"),
        ("0:9", {}, r"workload\.pairs: CPU 9 is not one of the workload's; allowed: 0, 1, 2, 3, 4, 5, 6, 7"),
        ("0:1", {"cpus": 2}, r"workload\.pairs: CPU 1 is not one of the workload's; allowed: 0, 4"),
    ],
)
def test_a_map_that_cannot_be_is_one_line(pairs: str, machine: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        one = mapped(pairs, **machine)
        build_synthetic(one, machine_of(one), 0)

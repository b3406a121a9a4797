# SPDX-License-Identifier: GPL-2.0-only
"""Producers and consumers by a map: who frees what another allocates."""

from __future__ import annotations

from typing import Any

import pytest

from slabdes.config import Experiment, parse_experiment
from slabdes.engine.compiled.run import run_compiled
from slabdes.engine.reference.run import run_reference
from slabdes.errors import InputError
from slabdes.study.plan import machine_of
from slabdes.workload.synthetic import build_synthetic


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


@pytest.mark.parametrize(
    ("pairs", "machine", "told"),
    [
        ("0:4,4:1", {}, r"pairs: CPU 4 is there more than once; allowed: each CPU once"),
        ("0-4", {}, r"workload\.pairs: .*allowed: a map such as 0:4,1:5"),
        ("0:9", {}, r"workload\.pairs: CPU 9 is not one of the workload's; allowed: 0, 1, 2, 3, 4, 5, 6, 7"),
        ("0:1", {"cpus": 2}, r"workload\.pairs: CPU 1 is not one of the workload's; allowed: 0, 4"),
    ],
)
def test_a_map_that_cannot_be_is_one_line(pairs: str, machine: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        one = mapped(pairs, **machine)
        build_synthetic(one, machine_of(one), 0)

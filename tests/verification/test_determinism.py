# SPDX-License-Identifier: GPL-2.0-only
"""The same experiment gives the same records; another seed others; what a CPU does never depends on a tunable.

Leaves out other machines and engines, for which the digest is made.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from slabdes.config import Experiment
from slabdes.engine.records import Records
from slabdes.engine.reference.run import run_reference
from slabdes.machine import load_machine
from slabdes.streams import Purpose, stream_key, words
from slabdes.workload.programs import Step
from slabdes.workload.synthetic import build_synthetic
from tests.verification.bench import experiment

KINDS: dict[str, dict[str, Any]] = {
    "burst": {"kind": "burst", "objects": 200, "rounds": 2},
    "barrier": {"kind": "burst", "objects": 200, "rounds": 2, "barrier": True},
    "mix": {"kind": "mix", "operations": 600, "live": 100},
    "producer_consumer": {"kind": "producer_consumer", "objects": 500},
    "critical_section": {"kind": "critical_section", "operations": 300},
}
SMT = "i7-3770"
NUMA = "numa-2x4"


def configured(kind: str, **parts: Any) -> Experiment:
    return experiment({"limit": 12, "batchcount": 6}, **{"timing": {}, "debug": False, "workload": KINDS[kind], **parts})


def simulate(settings: Experiment, preset: str = NUMA, replication: int = 0) -> Records:
    on = load_machine(preset)
    return run_reference(settings, on, build_synthetic(settings, on, replication), replication)


def steps(settings: Experiment, preset: str = NUMA, replication: int = 0) -> dict[int, list[Step]]:
    programs = build_synthetic(settings, load_machine(preset), replication).programs
    return {cpu: list(program()) for cpu, program in programs.items()}


@pytest.mark.parametrize("preset", [NUMA, SMT])
@pytest.mark.parametrize("kind", list(KINDS))
def test_two_runs_give_the_same_records_and_digest(kind: str, preset: str) -> None:
    first, second = simulate(configured(kind), preset), simulate(configured(kind), preset)
    assert first == second
    assert first.digest == second.digest


@pytest.mark.parametrize("kind", list(KINDS))
def test_another_seed_and_another_replication_give_another_digest(kind: str) -> None:
    runs = [
        simulate(configured(kind, seed=1)),
        simulate(configured(kind, seed=2)),
        simulate(configured(kind, seed=1), replication=1),
    ]
    assert len({records.digest for records in runs}) == 3


def test_the_digest_sees_a_picosecond() -> None:
    think = KINDS["critical_section"] | {"think": "constant", "think_ns": 100.0}
    one = simulate(configured("critical_section", workload=think))
    other = simulate(configured("critical_section", workload=think | {"think_ns": 100.001}))
    assert one.digest != other.digest


@pytest.mark.parametrize("kind", list(KINDS))
def test_no_tunable_lock_or_cost_shifts_a_draw_of_the_program(kind: str) -> None:
    before = steps(configured(kind))
    changed = experiment(
        {"limit": 60, "batchcount": 7, "shared": 0, "size": 1000},
        timing={"jitter": 0.5, "hz": 250},
        lock={"discipline": "ticket"},
        noaliencache=True,
        debug=False,
        workload=KINDS[kind],
    )
    assert steps(changed) == before


@pytest.mark.parametrize("kind", ["mix", "critical_section"])
def test_more_cpus_shift_no_draw_of_those_that_were_there(kind: str) -> None:
    few = steps(configured(kind, machine={"preset": NUMA, "cpus": 2}))
    many = steps(configured(kind, machine={"preset": NUMA, "cpus": 8}))
    assert few == {cpu: many[cpu] for cpu in few}


@pytest.mark.parametrize("kind", ["mix", "critical_section"])
def test_each_cpu_seed_and_replication_draws_its_own_program(kind: str) -> None:
    variants = [steps(configured(kind)), steps(configured(kind, seed=2)), steps(configured(kind), replication=1)]
    thinks = [tuple(step[0] for step in program) for programs in variants for program in programs.values()]
    assert len(set(thinks)) == len(thinks)


def test_jitter_draws_from_a_stream_of_its_own() -> None:
    still = simulate(configured("mix", timing={"jitter": 0.0}))
    jittered = simulate(configured("mix", timing={"jitter": 0.3}))
    assert still.digest != jittered.digest
    assert [cpu.think for cpu in still.cpus] == [cpu.think for cpu in jittered.cpus]
    assert [(cpu.allocs, cpu.frees) for cpu in still.cpus] == [(cpu.allocs, cpu.frees) for cpu in jittered.cpus]


def test_no_two_streams_of_a_run_share_a_word() -> None:
    many = 2000
    keys = [stream_key(1, replication, cpu, purpose) for replication in (0, 1) for cpu in range(4) for purpose in Purpose]
    seen = {word for key in keys for word in islice(words(key), many)}
    assert len(seen) == many * len(keys)


def test_jitter_leaves_the_mean_of_local_work_where_it_was() -> None:
    still = simulate(configured("mix", timing={"jitter": 0.0}, machine={"preset": NUMA, "cpus": 1}))
    jittered = simulate(configured("mix", timing={"jitter": 0.3}, machine={"preset": NUMA, "cpus": 1}))
    # One CPU, 600 draws, uniform within +-30 %: a standard error of 0.3 / sqrt(3 * 600) = 0.7 % of an even share.
    assert jittered.cpus[0].work != still.cpus[0].work
    assert jittered.cpus[0].work == pytest.approx(still.cpus[0].work, rel=0.05)

# SPDX-License-Identifier: GPL-2.0-only
"""A run tells how far it is, and ends at Ctrl-C, however much happens between two operations."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

from slabdes.config import EngineName, Experiment, parse_experiment
from slabdes.engine.compiled import run as compiled_run
from slabdes.engine.compiled.run import run_compiled
from slabdes.engine.records import Records
from slabdes.engine.reference import process
from slabdes.engine.reference.kernel import TimedKernel
from slabdes.engine.reference.run import run_reference
from slabdes.study.effort import effort
from slabdes.study.engines import COMPILED_FROM, engine_of
from slabdes.study.plan import machine_of
from slabdes.workload.synthetic import build_synthetic

Engine = Callable[..., Records]
ENGINES = (run_reference, run_compiled)


def busy(operations: int = 2, cpus: int = 24, **more: Any) -> Experiment:
    """Few operations, and many interrupts meanwhile, whose handlers take locks."""
    raw = {
        "machine": {"preset": "xeon-2s", "cpus": cpus},
        "cache": [{"name": "a", "size": 256, "limit": 2, "batchcount": 1}],
        "workload": {"kind": "mix", "operations": operations, "think_ns": 1e6},
        "interrupts": {"mean_ns": 20_000, "objects": 3, "keep": 0},
    }
    return parse_experiment(raw | more, "test")


def run(engine: Engine, experiment: Experiment, progress: Callable[[int], None]) -> Records:
    machine = machine_of(experiment)
    return engine(experiment, machine, build_synthetic(experiment, machine, 0), 0, progress)


@pytest.mark.parametrize("engine", ENGINES)
def test_progress_is_told_though_much_happens_between_two_operations(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "PROGRESS_EVENTS", 200)
    monkeypatch.setattr(compiled_run, "STAGES_BETWEEN_REPORTS", 200)
    told: list[int] = []
    records = run(engine, busy(), told.append)
    assert sum(cpu.interrupts for cpu in records.cpus) > 20 * told[-1]
    assert len(told) > told[-1] == 48, "far more often than operations end"
    assert told == sorted(told)
    assert len(set(told)) > 10, "and each operation counts at once"
    assert records == run(run_reference, busy(), lambda done: None)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_progress_bar_that_is_interrupted_ends_the_run(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "PROGRESS_EVENTS", 200)
    monkeypatch.setattr(compiled_run, "STAGES_BETWEEN_REPORTS", 200)
    told = []

    def interrupt(done: int) -> None:
        told.append(done)
        if len(told) == 5:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(engine, busy(), interrupt)
    assert len(told) == 5


@pytest.mark.parametrize("engine", ENGINES)
def test_progress_is_told_during_a_thought_that_interrupts_cut_in_pieces(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "PROGRESS_TIMERS", 20)
    monkeypatch.setattr(compiled_run, "STAGES_BETWEEN_REPORTS", 200)
    told: list[int] = []
    thinking = busy(cpus=1, workload={"kind": "mix", "operations": 1, "think_ns": 1e7}, interrupts={"mean_ns": 1e4, "objects": 0})
    records = run(engine, thinking, told.append)
    assert records.cpus[0].interrupts > 500 or records.cpus[0].think < 1e9
    assert told.count(0) >= records.cpus[0].interrupts // 250


def test_ctrl_c_in_the_middle_of_a_path_ends_the_run_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """SimPy turns whatever a process raises into an event that has failed."""
    calls = 0
    look = TimedKernel.look

    def interrupted(kernel: TimedKernel, cpu: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 300:
            signal.raise_signal(signal.SIGINT)
        return look(kernel, cpu)

    monkeypatch.setattr(TimedKernel, "look", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(run_reference, busy(), lambda done: None)
    assert calls < 400


def chosen(experiment: Experiment) -> EngineName:
    machine = machine_of(experiment)
    return engine_of(experiment, effort(experiment, machine, build_synthetic(experiment, machine, 0)))


LONG: dict[str, dict[str, Any]] = {
    "interrupts while a thousand CPUs wait": {
        "machine": {"preset": "xeon-2s", "cpus": 96},
        "workload": {"kind": "critical_section", "operations": 20, "hold_ns": 100_000},
    },
    "the same with a dear list": {
        "machine": {"preset": "xeon-2s", "cpus": 96, "costs": {"list_move": 1e6}},
        "workload": {"kind": "burst", "objects": 20},
    },
    "interrupts while everybody thinks": {"workload": {"kind": "mix", "operations": 200, "think_ns": 1e8}},
    "a storm of interrupts on every CPU": {
        "machine": {"preset": "xeon-2s", "cpus": 96},
        "workload": {"kind": "mix", "operations": 5},
        "interrupts": {"mean_ns": 10_000, "objects": 3, "keep": 0},
    },
    "reaps while everybody thinks": {
        "machine": {"preset": "xeon-2s"},
        "workload": {"kind": "mix", "operations": 900, "think_ns": 9e9},
        "cache": [{"name": f"c{number}", "size": 64} for number in range(20)],
        "interrupts": None,
    },
}


@pytest.mark.parametrize("case", LONG)
def test_auto_does_not_choose_the_reference_for_what_takes_it_minutes(case: str) -> None:
    long = busy(**LONG[case])
    machine = machine_of(long)
    assert (build_synthetic(long, machine, 0).operations or 0) < COMPILED_FROM / 5
    assert chosen(long) is EngineName.COMPILED


@pytest.mark.parametrize(
    "more",
    [
        {"interrupts": None},
        {"workload": {"kind": "burst", "objects": 50}},
        {"workload": {"kind": "mix", "operations": 1000}, "interrupts": None},
        {"machine": {"preset": "numa-2x4"}, "workload": {"kind": "producer_consumer", "objects": 2000}},
        {"workload": {"kind": "pages"}, "interrupts": None},
    ],
)
def test_auto_chooses_it_for_small_runs_of_every_kind(more: dict[str, Any]) -> None:
    assert chosen(busy(**more)) is EngineName.REFERENCE

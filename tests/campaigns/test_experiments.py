# SPDX-License-Identifier: GPL-2.0-only
"""A short campaign of `experiments.py`, the same each time; and that it sees what it is there to see."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")
sys.path.insert(0, str(Path(__file__).parent))

import experiments as campaign
from slabdes.config import load_experiment, parse_experiment
from slabdes.engine.reference import kernel, process
from slabdes.study.plan import machine_of
from slabdes.workload.synthetic import build_synthetic

SEED = 11
SHORT = 12


def test_a_short_campaign_finds_nothing() -> None:
    verdicts = list(campaign.run(SEED, range(SHORT)))
    assert [verdict.sentences for verdict in verdicts] == [[]] * SHORT
    assert all(sum(verdict.figures[what] for verdict in verdicts) for what in ("logged operations", "logged holds", "interrupts"))


def test_an_example_is_the_same_whenever_it_is_drawn(tmp_path: Path) -> None:
    first, again = ([campaign.draw(SEED, number, tmp_path) for number in (4, 3, 5)] for _time in range(2))
    assert [campaign.as_toml(example) for example in first] == [campaign.as_toml(example) for example in again]
    assert [example.listed for example in first] == [example.listed for example in again]
    assert campaign.as_toml(first[0]) != campaign.as_toml(campaign.draw(SEED + 1, 4, tmp_path))


def test_extremes_are_drawn(tmp_path: Path) -> None:
    examples = [campaign.draw(SEED, number, tmp_path) for number in range(150)]
    machines = [example.machine for example in examples]
    assert min(machine.n_cpus for machine in machines) == 1
    assert max(machine.n_cpus for machine in machines) > 512
    assert max(max(machine.node_ids) for machine in machines) > 900
    assert any(machine.distances[0][-1] != machine.distances[-1][0] for machine in machines)
    assert min(machine.clock_ghz for machine in machines) < 0.5 and max(machine.clock_ghz for machine in machines) > 8
    given = {cost for example in examples for cost in example.experiment.machine.costs.values()}
    assert {0, 0.001, 1e6} <= given
    sizes = [cache.size for example in examples for cache in example.experiment.cache]
    assert min(sizes) == 1 and max(sizes) == 4 << 20
    assert sum(example.experiment.log for example in examples) > 20
    assert sum(example.listed for example in examples) > 20


@pytest.mark.parametrize("allocator", ["2.6.34", "7.3"])
def test_a_window_that_lets_the_next_object_in_too_early_is_found(allocator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = {"allocator": allocator, "machine": {"preset": "numa-2x4"}, "cache": [{"name": "a", "size": 256}]}
    workload = {"kind": "producer_consumer", "objects": 400, "window": 1, "think_ns": 100}  # of few drawn ones does it matter
    experiment = parse_experiment(raw | {"workload": workload}, "windowed")
    machine = machine_of(experiment)

    def early(run: process.Run, cpu: object, slot: int) -> None:
        if run.workload.windowed:
            run.slots.pop(slot, None)
            run.emptied[slot] = 0
            run._wake(slot)

    def found() -> list[str]:
        return campaign.judge(campaign.Example(0, experiment, machine, build_synthetic(experiment, machine, 0), False)).sentences

    assert found() == []
    monkeypatch.setattr(process.Run, "_emptied", early)
    sentences = found()
    assert any("engines differ" in sentence for sentence in sentences)
    assert any("at the same time" in sentence or "released it at" in sentence for sentence in sentences)


def test_a_finding_is_kept_as_an_experiment_that_can_be_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_given: object) -> int:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(kernel.TimedKernel, "jiffies", fails)
    monkeypatch.setattr(kernel.TimedKernel, "look", fails)
    drawn = (campaign.draw(SEED, number, tmp_path) for number in range(50))
    examples = (example for example in drawn if not example.listed and example.experiment.machine.file)
    # One that is refused while it runs never gets so far.
    example, verdict = next((one, found) for one in examples if (found := campaign.judge(one)).sentences)
    assert verdict.sentences == ["ZeroDivisionError: planted"]
    campaign.keep(verdict, tmp_path / "kept")
    kept = load_experiment(tmp_path / "kept" / f"{example.number}.toml")
    assert kept.model_dump(exclude={"machine": {"file"}}) == example.experiment.model_dump(exclude={"machine": {"file"}})
    assert kept.machine.file is not None and example.experiment.machine.file is not None
    assert kept.machine.file.read_text() == example.experiment.machine.file.read_text()

"""The engines' speeds side by side."""

from __future__ import annotations

import pytest

pytest.importorskip("numba")

from slabdes.engine.records import Records
from slabdes.engine.reference.plain import run_plain, run_timeouts
from slabdes.errors import CheckFailed
from slabdes.study import bench


def test_every_scenario_is_measured_on_every_number_of_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "SLOW_OPERATIONS", 400)
    monkeypatch.setattr(bench, "FAST_OPERATIONS", 4000)
    measured = bench.bench(cpus=(1, 2), rounds=1)
    assert [(row["scenario"], row["cpus"]) for row in measured["timings"]] == [
        ("hits", 1), ("hits", 2), ("refills", 1), ("refills", 2),
    ]  # fmt: skip
    assert all(row["compiled_ns"] > 0 and row["plain_ns"] > 0 for row in measured["timings"])


def test_engines_that_differ_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    other = bench.run_compiled

    def wrong(*given: object) -> Records:
        records = other(*given)  # type: ignore[arg-type]
        return Records(**{**vars(records), "elapsed": records.elapsed + 1})

    monkeypatch.setattr(bench, "SLOW_OPERATIONS", 400)
    monkeypatch.setattr(bench, "run_compiled", wrong)
    with pytest.raises(CheckFailed, match="differ on hits with 2 CPUs"):
        bench.bench(cpus=(2,), rounds=1)


def test_the_plain_model_counts_every_operation() -> None:
    assert run_plain(cpus=3, objects=50, rounds=2, limit=12, batchcount=6) == 600
    assert run_timeouts(10) == 10

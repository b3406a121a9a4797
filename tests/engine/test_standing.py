# SPDX-License-Identifier: GPL-2.0-only
"""How memory stands over time: at the end as records say, at any moment no object is lost, and nothing changes by looking."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import slabdes
from slabdes.config import parse_experiment
from slabdes.engine.marks import Marking
from slabdes.engine.reference.run import run_reference
from slabdes.machine import load_machine
from slabdes.study.steady import MOST_STANDINGS, batches_of_warm_up, marking_of
from slabdes.workload.synthetic import build_synthetic

KEYS = ["cache", "node"]
SLABS = ("slabs_partial", "slabs_full", "slabs_free", "slabs_cpu")
IDLE = ("in_arrays", "in_shared", "in_alien", "in_rcu")


def experiment(allocator: str, **more: Any) -> dict[str, Any]:
    return {
        "name": "held", "allocator": allocator, "replications": 2, "engine": "reference",
        "machine": {"preset": "numa-2x4", "cpus": 4, "placement": "spread"},
        "cache": [{"name": "a", "size": 256}, {"name": "b", "size": 64}],
        "workload": {"kind": "producer_consumer", "objects": 60, "window": 40}, **more,
    }  # fmt: skip


@pytest.mark.parametrize("allocator", ["2.6.34", "6.1", "6.12", "7.3"])
def test_memory_stands_at_the_end_as_records_say_and_no_object_is_ever_lost(allocator: str) -> None:
    run = slabdes.simulate(experiment(allocator))
    samples = run.samples
    assert set(samples["replication"].to_list()) == {0}
    moments = samples["time_ns"].unique().sort()
    assert moments[0] == 0.0 and 32 <= len(moments) <= 66
    last = samples.filter(pl.col("time_ns") == moments[-1]).sort(KEYS)
    told = run.slabs.filter(pl.col("replication") == 0).sort(KEYS)
    all_slabs = pl.sum_horizontal(set(SLABS) & set(told.columns))
    assert last.select(pl.sum_horizontal(*SLABS).alias("all")).equals(told.select(all_slabs.alias("all")))
    same = ("free_objects", "in_use", *IDLE)
    assert last.select(same).equals(told.select(same))
    sizes = run.caches.filter(pl.col("replication") == 0).select(pl.col("name").alias("cache"), "num")
    whole = samples.join(sizes, on="cache").select(
        (pl.sum_horizontal(*SLABS) * pl.col("num")).alias("all"),
        pl.sum_horizontal("free_objects", "in_use", *IDLE).alias("parts"),
    )
    assert whole["all"].equals(whole["parts"], check_names=False)
    assert whole["all"].to_numpy().max() > 0


def test_looking_at_memory_changes_nothing_that_happens() -> None:
    asked = parse_experiment(experiment("6.1", upkeep={"shrink_every_ms": 0.005}), "held")
    machine = load_machine("numa-2x4")
    records = [
        run_reference(asked, machine, build_synthetic(asked, machine, 0), 0, None, None, marking)
        for marking in (None, Marking(1_000_000, samples=True))
    ]
    assert records[0] != records[1] and records[1].samples
    for name in vars(records[0]):
        assert name in ("samples", "progress", "moves") or getattr(records[0], name) == getattr(records[1], name), name


def test_the_first_replication_of_a_point_is_looked_at_unless_that_were_very_much() -> None:
    machine = load_machine("numa-2x4")

    def marked(replication: int, **more: Any) -> Marking | None:
        asked = parse_experiment(experiment("6.1", **more), "held")
        return marking_of(asked, machine, build_synthetic(asked, machine, replication), replication)

    burst = {"kind": "burst", "objects": 30}
    many = [{"name": f"c{number}", "size": 64} for number in range(MOST_STANDINGS // 2 + 1)]
    first, second = marked(0), marked(1)
    assert first is not None and first.samples and first.judge is batches_of_warm_up
    assert second is not None and not second.samples and second.at_least == first.at_least
    burst_marking = marked(0, workload=burst)
    assert burst_marking is not None and burst_marking.samples and burst_marking.judge is None
    assert marked(1, workload=burst) is marked(0, workload=burst, cache=many) is None

# SPDX-License-Identifier: GPL-2.0-only
"""Lines that go from CPU to CPU are those that were recorded, as shares of a setting's, by node where CPUs are many."""

from __future__ import annotations

import polars as pl
import pytest
from example import example_frames

from slabdes.api import simulate
from slabdes.charts import moves as charted
from slabdes.charts.moves import moves

SWEEP = example_frames((2, 4), ("xeon-2s", "opteron-8n"))


def test_every_pair_that_was_recorded_is_there_and_shares_of_a_setting_add_up_to_one() -> None:
    chart = moves(SWEEP, [1, 3])
    assert chart.along == "CPU"
    assert chart.frame["setting"].unique(maintain_order=True).to_list() == ["xeon-2s, 4 CPUs", "opteron-8n, 4 CPUs"]
    assert chart.frame.height == 2 * 4 * 3
    for (_setting,), rows in chart.frame.group_by("setting"):
        assert rows["share"].sum() == pytest.approx(1.0)
    (pair,) = chart.frame.filter(pl.col("point") == 3, pl.col("giver") == 1, pl.col("taker") == 2).to_dicts()
    assert pair["count"] == 1 + 1 + 3 * 2


def test_more_cpus_than_can_be_told_apart_are_put_together_by_node(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = moves(SWEEP, [3])
    monkeypatch.setattr(charted, "MOST_CPUS", 2)
    chart = moves(SWEEP, [3])
    assert chart.along == "node"
    assert chart.frame["count"].sum() == alone.frame["count"].sum()
    assert chart.frame["giver"].n_unique() < alone.frame["giver"].n_unique()
    assert "diagonal" in chart.reading and "diagonal" not in alone.reading


def test_a_consumers_frees_bring_lines_from_its_producer_and_what_one_cpu_does_brings_none() -> None:
    def ran(cpus: int, kind: str) -> pl.DataFrame:
        workload = {"kind": kind, **({"objects": 60} if kind == "producer_consumer" else {"operations": 120})}
        machine = {"preset": "numa-2x4", "cpus": cpus}
        cache = [{"name": "a", "size": 64, "shared": 0, "limit": 4, "batchcount": 2}]
        raw = {"name": "moves", "engine": "reference", "machine": machine, "cache": cache, "workload": workload}
        return simulate(raw).frames.moves

    both = ran(2, "producer_consumer")
    assert {(row["giver"], row["taker"]) for row in both.iter_rows(named=True)} == {(0, 4), (4, 0)}
    assert min(both["count"]) > 0
    assert ran(1, "mix").height == 0

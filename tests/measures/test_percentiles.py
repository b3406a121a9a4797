# SPDX-License-Identifier: GPL-2.0-only
"""Where a percentile lies: which paths the operations around it take, and whether a little moves it far."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from example import example_frames

from slabdes.measures.percentiles import Placed, placed
from slabdes.results.quantiles import quantile

FRAMES = example_frames((1,), replications=1, operations=60)


def of(buckets: list[tuple[str, float, int]]) -> Placed:
    """p99 of allocations with so many of each path and time."""
    rows = [
        {
            "point": 0,
            "replication": 0,
            "cache": "c",
            "op": "alloc",
            "path": path,
            "low_ns": low,
            "high_ns": low + 0.1,
            "count": count,
        }
        for path, low, count in buckets
    ]
    latency = pl.DataFrame(rows, schema=FRAMES.latency.schema)
    return placed(replace(FRAMES, latency=latency))[0]["alloc_p99_ns"]


def test_shares_by_path_are_of_the_operations_around_the_percentile_and_of_all() -> None:
    # Of 100,000, those around p99 have the ranks 98,500 to 99,500: 300 of the first, then 700 of the others.
    found = of([("hit", 10.0, 98_800), ("shared", 200.0, 1_000), ("grown", 900.0, 200)])
    assert found.near == pytest.approx({"shared": 0.7, "hit": 0.3})
    assert list(found.near) == ["shared", "hit"]
    assert found.of_all == pytest.approx({"hit": 0.988, "shared": 0.01, "grown": 0.002})


def test_one_path_has_all_of_it_whatever_the_buckets() -> None:
    found = of([("hit", 10.0 + number, 50) for number in range(40)])
    assert found.near == {"hit": pytest.approx(1.0)} and found.of_all == {"hit": pytest.approx(1.0)}
    assert not found.on_edge


@pytest.mark.parametrize(("slow", "on_edge"), [(50, False), (950, True), (1_050, True), (2_000, False)])
def test_an_edge_is_where_a_tenth_more_or_fewer_slow_operations_move_it_far(slow: int, on_edge: bool) -> None:
    buckets = [("hit", 10.0, 100_000 - slow), ("shared", 200.0, slow)]
    assert of(buckets).on_edge is on_edge
    low, high = (
        quantile(pl.DataFrame({"low_ns": [10.0, 200.0], "high_ns": [10.1, 200.1], "count": counts}), 0.99)
        for counts in ([100_000 - slow * 9 // 10, slow * 9 // 10], [100_000 - slow * 11 // 10, slow * 11 // 10])
    )
    assert (high > 1.5 * low) is on_edge


def test_a_few_operations_have_places_too_and_what_never_arrives_none() -> None:
    found = of([("hit", 10.0, 3)])
    assert found.near == {"hit": pytest.approx(1.0)} and found.below_ns == found.above_ns
    assert not any("response" in name for name in placed(FRAMES)[0])

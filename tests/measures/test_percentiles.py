# SPDX-License-Identifier: GPL-2.0-only
"""Where a percentile lies: which paths the operations around it take, and whether a little moves it far."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from example import example_frames

from slabdes.measures.percentiles import Placed, placed

FRAMES = example_frames((1,), replications=1, operations=60)


def of(buckets: list[tuple[str, float, int]], own: tuple[float, ...] = (1.0,)) -> Placed:
    """p99 of allocations with so many of each path and time; single replications have `own`."""
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
    each = {"alloc_p99_ns": dict(enumerate(own))}
    return placed(replace(FRAMES, latency=latency), 0, each)["alloc_p99_ns"]


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


TWO = [("hit", 10.0, 98_950), ("shared", 200.0, 1_050)]


def test_an_edge_is_where_replications_have_it_on_different_paths() -> None:
    assert of(TWO, (10.0, 10.1, 200.0)).on_edge
    assert not of(TWO, (200.0, 201.0, 190.0)).on_edge
    assert not of([("hit", 10.0, 98_950), ("hit", 200.0, 1_050)], (10.0, 200.0)).on_edge  # one path: a wide tail, no edge


def test_a_few_operations_have_places_too_and_what_never_arrives_none() -> None:
    assert of([("hit", 10.0, 3)]).near == {"hit": pytest.approx(1.0)}
    assert not any("response" in name for name in placed(FRAMES, 0, {"alloc_p99_ns": {0: 1.0}}))
    assert placed(FRAMES, 0, {}) == {}

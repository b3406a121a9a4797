# SPDX-License-Identifier: GPL-2.0-only
"""Bands of tail curves: at every time the interval of the share of operations that take at least so long."""

from __future__ import annotations

import polars as pl
import pytest
from example import example_frames

from slabdes.measures.bands import ccdf_bands
from slabdes.results import metrics
from slabdes.stats.intervals import section_interval

FRAMES = example_frames((1, 2), replications=3, operations=60)


def share_of(replication: int, point: int, op: str, path: str, least_ns: float) -> float:
    """Counted by hand: the operations of one replication in this bucket and beyond."""
    rows = FRAMES.latency.filter(point=point, op=op, replication=replication)
    middles = (rows["low_ns"] + rows["high_ns"] - 0.001) / 2
    mine = rows.filter((middles >= least_ns - 1e-9) & (rows["path"] == path))
    return float(mine["count"].sum() / rows["count"].sum())


def test_an_end_is_that_of_the_interval_of_single_replications_shares_around_the_pooled_one() -> None:
    bands = ccdf_bands(FRAMES).filter(pl.col("path") != metrics.ALL_PATHS)
    for row in bands.gather_every(max(bands.height // 40, 1)).iter_rows(named=True):
        shares = [share_of(number, row["point"], row["op"], row["path"], row["latency_ns"]) for number in range(3)]
        interval = section_interval(row["at_least"], shares, least=0.0, most=1.0)
        assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high), abs=1e-9)


def test_the_curve_itself_is_that_of_metrics_and_a_single_replication_has_no_band() -> None:
    order = ["point", "op", "path", "latency_ns"]
    plain = metrics.ccdf(FRAMES).sort(order)
    assert ccdf_bands(FRAMES).drop("low", "high").sort(order).equals(plain)
    single = ccdf_bands(example_frames(operations=60))
    assert single["low"].null_count() == single.height == single["high"].null_count()

# SPDX-License-Identifier: GPL-2.0-only
"""Intervals of pooled figures: by hand, in every table, and how often they hold."""

from __future__ import annotations

import math
from dataclasses import replace

import polars as pl
import pytest
from example import example_frames

from slabdes.errors import InputError
from slabdes.measures.estimates import TABLES, Estimated, apart, quantile
from slabdes.results import metrics
from slabdes.stats.intervals import mean_interval, section_interval

FRAMES = example_frames((2, 4), ("a",), replications=3)


def histogram(*replications: list[int]) -> pl.DataFrame:
    rows = [(number, float(value), value + 0.001, 1) for number, values in enumerate(replications) for value in values]
    return pl.DataFrame(rows, schema=["replication", "low_ns", "high_ns", "count"], orient="row")


def test_a_quantile_s_interval_lies_around_the_pooled_one_and_follows_by_hand() -> None:
    # Medians by nearest rank: pooled 30 (of 10, 20, 30, 40, 50, 60: rank 3); alone 20 and 50. Deviation sqrt((100 + 400) / 1).
    found = quantile(histogram([10, 20, 30], [40, 50, 60]), 0.5)
    assert found.value == pytest.approx(30)
    assert found.half_width == pytest.approx(12.7062 * math.sqrt(500) / math.sqrt(2), rel=1e-5)
    assert (found.low, found.n, found.confidence) == (0.0, 2, 0.95)  # no time is below 0


def test_a_quantile_of_one_replication_has_no_interval_and_equal_ones_have_the_histogram_s_resolution() -> None:
    assert quantile(histogram([10, 20] * 3), 0.5).half_width is None
    assert quantile(histogram([100] * 2, [100] * 2, [100] * 2), 0.5).half_width == pytest.approx(100 / 256)


def test_a_quantile_of_too_few_operations_is_refused() -> None:
    with pytest.raises(InputError, match=r"0.99 of 200 operations: not enough samples \(needs 368\); allowed: 368 or more"):
        quantile(histogram([10] * 100, [20] * 100), 0.99)


def test_the_interval_of_a_mean_is_the_t_interval() -> None:
    values = [1.0, 2.0, 6.0]
    assert section_interval(3.0, values).half_width == pytest.approx(mean_interval(values).half_width)


def test_each_replication_becomes_a_point_of_its_own() -> None:
    separate, points = apart(FRAMES)
    assert points == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert metrics.rates(separate)["operations_per_s"].to_list() == metrics.rates(FRAMES)["operations_per_s"].to_list()


def test_every_figure_of_every_table_has_its_interval() -> None:
    rows = Estimated(FRAMES).plain()
    told = {(row["table"], row["measure"]) for row in rows}
    for figures in TABLES:
        if figures.name in ("interrupts", "upkeep", "upkeep_locks", "response", "loads", "steady"):  # the example has none
            continue
        table = figures.table(FRAMES)
        for measure in (*figures.times, *figures.shares, *figures.counts):
            if table[measure].drop_nulls().len():
                assert (figures.name, measure) in told
    assert {row["why"] for row in rows if row["value"] is None} >= {"not enough samples (needs 368)"}
    for row in (row for row in rows if row["why"] is None):
        assert row["low"] <= row["value"] <= row["high"]
        assert (row["level"], row["replications"] <= 3) == (0.95, True)


def test_rates_have_the_interval_of_their_mean_and_a_row_that_a_replication_lacks_counts_as_none() -> None:
    rates = metrics.rates(FRAMES).filter(point=1)["operations_per_s"].to_list()
    (row,) = (row for row in Estimated(FRAMES).rows("rates") if row["point"] == 1)
    assert row.intervals["operations_per_s"].half_width == pytest.approx(mean_interval(rates).half_width)
    points = FRAMES.contention_points
    once = points.filter((pl.col("replication") > 0) | (pl.col("waiter") != points["waiter"][0]))
    for row in Estimated(replace(FRAMES, contention_points=once)).rows("waits_for"):
        assert row.intervals["waits"].n == 3

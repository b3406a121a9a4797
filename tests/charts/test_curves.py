# SPDX-License-Identifier: GPL-2.0-only
"""Charts before they are drawn: their rows are those of the measures, and of a curve so many as are seen."""

from __future__ import annotations

from math import log

import polars as pl
import pytest
from example import example_frames

from slabdes.charts.chart import STEPS, thinned
from slabdes.charts.latency import latency
from slabdes.charts.tails import MOST_CURVES, groups, tails
from slabdes.measures.bands import ccdf_bands

SWEEP = example_frames((1, 2, 8), ("xeon-2s", "opteron-8n"), replications=3, operations=100)


def test_a_chart_of_latency_has_rows_of_the_bands_and_no_other_figure() -> None:
    chart = latency(SWEEP)
    own = ["point", "op", "path", "latency_ns", "at_least", "low", "high", "told"]
    bands = ccdf_bands(SWEEP.of_points(chart.frame["point"].unique().to_list()))
    assert 0 < chart.frame.height <= bands.height
    assert set(chart.frame.select(own).rows()) <= set(bands.select(own).rows())


def test_a_thinned_curve_is_nowhere_further_from_the_whole_one_than_a_part_of_the_axis() -> None:
    count = 20_000
    whole = pl.DataFrame(
        {
            "curve": ["a"] * count,
            "x": [1.0 + number / 7 for number in range(count)],
            "y": [1.0 / (1 + number) for number in range(count)],
        }
    )
    kept = thinned(whole, ["curve"], "x", "y")
    assert kept.height < 2 * STEPS + 2
    assert kept.row(0) == whole.row(0)
    assert kept.row(-1) == whole.row(-1)
    decades = log(whole["y"].max() / whole["y"].min())  # type: ignore[operator,arg-type]
    held = whole.join_asof(kept.select("x", at="y"), on="x", strategy="backward")
    assert max(abs(log(y / at)) for y, at in held.select("y", "at").iter_rows()) <= decades / STEPS


def test_of_very_many_curves_each_keeps_its_ends_and_fewer_corners() -> None:
    many = pl.concat(
        pl.DataFrame({"curve": [name] * 200, "x": [1.0 + at for at in range(200)], "y": [1.0 / (1 + at) for at in range(200)]})
        for name in range(20)
    )
    kept = thinned(many, ["curve"], "x", "y", most=600)
    assert kept.height <= 600
    ends = kept.group_by("curve", maintain_order=True).agg(pl.col("x").first(), pl.col("y").last())
    assert ends.select("x", "y").unique().rows() == [(1.0, pytest.approx(1 / 200))]


def test_a_thinned_curve_of_nothing_or_of_no_time_is_as_it_was() -> None:
    empty = pl.DataFrame(schema={"curve": pl.String, "x": pl.Float64})
    assert thinned(empty, ["curve"], "x").height == 0
    instant = pl.DataFrame({"curve": ["a", "a"], "x": [0.0, 0.0]})
    assert thinned(instant, ["curve"], "x").height == 2


def test_the_tails_of_many_points_come_in_groups_that_are_told_apart() -> None:
    many = example_frames((1, 2, 4, 8, 16), ("xeon-2s", "opteron-8n"), operations=60)
    keys, found = groups(many)
    assert keys == ["machine"]
    assert all(len(group) <= MOST_CURVES for group in found)
    chart = tails(many)
    assert set(chart.frame["group"].to_list()) == {"xeon-2s", "opteron-8n"}
    assert set(chart.frame["setting"].to_list()) == {"1 CPU", "2 CPUs", "4 CPUs", "8 CPUs", "16 CPUs"}

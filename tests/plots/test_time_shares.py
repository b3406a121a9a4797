# SPDX-License-Identifier: GPL-2.0-only
"""The figure of where time went, where CPUs hardly do anything but think."""

from __future__ import annotations

import slabdes
from slabdes.answers.tables import SPENT_HEADS
from slabdes.charts.time_shares import PARTS
from slabdes.results import metrics


def of_think_time(think_ns: float) -> slabdes.Run:
    workload = {"kind": "burst", "objects": 20, "think_ns": think_ns}
    return slabdes.simulate({"machine": {"preset": "uma-4"}, "cache": [{"name": "c", "size": 256}], "workload": workload})


def test_where_cpus_hardly_do_anything_thinking_is_named_in_the_title_and_a_tiny_share_looks_tiny() -> None:
    figure = of_think_time(1e6).plot.time()
    (axes,) = figure.axes
    assert axes.get_ylim() == (0, 5)
    assert "the rest, at least" in figure.get_suptitle()
    tallest = max(bar.get_y() + bar.get_height() for bar in axes.patches)
    assert 0 < tallest < 0.1
    assert [text.get_text() for text in axes.texts] == ["<0.1 %"]


def test_a_small_share_is_drawn_larger_than_it_is_and_the_axis_says_so() -> None:
    (axes,) = of_think_time(2000).plot.time().axes
    tallest = max(bar.get_y() + bar.get_height() for bar in axes.patches)
    assert 5 < tallest < axes.get_ylim()[1] < 12


def test_the_legend_has_the_order_of_the_bars() -> None:
    figure = of_think_time(10).plot.time()
    (axes,) = figure.axes
    (legend,) = figure.legends
    shown = [" ".join(text.get_text().split()) for text in legend.get_texts()]
    assert shown == [container.get_label() for container in axes.containers][::-1]
    assert len(shown) > 3


def test_a_part_has_the_name_of_the_tables_and_that_of_json() -> None:
    for part, meaning in PARTS.items():
        assert part not in SPENT_HEADS or meaning.startswith(f"{SPENT_HEADS[part]}:")
    named = {
        text.partition("(")[2].rstrip(")") for text in (c.get_label() for c in of_think_time(10).plot.time().axes[0].containers)
    }
    assert named <= set(metrics.TIME_PARTS) and "work" in named


def test_otherwise_every_bar_goes_to_a_hundred_per_cent() -> None:
    figure = of_think_time(10).plot.time()
    (axes,) = figure.axes
    assert axes.get_ylim() == (0, 100)
    assert "the rest" not in figure.get_suptitle()
    assert abs(max(bar.get_y() + bar.get_height() for bar in axes.patches) - 100) < 1e-6

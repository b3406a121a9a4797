# SPDX-License-Identifier: GPL-2.0-only
"""The figure of where time went, where CPUs hardly do anything but think."""

from __future__ import annotations

import slabdes


def of_think_time(think_ns: float) -> slabdes.Run:
    workload = {"kind": "burst", "objects": 20, "think_ns": think_ns}
    return slabdes.simulate({"machine": {"preset": "uma-4"}, "cache": [{"name": "c", "size": 256}], "workload": workload})


def test_where_cpus_hardly_do_anything_the_little_is_drawn_large_and_thinking_is_named_in_the_title() -> None:
    figure = of_think_time(1e6).plot.time()
    (axes,) = figure.axes
    assert axes.get_ylim()[1] < 1
    assert "the rest: thinking" in figure.get_suptitle()
    tallest = max(bar.get_y() + bar.get_height() for bar in axes.patches)
    assert axes.get_ylim()[1] / 2 < tallest < axes.get_ylim()[1]


def test_otherwise_every_bar_goes_to_a_hundred_per_cent() -> None:
    figure = of_think_time(10).plot.time()
    (axes,) = figure.axes
    assert axes.get_ylim() == (0, 100)
    assert "the rest" not in figure.get_suptitle()
    assert abs(max(bar.get_y() + bar.get_height() for bar in axes.patches) - 100) < 1e-6

# SPDX-License-Identifier: GPL-2.0-only
"""Intervals of a sweep's rates."""

from __future__ import annotations

import pytest
from example import example_frames

from slabdes.measures.scaling import scaling
from slabdes.results.metrics import rates
from slabdes.stats.intervals import mean_interval


def test_half_widths_are_those_of_the_replications_rates() -> None:
    frames = example_frames((1, 4), replications=3)
    for point, row in enumerate(scaling(frames, 0.9).iter_rows(named=True)):
        values = rates(frames.of_points([point]))["operations_per_s"].to_list()
        assert row["operations_per_s_half"] == pytest.approx(mean_interval(values, 0.9).half_width)


def test_one_replication_has_no_half_width() -> None:
    assert scaling(example_frames((1, 2)))["operations_per_s_half"].null_count() == 2

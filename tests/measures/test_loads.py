# SPDX-License-Identifier: GPL-2.0-only
"""The answer of a replay by load: between which loads waiting reaches a mark, in numbers that can be worked out by hand."""

from __future__ import annotations

from math import log, sqrt

import pytest

from slabdes.measures.loads import LoadPoint, crossing
from slabdes.stats.intervals import Interval, t_quantile


def point(load: float | None, *waiting: float) -> LoadPoint:
    mean = Interval(sum(waiting) / len(waiting), None, len(waiting), 0.95)
    return LoadPoint(load, Interval(1e6, None, 1, 0.95), None, None, mean, mean, waiting, {})


def loads(*loads_and_waiting: tuple[float | None, float]) -> list[LoadPoint]:
    return [point(load, waiting) for load, waiting in loads_and_waiting]


RISING = loads((1, 0.0), (10, 0.2), (100, 0.6), (None, 0.8))


def test_a_mark_between_two_loads_is_where_waiting_rises_evenly_with_the_loads_logarithm() -> None:
    # Half-way from 0 to 20 % is half-way from 1 to 10 in the logarithm; three quarters from 20 to 60 % likewise.
    found = [crossing(RISING, share) for share in (0.1, 0.5)]
    assert [one and one.load for one in found] == [pytest.approx(10**0.5), pytest.approx(10**1.75)]


def test_a_mark_that_is_reached_at_once_or_only_without_think_times_has_no_load_in_between() -> None:
    at_once = crossing(loads((1, 0.7), (10, 0.9)), 0.5)
    assert at_once is not None and (at_once.load, at_once.low, at_once.high) == (1, None, None)
    assert crossing(loads((1, 0.0), (10, 0.3), (None, 0.9)), 0.5) is None


def test_a_crossings_interval_is_that_of_the_logarithms_at_which_replications_cross() -> None:
    # Waiting 0 at 1x; at 100x 0.2, 0.25 and 0.4, together 0.85 / 3: 10 % is reached at 100 to the power of 0.1 over these.
    found = crossing([point(1, 0, 0, 0), point(100, 0.2, 0.25, 0.4)], 0.1)
    powers, pooled = [0.5, 0.4, 0.25], 0.3 / 0.85
    half = t_quantile(0.975, 2) * log(100) * sqrt(sum((power - pooled) ** 2 for power in powers) / 2) / sqrt(3)
    assert found is not None and found.low is not None and found.high is not None
    assert found.load == pytest.approx(100**pooled)
    assert [log(found.low), log(found.high)] == pytest.approx([log(found.load) - half, log(found.load) + half])
    # Nothing is run below the recorded load.
    wide = crossing([point(1, 0, 0, 0), point(100, 0.2, 0.2, 0.9)], 0.1)
    assert wide is not None and wide.low == 1.0


def test_a_crossing_that_a_replication_does_not_reach_or_of_one_replication_has_no_interval() -> None:
    for last in ((0.2, 0.05), (0.2,)):
        found = crossing([point(1, *(0.0 for _ in last)), point(100, *last)], 0.1)
        assert found is not None and (found.low, found.high) == (None, None)

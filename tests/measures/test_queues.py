# SPDX-License-Identifier: GPL-2.0-only
"""Queues as an event log tells of them, against what follows by hand."""

from __future__ import annotations

import polars as pl
import pytest

from slabdes.measures.queues import convoy, lengths, transfers

HOLDS = pl.DataFrame(
    [(0, 0, 0, 0, 1_000), (0, 1, 200, 1_000, 1_500), (0, 2, 400, 1_500, 2_000), (1, 5, 100, 100, 300), (1, 5, 500, 500, 600)],
    schema=["lock", "cpu", "asked_ps", "granted_ps", "released_ps"],
    orient="row",
)
"""CPU 1 waits for lock 0 from 200 to 1,000 ps, CPU 2 from 400 to 1,500; nobody waits for lock 1."""


def test_the_mean_of_a_queue_is_its_waits_over_the_time_and_the_most_is_who_waits_at_once() -> None:
    rows = lengths(HOLDS, 2)
    assert rows.rows() == [(0, 0.0, 1.0, pytest.approx((800 + 600) / 1_000), 2), (0, 1.0, 2.0, pytest.approx(0.5), 1)]
    for parts in (1, 7, 100):
        fine = lengths(HOLDS, parts)
        assert (fine["mean"] * (fine["end_ns"] - fine["start_ns"])).sum() == pytest.approx((800 + 1_100) / 1_000)
        assert fine["most"].max() == 2


def test_who_is_granted_a_lock_leaves_before_who_asks_at_that_moment_comes() -> None:
    rows = [(0, 0, 0, 0, 10), (0, 1, 0, 10, 20), (0, 2, 10, 20, 30)]
    assert lengths(pl.DataFrame(rows, schema=HOLDS.columns, orient="row"), 3)["most"].to_list() == [1, 1, 0]


def test_a_convoy_begins_with_who_takes_the_lock_when_it_is_free() -> None:
    assert convoy(HOLDS)["cpu"].to_list() == [0, 1, 2]
    before = pl.DataFrame([(0, 7, -300, -300, -200), (0, 7, -150, -150, -50)], schema=HOLDS.schema, orient="row")
    assert convoy(pl.concat([before, HOLDS]))["cpu"].to_list() == [0, 1, 2]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_convoy_is_that_through_which_most_time_is_lost_though_another_s_queue_is_as_long(order: tuple[int, int]) -> None:
    of_locks = [
        [(0, 0, 0, 0, 10), (0, 1, 1, 10, 20), (0, 2, 2, 20, 30)],
        [(1, 3, 0, 0, 100), (1, 4, 1, 100, 200), (1, 5, 2, 200, 300)],
    ]
    rows = [row for lock in order for row in of_locks[lock]]
    assert convoy(pl.DataFrame(rows, schema=HOLDS.columns, orient="row"))["cpu"].to_list() == [3, 4, 5]


def test_a_convoy_ends_when_the_lock_is_free_and_nobody_waits_for_it() -> None:
    later = pl.DataFrame([(0, 3, 2_500, 2_500, 2_600)], schema=HOLDS.schema, orient="row")
    assert convoy(pl.concat([HOLDS, later]))["cpu"].to_list() == [0, 1, 2]
    # Whoever takes a free lock before those who wait for it try again does not end it.
    barging = pl.DataFrame([(0, 4, 2_050, 2_050, 2_100), (0, 3, 1_900, 2_200, 2_300)], schema=HOLDS.schema, orient="row")
    assert convoy(pl.concat([HOLDS, barging]))["cpu"].to_list() == [0, 1, 2, 4, 3]


def test_a_lock_is_handed_over_where_another_cpu_had_it_before() -> None:
    assert transfers(HOLDS).rows() == [(0, 1, 1), (1, 2, 1)]


def test_where_nobody_waits_there_is_no_queue_and_no_convoy() -> None:
    quiet = HOLDS.filter(pl.col("lock") == 1)
    assert lengths(quiet, 5).height == convoy(quiet).height == transfers(quiet).height == 0
    assert lengths(quiet.clear(), 5).height == 0

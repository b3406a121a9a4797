# SPDX-License-Identifier: GPL-2.0-only
"""Why figures seem not to agree, said in a sentence made from them, and nothing where they agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from slabdes.answers.causes import bunched, opposed, why
from slabdes.measures.causes import Account, Accounts
from slabdes.measures.compare import Compared
from slabdes.measures.estimates import Row
from slabdes.results.frames import SPENT_PARTS
from slabdes.stats.intervals import Interval


def lock(contended: float, busy: float, acquisitions: float = 1000) -> Row:
    values: Mapping[str, Any] = {"kind": "list_lock", "cache": "filp", "node": 1, "acquisitions": acquisitions}
    return Row({**values, "contended_share": contended, "busy_share": busy}, {})


def split(**parts: float) -> Mapping[str, Mapping[str, float]]:
    return {"alloc": {part: parts.get(part, 0.0) for part in SPENT_PARTS}}


def test_a_lock_that_is_found_taken_far_more_often_than_it_is_busy_is_come_for_in_bursts() -> None:
    assert bunched(lock(0.26, 0.02), "CPUs come together") == (
        "filp list_lock node 1 is held or handed over 2.0 % of the time, and yet 26.0 % of acquisitions find it taken: CPUs come "
        "together."
    )


@pytest.mark.parametrize("row", [lock(0.26, 0.2), lock(0.01, 0.0), lock(0.26, 0.02, acquisitions=5)])
def test_a_lock_that_is_contended_as_it_is_busy_or_hardly_or_seldom_taken_is_not_told(row: Row) -> None:
    assert not bunched(row, "")


def test_a_mean_that_falls_while_waiting_rises_is_explained_by_what_falls_more() -> None:
    told = opposed("alloc", split(lock_wait=10, line=100), split(lock_wait=30, line=40), 0.2)
    assert told == (
        "Allocs take less time although waiting rises: 60.0 ns less goes to cache lines, against 20.0 ns more to waiting."
    )


def test_a_mean_that_rises_while_waiting_is_less_of_cpu_time_is_explained_likewise() -> None:
    told = opposed("alloc", split(handoff=10, pages=100, work=5), split(handoff=15, pages=140, work=5), -0.1)
    assert told == (
        "Allocs take more time although waiting falls: 40.0 ns more goes to the page allocator; waiting takes 5.00 ns more of "
        "each, too, and is a smaller share of CPU time since the rest rises more."
    )


def test_a_mean_that_moves_as_waiting_does_is_not_told() -> None:
    assert not opposed("alloc", split(line=10), split(line=20), 0.1)
    assert not opposed("free", split(line=10), split(line=20), -0.1)


def told_why(measure: str, change: float) -> str:
    """Of allocations whose work takes 10 ns more, and which wait 200 ns more to be begun."""

    def side(work: float, late: float) -> Accounts:
        parts = {part: 4 * work * (part == "work") for part in SPENT_PARTS}
        return {"alloc": Account(4, parts, {"alloc hit": 4 * work}, late)}

    some = Interval(1.0, None, 3, 0.95)
    row = Compared({}, measure, some, some, some, Interval(change, 0.1, 3, 0.95))
    return " ".join(why((side(20, 100), side(30, 300)), row))


def test_a_response_time_is_explained_by_its_own_parts_waiting_to_be_begun_first() -> None:
    assert told_why("alloc-response_p99_ns", 900.0) == (
        "Why: an allocation takes 210 ns more on average from its arrival on (120 ns, then 330 ns); 200 ns more is waiting to be "
        "begun and 10.0 ns more is the paths' own work."
    )
    assert told_why("alloc_p99_ns", 50.0).startswith("Why: an allocation takes 10.0 ns more on average (20.0 ns, then 30.0 ns); ")


@pytest.mark.parametrize(("measure", "change"), [("alloc_p99_ns", -50.0), ("alloc_p50_ns", -1.0), ("operations_per_s", 1e6)])
def test_what_moves_against_the_mean_is_not_explained_by_it(measure: str, change: float) -> None:
    told = told_why(measure, change)
    assert told.startswith("The mean does not tell why, it goes the other way: ") and "more on average" in told
    assert "Why" not in told


@pytest.mark.parametrize("measure", ["reap_mean_ns", "wait_p99_ns", "off_mean_ns"])
def test_upkeep_and_interrupts_are_not_explained_by_operations(measure: str) -> None:
    assert not told_why(measure, 50.0)

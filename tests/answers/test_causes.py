# SPDX-License-Identifier: GPL-2.0-only
"""Why figures seem not to agree, said in a sentence made from them, and nothing where they agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from slabdes.answers.causes import bunched, edges, opposed, why
from slabdes.measures.causes import Account, Accounts
from slabdes.measures.compare import Compared, Pair
from slabdes.measures.estimates import Row
from slabdes.measures.percentiles import Placed
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


def pair(work: tuple[float, float], late: tuple[float, float], placed: tuple[Placed, Placed] | None = None) -> Pair:
    """Of allocations whose work takes so long on each side, and which wait so long to be begun."""

    def side(work: float, late: float) -> Accounts:
        parts = {part: 4 * work * (part == "work") for part in SPENT_PARTS}
        return {"alloc": Account(4, parts, {"alloc hit": 4 * work}, late)}

    spent = side(work[0], late[0]), side(work[1], late[1])
    places = ({}, {}) if placed is None else ({"alloc_p99_ns": placed[0]}, {"alloc_p99_ns": placed[1]})
    return Pair({}, (0, 1), (), {}, ({}, {}), spent, (0.5, 0.5), places)


def told_why(measure: str, change: float, placed: tuple[Placed, Placed] | None = None) -> list[str]:
    """Of allocations whose work takes 10 ns more, and which wait 200 ns more to be begun."""
    return list(why(pair((20, 30), (100, 300), placed), [row_of(measure, change)]))


def row_of(measure: str, change: float, half: float = 0.1) -> Compared:
    some = Interval(1.0, None, 3, 0.95)
    return Compared({}, measure, some, some, some, Interval(change, half, 3, 0.95))


def test_a_response_time_is_explained_by_its_own_parts_waiting_to_be_begun_first() -> None:
    assert told_why("alloc-response_mean_ns", 900.0) == [
        "Why: an allocation takes 210 ns more on average from its arrival on (120 ns, then 330 ns); 200 ns more is waiting to be "
        "begun and 10.0 ns more is the paths' own work."
    ]
    assert told_why("alloc_mean_ns", 50.0)[0].startswith(
        "Why: an allocation takes 10.0 ns more on average (20.0 ns, then 30.0 ns)"
    )


HIT = Placed({"hit": 1.0}, {"hit": 0.999, "shared": 0.001}, 12.0, 13.0)
BOTH = Placed({"shared": 0.6, "hit": 0.4}, {"hit": 0.99, "shared": 0.01}, 12.0, 190.0)


def test_a_percentile_is_explained_by_the_paths_around_it_and_how_many_take_them_and_then_by_the_mean() -> None:
    first, second = told_why("alloc_p99_ns", -50.0, (BOTH, HIT))
    assert first == (
        "Why: around alloc p99 operations take shared (60.0 %) and hit (40.0 %), then hit; of all, shared 1.0 %, then 0.1 % and "
        "hit 99.0 %, then 99.9 %."
    )
    assert second == "The mean goes the other way: an allocation takes 10.0 ns more (20.0 ns, then 30.0 ns)."
    assert told_why("alloc_p99_ns", 50.0, (HIT, HIT))[:1] == [
        "Why: around alloc p99 operations take the path hit on both sides; of all, 99.9 %, then 99.9 % do."
    ]
    assert told_why("alloc_p99_ns", 50.0, (HIT, BOTH))[1].startswith(
        "On average an allocation takes 10.0 ns more (20.0 ns, then "
    )


def test_of_several_measures_of_an_operation_its_mean_is_told_once() -> None:
    several = [row_of("alloc_p99_ns", 50.0), row_of("alloc_mean_ns", 10.0), row_of("operations_per_s", -5.0)]
    around, mean, of_all = why(pair((20, 30), (0, 0), (HIT, HIT)), several)
    assert around.startswith("Why: around alloc p99") and mean.startswith("On average an allocation")
    assert of_all.startswith("Why: an operation takes 10.0 ns more on average")


def test_a_mean_that_is_not_told_apart_is_no_cause() -> None:
    side = replace(pair((20, 30), (0, 0), (HIT, HIT)), rows=(row_of("alloc_mean_ns", 10.0, half=40.0),))
    _around, mean = why(side, [row_of("alloc_p99_ns", 50.0)])
    assert mean == "An allocation takes 20.0 ns, then 30.0 ns on average: not told apart."


def test_parts_have_their_intervals_and_those_within_chance_are_not_told() -> None:
    def of(work: float, line: float) -> Accounts:
        parts = {part: {"work": work, "line": line}.get(part, 0.0) for part in SPENT_PARTS}
        return {"alloc": Account(1, parts, {"alloc hit": work + line})}

    each = tuple((of(20, 50), of(30 + change, 50 + 9 * change)) for change in (-1.0, 0.0, 1.0))
    side = replace(pair((20, 30), (0, 0)), spent=(of(20, 50), of(30, 55)), each_spent=each)
    (told,) = why(side, [row_of("alloc_mean_ns", 15.0)])
    assert told.endswith("; 10.0 ns ±2.48 ns more is the paths' own work.") and "cache lines" not in told


def test_a_percentile_between_two_paths_is_told_to_stand_on_an_edge() -> None:
    (told,) = edges(["alloc_p99_ns", "operations_per_s"], {"A": {"alloc_p99_ns": BOTH}, "B": {"alloc_p99_ns": HIT}})
    assert told == (
        "alloc p99 of A stands on an edge between the paths shared and hit, so that a little moves it far: single replications "
        "have 12.0 ns to 190 ns, and an interval from few of them holds less often than it says."
    )


@pytest.mark.parametrize(("measure", "change"), [("alloc_mean_ns", -50.0), ("operations_per_s", 1e6)])
def test_what_moves_against_the_mean_is_not_explained_by_it(measure: str, change: float) -> None:
    (told,) = told_why(measure, change)
    assert told.startswith("The mean goes the other way: ") and "more on average" in told


@pytest.mark.parametrize("measure", ["reap_mean_ns", "wait_p99_ns", "off_mean_ns"])
def test_upkeep_and_interrupts_are_not_explained_by_operations(measure: str) -> None:
    assert not told_why(measure, 50.0)

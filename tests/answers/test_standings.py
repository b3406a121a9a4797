# SPDX-License-Identifier: GPL-2.0-only
"""Of several values of a key nothing is called the best that is not told from the others, and what would tell is said."""

from __future__ import annotations

import slabdes
from slabdes.answers.comparison import comparison_answer
from slabdes.answers.standings import Stand, best_at
from slabdes.stats.intervals import Interval


def stand(value: float, verdict: int, half: float = 1.0) -> Stand:
    return Stand(Interval(value, half, 5, 0.95), verdict)


BASE = Stand(Interval(10, 1, 5, 0.95), 0)


def best(more: bool = True, **places: dict[str, Stand]) -> list[str]:
    return list(best_at({place.replace("_", " "): {"6.1": BASE, **sides} for place, sides in places.items()}, more, "fastest"))


def test_the_best_is_named_at_each_point_with_those_it_is_not_told_from() -> None:
    few = {"6.12": stand(14, 1), "7.3": stand(15, 1)}
    many = {"6.12": stand(4, -1), "7.3": stand(5, -1)}
    assert best(two_CPUs=few, eight_CPUs=many) == [
        "The fastest: 6.12 or 7.3 (not told apart) with two CPUs; 6.1 with eight CPUs."
    ]
    assert best(two_CPUs=many, eight_CPUs=many) == ["The fastest is 6.1 everywhere."]
    assert best(False, two_CPUs={"7.3": stand(5, 1)}) == ["The fastest is 7.3."]
    assert best(two_CPUs={"6.12": stand(14, 1), "7.3": stand(25, 1)}) == ["The fastest is 7.3."]


def test_intervals_that_lie_apart_name_no_best_where_the_judgement_of_all_together_tells_nothing() -> None:
    apart = {"6.12": stand(4, 0), "7.3": stand(30, 0)}
    assert best(two_CPUs=apart, eight_CPUs=apart) == []
    assert best(two_CPUs=apart, eight_CPUs={"6.12": stand(4, -1), "7.3": stand(30, 1)}) == [
        "The fastest: not told with two CPUs; 7.3 with eight CPUs."
    ]


def test_one_side_faster_and_one_slower_than_the_first_are_told_apart_by_that() -> None:
    assert best(here={"6.12": stand(9, -1, 30.0), "7.3": stand(11, 1, 30.0)}) == ["The fastest is 7.3."]


def test_a_comparison_that_tells_nothing_names_no_fastest_and_says_what_would_tell() -> None:
    raw = {"engine": "reference", "replications": 2, "machine": {"preset": "numa-2x4"}, "cache": [{"name": "a", "size": 256}]}
    raw |= {"workload": {"kind": "producer_consumer", "objects": 20}}
    raw |= {"sweep": {"allocator": ["6.1", "7.0", "7.3"], "machine.cpus": [2, 4]}}
    compared = slabdes.compare(slabdes.simulate(raw, progress=False), by="allocator")
    told = comparison_answer(compared)
    assert told[0].startswith("None of the others is told from allocator 6.1 at any of 4 points; they differ most with ")
    assert not any("fastest" in sentence or " is not told apart" in sentence for sentence in told)
    assert told[1].startswith("At this spread ")


def test_an_allocator_is_compared_at_points_that_lack_what_only_the_other_has() -> None:
    raw = {
        "engine": "reference",
        "replications": 2,
        "machine": {"preset": "uma-4", "cpus": 2},
        "cache": [{"name": "a", "size": 256}],
    }
    raw |= {"workload": {"kind": "burst", "objects": 20}}
    raw |= {"sweep": {"allocator": ["6.1", "6.12", "7.3"], "cache.a.limit": [8, 16], "cache.a.sheaf_capacity": [4, 12]}}
    run = slabdes.simulate(raw, progress=False)
    compared = slabdes.compare(run, by="allocator")
    assert [pair.points for pair in compared.pairs] == [(0, 2), (1, 2), (0, 3), (0, 4), (1, 3), (1, 4)]
    assert [pair.label["cache.a.limit"] for pair in compared.pairs] == [8, 16, 8, 8, 16, 16]
    assert [pair.label["cache.a.sheaf_capacity"] for pair in compared.pairs] == [None, None, 4, 12, 4, 12]
    assert compared.left_out == 0
    assert sum("without meaning to allocator" in warning for warning in run.manifest.warnings) == 0, "nothing was written for all"

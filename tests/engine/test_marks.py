# SPDX-License-Identifier: GPL-2.0-only
"""Marks: how far apart they are, which batches they make, and which books are put back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from slabdes.engine.marks import CPU_SUMS, LEAST_OPERATIONS, MOST_BATCHES, Key, Marking, Marks, Sums
from slabdes.engine.records import WarmUp
from slabdes.paths.outcome import Path
from slabdes.study.steady import LEAST_BATCHES, batches_of_warm_up

NO_SUMS = Sums([], [], [], [])


@dataclass
class Page:
    """So many hits of a time each."""

    count: int
    time: int
    responses: tuple[int, int] = (0, 0)
    sums: Sums = NO_SUMS

    @property
    def operations(self) -> Mapping[Key, tuple[int, int]]:
        return {(0, Path.HIT): (self.count, self.count * self.time)}


@dataclass
class Pages:
    """Books whose pages are given beforehand."""

    pages: list[Page]
    kept: list[Page] = field(default_factory=list)

    def close(self) -> Page:
        return self.pages.pop(0)

    def put_back(self, closed: Page) -> None:
        self.kept.append(closed)

    def progress(self, now: int) -> tuple[int, int]:
        return 7, 3


def ended(times: Sequence[int], count: int = LEAST_OPERATIONS, rest: int = 0) -> tuple[WarmUp, Pages]:
    """A run with a mark every 10 ps that begins with operations of these times, and so many after the last mark."""
    books = Pages([*(Page(count, time) for time in times), Page(rest, 1)])
    marks = Marks(Marking(10 * MOST_BATCHES, batches_of_warm_up), books, tuple)
    for _time in times:
        marks.come()
    cut = marks.end(10 * len(times) + 5)
    assert cut is not None
    return cut.warm_up, books


def test_a_start_that_takes_longer_is_left_out() -> None:
    told, books = ended([*[100] * 5, *[10, 11] * 10], rest=3)
    assert told == WarmUp(50, 25, 128, True)
    assert [page.time for page in books.kept] == [*[10, 11] * 10, 1]


def test_a_steady_start_is_kept() -> None:
    told, books = ended([10, 11] * 12)
    assert told == WarmUp(0, 0, 120, True) and len(books.kept) == 25


@pytest.mark.parametrize(("times", "cut"), [(range(1, 25), 12), ([10] * (LEAST_BATCHES - 1), 0)])
def test_what_keeps_rising_loses_half_and_what_is_too_short_nothing(times: Sequence[int], cut: int) -> None:
    told, books = ended(list(times))
    assert told.time == 10 * cut and not told.settled
    assert len(books.kept) == len(times) - cut + 1


def test_what_comes_after_the_first_cpu_has_ended_does_not_say_where_the_warm_up_ends() -> None:
    # CPU 0 ends in batch 24 of 44; CPU 1, alone from then on, is ten times faster. CPU 2 has no program.
    times = [*[100] * 5, *[10, 11] * 10, *[1] * 19]
    books = Pages(
        [Page(LEAST_OPERATIONS, time, sums=Sums(sums, [], [], [])) for time, sums in zip(times, progress(24, 44), strict=True)]
    )
    books.pages.append(Page(0, 1, sums=Sums(progress(24, 44)[-1], [], [], [])))
    marks = Marks(Marking(10 * MOST_BATCHES, batches_of_warm_up), books, tuple)
    for _time in times:
        marks.come()
    cut = marks.end(10 * len(times) + 5)
    assert cut is not None and cut.warm_up == WarmUp(50, 25, 220, True)


def progress(*ends: int) -> list[list[list[int]]]:
    """Sums at each mark: CPUs that allocate once a batch until these, and one that only idles."""

    def sums(allocs: int, idle: int) -> list[int]:
        return [{"allocs": allocs, "idle_time": idle}.get(name, 0) for name in CPU_SUMS]

    return [[*(sums(min(mark, end), mark) for end in ends), sums(0, mark)] for mark in range(1, max(ends) + 1)]


def test_batches_with_too_few_operations_are_joined() -> None:
    # Two or four together have enough.
    assert ended([*[100] * 8, *[10, 11] * 12], count=LEAST_OPERATIONS - 1)[0].time == 80
    assert not ended([*[100] * 8, *[10, 11] * 8], count=1)[0].settled


def test_memory_is_looked_at_when_a_run_begins_at_marks_that_are_left_and_when_it_ends() -> None:
    books = Pages([])
    marks = Marks(Marking(10 * MOST_BATCHES, samples=True), books, tuple)
    for _mark in range(MOST_BATCHES + 3):
        marks.come()
    assert marks.end(705) is None
    assert [sample.time for sample in marks.samples] == [*range(0, 701, 20), 705]
    assert {(sample.operations, sample.lock_wait) for sample in marks.samples} == {(7, 3)}


def test_a_further_mark_lies_where_it_is_asked_for_stays_when_others_move_apart_and_leaves_these_where_they_are() -> None:
    for also, rest in ((45, []), (40, []), (645, []), (10**9, None)):
        marks = Marks(Marking(10 * MOST_BATCHES, samples=True, also=also), Pages([]), tuple)
        while marks.next < 700:
            marks.come()
        assert marks.end(705) is None
        extra = [] if rest is None else [also]
        assert [sample.time for sample in marks.samples] == sorted({*range(0, 681, 20), *extra, 705})


def test_marks_of_a_long_run_are_further_apart() -> None:
    books = Pages([Page(LEAST_OPERATIONS, 100 if number < 16 else 10) for number in range(200)])
    marks = Marks(Marking(10 * MOST_BATCHES, batches_of_warm_up), books, tuple)
    came = []
    while len(came) < 150:
        came.append(marks.next)
        marks.come()
    assert came[:64] == list(range(10, 641, 10)) and came[64:66] == [660, 680] and came[-1] - came[-2] == 80
    cut = marks.end(came[-1] + 1)
    assert cut is not None and cut.warm_up == WarmUp(160, 80, 151 * LEAST_OPERATIONS, True)

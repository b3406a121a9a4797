# SPDX-License-Identifier: GPL-2.0-only
"""Why figures seem not to agree, said in a sentence made from them, and nothing where they agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from slabdes.answers.causes import bunched, opposed
from slabdes.measures.estimates import Row
from slabdes.results.frames import SPENT_PARTS


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

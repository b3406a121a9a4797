# SPDX-License-Identifier: GPL-2.0-only
"""What is made ahead is what would have been made, in order, with its error; whoever stops taking ends the thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from slabdes.ahead import Latest, ahead


def counted(until: int, error: BaseException | None = None) -> Iterator[int]:
    yield from range(until)
    if error is not None:
        raise error


@pytest.mark.parametrize("most", [1, 2, 50])
@pytest.mark.parametrize("error", [None, ValueError("x"), EOFError()])
def test_order_and_error_are_the_same(most: int, error: Exception | None) -> None:
    taken = []
    try:
        for number in ahead(counted(20, error), most):
            taken.append(number)
    except (ValueError, EOFError) as raised:
        assert raised is error
    else:
        assert error is None
    assert taken == list(range(20))


def test_no_more_is_made_than_may_wait_and_the_thread_ends_with_who_takes() -> None:
    before = threading.active_count()
    made: list[int] = []
    with closing(ahead((made.append(number) or number for number in counted(1000)), 3)) as numbers:  # type: ignore[func-returns-value]
        assert next(numbers) == 0
    assert len(made) < 20
    assert threading.active_count() == before


def test_progress_is_told_by_the_thread_that_takes() -> None:
    told: list[tuple[int, int, int]] = []
    latest = Latest(lambda done, total: told.append((done, total, threading.get_ident())))

    def made() -> Iterator[int]:
        for number in range(1, 4):
            latest(number, 3)
            yield number

    assert list(ahead(made(), 1, latest.tell)) == [1, 2, 3]
    assert told[-1] == (3, 3, threading.get_ident())
    assert {thread for _done, _total, thread in told} == {threading.get_ident()}

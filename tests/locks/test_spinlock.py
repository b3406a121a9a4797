"""A spinlock by itself: one holder at a time, first come first served, and waiting adds up."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slabdes.locks.disciplines import HANDOFFS, Transfer, qspinlock
from slabdes.locks.spinlock import FREE, SpinLock

CPUS = 5
TRANSFER = [[0 if a == b else 10 + 7 * abs(a - b) for b in range(CPUS)] for a in range(CPUS)]


def test_a_free_lock_is_taken_at_once_and_a_held_one_is_not() -> None:
    lock = SpinLock(0)
    assert lock.holder == FREE
    assert lock.try_acquire(3, now=50)
    assert (lock.holder, lock.granted_at) == (3, 50)
    assert not lock.try_acquire(4, now=60)
    assert (lock.holder, lock.granted_at) == (3, 50)


def test_a_release_that_nobody_waits_for_frees_the_lock() -> None:
    lock = SpinLock(0)
    lock.try_acquire(1, 0)
    assert lock.release(70, qspinlock, TRANSFER, 3000) == (FREE, 70)
    assert lock.try_acquire(2, 70)


def test_a_hand_off_names_the_winner_and_the_time_and_the_lock_is_never_free_meanwhile() -> None:
    lock = SpinLock(0)
    lock.try_acquire(0, 0)
    lock.join(2, 10)
    lock.join(1, 20)
    # TRANSFER[0][2] is 24; three of them.
    assert lock.release(100, qspinlock, TRANSFER, 3000) == (2, 172)
    assert not lock.try_acquire(4, 120)
    lock.join(3, 130)
    lock.grant(172)
    assert (lock.holder, lock.granted_at, lock.waiters) == (2, 172, [1, 3])


def test_the_queues_area_is_the_waits_added_up() -> None:
    lock = SpinLock(0)
    lock.try_acquire(0, 0)
    lock.join(2, 10)
    lock.join(1, 20)
    lock.release(100, qspinlock, TRANSFER, 3000)
    lock.grant(172)
    # CPU 2 waited from 10 to 172, hand-off included; CPU 1 from 20 to 172 so far.
    assert lock.queue_area == 162 + 152
    assert lock.area_of_the_granted() == 162
    # TRANSFER[2][1] is 17: 200 + 51.
    assert lock.release(200, qspinlock, TRANSFER, 3000) == (1, 251)
    lock.grant(251)
    assert lock.queue_area == lock.area_of_the_granted() == 162 + 231


def test_a_discipline_may_choose_another_than_the_first() -> None:
    def last(holder: int, waiters: Sequence[int], transfer: Transfer, handoff_milli: int) -> tuple[int, int]:
        return len(waiters) - 1, 5

    lock = SpinLock(0)
    lock.try_acquire(0, 0)
    lock.join(1, 1)
    lock.join(2, 2)
    assert lock.release(10, last, TRANSFER, 3000) == (2, 15)
    lock.grant(15)
    assert lock.waiters == [1]


@pytest.mark.parametrize("discipline", HANDOFFS)
@given(steps=st.lists(st.tuples(st.integers(0, CPUS - 1), st.integers(0, 300)), max_size=60))
def test_any_sequence_of_arrivals_and_releases_has_one_holder_and_serves_in_order(
    discipline: str, steps: list[tuple[int, int]]
) -> None:
    """A CPU that is neither holding nor waiting arrives, the holder releases; hand-offs are granted when they are due."""
    lock = SpinLock(0)
    now = 0
    due: int | None = None
    holding: int | None = None
    queue: list[tuple[int, int]] = []
    waited = 0

    def settle(until: int) -> None:
        nonlocal due, holding, waited
        if due is not None and due <= until:
            lock.grant(due)
            cpu, since = queue.pop(0)
            assert lock.holder == cpu, "not the first that came"
            waited += due - since
            holding, due = cpu, None

    for cpu, gap in steps:
        now += gap
        settle(now)
        if cpu == holding:
            winner, when = lock.release(now, HANDOFFS[discipline], TRANSFER, 3000)
            holding = None
            if queue:
                assert winner == queue[0][0]
                assert when > now
                due = when
            else:
                assert (winner, when) == (FREE, now)
        elif cpu not in [waiter for waiter, _ in queue]:
            free = holding is None and due is None
            assert lock.try_acquire(cpu, now) is free
            if free:
                holding = cpu
            else:
                lock.join(cpu, now)
                queue.append((cpu, now))
        assert lock.waiters == [waiter for waiter, _ in queue]
        assert lock.holder == (holding if holding is not None else queue[0][0] if due is not None else FREE)
    assert lock.area_of_the_granted() == waited

# SPDX-License-Identifier: GPL-2.0-only
"""A spinlock by itself: one holder at a time under every discipline, nobody starves where none may, and waiting adds up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import small_rules

from slabdes.locks.disciplines import DISCIPLINES, RACE_BITS, Discipline, LockRules, Waiting, first_of
from slabdes.locks.spinlock import FREE, SpinLock

CPUS = 5
TRANSFER = [[0 if a == b else 10 + 7 * abs(a - b) for b in range(CPUS)] for a in range(CPUS)]
NODES = (0, 0, 1, 1, 1)
THRESHOLD = 400
HOLD = 300
"""No hold is longer."""


def rules(discipline: Discipline, milli: int = 3000, threshold: int = THRESHOLD) -> LockRules:
    return small_rules(discipline, TRANSFER, NODES, handoff_milli=milli, cna_threshold=threshold)


QSPINLOCK = rules(DISCIPLINES["qspinlock"])


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
    assert lock.release(70, QSPINLOCK) == (FREE, 70)
    assert lock.try_acquire(2, 70)


def test_a_hand_off_names_the_winner_and_the_time_and_the_lock_is_never_free_meanwhile() -> None:
    lock = SpinLock(0)
    lock.try_acquire(0, 0)
    lock.join(2, 10)
    lock.join(1, 20)
    # TRANSFER[0][2] is 24; three of them.
    assert lock.release(100, QSPINLOCK) == (2, 172)
    assert not lock.try_acquire(4, 120)
    lock.join(3, 130)
    lock.grant(172)
    assert (lock.holder, lock.granted_at, lock.waiters) == (2, 172, [1, 3])


def test_the_queues_area_is_the_waits_added_up() -> None:
    lock = SpinLock(0)
    lock.try_acquire(0, 0)
    lock.join(2, 10)
    lock.join(1, 20)
    lock.release(100, QSPINLOCK)
    lock.grant(172)
    # CPU 2 waited from 10 to 172, hand-off included; CPU 1 from 20 to 172 so far.
    assert lock.queue_area == 162 + 152
    assert lock.area_of_the_granted() == 162
    # TRANSFER[2][1] is 17: 200 + 51.
    assert lock.release(200, QSPINLOCK) == (1, 251)
    lock.grant(251)
    assert lock.queue_area == lock.area_of_the_granted() == 162 + 231


def test_a_discipline_may_choose_another_than_the_first() -> None:
    def last(lock: Waiting, now: int, asked: LockRules) -> tuple[int, int]:
        return len(lock.waiters) - 1, 5

    lock = SpinLock(0)
    lock.try_acquire(0, 0)
    lock.join(1, 1)
    lock.join(2, 2)
    assert lock.release(10, rules(Discipline(last))) == (2, 15)
    lock.grant(15)
    assert lock.waiters == [1]


class Ordeal:
    """A lock whose CPUs come and go as they are told; it counts, by itself, who holds it and who waits since when."""

    def __init__(self, discipline: str) -> None:
        self.rules = rules(DISCIPLINES[discipline])
        self.lock = SpinLock(0)
        self.now = 0
        self.holding: int | None = None
        self.since: dict[int, int] = {}
        self.due: int | None = None
        self.order: list[int] = []
        self.waited = self.longest = 0

    def until(self, when: int) -> None:
        """Let the hand-off that is under way, if any, come to its end by then."""
        self.now = when
        if self.due is None or self.due > when:
            return
        assert self.holding is None, "two CPUs hold the lock"
        cpu = self.lock.next
        self.lock.grant(self.due)
        assert self.lock.holder == cpu
        wait = self.due - self.since.pop(cpu)
        self.waited += wait
        self.longest = max(self.longest, wait)
        self.order.append(cpu)
        self.holding, self.due = cpu, None

    def release(self) -> None:
        """The holder gives the lock up."""
        self.holding = None
        winner, when = self.lock.release(self.now, self.rules)
        if self.since:
            assert winner in self.since
            assert when >= self.now
            self.due = when
        else:
            assert (winner, when) == (FREE, self.now)

    def ask(self, cpu: int, late: bool = False) -> None:
        """A CPU that neither has nor awaits the lock asks for it; if `late`, a waiter on its way to a free lock is quicker."""
        free = self.holding is None and (self.due is None or not self.rules.discipline.queued)
        taken = free and not (late and self.since)
        if taken or not free:
            assert self.lock.try_acquire(cpu, self.now) is free
        if taken:
            self.holding, self.due = cpu, None
        else:
            self.lock.join(cpu, self.now)
            self.since[cpu] = self.now


STEPS = st.lists(st.tuples(st.integers(0, CPUS - 1), st.integers(0, HOLD), st.integers(0, (1 << RACE_BITS) - 1)), max_size=60)


def longest_handoff(discipline: str) -> int:
    """Of those from CPU 0 to a single waiter that has just come, picoseconds."""
    handoffs = []
    for waiter in range(1, CPUS):
        lock = SpinLock(0)
        lock.try_acquire(0, 0)
        lock.join(waiter, 0)
        handoffs.append(lock.release(0, rules(DISCIPLINES[discipline]))[1])
    return max(handoffs)


@pytest.mark.parametrize("discipline", DISCIPLINES)
def test_any_sequence_of_arrivals_and_releases_has_one_holder_at_a_time(discipline: str) -> None:
    """Gaps between them are up to twice as long as the discipline's own delays, so that a hand-off may come to its end or not."""
    unit = max(1, 2 * longest_handoff(discipline) // HOLD)
    granted = 0

    @given(steps=STEPS)
    def search(steps: list[tuple[int, int, int]]) -> None:
        nonlocal granted
        granted += any_sequence(discipline, steps, unit)

    search()
    assert granted, f"no waiter for a {discipline} lock has ever got it, with gaps of up to {HOLD * unit} ps"


def any_sequence(discipline: str, steps: list[tuple[int, int, int]], unit: int) -> int:
    """A CPU that is neither holding nor waiting arrives, the holder releases; hand-offs are granted when due. How many were."""
    ordeal = Ordeal(discipline)
    arrived: list[int] = []
    for cpu, gap, drawn in steps:
        ordeal.until(ordeal.now + gap * unit)
        ordeal.lock.drawn = drawn
        if cpu == ordeal.holding:
            ordeal.release()
        elif cpu not in ordeal.since:
            ordeal.ask(cpu, late=first_of(drawn, 1 + len(ordeal.since)) != 0)
            arrived += [cpu] if cpu in ordeal.since else []
        assert sorted(ordeal.lock.waiters) == sorted(ordeal.since)
        assert list(ordeal.since) == ordeal.lock.waiters, "not in the order of arrival"
        if ordeal.holding is not None:
            assert ordeal.lock.holder == ordeal.holding
    assert ordeal.lock.area_of_the_granted() == ordeal.waited
    if discipline in ("ticket", "qspinlock"):
        assert ordeal.order == arrived[: len(ordeal.order)], "not first come, first served"
    return len(ordeal.order)


@given(steps=st.lists(st.tuples(st.integers(0, CPUS - 1), st.integers(0, HOLD)), min_size=50, max_size=300))
def test_nobody_starves_at_a_cna_lock_however_the_others_come_and_go(steps: list[tuple[int, int]]) -> None:
    """A waiter has at most CPUS - 2 before it; each of them is next at the first release after the threshold at the latest."""
    ordeal = Ordeal("cna")
    longest_handoff = 3 * max(map(max, TRANSFER))
    # From its arrival, or the grant before, until it is passed over: a hold and a hand-off. Then the threshold, one more each.
    turn = THRESHOLD + 2 * (HOLD + longest_handoff)
    for cpu, hold in steps:
        ordeal.until(ordeal.now + 1)
        if cpu != ordeal.holding and cpu not in ordeal.since:
            ordeal.ask(cpu)
        if ordeal.holding is None and ordeal.due is not None:
            ordeal.until(ordeal.due)
        elif ordeal.holding is not None:
            ordeal.now = max(ordeal.now, ordeal.lock.granted_at + hold)
            ordeal.release()
    assert ordeal.longest <= (CPUS - 1) * turn


def test_without_a_threshold_to_stop_it_cna_would_let_a_node_starve() -> None:
    """The bound above comes from the threshold: CPUs of node 0 that take turns pass CPU 2 over for as long as it lasts."""
    turns, other = (0, 1, 3), 2
    for threshold, bound in ((THRESHOLD, THRESHOLD + 400), (10**9, 10**4)):
        lock = SpinLock(0)
        asked = small_rules(DISCIPLINES["cna"], TRANSFER, (0, 0, 1, 0, 0), handoff_milli=0, cna_threshold=threshold)
        lock.try_acquire(turns[0], 0)
        for cpu in (turns[1], other, turns[2]):
            lock.join(cpu, 1)
        now, before = 200, turns[0]
        while now < 10**4:
            winner, _when = lock.release(now, asked)
            lock.grant(now)
            if winner == other:
                break
            lock.join(before, now + 1)
            before = winner
            now += 200
        assert now == pytest.approx(bound, abs=400)

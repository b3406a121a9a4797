# SPDX-License-Identifier: GPL-2.0-only
"""Who is next and at what price, worked out by hand from DESIGN.md, "Locks"."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from small import small_rules

from slabdes.cli.glossary import words
from slabdes.config import Discipline
from slabdes.locks.disciplines import DISCIPLINES, RACE_BITS, LockRules
from slabdes.locks.spinlock import FREE, SpinLock

NEAR, FAR = 20_000, 100_001
"""Picoseconds between CPUs of one node and of two."""
NODES = [0, 0, 1, 1, 0, 1, 0]
TRANSFER = [[0 if a == b else NEAR if NODES[a] == NODES[b] else FAR for b in range(len(NODES))] for a in range(len(NODES))]
"""CPUs 0, 1, 4 and 6 on one node, 2, 3 and 5 on another."""
THRESHOLD = 1_000_000


def rules(discipline: str, milli: int = 3000, threshold: int = THRESHOLD, spinner_milli: int = 0) -> LockRules:
    given = {"handoff_milli": milli, "cna_threshold": threshold, "spinner_milli": spinner_milli}
    return small_rules(DISCIPLINES[discipline], TRANSFER, NODES, **given)


ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", Discipline)
def test_every_discipline_is_where_users_and_developers_look(name: str) -> None:
    assert re.search(rf"^discipline = .*\b{name}\b", (ROOT / "slabdes/GUIDE.md").read_text(encoding="utf-8"), re.MULTILINE)
    locks = (ROOT / "slabdes/DESIGN.md").read_text(encoding="utf-8").partition("### Locks\n")[2].partition("\n### ")[0]
    assert f"`{name}`" in locks
    assert name in words()


def held(holder: int, waiters: list[int]) -> SpinLock:
    """A lock that `holder` has had since 0; `waiters` came at 0, too, in this order."""
    lock = SpinLock(0)
    lock.try_acquire(holder, 0)
    for waiter in waiters:
        lock.join(waiter, 0)
    return lock


def served(lock: SpinLock, asked: LockRules, gap: int = 0, start: int = 0) -> list[int]:
    """The CPUs that are granted the lock until nobody waits, if it is released `gap` picoseconds after each grant."""
    order = []
    now = start
    while lock.holder != FREE:
        winner, now = lock.release(now + gap, asked)
        if winner != FREE:
            lock.grant(now)
            order.append(winner)
    return order


def test_every_discipline_an_experiment_can_name_is_there() -> None:
    assert set(DISCIPLINES) == {discipline.value for discipline in Discipline}


@pytest.mark.parametrize("discipline", ["ticket", "qspinlock"])
def test_the_first_that_came_is_served_first(discipline: str) -> None:
    assert served(held(0, [3, 1, 2]), rules(discipline)) == [3, 1, 2]


@pytest.mark.parametrize(
    ("holder", "waiters", "milli", "picoseconds"),
    [
        (0, [1], 3000, 3 * NEAR),
        (0, [2], 3000, 3 * FAR),
        (0, [2, 1, 3], 3000, 3 * FAR),  # only the head counts
        (0, [1], 0, 0),  # free of charge
        (0, [1], 2500, 50_000),
        (0, [2], 1500, 150_001),  # 150,001.5 rounded down
    ],
)
def test_qspinlock_takes_a_fixed_number_of_transfers_to_the_head(
    holder: int, waiters: list[int], milli: int, picoseconds: int
) -> None:
    assert held(holder, waiters).release(0, rules("qspinlock", milli)) == (waiters[0], picoseconds)


@pytest.mark.parametrize(
    ("holder", "waiters", "picoseconds"),
    [
        (0, [1], NEAR),  # max(20,000, 20,000 / 2)
        (0, [1, 2], (NEAR + FAR) // 2),  # max(20,000, 120,001 / 2 = 60,000)
        (0, [2, 1], FAR),  # max(100,001, 60,000)
        (0, [2, 3], FAR),  # max(100,001, 200,002 / 2)
        (0, [2, 3, 1], (2 * FAR + NEAR) // 2),  # 110,001
    ],
)
def test_ticket_takes_longer_with_every_waiter(holder: int, waiters: list[int], picoseconds: int) -> None:
    assert held(holder, waiters).release(0, rules("ticket")) == (waiters[0], picoseconds)


def test_ticket_ignores_the_calibration_of_qspinlock() -> None:
    assert held(0, [1, 2]).release(0, rules("ticket", 0)) == held(0, [1, 2]).release(0, rules("ticket", 16_000))


@pytest.mark.parametrize(
    ("waiters", "winner", "picoseconds"),
    [
        ([2, 1], 1, NEAR),
        ([3, 2], 3, FAR),
        ([2, 4, 1], 4, NEAR),
    ],  # the nearest; of equals the first to come
)
def test_tas_is_taken_by_the_waiter_that_sees_the_release_first(waiters: list[int], winner: int, picoseconds: int) -> None:
    lock = held(0, waiters)
    # The release takes the line from who looks at it, who reads it, then writes it; without arrivals one transfer is all.
    assert lock.release(500, rules("tas")) == (winner, 500 + 3 * picoseconds)
    assert lock.holder == FREE
    alike = replace(rules("tas"), arrival_races=False)
    assert held(0, waiters).release(500, alike) == (winner, 500 + picoseconds)


@pytest.mark.parametrize(
    ("waiters", "picoseconds"),
    [
        ([2], FAR),  # one waiter is in nobody's way
        ([1, 4], NEAR + 2 * NEAR // 2),
        ([1, 4, 6], NEAR + 2 * 3 * NEAR // 2),
        ([2, 1, 4, 6], NEAR + 3 * (FAR + 3 * NEAR) // 2),
    ],
)
def test_a_tas_locks_release_takes_transfers_that_are_quadratic_in_its_waiters(waiters: list[int], picoseconds: int) -> None:
    def took(spinner_milli: int, arrivals: bool = False) -> int:
        return held(0, waiters).release(0, replace(rules("tas", spinner_milli=spinner_milli), arrival_races=arrivals))[1]

    assert took(1000) == picoseconds
    nearest = took(0)
    assert took(500) == nearest + (picoseconds - nearest) // 2
    # By arrival the nearest waiter takes longer; what the others cost is the same.
    assert took(1000, arrivals=True) - took(0, arrivals=True) == picoseconds - nearest


def test_any_of_the_nearest_waiters_may_have_a_tas_lock_and_no_other() -> None:
    # 4, 1 and 6 are on the releaser's node: thirds of the 32 bits that are drawn.
    third = (1 << RACE_BITS) // 3
    for drawn, winner in ((0, 4), (third, 4), (third + 1, 1), (2 * third + 1, 6), ((1 << RACE_BITS) - 1, 6)):
        lock = held(0, [2, 4, 3, 1, 6])
        lock.drawn = drawn
        assert lock.release(0, rules("tas"))[0] == winner


@pytest.mark.parametrize("cpu", [0, 5], ids=["the releaser", "a newcomer"])
def test_tas_may_be_taken_by_anyone_before_a_waiter_has_come_again(cpu: int) -> None:
    lock = held(0, [1, 2])
    lock.release(500, rules("tas"))
    assert lock.try_acquire(cpu, 500 + NEAR - 1)
    assert (lock.holder, lock.waiters, lock.next) == (cpu, [1, 2], FREE)
    # From CPU 5 both... 2 is on its node; from CPU 0 the near one is 1, as before.
    assert lock.release(600_000, rules("tas"))[0] == (2 if cpu == 5 else 1)


LONG = 100 * FAR
"""For which a CPU is next: time to look at any number of waiters here."""


def headed(holder: int, waiters: list[int], time: int = LONG) -> SpinLock:
    """A lock that `holder` has had since `time`, and was next for before; `waiters` came at 0, in this order."""
    lock = held(holder, waiters)
    lock.granted_at = time
    return lock


def test_cna_serves_the_holders_node_first_and_then_those_passed_over_in_their_order() -> None:
    # 2 and 3 are passed over for 1, then 5 as well for 4; then nobody else is left, and 2 is next, which keeps node 1 the lock.
    assert served(headed(0, [2, 3, 1, 5, 4]), rules("cna", threshold=10**12), gap=LONG, start=LONG) == [1, 4, 2, 3, 5]


def test_cna_hands_over_at_the_price_of_qspinlock_and_one_transfer_more_where_the_secondary_queue_is_spliced() -> None:
    assert headed(0, [2, 1]).release(LONG, rules("cna", 2500)) == (1, LONG + 50_000)
    assert headed(0, [2, 3]).release(LONG, rules("cna", 1500)) == (3, LONG + 150_001), "the last waiter is never passed over"
    lock = headed(0, [2, 1])
    lock.release(LONG, rules("cna"))
    lock.grant(LONG + 3 * NEAR)
    # Nobody else waits: 2, the last one passed over, goes first again, and its line is written.
    assert lock.release(2 * LONG, rules("cna")) == (2, 2 * LONG + 3 * FAR + FAR)


def test_cna_passes_over_no_more_waiters_than_its_head_has_time_for() -> None:
    # Reading and writing the line of one takes two transfers; whoever is behind those is next, of whatever node.
    step = 2 * FAR
    for time, winner in ((0, 2), (step - 1, 2), (step, 3), (2 * step, 5), (3 * step, 1)):
        assert headed(0, [2, 3, 5, 1, 4], time).release(LONG, rules("cna"))[0] == winner


def test_cna_looks_only_at_waiters_that_were_there_when_the_holder_was_granted_the_lock() -> None:
    lock = headed(0, [2])
    lock.join(1, LONG + 1)
    assert lock.release(2 * LONG, rules("cna"))[0] == 2


def test_cna_prefers_a_node_while_anybody_is_passed_over_for_it_whoever_has_the_lock() -> None:
    # 2 is passed over for 1; there is no time to pass 3 over, which has the lock next; its head of node 0 is still preferred.
    lock = headed(0, [2, 1, 3, 5, 4, 6])
    assert lock.release(LONG, rules("cna", 0))[0] == 1
    lock.grant(LONG)
    lock.headed_at = lock.granted_at
    assert lock.release(LONG, rules("cna", 0))[0] == 3
    lock.grant(LONG)
    lock.granted_at, lock.headed_at = LONG, 0
    assert lock.release(LONG, rules("cna", 0))[0] == 4, "5 is on the holder's node, and passed over"


def test_cna_gives_the_lock_to_the_first_passed_over_once_the_threshold_is_exceeded() -> None:
    # Waiters are passed over from LONG on; the threshold is exceeded at the first release later than it, not at it.
    for late, winner in ((0, 4), (1, 2)):
        lock = headed(0, [2, 1, 4, 6])
        assert lock.release(LONG, rules("cna"))[0] == 1
        lock.grant(LONG + 3 * NEAR)
        assert lock.release(LONG + THRESHOLD + late, rules("cna"))[0] == winner


def test_cna_counts_the_time_anew_when_those_passed_over_have_had_their_turn() -> None:
    lock = headed(0, [2, 1, 5, 4, 6])
    asked = rules("cna", milli=0)
    lock.release(LONG, asked)
    lock.grant(LONG)
    assert lock.release(LONG + THRESHOLD + 1, asked)[0] == 2, "the threshold is exceeded"
    lock.grant(LONG + THRESHOLD + 1)
    assert lock.release(LONG + THRESHOLD + 2, asked)[0] == 5, "node 1 has it now, and nobody is passed over before 5"
    lock.grant(LONG + THRESHOLD + 2)
    assert lock.passed == 0


def test_on_one_node_cna_is_qspinlock() -> None:
    for waiters in ([1, 4, 6], [6, 1], [4]):
        assert held(0, waiters).release(7, rules("cna")) == held(0, waiters).release(7, rules("qspinlock"))


def test_the_spinner_is_the_head_of_those_not_passed_over() -> None:
    lock = headed(0, [2, 3, 1, 4])
    assert lock.spinner() == 2
    lock.release(LONG, rules("cna"))
    lock.grant(LONG)
    assert (lock.waiters, lock.passed, lock.spinner()) == ([2, 3, 4], 2, 4)
    lock.release(LONG, rules("cna"))
    lock.grant(LONG)
    assert lock.spinner() == 2, "nobody else waits: the first of those passed over"

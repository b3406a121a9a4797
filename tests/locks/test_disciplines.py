"""Who is next and at what price, worked out by hand from DESIGN.md, "Locks"."""

from __future__ import annotations

import pytest

from slabdes.config import Discipline
from slabdes.locks.disciplines import HANDOFFS, Handoff, qspinlock, ticket

NEAR, FAR = 20_000, 100_001
"""Picoseconds between CPUs of one node and of two."""
TRANSFER = [[0 if a == b else NEAR if a // 2 == b // 2 else FAR for b in range(4)] for a in range(4)]
"""CPUs 0 and 1 on one node, 2 and 3 on another."""


def test_every_discipline_an_experiment_can_name_is_there() -> None:
    assert set(HANDOFFS) == {discipline.value for discipline in Discipline}


@pytest.mark.parametrize("discipline", HANDOFFS.values())
def test_the_first_that_came_is_served_first(discipline: Handoff) -> None:
    assert discipline(0, [3, 1, 2], TRANSFER, 3000)[0] == 0


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
    assert qspinlock(holder, waiters, TRANSFER, milli) == (0, picoseconds)


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
    assert ticket(holder, waiters, TRANSFER, 3000) == (0, picoseconds)


def test_ticket_ignores_the_calibration_of_qspinlock() -> None:
    assert ticket(0, [1, 2], TRANSFER, 0) == ticket(0, [1, 2], TRANSFER, 16_000)

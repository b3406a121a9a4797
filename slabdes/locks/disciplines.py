"""Who gets a contended lock next, and how long handing it over takes. A discipline is one function and one line in a table.

Each takes the releasing CPU, the waiters in order of arrival and the machine's line transfers, all in picoseconds.
Leaves out fairness across nodes and locks that are free for a while after a release.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

Transfer = Sequence[Sequence[int]]
"""Picoseconds to move a line, [owner CPU][CPU]."""

Handoff = Callable[[int, Sequence[int], Transfer, int], tuple[int, int]]
"""(releasing CPU, waiting CPUs, transfers, handoff_milli) to (index of the winner among the waiters, picoseconds)."""

MILLI: Final = 1000
"""handoff_milli counts thousandths of a transfer, so that hand-offs stay integers."""


def qspinlock_delay(to_winner: int, handoff_milli: int) -> int:
    """Picoseconds of a qspinlock hand-off, from the transfer to its winner."""
    return to_winner * handoff_milli // MILLI


def ticket_delay(to_winner: int, to_all: int) -> int:
    """Picoseconds of a ticket lock's hand-off, from the transfers to its winner and to all who wait."""
    return max(to_winner, to_all // 2)


def qspinlock(holder: int, waiters: Sequence[int], transfer: Transfer, handoff_milli: int) -> tuple[int, int]:
    """First come, first served; a fixed number of transfers between the releaser and the head of the queue.

    The releasing store takes the line back from the head, which spins on it; the head reads it, then writes it.
    """
    return 0, qspinlock_delay(transfer[holder][waiters[0]], handoff_milli)


def ticket(holder: int, waiters: Sequence[int], transfer: Transfer, handoff_milli: int) -> tuple[int, int]:
    """First come, first served; all waiters fetch the line one after another, and the winner is on average in the middle.

    After Boyd-Wickizer et al., "Non-scalable locks are dangerous", OLS 2012; the waiters are those at the release.
    """
    row = transfer[holder]
    return 0, ticket_delay(row[waiters[0]], sum(row[waiter] for waiter in waiters))


HANDOFFS: Final[Mapping[str, Handoff]] = {"qspinlock": qspinlock, "ticket": ticket}
"""Every discipline by the name that an experiment gives it."""

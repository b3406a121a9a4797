# SPDX-License-Identifier: GPL-2.0-only
"""Who gets a contended lock next, and how long handing it over takes. A discipline is one function and one line in a table.

Each looks at a lock as its holder releases it and gives the winner's place among the waiters and the hand-off's
picoseconds. Leaves out the time a discipline's own bookkeeping takes, but cna's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from slabdes.units import MILLI

Transfer = Sequence[Sequence[int]]
"""Picoseconds to move a line, [owner CPU][CPU]."""
RACE_BITS: Final = 32
"""Of the random number that decides a race: its product with any number of CPUs fits in 64 bits."""
CNA_SPLICE: Final = 2
"""Transfers of its line that passing over a waiter takes: it is read, and written (assumed)."""
HALF_RACE_BITS: Final = RACE_BITS // 2
"""Of it: their product with any cost does."""


class Waiting(Protocol):
    """A lock as its discipline sees it.

    `waiters` are in order of arrival; `joined` says when each came. The first `passed` of them have been passed over for those
    of the node `preferred`, the first time at `passed_since`: they are cna's secondary queue. The holder was granted the lock
    at `granted_at`, and was next since `headed_at`. `drawn` is a random number of RACE_BITS for a race among them; 0 where
    nothing races. A discipline may keep what it likes here, as cna does: it is a field of SpinLock and of compiled `Queue`, too.
    """

    holder: int
    waiters: list[int]
    joined: dict[int, int]
    passed: int
    passed_since: int
    preferred: int
    granted_at: int
    headed_at: int
    drawn: int


@dataclass(frozen=True, kw_only=True)
class LockParameters:
    """What an experiment says of locks, in numbers: compiled memory has them under the same names. Times in picoseconds."""

    handoff_milli: int
    spinner_milli: int
    cna_threshold: int
    lock_races: bool = True
    arrival_races: bool = True


@dataclass(frozen=True)
class LockRules(LockParameters):
    """What disciplines need to know of the experiment and the machine."""

    discipline: Discipline
    transfer: Transfer
    node_of_cpu: Sequence[int]


Handoff = Callable[[Waiting, int, LockRules], tuple[int, int]]
"""(lock, time of the release, rules) to (place of the winner among the waiters, picoseconds)."""


@dataclass(frozen=True)
class Discipline:
    """How a contended lock is handed over: `handoff` chooses the next, and says how long it takes until that one has come.

    If `all_spin`, so do all of them, otherwise one: where several ask, the writer waits for part of all their transfers.
    Unless a lock is `queued`, it is free until then: anyone may take it before, and the chosen one goes on waiting.
    If a waiter `spins`, it keeps asking for the lock's line: each write of the holder to that line costs it a transfer
    (spinners_slow_holder), and if the lock is not queued, all waiters race whoever else finds it free (lock_races). Waiters that
    sleep between their tries, or spin on lines of their own, do neither (`engine.timed` sees to that for every engine).
    """

    handoff: Handoff
    queued: bool = True
    spins: bool = True
    all_spin: bool = False


def first_of(drawn: int, racers: int) -> int:
    """Whose request for a line comes first, of `racers` that are on their way together: each as likely (assumed)."""
    return (drawn * racers) >> RACE_BITS


def arrives_late(drawn: int, asked: int, released: int, way: int, window: int) -> bool:
    """Whether a waiter's request for a free lock's line arrives before that of a CPU which has `asked` for it since the release.

    The line has come to the newcomer `way` after it asked, at once to the CPU that released the lock and owns it still. The
    waiter's request to write the line leaves anywhere in the `window` in which it reads the release: so the later a newcomer's
    line comes, the likelier it is too late, and behind the window it surely is.
    """
    return (drawn >> HALF_RACE_BITS) * window < (asked + way - released) << HALF_RACE_BITS


def tas_delay(to_winner: int, rules: LockParameters) -> int:
    """Picoseconds until a waiter that looked again has the lock: one transfer.

    By arrival, the release takes the line from who looks at it, who then reads it and writes it, as the head of a queue lock.
    """
    return qspinlock_delay(to_winner, rules.handoff_milli) if rules.arrival_races else to_winner


def qspinlock_delay(to_winner: int, handoff_milli: int) -> int:
    """Picoseconds of a qspinlock hand-off, from the transfer to its winner."""
    return to_winner * handoff_milli // MILLI


def ticket_delay(to_winner: int, to_all: int) -> int:
    """Picoseconds of a ticket lock's hand-off, from the transfers to its winner and to all who wait."""
    return max(to_winner, to_all // 2)


def all_spinners_delay(to_all: int, spinner_milli: int) -> int:
    """Picoseconds that a write to a line takes which many CPUs spin on, from the transfers from all of them."""
    return to_all * spinner_milli // MILLI


def crowd_delay(to_all: int, waiters: int, spinner_milli: int) -> int:
    """Picoseconds until a test-and-test-and-set lock's line is quiet again after a release, if so many waiters saw it.

    Each reads that the lock is free and tries to take it; each attempt makes all who still wait read again. So a release takes
    transfers in number quadratic in the waiters (Anderson, IEEE Transactions on Parallel and Distributed Systems 1(1), 1990).
    """
    return all_spinners_delay((waiters - 1) * to_all // 2, spinner_milli)


def cna_threshold_reached(passed_since: int, now: int, threshold: int) -> bool:
    """Whether waiters have been passed over for so long that the first of them is next (intra_node_threshold_reached)."""
    return now - passed_since > threshold


def qspinlock(lock: Waiting, now: int, rules: LockRules) -> tuple[int, int]:
    """First come, first served; a fixed number of transfers between the releaser and the head of the queue.

    The releasing store takes the line back from the head, which spins on it; the head reads it, then writes it.
    """
    return 0, qspinlock_delay(rules.transfer[lock.holder][lock.waiters[0]], rules.handoff_milli)


def ticket(lock: Waiting, now: int, rules: LockRules) -> tuple[int, int]:
    """First come, first served; all waiters fetch the line one after another, and the winner is on average in the middle.

    After Boyd-Wickizer et al., "Non-scalable locks are dangerous", OLS 2012; the waiters are those at the release.
    """
    row = rules.transfer[lock.holder]
    return 0, ticket_delay(row[lock.waiters[0]], sum(row[waiter] for waiter in lock.waiters))


def tas(lock: Waiting, now: int, rules: LockRules) -> tuple[int, int]:
    """Every waiter tries again when it sees the release: the nearest comes first, any of equals (`tas_delay`, `crowd_delay`).

    Another CPU, the releaser included, may ask for the free lock before. Then the line goes to whose request arrives first
    (`arrives_late`); without arrival_races each of them and of all waiters is as likely; the newcomer always is first if nothing
    races. So it would be by DESIGN's rule, but a waiter would starve beside a CPU that takes the lock again and again: measured,
    29 to 49 % of two such CPUs' refills and flushes were contended (contention_two_cpus_256.csv, limit 12).
    """
    row = rules.transfer[lock.holder]
    way = min(row[waiter] for waiter in lock.waiters)
    nearest = [place for place, waiter in enumerate(lock.waiters) if row[waiter] == way]
    crowd = crowd_delay(sum(row[waiter] for waiter in lock.waiters), len(lock.waiters), rules.spinner_milli)
    return nearest[first_of(lock.drawn, len(nearest))], tas_delay(way, rules) + crowd


def cna(lock: Waiting, now: int, rules: LockRules) -> tuple[int, int]:
    """The first waiter on the preferred node that the queue's head had the time to find; then as qspinlock.

    Compact NUMA-aware locks (Dice and Kogan, EuroSys 2019) as in version 15 of "Add NUMA-awareness to qspinlock" (Alex
    Kogan, linux-kernel, May 2021). A CPU is the queue's head from when its predecessor is granted the lock until it is itself,
    and meanwhile moves waiters of other nodes, one after the other, from behind it to the secondary queue (cna_splice_next costs
    CNA_SPLICE transfers of a waiter's line), but not the last. Who is next when it has the lock is next: whoever came later is
    not looked at. The preference is handed on while anybody is passed over. Once that has been so for the threshold, or nobody
    else waits, those passed over go before the others, for a transfer of their last one's line. All who were passed over
    came before all who were not, so the queue itself keeps the order of arrival. Leaves out priority waiters.
    """
    waiters, joined, place = lock.waiters, lock.joined, lock.passed
    row = rules.transfer[lock.holder]
    splice = 0
    followed = place < len(waiters) and joined[waiters[place]] <= lock.granted_at
    if place and (not followed or cna_threshold_reached(lock.passed_since, now, rules.cna_threshold)):
        splice = row[waiters[place - 1]]
        place = 0
    elif followed:
        if not place:
            lock.passed_since = now
            lock.preferred = rules.node_of_cpu[lock.holder]
        left = lock.granted_at - lock.headed_at
        while place + 1 < len(waiters) and joined[waiters[place + 1]] <= lock.granted_at:
            left -= CNA_SPLICE * row[waiters[place]]
            if left < 0 or rules.node_of_cpu[waiters[place]] == lock.preferred:
                break
            place += 1
    lock.passed = place
    return place, qspinlock_delay(row[waiters[place]], rules.handoff_milli) + splice


DISCIPLINES: Final[Mapping[str, Discipline]] = {
    "tas": Discipline(tas, queued=False, all_spin=True),
    "ticket": Discipline(ticket, all_spin=True),
    "qspinlock": Discipline(qspinlock),
    "cna": Discipline(cna),
}
"""Every discipline by the name that an experiment gives it."""

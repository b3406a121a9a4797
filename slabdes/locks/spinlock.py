# SPDX-License-Identifier: GPL-2.0-only
"""A spinlock's state: its holder and its waiters in order of arrival. The mechanism that every discipline shares.

Time comes from outside: callers say when. Leaves out what an acquisition costs and what is recorded about it.

Hand-offs. A contended lock changes hands in three steps, and in between it is neither free nor held by who will have it:

1. The holder releases it at `now`. The discipline looks at those who wait, and says who is next and how long it takes until
   that one can go on: the stores and loads that pass between the two CPUs. Nothing later changes that delay.
2. Until then a *queued* lock (as qspinlock) belongs to the winner, though it has not begun: who comes meanwhile joins the
   queue. A lock that is not queued (as tas) is free: the winner is only who will try again first. If somebody takes the lock
   before, the winner's attempt comes to nothing, it still waits in its old place, and the next release chooses anew.
3. The winner is granted the lock (`grant`). Only now does it leave the waiters, so that queue lengths, and who spins on the
   line, are right throughout; `granted_at` is where its hold begins. What it waited is split: up to the release, or an earlier
   one that it lost, it waited for others; the hand-off itself is accounted for apart.

`waiters` are in order of arrival, for every discipline. cna does not move those it passes over: the first `passed` of the list
are its secondary queue, since all who were passed over came before all who were not. An engine keeps the same queue in whatever
form it likes; the compiled one chains CPUs to each other and keeps the waiter *before* the winner, to unlink it.

What a write to the lock's line costs while somebody spins on it is asked for at the grant (`spinner`), once a hold: the waiter
that spins may change during it, and following that would need an event for each. If nobody did then, it is asked for once more
at the release, for the share of the hold behind each waiter's arrival (`paths.charges.late_toll`). Where waiters do not
spin on the lock's line (`Discipline.spins`), it costs nothing more, and no waiter races a CPU that finds the lock free.
"""

from __future__ import annotations

from typing import Any, Final

from slabdes.locks.disciplines import LockRules

FREE: Final = -1


class SpinLock:
    """One lock. `granted_at` is when the present holder got it, `headed_at` since when it was next.

    `queue_area` integrates the number of waiters over time.

    `next` is the winner of the last release, at `released_at`, until it is granted the lock, or FREE; `handoff` how long its
    hand-off takes.
    `acquired_by` is the CPU that acquired it last and `acquired_from` the site it did so from: the kernel's
    lock_stat keeps both with each lock. FREE before the first. `acquired_in` is what upkeep that CPU was at, 0 for none.
    """

    __slots__ = (
        "acq_bounces", "acquired_by", "acquired_from", "acquired_in", "changed_at", "con_bounces", "drawn", "granted_at",
        "handoff", "headed_at", "holder", "joined", "line", "next", "passed", "passed_since", "preferred", "queue_area",
        "released_at", "waiters",
    )  # fmt: skip

    def __init__(self, line: int) -> None:
        self.line = line
        self.holder = FREE
        self.acquired_by = self.acquired_from = FREE
        self.acquired_in = 0
        self.con_bounces = self.acq_bounces = 0
        self.granted_at = self.headed_at = 0
        self.waiters: list[int] = []
        self.passed = 0
        self.passed_since = 0
        self.preferred = 0
        self.next = FREE
        self.handoff = 0
        self.released_at = 0
        self.drawn = 0
        self.joined: dict[int, int] = {}
        self.queue_area = 0
        self.changed_at = 0

    def try_acquire(self, cpu: int, now: int) -> bool:
        """Take the lock if it is free, even if others are about to try again; whether it was."""
        if self.holder != FREE:
            return False
        self.holder = cpu
        self.granted_at = self.headed_at = now
        self.next = FREE
        return True

    def join(self, cpu: int, now: int) -> None:
        """Wait behind those who wait already."""
        self._queue_changes(now)
        self.waiters.append(cpu)
        self.joined[cpu] = now

    def release(self, now: int, rules: LockRules) -> tuple[int, int]:
        """Give the lock up at `now`: the CPU that has it next and when, or (FREE, now) if nobody waits.

        The winner still counts as waiting until it is granted the lock: `grant` says when that is so. A lock that is not
        queued is free meanwhile, and whoever takes it before leaves the winner waiting.
        """
        if not self.waiters:
            self.holder = FREE
            return FREE, now
        place, self.handoff = rules.discipline.handoff(self, now, rules)
        self.released_at = now
        self.next = self.waiters[place]
        self.holder = self.next if rules.discipline.queued else FREE
        return self.next, now + self.handoff

    def grant(self, now: int) -> None:
        """The winner of the last release begins to hold the lock."""
        self._queue_changes(now)
        self.holder = self.next
        self.next = FREE
        self.waiters.remove(self.holder)
        self.headed_at = max(self.granted_at, self.joined.pop(self.holder))
        self.granted_at = now

    def spinner(self) -> int:
        """Who spins on the lock's line, if waiters do: the first not passed over, or the first of all; FREE if nobody waits."""
        if not self.waiters:
            return FREE
        return self.waiters[self.passed if self.passed < len(self.waiters) else 0]

    def under_way(self) -> int:
        """Holds that have been asked for and have not ended: a holder may wait still, until its hand-off ends."""
        return len({*self.waiters, self.holder} - {FREE})

    def area_of_the_granted(self) -> int:
        """`queue_area` without what those who still wait have added to it: a run may end before they are granted the lock."""
        return self.queue_area - sum(self.changed_at - since for since in self.joined.values())

    def _queue_changes(self, now: int) -> None:
        self.queue_area += len(self.waiters) * (now - self.changed_at)
        self.changed_at = now


def count_contention(lock: Any, cpu: int) -> None:
    """`cpu` has to wait: lock_stat's con-bounces count waits that begin after another CPU's acquisition (lock_contended)."""
    if lock.acquired_by != cpu:
        lock.con_bounces += 1


def count_acquisition(lock: Any, cpu: int, site: int, upkeep: int) -> None:
    """`cpu` has the lock, from `site`: acq-bounces count acquisitions after another CPU's (lock_acquired)."""
    if lock.acquired_by != cpu and lock.acquired_by != FREE:
        lock.acq_bounces += 1
    lock.acquired_by = cpu
    lock.acquired_from = site
    lock.acquired_in = upkeep

"""A spinlock's state: its holder and its waiters in order of arrival. The mechanism that every discipline shares.

Time comes from outside: callers say when. Leaves out what an acquisition costs and what is recorded about it.
"""

from __future__ import annotations

from typing import Final

from slabdes.locks.disciplines import Handoff, Transfer

FREE: Final = -1


class SpinLock:
    """One lock. `granted_at` is when the present holder got it; `queue_area` integrates the number of waiters over time."""

    __slots__ = ("changed_at", "granted_at", "holder", "joined", "line", "queue_area", "waiters")

    def __init__(self, line: int) -> None:
        self.line = line
        self.holder = FREE
        self.granted_at = 0
        self.waiters: list[int] = []
        self.joined: dict[int, int] = {}
        self.queue_area = 0
        self.changed_at = 0

    def try_acquire(self, cpu: int, now: int) -> bool:
        """Take the lock if it is free; whether it was."""
        if self.holder != FREE:
            return False
        self.holder = cpu
        self.granted_at = now
        return True

    def join(self, cpu: int, now: int) -> None:
        """Wait behind those who wait already."""
        self._queue_changes(now)
        self.waiters.append(cpu)
        self.joined[cpu] = now

    def release(self, now: int, handoff: Handoff, transfer: Transfer, handoff_milli: int) -> tuple[int, int]:
        """Give the lock up at `now`: the CPU that has it next and when, or (FREE, now) if nobody waits.

        The winner still counts as waiting until it is granted the lock: `grant` says when that is so.
        """
        if not self.waiters:
            self.holder = FREE
            return FREE, now
        index, delay = handoff(self.holder, self.waiters, transfer, handoff_milli)
        winner = self.waiters[index]
        self.holder = winner
        return winner, now + delay

    def grant(self, now: int) -> None:
        """The winner of the last release begins to hold the lock."""
        self._queue_changes(now)
        self.waiters.remove(self.holder)
        del self.joined[self.holder]
        self.granted_at = now

    def area_of_the_granted(self) -> int:
        """`queue_area` without what those who still wait have added to it: a run may end before they are granted the lock."""
        return self.queue_area - sum(self.changed_at - since for since in self.joined.values())

    def _queue_changes(self, now: int) -> None:
        self.queue_area += len(self.waiters) * (now - self.changed_at)
        self.changed_at = now

# SPDX-License-Identifier: GPL-2.0-only
"""The reference's books: histograms and contention points of all CPUs and locks, closed at a mark and begun anew.

Leaves out when that is (`engine.marks`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from slabdes.allocator.slub.state import SlubState
from slabdes.allocator.state import SlabState
from slabdes.engine.cpu import TimedCpu
from slabdes.engine.marks import CPU_SUMS, DONE, LOCK_SUMS, Key, Sums, counters_of
from slabdes.engine.records import Histogram
from slabdes.engine.timed import TimedLock
from slabdes.paths.outcome import Path, Upkeep
from slabdes.paths.sites import LockSite


@dataclass(frozen=True)
class LockBook:
    """What was counted of a lock: TimedLock's fields."""

    wait: Histogram
    hold: Histogram
    held_in: list[Histogram]
    behind: list[Histogram]
    points: Counter[tuple[LockSite, LockSite]]


@dataclass(frozen=True)
class CpuBook:
    """What was counted of a CPU: TimedCpu's fields."""

    latency: dict[Key, Histogram]
    response: dict[Key, Histogram] | None
    spent: dict[Path, list[int]]
    irqs_off: Histogram
    irq_wait: Histogram
    turns: list[Histogram]


@dataclass(frozen=True)
class ClosedBook:
    """See `marks.Closed`; locks that did nothing are not in it."""

    cpus: Sequence[CpuBook]
    locks: Mapping[int, LockBook]
    sums: Sums

    @property
    def operations(self) -> Mapping[Key, tuple[int, int]]:
        """Counts and totals of all CPUs."""
        counted: dict[Key, tuple[int, int]] = {}
        for book in self.cpus:
            for key, times in book.latency.items():
                count, total = counted.get(key, (0, 0))
                counted[key] = count + times.count, total + times.total
        return counted

    @property
    def responses(self) -> tuple[int, int]:
        """All together."""
        every = [times for book in self.cpus for times in (book.response or {}).values()]
        return sum(times.count for times in every), sum(times.total for times in every)


class ReferenceBooks:
    """A run's books."""

    def __init__(self, state: SlabState | SlubState, locks: Sequence[TimedLock], cpus: Sequence[TimedCpu]) -> None:
        self._state, self._locks, self._cpus = state, locks, cpus

    def close(self) -> ClosedBook:
        """Everything counted since they were closed last; from here on it is counted anew."""
        locks = {
            number: _close_lock(lock)
            for number, lock in enumerate(self._locks)
            if lock.wait.count or lock.hold.count or lock.points
        }
        return ClosedBook([_close_cpu(cpu) for cpu in self._cpus], locks, self._sums())

    def put_back(self, closed: ClosedBook) -> None:
        """Count that, too."""
        for cpu, mine in zip(self._cpus, closed.cpus, strict=True):
            _merge(cpu.latency, mine.latency)
            if cpu.response is not None:
                _merge(cpu.response, mine.response or {})
            for path, times in mine.spent.items():
                cpu.spent[path] = [one + other for one, other in zip(cpu.spent.get(path, [0] * len(times)), times, strict=True)]
            _merge_each([cpu.irqs_off, cpu.irq_wait, *cpu.turns], [mine.irqs_off, mine.irq_wait, *mine.turns])
        for number, book in closed.locks.items():
            lock = self._locks[number]
            _merge_each([lock.wait, lock.hold, *lock.held_in, *lock.behind], [book.wait, book.hold, *book.held_in, *book.behind])
            lock.points += book.points

    def progress(self, now: int) -> tuple[int, int]:
        """Of all CPUs."""
        done = attrgetter(*DONE)
        waited = sum(cpu.lock_wait + cpu.handoff_time for cpu in self._cpus)
        under_way = sum(now - since for lock in self._locks for since in lock.joined.values())
        return sum(sum(done(cpu)) for cpu in self._cpus), waited + under_way

    def _sums(self) -> Sums:
        of_caches, counters = counters_of(self._state)
        of_cpu, of_lock, of_cache = (attrgetter(*names) for names in (CPU_SUMS, LOCK_SUMS, of_caches))
        locks = []
        for lock in self._locks:
            acquisitions, *others, _area = of_lock(lock)
            locks.append((acquisitions - lock.under_way(), *others, lock.area_of_the_granted()))
        return Sums(
            cpus=[of_cpu(cpu) for cpu in self._cpus],
            read=[cpu.reading for cpu in self._cpus],
            locks=locks,
            caches=[of_cache(counter) for counter in counters],
        )


def _close_cpu(cpu: TimedCpu) -> CpuBook:
    book = CpuBook(cpu.latency, cpu.response, cpu.spent, cpu.irqs_off, cpu.irq_wait, cpu.turns)
    cpu.latency, cpu.response, cpu.spent = {}, None if cpu.response is None else {}, {}
    cpu.irqs_off, cpu.irq_wait, cpu.turns = Histogram(), Histogram(), [Histogram() for _upkeep in Upkeep]
    return book


def _close_lock(lock: TimedLock) -> LockBook:
    book = LockBook(lock.wait, lock.hold, lock.held_in, lock.behind, lock.points)
    lock.wait, lock.hold, lock.points = Histogram(), Histogram(), Counter()
    lock.held_in, lock.behind = ([Histogram() for _upkeep in Upkeep] for _which in range(2))
    return book


def _merge(to: dict[Key, Histogram], more: Mapping[Key, Histogram]) -> None:
    for key, times in more.items():
        to.setdefault(key, Histogram()).merge(times)


def _merge_each(to: Iterable[Histogram], more: Iterable[Histogram]) -> None:
    for one, other in zip(to, more, strict=True):
        one.merge(other)

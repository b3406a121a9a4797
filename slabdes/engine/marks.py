# SPDX-License-Identifier: GPL-2.0-only
"""Where in time a run is counted anew: an engine's books are closed at marks, and those of the warm-up are left out at the end.

And where it is looked at how memory stands. A mark changes nothing that happens: a row of hits ends before it, as before a timer.
Leaves out which books are warm-up (whoever runs an engine says so), and what books are (the engines).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Generic, Protocol, TypeVar

from slabdes.allocator.slub.state import SlubState, SlubStats
from slabdes.allocator.state import CacheStats, SlabState
from slabdes.engine.cpu import NEVER
from slabdes.engine.fields import Account, fields_of
from slabdes.engine.records import Sample, Standing, WarmUp
from slabdes.paths.outcome import Operation, Path
from slabdes.units import MAX_RUN_PS

MOST_BATCHES: Final = 64
"""Batches that a run is divided into at most, and times at which memory is looked at; half as many or more, unless it is shorter
than was expected."""
LEAST_OPERATIONS: Final = 5
"""Of a batch, whose mean says nothing with fewer: the 5 of MSER-5."""
CPU_SUMS: Final = (
    *(name for name in fields_of(Account) if not name.startswith(("digest", "late_"))),
    "interrupts",
    "interrupts_lost",
)
"""What a CPU counts, but for what a run is known by, and lateness, which is judged by its end."""
LOCK_SUMS: Final = ("acquisitions", "contended", "bounces", "con_bounces", "acq_bounces", "queue_area")
STEPS: Final = ("allocs", "frees", "failed", "skipped", "sections")
"""What grows as a CPU's program goes on."""
DONE: Final = ("allocs", "frees", "sections")
"""Operations that have ended."""
CACHE_SUMS: Final = tuple(name for name in fields_of(CacheStats) if name not in ("num_active", "high_mark", "max_freeable"))
"""What the kernel's STATS count; the others say how things stand."""
SLUB_SUMS: Final = tuple(counter.name for counter in fields(SlubStats))
"""SLUB_STATS, all of which count."""

Key = tuple[int, Path]
"""A cache's index and a path, as records have their histograms."""
Judge = Callable[[Sequence[float]], tuple[int, bool]]
"""How many batches are warm-up, given the mean time of operations in each, and whether the rest looks settled."""


@dataclass(frozen=True)
class Marking:
    """What marks are for: with a `judge` a run's warm-up is to be cut, with `samples` memory to be looked at.

    `at_least` is how long the run takes at least, in picoseconds; `also` a time at which there is a mark whatever their distance.
    """

    at_least: int
    judge: Judge | None = None
    samples: bool = False
    also: int = NEVER


@dataclass(frozen=True)
class Sums:
    """Where sums stand that go on, of each CPU (CPU_SUMS), lock (LOCK_SUMS) and cache (`counters_of`) in their order.

    Of a lock, what is under way is not in it: holds and waits are counted where they end. `read` has the time that each CPU has
    spent on descriptors in the operation that it is in.
    """

    cpus: Sequence[Sequence[int]]
    read: Sequence[int]
    locks: Sequence[Sequence[int]]
    caches: Sequence[Sequence[int]]


def counters_of(state: SlabState | SlubState) -> tuple[tuple[str, ...], list[Any]]:
    """The names of what caches count, and what holds them: a record a cache, of SLUB one a cache and CPU."""
    if isinstance(state, SlubState):
        return SLUB_SUMS, [stats for cache in state.caches for stats in cache.stats]
    return CACHE_SUMS, [cache.stats for cache in state.caches]


class Closed(Protocol):
    """What was counted between two marks, and where sums stood at the later one."""

    @property
    def operations(self) -> Mapping[Key, tuple[int, int]]:
        """How many operations ended, and their total time in picoseconds."""
        ...

    @property
    def responses(self) -> tuple[int, int]:
        """The same of response times, all together."""
        ...

    @property
    def sums(self) -> Sums:
        """See there."""
        ...


Book = TypeVar("Book", bound=Closed)


class Books(Protocol[Book]):
    """What an engine counts."""

    def close(self) -> Book:
        """Everything counted since they were closed last; from here on it is counted anew."""
        ...

    def put_back(self, closed: Book, /) -> None:
        """Count that, too."""
        ...

    def progress(self, now: int, /) -> tuple[int, int]:
        """Operations that have ended, and picoseconds that CPUs have waited for locks until `now`, from the run's begin.

        Hand-offs are waits, and so is what is still under way.
        """
        ...


@dataclass(frozen=True)
class Cut:
    """What was left out of a run's books, and where its sums stood then; None if nothing was.

    `in_use` is how many objects of each cache were allocated then, by its index.
    """

    warm_up: WarmUp
    sums: Sums | None
    in_use: Mapping[int, int]

    def leave_out(self, cpus: Sequence[Any], locks: Sequence[Any], state: SlabState | SlubState) -> None:
        """Take it from the sums at the end of the run; each CPU's time begins where its account stood."""
        if self.sums is None:
            return
        for cpu, read in zip(cpus, self.sums.read, strict=True):
            cpu.read_before = read
        of_caches, stats = counters_of(state)
        every = ((CPU_SUMS, cpus, self.sums.cpus), (LOCK_SUMS, locks, self.sums.locks), (of_caches, stats, self.sums.caches))
        for names, ones, before in every:
            for one, were in zip(ones, before, strict=True):
                for name, was in zip(names, were, strict=True):
                    setattr(one, name, getattr(one, name) - was)


class Marks(Generic[Book]):
    """The marks of one run, `next` the coming one (picoseconds). They move apart, by twice, when there are many.

    `samples` are how memory stood at those that are left, at the run's begin and at its end.
    """

    def __init__(self, marking: Marking, books: Books[Book], look: Callable[[], tuple[Standing, ...]]) -> None:
        self._marking, self._books, self._look = marking, books, look
        self._width = max(1, marking.at_least // MOST_BATCHES)
        self._closed: list[tuple[int, Book]] = []
        self.samples: list[Sample] = []
        self._due = self._width
        self.next = min(self._due, marking.also)
        self._sample(0)

    def come(self) -> None:
        """The coming mark is here."""
        if self._marking.judge is not None:
            self._closed.append((self.next, self._books.close()))
        self._sample(self.next)
        also = self._marking.also
        if self.next == self._due:
            if self._due == MOST_BATCHES * self._width:
                self._width *= 2
                self.samples = [sample for sample in self.samples if sample.time % self._width == 0 or sample.time == also]
            self._due += self._width
        self.next = also if self.next < also < self._due else self._due
        if self.next >= MAX_RUN_PS:
            self.next = NEVER

    def _sample(self, now: int) -> None:
        if self._marking.samples:
            self.samples.append(Sample(now, self._look(), *self._books.progress(now)))

    def end(self, now: int) -> Cut | None:
        """The run ends: only what came after the warm-up is put back; None where that is not cut."""
        self._sample(now)
        judge = self._marking.judge
        if judge is None:
            return None
        self._closed.append((now, self._books.close()))
        width, means = self._batches()
        batches, settled = judge(means)
        begin = width * batches
        done: Counter[Key] = Counter()
        cut: Counter[Key] = Counter()
        sums = None
        for time, closed in self._closed:
            counted = {key: count for key, (count, _total) in closed.operations.items()}
            done.update(counted)
            if time <= begin:
                cut.update(counted)
                sums = closed.sums
            else:
                self._books.put_back(closed)
        return Cut(WarmUp(begin, cut.total(), done.total(), settled), sums, _in_use(cut))

    def _all_at_work(self) -> int:
        """Up to which mark every CPU with a program has something of it left: what comes later is another, smaller load."""
        steps = [CPU_SUMS.index(name) for name in STEPS]
        ended: dict[int, int] = {}
        before: Sequence[Sequence[int]] = ()
        begin = 0
        for time, closed in self._closed:
            now = [[sums[step] for step in steps] for sums in closed.sums.cpus]
            for cpu, done in enumerate(now):
                if done != (before[cpu] if before else [0] * len(steps)):
                    ended[cpu] = begin
            before, begin = now, time
        return min(ended.values(), default=begin)

    def _batches(self) -> tuple[int, list[float]]:
        """How long whole batches with enough operations are, and the mean time of the operations in each; none if too few.

        Of the time in which all CPUs are at work.
        """
        arrive = any(closed.responses[0] for _time, closed in self._closed)
        width, until = self._width, self._all_at_work()
        while last := until // width:
            counts, totals = [0] * (last + 1), [0] * (last + 1)
            for time, closed in self._closed:
                batch = min(-(-time // width) - 1, last)
                for count, total in [closed.responses] if arrive else closed.operations.values():
                    counts[batch] += count
                    totals[batch] += total
            if min(counts[:last]) >= LEAST_OPERATIONS:
                return width, [total / count for total, count in zip(totals[:last], counts[:last], strict=True)]
            width *= 2
        return width, []


def _in_use(counted: Mapping[Key, int]) -> dict[int, int]:
    """The objects of each cache that these operations leave allocated."""
    net: Counter[int] = Counter()
    for (cache, path), count in counted.items():
        if path is not Path.FAIL:
            net[cache] += count if path.operation is Operation.ALLOC else -count
    return dict(net)

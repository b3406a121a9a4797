# SPDX-License-Identifier: GPL-2.0-only
"""The compiled engine's books: its tables of histograms and counts, taken out at a mark and filled anew.

Leaves out when that is (`engine.marks`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from slabdes.engine.compiled.account import LEVELS
from slabdes.engine.compiled.layout import N_PATHS, Array, Counts, blank, names_of
from slabdes.engine.compiled.layout import Spent as SpentRecord
from slabdes.engine.compiled.memory import Memory
from slabdes.engine.compiled.pack import no_counts, still_waiting
from slabdes.engine.cpu import NEVER
from slabdes.engine.marks import CPU_SUMS, DONE, LOCK_SUMS, Key, Marks, Sums
from slabdes.engine.records import bucket_of
from slabdes.locks.spinlock import FREE
from slabdes.paths.outcome import Path

_TABLES: Final = (
    ("counts", "buckets"),
    ("response_counts", "response_buckets"),
    ("lock_counts", "lock_buckets"),
    ("irq_counts", "irq_buckets"),
    ("upkeep_counts", None),
)
"""Sums of histograms, and where their buckets are."""

_ACQUISITIONS, _QUEUE_AREA = LOCK_SUMS.index("acquisitions"), LOCK_SUMS.index("queue_area")


@dataclass(frozen=True)
class Table:
    """The histograms that counted anything: which, their sums, and the buckets that are not empty by their place in the table."""

    rows: Array
    counts: Array
    filled: Array
    buckets: Array


@dataclass(frozen=True)
class ClosedBook:
    """See `marks.Closed`."""

    tables: Mapping[str, Table]
    spent: Array
    points: tuple[Array, Array]
    sums: Sums

    @cached_property
    def operations(self) -> Mapping[Key, tuple[int, int]]:
        """Of every cache and path."""
        table = self.tables["counts"]
        rows = zip(table.rows.tolist(), table.counts["count"].tolist(), table.counts["total"].tolist(), strict=True)
        return {(row // N_PATHS - 1, Path(row % N_PATHS)): (count, total) for row, count, total in rows}

    @property
    def responses(self) -> tuple[int, int]:
        """All together."""
        counts = self.tables["response_counts"].counts
        return int(counts["count"].sum()), int(counts["total"].sum())


class CompiledBooks:
    """A run's books; `counters` are the names of what is counted for caches, and how many records hold it (`marks`)."""

    def __init__(self, memory: Memory, counters: tuple[Sequence[str], int]) -> None:
        self._memory = memory
        self._names, self._holders = counters
        self._blank, self._none, self._nothing_spent = blank(Counts, 1), no_counts(1), blank(SpentRecord, 1)

    def close(self) -> ClosedBook:
        """Everything counted since they were closed last; from here on it is counted anew."""
        memory = self._memory
        spent = memory["spent"].copy()
        memory["spent"][:] = self._nothing_spent
        points = memory["lock_points"].reshape(-1)
        begun = points.nonzero()[0]
        waits = points[begun]
        points[begun] = 0
        tables = {counts: self._close_table(counts, buckets) for counts, buckets in _TABLES}
        return ClosedBook(tables, spent, (begun, waits), self._sums())

    def _close_table(self, counts_name: str, buckets_name: str | None) -> Table:
        counts = self._memory[counts_name]
        rows = counts["count"].nonzero()[0]
        kept = counts[rows]
        if not len(rows):
            return Table(rows, kept, rows, rows)
        counts[rows] = self._blank if buckets_name is None else self._none
        if buckets_name is None:
            return Table(rows, kept, rows[:0], rows[:0])
        buckets = self._memory[buckets_name].reshape(len(counts), -1)
        first, last = bucket_of(int(kept["least"].min())), bucket_of(int(kept["greatest"].max()))
        mine = buckets[rows, first : last + 1]
        buckets[rows, first : last + 1] = 0
        row, bucket = mine.nonzero()
        return Table(rows, kept, rows[row] * buckets.shape[1] + first + bucket, mine[row, bucket])

    def put_back(self, closed: ClosedBook) -> None:
        """Count that, too."""
        memory = self._memory
        for name in names_of(SpentRecord):
            memory["spent"][name] += closed.spent[name]
        begun, waits = closed.points
        memory["lock_points"].reshape(-1)[begun] += waits
        for counts_name, buckets_name in _TABLES:
            table, counts = closed.tables[counts_name], memory[counts_name]
            for name in ("count", "total"):
                counts[name][table.rows] += table.counts[name]
            counts["least"][table.rows] = np.minimum(counts["least"][table.rows], table.counts["least"])
            counts["greatest"][table.rows] = np.maximum(counts["greatest"][table.rows], table.counts["greatest"])
            if buckets_name is not None:
                memory[buckets_name].reshape(-1)[table.filled] += table.buckets

    def progress(self, now: int) -> tuple[int, int]:
        """Of all CPUs."""
        cpus, locks = self._memory["cpus"], self._memory["locks"]
        waited = int(cpus["lock_wait"].sum()) + int(cpus["handoff_time"].sum())
        waiting = (still_waiting(self._memory, lock) for lock in locks[locks["waiters"] > 0])
        under_way = sum(now - since for joined in waiting for since in joined.values())
        return sum(int(cpus[name].sum()) for name in DONE), waited + under_way

    def _sums(self) -> Sums:
        cpus, locks = self._memory["cpus"], self._memory["locks"]
        first_touch = cpus["first_touch_time"] + cpus["descriptor_read_time"] - self._memory["accounts"]["first_touch"][::LEVELS]
        of_locks = np.array([locks[name] for name in LOCK_SUMS]).T
        for number in np.flatnonzero(locks["waiters"] + (locks["holder"] != FREE)):
            # As SpinLock.under_way and area_of_the_granted.
            lock = locks[number]
            joined = still_waiting(self._memory, lock)
            of_locks[number, _ACQUISITIONS] -= len({*joined, int(lock["holder"])} - {FREE})
            of_locks[number, _QUEUE_AREA] -= sum(int(lock["changed_at"]) - since for since in joined.values())
        return Sums(
            cpus=_rows(cpus, CPU_SUMS),
            read=np.where(cpus["level"] == 1, first_touch, 0).tolist(),
            locks=of_locks.tolist(),
            caches=_rows(self._memory["stats"][: self._holders], self._names),
        )


def _rows(records: Array, names: Sequence[str]) -> list[list[int]]:
    rows: list[list[int]] = np.array([records[name] for name in names]).T.tolist()
    return rows


def set_marks(memory: Memory, marks: Marks[ClosedBook] | None) -> None:
    """Where compiled code comes back for the coming mark: no CPU's event at or after it comes first, no row of hits passes it."""
    at = NEVER if marks is None else marks.next
    memory.set(mark_at=at, mark_key=at if at == NEVER else at << memory.get("bits"))
    cpus = memory["cpus"]
    timers = [cpus[timer] for timer in ("reap_at", "irq_at", "slabinfo_at", "drain_at", "rcu_at")]
    cpus["timer_at"] = np.where(cpus["in_bulk"], NEVER, np.minimum(np.minimum.reduce(timers), at))

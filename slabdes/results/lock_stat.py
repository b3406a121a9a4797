# SPDX-License-Identifier: GPL-2.0-only
"""What /proc/lock_stat would show of a run's locks: version 0.4 text, from saved frames alone.

All locks of a class are one line, as lockdep counts them; beneath it where waiters waited, then where those had taken the lock
that they waited for. Leaves out addresses: points are functions, all of them, where lockdep keeps the first four addresses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from slabdes.errors import shown
from slabdes.results.frames import LockKind
from slabdes.units import PS_PER_NS, ns_to_ps

if TYPE_CHECKING:
    import polars as pl

CLASSES: Final = {
    LockKind.LIST: "&parent->list_lock",
    LockKind.ALIEN: "&alc->lock",
    LockKind.ZONE: "&zone->lock",
    LockKind.SECTION: "section_lock",
    LockKind.BARN: "&barn->lock",
}
"""Lockdep's names of the classes, as Linux 6.1 prints them; a workload's own lock is no kernel's."""
_OF_SLUB: Final = {LockKind.LIST: "&n->list_lock"}
"""What SLUB's source calls otherwise."""
_TIMES: Final = ("min", "max", "total", "avg")
_COLUMNS: Final = (
    "con-bounces", "contentions", *(f"waittime-{name}" for name in _TIMES),
    "acq-bounces", "acquisitions", *(f"holdtime-{name}" for name in _TIMES),
)  # fmt: skip
_NAME_WIDTH: Final = 40
_WIDTH: Final = 14
_ADDRESS_WIDTH: Final = 29
_NO_ADDRESS: Final = "[<0000000000000000>]"
"""A pointer as kptr_restrict hides it: a model has no addresses."""
_NO_OFFSET: Final = "+0x0/0x0"
"""A place within a function and the function's size, which readers of the format expect."""
_RULE: Final = "-" * (_NAME_WIDTH + 1 + len(_COLUMNS) * (_WIDTH + 1))
_END_OF_POINTS: Final = "." * len(_RULE)
HEADER: Final = (
    f"lock_stat version 0.4\n{_RULE}\n"
    f"{'class name':>{_NAME_WIDTH}} {' '.join(f'{column:>{_WIDTH}}' for column in _COLUMNS)}\n{_RULE}\n\n"
)


@dataclass(frozen=True)
class LockTimes:
    """How many times were measured, and the least, the greatest and their sum in whole nanoseconds, as lockdep keeps them."""

    nr: int = 0
    min_ns: int = 0
    max_ns: int = 0
    total_ns: int = 0

    @property
    def avg_ns(self) -> int:
        """The mean, rounded down as the kernel's division is."""
        return self.total_ns // self.nr if self.nr else 0


@dataclass(frozen=True)
class FunctionCount:
    """How many waits a function had to do with."""

    function: str
    count: int


@dataclass(frozen=True)
class LockClass:
    """One class: its name, how often its locks moved between CPUs (when waited for, when acquired), waits and holds.

    `contention_points`: the functions that waits began in; `contending_points`: those that had acquired the lock last.
    """

    name: str
    con_bounces: int
    acq_bounces: int
    wait: LockTimes
    hold: LockTimes
    contention_points: tuple[FunctionCount, ...] = ()
    contending_points: tuple[FunctionCount, ...] = ()


def lock_classes(locks: pl.DataFrame, points: pl.DataFrame, slub: bool = False) -> list[LockClass]:
    """The classes of one replication's locks that were acquired at all, those with most contentions first, as in the kernel.

    `locks` and `points` are the frames `locks` and `contention_points`; `slub`: the allocator is SLUB.
    """
    names = CLASSES | _OF_SLUB if slub else CLASSES
    rows = [_by_kind(frame) for frame in (locks, points)]
    classes = (_merged(name, *(by_kind.get(kind.label, []) for by_kind in rows)) for kind, name in names.items())
    return sorted((one for one in classes if one.hold.nr), key=lambda one: -one.wait.nr)


def _by_kind(frame: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for row in frame.iter_rows(named=True):
        by_kind.setdefault(row["kind"], []).append(row)
    return by_kind


def _merged(name: str, locks: list[dict[str, Any]], points: list[dict[str, Any]]) -> LockClass:
    return LockClass(
        contention_points=_functions(points, "waiter"),
        contending_points=_functions(points, "holder"),
        name=name,
        con_bounces=sum(lock["con_bounces"] for lock in locks),
        acq_bounces=sum(lock["acq_bounces"] for lock in locks),
        wait=_times(locks, "wait", "contended"),
        hold=_times(locks, "hold", "acquisitions"),
    )


def _functions(points: list[dict[str, Any]], role: str) -> tuple[FunctionCount, ...]:
    """Most waits first: lockdep has them in the order in which they first came, which records do not keep."""
    counts: Counter[str] = Counter()
    for point in points:
        counts[shown(point[role])] += point["count"]
    return tuple(FunctionCount(function, counts[function]) for function in sorted(counts, key=lambda name: (-counts[name], name)))


def _times(locks: list[dict[str, Any]], what: str, counter: str) -> LockTimes:
    taken = [lock for lock in locks if lock[counter]]
    if not taken:
        return LockTimes()
    least = min(ns_to_ps(lock[f"{what}_min_ns"]) for lock in taken)
    greatest = max(ns_to_ps(lock[f"{what}_max_ns"]) for lock in taken)
    total = sum(ns_to_ps(lock[f"{what}_total_ns"]) for lock in taken)
    return LockTimes(sum(lock[counter] for lock in taken), *(round(time / PS_PER_NS) for time in (least, greatest, total)))


def lock_stat_text(classes: Iterable[LockClass]) -> str:
    """The file: times in microseconds with two decimals, points as a kernel that hides addresses and sizes would print them."""
    return HEADER + "".join(_line(one) + _points(one) for one in classes)


def _line(one: LockClass) -> str:
    cells = [one.con_bounces, *_cells(one.wait), one.acq_bounces, *_cells(one.hold)]
    return f"{one.name[: _NAME_WIDTH - 1]:>{_NAME_WIDTH}}:{' '.join(f'{cell:>{_WIDTH}}' for cell in cells)}\n"


def _points(one: LockClass) -> str:
    if not one.wait.nr:
        return ""
    # As the kernel does it: a block that is empty has no rule, and without the second there is no end.
    return _block(one.name, one.contention_points) + _block(one.name, one.contending_points, f"\n{_END_OF_POINTS}\n\n")


def _block(name: str, points: Iterable[FunctionCount], end: str = "") -> str:
    lines = [_point(name, point) for point in points]
    return "".join((f"{'-' * len(name):>{_NAME_WIDTH}}\n", *lines, end)) if lines else ""


def _point(name: str, point: FunctionCount) -> str:
    return f"{name:>{_NAME_WIDTH}} {point.count:>{_WIDTH}} {_NO_ADDRESS:>{_ADDRESS_WIDTH}} {point.function}{_NO_OFFSET}\n"


def _cells(times: LockTimes) -> Iterator[int | str]:
    yield times.nr
    for time in (times.min_ns, times.max_ns, times.total_ns, times.avg_ns):
        # The kernel adds 5 ns and cuts: rounded half up to 10 ns.
        microseconds, rest = divmod(time + 5, 1000)
        yield f"{microseconds}.{rest // 10:02d}"

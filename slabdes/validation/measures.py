# SPDX-License-Identifier: GPL-2.0-only
"""What of a run's records is set beside a measured figure: each measure is one function of one replication's records.

Times in nanoseconds. Leaves out replications and errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from slabdes.engine.records import Operation, Path, Records
from slabdes.errors import InputError, nearest
from slabdes.units import PS_PER_NS

Measure = Callable[[Records], float]


def mean_ns(records: Records, paths: Sequence[Path]) -> float:
    """Mean time of the operations that took one of `paths`, of all caches; NaN if none did."""
    counts, totals = 0, 0
    for (_cache, path), times in records.latency.items():
        if path in paths:
            counts += times.count
            totals += times.total
    return totals / counts / PS_PER_NS if counts else float("nan")


def operation_ns(records: Records, operation: Operation) -> float:
    """Mean time of all operations of a kind."""
    return mean_ns(records, [path for path in Path if path.operation is operation])


def pair_ns(records: Records) -> float:
    """Mean time of an allocation and a free together."""
    return operation_ns(records, Operation.ALLOC) + operation_ns(records, Operation.FREE)


def elapsed_per_object_ns(records: Records) -> float:
    """Time of the whole run over the objects that its busiest CPU freed, think times included."""
    return _each(records, max(cpu.frees for cpu in records.cpus))


def section_ns(records: Records) -> float:
    """Time of the whole run over the critical sections of all CPUs: the reciprocal of their throughput."""
    return _each(records, sum(cpu.sections for cpu in records.cpus))


def _each(records: Records, count: int) -> float:
    return records.elapsed / count / PS_PER_NS if count else float("nan")


PATHS: Final[Mapping[str, tuple[Path, ...]]] = {
    "hit": (Path.HIT,),
    "refill_shared": (Path.SHARED,),
    "refill_partial": (Path.PARTIAL, Path.PARTIAL_FREE),
    "refill_free": (Path.FREE,),
    "grow": (Path.GROW,),
    "free_hit": (Path.FREE_HIT,),
    "flush_shared": (Path.FLUSH_SHARED,),
    "flush_slabs": (Path.FLUSH_LISTS,),
}
"""Paths under one name; a refill that took from both lists began with a partial slab, and counts there."""


def _path_measure(paths: tuple[Path, ...]) -> Measure:
    return lambda records: mean_ns(records, paths)


MEASURES: Final[Mapping[str, Measure]] = {
    "alloc": lambda records: operation_ns(records, Operation.ALLOC),
    "free": lambda records: operation_ns(records, Operation.FREE),
    "pair": pair_ns,
    "elapsed": elapsed_per_object_ns,
    "section": section_ns,
    **{name: _path_measure(paths) for name, paths in PATHS.items()},
}
"""Every measure by its name in tables."""


def measure(name: str, where: str) -> Measure:
    """The measure called `name`. Raises InputError, which begins with `where`, if there is none."""
    if name not in MEASURES:
        raise InputError(f"{where}: {name}", f"not a measure{nearest(name, tuple(MEASURES))}", allowed=", ".join(MEASURES))
    return MEASURES[name]

# SPDX-License-Identifier: GPL-2.0-only
"""What a replay's records say of its load: CPUs that cannot carry it, a backlog, more objects in flight than the trace had.

Sentences, from exact counts. Leaves out what any other workload's load is: only a trace tells what it was really like.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from slabdes.allocator.tunables import alien_limit
from slabdes.engine.records import CacheRecord, CpuRecord, backlog_grows
from slabdes.units import ps_to_ns
from slabdes.workload.programs import Recorded

BUSY: Final = 20
"""A CPU that thinks for less than one part in so many of its time is saturated (assumed)."""
LISTED: Final = 3
"""Caches that are told of, those with most objects first."""


def remarks(recorded: Recorded, cpus: Sequence[CpuRecord], caches: Sequence[CacheRecord], n_nodes: int) -> tuple[str, ...]:
    """What to say of the replay of a trace, beside its results."""
    at_work = [cpu for cpu in cpus if cpu.allocs or cpu.frees or cpu.skipped]
    return (*_backlog(recorded, at_work), *_saturation(recorded, at_work), *_in_flight(recorded, caches, len(cpus), n_nodes))


def _backlog(recorded: Recorded, cpus: Sequence[CpuRecord]) -> Iterator[str]:
    """By how much operations that arrive at recorded times begin late, and whether that grows."""
    if not recorded.arrivals:
        return
    steps = sum(cpu.allocs + cpu.frees + cpu.skipped for cpu in cpus)
    mean = sum(cpu.late_total for cpu in cpus) // max(steps, 1)
    most = max((cpu.late_most for cpu in cpus), default=0)
    yield f"backlog: operations began {_time(mean)} after their recorded times on average, {_time(most)} at most"
    growing = [cpu for cpu in cpus if backlog_grows(cpu.late_last, cpu.late_most, recorded.span_ps)]
    if growing:
        worst = max(growing, key=lambda cpu: cpu.late_last)
        yield (
            f"the backlog grows on {_cpus(len(growing))}, to {_time(worst.late_last)} on CPU {worst.cpu} at the end: more comes "
            "than is served, and times depend on how long the trace is"
        )


def _saturation(recorded: Recorded, cpus: Sequence[CpuRecord]) -> Iterator[str]:
    if not recorded.span_ps:
        return
    busy = [cpu for cpu in cpus if BUSY * cpu.think < cpu.end - cpu.idle - cpu.partner_wait - cpu.slot_wait]
    if busy:
        yield (
            f"saturated: of the time that it does not wait for others, {_cpus(len(busy))} of {len(cpus)} thinks for less than "
            f"{100 // BUSY} %: a higher load is not served faster"
        )


def _in_flight(recorded: Recorded, caches: Sequence[CacheRecord], n_cpus: int, n_nodes: int) -> Iterator[str]:
    """Caches that had more objects allocated at once than the trace: what arrays may hold is not counted."""
    bounded = (
        "without --arrivals recorded, --loop bounded holds them back" if recorded.arrivals else "--loop bounded holds them back"
    )
    found = []
    for cache, most in zip(caches, recorded.most_live, strict=False):
        in_arrays = n_cpus * cache.limit + n_nodes * cache.shared * cache.batchcount
        in_arrays += n_nodes * (n_nodes - 1) * alien_limit(cache.limit)
        if (beyond := cache.high_mark - in_arrays) > most:
            found.append((beyond, most, cache.name))
    for beyond, most, name in sorted(found, reverse=True)[:LISTED]:
        yield (
            f"{name}: at least {beyond:,} objects were allocated at once, {most:,} in the trace: CPUs that allocate ran ahead of "
            f"those that free; {bounded}"
        )


def _cpus(count: int) -> str:
    return f"{count} CPU{'s' if count != 1 else ''}"


def _time(ps: int) -> str:
    for power, name in ((9, "ms"), (6, "µs")):
        if ps >= 10**power:
            return f"{ps / 10**power:,.1f} {name}"
    return f"{ps_to_ns(ps):.0f} ns"

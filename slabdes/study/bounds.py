# SPDX-License-Identifier: GPL-2.0-only
"""What a study takes of this computer, estimated before any of it is spent: what does not fit is refused.

Crude, good to a factor of four, and nothing but a refusal hangs on it. Leaves out what Python and its libraries take.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slabdes.config import (
    ArrivalsWorkload,
    BurstWorkload,
    EngineName,
    Experiment,
    MixWorkload,
    ProducerConsumerWorkload,
    TraceWorkload,
)
from slabdes.engine.laid_out import laid_out
from slabdes.errors import Impossible, InputError
from slabdes.folders import input_errors
from slabdes.study.memory import GIB, LINE_TRANSFER_BYTES, frames_bytes, memory_bytes, records_bytes
from slabdes.study.plan import PlannedPoint

SECONDS_AN_OPERATION: Final = {EngineName.REFERENCE: 2e-5, EngineName.COMPILED: 3e-8}
"""Measured on a 2.5 GHz Xeon; of the reference, an operation of `study/effort`."""
MOST_DAYS: Final = 7
"""Of all processes together: what takes longer is taken for a slip (a choice)."""
WORD_BYTES: Final = {EngineName.REFERENCE: 10, EngineName.COMPILED: 30}
LINE_BYTES: Final = {EngineName.REFERENCE: 20, EngineName.COMPILED: 40}
OBJECT_BYTES: Final = {EngineName.REFERENCE: 160, EngineName.COMPILED: 60}
SLAB_BYTES: Final = 1000
LOCK_BYTES: Final = {EngineName.REFERENCE: 1000, EngineName.COMPILED: 20_000}
"""Of a pointer in an array, a cache line, an object that a program holds, a slab, a lock (measured)."""
RUN_BYTES: Final = {EngineName.REFERENCE: 1 << 20, EngineName.COMPILED: 4 << 20}
"""Of any run (measured)."""
LOG_BYTES: Final = 8
HOLD_BYTES: Final = 11
"""On disk, of an operation in an event log, and of the hold that goes with one where every operation takes a lock (measured)."""
_DAY_S: Final = 86_400


@dataclass(frozen=True)
class Need:
    """Bytes of one part of a run: what it is, and which key of the experiment makes it large."""

    key: str
    what: str
    bytes: int


def check_bounds(points: Sequence[PlannedPoint], engines: Mapping[int, EngineName], jobs: int, where: str | None = None) -> None:
    """Raise Impossible, which begins with `where` if it is given, for a study that takes more memory than there is, or weeks."""
    begin = "" if where is None else f"{where}: "
    tasks = sum(point.experiment.replications for point in points)
    at_once = max(1, min(jobs, tasks))
    there = memory_bytes()
    results = kept(points)
    for point in points:
        needs = [(need, at_once) for need in needed(point, engines[point.index])] + [(need, 1) for need in results]
        if sum(need.bytes * times for need, times in needs) > there:
            worst, times = max(needs, key=lambda pair: pair[0].bytes * pair[1])
            problem = f"{worst.what} take about {_gib(worst.bytes)}" + (f" in each of {times} jobs" if times > 1 else "")
            fewer = "; fewer --jobs, or a smaller experiment" if times > 1 else ""
            raise Impossible(begin + worst.key, problem, allowed=f"the {_gib(there)} that this computer has{fewer}")
    days = sum(_seconds(point, engines[point.index]) for point in points) / _DAY_S
    if days > MOST_DAYS:
        slow = any(engine is EngineName.REFERENCE for engine in engines.values())
        other = ', engine = "compiled"' if slow else ""
        allowed = f"{MOST_DAYS} days; fewer operations or points{other}"
        raise Impossible(f"{begin}workload", f"would take about {days:,.0f} days", allowed)


def check_disk(points: Sequence[PlannedPoint], done: Collection[tuple[int, int]], folder: Path, where: str | None = None) -> None:
    """Raise InputError if the event logs of replications that are not `done` do not fit where `folder` lies."""
    size = sum(
        _log_bytes(point) * sum((point.index, replication) not in done for replication in range(point.experiment.replications))
        for point in points
        if point.experiment.log
    )
    with input_errors(folder):
        there = shutil.disk_usage(folder).free
    if size > there:
        begin = "" if where is None else f"{where}: "
        allowed = f"the {_gib(there)} that are free at {folder}; fewer operations or replications, or log = false"
        raise InputError(f"{begin}log", f"event logs take about {_gib(size)}", allowed)


def _log_bytes(point: PlannedPoint) -> int:
    holds = not isinstance(point.experiment.workload, MixWorkload | BurstWorkload | TraceWorkload)
    return point.operations * (LOG_BYTES + (HOLD_BYTES if holds else 0))


def kept(points: Sequence[PlannedPoint]) -> list[Need]:
    """What results take: records of the point that has most, as long as replications of it are missing, and all frames."""
    records = []
    for point in points:
        one = records_bytes(point.machine.n_cpus, point.machine.n_nodes, len(point.caches))
        records.append((point.experiment.replications * one, point.experiment.replications))
    most, replications = max(records)
    frames = frames_bytes(sum(size for size, _replications in records))
    return [
        Need("replications", f"results of {replications:,} replications", most),
        Need("sweep" if len(points) > 1 else "replications", f"results of {len(points):,} points", frames),
    ]


def needed(point: PlannedPoint, engine: EngineName) -> list[Need]:
    """What one replication of a point takes, by parts."""
    experiment, machine = point.experiment, point.machine
    cpus, nodes = machine.n_cpus, machine.n_nodes
    needs = [Need("machine", f"line transfers between {cpus} CPUs", LINE_TRANSFER_BYTES * cpus * cpus)]
    held = _held(experiment, point.cpus)
    # No more objects than the machine has memory for, whichever cache they are of.
    most = 0
    for cache in point.caches:
        spec = laid_out(experiment, machine, cache)
        size = spec.pointers * WORD_BYTES[engine] + spec.lines * LINE_BYTES[engine]
        needs.append(Need(f"cache.{cache.name}.{spec.key}", f"arrays for {spec.pointers:,} objects", size))
        needs.append(Need("machine", f"locks of {nodes} nodes", spec.locks * LOCK_BYTES[engine]))
        slabs = sum(pages >> spec.order for pages in machine.memory_pages)
        fit = min(held, slabs * spec.num)
        most = max(most, fit * (WORD_BYTES[engine] + SLAB_BYTES // spec.num))
    needs.append(Need("workload", "a run", RUN_BYTES[engine]))
    needs.append(Need("workload", f"{held:,} objects at a time", most + held * OBJECT_BYTES[engine]))
    return needs


def _held(experiment: Experiment, cpus: int) -> int:
    """Objects that programs and interrupt handlers hold at most; those of a trace are as many as its file has lines."""
    held = 0
    match experiment.workload:
        case BurstWorkload(objects=objects):
            held = objects * cpus
        case MixWorkload(live=live) | ArrivalsWorkload(of="mix", live=live):
            held = 2 * live * cpus
        case ProducerConsumerWorkload(window=window):
            held = window * (cpus // 2)
    if experiment.interrupts is not None:
        held += (experiment.interrupts.keep + experiment.interrupts.objects) * cpus
    return held


def _seconds(point: PlannedPoint, engine: EngineName) -> float:
    operations = point.operations if engine is EngineName.COMPILED else point.effort
    return operations * point.experiment.replications * SECONDS_AN_OPERATION[engine]


def _gib(size: int) -> str:
    return f"{size / GIB:,.0f} GiB" if size >= GIB else f"{size / GIB:,.2g} GiB"

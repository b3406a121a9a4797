# SPDX-License-Identifier: GPL-2.0-only
"""How a replay's answer depends on its load, which its think times decide; and what is replayed where nothing is said.

A few loads, one replication each, from the recorded one up to no think times. Leaves out intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from typing import Any, Final

from slabdes.config import Experiment, TraceWorkload, parse_experiment
from slabdes.machine import presets_with
from slabdes.results.text import Sheet, count_text, share_text, time_text
from slabdes.scan.trace import index_large
from slabdes.study.plan import Phase
from slabdes.study.run import run_study
from slabdes.workload.trace.kernel import guess_kernel

THINKS: Final = ("1x", "0.3x", "0.1x", "0.03x", "0.01x", "0.003x", "0.001x", "none")
"""From the recorded load to a thousand times it, about three to the next; then as fast as can be."""
MARKS: Final = (0.1, 0.5)
"""Shares of time spent waiting whose loads are told."""
MOST_OPERATIONS: Final = 1_000_000
"""Of one replication, so that all loads together take a minute at most (assumed)."""


LOAD_TITLE: Final = "the answer by load (waiting for locks, and for the other side: shares of CPU time; one replication each)"


@dataclass(frozen=True)
class LoadPoint:
    """A replay at one load, in multiples of the recorded one; None without think times. Shares are of CPUs' time at work."""

    load: float | None
    operations_per_s: float
    alloc_mean_ns: float | None
    free_mean_ns: float | None
    waiting: float
    partner_wait: float


def answers_with_load(experiment: Experiment, operations: int) -> bool:
    """Whether the loads are run: of one replay with think times that is not too long."""
    config = experiment.workload
    return isinstance(config, TraceWorkload) and not experiment.sweep and config.think != "none" and operations <= MOST_OPERATIONS


def load_points(experiment: Experiment, jobs: int = 1, phase: Phase | None = None) -> list[LoadPoint]:
    """Run a replay at each load."""
    raw: dict[str, Any] = experiment.model_dump(mode="json", exclude_unset=True)
    raw |= {"replications": 1, "log": False, "sweep": {"workload.think": list(THINKS)}}
    run = run_study(parse_experiment(raw, "load"), jobs=jobs, phase=phase)
    times: dict[int, dict[str, Any]] = {}
    for row in run.summary().iter_rows(named=True):
        times.setdefault(row["point"], {})[row["op"]] = row
    shares = {row["point"]: row["partner_wait"] for row in run.where_time_went().iter_rows(named=True)}
    points = []
    for point, think in enumerate(THINKS):
        rows = times[point]
        one = next(iter(rows.values()))
        alloc, free = (rows[op]["mean_ns"] if op in rows else None for op in ("alloc", "free"))
        load = None if think == "none" else 1 / float(think[:-1])
        points.append(LoadPoint(load, one["operations_per_s"], alloc, free, one["share_waiting"], shares[point]))
    return points


def load_at(points: Sequence[LoadPoint], share: float) -> float | None:
    """The load at which waiting reaches `share`, between the loads that were run; None where it does not."""
    before: tuple[float, float] | None = None
    for point in points:
        if point.load is None:
            break
        if point.waiting >= share:
            if before is None:
                return point.load
            part = (share - before[1]) / (point.waiting - before[1])
            return exp(log(before[0]) + part * (log(point.load) - log(before[0])))
        before = point.load, point.waiting
    return None


def load_sentence(points: Sequence[LoadPoint]) -> str:
    """The answer as a function of load."""
    told = f"At the recorded load CPUs spend {share_text(points[0].waiting)} of their time waiting for locks"
    reached = [(share, load) for share in MARKS if (load := load_at(points, share)) is not None]
    for share, load in reached:
        told += f", {share_text(share)} at {_times(load)} that load" if load > 1 else ""
    if len(reached) < len(MARKS):
        told += f", and {share_text(points[-1].waiting)} where they do not think at all"
    return f"{told}. Nothing but think times tells the load: do not quote one of these without it."


def load_sheet(points: Sequence[LoadPoint]) -> Sheet:
    """A row a load."""
    rows = (
        (
            "no think" if point.load is None else _times(point.load),
            count_text(point.operations_per_s),
            time_text(point.alloc_mean_ns),
            time_text(point.free_mean_ns),
            share_text(point.waiting),
            share_text(point.partner_wait),
        )
        for point in points
    )
    return Sheet(LOAD_TITLE, ("load", "operations/s", "mean alloc", "mean free", "for locks", "other side"), 1, tuple(rows))


def _times(load: float) -> str:
    return f"{load:,.0f}x" if load >= 9.5 else f"{load:.1f}x"


def assumed_machine(trace: Path) -> tuple[str, str]:
    """The machine of a replay that names none, and why: the smallest preset with the trace's CPUs; `host` if none has so many."""
    cpus = len(index_large(trace).events_per_cpu)
    if fit := presets_with(cpus):
        return fit[0].name, f"machine {fit[0].name}: the smallest preset with the trace's {cpus} CPUs; --machine names another"
    return "host", f"machine host: no preset has the trace's {cpus} CPUs; --machine names another"


def assumed_allocator(trace: Path) -> tuple[str, str]:
    """The allocator of a replay that names none, and why."""
    guess = guess_kernel(trace)
    why = f"the trace seems to be of a kernel {guess.versions} ({guess.why})"
    return guess.allocator, f"allocator {guess.allocator}: {why}; --allocator names another"

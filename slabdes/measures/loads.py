# SPDX-License-Identifier: GPL-2.0-only
"""A replay at several loads: its figures with intervals, and the load at which waiting reaches a share of the CPUs' time.

Leaves out running the loads (`study.load`), and words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, inf, log
from typing import Any, Final

from slabdes.measures.causes import Split, accounts, splits
from slabdes.measures.estimates import Estimated, interval_of, plain
from slabdes.results import metrics
from slabdes.results.frames import Frames
from slabdes.stats.intervals import CONFIDENCE, Interval, section_interval

MARKS: Final = (0.1, 0.5)
"""Shares of time spent waiting whose loads are told."""


@dataclass(frozen=True)
class LoadFigures:
    """A replay at one load, in multiples of the recorded one; None without think times. Shares are of CPUs' time at work."""

    load: float | None
    operations_per_s: Interval
    alloc_mean_ns: Interval | None
    free_mean_ns: Interval | None
    waiting: Interval
    partner_wait: Interval

    def plain(self) -> dict[str, Any]:
        """Plain values, and their intervals by name."""
        figures = {name: value for name, value in vars(self).items() if isinstance(value, Interval) or value is None}
        figures.pop("load", None)
        values = {name: None if figure is None else figure.value for name, figure in figures.items()}
        intervals = {name: plain(figure) for name, figure in figures.items() if figure is not None}
        return {"load": self.load, **values, "intervals": intervals}

    @classmethod
    def of_plain(cls, told: Mapping[str, Any]) -> LoadFigures:
        """The figures whose plain values these are. Raises KeyError or TypeError where they are none."""
        kept = {name: interval_of(figure) for name, figure in told["intervals"].items()}
        rate, waiting, partner = (kept[name] for name in ("operations_per_s", "waiting", "partner_wait"))
        return cls(told["load"], rate, kept.get("alloc_mean_ns"), kept.get("free_mean_ns"), waiting, partner)


@dataclass(frozen=True)
class LoadPoint(LoadFigures):
    """The same with what crossings and causes are made from."""

    alone: tuple[float, ...]
    """The waiting of each replication."""
    split: Split
    """What the time of operations is spent on."""


@dataclass(frozen=True)
class KeptLoads:
    """What a replay's folder has of its loads: the `answer`, a sentence each, and the figures of `replications` of each load."""

    answer: tuple[str, ...]
    points: tuple[LoadFigures, ...]
    replications: int


@dataclass(frozen=True)
class Crossing:
    """The load at which waiting reaches `share`, in multiples of the recorded one, and the ends of its interval.

    They are None where that is not known: from one replication, and where one of several does not reach it.
    """

    share: float
    load: float
    low: float | None
    high: float | None
    replications: int
    level: float = CONFIDENCE


@dataclass(frozen=True)
class ByLoad:
    """A replay at several loads, from the recorded one up, with `replications` of each, of `operations` of the trace's `of`."""

    points: tuple[LoadPoint, ...]
    replications: int
    operations: int
    of: int
    left: int = 0
    """Loads that were to be run and were not."""

    def crossings(self) -> list[Crossing]:
        """Where waiting reaches each of MARKS, as far as it does."""
        found = (crossing(self.points, share) for share in MARKS)
        return [one for one in found if one is not None]

    def plain(self) -> dict[str, Any]:
        """Plain values for a program: the loads under `by_load`, then the crossings and what was run."""
        return {
            "by_load": [point.plain() for point in self.points],
            "load_crossings": [vars(one) for one in self.crossings()],
            "by_load_of": {"replications": self.replications, "operations": self.operations, "of": self.of, "left": self.left},
        }


def load_point(load: float | None, frames: Frames) -> LoadPoint:
    """The figures of a run with one point, at this load."""
    figures = Estimated(frames)
    (rate,), (spent,) = figures.rows("rates"), figures.rows("time")
    means = {row["op"]: row.intervals["mean_ns"] for row in figures.rows("summary")}
    return LoadPoint(
        load,
        rate.intervals["operations_per_s"],
        means.get("alloc"),
        means.get("free"),
        rate.intervals["share_waiting"],
        spent.intervals["partner_wait"],
        tuple(metrics.rates(frames)["share_waiting"].to_list()),
        splits(next(iter(accounts(frames).values()))),
    )


def crossing(points: Sequence[LoadPoint], share: float) -> Crossing | None:
    """The load at which waiting reaches `share`; None where it does not before there are no think times.

    Between two loads waiting is taken to rise evenly with the load's logarithm. The interval is that of the logarithm, from the
    load at which each replication alone reaches the share.
    """
    loads = [point.load for point in points if point.load is not None]
    load = load_at(loads, [point.waiting.value for point in points], share)
    if load is None:
        return None
    repeated = min(len(point.alone) for point in points)
    alone = [load_at(loads, [point.alone[number] for point in points], share) for number in range(repeated)]
    known = [log(one) for one in alone if one is not None]
    if len(known) < max(repeated, 2) or load <= loads[0]:
        return Crossing(share, load, None, None, repeated)
    interval = section_interval(log(load), known, CONFIDENCE, log(loads[0]), inf)
    assert interval.low is not None and interval.high is not None
    return Crossing(share, load, exp(interval.low), exp(interval.high), repeated)


def load_at(loads: Sequence[float], waiting: Sequence[float], share: float) -> float | None:
    """The load at which waiting reaches `share`, between the loads that were run; None where it does not."""
    before: tuple[float, float] | None = None
    for load, waited in zip(loads, waiting, strict=False):
        if waited >= share:
            if before is None:
                return load
            part = (share - before[1]) / (waited - before[1])
            return exp(log(before[0]) + part * (log(load) - log(before[0])))
        before = load, waited
    return None

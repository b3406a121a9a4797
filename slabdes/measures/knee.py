# SPDX-License-Identifier: GPL-2.0-only
"""Where response times bend along a sweep of rates, and up to which rate what arrives is served.

The knee is the load of most power, operations a second over mean response time (Kleinrock, Power and Deterministic Rules of
Thumb for Probabilistic Problems in Computer Communications, ICC 1979): beyond it, time is given for throughput at a loss; of
M/M/1 it is half of what can be served. Leaves out loads between those that were run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from slabdes.measures.estimates import Estimated, Row, apart
from slabdes.results import metrics
from slabdes.results.response import RATE, loads

LEAST_LOADS: Final = 3
"""Of a line on which a knee can be seen."""
MAJORITY: Final = 0.5
"""Of a point's replications: where the backlog grows in more of them, more arrives than is served."""


@dataclass(frozen=True)
class Line:
    """The loads of one line of a sweep, from the least offered on, and what is known of their knee.

    `knee` is its place among `rows`, `low` and `high` the least and greatest of the single replications' own. `carried`: the
    place of the greatest load up to which the backlog grows in no majority of replications; None where the least one's does.
    """

    rows: tuple[Row, ...]
    knee: int
    low: int
    high: int
    carried: int | None

    @property
    def is_within(self) -> bool:
        """Whether there are loads on both sides of the knee: else it may lie beyond them."""
        return 0 < self.knee < len(self.rows) - 1


def load_lines(figures: Estimated) -> list[Line]:
    """The lines of a run that sweeps rates of arrivals, in the order of their points; those of too few loads are left out."""
    frames = figures.frames
    if RATE not in frames.points.columns:
        return []
    keys = metrics.series_keys(frames, RATE)
    lines: dict[tuple[Any, ...], list[Row]] = {}
    for row in figures.rows("loads"):
        lines.setdefault(tuple(row[key] for key in keys), []).append(row)
    separate, whose = apart(frames)
    alone: dict[int, dict[int, Mapping[str, Any]]] = {}
    for one in loads(separate).iter_rows(named=True):
        point, replication = whose[one["point"]]
        alone.setdefault(point, {})[replication] = one
    return [_line(rows, alone) for rows in lines.values() if len({row["offered_per_s"] for row in rows}) >= LEAST_LOADS]


def overloaded(row: Row) -> bool:
    """Whether more arrives than is served, by a row of `response` or `loads`."""
    return bool(row["growing"] > MAJORITY)


def _line(rows: Iterable[Row], alone: Mapping[int, Mapping[int, Mapping[str, Any]]]) -> Line:
    ordered = sorted(rows, key=lambda row: float(row["offered_per_s"]))
    each = [alone[row["point"]] for row in ordered]
    in_all = set.intersection(*({*runs} for runs in each))
    single = [_most_power([runs[number] for runs in each]) for number in sorted(in_all)] or [_most_power(ordered)]
    growing = next((place for place, row in enumerate(ordered) if overloaded(row)), len(ordered))
    return Line(tuple(ordered), _most_power(ordered), min(single), max(single), growing - 1 if growing else None)


def _most_power(rows: Sequence[Row | Mapping[str, Any]]) -> int:
    """The place of the load of most power; the first of equals."""
    powers = [row["operations_per_s"] / row["mean_ns"] if row["mean_ns"] else 0.0 for row in rows]
    return powers.index(max(powers))

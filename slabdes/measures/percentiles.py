# SPDX-License-Identifier: GPL-2.0-only
"""Why a percentile is what it is: a mean has parts, a percentile has a place, which operations of some paths fill.

Around p99, say, are the operations between p98.5 and p99.5. Which paths they took, and how many of all do, says why it moves
when a setting changes. Where the times just below and just above lie far apart, the percentile stands on an edge between two
paths: a little more of either moves it from one to the other. Leaves out what the time on a path is spent on (`causes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from slabdes.results.frames import Frames
from slabdes.results.quantiles import QUANTILES, cumulated
from slabdes.words import RESPONSE

AROUND: Final = 0.5
"""Half the width of a percentile's surroundings, as a share of the tail that it cuts off: of p99, half a percent (a choice)."""
NUDGE: Final = 0.1
"""By what share of itself the tail may turn out greater or smaller without anybody's surprise (assumed)."""
EDGE: Final = 1.5
"""A percentile that this moves by so many times stands on an edge (assumed)."""


@dataclass(frozen=True)
class Placed:
    """A percentile among the paths of its operation.

    `near`: shares by path of the operations around it, the greatest first; `of_all`: shares by path of all operations;
    `below_ns` and `above_ns`: what it would be if a share NUDGE fewer or more operations were slow.
    """

    near: Mapping[str, float]
    of_all: Mapping[str, float]
    below_ns: float
    above_ns: float

    @property
    def on_edge(self) -> bool:
        """Whether a little more or less of a tail moves it far."""
        return self.above_ns > EDGE * self.below_ns


def placed(frames: Frames) -> dict[int, dict[str, Placed]]:
    """Each percentile of each operation's times at each point, by the measure's name; of response times, too."""
    found: dict[int, dict[str, Placed]] = {point: {} for point in frames.point_numbers()}
    for histogram, after in ((frames.latency, ""), (frames.response, RESPONSE)):
        by_path = cumulated(histogram, ["point", "op", "path"])
        for (point, op), rows in by_path.group_by("point", "op", maintain_order=True):
            buckets = sorted(rows.select("middle_ns", "path", "count").iter_rows())
            for name, q in QUANTILES.items():
                found[int(str(point))][f"{op}{after}_{name}"] = _placed(buckets, q)
    return found


def _placed(buckets: list[tuple[float, str, int]], q: float) -> Placed:
    """`buckets` in rising order of time."""
    total = sum(count for _time, _path, count in buckets)
    tail = 1 - q
    first, last = total * (q - AROUND * tail), total * (q + AROUND * tail)
    near: dict[str, float] = {}
    of_all: dict[str, float] = {}
    reached = 0
    for _time, path, count in buckets:
        inside = min(reached + count, last) - max(reached, first)
        if inside > 0:
            near[path] = near.get(path, 0.0) + inside / (last - first)
        of_all[path] = of_all.get(path, 0.0) + count / total
        reached += count
    below, above = (_at(buckets, total * (1 - tail * (1 + nudge))) for nudge in (NUDGE, -NUDGE))
    ranked = dict(sorted(near.items(), key=lambda item: -item[1]))
    return Placed(ranked, of_all, below, above)


def _at(buckets: list[tuple[float, str, int]], rank: float) -> float:
    """The time that `rank` operations do not exceed."""
    reached = 0
    for time, _path, count in buckets:
        reached += count
        if reached >= rank:
            return time
    return buckets[-1][0]

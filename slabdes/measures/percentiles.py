# SPDX-License-Identifier: GPL-2.0-only
"""Why a percentile is what it is: a mean has parts, a percentile has a place, which operations of some paths fill.

Around p99, say, are the operations between p98.5 and p99.5. Which paths they took, and how many of all do, says why it moves
when a setting changes. Where they took several, and single replications have the percentile on different ones, it stands on an
edge between paths: a little more of either moves it from one to the other. Leaves out what time on a path is spent on (`causes`).
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
LEAST_NEAR: Final = 0.05
"""The share of a percentile's surroundings from which a path is one of those that it lies among (assumed)."""
EDGE: Final = 1.5
"""A percentile is on an edge between paths if replications' own differ by so many times (assumed)."""


@dataclass(frozen=True)
class Placed:
    """A percentile among the paths of its operation.

    `near`: shares by path of the operations around it, the greatest first, those that are worth a name; `of_all`: shares by path
    of all operations; `least_ns` and `most_ns` of what single replications have for it.
    """

    near: Mapping[str, float]
    of_all: Mapping[str, float]
    least_ns: float
    most_ns: float

    @property
    def on_edge(self) -> bool:
        """Whether it lies between paths, and far off in some replications."""
        return len(self.near) > 1 and self.most_ns > EDGE * self.least_ns


def placed(frames: Frames, point: int, each: Mapping[str, Mapping[int, float]]) -> dict[str, Placed]:
    """Each percentile of each operation's times at a point, by the measure's name; of response times, too.

    `each` has the measures of each replication.
    """
    found: dict[str, Placed] = {}
    for histogram, after in ((frames.latency, ""), (frames.response, RESPONSE)):
        by_path = cumulated(histogram.filter(point=point), ["op", "path"])
        for (op,), rows in by_path.group_by("op", maintain_order=True):
            buckets = rows.sort("middle_ns").select("path", "count").rows()
            for name, q in QUANTILES.items():
                if own := each.get(measure := f"{op}{after}_{name}"):
                    found[measure] = _placed(buckets, q, own)
    return found


def _placed(buckets: list[tuple[str, int]], q: float, own: Mapping[int, float]) -> Placed:
    """`buckets` in rising order of time."""
    total = sum(count for _path, count in buckets)
    half = AROUND * min(q, 1 - q)
    first, last = total * (q - half), total * (q + half)
    near: dict[str, float] = {}
    of_all: dict[str, float] = {}
    reached = 0
    for path, count in buckets:
        inside = min(reached + count, last) - max(reached, first)
        near[path] = near.get(path, 0.0) + max(inside, 0.0) / (last - first)
        of_all[path] = of_all.get(path, 0.0) + count / total
        reached += count
    ranked = sorted(near.items(), key=lambda item: -item[1])
    return Placed({path: part for path, part in ranked if part >= LEAST_NEAR}, of_all, min(own.values()), max(own.values()))

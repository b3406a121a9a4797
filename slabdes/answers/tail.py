# SPDX-License-Identifier: GPL-2.0-only
"""What a percentile consists of: which paths the operations around it take, and what their time goes to.

Parts of time are known by path, not by operation: of operations around a percentile they are those of the paths that these take.
Leaves out whether the percentile itself is sure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from slabdes.answers.causes import LITTLE, PART_WORDS, edges
from slabdes.answers.figures import listed, point_name, share_interval
from slabdes.measures.estimates import apart
from slabdes.measures.names import by_replication
from slabdes.measures.percentiles import placed
from slabdes.results.frames import SPENT_PARTS
from slabdes.results.text import share_text
from slabdes.stats.intervals import section_interval

if TYPE_CHECKING:
    import polars as pl

    from slabdes.answers.view import View

MOST_PARTS: Final = 3
MOST_PATHS: Final = 4
_NS: Final = [f"{part}_ns" for part in SPENT_PARTS]


def tail_answer(view: View, point: int) -> Iterator[str]:
    """What the p99 of the operation that takes most of the time consists of; and which p99s stand on an edge between paths."""
    frames = view.run.frames.of_points([point])
    known = [row["op"] for row in view.figures.rows("summary") if row["point"] == point and row["p99_ns"] is not None]
    if not known:
        return
    each = by_replication(*apart(frames))[point]
    places = placed(frames, point, each)
    spent = frames.spent
    took = {op: float(spent.filter(spent["op"] == op).select(_NS).to_numpy().sum()) for op in known}
    op = max(took, key=lambda one: took[one])
    name = point_name(view.run.frames, point)
    if place := places.get(f"{op}_p99_ns"):
        near = dict([*place.near.items()][:MOST_PATHS])
        paths = listed([path if share >= 1 - LITTLE else f"{path} ({share_text(share)})" for path, share in near.items()])
        whose = f"Around p99 of {op}{f' with {name}' if name else ''}"
        yield f"{whose} operations take the path{'s' * (len(near) > 1)} {paths}; there {_parts(spent, op, near)}."
    if view.run.manifest.replications > 1:
        yield from edges([f"{one}_p99_ns" for one in known], {name: places})


def _parts(spent: pl.DataFrame, op: str, near: Mapping[str, float]) -> str:
    """What the time on these paths goes to, each with its part of the operations: the greatest shares, with intervals."""
    pooled = _shares(spent, op, near)
    sections = [_shares(one, op, near) for _number, one in spent.group_by("replication", maintain_order=True)]
    greatest, *others = sorted(pooled, key=lambda part: -pooled[part])[:MOST_PARTS]

    def told(part: str, of: str = "") -> str:
        interval = section_interval(pooled[part], [one[part] for one in sections], least=0.0, most=1.0)
        return f"{share_interval(pooled[part], interval)} {of}{PART_WORDS[part]}"

    return listed([told(greatest, "of the time is "), *(told(part) for part in others if pooled[part] >= LITTLE)])


def _shares(spent: pl.DataFrame, op: str, near: Mapping[str, float]) -> dict[str, float]:
    """The share of each part of the time on these paths, which are weighed by their part of the operations."""
    found = dict.fromkeys(SPENT_PARTS, 0.0)
    weighed = 0.0
    for path, weight in near.items():
        sums = spent.filter((spent["op"] == op) & (spent["path"] == path)).select(_NS).sum()
        total = float(sums.to_numpy().sum()) if sums.height else 0.0
        if total:
            weighed += weight
            for part, ns in zip(SPENT_PARTS, sums.row(0), strict=True):
                found[part] += weight * ns / total
    return {part: share / weighed if weighed else 0.0 for part, share in found.items()}

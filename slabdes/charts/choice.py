# SPDX-License-Identifier: GPL-2.0-only
"""Which points of a sweep a chart shows that has much about each, what its title says of the others, and what points are called.

All of them where CPUs do not vary; else each setting's one with its most CPUs. Leaves out what is drawn of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from slabdes.results import metrics
from slabdes.results.called import called, short, value_text
from slabdes.results.text import numbers_text

if TYPE_CHECKING:
    from slabdes.results.frames import Frames

MOST_POINTS: Final = 8
"""Points of a figure with much about each (assumed: a page)."""
CPUS_LABEL: Final = "CPUs that the workload uses"
OTHERS: Final = "others: slabdes plot RUN --point N"


def choose(frames: Frames, points: Sequence[int] | None) -> tuple[list[int], str]:
    """The points to show, as asked for if they are, and what the title is to add where that is not all of them."""
    if points is not None:
        return list(points), ""
    every = sorted(frames.point_numbers())
    most_cpus = frames.points["cpus"].n_unique() > 1
    found = _with_most_cpus(frames) if most_cpus else every
    chosen = metrics.spread(found, MOST_POINTS)
    if len(chosen) == len(every):
        return chosen, ""
    which = ", those with the most CPUs" if most_cpus and len(chosen) == len(found) else ""
    return chosen, part(chosen, every, which)


def part(chosen: Sequence[int], every: Sequence[int], which: str = "") -> str:
    """What a title adds where not all points are shown: how many and which, and how to see the others."""
    if len(chosen) == len(every):
        return ""
    return f"; {len(chosen)} of {len(every)} points{which}: {numbers_text(sorted(chosen))} ({OTHERS})"


def _with_most_cpus(frames: Frames) -> list[int]:
    """Of each setting that the sweep tells apart beside CPUs, the first point with its most CPUs."""
    import polars as pl

    keys = metrics.series_keys(frames)
    ordered = frames.points.sort("cpus", "point", descending=[True, False])
    if not keys:
        return [int(ordered["point"][0])]
    best = ordered.group_by(keys, maintain_order=True).agg(pl.col("point").first())
    return sorted(best["point"].to_list())


def told_apart(frames: Frames) -> list[str]:
    """The columns that name a point among all points: the machine only where the others do not tell it."""
    varying = {metrics.x_key(frames), *metrics.companions(frames), *metrics.series_keys(frames)}
    named = [key for key in ("machine", "cpus", *frames.swept_keys()) if key in varying]
    unsaid = frames.points.select({"machine", *named}).n_unique() > frames.points.select(named).n_unique()
    return ["machine", *named] if unsaid else named


def point_label(frames: Frames, point: int, keys: Sequence[str]) -> str:
    """What tells a point from others: what the values of `keys` are called."""
    row = frames.points.row(frames.point_numbers().index(point), named=True)
    return called({key: row[key] for key in keys})


def named_along(frames: Frames) -> tuple[str, list[str]]:
    """What an axis along a sweep is called, and the columns whose values it has: more than one where they go together."""
    along, others = metrics.x_key(frames), metrics.companions(frames)
    name = CPUS_LABEL if along == "cpus" else along
    if not others:
        return name, [along]
    if metrics.numbers(frames.points[along]):
        return f"{name}, with it {' and '.join(short(others))}", [along]
    return "setting", [along, *others]


def word_along(row: Mapping[str, Any], keys: Sequence[str]) -> str:
    """What an axis along a sweep has at a row, of those columns."""
    return value_text(row[keys[0]]) if len(keys) == 1 else called({key: row[key] for key in keys})


def some(shown: int, of: int, what: str) -> str:
    """What a title adds where not all is shown."""
    return f"; {shown} of {of} {what}" if shown < of else ""

# SPDX-License-Identifier: GPL-2.0-only
"""Which points of a sweep a chart shows that has much about each, what its title says of the others, and what points are called.

All of them where CPUs do not vary; else each setting's one with its most CPUs. Leaves out what is drawn of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from slabdes.results import metrics
from slabdes.results.text import numbers_text, setting_text

if TYPE_CHECKING:
    from slabdes.results.frames import Frames

MOST_POINTS: Final = 8
"""Points of a figure with much about each (assumed: a page)."""
_GREAT: Final = 1_000_000
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
    along, series = metrics.x_key(frames), metrics.series_keys(frames)
    named = list(dict.fromkeys([*(key for key in series if key == "machine"), along, *series]))
    unsaid = frames.points.select({"machine", *named}).n_unique() > frames.points.select(named).n_unique()
    return ["machine", *named] if unsaid else named


def point_label(frames: Frames, point: int, keys: Sequence[str]) -> str:
    """What tells a point from others: the values of `keys`, named where the value alone does not say what it is, none twice."""
    row = frames.points.row(frames.point_numbers().index(point), named=True)
    return ", ".join(dict.fromkeys(name_value(key, row[key]) for key in keys))


def name_value(key: str, value: object) -> str:
    """A value with what it means: `8 CPUs`, `xeon-2s`, `limit 120`."""
    text = value_text(value)
    match key:
        case "cpus" | "machine.cpus":
            return f"{text} CPU{'s' if value != 1 else ''}"
        case "machine" | "machine.preset" | "machine.file" | "workload.kind":
            return text
        case _:
            return f"{short_key(key)} {text}"


def value_text(value: object) -> str:
    """`setting_text`, but for great numbers, whose zeros nobody counts.

    >>> value_text(5e6), value_text(12_500_000), value_text(4096), value_text("qspinlock")
    ('5 M', '12.5 M', '4096', 'qspinlock')
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= _GREAT:
        return f"{setting_text(value / _GREAT)} M"
    return setting_text(value)


def short_key(key: str) -> str:
    """A dotted key's last word."""
    return "CPUs" if key == "cpus" else key.rpartition(".")[2]


def some(shown: int, of: int, what: str) -> str:
    """What a title adds where not all is shown."""
    return f"; {shown} of {of} {what}" if shown < of else ""

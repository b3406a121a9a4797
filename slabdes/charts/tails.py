# SPDX-License-Identifier: GPL-2.0-only
"""Tails of points side by side, of operations and of interrupts: a curve a point, in groups few enough to be told apart.

Leaves out which path an operation took: the chart by path has that, a few points at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from slabdes.charts.chart import Chart
from slabdes.charts.choice import part, point_label, told_apart
from slabdes.charts.curves import LATENCY, OF_INTERRUPTS, READING, TIME, banded, curves
from slabdes.results import metrics
from slabdes.results.frames import IRQ_WAIT, IRQS_OFF, OPERATIONS
from slabdes.stats.intervals import CONFIDENCE

if TYPE_CHECKING:
    from slabdes.results.frames import Frames

MOST_CURVES: Final = 8
"""Of a panel: more are told apart by nobody."""
_MOST_GROUPS: Final = 8


def tails(frames: Frames, confidence: float = CONFIDENCE) -> Chart:
    """Rows of `curves.curves` of all paths together, of the points of `groups`; `group` names what the points of one share."""
    what = "Latency by setting: share of operations that take at least so long"
    return _tails("tails", frames, frames, confidence, OPERATIONS, what, READING, LATENCY)


def interrupts(frames: Frames, confidence: float = CONFIDENCE) -> Chart:
    """Likewise of how long interrupts were off at a time (`op` is IRQS_OFF), and how long they had to wait (IRQ_WAIT)."""
    what = "Interrupts: share of times for which they were off, and of their waits, that are at least so long"
    return _tails("interrupts", frames, frames.interrupting(), confidence, (IRQS_OFF, IRQ_WAIT), what, OF_INTERRUPTS, TIME)


def _tails(
    name: str, frames: Frames, of: Frames, confidence: float, kinds: Sequence[str], what: str, reading: str, along: str
) -> Chart:
    import polars as pl

    keys, points = groups(frames)
    chosen = [point for group in points for point in group]
    names = [metrics.x_key(frames), *metrics.companions(frames)] if keys else told_apart(frames)
    shown = of.of_points(chosen)
    rows = curves(shown, {point: point_label(frames, point, names) for point in chosen}, confidence, metrics.ALL_PATHS)
    above = {point: point_label(frames, group[0], keys) for group in points for point in group}
    group = pl.col("point").replace_strict(list(above), list(above.values()), return_dtype=pl.String)
    frame = rows.filter(pl.col("op").is_in(list(kinds))).with_columns(group.alias("group"))
    title = f"{what}{part(chosen, frames.point_numbers())}{banded(shown, confidence)}"
    return Chart(name, title, f"{reading} The curve further to the right is the slower one.", frame, along)


def groups(frames: Frames) -> tuple[list[str], list[list[int]]]:
    """The points of each group of curves, and the keys that say which group it is; some of both, where they are very many."""
    every = sorted(frames.point_numbers())
    if len(every) <= MOST_CURVES:
        return [], [every]
    keys = metrics.series_keys(frames)
    tables = frames.points.sort("point").partition_by(keys, maintain_order=True) if keys else [frames.points]
    chosen = metrics.spread(tables, _MOST_GROUPS)
    return keys, [metrics.spread(sorted(table["point"].to_list()), MOST_CURVES) for table in chosen]

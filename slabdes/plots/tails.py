# SPDX-License-Identifier: GPL-2.0-only
"""Tails of points side by side, of operations and of interrupts: a curve a point, few enough in a panel to be told apart.

Leaves out which path an operation took: the figure by path has that, a few points at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from slabdes.measures.bands import ccdf_bands
from slabdes.plots import style
from slabdes.plots.choice import part, told_apart
from slabdes.plots.curves import NAMES, Scale, banded, curve
from slabdes.results import metrics
from slabdes.results.frames import IRQ_WAIT, IRQS_OFF, OPERATIONS
from slabdes.stats.intervals import CONFIDENCE

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

_MOST_ROWS: Final = 8
_PANEL_IN: Final = 6.6
_DRAWN_IN: Final = 4.6
_ROW_IN: Final = 3.7


def tails_figure(frames: Frames, manifest: Manifest, confidence: float = CONFIDENCE) -> Figure:
    """A panel an operation; where points are too many for one, a row of panels a setting, and a curve a value along x."""
    what = "Latency by setting: share of operations that take at least so long"
    return _figure(frames, manifest, confidence, OPERATIONS, what, "No operation was recorded.")


def interrupts_figure(frames: Frames, manifest: Manifest, confidence: float = CONFIDENCE) -> Figure:
    """Likewise for how long interrupts were off at a time, and how long those handled had to wait."""
    what = "Interrupts: share of times for which they were off, and of their waits, that are at least so long"
    return _figure(frames.interrupting(), manifest, confidence, (IRQS_OFF, IRQ_WAIT), what, "No interrupt came.")


def _figure(frames: Frames, manifest: Manifest, confidence: float, kinds: Sequence[str], what: str, nothing: str) -> Figure:
    import polars as pl

    keys, groups = _groups(frames)
    chosen = [point for group in groups for point in group]
    shown = frames.of_points(chosen)
    curves = ccdf_bands(shown, confidence).filter(pl.col("path") == metrics.ALL_PATHS)
    ops = [op for op in kinds if op in curves["op"].to_list()]
    figure = style.new_figure(_PANEL_IN * max(len(ops), 1) + 0.4, 1.0 + _ROW_IN * len(groups))
    limited = part(chosen, frames.point_numbers())
    style.caption(figure, f"{what}{limited}{banded(shown, confidence)}", manifest, frames)
    if not ops:
        style.say(figure.add_subplot(), nothing)
        return figure
    panels = figure.subplots(len(groups), len(ops), squeeze=False, sharex=True, sharey=True)
    scale = Scale(curves)
    for row, group in zip(panels, groups, strict=True):
        above = f", {style.point_label(frames, group[0], keys)}" if keys else ""
        for axes, op in zip(row, ops, strict=True):
            style.panel_title(axes, f"{NAMES[op]}{above}", _DRAWN_IN)
            _panel(axes, curves.filter(pl.col("op") == op), group, keys, frames, scale)
        row[0].set_ylabel("share that takes at least so long")
    return figure


def _groups(frames: Frames) -> tuple[list[str], list[list[int]]]:
    """The points of each row of panels, and the keys that say which row it is; some of both, where they are very many."""
    every = sorted(frames.point_numbers())
    if len(every) <= style.MOST_LINES:
        return [], [every]
    keys = metrics.series_keys(frames)
    tables = frames.points.sort("point").partition_by(keys, maintain_order=True) if keys else [frames.points]
    chosen = metrics.spread(tables, _MOST_ROWS)
    return keys, [metrics.spread(sorted(table["point"].to_list()), style.MOST_LINES) for table in chosen]


def _panel(axes: Axes, curves: pl.DataFrame, group: list[int], keys: list[str], frames: Frames, scale: Scale) -> None:
    import polars as pl

    scale.apply(axes)
    names = [metrics.x_key(frames)] if keys else told_apart(frames)
    drawn = False
    for number, point in enumerate(group):
        rows = curves.filter(pl.col("point") == point)
        if rows.height:
            look = style.point_style(frames, point, names, number)
            curve(axes, rows, style.point_label(frames, point, names), look, scale.floor)
            drawn = True
    if drawn:
        style.legend_beside(axes)
    else:
        style.say(axes, "None at these points.")

# SPDX-License-Identifier: GPL-2.0-only
"""Draws `charts.tails`: a panel an operation, a row of panels a group, and in it a curve a point.

Leaves out which path an operation took: the figure by path has that, a few points at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slabdes.charts.chart import Chart
from slabdes.charts.choice import told_apart
from slabdes.charts.curves import LATENCY, NAMES
from slabdes.charts.tails import groups, interrupts, tails
from slabdes.plots import style
from slabdes.plots.curves import Scale, curve
from slabdes.results import metrics
from slabdes.stats.intervals import CONFIDENCE

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

_PANEL_IN: Final = 6.6
_DRAWN_IN: Final = 4.6
_ROW_IN: Final = 3.7


def tails_figure(frames: Frames, manifest: Manifest, confidence: float = CONFIDENCE) -> Figure:
    """A panel an operation; where points are too many for one, a row of panels a setting, and a curve a value along x."""
    return _figure(tails(frames, confidence), frames, manifest, "No operation was recorded.")


def interrupts_figure(frames: Frames, manifest: Manifest, confidence: float = CONFIDENCE) -> Figure:
    """Likewise for how long interrupts were off at a time, and how long those handled had to wait."""
    return _figure(interrupts(frames, confidence), frames, manifest, "No interrupt came.")


def _figure(chart: Chart, frames: Frames, manifest: Manifest, nothing: str) -> Figure:
    import polars as pl

    keys, points = groups(frames)
    curves = chart.frame
    ops = [op for op in NAMES if op in curves["op"].to_list()]
    figure = style.new_figure(_PANEL_IN * max(len(ops), 1) + 0.4, 1.0 + _ROW_IN * len(points))
    style.caption(figure, chart.title, manifest, frames)
    if not ops:
        style.say(figure.add_subplot(), nothing)
        return figure
    panels = figure.subplots(len(points), len(ops), squeeze=False, sharex=True, sharey=True)
    scale = Scale(curves)
    for row, group in zip(panels, points, strict=True):
        above = f", {style.point_label(frames, group[0], keys)}" if keys else ""
        for axes, op in zip(row, ops, strict=True):
            style.panel_title(axes, f"{NAMES[op]}{above}", _DRAWN_IN)
            _panel(axes, curves.filter(pl.col("op") == op), group, keys, frames, scale)
            axes.set_xlabel(chart.along)
        row[0].set_ylabel("share that takes at least so long" if chart.along == LATENCY else "share that is at least so long")
    return figure


def _panel(axes: Axes, curves: pl.DataFrame, group: list[int], keys: list[str], frames: Frames, scale: Scale) -> None:
    import polars as pl

    scale.apply(axes)
    names = [metrics.x_key(frames), *metrics.companions(frames)] if keys else told_apart(frames)
    drawn = False
    for number, point in enumerate(group):
        rows = curves.filter(pl.col("point") == point)
        if rows.height:
            look = style.point_style(frames, point, names, number)
            curve(axes, rows, style.plain(rows["setting"][0]), look, scale.floor)
            drawn = True
    if drawn:
        style.legend_beside(axes)
    else:
        style.say(axes, "None at these points.")

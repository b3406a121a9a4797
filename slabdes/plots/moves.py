# SPDX-License-Identifier: GPL-2.0-only
"""Draws `charts.moves`: a heat map a point of cache lines that go from CPU to CPU. Leaves out what was paid for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slabdes.charts.choice import choose, told_apart
from slabdes.charts.moves import moves
from slabdes.plots import style
from slabdes.plots.logs import heat_map

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

_WIDE: Final = 2
"""Panels side by side."""
_PANEL_IN: Final = 5.6


def moves_figure(frames: Frames, manifest: Manifest, points: list[int] | None = None) -> Figure:
    """A panel a point (see `choice`): the darker a square, the more lines its column's CPU took from its row's."""
    chart = moves(frames, points)
    chosen, _limited = choose(frames, points)
    wide = min(_WIDE, len(chosen))
    high = -(-len(chosen) // wide)
    figure = style.new_figure(max(_PANEL_IN * wide, 7.0), 1.0 + _PANEL_IN * 0.9 * high)
    style.caption(figure, chart.title, manifest, frames.of_points(chosen))
    panels = figure.subplots(high, wide, squeeze=False).flatten()
    for axes in panels[len(chosen) :]:
        axes.set_axis_off()
    for axes, point in zip(panels, chosen, strict=False):
        rows = chart.frame.filter(chart.frame["point"] == point)
        heat_map(figure, axes, rows, chart.along, "lines", f"No line went from {chart.along} to {chart.along}.")
        if len(chosen) > 1:
            style.panel_title(axes, style.point_label(frames, point, told_apart(frames)), _PANEL_IN - 1)
    return figure

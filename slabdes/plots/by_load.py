# SPDX-License-Identifier: GPL-2.0-only
"""Draws `charts.by_load`: the share of the CPUs' time that a replay waits, over its load. Leaves out running the loads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from slabdes.charts.by_load import WAITING, by_load
from slabdes.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from slabdes.measures.loads import LoadFigures
    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

_PER_CENT: Final = 100.0


def by_load_figure(points: Sequence[LoadFigures], frames: Frames, manifest: Manifest) -> Figure:
    """A line for each kind of waiting, its intervals as bars; loads stand side by side, however far apart they are."""
    chart = by_load(points)
    figure = style.new_figure(8.0, 4.6)
    style.caption(figure, chart.title, manifest, frames)
    axes = figure.add_subplot()
    style.grid(axes, "y")
    kinds = list(WAITING.values())
    top = 0.0
    for (what,), rows in chart.frame.group_by("what", maintain_order=True):
        x, shares = rows["place"].to_list(), (rows["share"] * _PER_CENT).to_list()
        look = style.line_style(kinds.index(str(what)))
        axes.plot(x, shares, label=f"waiting {what}", **look)
        known = rows.drop_nulls(["low", "high"])
        low, high = ((known[end] * _PER_CENT).to_list() for end in ("low", "high"))
        axes.vlines(known["place"].to_list(), low, high, color=look["color"], linewidth=2)
        top = max(top, *shares, *high)
    loads = chart.frame.unique("place").sort("place")
    style.word_ticks(axes, [float(place) for place in loads["place"]], loads["load"].to_list())
    axes.set_xlabel(chart.along)
    axes.set_ylabel("share of the CPUs' time, in per cent")
    style.share_axis(axes, top)
    style.legend_beside(axes)
    return figure

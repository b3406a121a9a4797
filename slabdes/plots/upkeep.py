# SPDX-License-Identifier: GPL-2.0-only
"""Draws `charts.upkeep`: how long turns of cache_reap and the like take, and what they hold, on log axes, since kinds differ.

Leaves out single turns: the event log has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.choice import choose, told_apart
from slabdes.charts.upkeep import LOCK, LOCK_TIMES, TURN, TURN_TIMES, upkeep
from slabdes.plots import style
from slabdes.results import upkeep as turns_of

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

_COLUMNS: Final = (*TURN_TIMES.values(), *LOCK_TIMES.values())
_NOTHING: Final = {TURN: "No turn ended.", LOCK: "No lock was held."}
_ROW_IN: Final = 0.32
_PANEL_IN: Final = 3.6


def has_upkeep(frames: Frames) -> bool:
    """Whether there is anything to draw."""
    return turns_of.turns(frames).height > 0


def upkeep_figure(frames: Frames, manifest: Manifest, points: list[int] | None = None) -> Figure:
    """A row a point (see `choice`): a panel for the turns of each kind, and one for the locks that they hold."""
    chart = upkeep(frames, points)
    chosen, _limited = choose(frames, points)
    parts = {point: chart.frame.filter(chart.frame["point"] == point) for point in chosen}
    of_point = [[rows.filter(rows["what"] == what) for what in (TURN, LOCK)] for rows in parts.values()]
    heights = [_ROW_IN * max(*(rows["name"].n_unique() for rows in both), 2) + 0.9 for both in of_point]
    figure = style.new_figure(11.0, 1.6 + sum(heights))
    style.caption(figure, chart.title, manifest, frames.of_points(chosen))
    panels = figure.subplots(len(chosen), 2, squeeze=False, height_ratios=heights)
    for row, point, both in zip(panels, chosen, of_point, strict=True):
        label = f", {style.point_label(frames, point, told_apart(frames))}" if len(chosen) > 1 else ""
        for axes, what, rows in zip(row, (TURN, LOCK), both, strict=True):
            style.panel_title(axes, f"{what}{label}", _PANEL_IN)
            _panel(axes, rows, _NOTHING[what])
    _legend(figure)
    return figure


def _panel(axes: Axes, rows: pl.DataFrame, nothing: str) -> None:
    if not rows.height:
        style.say(axes, nothing)
        return
    names = rows["name"].unique(maintain_order=True).to_list()
    for measure in rows["measure"].unique(maintain_order=True).to_list():
        mine = rows.filter(rows["measure"] == measure)
        axes.plot(mine["time"].to_list(), [-names.index(name) for name in mine["name"].to_list()], **_look(measure))
    style.grid(axes, "x")
    style.time_axis(axes, "x", min(rows["time"].to_list()), max(rows["time"].to_list()))
    axes.set_xlabel("simulated time")
    axes.set_yticks([-place for place in range(len(names))], [style.plain(name) for name in names])
    axes.set_ylim(0.6 - len(names), 0.6)


def _look(measure: str) -> dict[str, Any]:
    return style.line_style(_COLUMNS.index(measure)) | {"linestyle": "", "markersize": 7}


def _legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=measure, **_look(measure)) for measure in _COLUMNS]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles) // 2, fontsize=8, frameon=False)

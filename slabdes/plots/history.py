# SPDX-License-Identifier: GPL-2.0-only
"""Draws `charts.history` in steps: layers of objects and of slabs over time, and what part of the memory held is used.

Leaves out nodes: the chart of a run's end has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from matplotlib.ticker import MaxNLocator

from slabdes.charts.history import history
from slabdes.charts.looks import LAYERS
from slabdes.charts.places import LISTS, NAMES, OBJECTS, OF_PAGES, USED, layer_of
from slabdes.plots import style

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

MOST_ROWS: Final = 8
_ROW_IN: Final = 2.6
_PANEL_IN: Final = 3.6
_LEGEND_IN: Final = 2.4
"""Height of title and legends."""
_PER_CENT: Final = 100.0
_ROOM: Final = 1.05
"""Times as much as there ever is that an axis has."""
_TICKS: Final = 5
"""Intervals of the time axis at most: labels have their units."""


def history_figure(frames: Frames, manifest: Manifest, points: list[int] | None = None) -> Figure:
    """A row of three panels a point and cache, at most MOST_ROWS or one a point."""
    chart = history(frames, points, MOST_ROWS)
    rows = chart.frame.partition_by("setting", "cache", maintain_order=True)
    figure = style.new_figure(12.0, _LEGEND_IN + _ROW_IN * max(len(rows), 1))
    style.caption(figure, chart.title, manifest, frames)
    if not rows:
        style.say(figure.add_subplot(), "How memory stood over time was not looked at.")
        return figure
    tops = _tops(chart.frame)
    panels = figure.subplots(len(rows), len(NAMES), squeeze=False, sharex="row")
    for row, mine in zip(panels, rows, strict=True):
        for axes, unit in zip(row, (OBJECTS, LISTS, USED), strict=True):
            _panel(axes, mine.filter(mine["unit"] == unit), unit, tops.get((mine["cache"][0], unit), 1.0))
        named = ", ".join(word for word in (mine["setting"][0], mine["cache"][0]) if word)
        style.panel_title(row[0], style.plain(named), _PANEL_IN)
    for axes, unit in zip(panels[-1], NAMES, strict=True):
        _legend(axes, chart.frame.filter(chart.frame["unit"] == unit))
    return figure


def _tops(rows: pl.DataFrame) -> dict[tuple[str, str], float]:
    """The most that there ever is of a cache's objects or slabs, whatever the setting: their panels have one scale."""
    import polars as pl

    moments = rows.group_by("setting", "cache", "unit", "time", maintain_order=True).agg(pl.col("count").sum())
    most = moments.group_by("cache", "unit", maintain_order=True).agg(pl.col("count").max())
    return {(cache, unit): count for cache, unit, count in most.iter_rows()}


def _panel(axes: Axes, rows: pl.DataFrame, unit: str, most: float) -> None:
    times = rows["time"].unique().sort().to_list()
    if unit == USED:
        shares = (rows["count"] * _PER_CENT).to_list()
        axes.plot(times, shares, color=style.COLOURS[0], linewidth=1.5, drawstyle="steps-post")
        style.share_axis(axes, _PER_CENT)
    else:
        base = [0.0] * len(times)
        for layer in rows.partition_by("part", maintain_order=True):
            top = [low + count for low, count in zip(base, layer["count"].to_list(), strict=True)]
            axes.fill_between(times, base, top, step="post", **_look(layer["part"][0]))
            base = top
        axes.set_ylim(0, most * _ROOM or 1.0)
    if (cut := rows["warm_up"][0]) is not None:
        axes.axvline(cut, color="black", linestyle="--", linewidth=1.2)
        axes.text(cut, 1.01, "warm-up ends", ha="center", va="bottom", fontsize=7, transform=axes.get_xaxis_transform())
    axes.set_ylabel({USED: f"{OF_PAGES} (%)"}.get(unit, unit))
    axes.set_xlim(times[0], times[-1] if times[-1] > times[0] else times[0] + 1.0)
    axes.xaxis.set_major_locator(MaxNLocator(_TICKS))
    axes.xaxis.set_major_formatter(lambda time, _position: style.time_label(time))
    axes.tick_params(labelsize=8)
    axes.set_xlabel("simulated time")
    style.grid(axes)


def _look(part: str) -> dict[str, Any]:
    colour, hatch = LAYERS[layer_of(part)]
    return {"facecolor": colour, "hatch": hatch, "edgecolor": "black", "linewidth": 0.5}


def _legend(axes: Axes, rows: pl.DataFrame) -> None:
    """Beneath a column of panels: what its layers are, by look; where allocators call one differently, both."""
    from matplotlib.patches import Patch

    names = {
        part: mine["place"].unique(maintain_order=True).to_list() for (part,), mine in rows.group_by("part", maintain_order=True)
    }
    handles = [Patch(label=" / ".join(called), **_look(part)) for part, called in names.items() if part != USED]
    if handles:
        axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(0.0, -0.28), fontsize=8, frameon=False, borderaxespad=0.0)

# SPDX-License-Identifier: GPL-2.0-only
"""Draws who waits for whom (`charts.waits`), and where objects and slabs are when a run ends (`charts.memory`).

Leaves out times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slabdes.charts.looks import LAYERS
from slabdes.charts.memory import memory
from slabdes.charts.places import LISTS, OBJECTS, layer_of
from slabdes.charts.waits import EDGE, LOOP, NODE, waits
from slabdes.plots import style
from slabdes.plots.fit import wrapped
from slabdes.results.text import share_text

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

_WIDEST: Final = 12.0
_ALONG: Final = 0.38
"""Where on an arrow its figure stands: not in the middle, where both directions meet."""
_BAR_IN: Final = 0.4
_NAME_SIZE, _NAME_IN = 8, 3.0
"""Points and inches of a bar's name."""


def waits_figure(frames: Frames, manifest: Manifest, points: list[int] | None = None) -> Figure:
    """A panel a point: an arrow from the function that waits to the one that had the lock, as wide as the time lost."""
    chart = waits(frames, points)
    settings = chart.frame.partition_by("setting", maintain_order=True)
    figure = style.new_figure(9.0, 1.0 + 3.6 * max(len(settings), 1))
    style.caption(figure, chart.title, manifest, frames)
    if not settings:
        style.say(figure.add_subplot(), "Nobody waited for a lock.")
        return figure
    for axes, rows in zip(figure.subplots(len(settings), 1, squeeze=False).ravel(), settings, strict=True):
        _graph(axes, rows)
        if len(settings) > 1:
            style.panel_title(axes, style.plain(rows["setting"][0]), 8.0)
    return figure


def _graph(axes: Axes, rows: pl.DataFrame) -> None:
    axes.set_axis_off()
    axes.set_xlim(-2.2, 2.2)
    axes.set_ylim(-1.4, 1.4)
    for row in rows.iter_rows(named=True):
        width = 0.8 + _WIDEST * row["share"]
        if row["what"] == EDGE:
            look = {"arrowstyle": "-|>", "linewidth": width, "color": style.WAITING, "mutation_scale": 10 + width, "shrinkA": 0}
            axes.annotate("", (row["x2"], row["y2"]), (row["x"], row["y"]), arrowprops=look | {"shrinkB": 0})
            patch = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
            x, y = (row[start] + _ALONG * (row[end] - row[start]) for start, end in (("x", "x2"), ("y", "y2")))
            axes.text(x, y, share_text(row["share"]), ha="center", va="center", fontsize=7, bbox=patch, zorder=4)
        elif row["what"] == LOOP:
            axes.plot(
                [row["x"]], [row["y"]], "o", markersize=22, markerfacecolor="none", color=style.WAITING, markeredgewidth=width
            )
        elif row["what"] == NODE:
            right = row["x"] >= 0
            axes.plot([row["x"]], [row["y"]], "o", markersize=5, color="black", zorder=3)
            look = {"textcoords": "offset points", "va": "center", "ha": "left" if right else "right", "fontsize": 8}
            axes.annotate(style.plain(row["words"]), (row["x"], row["y"]), (18 if right else -18, 0), **look)


def memory_figure(frames: Frames, manifest: Manifest, points: list[int] | None = None) -> Figure:
    """A bar a cache and node: its objects by where they lie, and its slabs by list."""
    chart = memory(frames, points)
    names = _names(chart.frame)
    figure = style.new_figure(11.0, 1.8 + _BAR_IN * max(len(names), 2))
    style.caption(figure, chart.title, manifest, frames)
    if not names:
        style.say(figure.add_subplot(), "There is no slab.")
        return figure
    panels = figure.subplots(1, 2, sharey=True)
    for axes, unit in zip(panels, (OBJECTS, LISTS), strict=True):
        base = dict.fromkeys(names, 0.0)
        of_unit = chart.frame.filter(chart.frame["unit"] == unit)
        for part in sorted(of_unit["part"].unique().to_list(), key=layer_of):
            rows = of_unit.filter(of_unit["part"] == part)
            shares = dict(zip(_names(rows), rows["share"].to_list(), strict=True))
            bars = [100.0 * shares.get(name, 0.0) for name in names]
            colour, hatch = LAYERS[layer_of(part)]
            look = {"color": colour, "hatch": hatch, "edgecolor": "black", "linewidth": 0.5}
            called = " / ".join(rows["place"].unique(maintain_order=True).to_list())
            axes.barh(range(len(names)), bars, left=[100.0 * base[name] for name in names], label=called, **look)
            base = {name: base[name] + shares.get(name, 0.0) for name in names}
        axes.set_xlabel(f"share of {unit} (%)")
        axes.set_xlim(0, 100)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=8, frameon=False)
    panels[0].set_yticks(
        range(len(names)), [wrapped(style.plain(name), _NAME_SIZE, _NAME_IN, 2) for name in names], fontsize=_NAME_SIZE
    )
    panels[0].invert_yaxis()
    return figure


def _names(rows: pl.DataFrame) -> list[str]:
    told = rows.select("setting", "cache", "node").unique(maintain_order=True).iter_rows()
    return [", ".join(word for word in (setting, f"{cache} node {node}") if word) for setting, cache, node in told]

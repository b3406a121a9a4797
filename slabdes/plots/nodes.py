# SPDX-License-Identifier: GPL-2.0-only
"""Draws `charts.nodes`: lock waits and holds by NUMA node, on log axes, since kinds of locks differ by decades.

Leaves out who waited for whom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.choice import choose, told_apart
from slabdes.charts.nodes import TITLES, kinds, nodes
from slabdes.plots import style
from slabdes.results.frames import LockKind

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

_GROUP: Final = 0.6
"""The share of a node's place on the axis that its marks take."""
_ROOM: Final = 0.6
"""Places left free at both ends of the axis."""
_NO_NODE: Final = "no node"
_NODES_LABELLED: Final = 16
_PANEL_IN: Final = 4.6
_BESIDE: Final = 0.3
_WIDE: Final = 0.2
"""The part of a kind's width (or of _WIDE) by which a percentile stands beside its mean, so that intervals are told apart."""
_ENDS: Final = ("mean_low", "mean_high", "p99_low", "p99_high")
_SHOWN_BELOW: Final = 3
"""An interval that ends lower than this part of the least mark is cut off at the panel's edge."""
_NOTHING: Final = 1e-3
"""Of a mark, stands for zero on a log axis."""
_TO_TAIL: Final[dict[str, Any]] = {"linewidth": 1.2, "linestyle": (0, (1, 2))}
"""From a mean to its percentile: dotted and without a cap, so that nobody takes it for an error bar."""


def nodes_figure(frames: Frames, manifest: Manifest, points: list[int] | None = None) -> Figure:
    """A row a point (see `choice`), a panel for waits and one for holds, by lock kind."""
    chart = nodes(frames, points)
    chosen, _limited = choose(frames, points)
    figure = style.new_figure(11.0, 1.4 + 3.2 * len(chosen))
    style.caption(figure, chart.title, manifest, frames.of_points(chosen))
    if not chart.frame.height:
        style.say(figure.add_subplot(), "No lock was taken.")
        return figure
    panels = figure.subplots(len(chosen), len(TITLES), squeeze=False)
    parts = {what: chart.frame.filter(chart.frame["what"] == what) for what in TITLES}
    for row, point in zip(panels, chosen, strict=True):
        label = f", {style.point_label(frames, point, told_apart(frames))}" if len(chosen) > 1 else ""
        for axes, (what, table) in zip(row, parts.items(), strict=True):
            style.panel_title(axes, f"{TITLES[what]}{label}", _PANEL_IN)
            _panel(axes, table.filter(_at(point)), kinds(chart.frame), _span(table))
    _legend(figure, kinds(chart.frame))
    return figure


def _at(point: int) -> pl.Expr:
    import polars as pl

    return pl.col("point") == point


def _span(table: pl.DataFrame) -> tuple[float, float]:
    """The least and the greatest time of waits or holds, at all points: their panels have one scale.

    Intervals end within it, but those that go down towards nothing.
    """
    times = [time for column in ("mean_ns", "p99_ns") for time in table[column].to_list() if time]
    least = min(times, default=1.0) / _SHOWN_BELOW
    ends = [end for column in _ENDS for end in table[column].to_list() if end is not None and end >= least]
    return min([*times, *ends], default=1.0), max([*times, *ends], default=1.0)


def _panel(axes: Axes, table: pl.DataFrame, drawn: list[LockKind], span_ns: tuple[float, float]) -> None:
    import polars as pl

    # A time of zero has no place on a log axis; a free hand-off may give one.
    shown = table.filter(pl.col("mean_ns") > 0)
    if not shown.height:
        style.say(axes, _why_nothing(table))
        return
    numbers = sorted(set(table["node"].to_list()))
    place = {node: position for position, node in enumerate(numbers)}
    width = _GROUP / len(drawn)
    for number, kind in enumerate(drawn):
        rows = shown.filter(pl.col("kind") == kind.label)
        x = [place[node] + (number - (len(drawn) - 1) / 2) * width for node in rows["node"].to_list()]
        means, tails = rows["mean_ns"].to_list(), rows["p99_ns"].to_list()
        # The line joins the two whichever is greater: a few very long times may lift a mean above the 99th percentile.
        step = _BESIDE * min(width, _WIDE)
        told = [(at + step, at, low, high) for at, low, high in zip(x, means, tails, strict=True) if high is not None]
        for beside, at, low, high in told:
            axes.plot([at, beside], [low, high], color=_look(kind)["color"], **_TO_TAIL)
        _intervals(axes, [at + step for at in x], rows, "p99", kind)
        _intervals(axes, x, rows, "mean", kind)
        open_marks = [(beside, high) for beside, _at, _low, high in told]
        axes.plot([at for at, _y in open_marks], [y for _at, y in open_marks], **_look(kind), markerfacecolor="white")
        axes.plot(x, means, **_look(kind))
    style.grid(axes, "y")
    style.time_axis(axes, "y", *span_ns)
    axes.set_ylabel("simulated time")
    axes.set_xlabel("NUMA node of the lock")
    every = -(-len(numbers) // _NODES_LABELLED)
    labels = [str(node) if node >= 0 else _NO_NODE for node in numbers[::every]]
    axes.set_xticks([place[node] for node in numbers[::every]], labels)
    axes.set_xlim(-_ROOM, len(numbers) - 1 + _ROOM)


def _intervals(axes: Axes, x: list[float], rows: pl.DataFrame, what: str, kind: LockKind) -> None:
    """Bars from end to end of a figure's intervals."""
    for at, y, low, high in zip(x, *(rows[f"{what}_{part}"].to_list() for part in ("ns", "low", "high")), strict=True):
        if y is not None and low is not None:
            ends = [[y - max(low, y * _NOTHING)], [high - y]]
            axes.errorbar([at], [y], yerr=ends, fmt="none", ecolor=_look(kind)["color"], capsize=4, elinewidth=1.2)


def _why_nothing(table: pl.DataFrame) -> str:
    if not table.height:
        return "No lock was taken here."
    return "No acquisition took any time." if table["mean_ns"].is_not_null().any() else "No acquisition had to wait."


def _look(kind: LockKind) -> dict[str, Any]:
    """A kind of lock looks the same in every figure."""
    return style.line_style(int(kind)) | {"linestyle": "", "markersize": 7}


def _legend(figure: Figure, kinds: list[LockKind]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=f"{kind.label}, mean", **_look(kind)) for kind in kinds]
    open_mark: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 7, "color": "#555555", "markerfacecolor": "white"}
    handles.append(Line2D([], [], label="open mark: 99th percentile", **open_mark))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8, frameon=False)

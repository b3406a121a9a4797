# SPDX-License-Identifier: GPL-2.0-only
"""Latency tails: the share of operations that take at least so long, by path, on log axes.

A path's curve begins at the path's own share, so rare paths stand below. Leaves out when in the run anything happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slabdes.plots import style
from slabdes.results import metrics
from slabdes.results.frames import OPERATIONS, Path
from slabdes.results.text import share_text

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

_MARKS_A_CURVE: Final = 7
ROOM_BELOW: Final = 0.5
"""The share axis ends at this much of the rarest operation's share."""
LEAST_NS: Final = 0.001
"""The engine's clock counts picoseconds."""
_PER_CENT: Final = 100.0
NAMES: Final = {"alloc": "allocations", "free": "frees", "section": "critical sections"}


def ccdf_figure(frames: Frames, manifest: Manifest, points: list[int] | None = None) -> Figure:
    """A row of panels a point (default: each machine's one with its most CPUs), a panel an operation that occurred."""
    chosen = metrics.focus_points(frames) if points is None else points
    shown = frames.of_points(chosen)
    limited = style.some(len(chosen), frames.points.height, "points") if len(chosen) >= metrics.MOST_FOCUS else ""
    curves = metrics.ccdf(shown)
    ops = [op for op in OPERATIONS if op in curves["op"].to_list()]
    figure = style.new_figure(5.6 * max(len(ops), 1) + 0.4, 1.0 + 3.9 * len(chosen))
    style.caption(figure, f"Latency by path: share of all operations that take at least so long{limited}", manifest, shown)
    if not ops:
        style.say(figure.add_subplot(), "No operation was recorded.")
        return figure
    panels = figure.subplots(len(chosen), len(ops), squeeze=False, sharex=True, sharey=True)
    lowest = float(curves["at_least"].to_numpy().min())
    times = curves["latency_ns"].to_numpy()
    # An operation that costs nothing has no place on a log axis: it is shown at the clock's step.
    span = (max(float(times.min()), LEAST_NS), max(float(times.max()), LEAST_NS))
    for row, point in zip(panels, chosen, strict=True):
        for axes, op in zip(row, ops, strict=True):
            _panel(axes, curves.filter(_is(point, op)), lowest * ROOM_BELOW, span)
            label = f", {style.point_label(frames, point, _told_apart(frames))}" if len(chosen) > 1 else ""
            axes.set_title(f"{NAMES[op]}{label}", fontsize=10)
            axes.set_xlabel("latency (simulated time)")
        row[0].set_ylabel("share that takes at least so long")
    return figure


def _told_apart(frames: Frames) -> list[str]:
    return list(dict.fromkeys(["machine", metrics.x_key(frames), *metrics.series_keys(frames)]))


def _is(point: int, op: str) -> pl.Expr:
    import polars as pl

    return (pl.col("point") == point) & (pl.col("op") == op)


def _panel(axes: Axes, curves: pl.DataFrame, floor: float, span_ns: tuple[float, float]) -> None:
    log_axes(axes, span_ns)
    if not curves.height:
        style.say(axes, "None at this point.")
        return
    op = curves["op"][0]
    paths = list(dict.fromkeys(curves["path"].to_list()))
    order = [path.label for path in Path if path.operation.label == op]
    named = [path for path in order if path in paths]
    # One path is all there is: a second, equal curve would only hide it.
    if len(named) > 1:
        _curve(axes, curves, metrics.ALL_PATHS, {"color": "#999999", "linewidth": 4.0, "alpha": 0.6}, floor)
    for path in named:
        _curve(axes, curves, path, style.line_style(order.index(path)), floor)
    axes.set_ylim(floor, 1.5)
    style.legend_beside(axes)


def log_axes(axes: Axes, span_ns: tuple[float, float]) -> None:
    """Shares of operations along y, times of `span_ns` along x."""
    axes.set_yscale("log")
    style.grid(axes)
    style.time_axis(axes, "x", *span_ns)
    axes.yaxis.set_major_formatter(lambda share, _position: f"{share * _PER_CENT:g} %")


def _curve(axes: Axes, curves: pl.DataFrame, path: str, look: dict[str, Any], floor: float) -> None:
    import polars as pl

    curve = curves.filter(pl.col("path") == path).sort("latency_ns")
    label = f"{path} ({share_text(curve['at_least'][0])})" if path != metrics.ALL_PATHS else "all paths"
    draw_curve(axes, curve, label, look, floor)


def draw_curve(axes: Axes, curve: pl.DataFrame, label: str, look: dict[str, Any], floor: float) -> None:
    """One line: the rows of one path of `metrics.ccdf`, by time."""
    times, shares = curve["latency_ns"].clip(LEAST_NS).to_list(), curve["at_least"].to_list()
    # Each share holds back to the time before; after the last time, nothing is left.
    marks = sorted({round(step * (len(times) - 1) / (_MARKS_A_CURVE - 1)) for step in range(_MARKS_A_CURVE)})
    axes.plot([*times, times[-1]], [*shares, floor], drawstyle="steps-pre", markevery=marks, label=label, **look)

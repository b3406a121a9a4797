# SPDX-License-Identifier: GPL-2.0-only
"""Response times of operations that arrive beside service times: their tails, and how they bend along a sweep of rates.

Leaves out by which path an operation went: the figure by path has that.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from slabdes.measures.bands import ccdf_bands
from slabdes.measures.estimates import Estimated, Row
from slabdes.measures.knee import Line, load_lines
from slabdes.plots import style
from slabdes.plots.choice import OTHERS, choose, told_apart
from slabdes.plots.curves import NAMES, Scale, banded, curve
from slabdes.results import metrics
from slabdes.results.frames import OPERATIONS
from slabdes.results.response import RATE
from slabdes.stats.intervals import CONFIDENCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

_PANEL_IN: Final = 6.6
_DRAWN_IN: Final = 4.6
_ROW_IN: Final = 3.7
_LOOKS: Final = {"from its begin (service time)": 0, "from its arrival (response time)": 2}
"""What is drawn of an operation, and how."""
_MILLION: Final = 1e6
_BAND: Final = 0.22
_KNEE: Final[dict[str, Any]] = {"linestyle": "none", "marker": "o", "markersize": 14, "markerfacecolor": "none"}
_TIMES: Final = {"p99_ns": ("p99", "-"), "p50_ns": ("p50", ":")}


def response_figure(
    frames: Frames, manifest: Manifest, points: list[int] | None = None, confidence: float = CONFIDENCE
) -> Figure:
    """A row of panels a point (see `choice`), a panel an operation, in it the tail of service times and of response times."""
    chosen, limited = choose(frames, points)
    shown = frames.of_points(chosen)
    each = [ccdf_bands(one, confidence).filter(pl.col("path") == metrics.ALL_PATHS) for one in (shown, shown.responding())]
    ops = [op for op in OPERATIONS if op in each[1]["op"].to_list()]
    figure = style.new_figure(_PANEL_IN * max(len(ops), 1) + 0.4, 1.0 + _ROW_IN * len(chosen))
    what = f"Service and response times: share of operations that take at least so long{banded(shown, confidence)}{limited}"
    style.caption(figure, what, manifest, shown)
    if not ops:
        style.say(figure.add_subplot(), "No operation arrives at a time of its own.")
        return figure
    panels = figure.subplots(len(chosen), len(ops), squeeze=False, sharex=True, sharey=True)
    scale = Scale(pl.concat(each))
    for row, point in zip(panels, chosen, strict=True):
        label = f", {style.point_label(frames, point, told_apart(frames))}" if len(chosen) > 1 else ""
        for axes, op in zip(row, ops, strict=True):
            scale.apply(axes)
            for (name, number), curves in zip(_LOOKS.items(), each, strict=True):
                rows = curves.filter((pl.col("point") == point) & (pl.col("op") == op))
                if rows.height:
                    curve(axes, rows, name, style.line_style(number), scale.floor)
            style.panel_title(axes, f"{NAMES[op]}{label}", _DRAWN_IN)
            style.legend_beside(axes)
        row[0].set_ylabel("share that takes at least so long")
    return figure


def loads_figure(frames: Frames, manifest: Manifest, confidence: float = CONFIDENCE) -> Figure:
    """Response times over throughput, a line a setting beside the rate, its knee in a circle; and throughput over the rate."""
    every = load_lines(Estimated(frames, confidence))
    lines = metrics.spread(every, style.MOST_LINES)
    figure = style.new_figure(12.0, 5.1)
    limited = f"{style.some(len(lines), len(every), 'lines')} ({OTHERS})" if len(lines) < len(every) else ""
    repeated = int(frames.points["replications"].to_numpy().max()) > 1
    bands = f"; bands: {confidence:.0%} intervals over replications" if repeated else ""
    what = (
        f"Response times by load, all operations; circles: where throughput over mean response time is greatest{bands}{limited}"
    )
    style.caption(figure, what, manifest, frames)
    if not lines:
        style.say(figure.add_subplot(), "Rates of arrivals are not swept, or too few of them.")
        return figure
    times, served = figure.subplots(1, 2)
    for number, line in enumerate(lines):
        _add(times, served, frames, line, number)
    _axes(times, served, lines)
    return figure


def _add(times: Axes, served: Axes, frames: Frames, line: Line, number: int) -> None:
    keys = metrics.series_keys(frames, RATE)
    first = int(line.rows[0]["point"])
    look = style.point_style(frames, first, keys, number)
    named = f"{style.point_label(frames, first, keys)}: " if keys else ""
    x = [row["operations_per_s"] / _MILLION for row in line.rows]
    for column, (name, dashes) in _TIMES.items():
        drawn = look | {"linestyle": dashes, "markersize": 4}
        times.plot(x, [_known(row, column) for row in line.rows], label=f"{named}{name}", **drawn)
        low, high = zip(*(_ends(row, column) for row in line.rows), strict=True)
        if low != high:
            times.fill_between(x, low, high, color=look["color"], alpha=_BAND, linewidth=0)
    knee = line.rows[line.knee]
    for axes, at in ((times, knee["operations_per_s"]), (served, knee["offered_per_s"])):
        y = _known(knee, "p99_ns") if axes is times else knee["operations_per_s"] / _MILLION
        axes.plot([at / _MILLION], [y], color=look["color"], label="knee" if number == 0 else None, **_KNEE)
    offered = [row["offered_per_s"] / _MILLION for row in line.rows]
    served.plot(offered, x, label=named.removesuffix(": ") or "answered", **look)


def _ends(row: Row, column: str) -> tuple[float, float]:
    interval = row.intervals.get(column)
    if interval is None or interval.low is None or interval.high is None:
        return _known(row, column), _known(row, column)
    return interval.low, interval.high


def _known(row: Row, column: str) -> float:
    """A percentile; where there are not enough samples for one, what draws nothing."""
    return nan if row[column] is None else float(row[column])


def _axes(times: Axes, served: Axes, lines: list[Line]) -> None:
    every = [row for line in lines for row in line.rows]
    style.grid(times)
    shown = [row[column] for row in every for column in _TIMES if row[column]]
    style.time_axis(times, "y", min(shown, default=1.0), max(shown, default=1.0))
    times.set_xlabel("operations answered per second\n(millions, simulated time)")
    times.set_ylabel("response time (simulated time)")
    style.legend_beside(times)
    style.grid(served)
    most = max(row["offered_per_s"] for row in every) / _MILLION
    served.plot([0, most], [0, most], label="all that arrives", color="#7A7A7A", linewidth=1.0, linestyle=(0, (1, 2)), zorder=1)
    served.set_xlabel("operations offered per second (millions)")
    served.set_ylabel("operations answered per second\n(millions, simulated time)")
    style.zero_axis(served, most)
    style.legend_beside(served)

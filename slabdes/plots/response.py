# SPDX-License-Identifier: GPL-2.0-only
"""Response times of operations that arrive beside service times: their tails, and how they bend along a sweep of rates.

Leaves out by which path an operation went: the figure by path has that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.choice import choose, told_apart
from slabdes.charts.curves import NAMES
from slabdes.charts.response import FROM, TIMES, loads, response
from slabdes.plots import style
from slabdes.plots.curves import Scale, curve
from slabdes.results import metrics
from slabdes.results.frames import OPERATIONS
from slabdes.results.response import RATE
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
_LOOKS: Final = dict(zip(FROM, (0, 2), strict=True))
"""How times are drawn, by what they are counted from."""
_MILLION: Final = 1e6
_BAND: Final = 0.22
_KNEE: Final[dict[str, Any]] = {"linestyle": "none", "marker": "o", "markersize": 14, "markerfacecolor": "none"}
_DASHES: Final = dict(zip(TIMES.values(), ("-", ":"), strict=True))


def response_figure(
    frames: Frames, manifest: Manifest, points: list[int] | None = None, confidence: float = CONFIDENCE
) -> Figure:
    """A row of panels a point (see `choice`), a panel an operation, in it the tail of service times and of response times."""
    import polars as pl

    chart = response(frames, points, confidence)
    chosen, _limited = choose(frames, points)
    ops = [op for op in OPERATIONS if op in chart.frame["op"].to_list()]
    figure = style.new_figure(_PANEL_IN * max(len(ops), 1) + 0.4, 1.0 + _ROW_IN * len(chosen))
    style.caption(figure, chart.title, manifest, frames.of_points(chosen))
    if not ops:
        style.say(figure.add_subplot(), "No operation arrives at a time of its own.")
        return figure
    panels = figure.subplots(len(chosen), len(ops), squeeze=False, sharex=True, sharey=True)
    scale = Scale(chart.frame)
    for row, point in zip(panels, chosen, strict=True):
        label = f", {style.point_label(frames, point, told_apart(frames))}" if len(chosen) > 1 else ""
        for axes, op in zip(row, ops, strict=True):
            scale.apply(axes)
            for name, number in _LOOKS.items():
                rows = chart.frame.filter(pl.col("point") == point, pl.col("op") == op, pl.col("counted") == name)
                if rows.height:
                    curve(axes, rows, name, style.line_style(number), scale.floor)
            style.panel_title(axes, f"{NAMES[op]}{label}", _DRAWN_IN)
            style.legend_beside(axes)
        row[0].set_ylabel("share that takes at least so long")
    return figure


def loads_figure(frames: Frames, manifest: Manifest, confidence: float = CONFIDENCE) -> Figure:
    """Response times over throughput, a line a setting beside the rate, its knee in a circle; and throughput over the rate."""
    chart = loads(frames, confidence)
    lines = chart.frame.partition_by("line", maintain_order=True)
    figure = style.new_figure(12.0, 5.1)
    style.caption(figure, chart.title, manifest, frames)
    if not lines:
        style.say(figure.add_subplot(), "Rates of arrivals are not swept, or too few of them.")
        return figure
    times, served = figure.subplots(1, 2)
    for number, line in enumerate(lines):
        _add(times, served, frames, line, number)
    _axes(times, served, chart.frame)
    return figure


def _add(times: Axes, served: Axes, frames: Frames, line: pl.DataFrame, number: int) -> None:
    look = style.point_style(frames, line["point"][0], metrics.series_keys(frames, RATE), number)
    named = f"{style.plain(line['line'][0])}: " if line["line"][0] else ""
    for (name,), rows in line.group_by("percentile", maintain_order=True):
        x = (rows["answered"] / _MILLION).to_list()
        drawn = look | {"linestyle": _DASHES[str(name)], "markersize": 4}
        times.plot(x, rows["time"].to_list(), label=f"{named}{name}", **drawn)
        low, high = (rows[end].to_numpy() for end in ("low", "high"))
        if (low != high).any():
            times.fill_between(x, low, high, color=look["color"], alpha=_BAND, linewidth=0)
    first = line.filter(line["percentile"] == TIMES["p99_ns"])
    (knee,) = first.filter(first["knee"]).to_dicts()
    for axes, at, y in ((times, "answered", knee["time"]), (served, "offered", knee["answered"] / _MILLION)):
        place = ([knee[at] / _MILLION], [y])
        axes.plot(*place, color=look["color"], label="knee" if number == 0 else None, **_KNEE)
    offered, answered = (first / _MILLION for first in (first["offered"], first["answered"]))
    served.plot(offered, answered, label=named.removesuffix(": ") or "answered", **look)


def _axes(times: Axes, served: Axes, rows: pl.DataFrame) -> None:
    style.grid(times)
    shown = [time for ends in ("time", "low", "high") for time in rows[ends].to_list() if time]
    style.time_axis(times, "y", min(shown, default=1.0), max(shown, default=1.0))
    times.set_xlabel("operations answered per second\n(millions, simulated time)")
    times.set_ylabel("response time (simulated time)")
    style.legend_beside(times)
    style.grid(served)
    most = float(rows["offered"].to_numpy().max()) / _MILLION
    served.plot([0, most], [0, most], label="all that arrives", color="#7A7A7A", linewidth=1.0, linestyle=(0, (1, 2)), zorder=1)
    served.set_xlabel("operations offered per second (millions)")
    served.set_ylabel("operations answered per second\n(millions, simulated time)")
    style.zero_axis(served, most)
    style.legend_beside(served)

# SPDX-License-Identifier: GPL-2.0-only
"""Draws `charts.scaling`: throughput and waiting along a sweep, a line a machine and other swept keys, with intervals.

Points are joined only to be told apart, words not at all; lines stand a little beside one another, so that those that coincide
are seen. The law of a line by CPUs is thin, its peak a star; an ideal that leaves the panel at once tells nothing: left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from matplotlib.transforms import ScaledTranslation

from slabdes.charts.scaling import IDEAL, KEY, LAW, MEASURED, PEAK, scaling
from slabdes.plots import style
from slabdes.results import metrics
from slabdes.results.text import share_text
from slabdes.stats.intervals import CONFIDENCE

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

_MILLION: Final = 1e6
_PER_CENT: Final = 100.0
RATE: Final = "operations_per_s"
PANELS: Final = (
    (RATE, 1 / _MILLION, "operations per second\n(millions, simulated time)"),
    ("share_waiting", _PER_CENT, "CPU time spent\nwaiting for locks (%)"),
)
"""The measures that are drawn side by side, what they are multiplied by, and what their axes say."""
_MOST_TICKS: Final = 20
_BAND: Final = 0.22
_IDEAL: Final[dict[str, Any]] = {"linewidth": 1.0, "linestyle": (0, (1, 2)), "zorder": 1}
_LAW: Final[dict[str, Any]] = {"linewidth": 0.8, "linestyle": (0, (6, 3)), "zorder": 1}
_PEAK: Final[dict[str, Any]] = {"linestyle": "none", "marker": "*", "markersize": 12, "markerfacecolor": "white"}
_LABELS: Final = KEY | {PEAK: f"star: {KEY[PEAK]}"}
_GOES_ON: Final = ", goes on above"
_ASIDE_PT: Final = {True: 2.5, False: 7.0}
"""How far a line stands from the next, points: of numbers along x, which lie close, and of words."""
_POINTS_IN: Final = 72
_BESIDE: Final = 0.05
"""Part of an axis of numbers that is left free at either end."""


def scaling_figure(frames: Frames, manifest: Manifest, confidence: float = CONFIDENCE, *, log: bool = False) -> Figure:
    """Two panels: operations per second, and share of time waiting, along CPUs (or whatever else the sweep varies).

    Lines beyond a panel's are drawn in further rows. With `log` both axes of throughput are logarithmic.
    """
    chart = scaling(frames, confidence)
    lines = chart.frame.partition_by("number", maintain_order=True)
    rows = [lines[first : first + style.MOST_LINES] for first in range(0, len(lines), style.MOST_LINES)]
    figure = style.new_figure(10.0, 1.1 + 3.7 * len(rows) + (0.0 if len(rows) == 1 else 0.4))
    style.caption(figure, chart.title, manifest, frames)
    for part, drawn in zip(figure.subfigures(len(rows), 1, squeeze=False).ravel(), rows, strict=True):
        panels = part.subplots(1, len(PANELS))
        for axes, (rate, scale, label) in zip(panels, PANELS, strict=True):
            _panel(axes, [line.filter(line["measure"] == rate) for line in drawn], rate, scale, frames, log and rate == RATE)
            axes.set_xlabel(style.plain(chart.along))
            axes.set_ylabel(label)
        style.legend_below(part, panels[0])
    return figure


def _panel(axes: Axes, lines: list[pl.DataFrame], rate: str, scale: float, frames: Frames, log: bool) -> None:
    along, keys = metrics.x_key(frames), metrics.series_keys(frames)
    numeric = metrics.numbers(frames.points[along])
    measured = [line.filter(line["kind"] == MEASURED) for line in lines]
    looks = [style.point_style(frames, rows["point"][0], keys, number) for number, rows in enumerate(measured)]
    asides = [_aside(axes, (number - (len(lines) - 1) / 2) * _ASIDE_PT[numeric]) for number in range(len(lines))]
    looks = [look | {"transform": aside} for look, aside in zip(looks, asides, strict=True)]
    for rows, look in zip(measured, looks, strict=True):
        name = rows["line"][0]
        _line(axes, rows, scale, style.plain(name) if name else None, look if numeric else look | {"linestyle": "none"}, numeric)
    style.grid(axes)
    places = {row["x"]: row["word"] for rows in measured for row in rows.iter_rows(named=True)}
    _axis_x(axes, places, numeric)
    ends = [(row["low"] * scale, row["high"] * scale) for rows in measured for row in rows.iter_rows(named=True)]
    top = max(high for _low, high in ends)
    if log and all(value > 0 for rows in measured for value in rows["value"].to_list()):
        axes.set_yscale("log")
        axes.set_xscale("log", base=2) if numeric and min(places) > 0 else None
        low = min(low if low > 0 else high for low, high in ends)
        axes.set_ylim(low / 1.3, top * 1.3)
    elif rate == RATE:
        style.zero_axis(axes, top or 1.0)
    else:
        style.share_axis(axes, top)
    if told := "none at any point" if not top else f"at most {share_text(top / _PER_CENT)}" if rate != RATE and top < 1 else "":
        axes.text(0.5, 0.5, told, transform=axes.transAxes, ha="center")
    _laws(axes, lines, looks, scale)


def _aside(axes: Axes, points: float) -> Transform:
    """Where data are drawn so many points to the right of their place."""
    return axes.transData + ScaledTranslation(points / _POINTS_IN, 0, axes.figure.dpi_scale_trans)


def _line(axes: Axes, rows: pl.DataFrame, scale: float, label: str | None, look: dict[str, Any], numeric: bool) -> None:
    x, (y, low, high) = rows["x"].to_list(), ((rows[column] * scale).to_list() for column in ("value", "low", "high"))
    known = low != high
    if numeric and len(x) > 1:
        axes.plot(x, y, label=label, **look)
        if known:
            axes.fill_between(x, low, high, color=look["color"], alpha=_BAND, linewidth=0, transform=look["transform"])
    else:
        to_ends = [
            [value - end for value, end in zip(y, low, strict=True)],
            [end - value for value, end in zip(y, high, strict=True)],
        ]
        axes.errorbar(x, y, yerr=to_ends if known else None, label=label, capsize=3, **look)


def _laws(axes: Axes, lines: list[pl.DataFrame], looks: list[dict[str, Any]], scale: float) -> None:
    """The ideal and the law of each line that has them. The axes stay as the data has them."""
    limits = axes.get_ylim()
    told = dict(_LABELS)
    ideals = [line.filter(line["kind"] == IDEAL) for line in lines]
    if any(rows.height and rows["value"][-1] * scale > limits[1] for rows in ideals):
        told[IDEAL] += _GOES_ON
    for line, look in zip(lines, looks, strict=True):
        own = {"color": look["color"], "transform": look["transform"]}
        for kind, drawn in ((IDEAL, own | _IDEAL), (LAW, own | _LAW), (PEAK, own | _PEAK)):
            rows = line.filter(line["kind"] == kind)
            if rows.height and (kind != IDEAL or _stays(line, rows, limits[1] / scale)):
                axes.plot(rows["x"].to_list(), (rows["value"] * scale).to_list(), label=told.pop(kind, None), **drawn)
    axes.set_ylim(*limits)


def _stays(line: pl.DataFrame, ideal: pl.DataFrame, top: float) -> bool:
    """Whether a line's ideal is still within the panel at the line's second mark."""
    second = line.filter(line["kind"] == MEASURED)["x"][1]
    return bool(ideal.filter(ideal["x"] <= second)["value"].to_list()[-1] <= top)


def _axis_x(axes: Axes, places: dict[float, str], numeric: bool) -> None:
    if numeric:
        style.cpu_axis(axes, list(places))
        first, last = min(places), max(places)
        if axes.get_xscale() == "log":
            axes.set_xlim(first / (last / first) ** _BESIDE, last * (last / first) ** _BESIDE)
        elif first < last:
            axes.set_xlim(first - _BESIDE * (last - first), last + _BESIDE * (last - first))
    else:
        ticked = metrics.spread(list(places), _MOST_TICKS)
        style.word_ticks(axes, ticked, [places[place] for place in ticked])
        axes.set_xlim(-0.5, len(places) - 0.5)

# SPDX-License-Identifier: GPL-2.0-only
"""What was tried and what is worth having: a measure against the memory held, and the front of both, with intervals.

Leaves out where the figures come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.chart import Chart
from slabdes.charts.effects import CHANCE
from slabdes.charts.tuning import BEST, FRONT, KINDS, OTHER, TRIED, WRITTEN
from slabdes.folders import input_errors
from slabdes.plots import style
from slabdes.results.text import bytes_text

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TUNING: Final = "tuning.png"
SENSITIVITY: Final = "sensitivity.png"
_WIDE: Final = 3.0
"""Values of which the greatest is more than so many times the least go on a log axis."""
_TRIED: Final[dict[str, Any]] = {"color": "#8A8A8A", "marker": ".", "linestyle": "none", "markersize": 6}
_WRITTEN: Final[dict[str, Any]] = {"color": "#000000", "marker": "s", "linestyle": "none", "markersize": 7}
_FRONT: Final[dict[str, Any]] = {"color": "#0072B2", "marker": "o", "linestyle": "--", "markersize": 6, "linewidth": 1.2}
_OTHER: Final[dict[str, Any]] = {
    "color": "#0072B2", "marker": "o", "linestyle": "none", "markersize": 6, "markerfacecolor": "white",
}  # fmt: skip
_BEST: Final[dict[str, Any]] = {"color": "#D55E00", "marker": "*", "linestyle": "none", "markersize": 15, "zorder": 5}


def tuning_figure(chart: Chart, about: str) -> Figure:
    """The chart of a search (`charts.tuning`); `about` stands beneath its title."""
    figure = style.new_figure(8.5, 5.6)
    style.title(figure, chart.title, about)
    axes = figure.subplots()
    parts = {kind: chart.frame.filter(kind=kind) for kind in KINDS}
    axes.plot(parts[TRIED]["held_bytes"], parts[TRIED]["value"], label=TRIED, **_TRIED)
    for kind, look in ((FRONT, _FRONT), (OTHER, _OTHER)):
        _bars(axes, parts[kind], kind, look)
    for kind, look in ((WRITTEN, _WRITTEN), (BEST, _BEST)):
        for row in parts[kind].iter_rows(named=True):
            axes.plot([row["held_bytes"]], [row["value"]], label=f"{kind}: {row['setting']}", **look)
    style.grid(axes)
    known = [value for column in ("value", "high") for value in chart.frame[column].drop_nulls()]
    if chart.unit == "ns" and min(known) > 0 and max(known) > _WIDE * min(known):
        style.time_axis(axes, "y", min(known), max(known))
    elif chart.unit == "ns":
        axes.yaxis.set_major_formatter(lambda value, _position: style.time_label(value))
    _memory_axis(axes, parts[TRIED]["held_bytes"].to_list())
    axes.set_ylabel(f"{chart.along} (simulated)")
    style.legend_below(figure, axes)
    return figure


def _bars(axes: Axes, rows: pl.DataFrame, label: str, look: Mapping[str, Any]) -> None:
    if not rows.height:
        return
    value = rows["value"].to_numpy()  # and an interval of what is never negative ends at 0
    ends = [
        value - rows["low"].fill_null(rows["value"]).clip(0.0).to_numpy(),
        rows["high"].fill_null(rows["value"]).to_numpy() - value,
    ]
    axes.errorbar(rows["held_bytes"].to_numpy(), value, yerr=ends, label=label, capsize=3, zorder=4, **look)


def _memory_axis(axes: Axes, held: Sequence[float]) -> None:
    axes.xaxis.set_major_formatter(lambda value, _position: bytes_text(value).replace(".00 ", " ").replace(".0 ", " "))
    axes.set_xlabel("memory held when a run ends (slabs, and arrays of pointers)")
    most = max(held)
    axes.set_xlim(0.0, 1.08 * most)
    unit = 2.0 ** max(0, int(most / 5).bit_length() - 1)
    axes.set_xticks([unit * number for number in range(int(1.08 * most / unit) + 1)])


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG; InputError if it cannot be written."""
    with input_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=style.DPI)
    return path


def sensitivity_figure(chart: Chart, about: str) -> Figure:
    """The chart of effects (`charts.effects`), the greatest on top; the last is chance's, beyond which a knob has to reach."""
    frame = chart.frame
    figure = style.new_figure(8.5, 1.8 + 0.45 * frame.height)
    style.title(figure, chart.title, about)
    axes = figure.subplots()
    places = list(range(frame.height))[::-1]
    for place, row in zip(places, frame.iter_rows(named=True), strict=True):
        hatched: dict[str, Any] = {"color": "white", "edgecolor": "#000000", "hatch": "///"}
        value, look = row["total"], hatched if row["kind"] == CHANCE else {"color": "#0072B2"}
        axes.barh(place, value, height=0.6, **look)
        ends = [[value - row["low"]], [row["high"] - value]]
        axes.errorbar([value], [place], xerr=ends, color="#000000", capsize=4, linewidth=1.5)
    reach = frame.filter(kind=CHANCE)["high"].item()
    axes.axvline(reach, color="#D55E00", linestyle="--", linewidth=1.5, label="what chance does, at most")
    names = [*frame["knob"][:-1], "chance (other random numbers)"]
    axes.set_yticks(places, [style.tick_text(name) for name in names])
    axes.set_xlim(0.0, 1.08 * max(frame["high"].to_list()) or 1.0)
    if chart.unit == "ns":
        axes.xaxis.set_major_formatter(lambda value, _position: style.time_label(value))
    axes.set_xlabel(chart.along)
    style.grid(axes, "x")
    style.legend_below(figure, axes)
    return figure

# SPDX-License-Identifier: GPL-2.0-only
"""What was tried and what is worth having: a measure against the memory held, and the front of both, with intervals.

Leaves out where the figures come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

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


def tuning_figure(
    trials: pl.DataFrame, names: Sequence[str], measure: str, time: bool, best: int, title: Sequence[str]
) -> Figure:
    """The measure (a time in ns, with `time`) against what is held: every trial, those measured anew with intervals, the front.

    `trials` is `study.tune.trials_frame`; `names` tell its rows; `best` is the trial chosen; `title` stands above.
    """
    figure = style.new_figure(8.5, 5.6)
    style.title(figure, *title)
    axes = figure.subplots()
    rows = [row | {"name": name} for row, name in zip(trials.iter_rows(named=True), names, strict=True)]
    ran = [row for row in rows if row["value"] is not None]
    axes.plot([row["held_bytes"] for row in ran], [row["value"] for row in ran], label="tried in the search", **_TRIED)
    anew = [row for row in rows if row["new_value"] is not None]
    front = sorted((row for row in anew if row["front"]), key=lambda row: row["new_held_bytes"])
    _bars(axes, front, "measured anew, on the front", _FRONT)
    _bars(axes, [row for row in anew if not row["front"]], "measured anew, not on it", _OTHER)
    for row, label, look in ((rows[0], "as written", _WRITTEN), (rows[best], "best", _BEST)):
        if row["trial"] != rows[0]["trial"] or label == "as written":
            axes.plot([row["new_held_bytes"]], [row["new_value"]], label=f"{label}: {row['name']}", **look)
    style.grid(axes)
    values = [row["value"] for row in ran]
    values += [row[key] if row[key] is not None else row["new_value"] for row in anew for key in ("new_low", "new_high")]
    if time and min(values) > 0 and max(values) > _WIDE * min(values):
        style.time_axis(axes, "y", min(values), max(values))
    elif time:
        axes.yaxis.set_major_formatter(lambda value, _position: style.time_label(value))
    _memory_axis(axes, [row["held_bytes"] for row in ran])
    axes.set_ylabel(f"{measure} (simulated)")
    style.legend_below(figure, axes)
    return figure


def _bars(axes: Axes, rows: Sequence[Mapping[str, Any]], label: str, look: Mapping[str, Any]) -> None:
    if not rows:
        return
    values = [row["new_value"] for row in rows]
    ends = [
        [value - (row["new_low"] if row["new_low"] is not None else value) for row, value in zip(rows, values, strict=True)],
        [(row["new_high"] if row["new_high"] is not None else value) - value for row, value in zip(rows, values, strict=True)],
    ]
    axes.errorbar([row["new_held_bytes"] for row in rows], values, yerr=ends, label=label, capsize=3, zorder=4, **look)


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


def sensitivity_figure(
    names: Sequence[str], totals: Sequence[tuple[float, float, float]], label: str, title: Sequence[str], time: bool
) -> Figure:
    """A bar a knob (value, low, high), the greatest on top; the last is chance's, beyond which a knob has to reach."""
    figure = style.new_figure(8.5, 1.8 + 0.45 * len(names))
    style.title(figure, *title)
    axes = figure.subplots()
    places = list(range(len(names)))[::-1]
    for number, (place, (value, low, high)) in enumerate(zip(places, totals, strict=True)):
        chance = number == len(names) - 1
        look: dict[str, Any] = {"color": "white", "edgecolor": "#000000", "hatch": "///"} if chance else {"color": "#0072B2"}
        axes.barh(place, value, height=0.6, **look)
        axes.errorbar([value], [place], xerr=[[value - low], [high - value]], color="#000000", capsize=4, linewidth=1.5)
    reach = totals[-1][2]
    axes.axvline(reach, color="#D55E00", linestyle="--", linewidth=1.5, label="what chance does, at most")
    axes.set_yticks(places, [style.tick_text(name) for name in names])
    axes.set_xlim(0.0, 1.08 * max(high for _value, _low, high in totals) or 1.0)
    if time:
        axes.xaxis.set_major_formatter(lambda value, _position: style.time_label(value))
    axes.set_xlabel(label)
    style.grid(axes, "x")
    style.legend_below(figure, axes)
    return figure

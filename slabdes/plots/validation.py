# SPDX-License-Identifier: GPL-2.0-only
"""One chart a target of validation: measured figures as marks, simulated ones as lines, what nobody measured as lines alone.

Drawn from the report's plain values. Leaves out tables.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from slabdes.folders import input_errors
from slabdes.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDE: Final = 10.0
"""From this ratio of largest to smallest on, an axis is logarithmic."""
_PANEL_IN: Final = 3.6
_COLUMNS: Final = 3
_LABELLED_MOST: Final = 14
"""Names of cases that fit under a panel."""
_ROWS_IN: Final = 3.1
_EXTRA_FOR_NAMES_IN: Final = 1.2
_WIDE_FIGURE_IN: Final = 9.0
_FEW: Final = 17
"""Places along x that each have a tick."""
_CROWDED: Final = 1000
"""From this number on ticks are turned, so that they do not run into each other."""


def validation_figure(target: Mapping[str, Any]) -> Figure:
    """The chart of one target, as `Report.plain()` gives it: a panel for each family of series."""
    families = _families(target["rows"])
    columns = min(_COLUMNS, len(families))
    lines = math.ceil(len(families) / columns)
    named = any(row["label"] for row in target["rows"])
    height = lines * (_ROWS_IN + (_EXTRA_FOR_NAMES_IN if named else 0.0)) + 1.1
    figure = style.new_figure(max(6.4, columns * _PANEL_IN + 0.6), height)
    verdict = "" if not target["checks"] else "; tolerances kept" if target["holds"] else "; NOT all tolerances kept"
    style.title(figure, f"{target['title']}: measured and simulated{verdict}")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, (name, series) in zip(panels, families.items(), strict=False):
        _panel(axes, name, series, target)
    for axes in panels[len(families) :]:
        axes.set_axis_off()
    _legend(figure, list(panels[: len(families)]))
    return figure


def _legend(figure: Figure, panels: Sequence[Axes]) -> None:
    """One legend below all panels: what is the same in several of them stands there once."""
    entries: dict[str, Any] = {}
    for axes in panels:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(name, handle)
    columns = 3 if figure.get_figwidth() > _WIDE_FIGURE_IN else 2
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=columns, fontsize=7.5, frameon=False)


def _families(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, list[Mapping[str, Any]]]]:
    """Rows by series, series by family: what stands before a comma is the panel, what follows tells its lines apart."""
    families: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for row in rows:
        family, _comma, line = row["series"].partition(", ")
        families.setdefault(family, {}).setdefault(line, []).append(row)
    return families


def _panel(axes: Axes, name: str, series: Mapping[str, Sequence[Mapping[str, Any]]], target: Mapping[str, Any]) -> None:
    values, places = [], []
    for number, (line, rows) in enumerate(series.items()):
        looks = style.line_style(number)
        known = [row for row in rows if row["simulated"] is not None]
        x = [row["x"] for row in known]
        simulated = [row["simulated"] for row in known]
        label = f"simulated{f', {line}' if line else ''}"
        # Named places follow from nothing: bars side by side, not a line from one to the next.
        line_of = {"linestyle": "none", "marker": "_", "markersize": 9} if _named(series) else {"linestyle": looks["linestyle"]}
        axes.plot(x, simulated, label=style.plain(label), color=looks["color"], linewidth=1.3, **line_of)
        measured = [row for row in rows if row["measured"] is not None]
        for fitted, face in ((True, looks["color"]), (False, "white")):
            chosen = [row for row in measured if row["fitted"] is fitted]
            if chosen:
                axes.plot(
                    [row["x"] for row in chosen],
                    [row["measured"] for row in chosen],
                    linestyle="none",
                    marker=looks["marker"],
                    markersize=4.5,
                    markerfacecolor=face,
                    markeredgecolor=looks["color"],
                    label=style.plain(f"measured{', calibrated on' if fitted else ''}{f', {line}' if line else ''}"),
                )
        values += simulated + [row["measured"] for row in measured]
        places += x
    _scales(axes, values, places, series)
    axes.set_title(style.plain(name), fontsize=9)
    if not _named(series):
        axes.set_xlabel(style.plain(target["x"]), fontsize=8)
    axes.set_ylabel(style.plain(target["unit"]), fontsize=8)
    axes.tick_params(labelsize=7)
    style.grid(axes)


def _named(series: Mapping[str, Sequence[Mapping[str, Any]]]) -> bool:
    """Whether the places along x have names, which take room below the panel."""
    return any(row["label"] for rows in series.values() for row in rows)


def _scales(
    axes: Axes, values: Sequence[float], places: Sequence[float], series: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
    positive = [value for value in values if value > 0]
    if positive and max(positive) / min(positive) >= _WIDE:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5), numticks=20))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        style.zero_axis(axes, max(values, default=1.0) * 1.15)
    labels = {row["x"]: row["label"] for rows in series.values() for row in rows if row["label"]}
    if labels and len(labels) <= _LABELLED_MOST:
        axes.set_xticks(list(labels), [style.plain(text) for text in labels.values()], rotation=60, ha="right")
    elif labels:
        every = math.ceil(len(labels) / _LABELLED_MOST)
        kept = list(labels)[::every]
        axes.set_xticks(kept, [style.plain(labels[x]) for x in kept], rotation=60, ha="right")
    elif len(set(places)) < _FEW:
        style.cpu_axis(axes, places)
        axes.tick_params(axis="x", labelrotation=60 if max(places) >= _CROWDED else 0)


def save_validation(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write a chart a target of the report into `folder`, as NAME.png; the paths. Raises InputError if they cannot be written."""
    written = []
    with input_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for target in report["targets"]:
            path = folder / f"{target['name']}.png"
            validation_figure(target).savefig(path, dpi=style.DPI)
            written.append(path)
    return written

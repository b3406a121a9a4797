# SPDX-License-Identifier: GPL-2.0-only
"""What all drawings for browsers share: Vega-Lite made by Altair, controls, axes of times and shares, colours by name.

Colours are properties of the page's style sheet, so that they follow the reader's light or dark. Leaves out single charts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final

import altair as alt
import polars as pl

HEIGHT: Final = 340
EVERY: Final = "all"
"""The option that limits nothing."""
COLOURS: Final = tuple(f"var(--c{number})" for number in range(8))
DASHES: Final = ([1, 0], [8, 4], [2, 3], [10, 3, 2, 3], [5, 2], [1, 5], [14, 4], [4, 4, 1, 4])
SHAPES: Final = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")
_MANTISSA: Final = "round(datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9)))"
"""Of a tick on a logarithmic axis."""
_TIME_LABEL: Final = (
    "datum.value >= 1e9 ? format(datum.value / 1e9, '~r') + ' s' : "
    "datum.value >= 1e6 ? format(datum.value / 1e6, '~r') + ' ms' : "
    "datum.value >= 1e3 ? format(datum.value / 1e3, '~r') + ' µs' : format(datum.value, '~r') + ' ns'"
)
"""How an axis tells a time in ns."""
SHARE_TICK: Final = "format(datum.value * 100, '~r') + ' %'"
"""How an axis tells a share, in per cent."""
_ZOOM: Final = "zoom"
_INK: Final = "var(--ink)"
_LETTER: Final = 6.2
"""Width of a letter of 11 pixels, about (measured)."""
_GRID: Final = "var(--faint)"
_APART: Final = 6
"""Pixels between two labels of an axis at least."""
_COLUMNS: Final = {"expr": "width < 480 ? 1 : 2"}
"""Of a legend: on a telephone the second would be cut off."""
_TEXTS: Final = {"labelColor": _INK, "titleColor": _INK}
CONFIG: Final[Mapping[str, Any]] = {
    "background": None,
    "aria": False,
    "font": "system-ui, sans-serif",
    "view": {"stroke": _GRID},
    "axis": {**_TEXTS, "gridColor": _GRID, "domainColor": _INK, "tickColor": _INK, "labelFontSize": 12, "titleFontSize": 12},
    "legend": {**_TEXTS, "labelLimit": 420, "labelFontSize": 12, "titleFontSize": 12, "orient": "bottom", "columns": _COLUMNS},
    "title": {"color": _INK},
    "text": {"color": _INK, "fill": _INK},
    "rule": {"color": _INK},
    "range": {"category": list(COLOURS)},
}
"""How every drawing looks."""


@dataclass(frozen=True)
class Choice:
    """A control that chooses one of `options` (value and what it is called) for the drawing's parameter `param`.

    Options that no row has in `column`, with what the chart's other controls have chosen in theirs, are not offered.
    """

    param: str
    label: str
    options: tuple[tuple[str, str], ...]
    value: str
    column: str = ""


@dataclass(frozen=True)
class Drawing:
    """A drawing of a chart's frame: Vega-Lite, the controls that it listens to, and the signals of its axes' zoom."""

    spec: Mapping[str, Any]
    choices: tuple[Choice, ...] = ()
    toggles: tuple[tuple[str, str], ...] = ()
    zooms: Mapping[str, str] = field(default_factory=dict)


def choice(
    param: str, label: str, values: Iterable[Any], *, first: str | None = None, every: bool = False, column: str = ""
) -> Choice:
    """A control over these values in their order; with `every` one that takes all of them comes first."""
    options = [(str(value), str(value) or "the only one") for value in dict.fromkeys(values)]
    known = [(EVERY, "all"), *options] if every else options
    return Choice(param, label, tuple(known), known[0][0] if first is None else first, column)


def choice_of(frame: pl.DataFrame, column: str, param: str = "", label: str = "", *, every: bool = False) -> Choice:
    """The same over a column's values, in the order of the rows; it is called as the column where nothing else is said."""
    return choice(param or column, label or column, frame[column].unique(maintain_order=True), every=every, column=column)


def drawing(
    chart: Any,
    choices: Sequence[Choice] = (),
    toggles: Sequence[tuple[str, str]] = (),
    zoom: Mapping[str, str] | None = None,
    height: int = HEIGHT,
) -> Drawing:
    """A finished drawing: `chart` with a parameter a control; `zoom` has the fields along x and y that may be zoomed."""
    params = [alt.param(name=one.param, value=one.value) for one in choices]
    params += [alt.param(name=name, value=True) for name, _label in toggles]
    # Parts are looked at when they are made; the whole once more takes as long as making it.
    spec = chart.add_params(*params).properties(width="container", height=height).to_dict(validate=False)
    signals = {axis: f"{_ZOOM}_{name}" for axis, name in (zoom or {}).items()}
    # A control that leaves nothing to choose is none.
    shown = tuple(one for one in choices if len(one.options) > 1)
    return Drawing(spec, shown, tuple(toggles), signals)


def zoomable() -> Any:
    """The parameter that lets a layer be dragged, and zoomed with Shift and the wheel."""
    return alt.selection_interval(name=_ZOOM, bind="scales", zoom="wheel![event.shiftKey]")


def named(name: str) -> Any:
    """The frame of the chart of that name, as the page hands it to Vega."""
    return alt.NamedData(name=name)


def is_chosen(param: str, column: str) -> str:
    """An expression: the row's column is the control's value, or the control limits nothing."""
    return f"({param} == '{EVERY}' || datum.{column} == {param})"


def looks(
    column: str,
    values: Sequence[Any],
    frame: pl.DataFrame | None = None,
    by: str = "",
    own: Sequence[tuple[str, list[int]]] | None = None,
) -> dict[str, Any]:
    """Colour and dashes by a column's values in their order, so that lines are told apart in grey; few share a look.

    With `frame`, the legend has only the values that are in the rows which the control `by`, called as its column, takes.
    `own` are the values' own looks, colours and dashes.
    """
    domain = [str(value) for value in values]
    numbers = range(max(len(domain), 1))
    colours = [COLOURS[number % len(COLOURS)] for number in numbers]
    dashes = [DASHES[(number + number // len(COLOURS)) % len(DASHES)] for number in numbers]
    if own is not None:
        colours, dashes = [colour for colour, _dash in own], [dash for _colour, dash in own]
    more: Any = {} if frame is None else {"values": alt.ExprRef(f"({_values_by(column, domain, frame, by)})[{by}]")}
    stroke = alt.Legend(title=None, symbolStrokeWidth=2, symbolSize=400, symbolType="stroke", symbolOpacity=1, **more)
    legend = None if domain == [""] else stroke
    return {
        "color": alt.Color(f"{column}:N", scale=alt.Scale(domain=domain, range=colours), legend=legend),
        "strokeDash": alt.StrokeDash(f"{column}:N", scale=alt.Scale(domain=domain, range=dashes), legend=legend),
    }


def _values_by(column: str, domain: Sequence[str], frame: pl.DataFrame, by: str) -> str:
    """The values of a column that the rows with each value of another have, as an expression has a table."""
    had = {key: set(rows[column].to_list()) for (key,), rows in frame.group_by(by, maintain_order=True)}
    return json.dumps({str(key): [value for value in domain if value in values] for key, values in had.items()})


def stress(param: str, column: str) -> Any:
    """Full strength for rows that a control takes, little for others."""
    return alt.condition(is_chosen(param, column), alt.value(1.0), alt.value(0.15))


def time_scale(times: pl.Series, least: float = 1.0, room: float = 1.0) -> Any:
    """A logarithmic scale that holds these times, those below `least` at its end, with so many times as much `room` for marks."""
    known = times.drop_nulls().drop_nans()
    positive = known.filter(known > 0).to_list()
    low = max(min(positive, default=least), least) if max(positive, default=inf) >= least else min(positive)
    high = max(max(positive, default=low), low)
    return alt.Scale(type="log", domain=[low / room, (high if high > low else low * 10) * room], nice=False)


def time_axis(title: str, **more: Any) -> Any:
    """A logarithmic axis of times in ns, told with their units."""
    return _log_axis(title, _TIME_LABEL, **more)


def plain_time_axis(title: str) -> Any:
    """A linear axis of times in ns, told with their units."""
    return alt.Axis(title=title, labelExpr=_TIME_LABEL, labelOverlap=True, labelSeparation=_APART, tickCount=8)


def share_axis(title: str, **more: Any) -> Any:
    """A logarithmic axis of shares, told in per cent."""
    return _log_axis(title, SHARE_TICK, **more)


def _log_axis(title: str, label: str, **more: Any) -> Any:
    """Labelled at 1, 2 and 5 times powers of ten, as far as there is room; lines between them are faint."""
    grid = alt.condition(f"{_MANTISSA} == 1", alt.value(1.0), alt.value(0.3))
    labels = f"indexof([1, 2, 5], {_MANTISSA}) < 0 ? '' : {label}"
    return alt.Axis(
        title=title, labelExpr=labels, labelOverlap="greedy", labelSeparation=_APART, gridOpacity=grid, ticks=False, **more
    )


def on_fill(rows: Any, text: str, x: Any, y: Any) -> list[Any]:
    """A column's text on marks that are filled and hatched: dark, with a light edge, so that it is read on any of them."""
    edge = rows.mark_text(fontSize=11, color="#ffffff", stroke="#ffffff", strokeWidth=4, strokeJoin="round")
    return [mark.encode(x, y, text=f"{text}:N") for mark in (edge, rows.mark_text(fontSize=11, color="#1a1a1a"))]


def fits(text: str, share: str) -> str:
    """An expression: a column's text, of 11 pixels, has room in such a share of the drawing's width."""
    return f"length(datum.{text}) * {_LETTER} + {_APART} < ({share}) * width"


def time_of(column: str) -> str:
    """An expression: a column's time with its unit."""
    value = f"datum.{column}"
    return (
        f"!isValid({value}) ? '-' : {value} >= 1e9 ? format({value} / 1e9, '.3~r') + ' s' : {value} >= 1e6 ? "
        f"format({value} / 1e6, '.3~r') + ' ms' : {value} >= 1e3 ? format({value} / 1e3, '.3~r') + ' µs' : "
        f"format({value}, '.3~r') + ' ns'"
    )

# SPDX-License-Identifier: GPL-2.0-only
"""Draws for browsers what a search, a decision and a study of sensitivity found.

Leaves out the figures themselves (`charts`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import altair as alt
import polars as pl

from slabdes.charts import decided as deciding
from slabdes.charts import effects as acting
from slabdes.charts import tuning as searching
from slabdes.charts.chart import Chart
from slabdes.pages.curves import BANDS
from slabdes.pages.drawing import (
    SHARE_TICK,
    Drawing,
    choice_of,
    drawing,
    named,
    plain_time_axis,
    time_axis,
    time_of,
    time_scale,
    zoomable,
)

_WIDE: Final = 3.0
"""Values of which the greatest is more than so many times the least go on a log axis."""
_ROOM: Final = 1.15
_BEYOND: Final = 1.06
"""An axis from 0 on ends so many times as far as what is on it."""
_TICKS: Final = 5
_HELD: Final = "memory held when a run ends"
_ROW: Final = 34
"""Height of a row of bars or dots, pixels."""
_SOFT, _FIRST, _SECOND, _INK, _PAPER = "var(--soft)", "var(--c1)", "var(--c2)", "var(--ink)", "var(--paper)"


def tuning(chart: Chart) -> Drawing:
    """Settings by what they hold and by the measure, the front joined."""
    frame = chart.frame
    value = _Value(chart, "value", "high")
    rows = alt.Chart(named(chart.name)).transform_calculate(
        lower=f"max(datum.low, {value.least})",
        Value=value.text("value"),
        Ends=value.ends(),
        Held=_bytes_of("datum.held_bytes"),
        Times="isValid(datum.replications) ? datum.replications : '-'",
    )
    held = frame["held_bytes"].to_numpy()
    least, most = float(held.min()), float(held.max())
    start = 0.0 if least < most / 2 else least - (_BEYOND - 1) * most
    unit = 1 << max(0, int((most - start) / _TICKS).bit_length() - 1)
    ticks = [unit * number for number in range(int(start / unit), int(most * _BEYOND / unit) + 1)]
    axis = alt.Axis(values=ticks, labelExpr=_bytes_of("datum.value"), title=_HELD, labelOverlap=True)
    x = alt.X("held_bytes:Q", axis=axis, scale=alt.Scale(domain=[start, most * _BEYOND], nice=False))
    y = alt.Y("value:Q", axis=value.axis, scale=value.scale)
    tip = [
        alt.Tooltip("setting:N"),
        alt.Tooltip("kind:N", title="what"),
        alt.Tooltip("Value:N", title=chart.along),
        alt.Tooltip("Ends:N", title="interval"),
        alt.Tooltip("Held:N", title="memory held"),
        alt.Tooltip("Times:N", title="replications of the search"),
    ]
    line = rows.transform_filter(f"datum.kind == '{searching.FRONT}'").mark_line(strokeDash=[6, 3], color=_FIRST, clip=True)
    anew = rows.transform_filter(f"bands && datum.kind != '{searching.TRIED}' && isValid(datum.low)")
    bars = anew.mark_rule(strokeWidth=2, color=_FIRST, clip=True)
    sized, looks = _looks(
        rows,
        searching.KINDS,
        {
            searching.TRIED: (_SOFT, _SOFT, "circle", 25),
            searching.FRONT: (_FIRST, _FIRST, "circle", 80),
            searching.OTHER: (_FIRST, _PAPER, "circle", 80),
            searching.WRITTEN: (_INK, _INK, "square", 130),
            searching.BEST: (_SECOND, _SECOND, "diamond", 220),
        },
        frame,
    )
    marks = sized.mark_point(opacity=1, strokeWidth=2, clip=True).encode(x, y, tooltip=tip, **looks)
    layers = [
        bars.encode(x, alt.Y("lower:Q", scale=value.scale), alt.Y2("high:Q")),
        line.encode(x, y, order="held_bytes:Q"),
        marks.add_params(zoomable()),
    ]
    return drawing(alt.layer(*layers), [], [BANDS], {"x": "held_bytes", "y": "value"})


def decided(chart: Chart) -> Drawing:
    """A measure a row, its ratio as a mark with a bar."""
    frame = chart.frame
    ends = [one for one in (*frame["low"], *frame["high"], *frame["ratio"], 1.0) if one is not None and one > 0]
    least, most = min(min(ends), 0.9), max(max(ends), 1.1)
    scale = alt.Scale(type="log", domain=[max(least, min(frame["ratio"].to_list(), default=1.0) / _WIDE), most], nice=False)
    rows = alt.Chart(named(chart.name)).transform_calculate(
        Ratio="format(datum.ratio, '.3f')",
        Ends="!isValid(datum.low) ? '-' : format(datum.low, '.3f') + ' to ' + format(datum.high, '.3f')",
        lower=f"max(datum.low, {scale.domain[0]})",
    )
    axis = alt.Axis(format="~r", labelOverlap="greedy", title="times as much")
    x = alt.X("ratio:Q", scale=scale, axis=axis)
    y = alt.Y("measure:N", sort=None, title=None, axis=alt.Axis(labelLimit=220))
    tip = ["measure:N", alt.Tooltip("Ratio:N", title="ratio"), alt.Tooltip("Ends:N", title="interval"), "kind:N"]
    one = alt.Chart(alt.InlineData(values=[{"ratio": 1.0}])).mark_rule(strokeDash=[4, 3]).encode(alt.X("ratio:Q", scale=scale))
    bars = rows.transform_filter("bands && isValid(datum.low)").mark_rule(strokeWidth=2, color=_INK, clip=True)
    sized, looks = _looks(
        rows,
        deciding.KINDS,
        {
            deciding.DIFFERS: (_SECOND, _SECOND, "diamond", 170),
            deciding.ALIKE: (_INK, _INK, "square", 110),
            deciding.OPEN: (_SECOND, _PAPER, "diamond", 170),
            deciding.BESIDE: (_FIRST, _FIRST, "circle", 90),
            deciding.UNTOLD: (_FIRST, _PAPER, "circle", 90),
        },
        frame,
    )
    marks = sized.mark_point(opacity=1, strokeWidth=2, clip=True).encode(x, y, tooltip=tip, **looks)
    layers = [one, bars.encode(alt.X("lower:Q", scale=scale, axis=axis), alt.X2("high:Q"), y), marks]
    return drawing(alt.layer(*layers), [], [BANDS], height=max(120, _ROW * frame.height))


def effects(chart: Chart) -> Drawing:
    """A bar a knob with its interval, and how far chance reaches."""
    frame = chart.frame
    value = _Value(replace(chart, frame=frame.select(total=pl.lit(0.0))), "total")  # bars begin at 0: the axis is linear
    rows = alt.Chart(named(chart.name)).transform_calculate(Value=value.text("total"), Ends=value.ends())
    scale = alt.Scale(domain=[0, max(frame["high"].to_list()) * _BEYOND or 1.0], nice=False)
    x = alt.X("total:Q", scale=scale, axis=value.axis)
    y = alt.Y("knob:N", sort=None, title=None, axis=alt.Axis(labelLimit=260))
    domain = [kind for kind in acting.KINDS if kind in set(frame["kind"])]
    fills = {acting.MATTERS: _FIRST, acting.UNTOLD: "var(--c4)", acting.CHANCE: _PAPER}
    legend = alt.Legend(title=None, symbolType="square", symbolStrokeColor=_INK, symbolSize=160)
    colour = alt.Color("kind:N", scale=alt.Scale(domain=domain, range=[fills[kind] for kind in domain]), legend=legend)
    tip = ["knob:N", alt.Tooltip("Value:N", title="size"), alt.Tooltip("Ends:N", title="interval"), "kind:N"]
    bars = rows.mark_bar(stroke=_INK, strokeWidth=0.7, height=alt.RelativeBandSize(0.6)).encode(x, y, color=colour, tooltip=tip)
    ends = (
        rows.transform_filter("bands")
        .mark_rule(strokeWidth=2, color=_INK)
        .encode(alt.X("low:Q", scale=scale), alt.X2("high:Q"), y)
    )
    reach = rows.transform_filter(f"datum.kind == '{acting.CHANCE}'").mark_rule(strokeDash=[6, 3], strokeWidth=2, color=_SECOND)
    layers = [bars, ends, reach.encode(alt.X("high:Q", scale=scale))]
    return drawing(alt.layer(*layers), [], [BANDS], height=max(120, _ROW * frame.height))


def settings(chart: Chart) -> Drawing:
    """The measure at every setting, along the knob that is chosen."""
    frame = chart.frame
    value = _Value(chart, "value")
    marks = {knob: [*names] for knob, *names in frame.select("knob", "least", "middle", "most").unique().iter_rows()}
    rows = (
        alt.Chart(named(chart.name))
        .transform_filter("datum.knob == knob")
        .transform_calculate(Value=value.text("value"), Word="knob + ' ' + datum.word")
    )
    label = f"({json.dumps(marks)})[knob][round(datum.value * 2)]"
    axis = alt.Axis(values=[0, 0.5, 1], labelExpr=label, title="the knob, over its range", labelLimit=200)
    x = alt.X("place:Q", axis=axis, scale=alt.Scale(domain=[-0.04, 1.04], nice=False))
    y = alt.Y("value:Q", axis=value.axis, scale=value.scale)
    tip = [alt.Tooltip("Word:N", title="at"), alt.Tooltip("Value:N", title=chart.along)]
    points = rows.mark_point(filled=True, opacity=0.7, size=60, color=_FIRST, clip=True).encode(x, y, tooltip=tip)
    return drawing(points.add_params(zoomable()), [choice_of(frame, "knob")], [], {"x": "place", "y": "value"})


class _Value:
    """How values of a chart's unit are told, and the axis and scale of those in `columns`."""

    def __init__(self, chart: Chart, *columns: str) -> None:
        self._unit = chart.unit
        known = pl.concat([chart.frame[name].cast(pl.Float64) for name in columns]).drop_nulls()
        least, most = (min(known, default=0.0), max(known, default=1.0))
        wide = chart.unit == "ns" and least > 0 and most > _WIDE * least
        self.least = least / _ROOM if wide else 0.0
        """An interval of what is never negative is drawn down to here."""
        if chart.unit == "ns":
            self.axis = (time_axis if wide else plain_time_axis)(f"{chart.along} (simulated)")
        elif chart.unit == "1/s":
            self.axis = alt.Axis(title=chart.along, format="~s", tickCount=8)
        else:
            self.axis = alt.Axis(title=chart.along, labelExpr=SHARE_TICK, tickCount=8)
        self.scale = time_scale(known, least=0.0, room=_ROOM) if wide else alt.Scale(zero=False, padding=12)

    def text(self, column: str) -> str:
        """An expression: a column's value with its unit."""
        match self._unit:
            case "ns":
                return time_of(column)
            case "1/s":
                return f"format(datum.{column}, '.4~s')"
        return f"format(datum.{column} * 100, '.3~r') + ' %'"

    def ends(self) -> str:
        """An expression: a row's interval."""
        return f"!isValid(datum.low) ? '-' : {self.text('low')} + ' to ' + {self.text('high')}"


def _bytes_of(value: str) -> str:
    """An expression: bytes with their unit."""
    return (
        f"{value} >= {1 << 30} ? format({value} / {1 << 30}, '.3~r') + ' GiB' : {value} >= {1 << 20} ? "
        f"format({value} / {1 << 20}, '.3~r') + ' MiB' : {value} >= {1 << 10} ? format({value} / {1 << 10}, '.3~r') + ' KiB' : "
        f"format({value}, '.3~r') + ' B'"
    )


def _looks(
    rows: Any, kinds: Sequence[str], looks: Mapping[str, tuple[str, str, str, int]], frame: pl.DataFrame
) -> tuple[Any, dict[str, Any]]:
    """Stroke, fill, shape and size of those kinds of marks that there are, with one legend; marks are told apart in grey."""
    domain = [kind for kind in kinds if kind in set(frame["kind"])]
    stroke, fill, shape, size = zip(*(looks[kind] for kind in domain), strict=True)
    legend = alt.Legend(title=None, symbolSize=110)
    channels = {"stroke": alt.Stroke, "fill": alt.Fill, "shape": alt.Shape}
    ranges = {"stroke": stroke, "fill": fill, "shape": shape}
    encoded = {
        name: channel("kind:N", scale=alt.Scale(domain=domain, range=list(ranges[name])), legend=legend)
        for name, channel in channels.items()
    }
    sizes = json.dumps(dict(zip(domain, size, strict=True)))
    return rows.transform_calculate(pixels=f"({sizes})[datum.kind]"), encoded | {"size": alt.Size("pixels:Q", scale=None)}


DRAWINGS: Final = {"tuning": tuning, "decided": decided, "effects": effects, "settings": settings}
"""By the chart's name."""

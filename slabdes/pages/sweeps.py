# SPDX-License-Identifier: GPL-2.0-only
"""Draws for browsers what goes along a sweep: throughput and waiting with laws, response times by load, where time went.

Leaves out the figures themselves (`charts`).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, Final

import altair as alt
import polars as pl

from slabdes.charts.chart import Chart
from slabdes.charts.looks import TIME
from slabdes.charts.scaling import IDEAL, KEY, LAW, MEASURED, PEAK
from slabdes.pages.curves import BANDS
from slabdes.pages.drawing import (
    SHARE_TICK,
    Choice,
    Drawing,
    choice_of,
    drawing,
    fits,
    looks,
    named,
    on_fill,
    time_axis,
    time_of,
    time_scale,
    zoomable,
)
from slabdes.pages.patterns import fill

_RATE: Final = "operations_per_s"
_MEASURES: Final = ((_RATE, "operations a second"), ("share_waiting", "share of CPU time waiting for locks"))
_LEAST_TOP: Final = 0.05
"""An axis of shares has at least this: a tiny share looks tiny."""
_FULL: Final = 1 - 1e-9
"""A bar that ends here is all of the time."""
_SEEN: Final = 0.005
"""The part of the axis that an interval's half is at least, or else it is not drawn."""
_ROOM: Final = 1.15
"""Times as much as the data that the axis of response times holds at both ends."""


def scaling(chart: Chart) -> Drawing:
    """Along CPUs or whatever the sweep varies: the measure that is chosen, a line each, with laws where there are any."""
    frame = chart.frame
    numeric = all(word == f"{x:.15g}" for x, word in frame.filter(kind=MEASURED).select("x", "word").iter_rows())
    wide = numeric and frame["x"].to_numpy().min() > 0
    x: Any = alt.X("word:N", sort=None, title=chart.along)
    if numeric:
        marks = frame.filter(kind=MEASURED)["x"].unique().sort().to_list()
        label = "datum.value >= 1e6 ? format(datum.value / 1e6, '~r') + ' M' : format(datum.value, '~r')"
        axis = alt.Axis(values=marks, labelExpr=label, grid=False, labelOverlap=True, labelSeparation=6)
        x = alt.X("x:Q", title=chart.along, scale=alt.Scale(type="log" if wide else "linear", nice=False, padding=12), axis=axis)
    axis_y = alt.Axis(labelExpr="measure == 'share_waiting' ? format(datum.value * 100, '~r') + ' %' : format(datum.value, '~s')")
    rate, waiting = (frame.filter(kind=MEASURED, measure=one)["high"].to_numpy().max() for one, _name in _MEASURES)
    top = alt.ExprRef(f"measure == 'share_waiting' ? {max(waiting, _LEAST_TOP)} : {rate or 1.0}")
    y = alt.Y("value:Q", title=None, axis=axis_y, scale=alt.Scale(domainMin=0, domainMax=top))
    rows = alt.Chart(named(chart.name)).transform_filter("datum.measure == measure")
    told = rows.transform_calculate(
        Value="measure == 'share_waiting' ? format(datum.value * 100, '.3~r') + ' %' : format(datum.value, '.4~s')"
    )
    line_looks = looks("line", frame["line"].unique(maintain_order=True).to_list())
    tip = [alt.Tooltip("line:N", title="line"), alt.Tooltip("word:N", title="at"), alt.Tooltip("Value:N", title="value")]
    measured = told.transform_filter(f"datum.kind == '{MEASURED}'")
    layers: list[Any] = [
        measured.transform_filter("bands")
        .mark_area(opacity=0.2)
        .encode(x, alt.Y("low:Q"), alt.Y2("high:Q"), color=line_looks["color"])
        if numeric
        else measured.transform_filter("bands")
        .mark_rule()
        .encode(x, alt.Y("low:Q"), alt.Y2("high:Q"), color=line_looks["color"]),
        measured.mark_line(strokeWidth=2).encode(x, y, **line_looks)
        if numeric
        else measured.mark_point().encode(x, y, color=line_looks["color"]),
        measured.mark_point(filled=True, size=60, opacity=1).encode(x, y, color=line_looks["color"], tooltip=tip),
    ]
    toggles = [BANDS]
    if numeric and frame.filter(kind=IDEAL).height:
        layers += _laws(told, x, y, line_looks["color"], tip[2], set(frame["kind"].to_list()))
        toggles.append(("laws", "ideal and law"))
    measure = Choice("measure", "what", _MEASURES, _RATE)
    named_measures = f"({json.dumps(dict(_MEASURES))})[measure]"
    title = alt.Title(text=alt.ExprRef(named_measures), anchor="start", fontSize=12, frame="bounds")
    return drawing(alt.layer(*layers).properties(title=title), [measure], toggles)


def _laws(told: Any, x: Any, y: Any, colour: Any, value: Any, kinds: Collection[str]) -> list[Any]:
    """The law of each line, its ideal and its peak, with the keys of those `kinds` that there are."""
    rows = told.transform_calculate(key=f"({json.dumps(KEY)})[datum.kind]")
    law = rows.transform_filter(f"laws && datum.kind == '{LAW}'").mark_line(strokeWidth=1, clip=True)
    ideal = rows.transform_filter(f"laws && datum.kind == '{IDEAL}'").mark_line(strokeWidth=1, strokeDash=[1, 3], clip=True)
    peak = rows.transform_filter(f"laws && datum.kind == '{PEAK}'").mark_point(shape="diamond", size=160, strokeWidth=2)
    lines, mark = _keys(kinds)
    drawn = [line.encode(x, y, lines, detail="line:N", color=colour) for line in (law, ideal)]
    if PEAK not in kinds:
        return drawn
    tip = [alt.Tooltip("word:N", title="the law peaks at"), value]
    return [*drawn, peak.encode(x, y, mark, color=colour, tooltip=tip)]


def _keys(kinds: Collection[str]) -> tuple[Any, Any]:
    """Keys of the ideal and the law, and of its peak, on channels that nothing else uses: colours are their lines'."""
    lines = [KEY[kind] for kind in (IDEAL, LAW) if kind in kinds]
    dash = alt.ExprRef(f"datum.value == {json.dumps(KEY[IDEAL])} ? [1, 3] : [1, 0]")
    look: dict[str, Any] = {"symbolStrokeColor": "var(--ink)", "symbolOpacity": 1, "title": None}
    drawn = alt.Legend(symbolType="stroke", symbolSize=400, symbolStrokeWidth=1, symbolDash=dash, **look)
    mark = alt.Legend(symbolType="diamond", **look)
    return (
        alt.Opacity("key:O", scale=alt.Scale(domain=lines, range=[1] * len(lines)), sort=lines, legend=drawn),
        alt.Shape("key:N", scale=alt.Scale(domain=[KEY[PEAK]], range=["diamond"]), legend=mark),
    )


def loads(chart: Chart) -> Drawing:
    """Response times over what is answered a second, a line a setting, of the percentile that is chosen."""
    frame = chart.frame
    percentile = choice_of(frame, "percentile", "which")
    scale = time_scale(pl.concat([frame[ends] for ends in ("time", "low", "high")]), room=_ROOM)
    rows = (
        alt.Chart(named(chart.name))
        .transform_filter("datum.percentile == which")
        .transform_calculate(
            Time=time_of("time"), Offered="format(datum.offered, '.3~s')", Answered="format(datum.answered, '.3~s')"
        )
    )
    x = alt.X("answered:Q", title="operations answered a second", axis=alt.Axis(format="~s"))
    y = alt.Y("time:Q", scale=scale, axis=time_axis("response time (simulated)"))
    line_looks = looks("line", frame["line"].unique(maintain_order=True).to_list())
    tip = ["line:N", *(alt.Tooltip(f"{name}:N") for name in ("Offered", "Answered", "Time"))]
    band = rows.transform_filter("bands").mark_area(opacity=0.2, clip=True)
    layers = [
        band.encode(x, alt.Y("low:Q", scale=scale), alt.Y2("high:Q"), color=line_looks["color"]),
        rows.mark_line(clip=True).encode(x, y, order="offered:Q", **line_looks),
        rows.mark_point(filled=True, size=60, opacity=1, clip=True)
        .encode(x, y, color=line_looks["color"], tooltip=tip)
        .add_params(zoomable()),
        rows.transform_filter("datum.knee")
        .mark_point(size=260, strokeWidth=2, clip=True)
        .encode(x, y, color=line_looks["color"]),
    ]
    return drawing(alt.layer(*layers), [percentile], [BANDS], {"x": "answered", "y": "time"})


def by_load(chart: Chart) -> Drawing:
    """Shares of time spent waiting over the load, a line each."""
    frame = chart.frame
    rows = alt.Chart(named(chart.name)).transform_calculate(
        Share="format(datum.share * 100, '.3~r') + ' %'",
        Ends="isValid(datum.low) ? format(datum.low * 100, '.3~r') + ' to ' + format(datum.high * 100, '.3~r') + ' %' : '-'",
    )
    loads = frame.sort("place")["load"].unique(maintain_order=True).to_list()
    x = alt.X(
        "load:O", title=chart.along, sort=loads, axis=alt.Axis(labelAngle=0, labelOverlap=True), scale=alt.Scale(padding=0.3)
    )
    top = max(_LEAST_TOP, *(share for column in ("share", "high") for share in frame[column].drop_nulls().to_list()))
    scale = alt.Scale(domain=[0, top], nice=False)
    y = alt.Y("share:Q", title="share of the CPUs' time", axis=alt.Axis(labelExpr=SHARE_TICK), scale=scale)
    line_looks = looks("what", frame["what"].unique(maintain_order=True).to_list())
    tip = [
        "load:N",
        alt.Tooltip("what:N", title="waits"),
        alt.Tooltip("Share:N", title="share"),
        alt.Tooltip("Ends:N", title="interval"),
    ]
    bars = rows.transform_filter("bands && isValid(datum.low)").mark_rule(strokeWidth=2, opacity=0.7)
    layers = [
        rows.mark_line(strokeWidth=2).encode(x, y, **line_looks),
        rows.mark_point(filled=True, size=70, opacity=1).encode(x, y, color=line_looks["color"], tooltip=tip),
    ]
    if not frame["low"].is_not_null().any():
        return drawing(alt.layer(*layers))
    ends = bars.encode(x, alt.Y("low:Q", scale=scale), alt.Y2("high:Q"), color=line_looks["color"])
    return drawing(alt.layer(ends, *layers), (), [BANDS])


def time(chart: Chart) -> Drawing:
    """A bar a point of the line that is chosen, lying, its parts one after the other, named and with their intervals."""
    frame = chart.frame
    present = [part for part in TIME if part in frame["part"].to_list()]
    meanings = dict(frame.select("part", "meaning").iter_rows())
    named_parts = [meanings[part] for part in present]
    top = max(frame["high"].to_list(), default=1.0)
    rows = (
        alt.Chart(named(chart.name))
        .transform_filter("datum.line == line")
        .transform_calculate(
            Share="format(datum.share * 100, '.3~r') + ' %'",
            Half="isValid(datum.half) ? '±' + format(datum.half * 100, '.2~r') + ' %' : '-'",
            middle="(datum.low + datum.high) / 2",
            short="split(datum.meaning, ':')[0]",
            begin="max(datum.high - datum.half, 0)",
            end=f"min(datum.high + datum.half, {top})",
        )
    )
    y = alt.Y("word:N", sort=None, title=chart.along, axis=alt.Axis(labelLimit=160))
    scale = alt.Scale(domain=[0, top], nice=False)
    axis = alt.Axis(labelExpr=SHARE_TICK, tickCount=5, labelFlush=True, labelSeparation=6)
    x = alt.X("low:Q", title="share of the CPUs' time", axis=axis, scale=scale)
    legend = alt.Legend(title=None, symbolType="square", symbolStrokeColor="var(--ink)", symbolSize=160)
    looks = [fill(TIME[part]) for part in present]
    colour = alt.Color("meaning:N", scale=alt.Scale(domain=named_parts, range=looks), legend=legend)
    tip = ["meaning:N", alt.Tooltip("Share:N", title="share"), alt.Tooltip("Half:N", title="half its interval")]
    bars = rows.mark_bar(stroke="#1a1a1a", strokeWidth=0.7).encode(x, alt.X2("high:Q"), y, color=colour, tooltip=tip)
    names = on_fill(rows.transform_filter(fits("short", f"datum.share / {top}")), "short", alt.X("middle:Q"), y)
    # The last part of a full bar is what the others leave.
    last = present[-1] if present and top >= _FULL else ""
    seen = rows.transform_filter(f"bands && isValid(datum.half) && datum.half >= {_SEEN * top} && datum.part != '{last}'")
    at = alt.YOffset("part:N", sort=present, scale=alt.Scale(domain=present, paddingOuter=0.3))
    whiskers = [
        seen.mark_rule(color=ink, strokeWidth=width).encode(alt.X("begin:Q"), alt.X2("end:Q"), y, yOffset=at)
        for ink, width in (("#ffffff", 4), ("#1a1a1a", 1.5))
    ]
    known = frame["half"].is_not_null().any()
    shown = [*names, *whiskers] if known else names
    return drawing(alt.layer(bars, *shown), [choice_of(frame, "line")], [BANDS] if known else [])


DRAWINGS: Final = {"scaling": scaling, "loads": loads, "by_load": by_load, "time": time}
"""By the chart's name."""

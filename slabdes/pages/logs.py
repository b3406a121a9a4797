# SPDX-License-Identifier: GPL-2.0-only
"""Draws for browsers what an event log shows of locks: queues over time, the costliest convoy, hand-overs from CPU to CPU.

Leaves out the figures themselves (`charts.queues`).
"""

from __future__ import annotations

from typing import Any, Final

import altair as alt

from slabdes.charts.chart import Chart
from slabdes.charts.queues import HOLDS, WAITS, by_name
from slabdes.pages.drawing import COLOURS, Choice, Drawing, choice_of, drawing, named, plain_time_axis, time_of

_ROW: Final = 22
"""Height of a row of a heat map, pixels."""
_DARK: Final = "var(--heat)"
_WRITTEN: Final = 16
"""Up to so many rows each square has its number on it."""


def queues(chart: Chart) -> Drawing:
    """A heat map: a row a lock, time along x, the darker the more wait."""
    frame = chart.frame
    most = max(frame["mean"].to_list(), default=1.0)
    rows = alt.Chart(named(chart.name)).transform_calculate(
        From=time_of("start_ns"), To=time_of("end_ns"), Mean="format(datum.mean, '.2f')"
    )
    shade = alt.Opacity(
        "mean:Q",
        scale=alt.Scale(domain=[0, most or 1.0], range=[0.03, 1]),
        legend=alt.Legend(title="CPUs that wait", symbolType="square", symbolSize=160),
    )
    marks = rows.mark_rect(color=_DARK, stroke=None).encode(
        alt.X("start_ns:Q", axis=plain_time_axis("simulated time"), scale=alt.Scale(nice=False)),
        alt.X2("end_ns:Q"),
        alt.Y("lock:N", sort=by_name(frame["lock"].to_list()), title=None, axis=alt.Axis(labelLimit=260)),
        opacity=shade,
        tooltip=[
            "lock:N",
            "From:N",
            "To:N",
            alt.Tooltip("Mean:N", title="wait, mean"),
            alt.Tooltip("most:Q", title="wait, most"),
        ],
    )
    return drawing(marks, height=max(60, _ROW * frame["lock"].n_unique()))


def queue(chart: Chart) -> Drawing:
    """A line of the lock that is chosen, and above it the most that waited at once."""
    choices = [choice_of(chart.frame, "lock")]
    rows = (
        alt.Chart(named(chart.name))
        .transform_filter("datum.lock == lock")
        .transform_calculate(From=time_of("start_ns"), Mean="format(datum.mean, '.2f')")
    )
    x = alt.X("start_ns:Q", axis=plain_time_axis("simulated time"), scale=alt.Scale(nice=False))
    tip = ["From:N", alt.Tooltip("Mean:N", title="wait, mean"), alt.Tooltip("most:Q", title="wait, most")]
    most = (
        rows.transform_filter("most")
        .mark_line(interpolate="step-after", strokeDash=[2, 2], color=COLOURS[2])
        .encode(x, alt.Y("most:Q"))
    )
    mean = rows.mark_area(interpolate="step-after", opacity=0.5, line=True, color=COLOURS[1])
    hover = rows.mark_point(size=80, opacity=0, filled=True)
    y = alt.Y("mean:Q", title="CPUs that wait")
    return drawing(
        alt.layer(mean.encode(x, y), most, hover.encode(x, y, tooltip=tip)), choices, [("most", "the most at once (dashed)")]
    )


def convoy(chart: Chart) -> Drawing:
    """A Gantt chart: a line a hold, in the order of holding."""
    frame = chart.frame
    rows = alt.Chart(named(chart.name)).transform_calculate(
        Who="'CPU ' + datum.cpu + ', node ' + datum.node", Took="datum.end - datum.start", Time=time_of("end - datum.start")
    )
    x = alt.X("start:Q", axis=plain_time_axis("simulated time, from the first that asks"), scale=alt.Scale(nice=False))
    y = alt.Y("place:O", title=None, axis=alt.Axis(labels=False, ticks=False))
    whats = [WAITS, HOLDS]
    legend = alt.Legend(title=None, symbolType="square")
    colour = alt.Color("what:N", scale=alt.Scale(domain=whats, range=["var(--faint)", COLOURS[1]]), legend=legend)
    tip = [
        "Who:N",
        "what:N",
        alt.Tooltip("Took:Q", title="ns", format=".4~r"),
        alt.Tooltip("crossed:N", title="from another node"),
    ]
    bars = rows.mark_bar(stroke="var(--soft)", strokeWidth=0.5).encode(x, alt.X2("end:Q"), y, color=colour, tooltip=tip)
    holds = rows.transform_filter(f"datum.what == '{HOLDS}'")
    marks = holds.transform_filter("datum.crossed").mark_point(shape="diamond", filled=True, size=50, opacity=1, color=COLOURS[2])
    words = holds.mark_text(align="left", dx=4, fontSize=10).encode(alt.X("end:Q"), y, text="Who:N")
    return drawing(alt.layer(bars, marks.encode(x, y), words), height=max(80, 15 * frame["place"].n_unique()))


def transfers(chart: Chart) -> Drawing:
    """A heat map of hand-overs of locks: from the CPU (or node) of a row to that of a column."""
    return _pairs(chart, "hand-overs", alt.Chart(named(chart.name)), [])


def moves(chart: Chart) -> Drawing:
    """The same of lines, of the setting that is chosen."""
    rows = alt.Chart(named(chart.name)).transform_filter("datum.setting == setting")
    return _pairs(chart, "lines", rows, [choice_of(chart.frame, "setting")])


def _pairs(chart: Chart, what: str, rows: Any, choices: list[Choice]) -> Drawing:
    rows = rows.transform_calculate(Share="format(datum.share * 100, '.3~r') + ' %'")
    most = max(chart.frame["count"].to_list(), default=1)
    unit = chart.along
    order = sorted({*chart.frame["giver"].to_list(), *chart.frame["taker"].to_list()})
    size = max(160, min(480, 14 * len(order)))
    x = alt.X("taker:O", title=f"to {unit}", sort=order, axis=alt.Axis(labelAngle=0, labelOverlap=True, labelSeparation=4))
    y = alt.Y("giver:O", title=f"from {unit}", sort=order, axis=alt.Axis(labelOverlap=True))
    legend = alt.Legend(title=what, symbolType="square", symbolSize=160, format=",d", tickMinStep=1)
    marks = rows.mark_rect(color=_DARK).encode(
        x,
        y,
        opacity=alt.Opacity("count:Q", scale=alt.Scale(domain=[0, most], range=[0.05, 1]), legend=legend),
        tooltip=[
            alt.Tooltip("giver:O", title=f"from {unit}"),
            alt.Tooltip("taker:O", title=f"to {unit}"),
            alt.Tooltip("count:Q", title=what, format=",d"),
            alt.Tooltip("Share:N", title="of all"),
        ],
    )
    if len(order) > _WRITTEN:
        return drawing(marks, choices, height=size)
    ink = alt.condition(f"datum.count > {most / 2}", alt.value("var(--paper)"), alt.value("var(--ink)"))
    words = rows.mark_text(fontSize=11).encode(x, y, text=alt.Text("count:Q", format=",d"), color=ink)
    return drawing(alt.layer(marks, words), choices, height=size)


DRAWINGS: Final = {"queues": queues, "queue": queue, "convoy": convoy, "transfers": transfers, "moves": moves}
"""By the chart's name."""

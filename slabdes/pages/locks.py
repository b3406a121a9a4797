# SPDX-License-Identifier: GPL-2.0-only
"""Draws for browsers what locks cost: waits and holds by node, and what upkeep holds.

Leaves out the figures themselves (`charts`).
"""

from __future__ import annotations

import json
from typing import Any, Final

import altair as alt
import polars as pl

from slabdes.charts.chart import Chart
from slabdes.charts.nodes import TITLES, kinds
from slabdes.pages.drawing import (
    COLOURS,
    HEIGHT,
    SHAPES,
    Choice,
    Drawing,
    choice,
    choice_of,
    drawing,
    is_chosen,
    named,
    time_axis,
    time_of,
    time_scale,
)

_ROOM: Final = 1.3
"""Times as much as the data that axes of marks hold at both ends."""
_ROW, _ROWS = 44, 110
"""Height of a turn or lock, and of all of them at least, pixels."""


def nodes(chart: Chart) -> Drawing:
    """Waits or holds, as is chosen, of a setting and a node or all: means filled, 99th percentiles open."""
    frame = chart.frame
    drawn = [kind.label for kind in kinds(frame)]
    timed = set(frame.filter(pl.col("mean_ns") > 0)["what"].to_list())
    told = {what: title for what, title in TITLES.items() if what in timed} or TITLES
    choices = [
        choice_of(frame, "setting"),
        Choice("what", "what", tuple(told.items()), next(iter(told))),
        choice("node", "node", frame["node"].unique().sort(), every=True),
    ]
    rows = (
        alt.Chart(named(chart.name))
        .transform_filter(f"datum.setting == setting && datum.what == what && {is_chosen('node', 'node')} && datum.mean_ns > 0")
        .transform_calculate(Mean=time_of("mean_ns"), P99=time_of("p99_ns"), Node="datum.node < 0 ? 'no node' : '' + datum.node")
    )
    scale = time_scale(pl.concat([frame["mean_ns"], frame["p99_ns"]]), room=_ROOM)
    legend = alt.Legend(title=None, symbolSize=120)
    x = alt.X("Node:N", title="NUMA node of the lock", sort=alt.EncodingSortField("node", op="min"), axis=alt.Axis(labelAngle=0))
    by_kind: dict[str, Any] = {
        "xOffset": alt.XOffset("kind:N", sort=drawn),
        "color": alt.Color("kind:N", scale=alt.Scale(domain=drawn, range=list(COLOURS[: len(drawn)])), legend=legend),
        "shape": alt.Shape("kind:N", scale=alt.Scale(domain=drawn, range=list(SHAPES[: len(drawn)])), legend=legend),
    }
    y = alt.Y("mean_ns:Q", scale=scale, axis=time_axis("simulated time"))
    tail = alt.Y("p99_ns:Q", scale=scale)
    tip = ["kind:N", "Node:N", alt.Tooltip("Mean:N", title="mean"), alt.Tooltip("P99:N", title="p99")]
    known = rows.transform_filter("isValid(datum.p99_ns)")
    line = known.mark_rule(strokeDash=[1, 3]).encode(x, y, alt.Y2("p99_ns:Q"), by_kind["xOffset"], by_kind["color"])
    open_marks = known.mark_point(size=80, strokeWidth=1.5).encode(x, tail, **by_kind, tooltip=tip)
    means = rows.mark_point(size=80, filled=True, opacity=1).encode(x, y, **by_kind, tooltip=tip)
    return drawing(alt.layer(line, open_marks, means), choices)


def upkeep(chart: Chart) -> Drawing:
    """How long turns take, or what they hold, as is chosen, of a setting."""
    frame = chart.frame
    measures = frame["measure"].unique(maintain_order=True).to_list()
    choices = [
        choice_of(frame, "setting"),
        choice_of(frame, "what", "part"),
    ]
    rows = (
        alt.Chart(named(chart.name))
        .transform_filter("datum.setting == setting && datum.what == part")
        .transform_calculate(Time=time_of("time"))
    )
    of_part = {
        what: mine["measure"].unique(maintain_order=True).to_list()
        for (what,), mine in frame.group_by("what", maintain_order=True)
    }
    legend = alt.Legend(title=None, symbolSize=120, values=alt.ExprRef(f"({json.dumps(of_part)})[part]"))
    most = max(mine["name"].n_unique() for mine in frame.partition_by("setting", "what"))
    marks = rows.mark_point(size=110, filled=True, opacity=1).encode(
        alt.X("time:Q", scale=time_scale(frame["time"], room=_ROOM), axis=time_axis("simulated time")),
        alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=260, grid=True)),
        color=alt.Color("measure:N", scale=alt.Scale(domain=measures, range=list(COLOURS[: len(measures)])), legend=legend),
        shape=alt.Shape("measure:N", scale=alt.Scale(domain=measures, range=list(SHAPES[: len(measures)])), legend=legend),
        tooltip=["name:N", "measure:N", alt.Tooltip("Time:N", title="time")],
    )
    return drawing(marks, choices, height=max(_ROWS, min(HEIGHT, _ROW * most)))


DRAWINGS: Final = {"nodes": nodes, "upkeep": upkeep}
"""By the chart's name."""

# SPDX-License-Identifier: GPL-2.0-only
"""Draws for browsers what locks cost: waits and holds by node, and what upkeep holds.

Leaves out the figures themselves (`charts`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import altair as alt
import polars as pl

from slabdes.charts.chart import Chart
from slabdes.charts.nodes import TITLES, kinds
from slabdes.pages.curves import BANDS
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
_SHOWN_BELOW: Final = 3
"""An interval that ends lower than this part of the least mark is cut off at the panel's edge."""
_ROW, _ROWS = 44, 110
"""Height of a turn or lock, and of all of them at least, pixels."""


def nodes(chart: Chart) -> Drawing:
    """Waits or holds, as is chosen, of a setting and a node or all: means filled, 99th percentiles open."""
    frame = chart.frame
    there = kinds(frame)
    drawn = [kind.label for kind in there]
    timed = set(frame.filter(pl.col("mean_ns") > 0)["what"].to_list())
    told = {what: title for what, title in TITLES.items() if what in timed} or TITLES
    choices = [
        choice_of(frame, "setting"),
        Choice("what", "what", tuple(told.items()), next(iter(told))),
        choice("node", "node", frame["node"].unique().sort(), every=True, column="node"),
    ]
    rows = (
        alt.Chart(named(chart.name))
        .transform_filter(f"datum.setting == setting && datum.what == what && {is_chosen('node', 'node')} && datum.mean_ns > 0")
        .transform_calculate(
            Mean=f"{time_of('mean_ns')} + ({_interval('mean')})",
            P99=f"{time_of('p99_ns')} + ({_interval('p99')})",
            Node="datum.node < 0 ? 'no node' : '' + datum.node",
            mean_at="datum.kind + ', mean'",
            p99_at="datum.kind + ', p99'",
        )
    )
    scale, least = _scale(frame, told)
    legend = alt.Legend(title=None, symbolSize=120)
    x = alt.X("Node:N", title="NUMA node of the lock", sort=alt.EncodingSortField("node", op="min"), axis=alt.Axis(labelAngle=0))
    slots = [f"{kind}, {figure}" for kind in drawn for figure in ("mean", "p99")]
    at = {name: alt.XOffset(f"{name}_at:N", scale=alt.Scale(domain=slots, paddingOuter=0.5)) for name in ("mean", "p99")}
    by_kind: dict[str, Any] = {
        "color": alt.Color("kind:N", scale=alt.Scale(domain=drawn, range=[COLOURS[kind] for kind in there]), legend=legend),
        "shape": alt.Shape("kind:N", scale=alt.Scale(domain=drawn, range=[SHAPES[kind] for kind in there]), legend=legend),
    }
    y = alt.Y("mean_ns:Q", scale=scale, axis=time_axis("simulated time"))
    tail = alt.Y("p99_ns:Q", scale=scale)
    tip = ["kind:N", "Node:N", alt.Tooltip("Mean:N", title="mean"), alt.Tooltip("P99:N", title="p99")]
    known = rows.transform_filter("isValid(datum.p99_ns)")
    line = _joined(known, slots, scale).encode(x, color=by_kind["color"], detail=["kind:N", "node:N"])
    bars = [
        rows.transform_filter(f"bands && isValid(datum.{name}_low)")
        .transform_calculate(begin=f"max(datum.{name}_low, {least})")
        .mark_rule(strokeWidth=2.5, opacity=0.7, clip=True)
        .encode(x, alt.Y("begin:Q", scale=scale), alt.Y2(f"{name}_high:Q"), at[name], by_kind["color"])
        for name in ("p99", "mean")
    ]
    ring = known.mark_point(size=80, strokeWidth=1.5, fill="var(--paper)")
    open_marks = ring.encode(x, tail, at["p99"], **by_kind, tooltip=tip)
    means = rows.mark_point(size=80, filled=True, opacity=1).encode(x, y, at["mean"], **by_kind, tooltip=tip)
    repeated = frame["mean_low"].is_not_null().any()
    drawn_bars = bars if repeated else []
    return drawing(alt.layer(line, *drawn_bars, open_marks, means), choices, [BANDS] if repeated else [])


def _joined(rows: Any, slots: Sequence[str], scale: Any) -> Any:
    """Dotted lines from means to their percentiles, which stand beside them."""
    ends = rows.transform_fold(["mean_ns", "p99_ns"], as_=["figure", "end"]).transform_calculate(
        end_at="datum.figure == 'mean_ns' ? datum.mean_at : datum.p99_at"
    )
    between = alt.XOffset("end_at:N", scale=alt.Scale(domain=list(slots), paddingOuter=0.5))
    return ends.mark_line(strokeDash=[1, 3]).encode(alt.Y("end:Q", scale=scale), between)


def _interval(figure: str) -> str:
    """An expression: the interval of a figure of a row, in brackets."""
    low, high = (time_of(f"{figure}_{end}") for end in ("low", "high"))
    return f"isValid(datum.{figure}_low) ? ' (' + ({low}) + ' to ' + ({high}) + ')' : ''"


def _scale(frame: pl.DataFrame, told: Iterable[str]) -> tuple[Any, str]:
    """Of marks and of their intervals' ends, but for those that go down towards nothing; and an expression for its least time.

    Waits and holds each have one, the same for all settings.
    """
    drawn: dict[str, pl.Series] = {}
    for what in told:
        mine = frame.filter(pl.col("what") == what)
        times = pl.concat([mine["mean_ns"], mine["p99_ns"]]).drop_nulls()
        least = min(times.filter(times > 0), default=1.0) / _SHOWN_BELOW
        bars = pl.concat([mine[f"{figure}_{end}"] for figure in ("mean", "p99") for end in ("low", "high")]).drop_nulls()
        drawn[what] = pl.concat([times, bars.filter(bars >= least)])
    return _scale_by("what", drawn)


def _scale_by(param: str, times: Mapping[str, pl.Series]) -> tuple[Any, str]:
    """A scale for what the control takes, and an expression for its least time."""
    ends = zip(*(time_scale(some, least=0.0, room=_ROOM).domain for some in times.values()), strict=True)
    low, high = (f"({json.dumps(dict(zip(times, end, strict=True)))})[{param}]" for end in ends)
    return alt.Scale(type="log", domainMin=alt.ExprRef(low), domainMax=alt.ExprRef(high), nice=False), low


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
    parts = {what: mine["time"] for (what,), mine in frame.group_by("what", maintain_order=True)}
    scale, _least = _scale_by("part", parts)
    marks = rows.mark_point(size=110, filled=True, opacity=1).encode(
        alt.X("time:Q", scale=scale, axis=time_axis("simulated time")),
        alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=260, grid=True)),
        color=alt.Color("measure:N", scale=alt.Scale(domain=measures, range=list(COLOURS[: len(measures)])), legend=legend),
        shape=alt.Shape("measure:N", scale=alt.Scale(domain=measures, range=list(SHAPES[: len(measures)])), legend=legend),
        tooltip=["name:N", "measure:N", alt.Tooltip("Time:N", title="time")],
    )
    return drawing(marks, choices, height=max(_ROWS, min(HEIGHT, _ROW * most)))


DRAWINGS: Final = {"nodes": nodes, "upkeep": upkeep}
"""By the chart's name."""

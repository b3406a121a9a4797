# SPDX-License-Identifier: GPL-2.0-only
"""Draws for browsers who waits for whom, where objects and slabs are, and the machine with its traffic.

Leaves out the figures themselves (`charts`).
"""

from __future__ import annotations

import json
from typing import Any, Final

import altair as alt
import polars as pl

from slabdes.charts.chart import Chart
from slabdes.charts.looks import LAYERS as FILLS
from slabdes.charts.places import LAYERS, LISTS, OBJECTS, USED, layer_of
from slabdes.charts.traffic import LINK
from slabdes.charts.traffic import NODE as BOX
from slabdes.charts.waits import EDGE, LOOP, NODE
from slabdes.pages.drawing import (
    COLOURS,
    HEIGHT,
    SHARE_TICK,
    Choice,
    Drawing,
    choice,
    choice_of,
    drawing,
    fits,
    is_chosen,
    named,
    on_fill,
    plain_time_axis,
    time_of,
)
from slabdes.pages.patterns import fill

_WIDEST: Final = 16
_KEY: Final = (0.01, 0.1, 0.3)
"""Shares whose widths the machine's key shows."""
_ALONG: Final = 0.38
"""Where on a line its figure stands: not in the middle, where diagonals and both directions meet."""
_BAR: Final = 60
"""Height of a bar with its place, pixels."""
_ALONE: Final = 200
"""Height of nodes that stand in one row."""
_BESIDE: Final = 20
"""How far beside a function its name is, pixels."""
_WORDS: Final = {"expr": "width < 480 ? 8 : 12"}
"""Height of a function's name: on a telephone there is little room."""
_ROOM: Final = "(width < 480 ? 3.2 : 2.2)"
"""An expression: how far the axis goes to both sides of a circle of radius 1, so that names have room."""
_IN_LINES: Final = "width < 900 ? replace(replace(datum.words, ' behind it', '\\nbehind it'), ', ', ',\\n') : datum.words"
"""Likewise: what is written beside a function."""
_ABOVE, _BELOW = 48, 36
"""How far from a node its two lines of text are, pixels."""
_EDGE: Final = "var(--wait)"
_LAYER: Final = f"indexof({json.dumps(list(LAYERS))}, datum.part)"
"""An expression: where a row's part is in a stack."""
_USED: Final = "format(datum.used * 100, '.3~r') + ' %'"
_SHARE: Final = "format(datum.share * 100, '.3~r') + ' %'"


def waits(chart: Chart) -> Drawing:
    """Functions on a circle, arrows between them, of the setting that is chosen."""
    choices = [choice_of(chart.frame, "setting")]
    rows = (
        alt.Chart(named(chart.name))
        .transform_filter("datum.setting == setting")
        .transform_calculate(
            Share=_SHARE,
            Lost=time_of("lost_ns"),
            angle="atan2(datum.x2 - datum.x, datum.y2 - datum.y) * 180 / PI",
            right="datum.x >= 0",
        )
    )
    x, y = (
        alt.X("x:Q", axis=None, scale=alt.Scale(domainMin=alt.ExprRef(f"-{_ROOM}"), domainMax=alt.ExprRef(_ROOM), nice=False)),
        alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[-1.5, 1.5])),
    )
    width = alt.Scale(domain=[0, 1], range=[1, _WIDEST])
    tip = [
        alt.Tooltip("waiter:N", title="waits"),
        alt.Tooltip("holder:N", title="for"),
        alt.Tooltip("Share:N", title="of time lost"),
        alt.Tooltip("Lost:N", title="a replication"),
    ]
    edges = rows.transform_filter(f"datum.what == '{EDGE}'")
    lines = edges.mark_rule(color=_EDGE, opacity=0.75).encode(
        x, y, alt.X2("x2:Q"), alt.Y2("y2:Q"), strokeWidth=alt.StrokeWidth("share:Q", scale=width, legend=None), tooltip=tip
    )
    size = alt.Size("share:Q", scale=alt.Scale(domain=[0, 1], range=[90, 900]), legend=None)
    heads = edges.mark_point(shape="triangle", filled=True, color=_EDGE, opacity=1).encode(
        alt.X("x2:Q", axis=None), alt.Y("y2:Q", axis=None), angle=alt.Angle("angle:Q", scale=None), size=size, tooltip=tip
    )
    loops = rows.transform_filter(f"datum.what == '{LOOP}'").mark_point(shape="circle", color=_EDGE, opacity=0.9, size=900)
    rings = loops.encode(x, y, strokeWidth=alt.StrokeWidth("share:Q", scale=width, legend=None), tooltip=tip)
    between = edges.transform_calculate(
        at=f"datum.x + {_ALONG} * (datum.x2 - datum.x)",
        up=f"datum.y + {_ALONG} * (datum.y2 - datum.y)",
        across=f"(datum.x2 - datum.x) * width / {_ROOM}",
        down="(datum.y - datum.y2) * height / 1.5",
    )
    # Beside the arrow, on the side to which it lies: to its right.
    length = "sqrt(datum.across * datum.across + datum.down * datum.down)"
    aside: dict[str, Any] = {
        "dx": {"expr": f"-datum.down / {length} * (22 + {_WIDEST} / 2 * datum.share)"},
        "dy": {"expr": f"datum.across / {length} * (12 + {_WIDEST} / 2 * datum.share)"},
    }
    place = {"x": alt.X("at:Q", axis=None), "y": alt.Y("up:Q", axis=None), "text": "Share:N"}
    halo = between.mark_text(fontSize=11, stroke="var(--paper)", strokeWidth=4, strokeJoin="round", **aside).encode(**place)
    figures = [halo, between.mark_text(fontSize=11, **aside).encode(**place)]
    texts = rows.transform_filter(f"datum.what == '{NODE}'").transform_calculate(told=_IN_LINES)
    dots = texts.mark_point(shape="circle", filled=True, size=60, color="var(--ink)", opacity=1).encode(x, y, tooltip=tip[:1])
    # Away from the circle, so that neither arrows nor their figures cross them; the halo is for where there is no room.
    return drawing(alt.layer(lines, heads, rings, dots, *_beside(texts, x, y), *figures), choices)


def _beside(texts: Any, x: Any, y: Any) -> list[Any]:
    """What is written beside functions, on the side that is away from the circle, each text on a halo."""
    behind: dict[str, Any] = {"stroke": "var(--paper)", "strokeWidth": 4, "strokeJoin": "round"}
    sides = [
        texts.transform_filter(f"{'' if right else '!'}datum.right").mark_text(
            dx=_BESIDE if right else -_BESIDE,
            align="left" if right else "right",
            fontSize=_WORDS,
            lineHeight=15,
            lineBreak="\n",
            **ink,
        )
        for ink in (behind, {})
        for right in (True, False)
    ]
    return [side.encode(x, y, text="told:N") for side in sides]


def memory(chart: Chart) -> Drawing:
    """A bar a cache and node, of objects or slabs as is chosen, of a setting, a cache and a node or all."""
    frame = chart.frame
    choices = [
        choice_of(frame, "setting"),
        Choice("unit", "what", ((OBJECTS, "objects"), (LISTS, "slabs by list")), OBJECTS),
        choice_of(frame, "cache", every=True),
        choice("node", "node", frame["node"].unique().sort(), every=True, column="node"),
    ]
    wanted = f"datum.setting == setting && datum.unit == unit && {is_chosen('cache', 'cache')} && {is_chosen('node', 'node')}"
    rows = (
        alt.Chart(named(chart.name))
        .transform_filter(wanted)
        .transform_calculate(
            bar="datum.cache + ', node ' + datum.node", layer=_LAYER, Share=_SHARE, Count="format(datum.count, '.4~r')",
            Used=_USED,
        )
        .transform_stack(stack="share", groupby=["bar"], as_=["low", "high"], sort=[alt.SortField("layer", "ascending")])
        .transform_calculate(middle="(datum.low + datum.high) / 2")
    )  # fmt: skip
    y = alt.Y("bar:N", title=None, axis=alt.Axis(labelLimit=220))
    x = alt.X("low:Q", title="share", axis=alt.Axis(labelExpr=SHARE_TICK), scale=alt.Scale(domain=[0, 1]))
    tip = [
        "bar:N",
        alt.Tooltip("place:N", title="where"),
        alt.Tooltip("Count:N", title="how many"),
        alt.Tooltip("Share:N", title="share"),
        alt.Tooltip("Used:N", title="of the memory held is in use"),
    ]
    bars = rows.mark_bar(stroke="#1a1a1a", strokeWidth=0.7).encode(
        x, alt.X2("high:Q"), y, color=_places(frame, "unit"), tooltip=tip
    )
    told = rows.transform_filter(fits("place", "datum.share"))
    most = max(one.height for one in frame.partition_by("setting", "unit", "place"))
    height = max(80, min(HEIGHT, _BAR * most))
    return drawing(alt.layer(bars, *on_fill(told, "place", alt.X("middle:Q"), y)), choices, height=height)


def _places(frame: pl.DataFrame, param: str) -> Any:
    """Looks of the places of objects and of lists of slabs; the legend has those of the setting and the unit that are chosen."""
    parts = dict(frame.select("place", "part").iter_rows())
    shown = {
        f"{unit}, {setting}": mine["place"].unique(maintain_order=True).to_list()
        for (unit, setting), mine in frame.group_by("unit", "setting", maintain_order=True)
    }
    legend = alt.Legend(
        title=None, symbolType="square", symbolStrokeColor="var(--ink)", symbolSize=160,
        values=alt.ExprRef(f"({json.dumps(shown)})[{param} + ', ' + setting]"),
    )  # fmt: skip
    fills = [fill(FILLS[layer_of(part)]) for part in parts.values()]
    return alt.Color("place:N", scale=alt.Scale(domain=list(parts), range=fills), legend=legend)


def history(chart: Chart) -> Drawing:
    """Layers over time in steps, of objects or slabs as is chosen, or the part of memory that is used, of a setting and cache."""
    frame = chart.frame
    units = ((OBJECTS, "objects"), (LISTS, "slabs by list"), (USED, "part of the memory held that is used"))
    choices = [
        choice_of(frame, "setting"),
        Choice("layers", "what", units, OBJECTS),
        choice_of(frame, "cache", "of_cache", "cache"),
    ]
    rows = (
        alt.Chart(named(chart.name))
        .transform_filter("datum.setting == setting && datum.unit == layers && datum.cache == of_cache")
        .transform_calculate(
            At=time_of("time"),
            Count=f"layers == '{USED}' ? format(datum.count * 100, '.3~r') + ' %' : format(datum.count, ',')",
            layer=_LAYER,
        )
    )
    x = alt.X("time:Q", scale=alt.Scale(nice=False), axis=plain_time_axis("simulated time"))
    label = f"layers == '{USED}' ? format(datum.value * 100, '~r') + ' %' : format(datum.value, '~s')"
    y = alt.Y("count:Q", stack="zero", title=None, axis=alt.Axis(labelExpr=label))
    order = alt.Order("layer:Q", sort="ascending")
    steps = rows.mark_area(stroke="#1a1a1a", strokeWidth=0.7, interpolate="step-after")
    areas = steps.encode(x, y, color=_places(frame, "layers"), order=order)
    tip = [alt.Tooltip("At:N", title="at"), alt.Tooltip("place:N", title="where"), alt.Tooltip("Count:N", title="how many")]
    places = rows.mark_point(size=60, opacity=0, filled=True).encode(x, y, order=order, detail="place:N", tooltip=tip)
    ends = rows.transform_filter("isValid(datum.warm_up)").transform_aggregate(warm_up="min(warm_up)")
    cut = ends.mark_rule(strokeDash=[6, 3], strokeWidth=1.5).encode(alt.X("warm_up:Q"))
    word = ends.mark_text(text="warm-up ends", align="left", dx=4, dy=8, y=0).encode(alt.X("warm_up:Q"))
    halo = ends.mark_text(text="warm-up ends", align="left", dx=4, dy=8, y=0, stroke="var(--paper)", strokeWidth=4)
    known = frame["warm_up"].is_not_null().any()
    marks = [cut, halo.encode(alt.X("warm_up:Q")), word] if known else []
    return drawing(alt.layer(areas, *marks, places), choices)


def traffic(chart: Chart) -> Drawing:
    """Nodes at their places, lines between them as wide as what crosses them."""
    rows = alt.Chart(named(chart.name)).transform_calculate(Share=_SHARE)
    middle = float(chart.frame["y"].to_numpy().mean())
    x = alt.X("x:Q", axis=None, scale=alt.Scale(zero=False, nice=False, padding=70))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(zero=False, nice=False, padding=70))
    width = alt.Scale(domain=[0, 1], range=[1, 2 * _WIDEST])
    tip = ["name:N", alt.Tooltip("count:Q", title="hand-overs", format=",d"), alt.Tooltip("Share:N", title="of all")]
    lines = rows.transform_filter(f"datum.what == '{LINK}'")
    key = alt.Legend(title="of all hand-overs", values=list(_KEY), labelExpr=SHARE_TICK, symbolType="stroke", symbolSize=600)
    linked = (chart.frame["what"] == LINK).any()
    stroke = alt.StrokeWidth("share:Q", scale=width, legend=key if linked else None)
    links = lines.mark_rule(color=_EDGE, opacity=0.8).encode(
        x, y, alt.X2("x2:Q"), alt.Y2("y2:Q"), strokeWidth=stroke, tooltip=tip
    )
    told = lines.transform_filter("datum.told").transform_calculate(
        at=f"datum.x + {_ALONG} * (datum.x2 - datum.x)", up=f"datum.y + {_ALONG} * (datum.y2 - datum.y)"
    )
    place = {"x": alt.X("at:Q", axis=None), "y": alt.Y("up:Q", axis=None), "text": "Share:N"}
    edge = told.mark_text(fontSize=11, stroke="var(--paper)", strokeWidth=4, strokeJoin="round").encode(**place)
    figures = [edge, told.mark_text(fontSize=11).encode(**place)]
    nodes = rows.transform_filter(f"datum.what == '{BOX}'").transform_calculate(area="400 + 3600 * datum.share")
    size = alt.Size("area:Q", scale=None)
    marks = nodes.mark_point(filled=True, opacity=1, color=COLOURS[1], stroke="var(--paper)").encode(x, y, size=size, tooltip=tip)
    within = nodes.transform_calculate(words="[datum.name, datum.Share + ' within']")
    words = [
        within.transform_filter(f"datum.y {side} {middle}")
        .mark_text(dy=dy, fontSize=12, lineHeight=14)
        .encode(x, y, text="words:N")
        for side, dy in ((">", -_ABOVE), ("<=", _BELOW))
    ]
    wide = alt.layer(links, *figures, marks, *words)
    return drawing(wide, height=_ALONE if chart.frame["y"].n_unique() == 1 else HEIGHT)


DRAWINGS: Final = {"waits": waits, "memory": memory, "history": history, "traffic": traffic}
"""By the chart's name."""

# SPDX-License-Identifier: GPL-2.0-only
"""Draws for browsers who waits for whom, where objects and slabs are, and the machine with its traffic.

Leaves out the figures themselves (`charts`).
"""

from __future__ import annotations

import json
from typing import Any, Final

import altair as alt

from slabdes.charts.chart import Chart
from slabdes.charts.history import LAYERS, USED, layer_of
from slabdes.charts.memory import LISTS, OBJECTS, PLACES, SLABS
from slabdes.charts.traffic import LINK
from slabdes.charts.traffic import NODE as BOX
from slabdes.charts.waits import EDGE, LOOP, NODE
from slabdes.pages.drawing import (
    COLOURS,
    HEIGHT,
    Choice,
    Drawing,
    choice,
    choice_of,
    drawing,
    fits,
    is_chosen,
    named,
    plain_time_axis,
    time_of,
)

_WIDEST: Final = 16
_BAR: Final = 60
"""Height of a bar with its place, pixels."""
_ALONE: Final = 200
"""Height of nodes that stand in one row."""
_ABOVE, _BELOW = 48, 36
"""How far from a node its two lines of text are, pixels."""
_EDGE: Final = "var(--wait)"
_FILLS: Final = ("#0072b2", "#f0e442", "#e8a33d", "#8fd8bf", "#c9a3d9", "#f2f2f2")
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
            above="datum.y >= 0",
        )
    )
    x, y = (
        alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-2.2, 2.2])),
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
    texts = rows.transform_filter(f"datum.what == '{NODE}'")
    above = texts.transform_filter("datum.above").mark_text(dy=-30, fontSize=13)
    below = texts.transform_filter("!datum.above").mark_text(dy=32, fontSize=13)
    words = [side.encode(x, y, text="waiter:N") for side in (above, below)]
    return drawing(alt.layer(lines, heads, rings, *words), choices)


def memory(chart: Chart) -> Drawing:
    """A bar a cache and node, of objects or slabs as is chosen, of a setting, a cache and a node or all."""
    frame = chart.frame
    choices = [
        choice_of(frame, "setting"),
        Choice("unit", "what", ((OBJECTS, "objects"), (LISTS, "slabs by list")), OBJECTS),
        choice_of(frame, "cache", every=True),
        choice("node", "node", frame["node"].unique().sort(), every=True),
    ]
    wanted = f"datum.setting == setting && datum.unit == unit && {is_chosen('cache', 'cache')} && {is_chosen('node', 'node')}"
    rows = (
        alt.Chart(named(chart.name))
        .transform_filter(wanted)
        .transform_calculate(
            bar="datum.cache + ', node ' + datum.node", Share=_SHARE, Count="format(datum.count, '.4~r')", Used=_USED
        )
        .transform_stack(stack="share", groupby=["bar"], as_=["low", "high"])
        .transform_calculate(middle="(datum.low + datum.high) / 2")
    )
    y = alt.Y("bar:N", title=None, axis=alt.Axis(labelLimit=220))
    x = alt.X("low:Q", title="share", axis=alt.Axis(format="~%"), scale=alt.Scale(domain=[0, 1]))
    tip = [
        "bar:N",
        alt.Tooltip("place:N", title="where"),
        alt.Tooltip("Count:N", title="how many"),
        alt.Tooltip("Share:N", title="share"),
        alt.Tooltip("Used:N", title="of the memory held is in use"),
    ]
    bars = rows.mark_bar(stroke="#1a1a1a", strokeWidth=0.7).encode(x, alt.X2("high:Q"), y, color=_places(), tooltip=tip)
    dark = alt.FieldOneOfPredicate("place", [PLACES["in_use"], SLABS["slabs_full"]])
    ink = alt.condition(dark, alt.value("#ffffff"), alt.value("#1a1a1a"))
    words = rows.transform_filter(fits("place", "datum.share")).mark_text(fontSize=11)
    names = words.encode(alt.X("middle:Q"), y, text="place:N", color=ink)
    most = max(one.height for one in frame.partition_by("setting", "unit", "place"))
    return drawing(alt.layer(bars, names), choices, height=max(80, min(HEIGHT, _BAR * most)))


def _places() -> Any:
    """Colours of the places of objects and of the lists of slabs; the legend has those that are chosen."""
    shown = alt.ExprRef(f"unit == '{OBJECTS}' ? {list(PLACES.values())} : {list(SLABS.values())}")
    legend = alt.Legend(title=None, symbolType="square", symbolStrokeColor="var(--ink)", symbolSize=160, values=shown)
    domain, colours = [*PLACES.values(), *SLABS.values()], [*_FILLS, *_FILLS[: len(SLABS)]]
    return alt.Color("place:N", scale=alt.Scale(domain=domain, range=colours), legend=legend)


def history(chart: Chart) -> Drawing:
    """Layers over time, of objects or slabs as is chosen, or the part of the memory held that is used, of a setting and cache."""
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
            layer=f"indexof({json.dumps(list(LAYERS))}, datum.part)",
        )
    )
    x = alt.X("time:Q", scale=alt.Scale(nice=False), axis=plain_time_axis("simulated time"))
    label = f"layers == '{USED}' ? format(datum.value * 100, '~r') + ' %' : format(datum.value, '~s')"
    y = alt.Y("count:Q", stack="zero", title=None, axis=alt.Axis(labelExpr=label))
    parts = dict(frame.select("place", "part").iter_rows())
    shown = {
        unit: mine["place"].unique(maintain_order=True).to_list() for (unit,), mine in frame.group_by("unit", maintain_order=True)
    }
    legend = alt.Legend(
        title=None, symbolType="square", symbolStrokeColor="var(--ink)", symbolSize=160,
        values=alt.ExprRef(f"({json.dumps(shown)})[layers]"),
    )  # fmt: skip
    fills = [_FILLS[layer_of(part)] for part in parts.values()]
    colour = alt.Color("place:N", scale=alt.Scale(domain=list(parts), range=fills), legend=legend)
    order = alt.Order("layer:Q", sort="ascending")
    areas = rows.mark_area(stroke="#1a1a1a", strokeWidth=0.7).encode(x, y, color=colour, order=order)
    tip = [alt.Tooltip("At:N", title="at"), alt.Tooltip("place:N", title="where"), alt.Tooltip("Count:N", title="how many")]
    places = rows.mark_point(size=60, opacity=0, filled=True).encode(x, y, order=order, detail="place:N", tooltip=tip)
    return drawing(alt.layer(areas, places), choices)


def traffic(chart: Chart) -> Drawing:
    """Nodes at their places, lines between them as wide as what crosses them."""
    rows = alt.Chart(named(chart.name)).transform_calculate(Share=_SHARE)
    middle = float(chart.frame["y"].to_numpy().mean())
    x = alt.X("x:Q", axis=None, scale=alt.Scale(zero=False, nice=False, padding=70))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(zero=False, nice=False, padding=70))
    width = alt.Scale(domain=[0, 1], range=[1, 2 * _WIDEST])
    tip = ["name:N", alt.Tooltip("count:Q", title="hand-overs"), alt.Tooltip("Share:N", title="of all")]
    lines = rows.transform_filter(f"datum.what == '{LINK}'").mark_rule(color=_EDGE, opacity=0.8)
    links = lines.encode(
        x, y, alt.X2("x2:Q"), alt.Y2("y2:Q"), strokeWidth=alt.StrokeWidth("share:Q", scale=width, legend=None), tooltip=tip
    )
    nodes = rows.transform_filter(f"datum.what == '{BOX}'")
    size = alt.Size("share:Q", scale=alt.Scale(domain=[0, 1], range=[400, 4000]), legend=None)
    marks = nodes.mark_point(filled=True, opacity=1, color=COLOURS[1], stroke="var(--paper)").encode(x, y, size=size, tooltip=tip)
    told = nodes.transform_calculate(words="[datum.name, datum.Share + ' within']")
    words = [
        told.transform_filter(f"datum.y {side} {middle}")
        .mark_text(dy=dy, fontSize=12, lineHeight=14)
        .encode(x, y, text="words:N")
        for side, dy in ((">", -_ABOVE), ("<=", _BELOW))
    ]
    wide = alt.layer(links, marks, *words)
    return drawing(wide, height=_ALONE if chart.frame["y"].n_unique() == 1 else HEIGHT)


DRAWINGS: Final = {"waits": waits, "memory": memory, "history": history, "traffic": traffic}
"""By the chart's name."""

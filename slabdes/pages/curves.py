# SPDX-License-Identifier: GPL-2.0-only
"""Draws tail curves for browsers, on log axes, with bands: by path, by setting, and of response times.

Leaves out the curves themselves (`charts.curves`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import altair as alt
import polars as pl

from slabdes.charts.chart import Chart
from slabdes.charts.curves import LATENCY, NAMES, TIME
from slabdes.charts.latency import place_of
from slabdes.charts.overlay import PERCENTILES
from slabdes.pages.drawing import (
    COLOURS,
    Choice,
    Drawing,
    choice,
    choice_of,
    drawing,
    looks,
    named,
    share_axis,
    stress,
    time_axis,
    time_of,
    time_scale,
    zoomable,
)
from slabdes.results import metrics

PERCENTILE: Final = Choice(
    "percentile", "percentile", (("0.5", "p50"), ("0.9", "p90"), ("0.99", "p99"), ("0.999", "p99.9")), "0.99"
)
BANDS: Final = ("bands", "intervals")
_RATIO_HEIGHT: Final = 200
_ENDS: Final = "isValid(datum.low) ? format(datum.low, '.3f') + ' to ' + format(datum.high, '.3f') : '-'"
"""An expression: an interval."""
_CHOSEN: Final = "datum.setting == setting && datum.operation == operation"
"""Likewise: rows of the setting and operation that are chosen."""
_ROOM: Final = 0.5
"""The axis of shares ends at this much of the least one."""
_PATH_DASHES: Final = ([1, 0], [8, 4], [10, 3, 2, 3], [2, 3], [8, 2, 2, 2, 2, 2], [14, 4])
"""As many as there are colours in files, in their order there."""
_LEAST_NS: Final = 0.001


def latency(chart: Chart) -> Drawing:
    """By path, of the setting and operation that are chosen."""
    frame = chart.frame
    paths = frame.sort("at_least", descending=True)["path"].unique(maintain_order=True).to_list()
    paths = sorted(paths, key=lambda path: path != metrics.ALL_PATHS)
    choices = [
        choice_of(frame, "setting"),
        _operations(frame),
        choice("path", "path", [path for path in paths if path != metrics.ALL_PATHS], every=True, column="path"),
    ]
    return _curves(chart, "path", paths, _CHOSEN, choices, "operation", "path")


def tails(chart: Chart) -> Drawing:
    """By setting, of the group and operation that are chosen."""
    which = _operations(chart.frame, *(("times", "times") if chart.along == TIME else ()))
    choices = [choice_of(chart.frame, "group", "group", "line"), which]
    settings = chart.frame["setting"].unique(maintain_order=True).to_list()
    return _curves(chart, "setting", settings, f"datum.group == group && datum.operation == {which.param}", choices, "group")


def response(chart: Chart) -> Drawing:
    """From an operation's begin and from its arrival, of the setting and operation that are chosen."""
    return _of_a_setting(chart, "counted")


def overlay(chart: Chart) -> Drawing:
    """Of several runs, of the setting and operation that are chosen."""
    return _of_a_setting(chart, "run")


def _of_a_setting(chart: Chart, column: str) -> Drawing:
    """A curve a value of `column`, of the setting and operation that are chosen."""
    choices = [choice_of(chart.frame, "setting"), _operations(chart.frame)]
    values = chart.frame[column].unique(maintain_order=True).to_list()
    return _curves(chart, column, values, _CHOSEN, choices, "operation")


def ratios(chart: Chart) -> Drawing:
    """How many times as long percentiles are, of the setting and operation that are chosen."""
    frame = chart.frame
    choices = [
        choice_of(frame, "setting"),
        choice_of(frame, "operation"),
    ]
    rows = (
        alt.Chart(named(chart.name))
        .transform_filter(_CHOSEN)
        .transform_calculate(
            Ratio="format(datum.ratio, '.3f')",
            Ends=_ENDS,
        )
    )
    x = alt.X("percentile:N", title=None, sort=list(PERCENTILES.values()), axis=alt.Axis(labelAngle=0))
    scale = alt.Scale(zero=False)
    y = alt.Y("ratio:Q", title="times as long", scale=scale)
    tip = ["percentile:N", alt.Tooltip("Ratio:N", title="ratio"), alt.Tooltip("Ends:N", title="interval")]
    one = alt.Chart(alt.InlineData(values=[{"ratio": 1.0}])).mark_rule(strokeDash=[2, 2]).encode(y)
    bars = rows.transform_filter("bands && isValid(datum.low)").mark_rule(strokeWidth=2, color=COLOURS[1])
    marks = rows.mark_point(filled=True, size=90, opacity=1, color=COLOURS[1]).encode(x, y, tooltip=tip)
    # An axis looks at `y` alone: the upper ends, too, must be seen.
    ends = rows.transform_filter("bands && isValid(datum.high)").mark_point(opacity=0).encode(x, alt.Y("high:Q", scale=scale))
    ranged = bars.encode(x, alt.Y("low:Q", scale=scale), alt.Y2("high:Q"))
    return drawing(alt.layer(one, ends, ranged, marks), choices, [BANDS], height=200)


def _operations(frame: pl.DataFrame, param: str = "operation", label: str = "operation") -> Choice:
    had = set(frame["operation"].to_list())
    return choice(param, label, [name for name in NAMES.values() if name in had], column="operation")


def _curves(
    chart: Chart, column: str, values: Sequence[str], wanted: str, choices: Sequence[Choice], by: str, stressed: str = ""
) -> Drawing:
    """`by` is the control whose value decides what the legend has, `stressed` the one that takes some lines, if any does."""
    told = chart.frame.filter("told")
    scale = time_scale(told["latency_ns"])
    least, floor = scale.domain[0], float(min(told["at_least"].to_list(), default=1e-6)) * _ROOM
    rows = (
        alt.Chart(named(chart.name))
        .transform_filter(f"{wanted} && datum.told")
        .transform_calculate(
            time=f"max(datum.latency_ns, {least})",
            lower=f"max(datum.low, {floor})",
            upper=f"max(datum.high, {floor})",
            Time=time_of("latency_ns"),
            Share="format(datum.at_least * 100, '.3~r') + ' %'",
        )
    )
    x = alt.X("time:Q", scale=scale, axis=time_axis(chart.along or LATENCY))
    y_scale = alt.Scale(type="log", domain=[floor, 1.0], nice=False)
    y = alt.Y(
        "at_least:Q", scale=y_scale, axis=share_axis(f"share that {'is' if chart.along == TIME else 'takes'} at least so long")
    )
    named_by = looks(column, values, told, by, path_looks(values) if column == "path" else None)
    faint = {"opacity": stress(stressed, column)} if stressed else {}
    line = rows.mark_line(interpolate="step-before", strokeWidth=2, clip=True).encode(x, y, **named_by, **faint)
    band = (
        rows.transform_filter("bands && isValid(datum.low)")
        .mark_area(interpolate="step-before", opacity=0.22, clip=True)
        .encode(x, alt.Y("lower:Q", scale=y_scale), alt.Y2("upper:Q"), color=named_by["color"])
    )
    tip = [f"{column}:N", alt.Tooltip("Time:N", title="takes at least"), alt.Tooltip("Share:N", title="share")]
    if column == "path":
        tip.insert(1, "meaning:N")
    places = rows.mark_point(size=90, opacity=0, filled=True, clip=True).encode(x, y, tooltip=tip)
    repeated = chart.frame["low"].is_not_null().any()
    layers: list[Any] = [*([band] if repeated else []), *_rule(y_scale), line, places.add_params(zoomable())]
    return drawing(alt.layer(*layers), [*choices, PERCENTILE], [BANDS] if repeated else [], {"x": "time", "y": "at_least"})


def path_looks(paths: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Colour and dashes of each path, on every page the same, and those of files; all together are grey."""
    many, others = len(_PATH_DASHES), len(COLOURS) - len(_PATH_DASHES)

    def look(path: str) -> tuple[str, list[int]]:
        if path == metrics.ALL_PATHS:
            return "var(--soft)", [1, 0]
        place = place_of(path)
        # Where colours and dashes of files have all been together once, colours that only pages have go on.
        number = place % many if place < many**2 else many + place % others
        return COLOURS[number], _PATH_DASHES[(place + place // many) % many]

    return list(map(look, paths))


def _rule(scale: Any) -> list[Any]:
    """A line at the share of operations above the percentile that is chosen, with its name."""
    at = alt.Chart(alt.InlineData(values=[{}])).transform_calculate(
        rest="1 - toNumber(percentile)", name="'p' + format(toNumber(percentile) * 100, '~r')"
    )
    y = alt.Y("rest:Q", scale=scale)
    rule = at.mark_rule(strokeDash=[2, 2], opacity=0.7, clip=True).encode(y)
    return [rule, at.mark_text(align="left", dx=4, dy=-6, x=0, clip=True).encode(y, text="name:N")]


DRAWINGS: Final = {
    "latency": latency,
    "tails": tails,
    "interrupts": tails,
    "response": response,
    "overlay": overlay,
    "ratios": ratios,
}
"""By the chart's name."""

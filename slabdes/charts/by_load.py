# SPDX-License-Identifier: GPL-2.0-only
"""Waiting of a replay by its load: what of the CPUs' time goes to locks, and to the other side. Leaves out running loads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.chart import Chart
from slabdes.results.text import load_text
from slabdes.units import percent

if TYPE_CHECKING:
    from slabdes.measures.loads import LoadFigures

WAITING: Final = {"waiting": "for locks", "partner_wait": "for the other side"}
"""Figures that are drawn, and what is waited for."""
NO_THINK: Final = "no think"
_LEAST: Final = 0.001
"""A kind of waiting that is less than this share at every load is left out (a choice: it lies on the axis)."""


def by_load(points: Sequence[LoadFigures]) -> Chart:
    """A row a load and kind of waiting: `load` (as a multiple), `place` along the axis, `what`, and its `share`, `low`, `high`.

    Shares are of the CPUs' time at work; ends are null without an interval. A kind that is hardly anywhere has no rows.
    """
    import polars as pl

    drawn = [name for name in WAITING if name == "waiting" or any(getattr(point, name).value >= _LEAST for point in points)]
    rows = [
        {
            "load": NO_THINK if point.load is None else load_text(point.load),
            "place": place,
            "what": WAITING[name],
            "share": getattr(point, name).value,
            "low": getattr(point, name).low,
            "high": getattr(point, name).high,
        }
        for name in drawn
        for place, point in enumerate(points)
    ]
    levels = {getattr(point, name).confidence for point in points for name in drawn if getattr(point, name).low is not None}
    bars = "".join(f"; bars: {percent(level)} intervals over replications" for level in levels)
    reading = (
        "To the right think times are shorter: 10x is ten times the recorded load, and at the end there are none. The higher "
        "a mark, the more of the CPUs' time is spent waiting; where the line rises, CPUs wait for each other."
    )
    shares = dict.fromkeys(("share", "low", "high"), pl.Float64)
    schema: Any = {"load": pl.String, "place": pl.Int64, "what": pl.String, **shares}
    return Chart(
        "by_load",
        f"CPU time spent waiting, by load{bars}",
        reading,
        pl.DataFrame(rows, schema),
        "load, as a multiple of the recorded one",
    )

# SPDX-License-Identifier: GPL-2.0-only
"""Draws `charts.time_shares`: where the CPUs' time went, stacked shares, a bar a point, a panel a line of the sweep.

Leaves out which lock or line: see the node figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.choice import OTHERS
from slabdes.charts.looks import TIME
from slabdes.charts.time_shares import HARDLY_BUSY, time_shares
from slabdes.plots import style
from slabdes.results import metrics
from slabdes.results.text import share_text
from slabdes.stats.intervals import CONFIDENCE
from slabdes.units import percent

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

_PER_CENT: Final = 100.0
_BAR: Final = 0.75
_LEAST_TOP: Final = style.LEAST_TOP / 100
_MOST_BARS: Final = 40
"""Of a panel: more would be told apart by nobody."""
_MOST_TOLD: Final = 10
"""Bars with their share written above."""
_INNER: Final = 0.8
"""The part of a bar's width along which intervals of its parts stand."""
_SEEN: Final = 0.005
"""The part of the axis that an interval's half is at least, or else it is not drawn."""
_HEADROOM: Final = 1.15
_PANEL_IN: Final = 4.3
_LEGEND_IN: Final = 2.6


def time_figure(frames: Frames, manifest: Manifest) -> Figure:
    """A panel a machine (and other swept keys), in it a bar a CPU count (or whatever else the sweep varies)."""
    chart = time_shares(frames)
    lines = chart.frame.partition_by("number", maintain_order=True) or [chart.frame]
    columns = min(len(lines), 3)
    rows = -(-len(lines) // columns)
    figure = style.new_figure(_PANEL_IN * columns + _LEGEND_IN, max(1.0 + 3.2 * rows, 4.2))
    known = chart.frame["half"].is_not_null().any() and max(line["place"].n_unique() for line in lines) <= _MOST_TOLD
    whiskers = f"; whiskers: {percent(CONFIDENCE)} intervals of the part below, over replications" if known else ""
    style.caption(figure, f"{chart.title}{whiskers}", manifest, frames)
    parts = [part for part in TIME if part in chart.frame["part"].to_list()]
    most = max(chart.frame["high"].to_list(), default=1.0)
    top = max(most * _HEADROOM, _LEAST_TOP) if most < HARDLY_BUSY else 1.0
    panels = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for axes, line in zip(panels, lines, strict=False):
        _panel(axes, line, chart.along, parts, top)
        if line.height and line["line"][0]:
            style.panel_title(axes, style.plain(line["line"][0]), _PANEL_IN - 0.9)
    for axes in panels[len(lines) :]:
        axes.remove()
    if parts:
        style.legend_of_stack(figure, panels[0])
    return figure


def _panel(axes: Axes, table: pl.DataFrame, along: str, present: list[str], top: float) -> None:
    if not present:
        style.say(axes, "No CPU did anything.")
        return
    bars = table["place"].unique(maintain_order=True).to_list()
    if (of := len(bars)) > _MOST_BARS:
        bars = metrics.spread(bars, _MOST_BARS)
        axes.text(
            0.5, 1.0, f"{_MOST_BARS} of {of} points ({OTHERS})", ha="center", va="bottom", fontsize=7, transform=axes.transAxes
        )
    table = table.filter(table["place"].is_in(bars))
    for part in present:
        colour, hatch = TIME[part]
        rows = table.filter(table["part"] == part)
        base, heights = ((rows[column] * _PER_CENT).to_list() for column in ("low", "share"))
        look: dict[str, Any] = {"color": colour, "hatch": hatch, "edgecolor": "black", "linewidth": 0.5}
        axes.bar(range(len(bars)), heights, _BAR, bottom=base, label=f"{rows['meaning'][0]} ({part})", **look)
        # The last part of a full bar is what the others leave.
        if len(bars) <= _MOST_TOLD and (part != present[-1] or top < 1.0):
            place = present.index(part) / max(len(present) - 1, 1) - 0.5
            for bar, (high, half) in enumerate(rows.select("high", "half").iter_rows()):
                _whisker(axes, bar + place * _BAR * _INNER, high, half, top)
    last = table.filter(table["part"] == present[-1])
    if top < 1.0 and len(bars) <= _MOST_TOLD:
        for bar, height in enumerate(last["high"].to_list()):
            axes.text(bar, height * _PER_CENT, share_text(height), ha="center", va="bottom", fontsize=8)
    style.word_ticks(axes, range(len(bars)), last["word"].to_list())
    # A lone bar would fill the panel.
    room = 0.7 if len(bars) > 1 else 1.5
    axes.set_xlim(-room, len(bars) - 1 + room)
    axes.set_ylim(0, top * _PER_CENT)
    axes.set_ylabel("share of the CPUs' time (%)")
    axes.set_xlabel(style.plain(along))


def _whisker(axes: Axes, x: float, high: float, half: float | None, top: float) -> None:
    """A part's interval about its upper end, each part's at its own place of a bar's width; one too small to be seen is not."""
    if half is not None and half >= _SEEN * top:
        for colour, width in (("#FFFFFF", 3.0), ("#000000", 1.0)):
            look: dict[str, Any] = {"capsize": 2.5, "color": colour, "elinewidth": width, "capthick": width, "zorder": 5}
            axes.errorbar([x], [high * _PER_CENT], yerr=[half * _PER_CENT], **look)

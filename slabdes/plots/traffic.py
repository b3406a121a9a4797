# SPDX-License-Identifier: GPL-2.0-only
"""Draws the machine with what goes between its nodes (`charts.traffic`): lines as wide as the hand-overs that cross them.

Leaves out distances, which the machine's own picture has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slabdes.charts.traffic import LINK, NODE
from slabdes.plots import style
from slabdes.results.text import share_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from slabdes.charts.chart import Chart

WIDEST: Final = 30.0
"""Points of a line that all hand-overs cross; the page has as many."""
KEY: Final = (0.01, 0.1, 0.3)
"""Shares whose widths the key shows."""
_LEAST: Final = 0.8
_SMALLEST, _LARGEST = 300.0, 3000.0
"""Area of a node's circle, square points: where no hand-over, and where all, stayed within it."""
_ALONG: Final = 0.38
"""Where on a line its figure stands: not in the middle, where diagonals cross."""
_ROOM: Final = 0.35


def traffic_figure(chart: Chart) -> Figure:
    """Nodes where the machine's picture has them, lines and circles by share of all hand-overs, which stand beside them."""
    figure = style.new_figure(8.0, 6.8 if chart.frame["y"].n_unique() > 1 else 2.8)
    style.title(figure, chart.title)
    axes = figure.subplots()
    links, nodes = (list(chart.frame.filter(chart.frame["what"] == what).iter_rows(named=True)) for what in (LINK, NODE))
    if not any(row["count"] for row in (*links, *nodes)):
        style.say(axes, "No lock went from one to another.")
        return figure
    axes.set_axis_off()
    for row in sorted(links, key=lambda row: -row["share"]):
        ends = (row["x"], row["x2"]), (row["y"], row["y2"])
        axes.plot(
            *ends, color=style.WAITING, alpha=0.8, linewidth=_LEAST + WIDEST * row["share"], solid_capstyle="butt", zorder=1
        )
        if row["told"]:
            x, y = (start + _ALONG * (end - start) for start, end in ends)
            patch = {"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85}
            axes.text(x, y, share_text(row["share"]), ha="center", va="center", fontsize=8, bbox=patch, zorder=2)
    middle = sum(row["y"] for row in nodes) / len(nodes)
    for row in nodes:
        area = _SMALLEST + (_LARGEST - _SMALLEST) * row["share"]
        axes.scatter([row["x"]], [row["y"]], s=area, color=style.COLOURS[1], edgecolor="white", linewidth=1.5, zorder=3)
        text = f"{style.plain(row['name'])}\n{share_text(row['share'])} within"
        above = row["y"] > middle
        beside = (area**0.5) / 2 + 4
        patch = {"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85}
        axes.annotate(
            text, (row["x"], row["y"]), (0.0, beside if above else -beside), textcoords="offset points", ha="center",
            va="bottom" if above else "top", fontsize=8, bbox=patch, zorder=4,
        )  # fmt: skip
    axes.margins(_ROOM / 2, _ROOM / 2)
    for share in KEY if links else ():
        axes.plot([], [], color=style.WAITING, alpha=0.8, linewidth=_LEAST + WIDEST * share, label=f"{share_text(share)} of all")
    style.legend_below(figure, axes)
    return figure

# SPDX-License-Identifier: GPL-2.0-only
"""Draws `charts.overlay`: latency tails of several runs, a panel an operation; of two, how many times as long percentiles are.

Leaves out paths and points of a sweep: a run of one point each, as `study.point(0)` is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from slabdes.charts.choice import some
from slabdes.charts.curves import NAMES
from slabdes.charts.overlay import PERCENTILES, overlay, ratios
from slabdes.errors import InputError
from slabdes.measures.compare import compare_runs
from slabdes.plots import style
from slabdes.plots.curves import Scale, curve
from slabdes.results.frames import OPERATIONS
from slabdes.results.metrics import spread
from slabdes.stats.intervals import CONFIDENCE

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.charts.chart import Chart
    from slabdes.measures.compare import Comparison
    from slabdes.results.run import Run

_PANEL_IN: Final = 6.6
_DRAWN_IN: Final = 4.6
_RATIO_IN: Final = 2.2
_ASIDE: Final = 0.1
"""Between marks of one percentile, parts of the room that it has."""


def beside_figure(runs: Sequence[Run], labels: Sequence[str] | None = None, confidence: float = CONFIDENCE) -> Figure:
    """The runs' tails, told apart by `labels` (default: first, second, ...). Raises InputError for what cannot be drawn."""
    named = list(labels) if labels is not None else [f"run {number + 1}" for number in range(len(runs))]
    if not 1 <= len(runs) <= style.MOST_LINES or len(named) != len(runs):
        raise InputError("ccdf", f"{len(runs)} runs, {len(named)} labels", allowed=f"1 to {style.MOST_LINES} runs, a label each")
    for run in runs:
        run.point_number(None)
    # Runs of one label are still two.
    chart = overlay(
        [(label, str(number), run.frames) for number, (label, run) in enumerate(zip(named, runs, strict=True))], confidence
    )
    beneath = _ratios(runs, named, confidence)
    ops = [op for op in OPERATIONS if op in chart.frame["op"].to_list()]
    of_runs = list(dict.fromkeys(style.about(run.manifest, run.frames) for run in runs))
    heights = [4.0, *([_RATIO_IN] if beneath is not None else [])]
    figure = style.new_figure(_PANEL_IN * max(len(ops), 1) + 0.4, 0.6 + sum(heights) + 0.2 * len(of_runs))
    style.title(figure, chart.title, *of_runs)
    if not ops:
        style.say(figure.add_subplot(), "No operation was recorded.")
        return figure
    scale = Scale(chart.frame)
    panels = figure.subplots(len(heights), len(ops), squeeze=False, sharey="row", height_ratios=heights)
    for axes, op in zip(panels[0], ops, strict=True):
        scale.apply(axes)
        for number, label in enumerate(named):
            mine = chart.frame.filter((chart.frame["op"] == op) & (chart.frame["run"] == str(number)))
            if mine.height:
                curve(axes, mine, style.plain(label), style.line_style(number), scale.floor)
        style.panel_title(axes, NAMES[op], _DRAWN_IN)
        style.legend_beside(axes)
    panels[0][0].set_ylabel("share that takes at least so long")
    if beneath is not None:
        for axes, op in zip(panels[1], ops, strict=True):
            _ratio(axes, beneath.frame.filter(beneath.frame["operation"] == NAMES[op]))
        panels[1][0].set_ylabel(f"times as long\nas {style.tick_text(named[0])}")
    return figure


def ratios_figure(compared: Comparison, settings: Sequence[str]) -> Figure | None:
    """How many times as long each percentile is on the second side, a panel an operation and a mark a pair of points.

    `settings` name the pairs. Of very many pairs some are drawn. None where no percentile is known of both sides.
    """
    chart = ratios(compared, settings)
    ops = chart.frame["operation"].unique(maintain_order=True).to_list()
    if not ops:
        return None
    every = list(dict.fromkeys(chart.frame["setting"].to_list()))
    chosen = spread(every, style.MOST_LINES)
    figure = style.new_figure(_PANEL_IN * len(ops) + 0.4, _RATIO_IN + 1.6)
    style.title(figure, chart.title + some(len(chosen), len(every), "settings"))
    panels = figure.subplots(1, len(ops), squeeze=False, sharey="row")[0]
    for axes, op in zip(panels, ops, strict=True):
        _ratio(axes, chart.frame.filter(chart.frame["operation"] == op), chosen)
        style.panel_title(axes, op, _DRAWN_IN)
    panels[0].set_ylabel(f"times as long\nas {style.tick_text(compared.sides[0])}")
    if len(chosen) > 1:
        style.legend_below(figure, panels[0])
    return figure


def _ratios(runs: Sequence[Run], named: Sequence[str], confidence: float) -> Chart | None:
    """Of two runs that can be compared; None else."""
    if len(runs) != 2:
        return None
    try:
        chart = ratios(compare_runs(runs[0], runs[1], (named[0], named[1]), confidence), [""])
    except InputError:
        return None
    return chart if chart.frame.height else None


def _ratio(axes: Axes, every: pl.DataFrame, settings: Sequence[str] = ("",)) -> None:
    """A mark a percentile and setting, side by side; the two sides are equal on the line at 1."""
    if not every.height:
        style.say(axes, "No percentile is known of both.")
        return
    places = list(PERCENTILES.values())
    for number, setting in enumerate(settings):
        rows = every.filter(every["setting"] == setting)
        aside = _ASIDE * (number - (len(settings) - 1) / 2)
        x, y = [places.index(name) + aside for name in rows["percentile"].to_list()], rows["ratio"].to_list()
        ends = [
            [value - (value if low is None else low) for value, low in zip(y, rows["low"].to_list(), strict=True)],
            [(value if high is None else high) - value for value, high in zip(y, rows["high"].to_list(), strict=True)],
        ]
        look = style.line_style(number + 1) | {"linestyle": "none"}
        axes.errorbar(x, y, yerr=ends, capsize=4, label=style.plain(setting), **look)
    axes.axhline(1.0, color="#7A7A7A", linewidth=1.0, linestyle=(0, (1, 2)))
    axes.set_xticks(range(len(places)), places)
    axes.set_xlim(-0.5, len(places) - 0.5)
    style.grid(axes, "y")

# SPDX-License-Identifier: GPL-2.0-only
"""Latency tails of several runs on one axis: a panel an operation, a line a run, all of its paths together.

Leaves out paths and points of a sweep: a run of one point each, as `study.point(0)` is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from slabdes.charts.curves import NAMES, banded
from slabdes.errors import InputError
from slabdes.measures.bands import ccdf_bands
from slabdes.plots import style
from slabdes.plots.curves import Scale, curve
from slabdes.results import metrics
from slabdes.results.frames import OPERATIONS
from slabdes.stats.intervals import CONFIDENCE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from slabdes.results.run import Run

_PANEL_IN: Final = 6.6
_DRAWN_IN: Final = 4.6


def beside_figure(runs: Sequence[Run], labels: Sequence[str] | None = None, confidence: float = CONFIDENCE) -> Figure:
    """The runs' tails, told apart by `labels` (default: first, second, ...). Raises InputError for what cannot be drawn."""
    import polars as pl

    named = list(labels) if labels is not None else [f"run {number + 1}" for number in range(len(runs))]
    if not 1 <= len(runs) <= style.MOST_LINES or len(named) != len(runs):
        raise InputError("ccdf", f"{len(runs)} runs, {len(named)} labels", allowed=f"1 to {style.MOST_LINES} runs, a label each")
    for run in runs:
        run.point_number(None)
    curves = [ccdf_bands(run.frames, confidence).filter(pl.col("path") == metrics.ALL_PATHS) for run in runs]
    together = pl.concat(curves)
    ops = [op for op in OPERATIONS if op in together["op"].to_list()]
    of_runs = list(dict.fromkeys(style.about(run.manifest, run.frames) for run in runs))
    figure = style.new_figure(_PANEL_IN * max(len(ops), 1) + 0.4, 4.6 + 0.2 * len(of_runs))
    bands = next((text for run in runs if (text := banded(run.frames, confidence))), "")
    style.title(figure, f"Latency: share of operations that take at least so long{bands}", *of_runs)
    if not ops:
        style.say(figure.add_subplot(), "No operation was recorded.")
        return figure
    scale = Scale(together)
    (panels,) = figure.subplots(1, len(ops), squeeze=False, sharex=True, sharey=True)
    for axes, op in zip(panels, ops, strict=True):
        scale.apply(axes)
        for number, (label, rows) in enumerate(zip(named, curves, strict=True)):
            mine = rows.filter(pl.col("op") == op)
            if mine.height:
                curve(axes, mine, style.plain(label), style.line_style(number), scale.floor)
        style.panel_title(axes, NAMES[op], _DRAWN_IN)
        style.legend_beside(axes)
    panels[0].set_ylabel("share that takes at least so long")
    return figure

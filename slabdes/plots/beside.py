# SPDX-License-Identifier: GPL-2.0-only
"""Latency tails of several runs on one axis: a panel an operation, a line a run, all of its paths together.

Leaves out paths and points of a sweep: a run of one point each, as `study.point(0)` is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from slabdes.errors import InputError
from slabdes.plots import style
from slabdes.plots.latency import LEAST_NS, NAMES, ROOM_BELOW, draw_curve, log_axes
from slabdes.results import metrics
from slabdes.results.frames import OPERATIONS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from slabdes.results.run import Run

MOST_RUNS: Final = 8
"""Lines that can be told apart."""


def beside_figure(runs: Sequence[Run], labels: Sequence[str] | None = None) -> Figure:
    """The runs' tails, told apart by `labels` (default: first, second, ...). Raises InputError for what cannot be drawn."""
    import polars as pl

    named = list(labels) if labels is not None else [f"run {number + 1}" for number in range(len(runs))]
    if not 1 <= len(runs) <= MOST_RUNS or len(named) != len(runs):
        raise InputError("ccdf", f"{len(runs)} runs, {len(named)} labels", allowed=f"1 to {MOST_RUNS} runs, a label each")
    for run in runs:
        run.point_number(None)
    curves = [metrics.ccdf(run.frames).filter(pl.col("path") == metrics.ALL_PATHS) for run in runs]
    together = pl.concat(curves)
    ops = [op for op in OPERATIONS if op in together["op"].to_list()]
    figure = style.new_figure(5.6 * max(len(ops), 1) + 0.4, 4.9)
    style.caption(figure, "Latency: share of operations that take at least so long", runs[0].manifest, runs[0].frames)
    if not ops:
        style.say(figure.add_subplot(), "No operation was recorded.")
        return figure
    times = together["latency_ns"].to_numpy()
    span = (max(float(times.min()), LEAST_NS), max(float(times.max()), LEAST_NS))
    floor = float(together["at_least"].to_numpy().min()) * ROOM_BELOW
    (panels,) = figure.subplots(1, len(ops), squeeze=False, sharex=True, sharey=True)
    for axes, op in zip(panels, ops, strict=True):
        log_axes(axes, span)
        for number, (label, curve) in enumerate(zip(named, curves, strict=True)):
            mine = curve.filter(pl.col("op") == op).sort("latency_ns")
            if mine.height:
                draw_curve(axes, mine, label, style.line_style(number), floor)
        axes.set_ylim(floor, 1.5)
        axes.set_title(NAMES[op], fontsize=10)
        axes.set_xlabel("latency (simulated time)")
        style.legend_beside(axes)
    panels[0].set_ylabel("share that takes at least so long")
    return figure

# SPDX-License-Identifier: GPL-2.0-only
"""Draws what an event log shows of locks (`charts.queues`): queues over time, the costliest convoy, hand-overs from CPU to CPU.

Leaves out runs that kept no log.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.queues import HOLDS, Log, by_name, convoy, log_of, queues, transfers
from slabdes.errors import InputError
from slabdes.plots import style

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.results.run import Run

_ROW_IN: Final = 0.32
_HOLD_IN: Final = 0.18
_NAME: Final = 0.1
"""Of a convoy's axis, the room behind the last hold for its CPU's name (measured at 7 points)."""
_MAP: Final = "Oranges"
"""From light to dark, so that it reads in grey."""


def logged(run: Run, folder: Path, point: int | None) -> Log:
    """The log of a point, or of the only one. Raises InputError where none was kept."""
    log = log_of(run.frames, folder, run.point_number(point))
    if log is None:
        raise InputError(str(folder), "has no event log", allowed="a run with log = true")
    return log


def queues_figure(log: Log) -> Figure:
    """A row a lock and time along x, the darker the more CPUs wait; beneath, the queue that is longest over all, and its most."""
    chart = queues(log)
    locks = by_name(chart.frame["lock"].to_list())
    figure = style.new_figure(10.0, 4.0 + _ROW_IN * max(len(locks), 1))
    style.title(figure, chart.title)
    if not locks:
        style.say(figure.add_subplot(), "Nobody waited for a lock.")
        return figure
    above, beneath = figure.subplots(2, 1, sharex=True, height_ratios=[_ROW_IN * len(locks) + 0.4, 2.4])
    each = [chart.frame.filter(chart.frame["lock"] == lock) for lock in locks]
    edges = [*each[0]["start_ns"].to_list(), each[0]["end_ns"][-1]]
    shades = above.pcolormesh(edges, range(len(each) + 1), [rows["mean"].to_list() for rows in each], cmap=_MAP, vmin=0.0)
    above.set_yticks([place + 0.5 for place in range(len(each))], [style.plain(rows["lock"][0]) for rows in each], fontsize=8)
    above.invert_yaxis()
    figure.colorbar(shades, ax=above, label="CPUs that wait")
    longest = max(each, key=lambda rows: float(rows["mean"].to_numpy().sum()))
    beneath.stairs(longest["mean"].to_list(), edges, fill=True, color=style.COLOURS[4], label="mean of the part")
    beneath.stairs(longest["most"].to_list(), edges, color=style.COLOURS[0], linestyle=":", label="most at once")
    beneath.set_ylabel(f"CPUs that wait for\n{style.tick_text(longest['lock'][0])}")
    beneath.xaxis.set_major_formatter(lambda time, _position: style.time_label(time))
    beneath.set_xlabel("simulated time")
    style.grid(beneath)
    style.legend_beside(beneath)
    return figure


def convoy_figure(log: Log) -> Figure:
    """A line a hold: who waited (pale), who held (dark), and a mark where the lock came from another node."""
    chart = convoy(log)
    figure = style.new_figure(10.0, 1.8 + _HOLD_IN * max(chart.frame["place"].n_unique(), 4))
    style.title(figure, chart.title)
    axes = figure.subplots()
    if not chart.frame.height:
        style.say(axes, "Nobody waited for a lock.")
        return figure
    for row in chart.frame.iter_rows(named=True):
        held = row["what"] == HOLDS
        colour = style.COLOURS[1] if held else style.FAINT
        axes.barh(row["place"], row["end"] - row["start"], left=row["start"], height=0.8, color=colour)
        if held:
            axes.text(row["end"], row["place"], f" CPU {row['cpu']}, node {row['node']}", va="center", fontsize=7)
    crossed = chart.frame.filter((chart.frame["what"] == HOLDS) & chart.frame["crossed"])
    marks: dict[str, Any] = {"linestyle": "none", "marker": "D", "markersize": 4, "color": style.COLOURS[2]}
    axes.plot(crossed["start"].to_list(), crossed["place"].to_list(), label="from another node", **marks)
    axes.bar(0, 0, color=style.FAINT, label="waits")
    axes.bar(0, 0, color=style.COLOURS[1], label="holds")
    axes.invert_yaxis()
    axes.set_xlim(0, (1 + _NAME) * max(chart.frame["end"].to_list()))
    axes.set_yticks([])
    axes.xaxis.set_major_formatter(lambda time, _position: style.time_label(time))
    axes.set_xlabel("simulated time, from the first that asks")
    style.grid(axes, "x")
    style.legend_below(figure, axes)
    return figure


def transfers_figure(log: Log) -> Figure:
    """A square a pair of CPUs or nodes, the darker the more often a lock went from the row's to the column's."""
    chart = transfers(log)
    figure = style.new_figure(7.0, 6.2)
    style.title(figure, chart.title)
    nothing = f"No lock was handed over from {chart.along} to {chart.along}."
    heat_map(figure, figure.subplots(), chart.frame, chart.along, "hand-overs", nothing)
    return figure


def heat_map(figure: Figure, axes: Axes, rows: pl.DataFrame, unit: str, what: str, nothing: str) -> None:
    """`count` from the `giver` of a row to the `taker` of a column; `nothing` is said where there are no rows."""
    names = sorted({*rows["giver"].to_list(), *rows["taker"].to_list()})
    if not names:
        style.say(axes, nothing)
        return
    counts = [[0] * len(names) for _name in names]
    for giver, taker, count in rows.select("giver", "taker", "count").iter_rows():
        counts[names.index(giver)][names.index(taker)] = count
    figure.colorbar(axes.imshow(counts, cmap=_MAP, vmin=0), ax=axes, label=what)
    step = -(-len(names) // 16)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(range(0, len(names), step), [str(name) for name in names[::step]])
    axes.set_xlabel(f"to {unit}")
    axes.set_ylabel(f"from {unit}")

# SPDX-License-Identifier: GPL-2.0-only
"""Draws `charts.progress` in steps: operations a second and waiting over time, and when sheaves were changed.

Leaves out how memory stood (`history`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from matplotlib.ticker import MaxNLocator

from slabdes.charts.progress import progress
from slabdes.plots import style
from slabdes.plots.scaling import PANELS, RATE
from slabdes.units import NS_PER_MS

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

_TICKS: Final = 6
"""Intervals of the time axis at most: labels have their units."""
_AFTER: Final = 4.0
"""Times as long as until a change that is shown of a run with one: what comes then is as it has become."""


def progress_figure(frames: Frames, manifest: Manifest, points: list[int] | None = None) -> Figure:
    """Two panels side by side, a line a point."""
    chart = progress(frames, points)
    figure = style.new_figure(12.0, 5.0)
    style.caption(figure, chart.title, manifest, frames)
    if not chart.frame.height:
        style.say(figure.add_subplot(), "How fast it went over time was not looked at.")
        return figure
    changed = changed_ns(manifest)
    panels = figure.subplots(1, len(PANELS), sharex=True)
    for axes, (rate, scale, label) in zip(panels, PANELS, strict=True):
        rows = chart.frame.filter(chart.frame["measure"] == rate)
        for line in rows.partition_by("number", maintain_order=True):
            _steps(axes, line, scale)
        top = float(rows["value"].to_numpy().max()) * scale
        style.zero_axis(axes, top or 1.0) if rate == RATE else style.share_axis(axes, top)
        if changed is not None:
            axes.axvline(changed, color="black", linestyle="--", linewidth=1.2)
            axes.text(changed, 1.01, "sheaves change", ha="center", va="bottom", fontsize=7, transform=axes.get_xaxis_transform())
        end = float(rows["end"].to_numpy().max())
        axes.set_xlim(0, end if changed is None else min(end, _AFTER * changed))
        axes.xaxis.set_major_locator(MaxNLocator(_TICKS))
        axes.xaxis.set_major_formatter(lambda time, _position: style.time_label(time))
        axes.set_xlabel("simulated time")
        axes.set_ylabel(label)
        style.grid(axes)
    style.legend_below(figure, panels[0])
    return figure


def _steps(axes: Axes, rows: pl.DataFrame, scale: float) -> None:
    """A line of steps, each as long as the time that it is of, with a mark at some, by which lines are told apart."""
    times = [*rows["begin"].to_list(), rows["end"][-1]]
    values = (rows["value"] * scale).to_list()
    look: dict[str, Any] = style.line_style(rows["number"][0])
    name = rows["setting"][0]
    every = max(len(values) // 8, 1)
    axes.plot(
        times, [*values, values[-1]], drawstyle="steps-post", label=style.plain(name) if name else None, markevery=every, **look
    )


def changed_ns(manifest: Manifest) -> float | None:
    """When the experiment changes sheaves, if it does."""
    change = manifest.experiment.get("change")
    at_ms = change.get("at_ms") if isinstance(change, dict) else None
    return float(at_ms) * NS_PER_MS if at_ms else None

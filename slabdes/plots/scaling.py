# SPDX-License-Identifier: GPL-2.0-only
"""Throughput and waiting along a sweep, a line a machine and other swept keys, with intervals over replications.

Points are joined only to be told apart. Leaves out any fitted law.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slabdes.plots import style
from slabdes.results import metrics
from slabdes.stats.intervals import CONFIDENCE
from slabdes.stats.scaling import scaling

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

_MILLION: Final = 1e6
_PER_CENT: Final = 100.0
_PANELS: Final = (
    ("operations_per_s", 1 / _MILLION, "operations per second\n(millions, simulated time)"),
    ("share_waiting", _PER_CENT, "CPU time spent waiting for locks (%)"),
)
_MOST_LINES: Final = 12
_MOST_TICKS: Final = 20
_CPUS_LABEL: Final = "CPUs that the workload uses"


def scaling_figure(frames: Frames, manifest: Manifest, confidence: float = CONFIDENCE) -> Figure:
    """Two panels: operations per second, and share of time waiting, along CPUs (or whatever else the sweep varies)."""
    table = scaling(frames, confidence)
    along, keys = metrics.x_key(frames), metrics.series_keys(frames)
    figure = style.new_figure(10.0, 4.8)
    repeated = int(table["replications"].to_numpy().max()) > 1
    bars = f"; bars: {confidence:.0%} intervals over replications" if repeated else ""
    every = list(table.partition_by(keys, maintain_order=True)) if keys else [table]
    series = metrics.spread(every, _MOST_LINES)
    limited = style.some(len(series), len(every), "lines")
    style.caption(figure, f"Throughput and waiting by {style.short_key(along)}{bars}{limited}", manifest, frames)
    panels = figure.subplots(1, len(_PANELS))
    for axes, (rate, scale, label) in zip(panels, _PANELS, strict=True):
        _panel(axes, series, keys, along, rate, scale, frames)
        axes.set_ylabel(label)
    if keys:
        style.legend_below(figure, panels[0])
    return figure


def _panel(axes: Axes, series: list[pl.DataFrame], keys: list[str], along: str, rate: str, scale: float, frames: Frames) -> None:
    values = frames.points[along].to_list()
    numeric = frames.points[along].dtype.is_numeric()
    # Words along x stand at 0, 1, ... in the order of the points.
    place = {value: value if numeric else number for number, value in enumerate(dict.fromkeys(values))}
    top = 0.0
    for number, rows in enumerate(series):
        rows = rows.sort(along) if numeric else rows
        y = [value * scale for value in rows[rate].to_list()]
        half = [0.0 if value is None else value * scale for value in rows[f"{rate}_half"].to_list()]
        x = [place[value] for value in rows[along].to_list()]
        label = style.point_label(frames, rows["point"][0], keys) if keys else None
        axes.errorbar(x, y, yerr=half if any(half) else None, label=label, capsize=3, **style.line_style(number))
        top = max(top, *(value + error for value, error in zip(y, half, strict=True)))
    axes.set_ylim(0, top * 1.05 if top else 1.0)
    if not top:
        axes.text(0.5, 0.5, "none at any point", transform=axes.transAxes, ha="center")
    style.grid(axes)
    if numeric:
        style.cpu_axis(axes, values)
    else:
        ticked = metrics.spread(list(place), _MOST_TICKS)
        axes.set_xticks(
            [place[value] for value in ticked], [style.plain(str(value)) for value in ticked], rotation=30, ha="right"
        )
    axes.set_xlabel(_CPUS_LABEL if along == "cpus" else style.plain(along))

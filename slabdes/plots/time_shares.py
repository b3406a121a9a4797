# SPDX-License-Identifier: GPL-2.0-only
"""Where the CPUs' time went: stacked shares, a bar a point.

Shares are of the time between each CPU's first and last operation. Leaves out which lock or line: see the node figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.choice import OTHERS, some
from slabdes.plots import style
from slabdes.results import metrics
from slabdes.results.text import share_text

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

LOOKS: Final = {
    "work": ("work: the rest of operations", "#0072B2", ""),
    "first_touch": ("touch: of objects, cold descriptors", "#7CC4EE", "..."),
    "pages": ("pages: page allocator", "#F0E442", "xx"),
    "local_memory": ("memory: the node's own", "#009E73", "--"),
    "remote_memory": ("remote: other nodes' memory", "#8FD8BF", "oo"),
    "line": ("lines: written last elsewhere", "#E8A33D", "\\\\\\"),
    "lock_wait": ("waiting: for locks", style.WAITING, "///"),
    "handoff": ("hand-off: of locks", "#B07AA1", "||"),
    "slot_wait": ("for other CPUs: objects, barriers", "#F2C4DE", "++"),
    "partner_wait": ("for the other side: waiting", "#B8B8B8", "**"),
    "think": ("thinking: between operations", "#F2F2F2", ""),
}
"""Each part's name in tables and what it is, its colour and hatching, from a bar's bottom up; no two look alike in grey."""
_PER_CENT: Final = 100.0
_BAR: Final = 0.75
_HARDLY_BUSY: Final = 0.1
"""Where CPUs think for all but this share of their time, thinking is not drawn: nothing else would be seen."""
_LEAST_TOP: Final = style.LEAST_TOP / 100
_MOST_PANELS: Final = 9
_MOST_BARS: Final = 40
"""Of a panel: more would be told apart by nobody."""
_MOST_TOLD: Final = 10
"""Bars with their share written above."""
_HEADROOM: Final = 1.15
_PANEL_IN: Final = 4.3
_LEGEND_IN: Final = 2.6


def time_figure(frames: Frames, manifest: Manifest) -> Figure:
    """A panel a machine (and other swept keys), in it a bar a CPU count (or whatever else the sweep varies)."""
    shares = metrics.where_time_went(frames)
    along, keys = metrics.x_key(frames), metrics.series_keys(frames)
    every = list(shares.partition_by(keys, maintain_order=True)) if keys else [shares]
    series = metrics.spread(every, _MOST_PANELS)
    columns = min(len(series), 3)
    rows = -(-len(series) // columns)
    figure = style.new_figure(_PANEL_IN * columns + _LEGEND_IN, max(1.0 + 3.2 * rows, 4.2))
    present = [part for part in LOOKS if shares[part].to_numpy().max() > 0]
    busy = max(sum(row[part] for part in present if part != "think") for row in shares.iter_rows(named=True))
    hardly_busy = 0 < busy < _HARDLY_BUSY
    if hardly_busy:
        present.remove("think")
    rest = f"; the rest, at least {share_text(1 - busy)}: thinking, between operations" if hardly_busy else ""
    limited = f"{some(len(series), len(every), 'settings')} ({OTHERS})" if len(series) < len(every) else ""
    style.caption(figure, f"Where the CPUs' time went{rest}{limited}", manifest, frames)
    panels = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for axes, table in zip(panels, series, strict=False):
        _panel(axes, table, along, present, max(busy * _HEADROOM, _LEAST_TOP) if hardly_busy else 1.0)
        if keys:
            style.panel_title(axes, style.point_label(frames, table["point"][0], keys), _PANEL_IN - 0.9)
    for axes in panels[len(series) :]:
        axes.remove()
    if present:
        style.legend_of_stack(figure, panels[0])
    return figure


def _panel(axes: Axes, table: pl.DataFrame, along: str, present: list[str], top: float) -> None:
    if not present:
        style.say(axes, "No CPU did anything.")
        return
    table = table.sort(along) if table[along].dtype.is_numeric() else table
    if (of := table.height) > _MOST_BARS:
        table = table[metrics.spread(range(table.height), _MOST_BARS)]
        axes.text(
            0.5, 1.0, f"{_MOST_BARS} of {of} points ({OTHERS})", ha="center", va="bottom", fontsize=7, transform=axes.transAxes
        )
    base = [0.0] * table.height
    for part in present:
        meaning, colour, hatch = LOOKS[part]
        heights = [share * _PER_CENT for share in table[part].to_list()]
        look: dict[str, Any] = {"color": colour, "hatch": hatch, "edgecolor": "black", "linewidth": 0.5}
        axes.bar(range(table.height), heights, _BAR, bottom=base, label=f"{meaning} ({part})", **look)
        base = [below + height for below, height in zip(base, heights, strict=True)]
    if top < 1.0 and table.height <= _MOST_TOLD:
        for bar, height in enumerate(base):
            axes.text(bar, height, share_text(height / _PER_CENT), ha="center", va="bottom", fontsize=8)
    style.word_ticks(axes, range(table.height), table[along].to_list())
    # A lone bar would fill the panel.
    room = 0.7 if table.height > 1 else 1.5
    axes.set_xlim(-room, table.height - 1 + room)
    axes.set_ylim(0, top * _PER_CENT)
    axes.set_ylabel("share of the CPUs' time (%)")
    axes.set_xlabel("CPUs that the workload uses" if along == "cpus" else style.plain(along))

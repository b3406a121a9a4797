# SPDX-License-Identifier: GPL-2.0-only
"""Throughput and waiting along a sweep, a line a machine and other swept keys, with intervals over replications.

Points are joined only to be told apart, words not at all. Leaves out any fitted law: the ideal is the first point, multiplied.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.choice import OTHERS, short_key, some
from slabdes.measures.scaling import scaling
from slabdes.plots import style
from slabdes.results import metrics
from slabdes.results.text import share_text
from slabdes.stats.intervals import CONFIDENCE

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

_MILLION: Final = 1e6
_PER_CENT: Final = 100.0
RATE: Final = "operations_per_s"
_PANELS: Final = (
    (RATE, 1 / _MILLION, "operations per second\n(millions, simulated time)"),
    ("share_waiting", _PER_CENT, "CPU time spent\nwaiting for locks (%)"),
)
_MOST_ROWS: Final = 4
"""Of panels, each with at most style.MOST_LINES lines."""
_MOST_TICKS: Final = 20
_CPUS_LABEL: Final = "CPUs that the workload uses"
_BAND: Final = 0.22
_IDEAL: Final[dict[str, Any]] = {"color": "#7A7A7A", "linewidth": 1.0, "linestyle": (0, (1, 2)), "zorder": 1}


def scaling_figure(frames: Frames, manifest: Manifest, confidence: float = CONFIDENCE, *, log: bool = False) -> Figure:
    """Two panels: operations per second, and share of time waiting, along CPUs (or whatever else the sweep varies).

    Lines beyond a panel's are drawn in further rows. With `log` both axes of throughput are logarithmic.
    """
    table = scaling(frames, confidence)
    along, keys = metrics.x_key(frames), metrics.series_keys(frames)
    every = list(table.partition_by(keys, maintain_order=True)) if keys else [table]
    series = metrics.spread(every, style.MOST_LINES * _MOST_ROWS)
    rows = [series[first : first + style.MOST_LINES] for first in range(0, len(series), style.MOST_LINES)]
    figure = style.new_figure(10.0, 1.1 + 3.7 * len(rows) + (0.0 if len(rows) == 1 else 0.4))
    style.caption(figure, _what(frames, table, along, len(series), len(every), confidence), manifest, frames)
    for part, lines in zip(figure.subfigures(len(rows), 1, squeeze=False).ravel(), rows, strict=True):
        panels = part.subplots(1, len(_PANELS))
        for axes, (rate, scale, label) in zip(panels, _PANELS, strict=True):
            _panel(axes, lines, keys, along, rate, scale, frames, log and rate == RATE)
            axes.set_ylabel(label)
        style.legend_below(part, panels[0])
    return figure


def _what(frames: Frames, table: pl.DataFrame, along: str, shown: int, of: int, confidence: float) -> str:
    repeated = int(table["replications"].to_numpy().max()) > 1
    marks = "bands" if frames.points[along].dtype.is_numeric() else "bars"
    bars = f"; {marks}: {confidence:.0%} intervals over replications" if repeated else ""
    limited = f"{some(shown, of, 'lines')} ({OTHERS})" if shown < of else ""
    return f"Throughput and waiting by {short_key(along)}{bars}{limited}"


def _panel(
    axes: Axes, series: list[pl.DataFrame], keys: list[str], along: str, rate: str, scale: float, frames: Frames, log: bool
) -> None:
    numeric = frames.points[along].dtype.is_numeric()
    values = frames.points[along].to_list()
    # Words along x stand at 0, 1, ... in the order of the points.
    place = {value: value if numeric else number for number, value in enumerate(dict.fromkeys(values))}
    ends = []
    for number, rows in enumerate(series):
        rows = rows.sort(along) if numeric else rows
        y = [value * scale for value in rows[rate].to_list()]
        half = [0.0 if value is None else value * scale for value in rows[f"{rate}_half"].to_list()]
        most = inf if rate == RATE else _PER_CENT
        band = [(max(value - error, 0.0), min(value + error, most)) for value, error in zip(y, half, strict=True)]
        x = [place[value] for value in rows[along].to_list()]
        label = style.point_label(frames, rows["point"][0], keys) if keys else None
        look = style.point_style(frames, rows["point"][0], keys, number)
        _line(axes, x, y, band, label, look if numeric else look | {"linestyle": "none"}, numeric)
        ends += band
    style.grid(axes)
    _axis_x(axes, place, along, numeric)
    top = max(high for _low, high in ends)
    if log and all(value > 0 for rows in series for value in rows[rate].to_list()):
        axes.set_yscale("log")
        axes.set_xscale("log", base=2) if numeric and min(values) > 0 else None
        low = min(low if low > 0 else high for low, high in ends)
        axes.set_ylim(low / 1.3, top * 1.3)
    elif rate == RATE:
        style.zero_axis(axes, top or 1.0)
    else:
        style.share_axis(axes, top)
    if told := "none at any point" if not top else f"at most {share_text(top / _PER_CENT)}" if rate != RATE and top < 1 else "":
        axes.text(0.5, 0.5, told, transform=axes.transAxes, ha="center")
    if rate == RATE and along == "cpus":
        _ideal(axes, series, scale)


def _line(
    axes: Axes,
    x: list[float],
    y: list[float],
    band: list[tuple[float, float]],
    label: str | None,
    look: dict[str, Any],
    numeric: bool,
) -> None:
    low, high = [end[0] for end in band], [end[1] for end in band]
    known = low != high
    if numeric and len(x) > 1:
        axes.plot(x, y, label=label, **look)
        if known:
            axes.fill_between(x, low, high, color=look["color"], alpha=_BAND, linewidth=0)
    else:
        to_ends = [
            [value - end for value, end in zip(y, low, strict=True)],
            [end - value for value, end in zip(y, high, strict=True)],
        ]
        axes.errorbar(x, y, yerr=to_ends if known else None, label=label, capsize=3, **look)


def _ideal(axes: Axes, series: list[pl.DataFrame], scale: float) -> None:
    """From each line's fewest CPUs on: as many times its throughput as there are CPUs. The axis stays as the data has it."""
    limits = axes.get_ylim()
    for number, rows in enumerate(series):
        rows = rows.sort("cpus")
        counts = rows["cpus"].to_list()
        if counts[-1] > counts[0]:
            fine = [counts[0] * (counts[-1] / counts[0]) ** (step / 50) for step in range(51)]
            first = rows[RATE][0] * scale / counts[0]
            label = "ideal: the fewest CPUs' throughput, times CPUs" if number == 0 else None
            axes.plot(fine, [count * first for count in fine], label=label, **_IDEAL)
    axes.set_ylim(*limits)


def _axis_x(axes: Axes, place: dict[Any, float], along: str, numeric: bool) -> None:
    if numeric:
        style.cpu_axis(axes, list(place.values()))
        axes.margins(x=0.05)
    else:
        ticked = metrics.spread(list(place), _MOST_TICKS)
        style.word_ticks(axes, [place[value] for value in ticked], ticked)
        axes.set_xlim(-0.5, len(place) - 0.5)
    axes.set_xlabel(_CPUS_LABEL if along == "cpus" else style.plain(along))

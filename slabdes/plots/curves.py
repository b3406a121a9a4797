# SPDX-License-Identifier: GPL-2.0-only
"""Tail curves on log axes: the share of operations that take at least so long, with bands where there are intervals.

Leaves out which curves share a panel: `latency` has paths side by side, `tails` a sweep's points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from matplotlib.ticker import NullLocator

from slabdes.charts.curves import LATENCY, NOT_ENOUGH
from slabdes.plots import style

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes

_MARKS_A_CURVE: Final = 7
_ROOM_BELOW: Final = 0.5
"""The share axis ends at this much of the rarest operation's share."""
_LEAST_NS: Final = 0.001
"""The engine's clock counts picoseconds."""
_INSTANT_NS: Final = 1.0
"""Where the axis of times begins that has shorter ones, too (a choice: a few cycles)."""
_PER_CENT: Final = 100.0
_TOP: Final = 1.5
_BAND: Final = 0.22
"""How much of what lies behind it a band hides."""


class Scale:
    """The axes that all panels of a figure share."""

    def __init__(self, curves: pl.DataFrame) -> None:
        curves = curves.filter(curves["told"])
        times = curves["latency_ns"].to_numpy()
        # What costs nothing has no place on a log axis: its curve comes in from the left, unless there is nothing else.
        least = _LEAST_NS if times.max() < _INSTANT_NS else _INSTANT_NS
        self.span_ns = (max(float(times.min()), least), max(float(times.max()), _LEAST_NS))
        self.floor = float(curves["at_least"].to_numpy().min()) * _ROOM_BELOW

    def apply(self, axes: Axes) -> None:
        """Give a panel these axes."""
        axes.set_yscale("log")
        style.grid(axes)
        style.time_axis(axes, "x", *self.span_ns)
        axes.yaxis.set_major_formatter(lambda share, _position: f"{share * _PER_CENT:g} %")
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(self.floor, _TOP)
        axes.set_xlabel(LATENCY)


def curve(axes: Axes, rows: pl.DataFrame, label: str, look: dict[str, Any], floor: float) -> None:
    """One curve from rows of `ccdf_bands` as far as samples tell it, and its band if it has one; its name alone without any."""
    rows = rows.filter(rows["told"]).sort("latency_ns")
    if not rows.height:
        axes.plot([], [], label=f"{label}: {NOT_ENOUGH}", **look)
        return
    times, shares = rows["latency_ns"].clip(_LEAST_NS).to_list(), rows["at_least"].to_list()
    marks = sorted({round(step * (len(times) - 1) / (_MARKS_A_CURVE - 1)) for step in range(_MARKS_A_CURVE)})
    # Each share holds back to the time before.
    axes.plot(times, shares, drawstyle="steps-pre", markevery=marks, label=label, **look)
    low, high = rows["low"].to_list(), rows["high"].to_list()
    if None not in low and low != high:
        ends = ([max(end, floor) for end in low], [max(end, floor) for end in high])
        axes.fill_between(times, *ends, step="pre", color=look["color"], alpha=_BAND, linewidth=0)

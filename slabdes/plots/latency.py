# SPDX-License-Identifier: GPL-2.0-only
"""Latency tails: the share of operations that take at least so long, by path, on log axes.

A path's curve begins at the path's own share, so rare paths stand below. Leaves out when in the run anything happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.choice import choose, told_apart
from slabdes.charts.curves import NAMES
from slabdes.charts.latency import MEANINGS, latency, place_of
from slabdes.plots import style
from slabdes.plots.curves import Scale, curve
from slabdes.results import metrics
from slabdes.results.frames import OPERATIONS
from slabdes.results.text import share_text
from slabdes.stats.intervals import CONFIDENCE

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

_ELSEWHERE: Final = ("node-", "fallback-", "fail")
_REMOTE: Final = "-remote"
"""Paths of allocations that go into a panel of their own where there are too many: how their names begin, or end."""
_ALL: Final[dict[str, Any]] = {"color": "#999999", "linewidth": 4.0, "alpha": 0.6}
_PANEL_IN: Final = 7.3
"""Width of a panel with its legend."""
_DRAWN_IN: Final = 4.6
"""Of this, the panel itself."""
_ROW_IN: Final = 3.9
_KEPT: Final = "\N{NO-BREAK SPACE}"

_Column = tuple[str, str, tuple[str, ...]]
"""A column of panels: what it is called, its operation, its paths."""


def ccdf_figure(frames: Frames, manifest: Manifest, points: list[int] | None = None, confidence: float = CONFIDENCE) -> Figure:
    """A row of panels a point (see `choice`), a panel an operation that occurred, two where its paths are too many for one."""
    chart = latency(frames, points, confidence)
    curves = chart.frame
    chosen, _limited = choose(frames, points)
    shown = frames.of_points(chosen)
    columns = _columns(curves)
    figure = style.new_figure(_PANEL_IN * max(len(columns), 1) + 0.4, 1.0 + _ROW_IN * len(chosen))
    style.caption(figure, chart.title, manifest, shown)
    if not columns:
        style.say(figure.add_subplot(), "No operation was recorded.")
        return figure
    panels = figure.subplots(len(chosen), len(columns), squeeze=False, sharex=True, sharey=True)
    scale = Scale(curves)
    for row, point in zip(panels, chosen, strict=True):
        for axes, (name, op, paths) in zip(row, columns, strict=True):
            _panel(axes, curves.filter(_is(point, op)), paths, scale)
            label = f", {style.point_label(frames, point, told_apart(frames))}" if len(chosen) > 1 else ""
            style.panel_title(axes, f"{name}{label}", _DRAWN_IN)
        row[0].set_ylabel("share that takes at least so long")
    return figure


def _columns(curves: pl.DataFrame) -> list[_Column]:
    """The columns of panels that these curves need: with the one of all paths, none has more than MOST_LINES."""
    found = []
    for op in OPERATIONS:
        had = set(curves.filter(_of(op))["path"].to_list())
        paths = tuple(sorted(had - {metrics.ALL_PATHS}, key=place_of))
        here = tuple(path for path in paths if not path.startswith(_ELSEWHERE) and not path.endswith(_REMOTE))
        if len(paths) < style.MOST_LINES:
            found += [(NAMES[op], op, paths)] if paths else []
            continue
        there = tuple(path for path in paths if path not in here)
        found += [(f"{NAMES[op]}, local paths", op, here), (f"{NAMES[op]}, other nodes and failures", op, there)]
    return found


def _of(op: str) -> pl.Expr:
    import polars as pl

    return pl.col("op") == op


def _is(point: int, op: str) -> pl.Expr:
    import polars as pl

    return (pl.col("point") == point) & _of(op)


def _panel(axes: Axes, curves: pl.DataFrame, wanted: tuple[str, ...], scale: Scale) -> None:
    import polars as pl

    scale.apply(axes)
    had = set(curves["path"].to_list())
    paths = [path for path in wanted if path in had]
    if not paths:
        style.say(axes, "None at this point.")
        return
    # One path is all there is: a second, equal curve would only hide it.
    if had != {metrics.ALL_PATHS, paths[0]}:
        curve(axes, curves.filter(path=metrics.ALL_PATHS), "all paths", _ALL, scale.floor)
    for path in paths:
        rows = curves.filter(pl.col("path") == path)
        share = share_text(rows["at_least"].to_numpy().max()).replace(" ", _KEPT)
        label = f"{path} ({share}): {MEANINGS[path]}"
        curve(axes, rows, label, style.line_style(place_of(path)), scale.floor)
    style.legend_beside(axes)

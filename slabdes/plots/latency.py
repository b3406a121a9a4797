# SPDX-License-Identifier: GPL-2.0-only
"""Latency tails: the share of operations that take at least so long, by path, on log axes.

A path's curve begins at the path's own share, so rare paths stand below. Leaves out when in the run anything happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slabdes.measures.bands import ccdf_bands
from slabdes.plots import style
from slabdes.plots.choice import choose, told_apart
from slabdes.plots.curves import NAMES, Scale, banded, curve
from slabdes.results import metrics
from slabdes.results.frames import OPERATIONS, Path
from slabdes.results.text import share_text
from slabdes.stats.intervals import CONFIDENCE

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

MEANINGS: Final = {
    "hit": "the CPU's own array",
    "shared": "refill from the shared array",
    "partial": "refill from partial slabs",
    "free": "refill from free slabs",
    "partial+free": "refill from both",
    "grow": "a new slab",
    "node-partial": "partial slab of the node asked for",
    "node-free": "free slab of the node asked for",
    "node-grow": "new slab on the node asked for",
    "fallback-partial": "partial slab of another node",
    "fallback-free": "free slab of another node",
    "fallback-grow": "new slab on another node",
    "fail": "no memory",
    "flush-shared": "to the shared array",
    "flush-lists": "to the slabs",
    "alien-put": "into an alien cache",
    "alien-drain": "full alien cache sent home",
    "alien-direct": "to the other node's lists",
    "section": "the lock taken and released",
    "pages": "page allocator",
}
"""What each path is, in a few words: the glossary has the rest."""
_ELSEWHERE: Final = ("node-", "fallback-", "fail")
"""Paths of allocations that go into a panel of their own where there are too many."""
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
    chosen, limited = choose(frames, points)
    shown = frames.of_points(chosen)
    curves = ccdf_bands(shown, confidence)
    columns = _columns(curves)
    figure = style.new_figure(_PANEL_IN * max(len(columns), 1) + 0.4, 1.0 + _ROW_IN * len(chosen))
    what = f"Latency by path: share of all operations that take at least so long{limited}{banded(shown, confidence)}"
    style.caption(figure, what, manifest, shown)
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
        paths = tuple(path for path in _order(op) if path in had)
        here = tuple(path for path in paths if not path.startswith(_ELSEWHERE))
        if len(paths) < style.MOST_LINES:
            found += [(NAMES[op], op, paths)] if paths else []
            continue
        there = tuple(path for path in paths if path not in here)
        found += [(f"{NAMES[op]}, local paths", op, here), (f"{NAMES[op]}, other nodes and failures", op, there)]
    return found


def _order(op: str) -> list[str]:
    return [path.label for path in Path if path.operation.label == op]


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
    order = _order(curves["op"][0])
    # One path is all there is: a second, equal curve would only hide it.
    if had != {metrics.ALL_PATHS, paths[0]}:
        curve(axes, curves.filter(path=metrics.ALL_PATHS), "all paths", _ALL, scale.floor)
    for path in paths:
        rows = curves.filter(pl.col("path") == path)
        share = share_text(rows["at_least"].to_numpy().max()).replace(" ", _KEPT)
        label = f"{path} ({share}): {MEANINGS[path]}"
        curve(axes, rows, label, style.line_style(order.index(path)), scale.floor)
    style.legend_beside(axes)

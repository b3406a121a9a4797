# SPDX-License-Identifier: GPL-2.0-only
"""Lock waits and holds by NUMA node: what one pays, where, for whose list.

Means and 99th percentiles, on log axes, since kinds of locks differ by decades. Leaves out who waited for whom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.choice import choose, told_apart
from slabdes.plots import style
from slabdes.results import metrics
from slabdes.results.frames import LockKind

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

_GROUP: Final = 0.6
"""The share of a node's place on the axis that its marks take."""
_ROOM: Final = 0.6
"""Places left free at both ends of the axis."""
_PANELS: Final = (("wait", "wait of a contended acquisition"), ("hold", "hold of an acquisition"))
_NO_NODE: Final = "no node"
_NODES_LABELLED: Final = 16
_PANEL_IN: Final = 4.6
_TO_TAIL: Final[dict[str, Any]] = {"linewidth": 1.2, "linestyle": (0, (1, 2))}
"""From a mean to its percentile: dotted and without a cap, so that nobody takes it for an error bar."""


def nodes_figure(frames: Frames, manifest: Manifest, points: list[int] | None = None) -> Figure:
    """A row a point (see `choice`), a panel for waits and one for holds, by lock kind."""
    chosen, limited = choose(frames, points)
    shown = frames.of_points(chosen)
    table = metrics.per_node(shown).join(_tails(shown), on=["point", "node", "kind"], how="left")
    figure = style.new_figure(11.0, 1.4 + 3.2 * len(chosen))
    few = _few(table)
    style.caption(figure, f"Locks by node: mean and 99th percentile{limited}{few}", manifest, shown)
    if not table.height:
        style.say(figure.add_subplot(), "No lock was taken.")
        return figure
    kinds = [kind for kind in LockKind if kind.label in table["kind"].to_list()]
    panels = figure.subplots(len(chosen), len(_PANELS), squeeze=False)
    spans = {what: _span(table, what) for what, _title in _PANELS}
    for row, point in zip(panels, chosen, strict=True):
        of_point = table.filter(_at(point))
        label = f", {style.point_label(frames, point, told_apart(frames))}" if len(chosen) > 1 else ""
        for axes, (what, title) in zip(row, _PANELS, strict=True):
            style.panel_title(axes, f"{title}{label}", _PANEL_IN)
            _panel(axes, of_point, kinds, what, spans[what])
    _legend(figure, kinds)
    return figure


def _at(point: int) -> pl.Expr:
    import polars as pl

    return pl.col("point") == point


def _tails(frames: Frames) -> pl.DataFrame:
    import polars as pl

    table = metrics.lock_quantiles(frames)
    split = [
        table.filter(pl.col("what") == what).select("point", "node", "kind", pl.col("p99_ns").alias(f"{what}_p99_ns"))
        for what, _title in _PANELS
    ]
    return split[1].join(split[0], on=["point", "node", "kind"], how="left")


def _few(table: pl.DataFrame) -> str:
    """What a title says of percentiles that are not drawn."""
    taken = table["acquisitions"].is_not_null()
    waited = table["mean_wait_ns"].is_not_null()
    lacking = (table["hold_p99_ns"].is_null() & taken).any() or (table["wait_p99_ns"].is_null() & waited).any()
    return f"; no percentile: {metrics.TOO_FEW['p99_ns']}" if lacking else ""


def _span(table: pl.DataFrame, what: str) -> tuple[float, float]:
    """The least and the greatest time of waits or holds, at all points: their panels have one scale."""
    both = (*table[f"mean_{what}_ns"].to_list(), *table[f"{what}_p99_ns"].to_list())
    times = [time for time in both if time is not None and time > 0]
    return min(times, default=1.0), max(times, default=1.0)


def _panel(axes: Axes, table: pl.DataFrame, kinds: list[LockKind], what: str, span_ns: tuple[float, float]) -> None:
    import polars as pl

    mean, tail = f"mean_{what}_ns", f"{what}_p99_ns"
    # A time of zero has no place on a log axis; a free hand-off may give one.
    shown = table.filter(pl.col(mean) > 0)
    if not shown.height:
        style.say(axes, _why_nothing(table, mean))
        return
    nodes = sorted(set(table["node"].to_list()))
    place = {node: position for position, node in enumerate(nodes)}
    width = _GROUP / len(kinds)
    for number, kind in enumerate(kinds):
        rows = shown.filter(pl.col("kind") == kind.label)
        x = [place[node] + (number - (len(kinds) - 1) / 2) * width for node in rows["node"].to_list()]
        means, tails = rows[mean].to_list(), rows[tail].to_list()
        # The line joins the two whichever is greater: a few very long times may lift a mean above the 99th percentile.
        told = [(at, low, high) for at, low, high in zip(x, means, tails, strict=True) if high is not None]
        for at, low, high in told:
            axes.vlines(at, low, high, color=_look(kind)["color"], **_TO_TAIL)
        axes.plot([at for at, _low, _high in told], [high for _at, _low, high in told], **_look(kind), markerfacecolor="white")
        axes.plot(x, means, **_look(kind))
    style.grid(axes, "y")
    style.time_axis(axes, "y", *span_ns)
    axes.set_ylabel("simulated time")
    axes.set_xlabel("NUMA node of the lock")
    step = -(-len(nodes) // _NODES_LABELLED)
    axes.set_xticks([place[node] for node in nodes[::step]], [str(node) if node >= 0 else _NO_NODE for node in nodes[::step]])
    axes.set_xlim(-_ROOM, len(nodes) - 1 + _ROOM)


def _why_nothing(table: pl.DataFrame, mean: str) -> str:
    if not table.height:
        return "No lock was taken here."
    return "No acquisition took any time." if table[mean].is_not_null().any() else "No acquisition had to wait."


def _look(kind: LockKind) -> dict[str, Any]:
    """A kind of lock looks the same in every figure."""
    return style.line_style(int(kind)) | {"linestyle": "", "markersize": 7}


def _legend(figure: Figure, kinds: list[LockKind]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=f"{kind.label}, mean", **_look(kind)) for kind in kinds]
    open_mark: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 7, "color": "#555555", "markerfacecolor": "white"}
    handles.append(Line2D([], [], label="open mark: 99th percentile", **open_mark))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8, frameon=False)

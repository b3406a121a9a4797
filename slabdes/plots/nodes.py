"""Lock waits and holds by NUMA node: what one pays, where, for whose list.

Bars are means, marks the 99th percentile. Leaves out who waited for whom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slabdes.engine.records import LockKind
from slabdes.plots import style
from slabdes.results import metrics

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

_GROUP: Final = 0.8
"""The share of a node's place on the axis that its bars take."""
_PANELS: Final = (("wait", "wait of a contended acquisition"), ("hold", "hold of an acquisition"))
_NO_NODE: Final = "no node"
_NODES_LABELLED: Final = 16
_TAIL: Final[dict[str, Any]] = {"linestyle": "", "marker": "_", "markersize": 8, "color": "black", "markeredgewidth": 1.8}


def nodes_figure(frames: Frames, manifest: Manifest, points: list[int] | None = None) -> Figure:
    """A row a point (default: each machine's one with its most CPUs), a panel for waits and one for holds, by lock kind."""
    chosen = metrics.focus_points(frames) if points is None else points
    shown = frames.of_points(chosen)
    table = metrics.per_node(shown).join(_tails(shown), on=["point", "node", "kind"], how="left")
    figure = style.new_figure(11.0, 1.4 + 3.2 * len(chosen))
    style.caption(figure, "Locks by node: bars are means, marks the 99th percentile", manifest, shown)
    if not table.height:
        style.say(figure.add_subplot(), "No lock was taken.")
        return figure
    kinds = [kind.label for kind in LockKind if kind.label in table["kind"].to_list()]
    panels = figure.subplots(len(chosen), len(_PANELS), squeeze=False)
    told = list(dict.fromkeys(["machine", metrics.x_key(frames), *metrics.series_keys(frames)]))
    for row, point in zip(panels, chosen, strict=True):
        of_point = table.filter(_at(point))
        label = f", {style.point_label(frames, point, told)}" if len(chosen) > 1 else ""
        for axes, (what, title) in zip(row, _PANELS, strict=True):
            axes.set_title(f"{title}{label}", fontsize=10)
            _panel(axes, of_point, kinds, what)
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


def _panel(axes: Axes, table: pl.DataFrame, kinds: list[str], what: str) -> None:
    import polars as pl

    mean, tail = f"mean_{what}_ns", f"{what}_p99_ns"
    if not table[mean].is_not_null().any():
        style.say(axes, "No lock was taken here." if not table.height else "No acquisition had to wait.")
        return
    nodes = sorted(set(table["node"].to_list()))
    place = {node: position for position, node in enumerate(nodes)}
    width = _GROUP / len(kinds)
    for number, kind in enumerate(kinds):
        rows = table.filter((pl.col("kind") == kind) & pl.col(mean).is_not_null())
        x = [place[node] + (number - (len(kinds) - 1) / 2) * width for node in rows["node"].to_list()]
        axes.bar(x, rows[mean].to_list(), width, **_look(number))
        axes.plot(x, rows[tail].to_list(), **_TAIL)
    style.grid(axes, "y")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _position: style.time_label(value))
    axes.set_ylabel("simulated time")
    axes.set_xlabel("NUMA node of the lock")
    step = -(-len(nodes) // _NODES_LABELLED)
    axes.set_xticks([place[node] for node in nodes[::step]], [str(node) if node >= 0 else _NO_NODE for node in nodes[::step]])
    # A lone node's bars would fill the panel.
    room = 0.6 if len(nodes) > 1 else 1.2
    axes.set_xlim(-room, len(nodes) - 1 + room)


def _look(number: int) -> dict[str, Any]:
    light = ("#0072B2", "#E8A33D", "#CCCCCC", "#FFFFFF")
    return {"facecolor": light[number], "edgecolor": "black", "linewidth": 0.6, "hatch": style.HATCHES[number]}


def _legend(figure: Figure, kinds: list[str]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Patch | Line2D] = [Patch(label=kind, **_look(number)) for number, kind in enumerate(kinds)]
    handles.append(Line2D([], [], label="99th percentile", **_TAIL))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8, frameon=False)

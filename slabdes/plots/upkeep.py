# SPDX-License-Identifier: GPL-2.0-only
"""Upkeep: how long turns of cache_reap and the like take, which locks they hold longest, and how long others wait behind that.

On log axes, since kinds differ by decades. Leaves out single turns: the event log has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.choice import choose, told_apart
from slabdes.plots import style
from slabdes.results import metrics, upkeep

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

MOST_LOCKS: Final = 8
"""Locks of a panel, those that turns hold longest (a choice: a page)."""
_TURNS: Final = (("a turn, mean", "mean_ns"), ("99th percentile", "p99_ns"), ("longest", "max_ns"))
_HOLDS: Final = (
    ("held in a turn, mean", "turn_ns"),
    ("longest hold", "max_hold_ns"),
    ("longest wait of others behind it", "max_wait_ns"),
)
_COLUMNS: Final = [column for _told, column in (*_TURNS, *_HOLDS)]
_ROW_IN: Final = 0.32
_PANEL_IN: Final = 3.6
Rows = list[tuple[str, dict[str, Any]]]
"""What is shown: the name of each row, and its times by column."""


def has_upkeep(frames: Frames) -> bool:
    """Whether there is anything to draw."""
    return upkeep.turns(frames).height > 0


def upkeep_figure(frames: Frames, manifest: Manifest, points: list[int] | None = None) -> Figure:
    """A row a point (see `choice`): a panel for the turns of each kind, and one for the locks that they hold."""
    chosen, limited = choose(frames, points)
    turns = upkeep.turns(frames).to_dicts()
    few = f"; no percentile: {metrics.TOO_FEW['p99_ns']}" if any(row["p99_ns"] is None for row in turns) else ""
    locks = upkeep.locks(frames).sort("held_ns", descending=True, maintain_order=True).to_dicts()
    of_point: list[tuple[Rows, Rows]] = []
    for point in chosen:
        mine = [row for row in locks if row["point"] == point]
        kinds = [(upkeep.NAMES[row["upkeep"]], row) for row in turns if row["point"] == point]
        of_point.append((kinds, [(_lock(row), row) for row in mine[:MOST_LOCKS]]))
    heights = [_ROW_IN * max(len(kinds), len(held), 2) + 0.9 for kinds, held in of_point]
    figure = style.new_figure(11.0, 1.6 + sum(heights))
    style.caption(figure, f"Upkeep: how long it takes, and what it holds{limited}{few}", manifest, frames.of_points(chosen))
    panels = figure.subplots(len(chosen), 2, squeeze=False, height_ratios=heights)
    for (left, right), point, (kinds, held) in zip(panels, chosen, of_point, strict=True):
        label = f", {style.point_label(frames, point, told_apart(frames))}" if len(chosen) > 1 else ""
        style.panel_title(left, f"a turn{label}", _PANEL_IN)
        style.panel_title(right, f"locks that turns hold longest{label}", _PANEL_IN)
        _panel(left, kinds, _TURNS)
        _panel(right, held, _HOLDS)
    _legend(figure)
    return figure


def _lock(row: dict[str, Any]) -> str:
    node = f" node {row['node']}" if row["node"] >= 0 else ""
    name = " ".join(word for word in (row["cache"], row["kind"].removesuffix(" lock")) if word)
    return style.plain(f"{upkeep.NAMES[row['upkeep']]}: {name}{node}")


def _panel(axes: Axes, rows: Rows, shown: tuple[tuple[str, str], ...]) -> None:
    times = [row[column] for _name, row in rows for _told, column in shown if row[column]]
    if not times:
        style.say(axes, "No lock was held." if rows else "No turn ended.")
        return
    for _told, column in shown:
        at = [(row[column], -place) for place, (_name, row) in enumerate(rows) if row[column]]
        axes.plot([x for x, _y in at], [y for _x, y in at], **_look(column))
    style.grid(axes, "x")
    style.time_axis(axes, "x", min(times), max(times))
    axes.set_xlabel("simulated time")
    axes.set_yticks([-place for place in range(len(rows))], [name for name, _row in rows])
    axes.set_ylim(0.6 - len(rows), 0.6)


def _look(column: str) -> dict[str, Any]:
    return style.line_style(_COLUMNS.index(column)) | {"linestyle": "", "markersize": 7}


def _legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=told, **_look(column)) for told, column in (*_TURNS, *_HOLDS)]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles) // 2, fontsize=8, frameon=False)

# SPDX-License-Identifier: GPL-2.0-only
"""The machine: NUMA nodes as boxes with their CPUs, joined by lines with their distances; the SLIT; line transfer times.

Draws the plain data of `machine.graph.layout`. Leaves out caches below a node and the links that a SLIT does not tell of.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import FancyBboxPatch, Rectangle

from slabdes.plots import style
from slabdes.plots.places import Places, Spot, place, seen_part
from slabdes.results.text import time_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ALL_LABELLED: Final = 4
"""Up to so many nodes every line has its distance on it, else only those to a nearest node, and none where those are many."""
_LABELS: Final = 12
_NUMBERS: Final = 16
"""Up to so many nodes the SLIT's entries are written out."""
_LABEL_AT: Final = 0.28
"""Where on the part of a line between its boxes the label stands: not in the middle, where diagonals cross."""
_CHARACTER_IN: Final = 0.075
"""Width of a character of the boxes' text, inches, with a margin (measured at 8 points)."""
_LINE_IN: Final = 0.165
"""Height of a line of the boxes' text, inches (measured at 8 points)."""
_CPU_LINES: Final = 3
_SIDE_IN: Final = 4.4
"""Width of the panels at the right."""
_LEGEND_IN: Final = 1.7
"""Width of a legend's entry."""
_LINE_LOOKS: Final = (
    {"color": "#000000", "linewidth": 2.0},
    {"color": "#0072B2", "linewidth": 1.2, "linestyle": "--"},
    {"color": "#D55E00", "linewidth": 1.0, "linestyle": "-."},
    {"color": "#7A7A7A", "linewidth": 0.8, "linestyle": ":"},
)
"""Lines of the nearest distance, the second, the third and all further ones."""

_OPEN: Final[dict[str, Any]] = {"markersize": 4.5, "markerfacecolor": "white"}
_ROUND: Final = "round,pad=0,rounding_size=0.08"


def machine_figure(layout: Mapping[str, Any]) -> Figure:
    """The machine that `layout` (as `machine.graph.layout` gives it) describes, with its SLIT and line transfers."""
    nodes = layout["nodes"]
    texts = [_box_text(node, len(nodes)) for node in nodes]
    box = _box_size(texts)
    where = place(nodes, layout["links"], box)
    drawn = max(where.size[0], _LEGEND_IN * 2)
    width = drawn + _SIDE_IN + 0.6
    height = max(where.size[1], 5.2 if len(nodes) > 1 else 3.2)
    figure = style.new_figure(width, height + 0.9)
    cores = sum(len(node["cores"]) for node in nodes)
    counted = (len(nodes), "NUMA node"), (cores, "core"), (layout["cpus"], "CPU")
    about = ", ".join(f"{count} {what}{'s' if count != 1 else ''}" for count, what in counted)
    style.title(figure, f"{layout['name']}: {about}", layout["source"])
    drawing, beside = figure.subfigures(1, 2, squeeze=False, width_ratios=(drawn, _SIDE_IN))[0]
    _draw(drawing.subplots(), layout, where, box, texts, int(drawn / _LEGEND_IN))
    panels = [panel for panel in (_slit if len(nodes) > 1 else None, _transfers if layout["transfers"] else None) if panel]
    for axes, panel in zip(beside.subplots(max(len(panels), 1), 1, squeeze=False).ravel(), panels or [_alone], strict=True):
        panel(axes, layout)
    return figure


def _box_text(node: Mapping[str, Any], nodes: int) -> list[str]:
    cpus = sorted(cpu for core in node["cores"] for cpu in core["cpus"])
    name = f"node {node['node']}" + (f" (id {node['id']})" if node["id"] != node["node"] else "")
    if nodes > _NUMBERS:
        return [name, *_wrapped(f"CPUs {cpu_ranges(cpus)}", 14, 2)] if cpus else [name, "no CPUs"]
    memory = node["memory_mib"]
    told = f"{memory / 1024:.3g} GiB" if memory >= 1024 else f"{memory:g} MiB" if memory else "no memory"
    if not cpus:
        return [name, "no CPUs", told]
    listed = _wrapped(("CPUs " if len(cpus) > 1 else "CPU ") + cpu_ranges(cpus), 22, _CPU_LINES)
    return [name, *listed, _cores_text(node["cores"]), told]


def _cores_text(cores: Sequence[Mapping[str, Any]]) -> str:
    threads = {len(core["cpus"]) for core in cores}
    text = f"{len(cores)} core{'s' if len(cores) != 1 else ''}"
    return text if threads == {1} else f"{text} of {'/'.join(str(count) for count in sorted(threads))} threads"


def cpu_ranges(cpus: Sequence[int]) -> str:
    """Rising CPU numbers, runs of an equal step put together.

    >>> cpu_ranges([0, 1, 2, 3, 8]), cpu_ranges([0, 2, 4, 6]), cpu_ranges([5])
    ('0-3, 8', '0-6 step 2', '5')
    """
    parts = []
    start = 0
    while start < len(cpus):
        step = cpus[start + 1] - cpus[start] if start + 1 < len(cpus) else 1
        end = start
        while end + 1 < len(cpus) and cpus[end + 1] - cpus[end] == step:
            end += 1
        # Two far apart are no run: say the first alone and look again from the second.
        if step > 1 and end - start < 2:
            end = start
        if end == start:
            parts.append(f"{cpus[start]}")
        else:
            parts.append(f"{cpus[start]}-{cpus[end]}" + (f" step {step}" if step > 1 else ""))
        start = end + 1
    return ", ".join(parts)


def _wrapped(text: str, width: int, lines: int) -> list[str]:
    return textwrap.wrap(text, width, max_lines=lines, placeholder=" ...")


def _box_size(texts: Sequence[Sequence[str]]) -> Spot:
    widest = max(len(line) for text in texts for line in text)
    return widest * _CHARACTER_IN + 0.25, max(len(text) for text in texts) * _LINE_IN + 0.2


def _draw(axes: Axes, layout: Mapping[str, Any], where: Places, box: Spot, texts: Sequence[Sequence[str]], columns: int) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, where.size[0])
    axes.set_ylim(0, where.size[1])
    axes.set_aspect("equal")
    for frame in where.frames:
        axes.add_patch(Rectangle(frame.corner, frame.width, frame.height, facecolor="#F7F7F7", edgecolor="#7A7A7A", zorder=1))
        corner = (frame.corner[0] + frame.width / 2, frame.corner[1] + frame.height - 0.05)
        axes.text(*corner, frame.caption, ha="center", va="top", fontsize=8, zorder=4)
    if where.joined:
        _lines(axes, layout["links"], where.spots, box, columns)
    else:
        told = "Frames: nodes nearest to each other. " if where.frames else ""
        axes.text(0.5, -0.01, f"{told}All distances: at the right.", ha="center", va="top", fontsize=8, transform=axes.transAxes)
    for (x, y), text in zip(where.spots, texts, strict=True):
        corner = (x - box[0] / 2, y - box[1] / 2)
        axes.add_patch(FancyBboxPatch(corner, *box, boxstyle=_ROUND, facecolor="#E6F0F8", edgecolor="black", zorder=3))
        axes.text(x, y, "\n".join(style.plain(line) for line in text), ha="center", va="center", fontsize=8, zorder=4)


def _lines(axes: Axes, links: Sequence[Mapping[str, Any]], spots: Sequence[Spot], box: Spot, columns: int) -> None:
    """Lines between all nodes, a look a distance, with its number on them where there is room."""
    if not links:
        return
    distances = sorted({link["distance"] for link in links})
    looks = [min(rank, len(_LINE_LOOKS) - 1) for rank in range(len(distances))]
    labelled = sum(link["nearest"] for link in links) <= _LABELS
    named: set[int] = set()
    # Far lines first, so that the near ones lie above them.
    for link in sorted(links, key=lambda link: -link["distance"]):
        look = looks[distances.index(link["distance"])]
        alike = [str(distance) for distance, other in zip(distances, looks, strict=True) if other == look]
        (ax, ay), (bx, by) = spots[link["a"]], spots[link["b"]]
        label = None if look in named else f"distance {', '.join(alike)}"
        axes.plot((ax, bx), (ay, by), zorder=1, label=label, **_LINE_LOOKS[look])  # type: ignore[arg-type]  # a mixed dict
        named.add(look)
        if labelled and (link["nearest"] or len(spots) <= _ALL_LABELLED):
            patch = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
            spot = seen_part((ax, ay), (bx, by), box, _LABEL_AT if len(spots) > 2 else 0.5)
            axes.text(*spot, str(link["distance"]), ha="center", va="center", fontsize=8, bbox=patch, zorder=2)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=columns, fontsize=8, frameon=False, reverse=True)


def _slit(axes: Axes, layout: Mapping[str, Any]) -> None:
    import numpy as np

    matrix = np.array(layout["distances"])
    # Never so dark that black numbers would not be read. A list: in a tuple, matplotlib 3.8 takes the second for an opacity.
    image = axes.imshow(matrix, cmap=LinearSegmentedColormap.from_list("slit", ["#FFFFFF", "#86A8C6"]))
    ids = [node["node"] for node in layout["nodes"]]
    if len(ids) <= _NUMBERS:
        for (row, column), distance in np.ndenumerate(matrix):
            axes.text(column, row, str(distance), ha="center", va="center", fontsize=8 if len(ids) <= 8 else 6)
        ticks = list(range(len(ids)))
    else:
        ticks = list(range(0, len(ids), -(-len(ids) // 8)))
        axes.figure.colorbar(image, ax=axes, label="distance", shrink=0.8)
    axes.set_xticks(ticks, [str(ids[tick]) for tick in ticks])
    axes.set_yticks(ticks, [str(ids[tick]) for tick in ticks])
    axes.set_title("distance, from row to column", fontsize=9)


def _transfers(axes: Axes, layout: Mapping[str, Any]) -> None:
    kinds = layout["transfers"]
    several = [kind["class"] for kind in kinds]
    names = [
        style.plain(kind["class"].replace("_", " "))
        + (f", distance {kind['distance']}" if several.count(kind["class"]) > 1 else "")
        for kind in kinds
    ]
    middles = [kind["median_ns"] for kind in kinds]
    ends = [(kind["min_ns"], kind["max_ns"]) for kind in kinds]
    varies = any(low < high for low, high in ends)
    axes.barh(names, middles, color="#7CC4EE", edgecolor="black", linewidth=0.6)
    for row, (low, high) in enumerate(ends):
        # Open marks without caps: the least and the greatest are no error bars.
        if low < high:
            axes.plot((low, high), (row, row), color="black", linewidth=1.2, linestyle=(0, (1, 2)), marker="o", **_OPEN)
    widest = max(kind["max_ns"] for kind in kinds)
    for row, (middle, kind) in enumerate(zip(middles, kinds, strict=True)):
        axes.text(kind["max_ns"] + widest * 0.03, row, time_text(middle), va="center", fontsize=8)
    # Room for three, so that a lone bar does not fill the panel.
    axes.set_ylim(max(len(kinds), 3) - 0.5, -0.5)
    axes.set_xlim(0, widest * 1.3 or 1.0)
    axes.set_xlabel("time (ns)")
    axes.tick_params(axis="y", labelsize=8)
    axes.set_title("one cache-line transfer" + (": median; marks: least and greatest" if varies else ""), fontsize=9)
    style.grid(axes, "x")


def _alone(axes: Axes, layout: Mapping[str, Any]) -> None:
    style.say(axes, "One CPU: no line\never moves.")

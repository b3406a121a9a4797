"""The machine: NUMA nodes as boxes with their CPUs, joined by lines with their distances; the SLIT; line transfer times.

Draws the plain data of `Machine.layout()`. Leaves out caches below a node and the links that a SLIT does not tell of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from matplotlib.patches import FancyBboxPatch

from slabdes.plots import style
from slabdes.results.text import time_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ALL_LABELLED: Final = 4
"""Up to so many nodes every line has its distance; up to _ALL_DRAWN only the nearest; beyond, only those are drawn."""
_ALL_DRAWN: Final = 8
_NUMBERS: Final = 16
"""Up to so many nodes the SLIT's entries are written out."""
_LABEL_AT: Final = 0.38
"""Where on a line its label stands: not in the middle, where diagonals cross."""
_CHARACTER_IN: Final = 0.075
"""Width of a character of the boxes' text, inches, with a margin (measured at 8 points)."""
_LINE_IN: Final = 0.165
"""Height of a line of the boxes' text, inches (measured at 8 points)."""
_CPU_LINES: Final = 3
_MAX_SIDE_IN: Final = 14.0
_LINE_LOOKS: Final = (
    {"color": "#000000", "linewidth": 2.0},
    {"color": "#0072B2", "linewidth": 1.2, "linestyle": "--"},
    {"color": "#D55E00", "linewidth": 1.0, "linestyle": "-."},
    {"color": "#7A7A7A", "linewidth": 0.8, "linestyle": ":"},
)
"""Lines of the nearest distance, the second, the third and all further ones."""

_ROUND: Final = "round,pad=0,rounding_size=0.08"

Place = tuple[float, float]


def machine_figure(layout: Mapping[str, Any]) -> Figure:
    """The machine that `layout` (as `Machine.layout()` gives it) describes, with its SLIT and line transfers."""
    nodes = layout["nodes"]
    texts = [_box_text(node, len(nodes)) for node in nodes]
    box = _box_size(texts)
    places, size = _places(nodes, box)
    side = 4.2
    height = max(size[1], 5.2 if len(nodes) > 1 else 3.2)
    figure = style.new_figure(size[0] + side + 0.6, height + 0.9)
    cores = sum(len(node["cores"]) for node in nodes)
    counted = (len(nodes), "NUMA node"), (cores, "core"), (layout["cpus"], "CPU")
    about = ", ".join(f"{count} {what}{'s' if count != 1 else ''}" for count, what in counted)
    figure.suptitle(f"{style.plain(layout['name'])}: {about}\n{style.plain(_shortened(layout['source'], 120))}", fontsize=10)
    drawing, beside = figure.subfigures(1, 2, squeeze=False, width_ratios=(size[0], side))[0]
    _draw(drawing.subplots(), layout, places, size, box, texts)
    panels = [panel for panel in (_slit if len(nodes) > 1 else None, _transfers if layout["transfers"] else None) if panel]
    for axes, panel in zip(beside.subplots(max(len(panels), 1), 1, squeeze=False).ravel(), panels or [_alone], strict=True):
        panel(axes, layout)
    return figure


def _box_text(node: Mapping[str, Any], nodes: int) -> list[str]:
    cpus = sorted(cpu for core in node["cores"] for cpu in core["cpus"])
    name = f"node {node['node']}" + (f" (id {node['id']})" if node["id"] != node["node"] else "")
    if nodes > _NUMBERS:
        return [name, *_wrapped(cpu_ranges(cpus), 12, 2)] if cpus else [name, "no CPUs"]
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
    import textwrap

    return textwrap.wrap(text, width, max_lines=lines, placeholder=" ...")


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def _box_size(texts: Sequence[Sequence[str]]) -> Place:
    widest = max(len(line) for text in texts for line in text)
    return widest * _CHARACTER_IN + 0.25, max(len(text) for text in texts) * _LINE_IN + 0.2


def _places(nodes: Sequence[Mapping[str, Any]], box: Place) -> tuple[list[Place], Place]:
    """The middle of each box and the size of the drawing, in inches.

    The layout's own places, drawn as large as it takes for boxes to stand clear of each other; where that is too large,
    rows and columns in the same order.
    """
    count = len(nodes)
    if count == 1:
        return [(box[0] / 2 + 0.3, box[1] / 2 + 0.3)], (box[0] + 0.6, box[1] + 0.6)
    gap = 0.55
    xs, ys = [node["x"] for node in nodes], [node["y"] for node in nodes]
    pairs = [(abs(xs[a] - xs[b]), abs(ys[a] - ys[b])) for a in range(count) for b in range(a)]
    # Two boxes are clear of each other if they are so along x or along y.
    scale = max(min((box[0] + gap) / dx if dx else math.inf, (box[1] + gap) / dy if dy else math.inf) for dx, dy in pairs)
    spans = [(max(along) - min(along)) * scale for along in (xs, ys)]
    size = (spans[0] + box[0] + 0.4, spans[1] + box[1] + 0.4)
    if count <= _ALL_DRAWN and max(size) <= _MAX_SIDE_IN * 0.75:
        left, low = box[0] / 2 + 0.2 - min(xs) * scale, box[1] / 2 + 0.2 - min(ys) * scale
        return [(x * scale + left, y * scale + low) for x, y in zip(xs, ys, strict=True)], size
    columns = math.ceil(math.sqrt(count))
    by_row = sorted(range(count), key=lambda node: -ys[node])
    places: list[Place] = [(0.0, 0.0)] * count
    rows = -(-count // columns)
    step = box[0] + gap, box[1] + gap
    for row in range(rows):
        for column, node in enumerate(sorted(by_row[row * columns : (row + 1) * columns], key=lambda node: xs[node])):
            places[node] = (box[0] / 2 + 0.2 + column * step[0], box[1] / 2 + 0.2 + (rows - 1 - row) * step[1])
    return places, (columns * step[0] + 0.1, rows * step[1] + 0.1)


def _draw(
    axes: Axes, layout: Mapping[str, Any], places: Sequence[Place], size: Place, box: Place, texts: Sequence[Sequence[str]]
) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, size[0])
    axes.set_ylim(0, size[1])
    axes.set_aspect("equal")
    count = len(places)
    ranks = {distance: rank for rank, distance in enumerate(sorted({link["distance"] for link in layout["links"]}))}
    named: set[str] = set()
    # Far lines first, so that the near ones lie above them.
    for link in sorted(layout["links"], key=lambda link: -link["distance"]):
        if count > _ALL_DRAWN and not link["nearest"]:
            continue
        look = _LINE_LOOKS[min(ranks[link["distance"]], len(_LINE_LOOKS) - 1)]
        further = ranks[link["distance"]] >= len(_LINE_LOOKS) - 1 and len(ranks) > len(_LINE_LOOKS)
        label = f"distance {link['distance']}" if not further else f"distance {sorted(ranks)[len(_LINE_LOOKS) - 1]} or more"
        (ax, ay), (bx, by) = places[link["a"]], places[link["b"]]
        axes.plot((ax, bx), (ay, by), zorder=1, label=None if label in named else label, **look)  # type: ignore[arg-type]
        named.add(label)
        if count <= _ALL_LABELLED or (link["nearest"] and count <= _ALL_DRAWN):
            at = _LABEL_AT if count > 2 else 0.5
            patch = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
            spot = (ax + (bx - ax) * at, ay + (by - ay) * at)
            axes.text(*spot, str(link["distance"]), ha="center", va="center", fontsize=8, bbox=patch, zorder=2)
    for (x, y), text in zip(places, texts, strict=True):
        corner = (x - box[0] / 2, y - box[1] / 2)
        axes.add_patch(FancyBboxPatch(corner, *box, boxstyle=_ROUND, facecolor="#E6F0F8", edgecolor="black", zorder=3))
        axes.text(x, y, "\n".join(style.plain(line) for line in text), ha="center", va="center", fontsize=8, zorder=4)
    if named:
        title = "only lines to a nearest node are drawn" if count > _ALL_DRAWN else None
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=4, fontsize=8, frameon=False, title=title, title_fontsize=8,
            reverse=True,
        )  # fmt: skip


def _slit(axes: Axes, layout: Mapping[str, Any]) -> None:
    import numpy as np

    matrix = np.array(layout["distances"])
    image = axes.imshow(matrix, cmap="Greys", vmin=0, vmax=float(matrix.max()) * 1.6)
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
    axes.set_title("distance from node (row) to node (column)", fontsize=9)


def _transfers(axes: Axes, layout: Mapping[str, Any]) -> None:
    kinds = layout["transfers"]
    several = [kind["class"] for kind in kinds]
    names = [
        kind["class"].replace("_", " ") + (f", distance {kind['distance']}" if several.count(kind["class"]) > 1 else "")
        for kind in kinds
    ]
    middles = [kind["median_ns"] for kind in kinds]
    spread = [[middle - kind["min_ns"] for middle, kind in zip(middles, kinds, strict=True)]]
    spread.append([kind["max_ns"] - middle for middle, kind in zip(middles, kinds, strict=True)])
    varies = any(below or above for below, above in zip(*spread, strict=True))
    axes.barh(names, middles, color="#7CC4EE", edgecolor="black", linewidth=0.6, xerr=spread if varies else None, capsize=3)
    widest = max(kind["max_ns"] for kind in kinds)
    for place, (middle, kind) in enumerate(zip(middles, kinds, strict=True)):
        axes.text(kind["max_ns"] + widest * 0.03, place, time_text(middle), va="center", fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, widest * 1.3 or 1.0)
    axes.set_xlabel("time (ns)")
    axes.tick_params(axis="y", labelsize=8)
    axes.set_title("one cache-line transfer" + (": median, least to greatest" if varies else ""), fontsize=9)
    style.grid(axes, "x")


def _alone(axes: Axes, layout: Mapping[str, Any]) -> None:
    style.say(axes, "One CPU: no line\never moves.")

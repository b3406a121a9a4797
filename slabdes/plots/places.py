# SPDX-License-Identifier: GPL-2.0-only
"""Where the boxes of a machine's NUMA nodes go, in inches: clear of each other and of the lines between others.

Plain geometry over a layout's positions. Leaves out drawing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

GAP_IN: Final = 0.7
"""Room between two boxes for a line and its label."""
MARGIN_IN: Final = 0.2
MAX_SIDE_IN: Final = 10.0
"""A drawing of joined nodes that would be larger goes round a circle."""
MAX_JOINED: Final = 8
"""More nodes than this are not joined by lines: they would hide each other."""
_FRAME_IN: Final = 0.14
_CAPTION_IN: Final = 0.26

Spot = tuple[float, float]


@dataclass(frozen=True)
class Frame:
    """A rectangle around nodes that are nearest to each other: its lower left corner, width, height, and caption."""

    corner: Spot
    width: float
    height: float
    caption: str


@dataclass(frozen=True)
class Places:
    """The middle of each node's box, the drawing's size, whether lines join the boxes, and frames around groups of them."""

    spots: tuple[Spot, ...]
    size: Spot
    joined: bool
    frames: tuple[Frame, ...] = ()


def place(nodes: Sequence[Mapping[str, Any]], links: Sequence[Mapping[str, Any]], box: Spot) -> Places:
    """Place boxes of size `box` (inches) for the nodes and links of a `machine.graph.layout`.

    Up to MAX_JOINED nodes: at the layout's own positions, or round a circle in the same order if a line would run behind
    a box there. More: in rows, by index, framed by groups whose nodes are nearest to each other.
    """
    if len(nodes) > MAX_JOINED:
        return _framed(len(nodes), links, box)
    # A mirror image says the same, and the first node is looked for on the left.
    mirror = -1 if nodes[0]["x"] > nodes[-1]["x"] else 1
    own = [(mirror * node["x"], node["y"]) for node in nodes]
    spots, size = _enlarged(own, box)
    if max(size) > MAX_SIDE_IN or _hidden(spots, box):
        spots, size = _circle(own, box)
    return Places(tuple(spots), size, joined=True)


def seen_part(start: Spot, end: Spot, box: Spot, at: float) -> Spot:
    """The point at the share `at` of that part of a line between two boxes' middles which neither box hides."""
    steps = (abs(end[0] - start[0]), abs(end[1] - start[1]))
    hidden = min(box[axis] / 2 / steps[axis] if steps[axis] else math.inf for axis in (0, 1))
    share = hidden + (1 - 2 * hidden) * at
    return (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)


def _enlarged(own: Sequence[Spot], box: Spot) -> tuple[list[Spot], Spot]:
    """Positions drawn as large as it takes for boxes to stand clear of each other, along x or along y."""
    needed = [0.0]
    for (ax, ay), (bx, by) in combinations(own, 2):
        across, along = abs(ax - bx), abs(ay - by)
        clear = ((box[0] + GAP_IN) / across if across else math.inf, (box[1] + GAP_IN) / along if along else math.inf)
        needed.append(min(clear))
    scale = max(needed)
    return _shifted([(x * scale, y * scale) for x, y in own], box) if math.isfinite(scale) else ([], (math.inf, math.inf))


def _shifted(spots: Sequence[Spot], box: Spot) -> tuple[list[Spot], Spot]:
    xs, ys = [x for x, _y in spots], [y for _x, y in spots]
    left, low = min(xs) - box[0] / 2 - MARGIN_IN, min(ys) - box[1] / 2 - MARGIN_IN
    size = (max(xs) + box[0] / 2 + MARGIN_IN - left, max(ys) + box[1] / 2 + MARGIN_IN - low)
    return [(x - left, y - low) for x, y in spots], size


def _hidden(spots: Sequence[Spot], box: Spot) -> bool:
    """Whether a line between two boxes runs behind a third one."""
    return any(
        _crosses(spots[a], spots[b], spot, box)
        for a, b in combinations(range(len(spots)), 2)
        for other, spot in enumerate(spots)
        if other not in (a, b)
    )


def _crosses(start: Spot, end: Spot, middle: Spot, box: Spot) -> bool:
    """Whether the line from `start` to `end` meets the box around `middle` (Liang and Barsky's clipping)."""
    enter, leave = 0.0, 1.0
    for axis in (0, 1):
        step = end[axis] - start[axis]
        low, high = middle[axis] - box[axis] / 2 - start[axis], middle[axis] + box[axis] / 2 - start[axis]
        if step == 0:
            if low > 0 or high < 0:
                return False
            continue
        first, last = sorted((low / step, high / step))
        enter, leave = max(enter, first), min(leave, last)
    return enter <= leave


def _circle(own: Sequence[Spot], box: Spot) -> tuple[list[Spot], Spot]:
    """Round an ellipse, in the order of the layout's angles, as large as it takes for no line to run behind a box."""
    count = len(own)
    mean_x, mean_y = sum(x for x, _y in own) / count, sum(y for _x, y in own) / count
    order = sorted(range(count), key=lambda node: math.atan2(own[node][1] - mean_y, own[node][0] - mean_x))
    scale = 1.0
    while True:
        spots: list[Spot] = [(0.0, 0.0)] * count
        for rank, node in enumerate(order):
            # Half a step off the axes, so that no box stands between two others in a row.
            angle = 2 * math.pi * (rank + 0.5) / count
            spots[node] = (math.cos(angle) * box[0] * scale, math.sin(angle) * box[1] * scale)
        if all(_apart(one, other, box) for one, other in combinations(spots, 2)) and not _hidden(spots, box):
            return _shifted(spots, box)
        scale *= 1.1


def _apart(one: Spot, other: Spot, box: Spot) -> bool:
    return any(abs(one[axis] - other[axis]) >= box[axis] + MARGIN_IN for axis in (0, 1))


def _framed(count: int, links: Sequence[Mapping[str, Any]], box: Spot) -> Places:
    groups = _groups(count, links)
    if len(groups) in (1, count):
        spots, size = _rows(count, box, GAP_IN / 2)
        return Places(tuple((x + MARGIN_IN, y + MARGIN_IN) for x, y in spots), _grown(size, 2 * MARGIN_IN), joined=False)
    inside, extent = _rows(max(len(group) for group in groups), box, _FRAME_IN)
    frame = (extent[0] + 2 * _FRAME_IN, extent[1] + 2 * _FRAME_IN + _CAPTION_IN)
    corners, size = _rows(len(groups), frame, GAP_IN / 2)
    middles: list[Spot] = [(0.0, 0.0)] * count
    frames = []
    for group, (x, y) in zip(groups, corners, strict=True):
        corner = (x - frame[0] / 2 + MARGIN_IN, y - frame[1] / 2 + MARGIN_IN)
        for node, (right, up) in zip(group, inside, strict=False):
            middles[node] = (corner[0] + _FRAME_IN + right, corner[1] + _FRAME_IN + up)
        frames.append(Frame(corner, *frame, _within(group, links)))
    return Places(tuple(middles), _grown(size, 2 * MARGIN_IN), joined=False, frames=tuple(frames))


def _grown(size: Spot, by: float) -> Spot:
    return size[0] + by, size[1] + by


def _rows(count: int, box: Spot, gap: float) -> tuple[list[Spot], Spot]:
    """Middles of `count` boxes in rows from the top left, about as many columns as rows, and the size of it all."""
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    width, height = box[0] + gap, box[1] + gap
    cells = [(index % columns, rows - 1 - index // columns) for index in range(count)]
    spots = [(box[0] / 2 + column * width, box[1] / 2 + row * height) for column, row in cells]
    return spots, (columns * width - gap, rows * height - gap)


def _groups(count: int, links: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """Nodes joined by links to a nearest node, each group and the groups by index."""
    leader = list(range(count))
    for link in links:
        if link["nearest"]:
            kept, gone = sorted((leader[link["a"]], leader[link["b"]]))
            leader = [kept if one == gone else one for one in leader]
    return [[node for node in range(count) if leader[node] == first] for first in sorted(set(leader))]


def _within(group: Sequence[int], links: Sequence[Mapping[str, Any]]) -> str:
    found = [link["distance"] for link in links if link["a"] in group and link["b"] in group]
    if not found:
        return ""
    return f"distance {min(found)}" if min(found) == max(found) else f"distance {min(found)} to {max(found)}"

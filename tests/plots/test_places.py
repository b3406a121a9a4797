# SPDX-License-Identifier: GPL-2.0-only
"""Boxes of NUMA nodes stand clear of each other and of lines between others."""

from __future__ import annotations

import math
from itertools import combinations
from random import Random
from typing import Any

import pytest

from slabdes.plots.machine import cpu_ranges
from slabdes.plots.places import MAX_JOINED, Places, Spot, place, seen_part

BOX = (1.8, 0.9)


def nodes_at(spots: list[Spot]) -> list[dict[str, Any]]:
    return [{"x": x, "y": y} for x, y in spots]


def links(count: int, group: int) -> list[dict[str, Any]]:
    """Distance 16 within groups of `group` nodes, 22 between."""
    found = []
    for a, b in combinations(range(count), 2):
        near = a // group == b // group
        found.append({"a": a, "b": b, "distance": 16 if near else 22, "nearest": near})
    return found


def overlaps(places: Places) -> list[tuple[int, int]]:
    spots = places.spots
    return [
        (a, b)
        for a, b in combinations(range(len(spots)), 2)
        if abs(spots[a][0] - spots[b][0]) < BOX[0] and abs(spots[a][1] - spots[b][1]) < BOX[1]
    ]


def behind(places: Places) -> list[tuple[int, int, int]]:
    """Lines that meet a third box, by looking at many points of each."""
    spots = places.spots
    found = []
    for a, b in combinations(range(len(spots)), 2):
        for other in set(range(len(spots))) - {a, b}:
            for step in range(101):
                x, y = (spots[a][axis] + (spots[b][axis] - spots[a][axis]) * step / 100 for axis in (0, 1))
                if abs(x - spots[other][0]) < BOX[0] / 2 and abs(y - spots[other][1]) < BOX[1] / 2:
                    found.append((a, b, other))
                    break
    return found


@pytest.mark.parametrize("count", range(1, MAX_JOINED + 1))
def test_boxes_anywhere_in_a_layout_are_clear_of_each_other_and_of_lines(count: int) -> None:
    random = Random(count)
    for _ in range(20):
        places = place(nodes_at([(random.uniform(-1, 1), random.uniform(-1, 1)) for _ in range(count)]), links(count, 2), BOX)
        assert places.joined and overlaps(places) == [] and behind(places) == []
        for x, y in places.spots:
            assert BOX[0] / 2 <= x <= places.size[0] - BOX[0] / 2 and BOX[1] / 2 <= y <= places.size[1] - BOX[1] / 2


def test_nodes_at_one_spot_or_in_a_row_go_round_a_circle() -> None:
    for spots in ([(0.0, 0.0)] * 5, [(float(x), 0.0) for x in range(5)]):
        places = place(nodes_at(spots), links(5, 2), BOX)
        assert overlaps(places) == [] and behind(places) == []


@pytest.mark.parametrize(("count", "group"), [(9, 3), (17, 4), (64, 4), (64, 64), (256, 8)])
def test_many_nodes_stand_in_rows_framed_by_what_is_near(count: int, group: int) -> None:
    spots = [(math.cos(node), math.sin(node)) for node in range(count)]
    places = place(nodes_at(spots), links(count, group), BOX)
    assert not places.joined and overlaps(places) == []
    assert len(places.frames) == (0 if group == count else -(-count // group))
    for number, frame in enumerate(places.frames):
        inside = places.spots[number * group : (number + 1) * group]
        assert frame.caption == ("distance 16" if len(inside) > 1 else "")
        for x, y in inside:
            assert frame.corner[0] < x - BOX[0] / 2 and x + BOX[0] / 2 < frame.corner[0] + frame.width
            assert frame.corner[1] < y - BOX[1] / 2 and y + BOX[1] / 2 < frame.corner[1] + frame.height


def test_the_first_node_is_not_right_of_the_last() -> None:
    places = place(nodes_at([(1.0, 0.0), (-1.0, 0.0)]), links(2, 2), BOX)
    assert places.spots[0][0] < places.spots[1][0]


def test_a_label_stands_between_the_boxes() -> None:
    # Boxes 1.8 wide at 0 and 4: the line is seen from 0.9 to 3.1.
    assert seen_part((0.0, 0.0), (4.0, 0.0), BOX, 0.5) == pytest.approx((2.0, 0.0))
    assert seen_part((0.0, 0.0), (4.0, 0.0), BOX, 0.0) == pytest.approx((0.9, 0.0))


@pytest.mark.parametrize(
    ("cpus", "text"),
    [([0, 1, 2, 3, 8], "0-3, 8"), ([0, 2, 4, 6], "0-6 step 2"), ([5], "5"), ([], ""), ([0, 24], "0, 24"),
     ([0, 24, 25, 26], "0, 24-26"), ([0, 1, 48, 49], "0-1, 48-49")],
)  # fmt: skip
def test_cpu_numbers_are_put_together(cpus: list[int], text: str) -> None:
    assert cpu_ranges(cpus) == text

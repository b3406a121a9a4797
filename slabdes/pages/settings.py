# SPDX-License-Identifier: GPL-2.0-only
"""The settings of a sweep that the reader of a page chooses among: tables of each, and the same names as in the charts' controls.

Leaves out what is in tables and charts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from slabdes.answers.tables import View, sheets, shown_tables
from slabdes.answers.view import choices
from slabdes.charts.choice import point_label, told_apart
from slabdes.results.text import Sheet

if TYPE_CHECKING:
    from slabdes.charts.chart import Chart
    from slabdes.pages.drawing import Drawing

PARAM: Final = "setting"
"""What the control of settings is called, in every chart and above the tables: one that is moved moves all."""


@dataclass(frozen=True)
class Tables:
    """A page's tables: those of all settings, those of each by its name, and which is shown first."""

    every: Sequence[Sheet]
    of: Sequence[tuple[str, Sequence[Sheet]]] = ()
    first: str = ""


def tables_of(view: View, named: Mapping[int, str]) -> Tables:
    """A run's tables, of the points in `named`; what is the same whichever of two is looked at is of all, and stands once."""
    if len(view.points) == 1:
        return Tables(sheets(view))
    views = [replace(view, chosen=point) for point in named]
    every: list[Sheet] = []
    of: list[tuple[str, list[Sheet]]] = [(name, []) for name in named.values()]
    for make in shown_tables(view):
        first, second = make(views[0]), make(views[1])
        made = [first] if first == second else [first, second, *map(make, views[2:])]
        for sheet, place in zip(made, [every] if first == second else [mine for _name, mine in of], strict=True):
            if sheet.rows:
                place.append(sheet)
    return Tables(every, of if any(mine for _name, mine in of) else (), named[view.most_waiting()])


def names(view: View) -> dict[int, str]:
    """What the points among which a reader chooses are called, as charts call them."""
    keys = told_apart(view.run.frames)
    return {point: point_label(view.run.frames, point, keys) for point in choices(view)}


def begun_with(chart: Chart, drawing: Drawing, name: str) -> tuple[Chart, Drawing]:
    """The drawing with the setting of that name shown first, if it has it."""
    found = tuple(
        replace(one, value=name) if one.param == PARAM and name in dict(one.options) else one for one in drawing.choices
    )
    return chart, replace(drawing, choices=found)

# SPDX-License-Identifier: GPL-2.0-only
"""How tables look at a run: which settings and rows of it they show, and how their rows become a sheet. Leaves out the tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from slabdes.answers.figures import few_remarks, label_keys, labels_by_point, point_name, short
from slabdes.measures.estimates import Estimated, Row
from slabdes.results import metrics
from slabdes.results.run import Run
from slabdes.results.text import Sheet, numbers_text

MOST_POINTS: Final = 12
"""Settings of which a table shows all (assumed: a screen)."""
MOST_SOME: Final = 8
"""Settings that such a table shows of more, each series' first and last among them (assumed)."""
MOST_CHOICES: Final = 24
"""Settings among which the reader of a page chooses (assumed: each is some kilobytes)."""
MOST_ROWS: Final = 6
"""Rows of paths, caches, locks and waits (assumed: what is read)."""


@dataclass(frozen=True)
class View:
    """A run, its figures with intervals, and how much of it tables show: everything, or what fits two screens.

    `chosen` is the point that tables with many rows a point show: none where that is the one that waits most.
    """

    run: Run
    figures: Estimated
    everything: bool = False
    chosen: int | None = None

    @property
    def points(self) -> list[int]:
        """All points."""
        return self.run.frames.point_numbers()

    def most_waiting(self) -> int:
        """The point whose CPUs spend the greatest part of their time waiting for locks; the first of equals."""
        return int(max(self.figures.rows("rates"), key=lambda row: float(row["share_waiting"]))["point"])


def view_of(run: Run, everything: bool = False) -> View:
    """A run as tables and sentences look at it."""
    return View(run, Estimated(run.frames), everything)


def choices(view: View) -> list[int]:
    """The points of which a page has everything: all, or a spread of MOST_CHOICES, with the one that waits most."""
    if len(view.points) <= MOST_CHOICES:
        return view.points
    return sorted({*metrics.spread(view.points, MOST_CHOICES - 1), view.most_waiting()})


Cells = Callable[[Row], Sequence[str]]


def make_sheet(
    view: View, what: str, rows: Sequence[Row], heads: Sequence[str], names: int, cells: Cells, points: Sequence[int] = ()
) -> Sheet:
    """A table whose rows are of several points, or of `points` alone, which the title then names."""
    one = len(view.points) > 1 and len(points) == 1
    keys = [] if one else label_keys(view.run.frames)
    labels = labels_by_point(view.run.frames, keys)
    shown = [row for row in rows if not points or row["point"] in points]
    title = what
    if one:
        others = "; --point N shows others" if view.chosen is None else ""
        title += f": {point_name(view.run.frames, points[0])} (point {points[0]}{others})"
    elif points and len(points) < len(view.points):
        title += f": {len(points)} of {len(view.points)} settings, points {numbers_text(sorted(points))} (--point N shows others)"
    body = tuple((*labels[row["point"]], *cells(row)) for row in shown)
    return Sheet(title, (*short(keys), *heads), len(keys) + names, body, few_remarks(body))


def some_points(view: View) -> list[int]:
    """The points of tables with a few rows a point: all of them, or a spread."""
    if view.chosen is not None:
        return choices(view)
    if view.everything or len(view.points) <= MOST_POINTS:
        return view.points
    keys = [key for key in metrics.series_keys(view.run.frames) if key in view.run.points.columns]
    series: dict[tuple[Any, ...], list[int]] = {}
    for row in view.run.points.iter_rows(named=True):
        series.setdefault(tuple(row[key] for key in keys), []).append(row["point"])
    each = max(2, MOST_SOME // len(series))
    chosen = sorted(point for points in series.values() for point in metrics.spread(points, each))
    return metrics.spread(chosen, MOST_POINTS)


def one_point(view: View) -> list[int]:
    """The points of tables with many rows a point: all of them, or the one that waits most."""
    if view.everything or len(view.points) == 1:
        return view.points
    return [view.most_waiting() if view.chosen is None else view.chosen]


def first_rows(view: View, rows: Sequence[Row], points: Sequence[int]) -> tuple[list[Row], str]:
    """The first rows, and what a title says of those left out."""
    mine = [row for row in rows if row["point"] in points]
    if view.everything or len(mine) <= MOST_ROWS:
        return mine, ""
    return mine[:MOST_ROWS], f", {MOST_ROWS} of {len(mine)} rows"

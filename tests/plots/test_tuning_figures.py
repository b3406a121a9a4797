# SPDX-License-Identifier: GPL-2.0-only
"""Figures of a search and of a study of sensitivity: every choice with its interval, and what chance does."""

from __future__ import annotations

from typing import Any

import polars as pl

from slabdes.charts.effects import effects
from slabdes.charts.tuning import FRONT, tuning
from slabdes.plots.tuning import sensitivity_figure, tuning_figure
from slabdes.stats.intervals import Interval
from slabdes.study.sensitivity import Effect

NEW = ("point", "new_value", "new_low", "new_high", "new_held_bytes")

ACTING = ((40.0, 10.0, True), (5.0, 3.0, False))


def row(
    trial: int, value: float | None, held: float | None, new: tuple[Any, ...] = (None,) * 5, front: bool = False
) -> dict[str, Any]:
    ends = {"value": value, "low": value, "high": value, "replications": 2}
    return {"trial": trial, **ends, "held_bytes": held} | dict(zip(NEW, new, strict=True)) | {"front": front}


def test_a_search_shows_what_was_tried_the_front_with_intervals_what_is_written_and_the_best() -> None:
    kib = 1024.0
    rows = [
        row(0, 60.0, 40 * kib, (0, 61.0, 58.0, 64.0, 40 * kib), True),
        row(1, 50.0, 90 * kib, (1, 51.0, 49.0, 53.0, 91 * kib), True),
        row(2, 52.0, 120 * kib, (2, 53.0, None, None, 120 * kib)),
        row(3, 70.0, 60 * kib),
        row(4, None, None),
    ]
    names = [f"limit {number}" for number in range(5)]
    trials = pl.DataFrame(rows, infer_schema_length=None)
    figure = tuning_figure(tuning(trials, names, 1, ("alloc_mean_ns", "alloc mean"), "a search"), "of five")
    (axes,) = figure.axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in axes.get_lines()}
    assert drawn["tried in the search"] == [60.0, 50.0, 52.0, 70.0]
    assert drawn["as written: limit 0"] == [61.0]
    assert drawn["best: limit 1"] == [51.0]
    bars = {container.get_label(): container for container in axes.containers}
    assert list(bars[FRONT][0].get_ydata()) == [61.0, 51.0]
    assert [segment[:, 1].tolist() for segment in bars[FRONT][2][0].get_segments()] == [
        [58.0, 64.0],
        [49.0, 53.0],
    ]
    assert [axes.xaxis.get_major_formatter()(tick, 0) for tick in axes.get_xticks()][:3] == ["0 B", "16 KiB", "32 KiB"]


def test_knobs_are_bars_and_a_line_says_how_far_chance_reaches() -> None:
    limit, chance = (Effect("", Interval(total, half, 4, 0.95, 0.0), 0.0, 0.0, matters) for total, half, matters in ACTING)
    figure = sensitivity_figure(effects({"limit": limit}, chance, "change", "ns", "which"), "of two")
    (axes,) = figure.axes
    assert [patch.get_width() for patch in axes.patches] == [40.0, 5.0]
    assert axes.patches[1].get_hatch()  # told from knobs in grey, too
    assert [text.get_text() for text in axes.get_yticklabels()] == ["limit", "chance (other random\nnumbers)"]
    assert [8.0, 8.0] in [list(line.get_xdata()) for line in axes.get_lines()]

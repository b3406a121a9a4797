# SPDX-License-Identifier: GPL-2.0-only
"""Which charts a page has, and in which order: the one that shows the answer first. Leaves out what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slabdes.answers.causes import LITTLE
from slabdes.answers.sides import pair_name
from slabdes.charts.chart import Chart
from slabdes.charts.history import history
from slabdes.charts.latency import latency
from slabdes.charts.memory import memory
from slabdes.charts.moves import moves
from slabdes.charts.nodes import nodes
from slabdes.charts.overlay import overlay, ratios
from slabdes.charts.queues import all_of, log_of
from slabdes.charts.response import loads, response
from slabdes.charts.scaling import scaling
from slabdes.charts.tails import interrupts, tails
from slabdes.charts.time_shares import time_shares
from slabdes.charts.traffic import traffic_of
from slabdes.charts.upkeep import upkeep
from slabdes.charts.waits import waits
from slabdes.measures.compare import Comparison
from slabdes.pages.settings import begun_with
from slabdes.results import metrics
from slabdes.results.frames import Frames
from slabdes.results.metrics import spread
from slabdes.results.run import Run

if TYPE_CHECKING:
    from slabdes.pages.drawing import Drawing

MOST_PAIRS: Final = 12
"""Pairs of points whose curves are on the page of two runs (assumed: a megabyte)."""


def charts_of(
    run: Run, folder: Path | None, point: int, settings: Mapping[int, str] | None = None
) -> Iterator[tuple[Chart, Drawing]]:
    """Every chart of a run that has anything to draw, with its drawing.

    `folder` is where the run lies, with its log, if it does anywhere; `point` is the one of which a log is looked at, and which
    is shown first. `settings` are the points, by what they are called, among which charts with much about each let one choose.
    """
    drawn = with_drawings(_made(run, folder, point, settings))
    yield from drawn if settings is None else (begun_with(*pair, settings[point]) for pair in drawn)


def charts_of_both(compared: Comparison, first: Run, second: Run) -> Iterator[tuple[Chart, Drawing]]:
    """The charts of two runs side by side, of the points that both have."""
    settings = [pair_name(compared, pair) for pair in compared.pairs]
    chosen = spread(range(len(settings)), MOST_PAIRS)
    parts = [
        (settings[number], name, run.frames.of_points([point]))
        for number in chosen
        for name, run, point in zip(compared.sides, (first, second), compared.pairs[number].points, strict=True)
    ]
    yield from with_drawings([overlay(parts), ratios(compared, settings)])


def tails_of(frames: Frames) -> Iterator[tuple[Chart, Drawing]]:
    """The curves of a run, by path."""
    yield from with_drawings([latency(frames)])


def tails_of_both(sides: tuple[str, str], first: Frames, second: Frames) -> Iterator[tuple[Chart, Drawing]]:
    """The curves of two runs of one point each."""
    yield from with_drawings([overlay([("", name, frames) for name, frames in zip(sides, (first, second), strict=True)])])


def ratios_of(compared: Comparison) -> Iterator[tuple[Chart, Drawing]]:
    """How many times as long percentiles are, of two runs of one point each."""
    yield from with_drawings([ratios(compared, [pair_name(compared, pair) for pair in compared.pairs])])


def with_drawings(charts: Iterable[Chart]) -> Iterator[tuple[Chart, Drawing]]:
    """Those that have anything to draw."""
    from slabdes.pages.drawings import DRAWINGS

    for chart in charts:
        if chart.frame.height:
            yield chart, DRAWINGS[chart.name](chart)


def _made(run: Run, folder: Path | None, point: int, settings: Mapping[int, str] | None) -> Iterator[Chart]:
    frames = run.frames
    points = None if settings is None else list(settings)
    # Of one setting the first picture shows what the answer says: where CPUs wait, that is where their time went.
    waiting = metrics.rates(frames)["share_waiting"].to_numpy().max() if frames.points.height else 0.0
    first = [time_shares(frames), waits(frames, points)] if frames.points.height == 1 and waiting >= LITTLE else []
    yield from first
    several = frames.points.height > 1
    if several and frames.points["cpus"].n_unique() > 1:
        yield scaling(frames)
        yield latency(frames, points)
    else:
        yield latency(frames, points)
        yield from (scaling(frames),) if several else ()
    if several:
        yield tails(frames)
    if frames.responses.height:
        yield response(frames, points)
        yield loads(frames)
    yield from () if first else (time_shares(frames), waits(frames, points))
    yield nodes(frames, points)
    if folder is not None and (log := log_of(frames, folder, point)):
        yield from all_of(log)
        if (machine := traffic_of(frames, run.manifest.machines, log, point)) is not None:
            yield machine
    yield moves(frames, points)
    yield memory(frames, points)
    yield history(frames, points)
    if frames.interrupts_came():
        yield interrupts(frames)
    yield upkeep(frames, points)

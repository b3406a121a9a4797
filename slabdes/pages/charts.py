# SPDX-License-Identifier: GPL-2.0-only
"""Which charts a page has, and in which order: the one that shows the answer first. Leaves out what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from slabdes.charts.chart import Chart
from slabdes.charts.latency import latency
from slabdes.charts.nodes import nodes
from slabdes.charts.response import loads, response
from slabdes.charts.scaling import scaling
from slabdes.charts.tails import interrupts, tails
from slabdes.charts.time_shares import time_shares
from slabdes.charts.upkeep import upkeep
from slabdes.results.run import Run

if TYPE_CHECKING:
    from slabdes.pages.drawing import Drawing


def charts_of(run: Run, folder: Path) -> Iterator[tuple[Chart, Drawing]]:
    """Every chart of a run that has anything to draw, with its drawing. `folder` is where the run lies, with its log."""
    from slabdes.pages.drawings import DRAWINGS

    for chart in _made(run, folder):
        if chart.frame.height:
            yield chart, DRAWINGS[chart.name](chart)


def _made(run: Run, _folder: Path) -> Iterator[Chart]:
    frames = run.frames
    several = frames.points.height > 1
    if several and frames.points["cpus"].n_unique() > 1:
        yield scaling(frames)
        yield latency(frames)
    else:
        yield latency(frames)
        yield from (scaling(frames),) if several else ()
    if several:
        yield tails(frames)
    if frames.responses.height:
        yield response(frames)
        yield loads(frames)
    yield time_shares(frames)
    yield nodes(frames)
    if frames.interrupts_came():
        yield interrupts(frames)
    yield upkeep(frames)

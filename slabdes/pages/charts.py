# SPDX-License-Identifier: GPL-2.0-only
"""Which charts a page has, and in which order: the one that shows the answer first. Leaves out what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from slabdes.charts.chart import Chart
from slabdes.charts.latency import latency
from slabdes.charts.response import response
from slabdes.charts.tails import interrupts, tails
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
    yield latency(frames)
    if frames.points.height > 1:
        yield tails(frames)
    if frames.responses.height:
        yield response(frames)
    if frames.interrupts_came():
        yield interrupts(frames)

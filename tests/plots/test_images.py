# SPDX-License-Identifier: GPL-2.0-only
"""Drawings look as they did: each is compared with a picture that was looked at when it was made.

Without text and its room, which differ from one version of matplotlib to the next: what figures say is tested in words. What is
drawn follows from made-up records, and from nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import polars as pl
import pytest
from example import example_frames, example_manifest
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.testing.compare import compare_images
from matplotlib.text import Text
from matplotlib.ticker import NullFormatter

from slabdes.charts.queues import Log
from slabdes.charts.traffic import traffic
from slabdes.measures.loads import LoadFigures
from slabdes.plots.beside import beside_figure
from slabdes.plots.by_load import by_load_figure
from slabdes.plots.history import history_figure
from slabdes.plots.latency import ccdf_figure
from slabdes.plots.logs import convoy_figure, queues_figure, transfers_figure
from slabdes.plots.moves import moves_figure
from slabdes.plots.nodes import nodes_figure
from slabdes.plots.scaling import scaling_figure
from slabdes.plots.structure import memory_figure, waits_figure
from slabdes.plots.tails import tails_figure
from slabdes.plots.time_shares import time_figure
from slabdes.plots.traffic import traffic_figure
from slabdes.results.run import Run
from slabdes.stats.intervals import Interval

FOLDER = Path(__file__).with_name("images")
DPI = 60
WIDTH_IN, HEIGHT_IN = 10, 4
TOLERANCE = 2.0
"""Root mean square of 0 to 255: between matplotlib 3.8 and 3.11 they differ by less, without one mark by more (measured)."""
RENEW = "SLABDES_RENEW_IMAGES"
ONE = example_frames((4,), replications=3)
SWEEP = example_frames((1, 2, 4, 8), ("xeon-2s", "opteron-8n"), replications=3, operations=100)
BY_CPUS = example_frames((1, 2, 4, 6, 8), ("xeon-2s", "opteron-8n"), replications=3, operations=100)
COLUMNS = ["lock", "cpu", "asked_ps", "granted_ps", "released_ps"]
CONVOY = [(0, turn % 4, 500 * turn, 2_000 * turn, 2_000 * turn + 1_500) for turn in range(12)]
LAYOUT = {"name": "two", "nodes": [{"node": 0, "x": 0.0, "y": 0.0}, {"node": 1, "x": 1.0, "y": 0.5}]}
LOG = Log(ONE, pl.DataFrame(CONVOY, schema=COLUMNS, orient="row"), 0)


def _beside() -> Figure:
    slower = example_frames((4,), replications=3, operations=300)
    return beside_figure([Run(example_manifest(frames), frames) for frames in (ONE, slower)], ["first", "second"])


def _by_load() -> Figure:
    def share(value: float, half: float) -> Interval:
        return Interval(value, half, 3, 0.95, 0.0, 1.0)

    rate = Interval(1e6, 1e4, 3, 0.95)
    loads = [(1, 0.01, 0.0), (10, 0.04, 0.02), (100, 0.3, 0.06), (None, 0.55, 0.1)]
    points = [LoadFigures(load, rate, None, None, share(waits, 0.02), share(other, 0.01)) for load, waits, other in loads]
    return by_load_figure(points, ONE, example_manifest(ONE))


CHARTS: dict[str, Callable[[], Figure]] = {
    "latency": lambda: ccdf_figure(ONE, example_manifest(ONE)),
    "scaling": lambda: scaling_figure(BY_CPUS, example_manifest(BY_CPUS)),
    "tails": lambda: tails_figure(SWEEP, example_manifest(SWEEP)),
    "nodes": lambda: nodes_figure(ONE, example_manifest(ONE)),
    "time": lambda: time_figure(SWEEP, example_manifest(SWEEP)),
    "waits": lambda: waits_figure(ONE, example_manifest(ONE)),
    "memory": lambda: memory_figure(ONE, example_manifest(ONE)),
    "queues": lambda: queues_figure(LOG),
    "convoy": lambda: convoy_figure(LOG),
    "transfers": lambda: transfers_figure(LOG),
    "history": lambda: history_figure(ONE, example_manifest(ONE)),
    "traffic": lambda: traffic_figure(traffic(LOG, LAYOUT)),
    "by_load": _by_load,
    "moves": lambda: moves_figure(ONE, example_manifest(ONE)),
    "beside": _beside,
}


def drawn(figure: Figure, path: Path) -> Path:
    """The marks of a figure as a picture: panels side by side, without text and legends, which lie elsewhere in each version."""
    figure.set_layout_engine("none")
    figure.set_size_inches(WIDTH_IN, HEIGHT_IN)
    for legend in figure.findobj(Legend):
        legend.remove()
    wide = 1 / len(figure.axes)
    for place, axes in enumerate(figure.axes):
        axes.set_aspect("auto")
        axes.set_axes_locator(None)
        axes.set_position((place * wide + 0.0105, 0.0515, wide - 0.0205, 0.9))  # no edge between two pixels
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(NullFormatter())
            axis.set_minor_formatter(NullFormatter())
    for text in figure.findobj(Text):
        text.set_text("")
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
    return path


def differs(name: str, figure: Figure, folder: Path) -> str:
    """How a figure differs from the picture of that name; empty if it does not."""
    with mpl.rc_context({"font.family": "DejaVu Sans"}):
        path = drawn(figure, folder / f"{name}.png")
    return compare_images(str(FOLDER / f"{name}.png"), str(path), TOLERANCE) or ""


@pytest.mark.parametrize("name", CHARTS)
def test_a_drawing_looks_as_it_did(name: str, tmp_path: Path) -> None:
    figure = CHARTS[name]()
    if os.environ.get(RENEW):
        drawn(figure, FOLDER / f"{name}.png")
        return
    told = differs(name, figure, tmp_path)
    again = f"{RENEW}=1 pytest {Path(__file__).name} draws them anew; look at each before it is committed"
    assert not told, f"{told}\nIf it is meant to look so: {again}."


def _marks(figure: Figure) -> list[Artist]:
    return [mark for axes in figure.axes for mark in (*axes.images, *axes.collections, *axes.lines, *axes.patches, *axes.artists)]


@pytest.mark.parametrize("name", CHARTS)
def test_a_drawing_that_lacks_one_of_its_marks_is_seen(name: str, tmp_path: Path) -> None:
    figure = CHARTS[name]()
    _marks(figure)[0].remove()
    assert "RMS" in differs(name, figure, tmp_path)


def test_the_pictures_are_those_of_the_drawings_and_small() -> None:
    files = list(FOLDER.iterdir())
    assert {path.stem for path in files} == set(CHARTS)
    assert sum(path.stat().st_size for path in files) < 300_000

# SPDX-License-Identifier: GPL-2.0-only
"""Writes a run's figures as PNG files: which there are follows from what the run has.

Leaves out choosing what is drawn in them: each figure's module does.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.queues import all_of, log_of
from slabdes.charts.response import loads
from slabdes.charts.traffic import traffic_of
from slabdes.errors import InputError
from slabdes.files import write_new
from slabdes.folders import input_errors
from slabdes.plots.history import history_figure
from slabdes.plots.latency import ccdf_figure
from slabdes.plots.logs import convoy_figure, queues_figure, transfers_figure
from slabdes.plots.machine import machine_figure
from slabdes.plots.moves import moves_figure
from slabdes.plots.nodes import nodes_figure
from slabdes.plots.progress import changed_ns, progress_figure
from slabdes.plots.response import loads_figure, response_figure
from slabdes.plots.scaling import scaling_figure
from slabdes.plots.structure import memory_figure, waits_figure
from slabdes.plots.style import DPI
from slabdes.plots.tails import interrupts_figure, tails_figure
from slabdes.plots.time_shares import time_figure
from slabdes.plots.traffic import traffic_figure
from slabdes.plots.upkeep import has_upkeep, upkeep_figure
from slabdes.results import metrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest


DRAWING: Final = "drawing"
Progress = Callable[[str, int, int], None]
"""Told that figures are drawn, how many are, and of how many."""


def save_figures(
    frames: Frames,
    manifest: Manifest,
    folder: Path,
    progress: Progress | None = None,
    points: list[int] | None = None,
    *,
    log: bool = False,
    logged: Path | None = None,
) -> list[Path]:
    """Write a figure for all that the run has into `folder`: see `_figures`. Returns the paths.

    Of many machines some are drawn, of a sweep what `choice` says or `points`; with `log` throughput on logarithmic axes. Where
    the run folder `logged` has an event log, what there is of its queues, a convoy, hand-overs and traffic, of the first of
    the points (the one whose CPUs wait most, where none is chosen). The folder is made if it is not there. Raises InputError if
    they cannot be written.
    """
    written = []
    drawn = _figures(frames, manifest, points, log) | _of_log(frames, manifest, points, logged)
    with input_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for number, (name, figure) in enumerate(drawn.items()):
            if progress is not None:
                progress(DRAWING, number, len(drawn))
            path = folder / f"{name}.png"
            with _nothing_said():
                figure().savefig(path, dpi=DPI)
            written.append(path)
    if progress is not None:
        progress(DRAWING, len(drawn), len(drawn))
    return written


def save_machine(layout: Mapping[str, Any], path: Path) -> Path:
    """Write the picture of one machine, as `machine.graph.layout` gives it, to the PNG file `path`; return it.

    Raises InputError if it exists or cannot be written.
    """
    if path.suffix != ".png":
        raise InputError(str(path), f"a picture named *{path.suffix}", allowed="a name that ends in .png")
    if path.exists():
        raise InputError(str(path), "is there already", allowed="a new file")
    picture = BytesIO()
    with _nothing_said():
        machine_figure(layout).savefig(picture, dpi=DPI, format="png")
    write_new(path, picture.getvalue())
    return path


@contextmanager
def _nothing_said() -> Iterator[None]:
    """Without what matplotlib says to programmers of letters that its font has not, and of labels too long for the figure."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _figures(frames: Frames, manifest: Manifest, points: list[int] | None, log: bool) -> dict[str, Callable[[], Figure]]:
    """What draws each figure that the run has, by the file's name without its ending.

    Latency, nodes and time of every run; waits where anybody waited, memory where there are slabs, history where
    they were looked at over time, progress where sheaves change then, moves where lines went from CPU to CPU, upkeep and
    interrupts where there were any; scaling and tails of a sweep; response where operations arrive, and loads of a
    sweep of rates; machines.
    """
    some = frames if points is None else frames.of_points(points)
    sweep = some if some.points.height > 1 else frames
    drawn: dict[str, Callable[[], Figure]] = {
        "latency": lambda: ccdf_figure(frames, manifest, points),
        "nodes": lambda: nodes_figure(frames, manifest, points),
        "time": lambda: time_figure(some, manifest),
    }
    if frames.of_points(points or frames.point_numbers()).contention_points.height:
        drawn["waits"] = lambda: waits_figure(frames, manifest, points)
    if frames.slabs.height:
        drawn["memory"] = lambda: memory_figure(frames, manifest, points)
    if frames.samples.height:
        drawn["history"] = lambda: history_figure(frames, manifest, points)
    if frames.progress.height and changed_ns(manifest) is not None:
        drawn["progress"] = lambda: progress_figure(frames, manifest, points)
    if frames.of_points(points or frames.point_numbers()).moves.height:
        drawn["moves"] = lambda: moves_figure(frames, manifest, points)
    if has_upkeep(frames):
        drawn["upkeep"] = lambda: upkeep_figure(frames, manifest, points)
    if frames.interrupts_came():
        drawn["interrupts"] = lambda: interrupts_figure(some, manifest)
    if frames.points.height > 1:
        drawn["scaling"] = lambda: scaling_figure(sweep, manifest, log=log)
        drawn["tails"] = lambda: tails_figure(sweep, manifest)
    if frames.responses.height:
        drawn["response"] = lambda: response_figure(frames, manifest, points)
    if frames.responses.height and loads(sweep).frame.height:
        drawn["loads"] = lambda: loads_figure(sweep, manifest)
    taken: set[str] = set()
    kept = [name for name, machine in manifest.machines.items() if "layout" in machine]
    for name in metrics.spread(kept, metrics.MOST_FOCUS):
        drawn[_file_name(f"machine-{name}", taken)] = partial(machine_figure, manifest.machines[name]["layout"])
    return drawn


def _of_log(frames: Frames, manifest: Manifest, points: list[int] | None, folder: Path | None) -> dict[str, Callable[[], Figure]]:
    """The figures of the event log in a run's folder, if there is one; traffic of machines with several nodes."""
    if folder is None:
        return {}
    shares = metrics.scaling(frames)
    most = int(shares.sort("share_waiting", descending=True, maintain_order=True)["point"][0])
    point = points[0] if points else most
    log = log_of(frames, folder, point)
    if log is None:
        return {}
    draw = {"queues": queues_figure, "convoy": convoy_figure, "transfers": transfers_figure}
    drawn: dict[str, Callable[[], Figure]] = {
        chart.name: partial(draw[chart.name], log) for chart in all_of(log) if chart.name in draw and chart.frame.height
    }
    if (machine := traffic_of(frames, manifest.machines, log, point)) is not None:
        drawn["traffic"] = partial(traffic_figure, machine)
    return drawn


def _file_name(name: str, taken: set[str]) -> str:
    """A name without what files cannot have in theirs, told apart by a number from those `taken` so far."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:80]
    number = 1
    while safe in taken:
        number += 1
        safe = f"{safe.rpartition('~')[0] or safe}~{number}"
    taken.add(safe)
    return safe

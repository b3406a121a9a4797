# SPDX-License-Identifier: GPL-2.0-only
"""The command timeline: a window of a run as a file for Perfetto's viewer or Chrome's. Leaves out running and drawing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from slabdes.cli.options import Json, PointNumber, Replication, SetKeys
from slabdes.cli.output import print_json, progress_bar, say_paragraph
from slabdes.errors import InputError, shown

_MOST = 2_000_000
"""What --most may ask for: a viewer in a browser takes minutes and gigabytes beyond."""


def timeline(
    what: Annotated[Path, typer.Argument(metavar="RUN|EXPERIMENT.toml", help="A run folder, or an experiment, a TOML file.")],
    window: Annotated[
        str,
        typer.Option(
            "--window",
            metavar="LENGTH",
            help="What to show: so much around the longest wait for a lock (50us), from a time on (1.2ms+50us), or all.",
        ),
    ] = "50us",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to write it, a new file. Default: NAME-timeline.json.")
    ] = None,
    point: PointNumber = None,
    replication: Replication = 0,
    settings: SetKeys = [],  # noqa: B006 -- typer needs a list and never changes it
    most: Annotated[
        int,
        typer.Option(
            "--most",
            metavar="N",
            min=1,
            max=_MOST,
            help="Operations, holds and interrupts at most: of more the window is halved.",
        ),
    ] = 200_000,
    as_json: Json = False,
) -> None:
    """A part of a run on a time axis: every operation, wait and hold, who waits for whom.

    Writes Trace Event JSON, which ui.perfetto.dev and chrome://tracing open: a track a CPU, arrows for locks handed over and for
    objects freed elsewhere, counters of free_objects, shared->avail and queues at locks. The run is made again up to that.
    """
    from slabdes.folders import scratch_folder
    from slabdes.study.again import again, longest, watched
    from slabdes.study.spools import Spools
    from slabdes.timeline.answer import bounds, longest_wait, sentences
    from slabdes.timeline.file import write_timeline
    from slabdes.timeline.spans import timeline_of
    from slabdes.timeline.window import around_longest, window_of

    asked = window_of(window)
    target = _target(what, out)
    with progress_bar() as progress, scratch_folder() as scratch:
        one = again(what, settings, point, replication, Spools(scratch), progress)
        found = None if asked.start is not None else longest(one, progress)
        rows = (None, None) if found is None else (found.wait, found.operation)
        seen = watched(one, around_longest(asked, *rows, most), progress)
    if not seen.watch.rows:
        end = f"the run ends at {seen.elapsed / 1e6:,.3f} us"
        raise InputError("--window", f"nothing happens from {seen.watch.start / 1e6:,.3f} us on", allowed=end)
    made = timeline_of(f"{shown(one.name)}{_which(one)}", seen)
    told = list(sentences(str(target), seen, made, found is not None and found.wait is not None))
    write_timeline(target, [made], {"told": told})
    if as_json:
        print_json(_plain(target, told, bounds(seen), longest_wait(seen)))
    else:
        for sentence in told:
            say_paragraph(sentence)


def _which(one: Any) -> str:
    return f", point {one.point}, replication {one.replication}"


def _plain(target: Path, told: list[str], window: tuple[int, int], wait: dict[str, Any] | None) -> dict[str, Any]:
    return {"answer": told, "file": str(target), "window_ps": list(window), "longest_wait": wait}


def _target(what: Path, out: Path | None) -> Path:
    """Where the file goes; the first name that nothing has, where none is said."""
    from slabdes.files import check_place, is_there

    if out is not None:
        if is_there(out):
            raise InputError(str(out), "is there already", allowed="a new file")
        check_place(out, "a new file")
        return out
    stem, number = f"{what.resolve().name.removesuffix('.toml')}-timeline", 1
    target = Path(f"{stem}.json")
    while is_there(target):
        number += 1
        target = Path(f"{stem}-{number}.json")
    return target

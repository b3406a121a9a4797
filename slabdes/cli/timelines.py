# SPDX-License-Identifier: GPL-2.0-only
"""The command timeline: a window of a run as a file for Perfetto's viewer or Chrome's. Leaves out running and drawing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slabdes.cli.options import Json, PointNumber, Replication, SetKeys
from slabdes.cli.output import print_json, progress_bar, say_paragraph
from slabdes.errors import InputError, shown

if TYPE_CHECKING:
    from slabdes.engine.watch import Watched
    from slabdes.study.again import Again
    from slabdes.timeline.spans import Timeline

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
    vs: Annotated[
        str,
        typer.Option(
            "--vs",
            metavar="RUN|KEY=VALUE",
            help="Beside it, another run or experiment, or the same with another setting; one operation begins in both at once.",
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="A new file, .json or .pftrace (Perfetto's own). Default: NAME-timeline.json."
        ),
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
    """A part of a run on a time axis, to look at.

    Every operation, wait and hold, and who waits for whom, in a file that ui.perfetto.dev and chrome://tracing open: a track a
    CPU, arrows for locks handed over and for objects freed elsewhere, counters of free_objects, shared->avail and queues at
    locks. The run is made again up to that.
    """
    from slabdes.folders import scratch_folder
    from slabdes.study.again import again
    from slabdes.study.spools import Spools
    from slabdes.timeline.answer import OPEN
    from slabdes.timeline.file import check_target, write_timeline
    from slabdes.timeline.window import window_of

    asked = window_of(window)
    target = _free_name(what) if out is None else out
    check_target(target)
    with progress_bar() as progress, scratch_folder() as scratch:
        spools = Spools(scratch)
        one = again(what, settings, point, replication, spools, progress)
        sides = [_shown(one, asked, most, str(target), progress)]
        if vs:
            there = Path(vs).exists() or "=" not in vs
            with_other = (Path(vs), settings) if there else (what, [*settings, vs])
            other = again(*with_other, point, replication, spools, progress)
            named = other if there else replace(other, name=f"{other.name} with {vs}")
            sides.append(_beside(sides[0], named, asked.start is None, progress))
    told = [*(sentence for side in sides for sentence in side.told), OPEN]
    write_timeline(target, [side.made for side in sides], {"told": told})
    if as_json:
        print_json({"answer": told, "file": str(target), "runs": [side.plain() for side in sides]})
    else:
        for sentence in told:
            say_paragraph(sentence)


@dataclass(frozen=True)
class _Side:
    """One run: what was seen of it, its timeline, what is told about it."""

    name: str
    seen: Watched
    made: Timeline
    told: list[str]

    def plain(self) -> dict[str, Any]:
        from slabdes.timeline.answer import bounds, longest_wait

        return {"name": self.name, "window_ps": list(bounds(self.seen)), "longest_wait": longest_wait(self.seen)}


def _shown(one: Again, asked: Any, most: int, file: str, progress: Any) -> _Side:
    """The run that is asked for."""
    from slabdes.study.again import longest, watched
    from slabdes.timeline.answer import wait_sentence, window_sentence
    from slabdes.timeline.spans import timeline_of
    from slabdes.timeline.window import around_longest

    found = None if asked.start is not None else longest(one, progress)
    rows = (None, None) if found is None else (found.wait, found.operation)
    seen = watched(one, around_longest(asked, *rows, most), progress)
    if not seen.watch.rows:
        end = f"the run ends at {seen.elapsed / 1e6:,.3f} us"
        raise InputError("--window", f"nothing happens from {seen.watch.start / 1e6:,.3f} us on", allowed=end)
    made = timeline_of(shown(one.name), seen)
    of_run = found is not None and found.wait is not None
    return _Side(one.name, seen, made, [window_sentence(f"{shown(file)} shows", seen, made), wait_sentence(seen, of_run)])


def _beside(first: _Side, other: Again, of_longest: bool, progress: Any) -> _Side:
    """Another run, moved on the axis so that both have one operation at the same place."""
    from slabdes.study.again import begin_of, watched
    from slabdes.timeline.aligned import anchor_of, beside, moved, sentences
    from slabdes.timeline.answer import wait_sentence, window_sentence
    from slabdes.timeline.spans import timeline_of

    anchor = anchor_of(first.seen, of_longest)
    start = begin_of(other, anchor.cpu, anchor.number, progress)
    if start is None:
        raise InputError("--vs", f"CPU {anchor.cpu} has no operation {anchor.number} there", allowed="a run of the same workload")
    seen = watched(other, beside(first.seen, anchor, start), progress)
    made = timeline_of(shown(other.name), seen)
    told = [window_sentence("Beside it", seen, made), wait_sentence(seen, False), *sentences(seen, anchor)]
    return _Side(other.name, seen, moved(made, anchor.start - start), told)


def _free_name(what: Path) -> Path:
    """The first name for the timeline of a run that nothing has."""
    from slabdes.files import is_there

    stem, number = f"{what.resolve().name.removesuffix('.toml')}-timeline", 1
    target = Path(f"{stem}.json")
    while is_there(target):
        number += 1
        target = Path(f"{stem}-{number}.json")
    return target

# SPDX-License-Identifier: GPL-2.0-only
"""The command explain: a run's first operations one after the other, in plain words. Leaves out what happens in them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slabdes.cli.options import Json, PointOrFirst, Replication, SetKeys
from slabdes.cli.output import print_json, progress_bar, say
from slabdes.errors import shown, tell

if TYPE_CHECKING:
    from slabdes.engine.story import Told
    from slabdes.study.again import Again
    from slabdes.study.spools import Spools

_MOST = 10_000
_KEYS = "Enter: on, b: back, a number: that one, q: end"


def explain(
    what: Annotated[
        Path,
        typer.Argument(metavar="EXPERIMENT.toml|TRACE|RUN", help="An experiment, a TOML file; a kmem trace; or a run folder."),
    ],
    cpu: Annotated[int | None, typer.Option("--cpu", metavar="N", min=0, help="Operations of this CPU only.")] = None,
    first: Annotated[int, typer.Option("--first", metavar="N", min=1, max=_MOST, help="How many operations.")] = 40,
    step: Annotated[
        bool, typer.Option("--step", help="One at a time: on and back, and on beyond the last by running again.")
    ] = False,
    point: PointOrFirst = None,
    replication: Replication = 0,
    settings: SetKeys = [],  # noqa: B006 -- typer needs a list and never changes it
    as_json: Json = False,
) -> None:
    """A run's first operations in plain words, step by step.

    Each step with its kernel function, what it took and why; of a sweep the first point, unless --point says another.

    Arrays and lists are drawn before and after each. It is the model itself that tells its steps, as it runs; slabs are numbered
    in the order in which they are made, and stand with how many of their objects are in use: 6(5/15).
    """
    from slabdes.folders import scratch_folder
    from slabdes.study.again import told
    from slabdes.study.spools import Spools

    with scratch_folder() as scratch:
        with progress_bar() as progress:
            one = _again(what, settings, point, replication, Spools(scratch), progress, as_json)
        if point is None and one.points > 1:
            tell(_taken(one)) if as_json else say(f"{_taken(one)}\n")

        def run(count: int) -> list[Told]:
            with progress_bar() as progress:
                return told(one, count, cpu, progress)

        if as_json:
            print_json([asdict(operation) for operation in run(first)])
        elif step:
            _walk(run, first)
        else:
            _print(run(first))


def _again(
    what: Path, settings: Sequence[str], point: int | None, replication: int, spools: Spools, progress: Any, quiet: bool
) -> Again:
    """What is to be run: a file that is no TOML is a trace, on the machine that `replay` takes for it, without think times."""
    from slabdes.config import apply_settings, parse_experiment
    from slabdes.study.again import again, again_of
    from slabdes.study.load import assumed_allocator, assumed_machine

    if what.suffix == ".toml" or not what.is_file():
        return again(what, settings, point, replication, spools, progress, or_first=True)
    (machine, why), (allocator, why_too) = assumed_machine(what, spools), assumed_allocator(what)
    if not quiet:
        say(f"{why}\n{why_too}\n".replace("--machine", "--set machine.preset=").replace("--allocator", "--set allocator="))
    raw: dict[str, Any] = {
        "name": "trace",
        "machine": {"preset": machine},
        "allocator": allocator,
        "workload": {"kind": "trace", "file": str(what)},
    }
    apply_settings(raw, settings)
    return again_of(parse_experiment(raw, str(what)), what, point, replication, spools, progress)


def _taken(one: Again) -> str:
    """Which point is told of, where nobody has said."""
    from slabdes.results.text import setting_text

    sets = ", ".join(f"{key} {setting_text(value)}" for key, value in one.settings.items())
    another = f"--point 1 to {one.points - 1} takes another" if one.points > 2 else "--point 1 takes the other"
    return f"Point 0 of {one.points}, the first: {shown(sets)} ({another}, --set KEY=VALUE settles what is swept)."


def _print(stories: Sequence[Told]) -> None:
    from slabdes.explain.text import lines

    for number, story in enumerate(stories):
        say("\n".join(lines(story)) + "\n" * (number < len(stories) - 1))


def _walk(run: Callable[[int], list[Told]], first: int) -> None:
    """One operation at a time, as keys say, until the end of the run or of what can be read from standard input."""
    stories, place = run(first), 0
    while True:
        while place >= len(stories) >= first and first < _MOST:
            first = min(2 * first, _MOST)
            stories = run(first)
        if place >= len(stories):
            say(f"These were all {len(stories)}.")
            place = len(stories) - 1
            if place < 0:
                return
        _print(stories[place : place + 1])
        say(f"-- {place + 1} of {len(stories)} -- {_KEYS}: ", end="")
        sys.stdout.flush()
        answer = sys.stdin.readline()
        if not answer or answer.strip() == "q":
            return
        place = _place(answer.strip(), place)


def _place(answer: str, place: int) -> int:
    """Where an answer leads."""
    if answer == "b":
        return max(0, place - 1)
    if answer.isascii() and answer.isdecimal() and len(answer) < len(str(_MOST)):
        return max(0, int(answer) - 1)
    return place + 1 if not answer else place

# SPDX-License-Identifier: GPL-2.0-only
"""The command lesson: questions about a small experiment, and the answers that the engine gives. Leaves out what is asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slabdes.cli.options import Json
from slabdes.cli.output import print_json, print_told, progress_bar, say, say_paragraph
from slabdes.errors import InputError, nearest, shown

if TYPE_CHECKING:
    from slabdes.explain.lesson import Lesson, Seen


def lesson(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The lesson; without one all are listed.")] = "",
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Another seed, another exercise.")] = 1,
    answers: Annotated[bool, typer.Option("--answers", "-c", help="Also the answers.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.toml", help="Write the experiment there, to run or explain it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """An exercise: a small run, and questions on it.

    The experiment is printed, and questions on what the allocator does with it.

    Answers come from the same engine as all results; work them out before you look (-c).
    """
    from slabdes.explain.counting import Draw
    from slabdes.explain.lessons import LESSONS

    if not name:
        print_told("lessons (slabdes lesson NAME --seed N)", [(key, "", one.about) for key, one in LESSONS.items()])
        return
    if name not in LESSONS:
        raise InputError("lesson", f"{shown(name)!r} is none{nearest(name, LESSONS)}", allowed=", ".join(LESSONS))
    one = LESSONS[name]
    experiments = one.experiments(Draw(seed))
    if out is not None:
        from slabdes.config.written import toml_text
        from slabdes.files import write_new

        write_new(out, toml_text(experiments[0]))
    seen = _seen(one, experiments)
    questions = list(one.questions(seen))
    if as_json:
        asked = [{"question": each.asks} | ({"answer": each.answer} if answers else {}) for each in questions]
        print_json({"lesson": name, "seed": seed, "about": one.about, "setting": one.setting(experiments[0]), "questions": asked})
        return
    say_paragraph(f"Lesson {name}, seed {seed}: {one.about}.")
    say("")
    say_paragraph(one.setting(experiments[0]))
    for number, each in enumerate(questions, 1):
        say("")
        say_paragraph(f"{number}. {each.asks}")
        if answers:
            say_paragraph(each.answer, indent=3)
    if not answers:
        say("")
        say_paragraph(f"The answers: slabdes lesson {name} --seed {seed} -c. Another exercise: --seed {seed + 1}.")


def _seen(one: Lesson, experiments: list[dict[str, object]]) -> Seen:
    """Run what a lesson needs."""
    from slabdes.config import parse_experiment
    from slabdes.explain.lesson import ALL, Seen
    from slabdes.folders import scratch_folder
    from slabdes.study.again import again_of, told
    from slabdes.study.spools import Spools

    with progress_bar() as progress, scratch_folder() as scratch:
        if one.figure:
            from slabdes.api import simulate
            from slabdes.measures.names import alone

            return Seen(experiments, figures=list(alone(simulate(experiments[0]).frames, one.figure)[0].values()))
        parsed = [parse_experiment(raw, "lesson") for raw in experiments]
        planned = [again_of(each, Path("lesson"), None, 0, Spools(scratch), progress) for each in parsed]
        return Seen(experiments, [told(each, ALL, None, progress) for each in planned])

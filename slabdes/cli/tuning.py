# SPDX-License-Identifier: GPL-2.0-only
"""Commands that turn an experiment's knobs: tune, sensitivity. Leaves out what is said of it (`answers`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from slabdes.cli.options import ALL_PROCESSORS, CellsIn, Cluster, Jobs, Json, Out, Quick, Resume, SetKeys
from slabdes.cli.output import print_json, print_sheet, progress_bar, say, say_paragraph
from slabdes.cli.runs import RUNS, at_work
from slabdes.folders import free_folder
from slabdes.signals import hint

Over = Annotated[
    list[str],
    typer.Option("--over", metavar="KEY=8..480", help="A free key: LOW..HIGH, LOW..HIGH:log, or values A,B,C; may be repeated."),
]


def tune(
    experiment: Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment, a TOML file.")],
    minimise: Annotated[
        str,
        typer.Option(
            "--minimise",
            metavar="MEASURE",
            help="What is to be least: alloc.p99, free.mean, waiting ... Default, or of --maximise: the file's first measure.",
        ),
    ] = "",
    maximise: Annotated[str, typer.Option("--maximise", metavar="MEASURE", help="Or to be most: operations/s.")] = "",
    over: Over = [],  # noqa: B006 -- typer needs a list and never changes it
    held: Annotated[
        str, typer.Option("--max-held", metavar="64MiB", help="Only settings whose caches hold at most this when a run ends.")
    ] = "",
    trials: Annotated[int, typer.Option("--trials", metavar="N", min=1, max=10_000, help="Settings to try.")] = 40,
    most: Annotated[
        int | None,
        typer.Option("--most", metavar="N", min=5, help="Replications of the best, at most. Default: the file's, or 40."),
    ] = None,
    settings: SetKeys = [],  # noqa: B006 -- as above
    quick: Quick = False,
    out: Out = None,
    jobs: Jobs = ALL_PROCESSORS,
    resume: Resume = False,
    cells: CellsIn = "",
    cluster: Cluster = None,
    as_json: Json = False,
) -> None:
    """Find the best setting of an experiment's knobs.

    Optuna proposes settings; each is run a few times, and more often only as long as it may be the best. The best, and others
    that hold less memory, are then run anew beside the experiment as written, on random numbers that the search has not seen. The
    last lines printed set the best cache tunables on a running SLAB kernel.
    """
    from slabdes.config import load_experiment
    from slabdes.study.cells import usual_folder
    from slabdes.study.tune import is_begun
    from slabdes.tuning import tune as find

    loaded = load_experiment(experiment, settings, quick=quick)
    folder = out or free_folder(RUNS / f"{experiment.stem}-tuned", resume)
    options: dict[str, Any] = {"trials": trials, "most": most, "out": folder, "jobs": jobs, "resume": resume}
    options |= {"cells": cells or usual_folder(), "executor": cluster}
    hint(lambda: "; settings that were tried are kept, go on with --resume" if is_begun(folder) else "")
    with progress_bar() as progress:
        tuned = find(loaded, over, minimise=minimise, maximise=maximise, max_held=held or None, progress=progress, **options)
    if as_json:
        print_json({"folder": str(folder), **tuned.plain()})
        return
    from slabdes.answers.tuning import tuning_answer, tuning_sheet

    for sentence in tuning_answer(tuned):
        say_paragraph(sentence)
    say("")
    print_sheet(tuning_sheet(tuned.measure, tuned.choices))
    if commands := tuned.commands():
        say(f"{tuned.applied}:")
        for command in commands:
            say(command)
    say(f"results, frames and figures: {folder}")


def sensitivity(
    experiment: Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment, a TOML file.")],
    over: Over = [],  # noqa: B006 -- typer needs a list and never changes it
    measure: Annotated[
        str,
        typer.Option(
            "--measure",
            metavar="MEASURE",
            help="On what: alloc.p99, operations/s, waiting ... Default: the first of the file's measures, or alloc.mean.",
        ),
    ] = "",
    method: Annotated[
        str, typer.Option("--method", metavar="NAME", help="morris: which knobs matter; sobol: parts of the variance, more runs.")
    ] = "morris",
    samples: Annotated[
        int | None, typer.Option("--samples", metavar="N", help="Trajectories (morris, 16) or samples (sobol, 64).")
    ] = None,
    settings: SetKeys = [],  # noqa: B006 -- as above
    quick: Quick = False,
    out: Out = None,
    jobs: Jobs = ALL_PROCESSORS,
    resume: Resume = False,
    cells: CellsIn = "",
    cluster: Cluster = None,
    as_json: Json = False,
) -> None:
    """Say which knobs of an experiment matter at all.

    Settings all over the ranges are run; what each knob does to the measure is told with its interval, beside what other random
    numbers do. Needs SALib: pip install "slabdes[sensitivity]".
    """
    from slabdes.config import load_experiment
    from slabdes.study.cells import usual_folder
    from slabdes.tuning import sensitivity as study

    loaded = load_experiment(experiment, settings, quick=quick)
    folder = out or free_folder(RUNS / f"{experiment.stem}-sensitivity", resume)
    options: dict[str, Any] = {"method": method, "samples": samples, "out": folder, "jobs": jobs, "resume": resume}
    options |= {"cells": cells or usual_folder(), "executor": cluster}
    with at_work(folder) as progress:
        told = study(loaded, over, measure, progress=progress, **options)
    if as_json:
        print_json({"folder": str(folder), **told.plain()})
        return
    from slabdes.answers.sensitivity import sensitivity_answer, sensitivity_sheet

    for sentence in sensitivity_answer(told):
        say_paragraph(sentence)
    say("")
    print_sheet(sensitivity_sheet(told))
    say(f"results, frames and figures: {folder}")

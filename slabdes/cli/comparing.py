# SPDX-License-Identifier: GPL-2.0-only
"""The command that compares: two runs, two sides of one sweep, or two settings of an experiment, replicated until decided.

Leaves out what is said of them (`answers`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slabdes.cli.options import ALL_PROCESSORS, All, CellsIn, Cluster, Jobs, Json, Out, Quick, Resume, SetKeys, each_of, share_of
from slabdes.cli.output import print_json, print_rich, print_sheet, say, say_paragraph
from slabdes.cli.reading import Where, some_points
from slabdes.cli.runs import RUNS, at_work
from slabdes.errors import InputError
from slabdes.folders import free_folder
from slabdes.stats.deciding import FEWEST, MOST_LOOKED_AT

if TYPE_CHECKING:
    from slabdes.runs import Decided


def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN|EXPERIMENT.toml", help="A run folder, or an experiment to be run.")],
    second: Annotated[Path | None, typer.Argument(metavar="[RUN]", help="Another run, compared with the first.")] = None,
    by: Annotated[
        str,
        typer.Option("--by", metavar="KEY|5%", help="Of one sweep: compare this key's values. Of an experiment: what matters."),
    ] = "",
    against: Annotated[
        str,
        typer.Option("--against", metavar="VALUE", help="With --by KEY: what others are set against. Default: the first."),
    ] = "",
    settings: SetKeys = [],  # noqa: B006 -- typer needs a list and never changes it
    others: Annotated[
        list[str], typer.Option("--vs", metavar="KEY=VALUE", help="An experiment's second side, beside --set; may be repeated.")
    ] = [],  # noqa: B006 -- as above
    measures: Annotated[
        list[str],
        typer.Option(
            "--decide",
            metavar="MEASURE",
            help="An experiment's: operations/s, waiting, alloc.p99, free.mean ...; may be repeated, or several with commas. "
            "Default: the file's measures, or operations/s.",
        ),
    ] = [],  # noqa: B006 -- as above
    most: Annotated[
        int | None,
        typer.Option(
            "--most",
            metavar="N",
            min=FEWEST,
            help=f"Likewise: replications of each side, at most. Default: the file's, or {MOST_LOOKED_AT}.",
        ),
    ] = None,
    where: Where = [],  # noqa: B006 -- as above
    quick: Quick = False,
    everything: All = False,
    out: Out = None,
    jobs: Jobs = ALL_PROCESSORS,
    resume: Resume = False,
    cells: CellsIn = "",
    cluster: Cluster = None,
    as_json: Json = False,
) -> None:
    """Compare two runs, two sides of a sweep, or two settings.

    Runs: points with the same machine, CPUs and settings are set side by side, paired by replication. An experiment with --set
    and --vs: both sides are replicated on common random numbers until it is decided which is better in --decide, or that they
    differ by less than --by; it says why.
    """
    if others or (first.suffix == ".toml" and not first.is_dir()):
        if second is not None or where or against:
            given = "a second run" if second is not None else "--where" if where else "--against"
            raise InputError("compare", f"{given} beside an experiment", allowed="EXPERIMENT.toml --set KEY=VALUE --vs KEY=OTHER")
        _decide(
            first,
            settings,
            others,
            measures,
            share_of(by or "0", "--by"),
            most,
            quick,
            out,
            jobs,
            resume,
            cells,
            cluster,
            as_json,
        )
        return
    if settings or quick:
        raise InputError(
            "--set" if settings else "--quick",
            "beside a run",
            allowed="an experiment file: compare EXPERIMENT.toml --set K=V --vs K=W",
        )
    from slabdes.answers.screen import comparison_plain, comparison_table
    from slabdes.measures import compare as comparing
    from slabdes.results.run import Run
    from slabdes.results.text import WIDTH

    one = some_points(Run.load(first), (), where)
    other = None if second is None else some_points(Run.load(second), (), where)
    compared = comparing.compare(one, other, by, (str(first), str(second)), against=against)
    if as_json:
        print_json(comparison_plain(compared))
    else:
        print_rich(comparison_table(compared, everything, str(first)), WIDTH)


def _decide(
    path: Path,
    settings: list[str],
    others: list[str],
    measures: list[str],
    by: float,
    most: int | None,
    quick: bool,
    out: Path | None,
    jobs: int,
    resume: bool,
    cells: str,
    cluster: str | None,
    as_json: bool,
) -> None:
    from slabdes.api import decide
    from slabdes.config import load_experiment
    from slabdes.study.cells import usual_folder

    if not others:
        raise InputError("compare", "there is no second side", allowed="--set KEY=VALUE --vs KEY=OTHER")
    folder = out or free_folder(RUNS / f"{path.stem}-decided", resume)
    loaded, vs = (load_experiment(path, some, quick=quick) for some in (settings, [*settings, *others]))
    with at_work(folder) as progress:
        decided = decide(
            loaded,
            _said(loaded, others),
            _said(vs, others),
            each_of(measures),
            by=by,
            most=most,
            out=folder,
            jobs=jobs,
            resume=resume,
            cells=cells or usual_folder(),
            executor=cluster,
            progress=progress,
        )
    _show(decided, folder, as_json)


def _said(experiment: Any, settings: Iterable[str]) -> dict[str, Any]:
    """What an experiment has under the keys that settings name."""
    from slabdes.measures.differences import setting_of

    told = experiment.model_dump(mode="json")
    return {key: setting_of(told, key) for key in (setting.partition("=")[0].strip() for setting in settings)}


def _show(decided: Decided, folder: Path, as_json: bool) -> None:
    from slabdes.answers.decision import decision_answer, decision_sheet

    if as_json:
        print_json({"folder": str(folder), **decided.plain()})
        return
    for sentence in decision_answer(decided.compared, decided.outcomes, decided.looks):
        say_paragraph(sentence)
    say("")
    print_sheet(decision_sheet(decided.compared, decided.outcomes))
    say(f"results, frames and figures of both sides: {folder}")

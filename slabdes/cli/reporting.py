# SPDX-License-Identifier: GPL-2.0-only
"""The command that makes a page of a run. Leaves out what is on it (`pages`)."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from slabdes.cli.options import Json, RunFolder
from slabdes.cli.output import print_json, say
from slabdes.errors import MAX_LINE, SlabdesError, shown
from slabdes.files import check_place, write_new

if TYPE_CHECKING:
    from slabdes.pages.steps import Steps
    from slabdes.results.run import Run

_FIRST = 12
"""Operations that are told step by step (a choice: some 30 kB)."""
_ALLOWED = "a new file, where you may write: --out ~/report.html"


def report(
    folder: RunFolder,
    second: Annotated[Path | None, typer.Argument(metavar="[RUN]", help="Another run, compared with the first.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The page, a new file. Default: RUN-report.html.")
    ] = None,
    as_json: Json = False,
) -> None:
    """A page about a run or two, one HTML file.

    It opens offline: the answer, the picture that shows it, tables, charts to explore, and how to run it again; of two runs
    what differs. A run may be a folder of tune, of sensitivity, or of compare's experiment. Needs pip install "slabdes[report]".
    """
    from slabdes.cli.by_load import kept_loads
    from slabdes.pages.report import comparison_page, run_page
    from slabdes.results.run import Run

    run, other = Run.load(folder), None if second is None else Run.load(second)
    target = out or _free(folder.resolve())
    check_place(target, _ALLOWED)
    if other is None or second is None:
        made = _answered(run, folder) or run_page(run, folder, _steps(run, folder), kept_loads(folder))
    else:
        made = comparison_page(run, other, (folder, second))
    write_new(target, made)
    if as_json:
        print_json({"page": str(target)})
    else:
        say(str(target))


def _answered(run: Run, folder: Path) -> str:
    """The page of a run that was made to answer something; nothing of one that was not."""
    from slabdes.answers.decision import decision_answer, decision_sheet
    from slabdes.answers.sensitivity import sensitivity_answer, sensitivity_sheet
    from slabdes.answers.tuning import tuning_answer, tuning_sheet
    from slabdes.cli.again import compare_command, sensitivity_command, tune_command, without_sweep
    from slabdes.pages.report import FILE, Again, Apply, answered_page
    from slabdes.runs import Decided
    from slabdes.study import decide, sensitivity, tune
    from slabdes.study.kept import asked_of, search_asked
    from slabdes.tuning import Sensitivity, Tuned

    match asked_of(folder, run):
        case tune.Tuned() as found:
            tuned = Tuned(**vars(found))
            tables = [tuning_sheet(tuned.measure, tuned.choices), decision_sheet(tuned.compared, {tuned.measure: tuned.outcome})]
            again = Again(tune_command(FILE, tuned.knobs, search_asked(folder)), without_sweep(run))
            answer, apply = tuning_answer(tuned), Apply(tuned.applied, tuned.commands())
            chart = [tuned.chart()]
            return answered_page(run, folder, "the best setting", answer, chart, tables, again, tuned.compared, apply)
        case decide.Decided() as found:
            decided = Decided(**vars(found))
            answer = decision_answer(decided.compared, decided.outcomes, decided.looks)
            sides = run.manifest.experiment["zip"]
            command = compare_command(FILE, sides, decided.outcomes, decided.looks)
            again = Again(command, run.manifest.experiment if command == f"slabdes run {FILE}" else without_sweep(run))
            tables = [decision_sheet(decided.compared, decided.outcomes)]
            return answered_page(
                run,
                folder,
                " against ".join(decided.compared.sides[::-1]),
                answer,
                [decided.chart()],
                tables,
                again,
                decided.compared,
            )
        case sensitivity.Sensitivity() as found:
            told = Sensitivity(**vars(found))
            command = sensitivity_command(FILE, told.knobs, told.measure, told.method, told.samples)
            again = Again(command, without_sweep(run))
            answer, tables = sensitivity_answer(told), [sensitivity_sheet(told)]
            return answered_page(run, folder, "which knobs matter", answer, told.charts(), tables, again)
    return ""


def _steps(run: Run, folder: Path) -> Steps:
    """The first operations of one CPU, or why they are not told."""
    from slabdes.answers.tables import view_of
    from slabdes.pages.steps import steps_of, untold
    from slabdes.study.first import first_told

    point = view_of(run).most_waiting()
    command = f"slabdes explain {quote(shown(folder, MAX_LINE))}" + (f" --point {point}" if run.points.height > 1 else "")
    try:
        return steps_of(first_told(folder, run.manifest, point, _FIRST), command)
    except SlabdesError as error:
        return untold(error, command)


def _free(folder: Path) -> Path:
    """The default name beside the run's folder, with the first number behind it that nothing has."""
    number, chosen = 1, folder.with_name(f"{folder.name}-report.html")
    while chosen.exists():
        number += 1
        chosen = folder.with_name(f"{folder.name}-report-{number}.html")
    return chosen

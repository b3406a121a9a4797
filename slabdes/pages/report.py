# SPDX-License-Identifier: GPL-2.0-only
"""The page of a run: its answer, the picture that shows it, tables, charts to explore, and how to run it again; one HTML file.

It asks nobody for anything: Vega's script, the style and all data are in it. Leaves out writing the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from slabdes.answers.answer import answer
from slabdes.answers.comparison import comparison_about, comparison_answer, comparison_remarks, comparison_sheets
from slabdes.answers.left_out import LEFT_OUT
from slabdes.answers.loads import load_remark, load_sheet
from slabdes.answers.screen import about, remarks, warnings
from slabdes.answers.tables import View, view_of
from slabdes.charts.by_load import by_load
from slabdes.charts.chart import Chart
from slabdes.config.written import toml_text, without_defaults
from slabdes.errors import MAX_LINE, shown
from slabdes.measures.compare import Comparison, compare
from slabdes.pages.charts import charts_of, charts_of_both, with_drawings
from slabdes.pages.html import drawn, figure_of, rendered, settings
from slabdes.pages.script import check_installed
from slabdes.pages.settings import names, tables_of
from slabdes.pages.steps import Steps
from slabdes.results.run import Run
from slabdes.results.text import Sheet

if TYPE_CHECKING:
    from slabdes.measures.loads import KeptLoads
    from slabdes.pages.drawing import Drawing

FILE: Final = "experiment.toml"
"""What a page calls the experiment that is on it."""

NO_LOG: Final = (
    "Queues, the costliest convoy and hand-overs from CPU to CPU are drawn from an event log, which this run has not kept: "
    f"slabdes run {FILE} --set log=true does (the file is at the end of this page), and slabdes timeline {FILE} shows every "
    "wait on a time axis."
)
"""Of a run whose CPUs wait for locks."""
_BEFORE_FILE: Final = re.compile(r"^\S*/([^/\s:]+: )")
"""The folders of a file that a line begins with."""


@dataclass(frozen=True)
class Source:
    """Where a run comes from, and what runs it again: `command`, with `experiment` in the file `file`.

    `experiment` has what differs from the defaults, `whole` everything.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    file: str
    command: str
    experiment: str
    whole: str


@dataclass(frozen=True)
class Apply:
    """What `commands` do, in words that begin small, and the commands: to be copied."""

    words: str
    commands: Sequence[str]


@dataclass(frozen=True)
class Again:
    """The command that makes a study once more, of the `experiment` in the file FILE."""

    command: str
    experiment: Mapping[str, Any]


def run_page(run: Run, folder: Path, steps: Steps | None = None, loads: KeptLoads | None = None) -> str:
    """The page of one run, which lies in `folder`, with its first operations if they are told, and a replay's answer by load.

    Raises InputError where what it is made with is not installed.
    """
    check_installed()
    view = view_of(run)
    named = names(view)
    charts = [*charts_of(run, folder, view.most_waiting(), named)]
    logged = any(chart.name == "queues" for chart, _drawing in charts) or not run.frames.contention_points.height
    return page(
        title=shown(run.manifest.name, MAX_LINE),
        about=about(run),
        answer=[*(shown(sentence, 4 * MAX_LINE) for sentence in (loads.answer if loads else ())), *answer(view)],
        warnings=_warnings(run),
        charts=[*with_drawings([by_load(loads.points)] if loads else []), *charts],
        leading=1,
        lacks="" if logged else NO_LOG,
        tables=[_load_table(loads)] if loads else [],
        by_setting=tables_of(view, named),
        remarks=_remarks(view, folder),
        steps=steps,
        sources=[source(run)],
    )


def comparison_page(first: Run, second: Run, folders: tuple[Path, Path]) -> str:
    """The page of two runs side by side, likewise. Raises InputError where they cannot be compared."""
    check_installed()
    names = (shown(str(folders[0])), shown(str(folders[1])))
    compared = compare(first, second, "", names)
    return page(
        title=f"{shown(second.manifest.name, MAX_LINE)}: {names[1]} against {names[0]}",
        about=comparison_about(compared),
        answer=comparison_answer(compared),
        warnings=[*_warnings(first), *_warnings(second)],
        charts=charts_of_both(compared, first, second),
        leading=2,
        tables=comparison_sheets(compared),
        remarks=comparison_remarks(compared),
        sources=[source(first, names[0], "first.toml"), source(second, names[1], "second.toml")],
    )


def answered_page(
    run: Run,
    folder: Path,
    what: str,
    answer: Sequence[str],
    charts: Sequence[Chart],
    tables: Sequence[Sheet],
    again: Again,
    compared: Comparison | None = None,
    apply: Apply | None = None,
) -> str:
    """The page of a run in `folder` that was made to answer something: `what`, such as a search for the best setting.

    `apply` stands beneath the answer; `charts` come first, and the two sides of `compared`, if any are, after them. Raises
    InputError likewise.
    """
    check_installed()
    sides = () if compared is None else charts_of_both(compared, run, run)
    beneath = () if compared is None else charts_of(run, folder, compared.pairs[0].points[1])
    return page(
        title=f"{shown(run.manifest.name, MAX_LINE)}: {what}",
        about=about(run),
        answer=answer,
        apply=apply,
        warnings=_warnings(run),
        charts=[*with_drawings(charts), *sides, *beneath],
        leading=1,
        tables=tables,
        remarks=(),
        sources=[source(run, again=again)],
    )


def _warnings(run: Run) -> list[str]:
    """What a run warns of; a file by its name alone, since the page may be read elsewhere."""
    return [_BEFORE_FILE.sub(r"\1", warning.removeprefix("warning: ")) for warning in warnings(run)]


def _load_table(loads: KeptLoads) -> Sheet:
    remark = load_remark(loads.replications)
    return replace(load_sheet(loads.points), remarks=(remark,) if remark else ())


def _remarks(view: View, folder: Path) -> list[str]:
    return list(remarks(replace(view, chosen=view.most_waiting()), shown(str(folder))))


def source(run: Run, title: str = "", file: str = FILE, again: Again | None = None) -> Source:
    """The provenance of a run; not the name of the computer that it ran on. `again` is what makes it, if that is no `run`."""
    manifest = run.manifest
    told = manifest.provenance
    libraries = ", ".join(f"{name} {version}" for name, version in manifest.libraries.items())
    facts = {
        "slabdes": manifest.slabdes,
        "Python": manifest.python,
        "libraries": libraries,
        "engine": manifest.engine,
        "seed": str(manifest.seed),
        "replications": str(manifest.replications),
        "run on": str(told.get("date", "")),
        "digest": manifest.digest,
    }
    read = told.get("read")
    inputs = read.get("inputs") if isinstance(read, Mapping) else None
    if isinstance(read, Mapping) and (sources := read.get("sources")):
        facts["SHA-256 of slabdes's sources"] = str(sources)
    if isinstance(inputs, Mapping):
        facts |= {f"SHA-256 of {shown(str(name))}": str(digest) for name, digest in inputs.items()}
    experiment = manifest.experiment if again is None else again.experiment
    return Source(
        title=title or shown(manifest.name, MAX_LINE),
        facts=tuple((name, shown(value, MAX_LINE)) for name, value in facts.items() if value),
        file=file,
        command=f"slabdes run {file}" if again is None else again.command,
        experiment=toml_text(without_defaults(experiment, file)),
        whole=toml_text(experiment),
    )


def page(*, charts: Iterable[tuple[Chart, Drawing]], **told: Any) -> str:
    """The HTML of a page; whatever text it is told is escaped. Each chart comes with its drawing."""
    pairs = list(charts)
    data = {"charts": {chart.name: drawn(chart, drawing) for chart, drawing in pairs}, **settings()}
    figures = [figure_of(*pair) for pair in pairs]
    return rendered("page.html", ["page.css"], "page.js", **told, charts=figures, data=data, left_out=LEFT_OUT)

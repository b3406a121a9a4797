# SPDX-License-Identifier: GPL-2.0-only
"""A run as people see it first: the answer in sentences, where it comes from, tables, warnings; and as plain values.

For a terminal 100 columns wide, for a notebook, and for programs. Leaves out colour as the only carrier of meaning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from io import StringIO
from shlex import quote
from textwrap import fill
from typing import TYPE_CHECKING, Any

from slabdes.answers.answer import answer
from slabdes.answers.comparison import comparison_about, comparison_answer, comparison_remarks, comparison_sheets
from slabdes.answers.figures import label_keys, short
from slabdes.answers.tables import View, sheets, view_of
from slabdes.errors import MAX_LINE, shown
from slabdes.measures.compare import Comparison
from slabdes.measures.steady import steady
from slabdes.results import metrics
from slabdes.results.run import Run
from slabdes.results.text import WIDTH, html_table, plain_text, rich_table, setting_text

if TYPE_CHECKING:
    from rich.console import Group, RenderableType


MOST_MACHINES = 3
SPREAD = (
    "±: half the 95 % interval over replications, in % of the figure (of a share, in points); without: all replications have the "
    "same, or it is a greatest time (max), or of a warm-up, which have none."
)
ONE = "1 replication: no interval."


def about(run: Run) -> list[str]:
    """Where the run comes from, a printable line each: workload and machine, replications and seed, digest."""
    times = run.manifest.replications
    repeated = f"{times} replication{'s' if times != 1 else ''}"
    only = run.points.row(0, named=True) if run.points.height == 1 else {}
    kept = [key for key in run.frames.swept_keys() if key in only]
    setting = "".join(f", {word} {setting_text(only[key])}" for word, key in zip(short(kept), kept, strict=True))
    lines = (
        f"{shown(run.manifest.name)}: {run.manifest.workload or 'several workloads'} on {_machines(run)}{setting}",
        f"{repeated} of seed {run.manifest.seed}; engine {run.manifest.engine}",
        f"digest {run.digest}",
    )
    return [shown(line, 2 * MAX_LINE) for line in lines]


def _machines(run: Run) -> str:
    """Each machine, and how much of it is used."""
    told = []
    for name in dict.fromkeys(run.points["machine"].to_list()):
        points = run.points.filter(machine=name)
        fewest, most = points.select(fewest=points["cpus"].min(), most=points["cpus"].max()).row(0)
        used = f"{most}" if fewest == most else f"{fewest} to {most}"
        told.append(f"{shown(name)} ({used}{_part(run, name, most)})")
    return shown(", ".join(told) if len(told) <= MOST_MACHINES else f"{', '.join(told[:MOST_MACHINES])} ...", MAX_LINE)


def _part(run: Run, name: str, most: int) -> str:
    """Of how many CPUs and nodes, as far as the manifest says; the nodes are those of the point with the most CPUs."""
    machine = run.manifest.machines.get(name, {})
    cpus, nodes = machine.get("cpus"), machine.get("nodes")
    if not isinstance(cpus, int) or not isinstance(nodes, list):
        return f" CPU{'s' * (most != 1)}"
    point = run.points.filter(machine=name).sort("cpus", descending=True)["point"][0]
    used = metrics.at_work(run.frames).filter(point=point)["node"].n_unique()
    if most == cpus:
        return " CPUs, all that it has"
    how = {"trace": "--cpus", "producer_consumer": "workload.pairs"}.get(run.manifest.workload, "machine.placement")
    return f" of {cpus} CPUs, {used} of {len(nodes)} node{'s' * (len(nodes) != 1)}; {how} places them"


def warnings(run: Run) -> list[str]:
    """What the run warns of, a printable line each."""
    return [f"warning: {shown(warning, MAX_LINE)}" for warning in run.warnings]


def remarks(view: View, folder: str = "RUN") -> Iterator[str]:
    """What is said once beneath the tables: what ± is, where there is any; and where other settings and rows are seen."""
    if view.run.manifest.replications > 1:
        yield SPREAD
    if view.everything:
        return
    if len(view.points) > 1 and view.chosen is None:
        keys = label_keys(view.run.frames)
        example = f", --where {short(keys[:1])[0]}={quote(setting_text(view.run.points[keys[0]][0]))}" if keys else ""
        shown_one = f"Point {view.most_waiting()} is shown where room is for one"
        yield f"{shown_one}; slabdes show {folder} --point N{example} or --all shows others."
    else:
        yield f"slabdes show {folder} --all shows every row."


def answer_text(view: View) -> str:
    """The answer for a terminal, a line or two a sentence."""
    return "\n".join(fill(sentence, WIDTH) for sentence in answer(view))


def table(run: Run, everything: bool = False, folder: str = "RUN", assumed: Sequence[str] = ()) -> Group:
    """Everything for a terminal: the answer, where it comes from, the tables, warnings; `folder` is where the run lies.

    `assumed` is what was taken for granted for it.
    """
    from rich.console import Group

    view = view_of(run, everything)
    parts: list[RenderableType] = [plain_text(answer_text(view)), plain_text("")]
    parts += [plain_text("\n".join(fill(line, WIDTH) for line in (*about(run), *assumed))), plain_text("")]
    parts += [rich_table(sheet) for sheet in sheets(view)]
    parts += [plain_text(fill(remark, WIDTH)) for remark in remarks(view, folder)]
    parts += [plain_text(warning, "yellow") for warning in warnings(run)]
    return Group(*parts)


def as_plain(run: Run) -> dict[str, Any]:
    """The run for a program: plain JSON values, times in ns, a list of rows for each table, and every figure's interval."""
    manifest = run.manifest
    view = view_of(run)
    return {
        "name": manifest.name,
        "answer": answer(view),
        "digest": run.digest,
        "engine": manifest.engine,
        "seed": manifest.seed,
        "replications": manifest.replications,
        "points": run.points.to_dicts(),
        "summary": run.summary().to_dicts(),
        "response": run.response_times().to_dicts(),
        "loads": run.loads().to_dicts(),
        "locks": run.per_lock().to_dicts(),
        "waits_for": run.waits_for().to_dicts(),
        "paths": run.per_path().to_dicts(),
        "caches": run.per_cache().to_dicts(),
        "time": run.where_time_went().to_dicts(),
        "operations_time": run.where_operations_went().to_dicts(),
        "interrupts": run.interrupt_summary().to_dicts(),
        "reaping": run.reap_summary().to_dicts(),
        "upkeep": run.upkeep_summary().to_dicts(),
        "upkeep_locks": run.per_upkeep().to_dicts(),
        "slub": view.run.frames.slub.to_dicts(),
        "steady": [row.values for row in steady(run.frames)],
        "intervals": view.figures.plain(),
        "warnings": list(run.warnings),
    }


def beneath_html(view: View) -> str:
    """What a notebook shows beneath the answer: where it comes from, tables, warnings; every text is escaped."""
    run = view.run
    parts = [f"<p>{'<br>'.join(escape(line) for line in about(run))}</p>"]
    parts += [html_table(sheet) for sheet in sheets(view)]
    parts += [f"<p>{escape(remark)}</p>" for remark in remarks(view)]
    if run.warnings:
        parts.append(f"<ul>{''.join(f'<li>{escape(warning)}</li>' for warning in warnings(run))}</ul>")
    return "\n".join(parts)


def comparison_table(compared: Comparison, everything: bool = False, folder: str = "") -> Group:
    """A comparison for a terminal: the answer, what is compared, tables; `folder` is where the one run lies, if it is one."""
    from rich.console import Group

    told = [fill(sentence, WIDTH) for sentence in comparison_answer(compared)]
    told += ["", *(fill(line, WIDTH) for line in comparison_about(compared, folder)), ""]
    parts: list[RenderableType] = [plain_text(line) for line in told]
    parts += [rich_table(sheet) for sheet in comparison_sheets(compared, everything)]
    parts += [plain_text(fill(remark, WIDTH)) for remark in comparison_remarks(compared)]
    return Group(*parts)


def comparison_plain(compared: Comparison) -> dict[str, Any]:
    """The comparison for a program: what it says, what is compared, and every measure of each pair of points."""
    return {
        "answer": comparison_answer(compared),
        "about": comparison_about(compared),
        "remarks": comparison_remarks(compared),
        "measures": compared.frame().to_dicts(),
    }


def comparison_text(compared: Comparison) -> str:
    """The same as text."""
    from rich.console import Console

    text = StringIO()
    Console(file=text, width=WIDTH, highlight=False, color_system=None).print(comparison_table(compared))
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def comparison_beneath_html(compared: Comparison) -> str:
    """What a notebook shows beneath its answer; every text is escaped."""
    parts = [f"<p>{'<br>'.join(escape(line) for line in comparison_about(compared))}</p>"]
    parts += [html_table(sheet) for sheet in comparison_sheets(compared)]
    return "\n".join([*parts, *(f"<p>{escape(remark)}</p>" for remark in comparison_remarks(compared))])

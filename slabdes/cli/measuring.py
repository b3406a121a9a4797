# SPDX-License-Identifier: GPL-2.0-only
"""Commands that measure and compare with measurements: bench, validate, fit."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from slabdes.cli.options import ALL_PROCESSORS, EXIT_CHECK, Jobs, Json
from slabdes.cli.output import print_json, print_sheet, progress_bar, say
from slabdes.errors import InputError, nearest


def bench(
    cpus: Annotated[list[int], typer.Option("--cpus", min=1, max=256, help="CPUs to measure with; may be repeated.")] = [],  # noqa: B006 -- typer needs a list and never changes it
    scenario: Annotated[list[str], typer.Option("--scenario", metavar="NAME", help="hits or refills; may be repeated.")] = [],  # noqa: B006 -- as above
    part: Annotated[list[str], typer.Option("--part", metavar="NAME", help="speed, growth, start, cells, allocators.")] = [],  # noqa: B006 -- as above
    rounds: Annotated[int, typer.Option("--rounds", min=1, max=1000, help="Interleaved rounds; medians are shown.")] = 5,
    operations: Annotated[
        str | None, typer.Option("--operations", metavar="N", help="Instead: one run of so many (as 1e9), compiled beside C.")
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option("--trace", metavar="TRACE", help="Instead: read this trace, compiled, and its beginning in Python."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Speed only, with few operations: coarse figures in a minute.")] = False,
    as_json: Json = False,
) -> None:
    """The engines' speed beside a plain model and C.

    Measures here, interleaved in one process, beside a plain SimPy model and a version in C. Takes some minutes.
    """
    from slabdes.study.bench import QUICK, Part, bench, bench_long, bench_reading
    from slabdes.study.bench.growth import CPUS as LONG_CPUS
    from slabdes.study.bench.scenarios import CPUS, Scenario
    from slabdes.study.bench.tables import remarks, sheets

    scenarios = _named_ones("--scenario", Scenario, scenario)
    parts = (Part.SPEED,) if quick and not part else _named_ones("--part", Part, part)
    with progress_bar() as progress:
        if trace is not None:
            measured = bench_reading(trace, progress)
        elif operations is not None:
            measured = bench_long(_operations(operations), tuple(cpus) or (LONG_CPUS,), scenarios, progress)
        else:
            measured = bench(parts, tuple(cpus) or CPUS, scenarios, rounds, QUICK if quick else None, tell=progress)
    if as_json:
        print_json(measured, indent=None)
        return
    for sheet in sheets(measured):
        print_sheet(sheet)
    for remark in remarks(measured):
        say(remark)


Choice = TypeVar("Choice", bound=StrEnum)


def _named_ones(option: str, choices: type[Choice], names: list[str]) -> tuple[Choice, ...]:
    """The choices of these names, all of them for none. InputError for a name that is not one."""
    known = {choice.value: choice for choice in choices}
    for name in names:
        if name not in known:
            raise InputError(option, f"{name!r} is not known{nearest(name, known)}", allowed=" or ".join(known))
    return tuple(known[name] for name in names) or tuple(choices)


MAX_BENCH_OPERATIONS = 10**12


def _operations(text: str) -> int:
    """A number of operations, as 1000000 or 1e6."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value <= MAX_BENCH_OPERATIONS:
        raise InputError("--operations", f"{text!r} is no number of operations", allowed=f"1 to {MAX_BENCH_OPERATIONS:.0e}")
    return round(value)


def validate(
    targets: Annotated[list[str], typer.Argument(metavar="[TARGET]...", help="Targets; all of them by default.")] = [],  # noqa: B006 -- as above
    without: Annotated[
        list[str],
        typer.Option(
            "--without", metavar="RULE", help="Leave out a rule: spinners_slow_holder, smt_siblings, first_touch, jitter ..."
        ),
    ] = [],  # noqa: B006 -- as above
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="New or empty folder for report.json and a chart a target.")
    ] = None,
    brief: Annotated[bool, typer.Option("--brief", help="Only what each target allows and what was found.")] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Only the table of errors, as Markdown: a row a target, as in TRUST.")
    ] = False,
    jobs: Jobs = ALL_PROCESSORS,
    as_json: Json = False,
) -> None:
    """Published measurements against simulated ones, side by side.

    Every target is simulated and compared: what was measured, what is simulated, the error, what was calibrated on what.
    Figures that nobody here has seen measured are marked blind. Exits 1 if a target misses a tolerance that was stated.
    """
    from slabdes.api import validate as run_targets
    from slabdes.validation.markdown import table_text
    from slabdes.validation.report import brief_sheet, lines, sheets, verdict

    if markdown and (as_json or brief):
        beside = "--json" if as_json else "--brief"
        raise InputError("--markdown", f"beside {beside}", allowed="one of --markdown, --json and --brief")
    with progress_bar() as progress:
        report = run_targets(*targets, without=without, out=out, jobs=jobs, progress=progress)
    if as_json:
        print_json(report.plain() | {"verdict": verdict(report)})
    elif markdown:
        say(table_text(report))
    else:
        if brief:
            print_sheet(brief_sheet(report))
        for one in () if brief else report.targets:
            say("\n".join(lines(one)))
            for sheet in sheets(one):
                print_sheet(sheet)
            say("")
        if out is not None:
            say(f"report and charts: {out}")
        say("\n".join(verdict(report)))
    if not report.holds:
        raise typer.Exit(EXIT_CHECK)


def predictions(
    sets: Annotated[
        list[str], typer.Argument(metavar="[SET]...", help="stages, two_cores, locks, pages; all of them by default.")
    ] = [],  # noqa: B006 -- as above
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.csv", help="Write them to this file, a new one.")] = None,
    jobs: Jobs = ALL_PROCESSORS,
) -> None:
    """Predictions of what nobody here has seen measured, as CSV.

    What is written is what lies in the package as validation/predictions.csv, for measurements to be laid beside it later.
    """
    from slabdes.validation.predictions import predictions as predict
    from slabdes.validation.predictions import table_text, write_table

    command = " ".join(("slabdes predictions", *sets))
    with progress_bar() as progress:
        text = table_text(predict(sets, jobs=jobs, progress=progress), command)
    if out is None:
        say(text.rstrip("\n"))
    else:
        write_table(out, text)
        say(f"predictions: {out}")


def fit(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE", help="A calibrated preset's name, or a file: an experiment, free costs, what was measured."
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.toml", help="Write the fitted machine, a new file.")] = None,
    jobs: Jobs = 1,
    as_json: Json = False,
) -> None:
    """Find a few of a machine's costs from measurements.

    At most three numbers are free. Tells each with its confidence interval, the error that is left at every figure, and
    whether the fit is poor; exits 1 if it is.
    """
    from slabdes.api import fit as run_fit
    from slabdes.validation.fit_sheets import fit_sheets

    command = f"slabdes fit {table.name}" + (f" --out {out.name}" if out is not None else "")
    with progress_bar() as progress:
        found = run_fit(table, out=out, command=command, jobs=jobs, progress=progress)
    if as_json:
        print_json(asdict(found) | {"costs": found.costs})
    else:
        for sheet in fit_sheets(found):
            print_sheet(sheet)
        say("\n".join(f"poor fit: {reason}" for reason in found.poor) or "the fit is not poor")
        if out is not None:
            say(f"machine: {out}")
    if found.poor:
        raise typer.Exit(EXIT_CHECK)

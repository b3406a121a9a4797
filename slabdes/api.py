# SPDX-License-Identifier: GPL-2.0-only
"""What users import: run experiments, read results, look at machines and at what the real allocator did.

Thin on purpose: everything here is one call into the room that does it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from slabdes.activity import seen
from slabdes.config import Experiment, load_experiment, parse_experiment, with_settings
from slabdes.errors import shown
from slabdes.measures import compare as stats_compare
from slabdes.measures.names import DEFAULT, measure_of
from slabdes.results import run as results_run
from slabdes.results.event_log import times_in_order
from slabdes.results.frames import Frames
from slabdes.results.manifest import Manifest
from slabdes.runs import Comparison, Decided, Run, Study, TraceInfo, with_plots
from slabdes.stats.deciding import MOST_LOOKED_AT, Looks
from slabdes.stats.intervals import CONFIDENCE
from slabdes.stats.long_runs import LongRun
from slabdes.stats.long_runs import long_run as long_run_of
from slabdes.study import decide as deciding
from slabdes.study import returns as leaving
from slabdes.study import trace_info as traces
from slabdes.study.cells import kept_in
from slabdes.study.cluster import Where
from slabdes.study.kept import DECISION
from slabdes.study.precise import UntilPrecise
from slabdes.study.returns import Returns
from slabdes.study.run import run_study
from slabdes.study.spools import Phase, Spools

if TYPE_CHECKING:
    from slabdes.validation.fit import Fit
    from slabdes.validation.report import Report

Source = results_run.Run | Path | str
"""A run, or the folder that it lies in."""
NO_SETTINGS: Final[Mapping[str, Any]] = MappingProxyType({})
FIGURES = "figures"
"""Where in a run folder the figures lie."""


def experiment_of(source: Experiment | Mapping[str, Any] | Path | str, settings: Mapping[str, Any] = NO_SETTINGS) -> Experiment:
    """An experiment from a TOML file's path or from a mapping with the same keys, and other `settings` by dotted keys.

    Raises InputError in one line.
    """
    if isinstance(source, Experiment):
        loaded = source
    elif isinstance(source, Mapping):
        loaded = parse_experiment(source, "experiment")
    else:
        loaded = load_experiment(Path(source))
    return with_settings(loaded, settings, "settings") if settings else loaded


def asked(experiment: Experiment, where: str, *, measures: str | Sequence[str] = (), **given: Any) -> Experiment:
    """The experiment with what is to be known of it as options say, where they do: precision, most, measures.

    Raises InputError, which begins with `where`, for a measure that there is not.
    """
    named = (measures,) if isinstance(measures, str) else tuple(measures)
    for name in named:
        measure_of(name, where)
    given |= {"measures": named}
    return experiment.model_copy(update={key: value for key, value in given.items() if value not in (None, ())})


def simulate(
    experiment: Experiment | Mapping[str, Any] | Path | str,
    settings: Mapping[str, Any] = NO_SETTINGS,
    *,
    out: Path | str | None = None,
    jobs: int = 1,
    resume: bool = False,
    progress: Phase | None = None,
    where: str | None = None,
    spools: Spools | None = None,
    precision: float | None = None,
    measures: str | Sequence[str] = (),
    most: int | None = None,
    cells: Path | str | None = None,
    executor: Where = None,
    figures: bool = True,
) -> Run:
    """Run an experiment, given as an `Experiment`, a mapping or a TOML file, and return its results.

    `settings` change it by dotted keys, as `--set` does: `{"cache.0.limit": 60, "machine.cpus": 8}`; what they set is not swept.
    With `out` a run folder is written there: manifest, Parquet frames and, unless not wanted, `figures`. `jobs` processes share
    replications and points; `resume` goes on after an interruption. `progress` hears (what, done, total); without it, what takes
    long shows on standard error (never, with SLABDES_PROGRESS=off in the environment). `where` begins errors about the
    experiment; by default the file's name, where a file is given. `spools` has traces that were read before. With `precision`,
    replications are added until the interval of each of `measures` (as in `decide`) is at most that share of its value to either
    side at every point, or there are `most` of them; what of the three is not given is the experiment's. Replications that were
    run once are kept in the folder `cells`, for every study, and not run again; without it in SLABDES_CELLS, where the
    environment has that, else nowhere. `executor`, any of concurrent.futures (mpi4py's, say), runs replications in place of
    `jobs` processes; or a Dask cluster: its scheduler's address, or "local" for one of `jobs` workers here. Raises SlabdesError.
    """
    folder = None if out is None else Path(out)
    if where is None and isinstance(experiment, Path | str):
        where = str(experiment)
    loaded = asked(experiment_of(experiment, settings), "--measure", precision=precision, most=most, measures=measures)
    until = UntilPrecise.asked(loaded)
    options: dict[str, Any] = {"out": folder, "jobs": jobs, "resume": resume, "where": where}
    options |= {"cells": kept_in(cells), "executor": executor, "draw": draw_figures if figures else None}
    with seen(progress) as phase:
        begun = loaded if until is None else until.begun(loaded)
        run = run_study(begun, phase=phase, spools=spools, until=until, **options)
    return with_plots(run)


def sweep(
    experiment: Experiment | Mapping[str, Any] | Path | str, over: Mapping[str, Any] | None = None, **options: Any
) -> Study:
    """Run an experiment at every combination of `over` (dotted keys to lists of values) and of its own sweep.

    `options` are those of `simulate`.
    """
    base = experiment_of(experiment)
    raw = base.model_dump(mode="json", exclude_unset=True)
    raw["sweep"] = {**raw.get("sweep", {}), **(over or {})}
    run = simulate(parse_experiment(raw, "sweep"), **options)
    return Study(run.manifest, run.frames)


def compare(
    first: Source, second: Source | None = None, *, by: str = "", against: str = "", confidence: float = CONFIDENCE
) -> Comparison:
    """What `second` changes against `first`: rates, times and waiting, paired by replication.

    Each is a Run, a Study or a run folder; their points with the same machine, CPUs and settings are set side by side, or, if
    both have a single point, just these. With `by`, one study's values of that key are compared with `against`, or with the
    first. Raises InputError.
    """
    one, other = _run_of(first), None if second is None else _run_of(second)
    sides = ("first", "second") if other is None or _side(one) == _side(other) else (_side(one), _side(other))
    return Comparison(**vars(stats_compare.compare(one, other, by, sides, confidence, against)))


def decide(
    experiment: Experiment | Mapping[str, Any] | Path | str,
    first: Mapping[str, Any],
    second: Mapping[str, Any],
    measures: str | Sequence[str] = (),
    *,
    by: float = 0.0,
    most: int | None = None,
    out: Path | str | None = None,
    jobs: int = 1,
    resume: bool = False,
    progress: Phase | None = None,
    cells: Path | str | None = None,
    executor: Where = None,
) -> Decided:
    """Which of two settings of an experiment is better, by dotted keys: replicated until that is decided, or `most` times.

    `measures`, one or several: operations/s, waiting, or a time such as alloc.p99; each is decided, and all of it together errs
    as rarely as one would. Where they, or `most`, are not given, they are the experiment's. `by` is the difference that does not
    matter, as a share of the first side. Both sides see the same random numbers. The rest is as in `simulate`. Raises
    SlabdesError.
    """
    loaded = asked(experiment_of(experiment), "--decide", most=most, measures=measures)
    looks, named = Looks(loaded.most or MOST_LOOKED_AT, by), loaded.measures or (DEFAULT,)
    folder = None if out is None else Path(out)
    with seen(progress) as phase:
        options: dict[str, Any] = {"out": folder, "jobs": jobs, "resume": resume, "phase": phase, "draw": _draw_decided}
        options |= {"cells": kept_in(cells), "executor": executor}
        found = deciding.decide(loaded, first, second, [measure_of(name) for name in named], looks, **options)
    return Decided(**vars(found))


def long_run(folder: Path | str, op: str = "alloc", *, point: int = 0, replication: int = 0) -> LongRun:
    """One replication's operations as a series in time, in ns: warm-up, mean and percentiles with intervals of that one run.

    `folder` is that of a run with `log = true`, of a workload that has a steady state. Raises InputError without a log of it, for
    an operation that is not in it, and for fewer operations than intervals take.
    """
    return long_run_of(times_in_order(Path(folder), op, point, replication))


def _side(run: results_run.Run) -> str:
    """What a run is called: its name, and the settings of its only point."""
    keys = run.frames.swept_keys() if run.points.height == 1 else []
    return ", ".join((run.manifest.name, *(f"{key} {shown(run.points[key].item())}" for key in keys)))


def _run_of(source: Source) -> results_run.Run:
    return source if isinstance(source, results_run.Run) else Run.load(source)


def trace_info(trace: Path | str, *, progress: Phase | None = None) -> TraceInfo:
    """What is in a kmem trace: caches, CPUs, load, what is lost, and what to run next. Raises InputError, in one line."""
    with seen(progress) as report:
        return TraceInfo(**vars(traces.trace_info(Path(trace), report)))


def validate(
    *targets: str,
    without: Sequence[str] = (),
    out: Path | str | None = None,
    jobs: int = 1,
    progress: Phase | None = None,
) -> Report:
    """Set published measurements beside simulated ones: all targets, or those named; see `slabdes.validation`.

    `without` leaves rules of the clock out (`slabdes.config.TimingRule`). With `out`, a new or empty folder, the report is
    written there as JSON with a chart a target. Raises InputError for a target or a rule that is not there.
    """
    from slabdes.folders import whole_folder
    from slabdes.plots.validation import save_validation
    from slabdes.results.folder import check_output
    from slabdes.validation.report import chosen, rule_of, save_report
    from slabdes.validation.report import validate as run_targets

    chosen(targets)
    rules = [rule_of(name) for name in without]
    if out is None:
        with seen(progress) as tell:
            return run_targets(targets, left_out=rules, jobs=jobs, progress=tell)
    check_output(Path(out))
    with whole_folder(Path(out)) as temporary, seen(progress) as tell:
        report = run_targets(targets, left_out=rules, jobs=jobs, progress=tell)
        save_report(report.plain(), temporary, save_validation)
    return report


def fit(
    table: Path | str, *, out: Path | str | None = None, command: str = "", jobs: int = 1, progress: Phase | None = None
) -> Fit:
    """Find a few of a machine's costs from a table of measurements (`slabdes.validation.fit_table` says what it looks like).

    With `out`, a new .toml file, the fitted machine is written there with the data and `command`. Raises InputError.
    """
    from slabdes.validation.fit import check_new, fit_table, fitted_machine, write_fitted
    from slabdes.validation.fit_table import read_fit_table

    path = None if out is None else check_new(Path(out))
    read = read_fit_table(Path(table))
    with seen(progress) as tell:
        found = fit_table(read, jobs, tell)
    if path is not None:
        write_fitted(path, fitted_machine(read, found, command or f"slabdes fit {Path(table).name}"))
    return found


def write_answer(told: Mapping[str, Any], path: Path) -> None:
    """Write what a study says, as plain values, into its run folder."""
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _draw_decided(found: deciding.Decided, folder: Path, progress: Phase | None) -> None:
    """What a run folder of a decision has beside a run's own: `decision.json`."""
    draw_figures(found.run.frames, found.run.manifest, folder, progress)
    write_answer(Decided(**vars(found)).plain(), folder / DECISION)


def draw_figures(frames: Frames, manifest: Manifest, folder: Path, progress: Phase | None) -> None:
    """Draw a run's figures into its folder."""
    from slabdes.plots import save  # matplotlib takes a second to load

    save.save_figures(frames, manifest, folder / FIGURES, progress, logged=folder)


def returns(dump: Path | str, machine: str | None = None, caches: Sequence[str] = (), **options: Any) -> Returns:
    """How long until the memory of a dump returns, with nothing but reap timers at work; see `study.returns`."""
    with seen(options.pop("progress", None)) as phase:
        return leaving.returns(Path(dump), machine, caches, phase=phase, **options)

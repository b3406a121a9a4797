# SPDX-License-Identifier: GPL-2.0-only
"""Turns an experiment's knobs until a measure is least: Optuna proposes, races add replications, the best is measured anew.

Anew is on random numbers that the search has not seen: the least of many figures is least by chance, too. Leaves out words and
figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from slabdes.config import Experiment, parse_experiment
from slabdes.config.knobs import Knob, check_knobs, refusal
from slabdes.errors import InputError, shown
from slabdes.folders import Held, scratch_folder, working_folder
from slabdes.measures.compare import Comparison, Pair
from slabdes.measures.differences import Setting, setting_of
from slabdes.measures.names import HIGHER_IS_BETTER, MEMORY, intervals, measure_of
from slabdes.results.frames import Frames
from slabdes.results.held import held_values
from slabdes.results.manifest import Manifest, counting_versions, version_of
from slabdes.results.run import Run, run_of
from slabdes.results.slabinfo import slabinfo_write
from slabdes.results.slub import slub_write
from slabdes.results.text import setting_text
from slabdes.stats.deciding import Looks, Outcome
from slabdes.stats.intervals import Interval, mean_interval, paired_difference
from slabdes.stats.pareto import front_of
from slabdes.study.cluster import check_where, hands
from slabdes.study.decide import POINTS, UntilDecided, compared_sides, outcomes_of
from slabdes.study.executors import Hired
from slabdes.study.inputs import Inputs
from slabdes.study.kept_search import is_begun as is_begun  # who tunes asks for it
from slabdes.study.kept_search import search_at
from slabdes.study.run import run_study
from slabdes.study.search import Search, some_of
from slabdes.study.spools import Phase, Spools
from slabdes.study.trials import RECORD, Record, Trial

if TYPE_CHECKING:
    import polars as pl

TRIALS: Final = 40
"""Settings that are tried where nobody says more (a choice)."""
MOST: Final = 40
"""Replications of each of those that are measured anew: four looks (a choice)."""
MOST_FRONT: Final = 8
"""Settings that are measured anew: as written, the best, and others of the front (a choice: a figure)."""
_TUNABLES: Final = ("limit", "batchcount", "shared")
Draw = Callable[["Tuned", Path, Phase | None], object]
"""Adds to the run folder before it has its name."""


@dataclass(frozen=True)
class Choice:
    """A setting that was measured anew, and which point of the run it is: the measure, and the bytes held.

    `more` is how many more these are than the experiment's as written; `front` says that no other one is better in both.
    """

    trial: Trial
    point: int
    value: Interval
    held: Interval
    more: Interval
    front: bool

    @property
    def settings(self) -> Mapping[str, Any]:
        """The knobs' values."""
        return self.trial.settings


@dataclass(frozen=True)
class Tuned:
    """Every setting that was tried (the first is the experiment as written), and those measured anew, which `run` has.

    `compared` sets the best of the search beside the experiment as written, at `looks.level`. `runs` counts the replications of
    the search.
    """

    run: Run
    knobs: tuple[Knob, ...]
    measure: str
    trials: tuple[Trial, ...]
    choices: tuple[Choice, ...]
    compared: Comparison
    outcome: Outcome
    looks: Looks
    maximise: bool
    most_held: float | None

    @property
    def pair(self) -> Pair:
        """The experiment as written, and the best of the search."""
        return self.compared.pairs[0]

    @property
    def better(self) -> bool:
        """Whether the best of the search is told to be better than the experiment as written."""
        return self.outcome is (Outcome.HIGHER if self.maximise else Outcome.LOWER)

    @property
    def best(self) -> Choice:
        """The best of the search, or the experiment as written where that is not told to be worse."""
        return self.choices[1 if self.better else 0]

    @property
    def settings(self) -> Mapping[str, Any]:
        """Those of the best."""
        return self.best.trial.settings

    @property
    def runs(self) -> int:
        """Replications that the search took."""
        return sum(len(trial.values) for trial in self.trials)

    @property
    def tried(self) -> int:
        """Settings that were run beside the experiment as written."""
        return sum(bool(trial.values) for trial in self.trials[1:])

    @property
    def refused(self) -> int:
        """Settings that turned out not to be possible."""
        return sum(bool(trial.refused) for trial in self.trials)

    @property
    def size(self) -> int | None:
        """How many settings there are, refused ones among them; None of real numbers."""
        count = math.prod(knob.count for knob in self.knobs)
        return int(count) if math.isfinite(count) else None

    @property
    def front(self) -> list[Choice]:
        """Those than which no other is better in both the measure and the bytes held, the least held first."""
        return sorted((one for one in self.choices if one.front), key=lambda one: one.held.value)

    def commands(self) -> list[str]:
        """What sets the best's tunables on a running kernel, a line a cache of SLAB (`slabinfo_write`), one a key of SLUB.

        Of SLUB some lines are comments on what is to be built; see `slub_write`.
        """
        told = self.run.manifest.experiment
        if self.on_slub:
            return [line for key, value in self.settings.items() if value is not None for line in _set_slub(told, key, value)]
        names = dict.fromkeys(name for knob in self.knobs if (name := _cache_of(told, knob.key)))
        caches = self.run.frames.of_points([self.best.point]).caches
        rows = {row["name"]: row for row in caches.iter_rows(named=True)}
        return [slabinfo_write(name, *(rows[name][key] for key in _TUNABLES)) for name in names if name in rows]

    @property
    def on_slub(self) -> bool:
        """Whether the best runs on SLUB."""
        return bool(self.run.frames.of_points([self.best.point]).slub.height)

    @property
    def applied(self) -> str:
        """What `commands` are for, as a sentence begins."""
        how = "as root on a SLUB kernel; what # begins is to be built" if self.on_slub else "as root on a SLAB kernel"
        return f"to apply {'the best' if self.better else 'what is written'}, {how}"

    def frame(self) -> pl.DataFrame:
        """A row a setting that was tried; see `trials_frame`."""
        return trials_frame(self)


def _set_slub(experiment: Mapping[str, Any], key: str, value: Any) -> Iterator[str]:
    """How SLUB gets what a knob is; nothing for what is no setting of its."""
    first, *between, last = key.split(".")
    if first == "slub":
        yield slub_write("", last, setting_text(value))
    elif first == "cache" and between:
        named = setting_of(experiment, ".".join((first, *between, "name")))
        yield slub_write(str(named) if named is not None else ".".join(between), last, setting_text(value))


def _cache_of(experiment: Mapping[str, Any], key: str) -> str:
    """The cache whose tunable a key is; nothing for another key."""
    parts = key.split(".")
    if parts[0] != "cache" or len(parts) < 3 or parts[-1] not in _TUNABLES:
        return ""
    named = setting_of(experiment, ".".join((*parts[:-1], "name")))
    return str(named) if named is not None else ".".join(parts[1:-1])


def objective(minimise: str, maximise: str, measures: Sequence[str] = ()) -> tuple[str, bool]:
    """The measure to tune, and whether more of it is better; the first of `measures` where none is named.

    Raises InputError for none, two, or the wrong way.
    """
    if not minimise and not maximise and measures:
        found = measure_of(measures[0], "measures")
        return found, found in HIGHER_IS_BETTER
    if bool(minimise) == bool(maximise):
        what = "of what is the least wanted?" if not minimise else "--minimise and --maximise"
        raise InputError("tune", what, allowed="--minimise alloc.p99, --maximise operations/s, or measures in the file")
    where, name = ("--minimise", minimise) if minimise else ("--maximise", maximise)
    measure = measure_of(name, where)
    if measure in MEMORY:
        raise InputError(f"{where} {shown(name)}", "memory is bounded, not searched", allowed="--max-held 64MiB")
    if (measure in HIGHER_IS_BETTER) != bool(maximise):
        better = "more" if minimise else "less"
        raise InputError(
            f"{where} {shown(name)}", f"{better} of it is better", allowed=f"--{'max' if minimise else 'min'}imise {name}"
        )
    return measure, bool(maximise)


def tune(
    experiment: Experiment,
    measure: str,
    knobs: Sequence[Knob],
    *,
    maximise: bool = False,
    most_held: float | None = None,
    trials: int = TRIALS,
    most: int = MOST,
    out: Path | None = None,
    resume: bool = False,
    phase: Phase | None = None,
    draw: Draw | None = None,
    run: Mapping[str, Any] | None = None,
) -> Tuned:
    """Find the knobs' setting with the least `measure` (the most, with `maximise`) that holds at most `most_held` bytes.

    `trials` settings are tried beside the experiment as written; the best of them, and those that trade the measure for memory,
    are run anew, up to `most` times, until the best is told from the experiment as written. With `out` these runs are written
    there, with every trial; `resume` goes on after an interruption, or shares the work of a process that is at it, where cells
    are kept. `run` has more options of `run_study`: jobs, cells, executor, where. Raises InputError for what cannot be tuned.
    """
    check_knobs(experiment, knobs, "tune")
    if trials < 1:
        raise InputError("--trials", f"{trials}", allowed="1 or more")
    written = _as_written(experiment, knobs)
    looks = Looks(most)
    asked = {"measure": measure, "maximise": maximise, "most_held": most_held, "trials": trials, "most": most}
    inputs = Inputs([experiment])
    identity = _identity(experiment, inputs, asked | {"over": {knob.key: knob.plain() for knob in knobs}})

    with _for_all_studies(run or {}) as options:

        def search(record: Record) -> Search:
            found = Search(experiment, inputs, knobs, measure, written, record, maximise, most_held, phase, options)
            found.run(trials)
            return found

        if out is None:
            return _measured_anew(search(Record()), looks, phase=phase, **options)
        shared = resume and options.get("cells") is not None
        found = search_at(out, identity, resume, shared, search)
        tuned = _measured_anew(found, looks, draw, out=out, resume=True, phase=phase, **options)
        with suppress(Held), working_folder(out) as working:  # who shares it sees to it
            working.drop(RECORD)
        return tuned


@contextmanager
def _for_all_studies(run: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Options of all the studies of a search: a trace is read once, and processes are started once."""
    with scratch_folder() as scratch, Hired(lambda: hands(run.get("executor"), run.get("jobs", 1))) as workers:
        check_where(run.get("executor"))
        yield {"spools": Spools(scratch)} | dict(run) | {"executor": workers}


def _as_written(experiment: Experiment, knobs: Sequence[Knob]) -> dict[str, Any]:
    """The knobs as the experiment has them, None by default. Raises InputError for one of a table that it does not have."""
    told = experiment.model_dump(mode="json")
    written = {knob.key: setting_of(told, knob.key) for knob in knobs}
    if error := refusal(experiment, written, "tune"):
        key = next(key for key, value in written.items() if value is None)
        allowed = f"--set {key}=VALUE, to compare with"
        raise InputError(f"--over {shown(key)}", f"the experiment does not say what it is ({error.problem})", allowed=allowed)
    return written


def _identity(experiment: Experiment, inputs: Inputs, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be the same for a search to be gone on with."""
    versions = counting_versions() | {"optuna": version_of("optuna"), "scipy": version_of("scipy")}
    told = experiment.model_dump(mode="json") | {"tune": asked}
    files = {"inputs": inputs.files, "sources": inputs.sources}
    return {"slabdes": version_of("slabdes"), "versions": versions, "experiment": told, **files}


def _measured_anew(found: Search, looks: Looks, draw: Draw | None = None, **options: Any) -> Tuned:
    """Run the experiment as written, the best of the search and the rest of its front on random numbers of their own."""
    chosen = _chosen(found)
    raw = found.experiment.model_dump(mode="json", exclude_unset=True, exclude={"sweep", "zip"})
    columns = {key: [trial.settings[key] for trial in chosen] for key in chosen[0].settings}
    experiment = parse_experiment(raw | {"replications": looks.fewest, "zip": columns}, "tune")

    def tuned(run: Run) -> Tuned:
        return tuned_of(run, found.knobs, found.measure, found.trials, chosen, looks, found.maximise, found.most_held)

    def add(frames: Frames, manifest: Manifest, folder: Path, phase: Phase | None) -> None:
        (folder / RECORD).write_bytes(found.record.text())
        if draw is not None:
            draw(tuned(run_of(manifest, frames)), folder, phase)

    return tuned(run_study(experiment, until=UntilDecided([found.measure], looks), draw=add, **options))


def _chosen(found: Search) -> list[Trial]:
    """The trials that are measured anew: as written, the best other one, and more of the front, from the least held on."""
    written, *others = found.trials
    possible = [trial for trial in others if found.may_be(trial)]
    if not possible:
        raise found.nothing_found()
    found.settle(possible)
    best = found.best_of(possible)
    places = [(found.score(trial), trial.held_bytes) for trial in possible]
    front = [possible[number] for number in front_of(places) if possible[number] is not best]
    return [written, best, *some_of(front, MOST_FRONT - len(POINTS))]


def tuned_of(
    run: Run,
    knobs: Sequence[Knob],
    measure: str,
    trials: Sequence[Trial],
    chosen: Sequence[Trial],
    looks: Looks,
    maximise: bool,
    most_held: float | None,
) -> Tuned:
    """What a search comes to whose `chosen` trials, as written and the best first, are the points of `run` in their order."""
    columns = ((key, [trial.settings[key] for trial in chosen[:2]]) for key in chosen[0].settings)
    settings = tuple(Setting(key, *values) for key, values in columns if values[0] != values[1])
    compared, rows = compared_sides(run, settings, [measure], looks, "tune")
    values, held = intervals(run.frames, measure, looks.level), held_values(run.frames)
    sign = -1 if maximise else 1
    front = front_of([(sign * values[point].value, sum(held[point])) for point in range(len(chosen))])
    choices = tuple(
        Choice(
            trial,
            point,
            values[point],
            mean_interval(held[point], looks.level),
            paired_difference(held[0], held[point], looks.level),
            point in front,
        )
        for point, trial in enumerate(chosen)
    )
    outcome = outcomes_of(rows, looks)[measure]
    return Tuned(run, tuple(knobs), measure, tuple(trials), choices, compared, outcome, looks, maximise, most_held)


def trials_frame(tuned: Tuned) -> pl.DataFrame:
    """A row a setting: trial, the knobs, state, refused, replications, value, low and high of the search, held_bytes.

    Then point, new_value, new_low, new_high, new_held_bytes and front of those measured anew. Knobs of several kinds are text.
    """
    import polars as pl

    again = {choice.trial.number: choice for choice in tuned.choices}
    rows = [_row(tuned, trial, again.get(trial.number)) for trial in tuned.trials]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return pl.DataFrame([_column(name, values) for name, values in columns.items()])


def _column(name: str, values: list[Any]) -> pl.Series:
    import polars as pl

    kinds = {type(value) for value in values} - {type(None)}
    if kinds <= {int} or kinds <= {bool} or kinds <= {str}:
        return pl.Series(name, values) if kinds else pl.Series(name, values, pl.Float64)
    if kinds <= {int, float}:
        return pl.Series(name, [None if value is None else float(value) for value in values], pl.Float64)
    return pl.Series(name, [None if value is None else str(value) for value in values], pl.String)


def _row(tuned: Tuned, trial: Trial, choice: Choice | None) -> dict[str, Any]:
    ran = trial.value if trial.values else None
    held = trial.held_bytes if trial.held else None
    much = held is not None and tuned.most_held is not None and held > tuned.most_held
    state = "refused" if trial.refused else "as written" if not trial.number else "holds too much" if much else "tried"
    anew = (None,) * 4 if choice is None else (choice.value.value, choice.value.low, choice.value.high, choice.held.value)
    return {
        "trial": trial.number,
        **trial.settings,
        "state": state,
        "refused": trial.refused or None,
        "replications": len(trial.values),
        "value": ran and ran.value,
        "low": ran and ran.low,
        "high": ran and ran.high,
        "held_bytes": held,
        "point": choice and choice.point,
        **dict(zip(("new_value", "new_low", "new_high", "new_held_bytes"), anew, strict=True)),
        "front": choice is not None and choice.front,
    }

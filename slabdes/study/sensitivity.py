# SPDX-License-Identifier: GPL-2.0-only
"""Which knobs of an experiment matter: SALib chooses settings all over their ranges and says what each does to a measure.

Chance is a knob, too: it changes the random numbers and nothing else, so what it does is what no knob does. Leaves out words.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from statistics import fmean
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from slabdes.config import Experiment, parse_experiment
from slabdes.config.knobs import Knob, check_knobs, refusal
from slabdes.errors import InputError, nearest, shown
from slabdes.measures.names import MEMORY, alone, check_told
from slabdes.results.frames import Frames
from slabdes.results.manifest import Manifest
from slabdes.results.run import Run, run_of
from slabdes.stats.intervals import CONFIDENCE, Interval
from slabdes.study.proposals import number_of
from slabdes.study.run import run_study
from slabdes.study.spools import Phase
from slabdes.words import name_of

if TYPE_CHECKING:
    import polars as pl

METHODS: Final = {"morris": 16, "sobol": 64}
"""How, and from how many trajectories or samples where nobody says (a choice): each takes as many settings as there are knobs and
two more (morris), or and three more (sobol)."""
CHANCE: Final = "chance"
LEVELS: Final = 4
"""Places in each range that Morris' trajectories go through, and random numbers that chance has (SALib's default)."""
STEP: Final = LEVELS / (2 * (LEVELS - 1))
"""How far a trajectory moves a knob, as a share of its range (Morris, Technometrics 33, 1991)."""
_MOST_SAMPLES: Final = 4096
Draw = Callable[["Sensitivity", Path, Phase | None], object]


@dataclass(frozen=True)
class Effect:
    """What a knob does to the measure.

    By Morris' method `total` is the mean size of the change along the whole range (mu*, Campolongo et al. 2007), in the measure's
    unit, `own` the mean change with its sign (mu), and `varies` how much it depends on where one is (sigma). By Sobol's, `total`
    is the part of the variance that goes with the knob, alone or together with others (ST), `own` alone (S1), `varies` the rest.
    """

    key: str
    total: Interval
    own: float
    varies: float
    matters: bool


@dataclass(frozen=True)
class Sensitivity:
    """The effects of the knobs, the greatest first, and chance's; `run` has every setting that was run as a point."""

    run: Run
    method: str
    samples: int
    measure: str
    knobs: tuple[Knob, ...]
    effects: tuple[Effect, ...]
    chance: Effect
    mean: float

    @property
    def settings(self) -> int:
        """Points that were run."""
        return int(self.run.frames.points.height)

    def frame(self) -> pl.DataFrame:
        """A row a knob, chance last: knob, total, low, high, own, varies, matters."""
        import polars as pl

        rows = [
            {
                "knob": one.key,
                "total": one.total.value,
                "low": one.total.low,
                "high": one.total.high,
                "own": one.own,
                "varies": one.varies,
                "matters": one.matters,
            }
            for one in (*self.effects, self.chance)
        ]
        return pl.DataFrame(rows)


def sensitivity(
    experiment: Experiment,
    measure: str,
    knobs: Sequence[Knob],
    *,
    method: str = "morris",
    samples: int | None = None,
    out: Path | None = None,
    resume: bool = False,
    phase: Phase | None = None,
    draw: Draw | None = None,
    run: Mapping[str, Any] | None = None,
) -> Sensitivity:
    """What each knob does to a measure over its range, beside chance. `run` has more options of `run_study`: jobs, cells, where.

    All settings are one study, so that `resume` is a study's. Raises InputError without SALib, and for what cannot be run.
    """
    check_knobs(experiment, knobs, "sensitivity")
    if method not in METHODS:
        raise InputError(f"--method {shown(method)}", f"no method{nearest(method, METHODS)}", allowed=", ".join(METHODS))
    if measure in MEMORY:
        raise InputError(f"--measure {name_of(measure)}", "memory is not studied so", allowed="a rate or a time: alloc.mean")
    count = METHODS[method] if samples is None else samples
    if not 2 <= count <= _MOST_SAMPLES or (method == "sobol" and count & (count - 1)):
        allowed = f"2 to {_MOST_SAMPLES:,}" + (", a power of two" if method == "sobol" else "")
        raise InputError("--samples", f"{count}", allowed=allowed)
    problem = _problem(knobs)
    places = _sampled(problem, method, count, experiment.seed)
    listed = _listed(knobs, places, experiment.seed) if method == "morris" else {}
    settings = [_settings(knobs, place, experiment.seed) for place in places]
    for key, (chosen, _steps) in listed.items():
        settings = [one | {key: value} for one, value in zip(settings, chosen, strict=True)]
    steps = {key: of_trajectories for key, (_chosen, of_trajectories) in listed.items()}
    points = list({repr(one): one for one in settings}.values())
    _check(experiment, points)
    raw = experiment.model_dump(mode="json", exclude_unset=True, exclude={"sweep", "zip"})
    study = parse_experiment(raw | {"zip": {key: [one[key] for one in points] for key in points[0]}}, "sensitivity")
    numbers = {repr(one): number for number, one in enumerate(points)}
    which = [numbers[repr(one)] for one in settings]

    def made(result: Run) -> Sensitivity:
        values = _values(result.frames, measure)
        effects = _effects(problem, method, places, [values[number] for number in which], experiment.seed, steps)
        *mine, chance = effects
        ordered = tuple(sorted(_judged(mine, chance, steps), key=lambda one: -one.total.value))
        return Sensitivity(result, method, count, measure, tuple(knobs), ordered, chance, fmean(values))

    def add(frames: Frames, manifest: Manifest, folder: Path, phase: Phase | None) -> None:
        if draw is not None:
            draw(made(run_of(manifest, frames)), folder, phase)

    return made(run_study(study, out=out, resume=resume, phase=phase, draw=add, **(run or {})))


def _salib(module: str) -> Any:
    """A module of SALib. Raises InputError, which says what to install, where it is not there."""
    try:
        return import_module(f"SALib.{module}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "SALib":
            raise
        raise InputError("sensitivity", "SALib is not installed", allowed='pip install "slabdes[sensitivity]"') from None


def _problem(knobs: Sequence[Knob]) -> dict[str, Any]:
    """Each knob and chance as a share of its range, which is what SALib chooses."""
    names = [*(knob.key for knob in knobs), CHANCE]
    return {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}


def _sampled(problem: Mapping[str, Any], method: str, count: int, seed: int) -> Any:
    chosen = number_of(seed, "sensitivity")
    if method == "morris":
        return _salib("sample.morris").sample(dict(problem), count, num_levels=LEVELS, seed=chosen)
    return _salib("sample.sobol").sample(dict(problem), count, calc_second_order=False, seed=chosen)


def _settings(knobs: Sequence[Knob], place: Sequence[float], seed: int) -> dict[str, Any]:
    """What is run at a place: the knobs, and for chance a seed."""
    settings = {knob.key: knob.at(float(share)) for knob, share in zip(knobs, place, strict=False)}
    level = min(int(float(place[-1]) * LEVELS), LEVELS - 1)
    return settings | {"seed": number_of(seed, CHANCE, level)}


def _listed(knobs: Sequence[Knob], places: Any, seed: int) -> dict[str, tuple[list[Any], list[float]]]:
    """Of each knob with a list of values: its value at each place of Morris' trajectories, and how far each trajectory moves it.

    The places in a range are none of a list's. A trajectory goes between two values half the list apart, the next one between
    those after them, and so round the list: every value is in as many trajectories as any other, or two more. Numbers are moved
    by a share of the list, words from one to the other.
    """
    found: dict[str, tuple[list[Any], list[float]]] = {}
    rows = len(knobs) + 2
    for column, knob in enumerate(knobs):
        n = len(knob.values)
        if not n:
            continue
        first = number_of(seed, "levels", knob.key)
        chosen: list[Any] = []
        steps: list[float] = []
        for trajectory in range(len(places) // rows):
            shares = [float(place[column]) for place in places[trajectory * rows : (trajectory + 1) * rows]]
            one = (first + trajectory) % n
            low, high = sorted((one, (one + n // 2) % n))
            chosen += [knob.values[high if share == max(shares) else low] for share in shares]
            steps.append((high - low) / (n - 1) if knob.ordered else 1.0)
        found[knob.key] = (chosen, steps)
    return found


def _stretched(
    problem: Mapping[str, Any], places: Any, values: Sequence[float], steps: Mapping[str, Sequence[float]]
) -> list[float]:
    """Values as they would be along trajectories that moved every knob by STEP, which is what SALib divides changes by."""
    rows, told = problem["num_vars"] + 1, list(values)
    for at in range(1, len(told)):
        if at % rows:
            (column,) = (number for number in range(rows - 1) if places[at][number] != places[at - 1][number])
            moved = steps.get(problem["names"][column])
            told[at] = told[at - 1] + (values[at] - values[at - 1]) * (STEP / moved[at // rows] if moved else 1.0)
    return told


def _check(experiment: Experiment, points: Sequence[Mapping[str, Any]]) -> None:
    for settings in points:
        if error := refusal(experiment, settings, "sensitivity"):
            told = ", ".join(f"{key}={value}" for key, value in settings.items() if key != "seed")
            allowed = "ranges of which every combination can be run"
            raise InputError("--over", f"{shown(told)} cannot be run ({error.problem})", allowed=allowed)


def mean_of(frames: Frames, measure: str) -> float:
    """The measure's mean over all settings that were run."""
    return fmean(_values(frames, measure))


def _values(frames: Frames, measure: str) -> list[float]:
    """The measure at each point: the mean of its replications."""
    check_told(frames, measure, "sensitivity")
    found = alone(frames, measure)
    missing = [point for point in frames.point_numbers() if point not in found]
    if missing:
        raise InputError(
            "sensitivity", f"not every setting has {name_of(measure)}", allowed="a measure of operations that all have"
        )
    return [fmean(found[point].values()) for point in frames.point_numbers()]


def _effects(
    problem: Mapping[str, Any],
    method: str,
    places: Any,
    values: Sequence[float],
    seed: int,
    steps: Mapping[str, Sequence[float]] = MappingProxyType({}),
) -> list[Effect]:
    """The effect of each knob and of chance; `steps` are those of lists, see `_listed`."""
    import numpy as np

    values = _stretched(problem, places, values, steps) if steps else values
    chosen, given, table = number_of(seed, "bootstrap"), np.array(values), dict(problem)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of a measure that never changes: its indices are no numbers
        if method == "morris":
            analyze = _salib("analyze.morris").analyze
            found = analyze(table, places, given, conf_level=CONFIDENCE, num_levels=LEVELS, seed=chosen)
            columns = [found[name] for name in ("mu_star", "mu_star_conf", "mu", "sigma")]
            n, most = len(places) // (table["num_vars"] + 1), float("inf")
        else:
            analyze = _salib("analyze.sobol").analyze
            found = analyze(table, given, calc_second_order=False, conf_level=CONFIDENCE, seed=chosen)
            columns = [found["ST"], found["ST_conf"], found["S1"], found["ST"] - found["S1"]]
            n, most = len(places) // (table["num_vars"] + 2), 1.0
    rows = zip(table["names"], *(np.nan_to_num(np.asarray(column, dtype=float)) for column in columns), strict=True)
    return [
        Effect(
            name, Interval(float(total), float(half), n, CONFIDENCE, 0.0, max(most, float(total))), float(own), float(rest), False
        )
        for name, total, half, own, rest in rows
    ]


def _judged(
    effects: Sequence[Effect], chance: Effect, steps: Mapping[str, Sequence[float]] = MappingProxyType({})
) -> list[Effect]:
    """Each knob with whether what it does is told from what chance does, moved as far as that knob is."""
    judged = []
    for one in effects:
        least = (chance.total.high or 0.0) * max(1.0, STEP / fmean(steps.get(one.key, (STEP,))))
        judged.append(Effect(one.key, one.total, one.own, one.varies, (one.total.low or 0.0) > least))
    return judged

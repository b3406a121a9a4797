# SPDX-License-Identifier: GPL-2.0-only
"""Runs two settings of one experiment on common random numbers until it is decided which is better in each of some measures.

Both are points of one study, so the run folder, --resume and workers are a study's. Leaves out words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from slabdes.config import Experiment, apply_values, parse_experiment
from slabdes.errors import InputError, Unmeasured, nearest, shown
from slabdes.measures.assumed import assumed_costs
from slabdes.measures.compare import Compared, Comparison, Pair, compare_points
from slabdes.measures.differences import Setting, setting_of
from slabdes.measures.names import resolution_of
from slabdes.results.called import called
from slabdes.results.frames import Frames
from slabdes.results.run import Run, run_of
from slabdes.stats.deciding import Looked, Looks, Outcome
from slabdes.study.run import run_study
from slabdes.words import name_of

if TYPE_CHECKING:
    from pathlib import Path

    from slabdes.results.manifest import Manifest
    from slabdes.study.spools import Phase

POINTS: Final = (0, 1)
Draw = Callable[["Decided", "Path", "Phase | None"], object]
"""Adds to the run folder before it has its name."""


@dataclass(frozen=True)
class Decided:
    """Both sides, every measure of theirs at `looks.level`, and what they come to in each measure that was asked for."""

    run: Run
    compared: Comparison
    outcomes: Mapping[str, Outcome]
    looks: Looks

    @property
    def measure(self) -> str:
        """The first of the measures that were asked for."""
        return next(iter(self.outcomes))

    @property
    def outcome(self) -> Outcome:
        """What they come to in that one."""
        return self.outcomes[self.measure]

    @property
    def pair(self) -> Pair:
        """The two points."""
        return self.compared.pairs[0]


def sides_of(experiment: Experiment, first: Mapping[str, Any], second: Mapping[str, Any]) -> Experiment:
    """An experiment of two points, `first` and `second` by dotted keys; what only one side says is the experiment's on the other.

    What both say alike holds for both.

    Raises InputError for an experiment that is swept already, and for sides without a difference.
    """
    if experiment.sweep or experiment.zip:
        swept = ", ".join([*experiment.sweep, *experiment.zip])
        raise InputError(
            "compare", f"the experiment sweeps {shown(swept, 80)}", allowed="one setting: --set KEY=VALUE ends a sweep"
        )
    told = experiment.model_dump(mode="json")
    sides = [{key: side.get(key, setting_of(told, key)) for key in dict.fromkeys([*first, *second])} for side in (first, second)]
    differing = {key: [value, sides[1][key]] for key, value in sides[0].items() if value != sides[1][key]}
    if not differing:
        raise InputError("compare", "both sides have the same settings", allowed="--set KEY=VALUE --vs KEY=OTHER")
    raw = experiment.model_dump(mode="json", exclude_unset=True)
    apply_values(raw, {key: value for key, value in sides[0].items() if key not in differing}, "compare")
    return parse_experiment(raw | {"zip": differing}, "compare")


def outcomes_of(rows: Sequence[Compared], looks: Looks) -> dict[str, Outcome]:
    """What each of some measures of both sides comes to, all looked at together."""
    looked = [Looked(row.difference, max(row.first.value, row.second.value), resolution_of(row.measure)) for row in rows]
    return dict(zip((row.measure for row in rows), looks.outcomes(looked), strict=True))


@dataclass(frozen=True)
class UntilDecided:
    """Looks at the sides at their next number of replications, until each of `measures` is decided."""

    measures: Sequence[str]
    looks: Looks

    def __call__(self, frames: Frames) -> int:
        """How many replications are to be added."""
        pair = compare_points(frames, POINTS, self.looks.level, why=False)
        rows = [row for measure in self.measures if (row := pair.row(measure)) is not None]
        told = {row.measure for row in rows}
        for measure in self.measures:
            if measure not in told and measure not in pair.few:
                there = [name_of(one.measure) for one in pair.rows]
                problem = f"not both sides have {name_of(measure)}{nearest(name_of(measure), there)}"
                raise Unmeasured("--decide", problem, allowed=", ".join(there))
        if len(rows) == len(self.measures) and Outcome.OPEN not in outcomes_of(rows, self.looks).values():
            return 0
        n = int(frames.points["replications"][0])
        return next((count - n for count in self.looks.replications if count > n), 0)


def decide(
    experiment: Experiment,
    first: Mapping[str, Any],
    second: Mapping[str, Any],
    measures: Sequence[str],
    looks: Looks,
    draw: Draw | None = None,
    **options: Any,
) -> Decided:
    """Replicate both sides until it is decided which has more of each measure, or there are `looks.most` replications.

    With a folder to be written, `draw` adds to it. `options` are those of `run_study`. Raises InputError for sides that cannot be
    run, and a measure that they do not have.
    """
    sides = sides_of(experiment, first, second).model_copy(update={"replications": looks.fewest})
    measures = list(dict.fromkeys(measures))

    def add(frames: Frames, manifest: Manifest, folder: Path, phase: Phase | None) -> None:
        if draw is not None:
            draw(decided_of(run_of(manifest, frames), measures, looks), folder, phase)

    run = run_study(sides, until=UntilDecided(measures, looks), draw=add, **options)
    return decided_of(run, measures, looks)


def decided_of(run: Run, measures: Sequence[str], looks: Looks) -> Decided:
    """What the two points of `run` come to in each measure. Raises InputError for a measure that they do not have."""
    settings = tuple(Setting(key, *values) for key, values in run.manifest.experiment["zip"].items())
    compared, rows = compared_sides(run, settings, measures, looks, "--decide")
    return Decided(run, compared, outcomes_of(rows, looks), looks)


def compared_sides(
    run: Run, settings: tuple[Setting, ...], measures: Sequence[str], looks: Looks, where: str
) -> tuple[Comparison, list[Compared]]:
    """Both sides of a run, which differ in `settings`, and these measures of theirs.

    Raises InputError, which begins with `where`, for a percentile that too few samples tell.
    """
    n = run.manifest.replications
    pair = compare_points(run.frames, POINTS, looks.level)
    rows = [pair.row(measure) for measure in measures]
    for measure, row in zip(measures, rows, strict=True):
        if row is None:
            few = f"{name_of(measure)} with {n} replications: {pair.few[measure]}"
            raise InputError(where, few, allowed="more replications (--most), or longer ones")
    compared = Comparison(names_of(settings), "", (pair,), settings, 0, True, (n, n), assumed=assumed_costs(run))
    return compared, [row for row in rows if row is not None]


def names_of(settings: Sequence[Setting]) -> tuple[str, str]:
    """What the sides are called: `limit 60, batchcount 30`."""
    return called({one.key: one.first for one in settings}), called({one.key: one.second for one in settings})

# SPDX-License-Identifier: GPL-2.0-only
"""What users import to turn an experiment's knobs: tune, sensitivity. Thin, as `api` is, whose other half it is.

Leaves out the search (`study.tune`) and its words and figure (`answers`, `plots`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slabdes.activity import seen
from slabdes.answers.named import measure_name
from slabdes.answers.sensitivity import METHOD_NAMES, effects_words, knob_name, sensitivity_answer, sensitivity_sheet
from slabdes.answers.tuning import settings_text, tuning_answer, tuning_sheet, tuning_title
from slabdes.api import FIGURES, draw_figures, experiment_of, write_answer
from slabdes.charts.chart import Chart, unit_of
from slabdes.charts.effects import effects, settings
from slabdes.charts.tuning import tuning as search_chart
from slabdes.config import Experiment
from slabdes.config.knobs import bytes_of, knobs_of
from slabdes.display import Display, Shows
from slabdes.measures.names import measure_of
from slabdes.results.folder import write_parquet
from slabdes.results.text import html_table
from slabdes.study import sensitivity as sensitive
from slabdes.study import tune as tuning
from slabdes.study.cells import kept_in
from slabdes.study.cluster import Where
from slabdes.study.kept import SENSITIVITY, TUNING
from slabdes.study.spools import Phase
from slabdes.study.tune import MOST, TRIALS, objective


class Tuned(tuning.Tuned, Shows):
    """What a search has found, in words when printed: see `slabdes.study.tune.Tuned`."""

    def __str__(self) -> str:
        """The answer, and what sets the best setting."""
        return "\n".join((*tuning_answer(self), *self.commands()))

    def display(self) -> Display:
        """The same, the figure, and the table."""
        table = html_table(tuning_sheet(self.measure, self.choices))
        words = f"{measure_name(self.measure)} against the memory held, of every setting that was tried"
        return Display((*tuning_answer(self), *self.commands()), self.figure, words, table)

    def figure(self) -> Any:
        """The measure against the memory held: what was tried, and the front with intervals."""
        from slabdes.plots.tuning import tuning_figure

        return tuning_figure(self.chart(), f"{self.run.manifest.name} · seed {self.run.manifest.seed}")

    def chart(self) -> Chart:
        """What the figure draws."""
        names, measured = [settings_text(trial.settings) for trial in self.trials], (self.measure, measure_name(self.measure))
        best = self.best.trial.number
        return search_chart(self.frame(), names, best, measured, tuning_title(self), more=self.maximise)

    def plain(self) -> dict[str, Any]:
        """All of it as plain values: answer, best setting, commands, and a row a trial."""
        told = {"answer": tuning_answer(self), "outcome": self.outcome.value, "measure": self.measure}
        return {**told, "best": dict(self.settings), "commands": self.commands(), "trials": self.frame().to_dicts()}


class Sensitivity(sensitive.Sensitivity, Shows):
    """Which knobs matter, in words when printed: see `slabdes.study.sensitivity.Sensitivity`."""

    def __str__(self) -> str:
        """The answer."""
        return "\n".join(sensitivity_answer(self))

    def display(self) -> Display:
        """The same, the figure, and the table."""
        words = f"What each knob does to {measure_name(self.measure)}, beside what chance does"
        return Display(sensitivity_answer(self), self.figure, words, html_table(sensitivity_sheet(self)))

    def figure(self) -> Any:
        """What each knob does, a bar each, beside what chance does."""
        from slabdes.plots.tuning import sensitivity_figure

        about = f"{self.run.manifest.name} · {METHOD_NAMES[self.method]} · {self.settings} settings"
        return sensitivity_figure(self.charts()[0], about)

    def charts(self) -> tuple[Chart, Chart]:
        """What the figure draws, and the measure at all settings along each knob."""
        label, title = effects_words(self)
        names = {one.key: knob_name(one.key, self) for one in self.effects}
        unit = "share" if self.method == "sobol" else unit_of(self.measure)
        acting = effects({names[one.key]: one for one in self.effects}, self.chance, label, unit, title)
        knobs = {names[knob.key]: knob for knob in self.knobs}
        return acting, settings(self.run.frames, knobs, self.measure, measure_name(self.measure))

    def plain(self) -> dict[str, Any]:
        """All of it as plain values: answer, what was asked, and a row a knob."""
        told: dict[str, Any] = {"answer": sensitivity_answer(self), "measure": self.measure}
        told |= {"method": self.method, "samples": self.samples}
        return {
            **told,
            "over": {knob.key: knob.plain() for knob in self.knobs},
            "mean": self.mean,
            "effects": self.frame().to_dicts(),
        }


def sensitivity(
    experiment: Experiment | Mapping[str, Any] | Path | str,
    over: Mapping[str, Any] | Sequence[str],
    measure: str = "",
    *,
    method: str = "morris",
    samples: int | None = None,
    out: Path | str | None = None,
    jobs: int = 1,
    resume: bool = False,
    cells: Path | str | None = None,
    executor: Where = None,
    progress: Phase | None = None,
) -> Sensitivity:
    """What each knob of an experiment does to a measure over its range, beside what chance does.

    `over` as in `tune`; the measure is the first of the experiment's, or alloc.mean, where none is given. `method`: morris (few
    runs: which matter) or sobol (more: parts of the variance); `samples` of it. The rest is as in `simulate`. Needs SALib (`pip
    install "slabdes[sensitivity]"`). Raises SlabdesError.
    """
    loaded = experiment_of(experiment)
    with seen(progress) as phase:
        found = sensitive.sensitivity(
            loaded,
            measure_of(measure or next(iter(loaded.measures), "alloc.mean"), "--measure"),
            knobs_of(over),
            method=method,
            samples=samples,
            out=None if out is None else Path(out),
            resume=resume,
            phase=phase,
            draw=_draw_sensitivity,
            run={
                "jobs": jobs,
                "cells": kept_in(cells),
                "executor": executor,
                "where": str(experiment) if isinstance(experiment, Path | str) else None,
            },
        )
    return Sensitivity(**vars(found))


def tune(
    experiment: Experiment | Mapping[str, Any] | Path | str,
    over: Mapping[str, Any] | Sequence[str],
    *,
    minimise: str = "",
    maximise: str = "",
    max_held: str | float | None = None,
    trials: int = TRIALS,
    most: int | None = None,
    out: Path | str | None = None,
    jobs: int = 1,
    resume: bool = False,
    cells: Path | str | None = None,
    executor: Where = None,
    progress: Phase | None = None,
) -> Tuned:
    """The setting of an experiment with the least of a measure (or the most of operations/s), found by trying `trials` of them.

    `over` has the free keys: `{"cache.0.limit": (8, 480), "cache.0.batchcount": "1..240:log", "lock.discipline": ["tas", "cna"]}`
    or texts as `--over` takes them. `max_held` are bytes that caches hold at most when a run ends (64MiB). The best is run anew
    beside the experiment as written, up to `most` times, until they are told apart. What is to be least, or most, is the first of
    the experiment's measures where it is not given, and `most` the experiment's. The rest is as in `simulate`. Raises
    SlabdesError.
    """
    loaded = experiment_of(experiment)
    measure, more = objective(minimise, maximise, loaded.measures)
    held = None if max_held is None else bytes_of(max_held, "--max-held")
    with seen(progress) as phase:
        found = tuning.tune(
            loaded,
            measure,
            knobs_of(over),
            maximise=more,
            most_held=held,
            trials=trials,
            most=most or loaded.most or MOST,
            out=None if out is None else Path(out),
            resume=resume,
            draw=_draw_tuned,
            run={
                "jobs": jobs,
                "cells": kept_in(cells),
                "executor": executor,
                "where": str(experiment) if isinstance(experiment, Path | str) else None,
            },
            phase=phase,
        )
    return Tuned(**vars(found))


def _draw_tuned(found: tuning.Tuned, folder: Path, progress: Phase | None) -> None:
    """What a run folder of a search has beside a run's own: `trials.parquet`, `trials.csv`, `tuning.json` and a figure."""
    from slabdes.plots.tuning import TUNING as FIGURE
    from slabdes.plots.tuning import save_figure

    tuned = Tuned(**vars(found))
    draw_figures(tuned.run.frames, tuned.run.manifest, folder, progress)
    write_parquet(tuned.frame(), folder / "trials.parquet")
    tuned.frame().write_csv(folder / "trials.csv")
    write_answer(tuned.plain(), folder / TUNING)
    save_figure(tuned.figure(), folder / FIGURES / FIGURE)


def _draw_sensitivity(found: sensitive.Sensitivity, folder: Path, progress: Phase | None) -> None:
    """What a run folder of a study of sensitivity has beside a run's own: `sensitivity.csv`, `.parquet`, `.json` and a figure."""
    from slabdes.plots.tuning import SENSITIVITY as FIGURE
    from slabdes.plots.tuning import save_figure

    told = Sensitivity(**vars(found))
    write_parquet(told.frame(), folder / "sensitivity.parquet")
    told.frame().write_csv(folder / "sensitivity.csv")
    write_answer(told.plain(), folder / SENSITIVITY)
    save_figure(told.figure(), folder / FIGURES / FIGURE)

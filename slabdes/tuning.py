# SPDX-License-Identifier: GPL-2.0-only
"""What users import to turn an experiment's knobs: tune. Thin, as `api` is, whose other half it is.

Leaves out the search (`study.tune`) and its words and figure (`answers`, `plots`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slabdes.activity import seen
from slabdes.answers.comparison import measure_name
from slabdes.answers.tuning import settings_text, tuning_answer
from slabdes.api import FIGURES, draw_figures, experiment_of
from slabdes.config import Experiment
from slabdes.config.knobs import bytes_of, knobs_of
from slabdes.results.folder import write_parquet
from slabdes.results.text import share_text
from slabdes.study import tune as tuning
from slabdes.study.cells import kept_in
from slabdes.study.cluster import Where
from slabdes.study.spools import Phase
from slabdes.study.tune import MOST, TRIALS, objective


class Tuned(tuning.Tuned):
    """What a search has found, in words when printed: see `slabdes.study.tune.Tuned`."""

    def __str__(self) -> str:
        """The answer, and what sets the best setting."""
        return "\n".join((*tuning_answer(self), *self.commands()))

    def figure(self) -> Any:
        """The measure against the memory held: what was tried, and the front with intervals."""
        from slabdes.plots.tuning import tuning_figure

        about = f"{self.run.manifest.name} · seed {self.run.manifest.seed}"
        names = [settings_text(trial.settings) for trial in self.trials]
        level, n = share_text(self.looks.level), self.run.manifest.replications
        name = measure_name(self.measure)
        title = (f"{name} and memory held: {self.tried} settings tried; bars: intervals of {level} over {n} replications", about)
        time = self.measure.endswith("_ns")
        return tuning_figure(self.frame(), names, name, time, self.best.trial.number, title)

    def plain(self) -> dict[str, Any]:
        """All of it as plain values: answer, best setting, commands, and a row a trial."""
        told = {"answer": tuning_answer(self), "outcome": self.outcome.value, "measure": self.measure}
        return {**told, "best": dict(self.settings), "commands": self.commands(), "trials": self.frame().to_dicts()}


def tune(
    experiment: Experiment | Mapping[str, Any] | Path | str,
    over: Mapping[str, Any] | Sequence[str],
    *,
    minimise: str = "",
    maximise: str = "",
    max_held: str | float | None = None,
    trials: int = TRIALS,
    most: int = MOST,
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
    beside the experiment as written, up to `most` times, until they are told apart. The rest is as in `simulate`. Raises
    SlabdesError.
    """
    measure, more = objective(minimise, maximise)
    held = None if max_held is None else bytes_of(max_held, "--max-held")
    with seen(progress) as phase:
        found = tuning.tune(
            experiment_of(experiment),
            measure,
            knobs_of(over),
            maximise=more,
            most_held=held,
            trials=trials,
            most=most,
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
    from slabdes.plots.tuning import TUNING, save_figure

    tuned = Tuned(**vars(found))
    draw_figures(tuned.run.frames, tuned.run.manifest, folder, progress)
    write_parquet(tuned.frame(), folder / "trials.parquet")
    tuned.frame().write_csv(folder / "trials.csv")
    (folder / "tuning.json").write_text(json.dumps(tuned.plain(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    save_figure(tuned.figure(), folder / FIGURES / TUNING)

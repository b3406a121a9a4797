# SPDX-License-Identifier: GPL-2.0-only
"""What was asked and found, read back from the folder of a search, a decision or a study of sensitivity.

Intervals and outcomes are worked out anew from the run that lies there. Leaves out what is said of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from slabdes.config.knobs import Knob, knob_of_plain
from slabdes.errors import InputError
from slabdes.files import read_text
from slabdes.results.run import Run
from slabdes.stats.deciding import Looks
from slabdes.stats.intervals import CONFIDENCE, Interval
from slabdes.study.decide import Decided, decided_of
from slabdes.study.search import RACE
from slabdes.study.sensitivity import Effect, Sensitivity, mean_of
from slabdes.study.trials import RECORD, Record, Trial, begun_with
from slabdes.study.tune import Tuned, tuned_of

TUNING: Final = "tuning.json"
DECISION: Final = "decision.json"
SENSITIVITY: Final = "sensitivity.json"
_MOST_BYTES: Final = 1 << 28
"""Of one of these files: 10,000 trials of 16 knobs are 8 MB."""
_WRITTEN: Final = "what slabdes wrote, unchanged"
Asked = Tuned | Decided | Sensitivity


def asked_of(folder: Path, run: Run) -> Asked | None:
    """What the run in `folder` was made to answer; None of a run that was made for itself.

    Raises InputError, in one line, for files that are damaged.
    """
    for name, read in ((TUNING, _tuned), (DECISION, _decided), (SENSITIVITY, _sensitivity)):
        path = folder / name
        if path.is_file():
            text = read_text(path, _MOST_BYTES, _WRITTEN)
            try:
                return read(json.loads(text), folder, run)
            except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
                raise InputError(str(path), "damaged", allowed=_WRITTEN) from None
    return None


def search_asked(folder: Path) -> Mapping[str, Any]:
    """What a search was asked for: measure, maximise, most_held, trials, most, and `over`, its knobs."""
    kept = begun_with(folder / RECORD)
    if kept is None:
        raise InputError(str(folder / RECORD), "missing: the run folder is not complete")
    asked: Mapping[str, Any] = kept["experiment"]["tune"]
    return asked


def _tuned(told: Any, folder: Path, run: Run) -> Tuned:
    asked = search_asked(folder)
    record = Record.read(folder / RECORD)
    knobs = _knobs(asked["over"])
    trials = [_trial(row, knobs, record) for row in told["trials"]]
    again = {row["point"]: trial for row, trial in zip(told["trials"], trials, strict=True) if row["point"] is not None}
    chosen = [again[point] for point in run.frames.point_numbers()]
    looks = Looks(int(asked["most"]))
    return tuned_of(run, knobs, asked["measure"], trials, chosen, looks, asked["maximise"], asked["most_held"])


def _trial(row: Mapping[str, Any], knobs: list[Knob], record: Record) -> Trial:
    """A trial with what its replications came to, of which a row has the number."""
    trial = Trial(int(row["trial"]), {knob.key: row[knob.key] for knob in knobs}, refused=str(row["refused"] or ""))
    for block in range(len(RACE.replications)):
        if len(trial.values) < row["replications"]:
            found = record.find(trial.settings, block)
            if found is None:
                raise ValueError(block)
            trial.values += found["values"]
            trial.held += found["held"]
    return trial


def _decided(told: Any, _folder: Path, run: Run) -> Decided:
    return decided_of(run, [*told["outcomes"]], Looks(int(told["most"]), float(told["by"])))


def _sensitivity(told: Any, _folder: Path, run: Run) -> Sensitivity | None:
    if "over" not in told:  # folders of earlier versions have none, and cannot be told to be made again
        return None
    knobs, measure = _knobs(told["over"]), str(told["measure"])
    *effects, chance = (_effect(row, int(told["samples"]), told["method"]) for row in told["effects"])
    found = mean_of(run.frames, measure)
    return Sensitivity(run, str(told["method"]), int(told["samples"]), measure, tuple(knobs), tuple(effects), chance, found)


def _effect(row: Mapping[str, Any], samples: int, method: str) -> Effect:
    total, low, high = (float(row[key]) for key in ("total", "low", "high"))
    most = max(1.0, total) if method == "sobol" else float("inf")
    half = max(total - low, high - total)
    interval = Interval(total, half, samples, CONFIDENCE, 0.0, most)
    return Effect(str(row["knob"]), interval, float(row["own"]), float(row["varies"]), bool(row["matters"]))


def _knobs(over: Mapping[str, Any]) -> list[Knob]:
    return [knob_of_plain(key, told) for key, told in over.items()]

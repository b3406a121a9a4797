# SPDX-License-Identifier: GPL-2.0-only
"""What is said of measures that are asked for along a sweep: which setting is the best, but of no load."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
from example import example_frames, example_manifest

from slabdes.answers.best import asked_answer
from slabdes.answers.tables import view_of
from slabdes.results.frames import Frames
from slabdes.results.run import Run

BY_CPUS = example_frames((1, 2, 8), replications=3)


def told(frames: Frames) -> str:
    manifest = example_manifest(frames)
    asked = replace(manifest, experiment=manifest.experiment | {"measures": ["alloc.mean"]})
    (sentence,) = asked_answer(view_of(Run(asked, frames)))
    return sentence


def test_a_measure_goes_along_loads_and_none_of_them_is_the_best() -> None:
    sentence = told(BY_CPUS)
    assert sentence.startswith("Alloc mean goes from ")
    assert " with 1 CPU to " in sentence and sentence.endswith(" with 8 CPUs.")


def test_of_machines_one_is_the_best() -> None:
    points = BY_CPUS.points.with_columns(pl.Series("machine", ["a", "b", "c"]))
    assert told(replace(BY_CPUS, points=points)).startswith("Of 3 settings ")

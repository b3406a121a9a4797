# SPDX-License-Identifier: GPL-2.0-only
"""What is said of measures that are asked for along a sweep: which setting is the best, but of no load."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
from example import example_frames, example_manifest

from slabdes.answers.answer import answer
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


def along(rates: tuple[float, ...], spread: float = 0.001) -> str:
    """What a run says of the operations a second, in millions, on 1, 2, 8 CPUs."""
    counts = BY_CPUS.operations.group_by("point", "replication").agg(pl.col("count").sum())
    wanted = pl.DataFrame({"point": range(3), "rate": rates}, {"point": pl.UInt32, "rate": pl.Float64})
    runs = BY_CPUS.runs.join(counts, on=["point", "replication"]).join(wanted, on="point")
    elapsed = pl.col("count") * 1e3 / (pl.col("rate") * (1 + spread * pl.col("replication")))
    frames = replace(BY_CPUS, runs=runs.with_columns(elapsed.alias("elapsed_ns")).select(BY_CPUS.runs.columns))
    return answer(view_of(Run(example_manifest(frames), frames)))[0]


def test_of_a_sweep_by_cpus_it_is_said_whether_there_is_a_peak_and_how_sure_that_is() -> None:
    assert along((1.0, 1.9, 5.0)).endswith("on 8, the most: no peak within these.")
    told = along((1.0, 1.9, 2.0), spread=0.1)
    assert told.endswith("on 8, the most, but not told from that on 2: where its peak is, is not known.")
    assert ", most on 2 (1.9" in along((1.0, 1.9, 1.5)) and "not told" not in along((1.0, 1.9, 1.5))
    assert ", not told from that on 8), " in along((0.5, 1.51, 1.5), spread=0.1)
    assert "most" not in along((3.0, 2.0, 1.0))

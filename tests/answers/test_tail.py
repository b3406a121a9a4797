# SPDX-License-Identifier: GPL-2.0-only
"""What a percentile consists of is told from the paths around it and their time, by its shares."""

from __future__ import annotations

import re
from dataclasses import replace

import polars as pl
from example import example_frames, example_manifest

from slabdes.answers.tables import view_of
from slabdes.answers.tail import tail_answer
from slabdes.results.frames import SPENT_PARTS, Frames
from slabdes.results.run import Run

FRAMES = example_frames((8,), replications=3, operations=200)


def told(frames: Frames) -> list[str]:
    return list(tail_answer(view_of(Run(example_manifest(frames), frames)), 0))


def spent_on(frames: Frames, **shares: float) -> Frames:
    """The same with each path's time spent so, in per cent."""
    parts = [pl.lit(float(shares.get(part, 0.0))).alias(f"{part}_ns") for part in SPENT_PARTS]
    return replace(frames, spent=frames.spent.with_columns(*parts))


def test_the_greatest_parts_of_the_time_on_the_paths_around_p99_are_told_and_little_ones_are_not() -> None:
    sentence = told(spent_on(FRAMES, lock_wait=82.0, line=11.0, work=6.5, handoff=0.5))[0]
    assert "82.0" in sentence and "of the time is waiting for locks" in sentence
    assert "11.0" in sentence and "waiting for cache lines and 6.5" in sentence
    assert "hand-over" not in sentence


def test_paths_weigh_by_their_part_of_the_operations_around_the_percentile() -> None:
    # Every other bucket belongs to another path: of those around p99 each has about half; all time of one is waiting.
    halves = pl.when(pl.col("bucket") % 2 == 0).then(pl.lit("grow")).otherwise(pl.lit("shared"))
    latency = FRAMES.latency.with_row_index("bucket").with_columns(halves.alias("path")).drop("bucket")
    waiting = pl.when(pl.col("path") == "grow").then(1.0).otherwise(0.0)
    rows = [
        {**FRAMES.spent.row(0, named=True), "op": op, "path": path} for op in ("alloc", "free") for path in ("grow", "shared")
    ]
    zeros = [pl.lit(0.0).alias(f"{part}_ns") for part in SPENT_PARTS]
    spent = pl.DataFrame(rows, FRAMES.spent.schema).with_columns(*zeros)
    spent = spent.with_columns(waiting.alias("lock_wait_ns"), (1.0 - waiting).alias("work_ns"))
    sentence = told(replace(FRAMES, latency=latency, spent=spent))[0]
    paths = dict(re.findall(r"(grow|shared) \(([\d.]+) %\)", sentence))
    assert set(paths) == {"grow", "shared"}
    assert f"{paths['grow']} % of the time is waiting for locks" in sentence or f"{paths['grow']} % waiting for locks" in sentence


def test_without_a_percentile_nothing_is_told_of_it() -> None:
    few = example_frames((1,), replications=1, operations=2)
    assert told(few) == []

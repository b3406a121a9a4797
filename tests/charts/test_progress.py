# SPDX-License-Identifier: GPL-2.0-only
"""How fast a run goes over time: what it did between two looks, which adds up to all that it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import polars as pl
import pytest
from example import PARTS, example_frames, example_manifest

from slabdes.charts.progress import progress
from slabdes.config import parse_experiment
from slabdes.engine.compiled.run import run_compiled
from slabdes.engine.marks import Marking
from slabdes.engine.records import Records
from slabdes.engine.reference.run import run_reference
from slabdes.plots.progress import progress_figure
from slabdes.results.frames import Frames
from slabdes.study.plan import machine_of
from slabdes.workload.synthetic import build_synthetic

Engine = Callable[..., Records]
FRAMES = example_frames((4,), replications=2)


def together(frames: Frames, first: float = 1.0) -> Frames:
    """The same with CPUs that end when the run does, but for CPU 0, which does after a share of it."""
    end = frames.progress["time_ns"].to_numpy().max()
    ends = pl.when(pl.col("cpu") == 0).then(first * end).otherwise(end)
    return replace(frames, cpus=frames.cpus.with_columns(ends.alias("end_ns")))


@pytest.mark.parametrize(("first", "steps"), [(0.7, 2), (0.5, 2), (0.3, 1), (0.2, PARTS)])
def test_a_line_ends_with_the_last_look_before_the_first_cpu_does_or_with_the_run_where_there_is_none(
    first: float, steps: int
) -> None:
    rows = progress(together(FRAMES, first)).frame.filter(pl.col("measure") == "operations_per_s")
    assert rows.height == steps


def test_a_rate_is_what_was_done_between_two_looks_over_the_time_between_and_waiting_a_share_of_all_cpus_time() -> None:
    frames = together(FRAMES)
    looks = frames.progress.filter(pl.col("replication") == 0).sort("time_ns")
    rows = progress(frames).frame
    done, waited = (rows.filter(pl.col("measure") == measure) for measure in ("operations_per_s", "share_waiting"))
    assert done.height == waited.height == PARTS
    took = done["end"] - done["begin"]
    assert (done["value"] * took / 1e9).sum() == pytest.approx(looks["operations"][-1])
    assert (waited["value"] * took * 4).sum() == pytest.approx(looks["lock_wait_ns"][-1])


@pytest.mark.parametrize("run", [run_reference, run_compiled])
def test_the_last_look_has_all_operations_and_all_waiting_of_a_run(run: Engine) -> None:
    raw = {"machine": {"preset": "numa-2x4"}, "cache": [{"name": "a", "size": 256}], "allocator": "7.3"}
    one = parse_experiment(raw | {"workload": {"kind": "burst", "objects": 200, "rounds": 2}}, "test")
    machine = machine_of(one)
    records = run(one, machine, build_synthetic(one, machine, 0), marking=Marking(20_000_000, samples=True))
    last = records.samples[-1]
    assert last.operations == sum(cpu.allocs + cpu.frees for cpu in records.cpus) == 8 * 800
    assert last.lock_wait == sum(cpu.lock_wait + cpu.handoff for cpu in records.cpus) > 0
    counts = [sample.operations for sample in records.samples]
    assert len(counts) > 5
    assert counts == sorted(counts)


@pytest.mark.parametrize("discipline", ["qspinlock", "tas"])
@pytest.mark.parametrize("run", [run_reference, run_compiled])
def test_waits_that_a_look_falls_into_are_in_it_so_far(run: Engine, discipline: str) -> None:
    raw = {
        "machine": {"preset": "uma-4"}, "lock": {"discipline": discipline},
        "workload": {"kind": "critical_section", "operations": 5, "hold_ns": 100_000, "hold": "constant", "think_ns": 0},
    }  # fmt: skip
    one = parse_experiment(raw, "test")
    machine = machine_of(one)
    records = run(one, machine, build_synthetic(one, machine, 0), marking=Marking(64 * 23_000_000, samples=True))
    looks = [sample for sample in records.samples if sample.time <= min(cpu.end for cpu in records.cpus)]
    between = [(after.lock_wait - before.lock_wait, after.time - before.time) for before, after in pairwise(looks)]
    # A hold lasts for two looks. One CPU of four has the lock and the others wait, all four while it is handed over.
    assert len(between) >= 10
    assert [waited / (4 * took) for waited, took in between] == pytest.approx([0.75] * len(between), abs=0.003)


def test_the_time_of_a_change_is_marked_and_what_comes_long_after_it_left_out() -> None:
    frames = together(FRAMES)
    manifest = example_manifest(frames)
    end = frames.progress["time_ns"].to_numpy().max()
    changed = replace(manifest, experiment=manifest.experiment | {"change": {"at_ms": end / 8e6}})
    for shown, marks, upto in ((manifest, 0, end), (changed, 1, end / 2)):
        for axes in progress_figure(frames, shown).axes:
            assert sum(text.get_text() == "sheaves change" for text in axes.texts) == marks
            assert axes.get_xlim()[1] == pytest.approx(upto)


def test_a_run_that_was_not_looked_at_says_so() -> None:
    (axes,) = progress_figure(replace(FRAMES, progress=FRAMES.progress.clear()), example_manifest(FRAMES)).axes
    assert axes.texts[0].get_text() == "How fast it went over time was not looked at."

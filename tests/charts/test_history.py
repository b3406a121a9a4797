# SPDX-License-Identifier: GPL-2.0-only
"""Memory over time: layers are what was sampled, of all nodes together, named as the allocator has them."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import polars as pl
import pytest
from example import PARTS, example_frames, example_manifest

from slabdes.charts.history import history
from slabdes.charts.places import LISTS, OBJECTS, SLABS, SLUB_PLACES, SLUB_SLABS, USED
from slabdes.pages.structure import history as structure_history
from slabdes.plots.history import history_figure
from slabdes.results.frames import schema
from slabdes.units import PAGE_SIZE

FRAMES = example_frames((4,), replications=2)
SWEEP = example_frames((1, 2, 4, 8), ("xeon-2s", "opteron-8n"))


def test_layers_are_the_first_replications_samples_and_what_is_used_is_of_the_pages_held() -> None:
    rows = history(FRAMES).frame
    samples = FRAMES.samples.filter(pl.col("replication") == 0)
    times = samples["time_ns"].unique().sort().to_list()
    assert len(times) == PARTS + 1
    for part in ("in_use", "in_arrays", "in_shared", "in_alien", "free_objects"):
        layer = rows.filter(pl.col("part") == part, pl.col("unit") == OBJECTS)
        assert layer["time"].to_list() == times
        assert layer["count"].sum() == samples[part].sum()
    assert set(rows.filter(pl.col("unit") == LISTS)["part"].to_list()) == {name for name in SLABS if samples[name].sum()}
    used = rows.filter(pl.col("unit") == USED)["count"].to_list()
    last = samples.filter(pl.col("time_ns") == times[-1]).sum()
    (size, order) = FRAMES.caches.select("object_size", "gfporder").row(0)
    slabs = sum(last[name][0] for name in ("slabs_partial", "slabs_full", "slabs_free", "slabs_cpu"))
    assert used[-1] == pytest.approx(last["in_use"][0] * size / (slabs * 2**order * PAGE_SIZE))


def test_slub_has_layers_of_its_own_names() -> None:
    cache = FRAMES.caches["name"][0]
    row = dict.fromkeys(schema("slub"), 0) | {"cache": cache}
    slub = replace(FRAMES, slub=pl.DataFrame([row], schema("slub")))
    rows = history(slub).frame
    assert {SLUB_PLACES["in_arrays"], SLUB_PLACES["in_shared"], SLUB_SLABS["slabs_cpu"]} < set(rows["place"].to_list())


def test_between_samples_memory_stands_still_rows_have_one_time_axis_and_the_warm_up_s_end_is_marked() -> None:
    runs = FRAMES.runs.with_columns(pl.lit(50.0).alias("warm_up_ns"))
    cut = replace(FRAMES, runs=runs)
    assert set(history(cut).frame["warm_up"].to_list()) == {50.0}
    assert history(FRAMES).frame["warm_up"].null_count() == history(FRAMES).frame.height
    objects, slabs, used = history_figure(cut, example_manifest(FRAMES)).axes
    assert used.lines[0].get_drawstyle() == "steps-post"
    for axes in (objects, slabs, used):
        assert [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"] == [50.0]
        assert axes.get_shared_x_axes().joined(axes, objects)
    # A layer's upper edge goes on as it was until the next sample, and only then up or down.
    (top,) = (path.vertices for path in objects.collections[-1].get_paths())
    assert all(before[0] == after[0] or before[1] == after[1] for before, after in pairwise(top[1:-1]))
    chart = history(cut)
    layers = json.dumps(structure_history(chart).spec["layer"])
    assert '"step-after"' in layers
    assert "warm-up ends" in layers
    assert "warm-up ends" not in json.dumps(structure_history(history(FRAMES)).spec["layer"])


def test_of_a_sweep_those_with_most_cpus_are_shown_and_a_run_that_was_not_sampled_has_no_rows() -> None:
    assert history(SWEEP).frame["setting"].n_unique() == 2
    unsampled = replace(FRAMES, samples=FRAMES.samples.clear())
    assert history(unsampled).frame.height == 0
    (axes,) = history_figure(unsampled, example_manifest(FRAMES)).axes
    assert axes.texts[0].get_text() == "How memory stood over time was not looked at."
    (objects, slabs, used) = history_figure(FRAMES, example_manifest(FRAMES)).axes
    assert [len(axes.collections) for axes in (objects, slabs)] == [5, 2]
    assert len(used.lines) == 1

# SPDX-License-Identifier: GPL-2.0-only
"""Drawings for browsers: they read in grey, have the intervals of their frames, and name only fills that a page has."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path

import polars as pl
import pytest
from example import example_frames, example_manifest
from matplotlib.colors import to_rgb

from slabdes.charts.chart import Chart
from slabdes.charts.curves import TIME as TIME_ALONG
from slabdes.charts.looks import LAYERS, TIME, Look
from slabdes.charts.memory import memory
from slabdes.charts.nodes import nodes
from slabdes.charts.scaling import IDEAL, KEY, scaling
from slabdes.charts.tails import tails
from slabdes.charts.time_shares import time_shares
from slabdes.charts.upkeep import LOCK, TURN
from slabdes.pages import html
from slabdes.pages.curves import path_looks
from slabdes.pages.drawings import DRAWINGS
from slabdes.pages.patterns import fill, patterns
from slabdes.pages.report import run_page
from slabdes.results.frames import OPERATIONS
from slabdes.results.frames import Path as PathOf
from slabdes.results.run import Run

SWEEP = example_frames((1, 8), ("xeon-2s", "opteron-8n"), replications=3, operations=100)
ALONE = example_frames((4,))


def grey(look: Look) -> float:
    red, green, blue = to_rgb(look[0])
    return 0.299 * red + 0.587 * green + 0.114 * blue


@pytest.mark.parametrize("looks", [tuple(TIME.values()), LAYERS])
def test_parts_of_a_stack_differ_on_pages_by_their_hatch_or_by_how_dark_they_are(looks: tuple[Look, ...]) -> None:
    paths = {one.name: one.paths for one in patterns()}
    for one, other in combinations(looks, 2):
        hatches = [paths.get(fill(look).removeprefix("url(#").removesuffix(")")) for look in (one, other)]
        assert hatches[0] != hatches[1] or abs(grey(one) - grey(other)) > 0.3, (one, other)


def test_a_page_has_every_pattern_that_its_drawings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "vega_script", lambda: "var vegaEmbed;")
    page = run_page(Run(example_manifest(SWEEP), SWEEP), Path("runs/example"))
    named = set(re.findall(r"url\(#([\w-]+)\)", page))
    assert named
    assert named <= set(re.findall(r'<pattern id="([\w-]+)"', page))


def test_times_by_node_and_parts_of_time_have_the_bars_of_their_intervals_where_there_are_any() -> None:
    for chart, alone, ends in (
        (nodes(SWEEP), nodes(ALONE), ("mean_high", "p99_high")),
        (time_shares(SWEEP), time_shares(ALONE), ("half",)),
    ):
        drawing = DRAWINGS[chart.name](chart)
        assert ("bands", "intervals") in drawing.toggles
        for end in ends:
            assert end in json.dumps(drawing.spec)
        assert DRAWINGS[chart.name](alone).toggles == ()


def test_where_objects_lie_is_named_within_the_bars_and_hatched() -> None:
    spec = json.dumps(DRAWINGS["memory"](memory(SWEEP)).spec)
    assert "hatch-" in spec
    assert '"text": {"field": "place"' in spec


def test_a_mean_and_its_percentile_are_the_two_ends_of_the_dotted_line() -> None:
    spec = DRAWINGS["nodes"](nodes(SWEEP)).spec
    (line,) = [layer for layer in spec["layer"] if layer["mark"].get("strokeDash") == [1, 3]]
    assert line["mark"]["type"] == "line"
    assert line["encoding"]["xOffset"]["field"] == "end_at"
    assert {"fold": ["mean_ns", "p99_ns"], "as": ["figure", "end"]} in line["transform"]


@pytest.mark.parametrize(("cpus", "kinds"), [((1, 2, 4, 6, 8), set(KEY)), ((1, 2, 4, 8), {IDEAL})], ids=["law", "no law"])
def test_the_key_of_a_sweep_by_cpus_has_what_is_drawn_and_the_axis_a_name(cpus: tuple[int, ...], kinds: set[str]) -> None:
    chart = scaling(example_frames(cpus, replications=2, operations=60))
    kinds = kinds & set(chart.frame["kind"].to_list())
    spec = DRAWINGS["scaling"](chart).spec
    domains = [
        layer["encoding"][name]["scale"]["domain"]
        for layer in spec["layer"]
        for name in ("opacity", "shape")
        if name in layer["encoding"]
    ]
    assert {word for domain in domains for word in domain} == {KEY[kind] for kind in kinds}
    assert IDEAL in kinds
    assert "operations a second" in json.dumps(spec["title"])


def test_a_path_looks_the_same_whichever_others_there_are_and_no_two_of_an_operation_look_alike() -> None:
    assert path_looks(["grow", "hit"]) == path_looks(["hit", "all", "grow"])[::-2]
    for operation in OPERATIONS:
        drawn = [repr(look) for look in path_looks([path.label for path in PathOf if path.operation.label == operation])]
        assert len(drawn) == len(set(drawn))


def test_turns_and_locks_of_upkeep_have_an_axis_each() -> None:
    rows = [
        {"point": 0, "setting": "", "what": what, "name": name, "measure": "mean", "time": time}
        for what, name, time in ((TURN, "cache_reap", 300.0), (LOCK, "list_lock", 5e6))
    ]
    spec = json.dumps(DRAWINGS["upkeep"](Chart("upkeep", "", "", pl.DataFrame(rows))).spec)
    assert "domainMin" in spec and "[part]" in spec


def test_what_of_interrupts_is_shown_is_a_control_of_its_own() -> None:
    """Of operations the page has another, with other values: one must not leave the other's charts empty."""
    rows = tails(SWEEP).frame.with_columns(pl.lit("waits of interrupts").alias("operation"))
    interrupts = json.dumps(DRAWINGS["interrupts"](Chart("interrupts", "", "", rows, TIME_ALONG)).spec)
    assert '"name": "times"' in interrupts and '"name": "operation"' not in interrupts
    assert '"name": "operation"' in json.dumps(DRAWINGS["tails"](tails(SWEEP)).spec)


def test_code_in_what_is_left_out_is_set_as_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "vega_script", lambda: "var vegaEmbed;")
    page = run_page(Run(example_manifest(SWEEP), SWEEP), Path("runs/example"))
    part = page[page.index("What the model leaves out") : page.index("Where it comes from")]
    assert "<code>[interrupts]</code>" in part and "`" not in part

# SPDX-License-Identifier: GPL-2.0-only
"""Figures of an event log, of who waits for whom and of memory: what is drawn is what their charts have, and nothing is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from example import example_frames, example_manifest

import slabdes
from slabdes.charts.queues import Log
from slabdes.charts.traffic import traffic_of
from slabdes.errors import InputError
from slabdes.plots.accessor import RunPlots
from slabdes.plots.logs import convoy_figure, queues_figure, transfers_figure
from slabdes.plots.save import save_figures
from slabdes.plots.traffic import KEY, WIDEST, traffic_figure
from slabdes.results.run import Run

FRAMES = example_frames((4,))
COLUMNS = ["lock", "cpu", "asked_ps", "granted_ps", "released_ps"]
HOLDS = pl.DataFrame([(0, 0, 0, 0, 1_000), (0, 3, 200, 1_000, 1_500), (0, 1, 400, 1_500, 2_000)], schema=COLUMNS, orient="row")
LOG = Log(FRAMES, HOLDS, 0)
QUIET = Log(FRAMES, HOLDS.clear(), 0)


def test_a_log_is_drawn_as_queues_a_convoy_and_hand_overs() -> None:
    queues = queues_figure(LOG)
    assert "CPUs that wait" in queues.get_suptitle()
    (held,) = convoy_figure(LOG).axes
    assert [text.get_text().strip() for text in held.texts] == ["CPU 0, node 0", "CPU 3, node 1", "CPU 1, node 0"]
    assert len(held.lines[0].get_xdata()) == 2  # hand-offs from another node
    squares = transfers_figure(LOG).axes[0].images[0].get_array()
    assert squares is not None
    assert squares.sum() == 2


@pytest.mark.parametrize("draw", [queues_figure, convoy_figure, transfers_figure])
def test_a_log_in_which_nothing_happened_says_so(draw: object) -> None:
    (axes,) = draw(QUIET).axes  # type: ignore[operator]
    assert len(axes.texts) == 1


def test_who_waits_and_where_objects_are_is_drawn_and_a_run_without_a_log_says_what_it_lacks() -> None:
    plot = RunPlots(Run(example_manifest(FRAMES), FRAMES))
    (graph,) = plot.waits().axes
    assert any("cache_alloc_refill" in text.get_text() for text in graph.texts)
    objects, slabs = plot.memory().axes
    for axes in (objects, slabs):
        assert sum(bar.get_width() for bar in axes.patches) == pytest.approx(100.0 * len(axes.get_yticks()))
    with pytest.raises(InputError, match="has no event log; allowed: a run with log = true"):
        plot.queues(Path("no/such"))


def test_the_machine_has_lines_as_wide_as_what_crosses_them_with_their_shares() -> None:
    manifest = example_manifest(FRAMES)
    layout = {"name": "two", "nodes": [{"node": node, "x": float(node), "y": 0.0} for node in range(2)]}
    told = replace(manifest, machines={name: {"layout": layout} for name in FRAMES.points["machine"]})
    chart = traffic_of(FRAMES, told.machines, LOG, 0)
    assert chart is not None
    (axes,) = traffic_figure(chart).axes
    link, *key = axes.lines
    assert link.get_linewidth() == pytest.approx(WIDEST, rel=0.1)
    assert [line.get_linewidth() for line in key] == [pytest.approx(WIDEST * share, abs=1) for share in KEY]
    assert [text.get_text() for text in axes.figure.legends[0].get_texts()] == ["1.0 % of all", "10.0 % of all", "30.0 % of all"]
    assert [text.get_text() for text in axes.texts] == ["100.0 %", "node 0\n0 % within", "node 1\n0 % within"]
    assert traffic_of(FRAMES, {}, LOG, 0) is None
    with pytest.raises(InputError, match="has no event log"):
        RunPlots(Run(told, FRAMES)).traffic(Path("no/such"))


def test_a_log_in_which_nothing_happened_has_no_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slabdes.plots.save.log_of", lambda *_told: QUIET)
    paths = save_figures(FRAMES, example_manifest(FRAMES), tmp_path / "figures", logged=tmp_path)
    assert not {"queues", "convoy", "transfers", "traffic"} & {path.stem for path in paths}


def test_the_figures_of_a_log_are_saved_beside_the_others_where_the_run_kept_one(tmp_path: Path) -> None:
    raw = {
        "name": "logged", "log": True, "machine": {"preset": "uma-4"}, "cache": [{"name": "a", "size": 64}],
        "workload": {"kind": "burst", "objects": 60}, "engine": "reference",
    }  # fmt: skip
    run = slabdes.simulate(raw, out=tmp_path / "run")
    of_log = {"queues.png", "convoy.png", "transfers.png"}  # one node: no traffic
    assert of_log < {path.name for path in (tmp_path / "run" / "figures").iterdir()}
    assert of_log < {path.name for path in run.plot.save(tmp_path / "again", logged=tmp_path / "run")}
    assert not of_log & {path.name for path in run.plot.save(tmp_path / "without")}

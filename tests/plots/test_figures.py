# SPDX-License-Identifier: GPL-2.0-only
"""Figures: what they show is what the metrics say, none has an empty panel, and they read in grey."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from example import concat_frames, example_frames, example_manifest, example_records, section_records
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import slabdes
from slabdes.charts.looks import TIME
from slabdes.charts.time_shares import PARTS
from slabdes.config import AllocatorVersion, Discipline
from slabdes.engine.records import Histogram
from slabdes.engine.records import Path as ServedBy
from slabdes.errors import InputError
from slabdes.plots.accessor import RunPlots
from slabdes.plots.latency import ccdf_figure
from slabdes.plots.machine import machine_figure
from slabdes.plots.nodes import nodes_figure
from slabdes.plots.save import save_figures
from slabdes.plots.scaling import scaling_figure
from slabdes.plots.style import COLOURS, line_style, time_axis, time_label, value_style
from slabdes.plots.time_shares import time_figure
from slabdes.results import metrics
from slabdes.results.frames import Frames, Point, frames_of
from slabdes.results.run import Run

SWEEP = example_frames((1, 2, 8), ("xeon-2s", "opteron-8n"), replications=3, operations=100)
MANIFEST = example_manifest(SWEEP)


def grey(colour: str) -> float:
    """Luma of Rec. 601, as printers and greyscale conversions use it."""
    red, green, blue = to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def texts(figure: Figure) -> str:
    found = [figure.get_suptitle()]
    for axes in figure.axes:
        found += [axes.get_title(), axes.get_xlabel(), axes.get_ylabel(), *(text.get_text() for text in axes.texts)]
        legend = axes.get_legend()
        found += [text.get_text() for text in legend.get_texts()] if legend else []
    for legend in figure.legends:
        found += [text.get_text() for text in legend.get_texts()]
    return "\n".join(found)


def empty_panels(figure: Figure) -> Iterator[str]:
    for axes in figure.axes:
        if not (axes.lines or axes.patches or axes.images or axes.texts or axes.collections):
            yield axes.get_title()


def test_line_colours_differ_in_grey() -> None:
    for one, other in combinations(COLOURS, 2):
        assert abs(grey(one) - grey(other)) > 0.07, (one, other)


def test_no_two_lines_of_a_family_look_the_same_without_colour() -> None:
    looks = [(str(line_style(number)["linestyle"]), line_style(number)["marker"]) for number in range(13)]
    assert len(set(looks)) == len(looks)


@pytest.mark.parametrize(("key", "names"), [("lock.discipline", Discipline), ("allocator", AllocatorVersion)])
def test_values_of_a_key_look_like_no_other_in_one_figure_with_a_look_of_their_own_or_without(key: str, names: list[str]) -> None:
    """`number` is the place in the figure's family: who adds a discipline or a kernel need not give it a look."""
    drawn = [*names, "one more", "and another"]
    markers = [value_style(key, name, number)["marker"] for number, name in enumerate(drawn)]
    assert len(set(markers)) == len(drawn), dict(zip(drawn, markers, strict=True))


def test_no_two_parts_of_a_bar_look_alike_in_grey() -> None:
    """Any two may be neighbours, where those between them are nowhere."""
    for (colour, hatch), (other_colour, other_hatch) in combinations(TIME.values(), 2):
        assert hatch != other_hatch or abs(grey(colour) - grey(other_colour)) > 0.3
    assert set(TIME) == set(PARTS) == set(metrics.TIME_PARTS)


@pytest.mark.parametrize("draw", [ccdf_figure, nodes_figure, time_figure, scaling_figure])
def test_the_title_says_workload_machines_cpus_replications_and_seed(draw: object) -> None:
    figure = draw(SWEEP, MANIFEST)  # type: ignore[operator]
    for word in ("mix", "xeon-2s", "opteron-8n", "8 CPUs", "3 replications", "seed 1"):
        assert word in figure.get_suptitle(), word
    assert list(empty_panels(figure)) == []


def test_every_axis_has_a_unit_or_says_what_it_counts() -> None:
    shown = texts(scaling_figure(SWEEP, MANIFEST)) + texts(time_figure(SWEEP, MANIFEST)) + texts(ccdf_figure(SWEEP, MANIFEST))
    labels = (
        "operations per second\n(millions, simulated time)",
        "waiting for locks (%)",
        "time (%)",
        "latency (simulated time)",
    )
    for label in labels:
        assert label in shown, label


def test_scaling_draws_the_means_a_line_a_machine() -> None:
    figure = scaling_figure(SWEEP, MANIFEST)
    table = metrics.scaling(SWEEP)
    lines = [line for line in figure.axes[0].lines if line.get_label() == "_child0" or len(line.get_xdata()) == 3]
    drawn = [list(line.get_ydata()) for line in lines]
    for machine in ("xeon-2s", "opteron-8n"):
        wanted = (table.filter(machine=machine).sort("cpus")["operations_per_s"] / 1e6).to_list()
        assert any(one == pytest.approx(wanted) for one in drawn), machine


def test_a_curve_is_drawn_for_each_path_and_its_legend_has_the_share() -> None:
    frames = example_frames()
    figure = ccdf_figure(frames, example_manifest(frames))
    shown = texts(figure)
    for path in frames.latency["path"].unique().to_list():
        assert f"{path} (" in shown, path
    assert [axes.get_title() for axes in figure.axes] == ["allocations", "frees"]


def test_a_sweep_shows_the_point_with_the_most_cpus_of_each_machine() -> None:
    titles = [axes.get_title() for axes in ccdf_figure(SWEEP, MANIFEST).axes]
    assert titles == [
        "allocations, xeon-2s, 8 CPUs", "frees, xeon-2s, 8 CPUs", "allocations, opteron-8n, 8 CPUs", "frees, opteron-8n, 8 CPUs"
    ]  # fmt: skip


def test_other_points_are_drawn_on_demand_and_one_that_is_not_there_is_named() -> None:
    assert ccdf_figure(SWEEP, MANIFEST, [0, 1]).axes[0].get_title() == "allocations, xeon-2s, 1 CPU"
    with pytest.raises(InputError, match="9 is not in this run; allowed: 0 to 5"):
        ccdf_figure(SWEEP, MANIFEST, [9])


def test_without_contention_the_wait_panel_says_so() -> None:
    frames = example_frames(contention=False)
    assert "No acquisition had to wait." in texts(nodes_figure(frames, example_manifest(frames)))


def test_a_run_in_which_nothing_happened_is_drawn_as_words() -> None:
    records = example_records()
    idle = tuple(
        replace(cpu, allocs=0, frees=0, failed=0, end=cpu.start, **dict.fromkeys(metrics.TIME_PARTS, 0)) for cpu in records.cpus
    )
    frames = frames_of(Point(0, "m", 4), [replace(records, latency={}, locks=(), cpus=idle)])
    manifest = example_manifest(frames)
    assert "No operation was recorded." in texts(ccdf_figure(frames, manifest))
    assert "No lock was taken." in texts(nodes_figure(frames, manifest))
    assert "No CPU did anything." in texts(time_figure(frames, manifest))
    assert "none at any point" in texts(scaling_figure(frames, manifest))


def test_an_operation_missing_at_one_point_leaves_words_there_and_curves_elsewhere() -> None:
    records = example_records()
    only = {key: one for key, one in records.latency.items() if key[1] <= ServedBy.FAIL}
    parts = [
        frames_of(Point(0, "a", 4, {"machine.preset": "a"}), [records]),
        frames_of(Point(1, "b", 4, {"machine.preset": "b"}), [replace(records, latency=only)]),
    ]
    frames = concat_frames(parts)
    figure = ccdf_figure(frames, example_manifest(frames))
    assert "None at this point." in texts(figure)
    figure.draw_without_rendering()


def test_a_workload_without_an_allocator_has_one_panel() -> None:
    frames = frames_of(Point(0, "uma-4", 4), [section_records()])
    assert [axes.get_title() for axes in ccdf_figure(frames, example_manifest(frames)).axes] == ["critical sections"]


def test_words_along_x_are_shown_as_they_are() -> None:
    parts = [
        frames_of(Point(number, "m", 2, {"lock.discipline": name}), [example_records(2, operations=60)])
        for number, name in enumerate(("ticket", "$qspin$"))
    ]
    frames = concat_frames(parts)
    for draw in (scaling_figure, time_figure):
        figure = draw(frames, example_manifest(frames))
        figure.draw_without_rendering()
        assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["ticket", r"\$qspin\$"]


def layout(nodes: int) -> dict[str, object]:
    """A layout as machine.graph.layout gives it, of 2 cores a node."""
    cores = [[{"core": 2 * node + i, "cluster": None, "cpus": [2 * node + i]} for i in range(2)] for node in range(nodes)]
    links = [
        {"a": a, "b": b, "distance": 16 if a // 2 == b // 2 else 22, "nearest": a // 2 == b // 2}
        for a, b in combinations(range(nodes), 2)
    ]
    return {
        "name": "made up", "source": "costs $5", "clock_ghz": 3.0, "cpus": 2 * nodes, "links": links,
        "nodes": [
            {"node": node, "id": node, "x": float(node % 3), "y": float(node // 3), "memory_mib": 0.0 if node else 2048.0,
             "cores": [] if nodes > 1 and node == nodes - 1 else cores[node]}
            for node in range(nodes)
        ],
        "distances": [[10 if a == b else 16 if a // 2 == b // 2 else 22 for b in range(nodes)] for a in range(nodes)],
        "transfers": [{"class": "same_node", "distance": 10, "pairs": 1, "min_ns": 40.0, "median_ns": 45.0, "max_ns": 50.0}],
    }  # fmt: skip


@pytest.mark.parametrize("nodes", [1, 2, 4, 8, 64])
@pytest.mark.filterwarnings("error")
def test_a_machine_of_any_size_is_drawn_with_every_node(nodes: int) -> None:
    figure = machine_figure(layout(nodes))
    figure.draw_without_rendering()
    shown = [text.get_text() for axes in (*figure.axes, *(a for sub in figure.subfigs for a in sub.axes)) for text in axes.texts]
    assert {f"node {node}" for node in range(nodes)} <= {text.splitlines()[0] for text in shown if text}
    if nodes > 1:
        assert any("no CPUs" in text for text in shown)
    if 1 < nodes <= 8:
        assert any("no memory" in text for text in shown)


def test_save_writes_the_figures_that_a_run_has_and_none_else(tmp_path: Path) -> None:
    single = example_frames(operations=60)
    manifest = example_manifest(single, {"xeon-2s": layout(2)})
    names = [path.name for path in save_figures(single, manifest, tmp_path / "one")]
    assert names == [
        "latency.png",
        "nodes.png",
        "time.png",
        "waits.png",
        "memory.png",
        "history.png",
        "moves.png",
        "machine-xeon-2s.png",
    ]
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")


def test_interrupts_are_drawn_where_some_came_and_waits_of_nothing_do_not_stretch_the_axis(tmp_path: Path) -> None:
    raw = {
        "machine": {"preset": "uma-4"}, "cache": [{"name": "a", "size": 64}], "interrupts": {"mean_ns": 3000.0},
        "workload": {"kind": "burst", "objects": 200}, "engine": "reference",
    }  # fmt: skip
    run = slabdes.simulate(raw, progress=False)
    assert "interrupts.png" in [path.name for path in save_figures(run.frames, run.manifest, tmp_path)]
    off, wait = run.plot.interrupts().axes
    assert (off.get_title(), wait.get_title()) == ("interrupts off, at a time", "waits of interrupts")
    assert wait.get_xlim()[0] > 0.1


def test_a_machine_named_like_a_path_is_saved_inside_the_folder(tmp_path: Path) -> None:
    frames = frames_of(Point(0, "../../etc/m", 4), [example_records(operations=60)])
    manifest = example_manifest(frames, {"../../etc/m": layout(1), "..-..-etc-m": layout(1)})
    drawn = [path.name for path in save_figures(frames, manifest, tmp_path) if path.name.startswith("machine")]
    assert drawn == ["machine-..-..-etc-m.png", "machine-..-..-etc-m~2.png"]
    assert {path.name for path in tmp_path.iterdir()} >= set(drawn)


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"):
        save_figures(SWEEP, MANIFEST, tmp_path / "file")


def test_the_accessor_draws_each_figure() -> None:
    single: Frames = example_frames(operations=60)
    plot = RunPlots(Run(example_manifest(single, {"xeon-2s": layout(2)}), single))
    drawn = (plot.ccdf(), plot.ccdf([0]), plot.nodes(), plot.time(), plot.scaling(), plot.machine(), plot.machine("xeon-2s"))
    for figure in drawn:
        assert isinstance(figure, Figure)
    with pytest.raises(InputError, match="no drawing of 'pdp-11' in this run; allowed: xeon-2s"):
        plot.machine("pdp-11")


def test_no_global_state_of_matplotlib_is_touched_and_the_accessor_loads_it_late() -> None:
    code = (
        "import sys, slabdes.plots.accessor, slabdes.results.run, slabdes.results.text, slabdes.results.folder;"
        "import slabdes.results.partial, slabdes.measures.scaling;"
        "assert not {'matplotlib', 'polars', 'numpy', 'pydantic', 'rich'} & set(sys.modules), sorted(sys.modules);"
        "import slabdes.plots.save; assert 'matplotlib.pyplot' not in sys.modules"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("nanoseconds", "text"), [(0, "0 ns"), (0.1, "0.1 ns"), (10, "10 ns"), (2500, "2.5 µs"), (1e6, "1 ms"), (1e9, "1 s")]
)
def test_ticks_of_time_have_units(nanoseconds: float, text: str) -> None:
    assert time_label(nanoseconds) == text


@pytest.mark.parametrize(("low", "high"), [(0.001, 0.001), (10, 10), (12, 13), (1, 1000), (0.5, 5e6)])
def test_a_time_axis_has_at_least_two_labels_however_narrow(low: float, high: float) -> None:
    axes = Figure().add_subplot()
    time_axis(axes, "y", low, high)
    bottom, top = axes.get_ylim()
    shown = [value for value in axes.yaxis.get_major_locator()() if bottom <= value <= top]
    assert bottom <= low <= high <= top and len(shown) >= 2


def test_operations_that_cost_nothing_are_drawn_at_the_clocks_step() -> None:
    free = Histogram()
    free.add(0)
    records = replace(section_records(), latency={(-1, ServedBy.SECTION): free})
    frames = frames_of(Point(0, "m", 4), [records])
    figure = ccdf_figure(frames, example_manifest(frames))
    figure.draw_without_rendering()
    assert list(figure.axes[0].lines[0].get_xdata()) == [0.001]

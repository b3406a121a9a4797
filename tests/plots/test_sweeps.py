# SPDX-License-Identifier: GPL-2.0-only
"""Figures of sweeps: every setting is drawn or the title says which are, nothing is cut or on an edge, eight lines a panel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from example import concat_frames, example_frames, example_manifest, example_records
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from slabdes.charts.latency import MEANINGS
from slabdes.plots.fit import width_in, wrapped
from slabdes.plots.latency import ccdf_figure
from slabdes.plots.nodes import nodes_figure
from slabdes.plots.scaling import scaling_figure
from slabdes.plots.tails import tails_figure
from slabdes.plots.time_shares import time_figure
from slabdes.results.frames import Frames, Path, Point, frames_of

RECORDS = [example_records(2, operations=60, seed=seed) for seed in (1, 2)]
DRAWN: Sequence[Callable[..., Figure]] = (ccdf_figure, nodes_figure, time_figure, scaling_figure, tails_figure)


def sweep(settings: Sequence[dict[str, Any]], cpus: Sequence[int] = (2,), machine: str = "m") -> Frames:
    """Frames of every setting on every number of CPUs."""
    points = [(one, count) for one in settings for count in cpus]
    return concat_frames(frames_of(Point(n, machine, count, one), RECORDS) for n, (one, count) in enumerate(points))


def drawn(draw: Callable[..., Figure], frames: Frames, **more: Any) -> Figure:
    return draw(frames, example_manifest(frames), **more)


@pytest.mark.parametrize("draw", DRAWN)
def test_a_setting_that_a_point_leaves_to_the_kernel_has_a_place_beside_numbers(draw: Callable[..., Figure]) -> None:
    """As where `tune` tries values of a key that the file does not give."""
    figure = drawn(draw, sweep([{"cache.0.limit": limit} for limit in (None, 60, 12)]))
    FigureCanvasAgg(figure).draw()
    if draw is scaling_figure:
        assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["by default", "12", "60"]


def titles(figure: Figure) -> str:
    return "\n".join(axes.get_title() for axes in figure.axes) + "".join(
        text.get_text() for axes in figure.axes if (legend := axes.get_legend()) for text in legend.get_texts()
    )


def lines(axes: Axes) -> int:
    """Of the data: without the ideal."""
    return sum(line.get_color() != "#7A7A7A" for line in axes.lines)


ALLOCATORS = [{"allocator": name} for name in ("4.6", "4.7", "6.1")]


@pytest.mark.parametrize("draw", [ccdf_figure, nodes_figure, tails_figure])
def test_every_setting_of_a_sweep_without_cpus_is_drawn(draw: Callable[..., Figure]) -> None:
    figure = drawn(draw, sweep(ALLOCATORS))
    for name in ("4.6", "4.7", "6.1"):
        assert f"allocator {name}" in titles(figure)


@pytest.mark.parametrize("draw", [ccdf_figure, nodes_figure])
def test_where_cpus_vary_the_title_says_that_the_most_are_shown_and_how_to_see_the_others(draw: Callable[..., Figure]) -> None:
    figure = drawn(draw, sweep(ALLOCATORS[:2], (1, 2)))
    said = " ".join(figure.get_suptitle().split())
    assert "2 of 4 points, those with the most CPUs: 1, 3 (others: slabdes plot RUN --point N)" in said
    assert "2 CPUs, allocator 4.6" in titles(figure) and "2 CPUs, allocator 4.7" in titles(figure)


def test_of_many_settings_the_title_says_how_many_are_shown() -> None:
    frames = sweep([{"workload.objects": number} for number in range(1, 41)])
    for draw, said in ((nodes_figure, "8 of 40 points"), (tails_figure, "8 of 40 points")):
        assert said in drawn(draw, frames).get_suptitle()


def test_no_panel_has_more_lines_than_are_told_apart() -> None:
    many = sweep([{"allocator": name, "workload.objects": number} for name in "abcdefghijk" for number in (1, 2)])
    scaling, tails = drawn(scaling_figure, many), drawn(tails_figure, many)
    assert max(lines(axes) for axes in (*scaling.axes, *tails.axes)) <= 8
    # Eleven lines, two panels each; eight of eleven settings, and the title says so.
    assert sum(lines(axes) for axes in scaling.axes) == 2 * 11
    assert "16 of 22 points" in tails.get_suptitle()


def test_paths_too_many_for_a_panel_go_into_two() -> None:
    records = example_records(2, operations=60)
    hit = next(histogram for (_cache, path), histogram in records.latency.items() if path is Path.HIT)
    latency = {(0, path): hit for path in Path if path <= Path.FREE_HIT}
    spent = dict.fromkeys((path for path in Path if path <= Path.FREE_HIT), records.spent[Path.HIT])
    object.__setattr__(records, "latency", latency)
    object.__setattr__(records, "spent", spent)
    frames = frames_of(Point(0, "m", 2), [records])
    figure = drawn(ccdf_figure, frames)
    assert [axes.get_title() for axes in figure.axes] == [
        "allocations, local paths", "allocations, other nodes and failures", "frees"
    ]  # fmt: skip
    assert max(lines(axes) for axes in figure.axes) <= 8


def test_every_path_is_explained() -> None:
    assert {path.label for path in Path} == set(MEANINGS)


LONG = [{"machine.memory_mib": [1.0, number / 8], "workload.file": f"/a/long/way/to/{'x' * 90}{number}"} for number in range(2)]


@pytest.mark.parametrize("draw", DRAWN)
def test_no_text_is_cut_however_long_names_are(draw: Callable[..., Figure]) -> None:
    points = [(f"numa-2x4 (memory_mib {one['machine.memory_mib']})", one) for one in LONG]
    frames = concat_frames(frames_of(Point(n, name, 2, one), RECORDS) for n, (name, one) in enumerate(points))
    figure = drawn(draw, frames)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    seen = canvas.get_renderer()
    boxes = [part.get_tightbbox(seen) for part in (*figure.axes, *figure.legends)]
    boxes += [text.get_window_extent(seen) for text in figure.texts]
    assert figure.texts
    for box in boxes:
        assert figure.bbox.x0 - 1 <= box.x0 and box.x1 <= figure.bbox.x1 + 1
        assert figure.bbox.y0 - 1 <= box.y0 and box.y1 <= figure.bbox.y1 + 1


def test_text_is_wrapped_at_words_and_within_a_word_only_where_it_must_be() -> None:
    text = wrapped("one two three four five", 10, 0.8)
    assert text.replace("\n", " ") == "one two three four five" and "\n" in text
    assert all(width_in(line, 10) <= 0.8 for line in (text + "\n" + wrapped("x" * 60, 10, 0.8)).split("\n"))
    assert wrapped("one two three four five", 10, 0.8, 1).endswith("...")


def is_ideal(line: Any) -> bool:
    """Whether a line is an ideal: those are dotted, and thin."""
    return bool(line.get_linewidth() == 1.0 and line.get_marker() == "None")


@pytest.mark.parametrize("along", [{"cpus": (1, 2)}, {"settings": ALLOCATORS}])
def test_no_mark_sits_on_an_edge(along: dict[str, Any]) -> None:
    figure = drawn(scaling_figure, sweep(along.get("settings", [{}]), along.get("cpus", (2,))))
    for axes in figure.axes:
        for line in axes.lines:
            if not is_ideal(line):
                for value, (low, high) in ((line.get_xdata(), axes.get_xlim()), (line.get_ydata(), axes.get_ylim())):
                    assert low < min(value) and max(value) < high


def test_a_tiny_share_does_not_fill_its_axis() -> None:
    free = example_records(2, operations=60, contention=False)
    figure = drawn(scaling_figure, concat_frames(frames_of(Point(n, "m", n), [free]) for n in (1, 2)))
    assert figure.axes[1].get_ylim()[1] >= 5


def test_an_ideal_line_begins_at_the_fewest_cpus_and_both_axes_may_be_logarithmic() -> None:
    frames = example_frames((1, 2), replications=2)
    figure = drawn(scaling_figure, frames, log=True)
    axes = figure.axes[0]
    ideal = next(line for line in axes.lines if is_ideal(line))
    data = next(line for line in axes.lines if line is not ideal)
    assert ideal.get_ydata()[0] == pytest.approx(data.get_ydata()[0])
    assert ideal.get_ydata()[-1] == pytest.approx(2 * data.get_ydata()[0])
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [text.get_text().partition(":")[0] for legend in figure.findobj(type(axes.legend())) for text in legend.get_texts()]


def test_an_ideal_that_has_left_the_panel_at_the_second_mark_is_left_out_and_one_that_leaves_it_later_is_said_to_go_on() -> None:
    def keys(frames: Frames) -> list[str]:
        figure = drawn(scaling_figure, frames)
        texts = [text.get_text() for legend in figure.findobj(Legend) for text in legend.get_texts()]
        return [text for text in texts if text.startswith("ideal")]

    flat = [frames_of(Point(n, "m", count), RECORDS) for n, count in enumerate((1, 2))]
    assert keys(concat_frames(flat)) == []
    records = [example_records(cpus, contention=False) for cpus in (1, 2, 2)]
    bent = [frames_of(Point(n, "m", cpus), [one]) for n, (cpus, one) in enumerate(zip((1, 2, 64), records, strict=True))]
    (told,) = keys(concat_frames(bent))
    assert told.endswith("times CPUs, goes on above")


def test_lines_that_coincide_stand_beside_one_another() -> None:
    figure = drawn(scaling_figure, sweep([{"seed": seed} for seed in (7, 8)], (1, 2)))
    axes = figure.axes[0]
    one, other = (line for line in axes.lines if str(line.get_label()).startswith("seed"))
    assert list(one.get_ydata()) == list(other.get_ydata())
    (left, _), (right, _) = (line.get_transform().transform((1, 0)) for line in (one, other))
    assert right - left > 2


@pytest.mark.parametrize("draw", [ccdf_figure, tails_figure, scaling_figure])
def test_curves_and_lines_have_bands_where_there_are_replications_and_none_without(draw: Callable[..., Figure]) -> None:
    several = drawn(draw, sweep([{}], (1, 2)))
    assert any(axes.collections for axes in several.axes) and "95 % intervals" in several.get_suptitle()
    single = concat_frames(frames_of(Point(n, "m", n), RECORDS[:1]) for n in (1, 2))
    figure = drawn(draw, single)
    assert not any(axes.collections for axes in figure.axes) and "intervals" not in figure.get_suptitle()


def test_an_allocator_version_looks_the_same_whatever_else_is_drawn() -> None:
    def colours(names: Sequence[str]) -> dict[str, Any]:
        figure = drawn(tails_figure, sweep([{"allocator": name} for name in names]))
        return {line.get_label(): line.get_color() for line in figure.axes[0].lines}

    both, one = colours(("4.6", "4.7")), colours(("4.7", "6.1"))
    assert both["allocator 4.7"] == one["allocator 4.7"] != both["allocator 4.6"]


def test_a_percentile_is_an_open_mark_and_caps_are_intervals() -> None:
    figure = drawn(nodes_figure, sweep([{}]))
    faces = [line.get_markerfacecolor() for axes in figure.axes for line in axes.lines]
    capped = any(line.get_marker() == "_" for axes in figure.axes for line in axes.lines)
    assert "white" in faces and capped == ("bars: 95 % intervals" in figure.get_suptitle())

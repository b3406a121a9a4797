# SPDX-License-Identifier: GPL-2.0-only
"""How all figures look: colours that differ in grey and for the colour-blind, marks, captions, legends outside the data.

Figures are matplotlib Figure objects with no global state, so that they can be made anywhere. Leaves out what is drawn.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from slabdes.charts import choice
from slabdes.errors import shown
from slabdes.plots.fit import width_in, wrapped
from slabdes.results.called import value_text
from slabdes.results.text import setting_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

COLOURS: Final = ("#000000", "#0072B2", "#D55E00", "#CC79A7", "#7CC4EE", "#7B1E3A")
"""From Okabe and Ito's colour-blind-safe palette (2008), with two tones moved so that all differ in grey as well."""
LINES: Final = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
MARKS: Final = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p", "h", "d", "H", "8", "1", "2", "+", "x")
_LOOK_OF: Final = {
    "allocator": {
        **{"2.6.34": 3, "4.6": 0, "4.7": 1, "6.1": 2},
        **{"6.12": 4, "6.18": 6, "7.0": 7, "7.1": 8, "7.2": 9, "7.3": 5},
    },
    "discipline": {"qspinlock": 0, "ticket": 2, "tas": 3, "cna": 1},
}
"""What looks the same wherever it is drawn: kernels and locks. Others need no entry: in one figure no two look alike."""
WAITING: Final = "#D55E00"
"""Of time spent waiting for locks."""
FAINT: Final = "#CCCCCC"
"""Of grid lines."""

DPI: Final = 150
NOTEBOOK_DPI: Final = 72
"""Dots an inch in notebooks, as matplotlib's own inline backend has it: a figure fits the page's width."""
_LEGEND_SIZE: Final = 8
_KEY_IN: Final = 0.75
"""Width of a legend's key with the space around, inches (measured at 8 points)."""
_ENTRY_IN: Final = 2.5
"""Width that a legend's text is wrapped to."""
_TITLE_SIZE: Final = 10
PANEL_TITLE_SIZE: Final = 10
_MARGIN_IN: Final = 0.4
"""Of a title, left and right together."""
_TICK_SIZE: Final = 10
_TICK_IN: Final = 1.6
_TICK_LINES: Final = 3
_CHARACTERS_ALONG: Final = 40
"""Of ticks side by side under a panel (measured at 10 points, 4 inches)."""
MOST_LINES: Final = 8
"""Of a panel: more are told apart by nobody, and go into panels of their own."""
LEAST_TOP: Final = 5.0
"""Per cent that an axis of shares has at least: a tiny share looks tiny."""
_BELOW_ZERO: Final = 0.03
_ABOVE: Final = 0.08
"""Parts of an axis that are left free below zero and above the greatest value, so that no mark sits on an edge."""
_BESIDE_DECADES: Final = 0.06
_DECADE: Final = 10
_FEW_DECADES: Final = 2
_MOST_CHARACTERS: Final = 200
"""Of a line of text (assumed)."""
_OF_A_TITLE: Final = 400
"""Likewise of a title's line, which says what is not shown, too."""
_MANY: Final = 50
"""More ticks than any axis has: none is to be left out."""
_TIME_UNITS: Final = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))


class ShownFigure(Figure):
    """A Figure that shows itself in a notebook, though no pyplot made it and no inline backend is set up."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, dpi=NOTEBOOK_DPI, format="png")
        return buffer.getvalue()


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure of this size in inches, whose parts are laid out so that nothing overlaps."""
    return ShownFigure(figsize=(width_in, height_in), dpi=DPI, layout="constrained")


def line_style(number: int) -> dict[str, Any]:
    """Colour, dashes and marker of the line `number` of a family: no two of the first dozen share all, and few share one."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": LINES[(number + number // len(COLOURS)) % len(LINES)],
        "marker": MARKS[number % len(MARKS)],
        "markersize": 5,
        "linewidth": 1.5,
    }


def point_style(frames: Frames, point: int, keys: Sequence[str], number: int) -> dict[str, Any]:
    """`line_style` of a point: of its value, if that alone tells points apart and has a look of its own, else of `number`."""
    if len(keys) != 1:
        return line_style(number)
    value = frames.points.row(frames.point_numbers().index(point), named=True)[keys[0]]
    return value_style(keys[0], str(value), number)


def value_style(key: str, value: str, number: int) -> dict[str, Any]:
    """`line_style` of a key's value: its own look, or one of `number` that no value of the key has for its own."""
    own = _LOOK_OF.get(key.rpartition(".")[2], {})
    return line_style(own.get(value, len(own) + number % (len(MARKS) - len(own))))


def caption(figure: Figure, what: str, manifest: Manifest, frames: Frames) -> None:
    """Title a figure: what it shows, then what it is about."""
    title(figure, what, about(manifest, frames))


def about(manifest: Manifest, frames: Frames) -> str:
    """Workload, machines, CPUs, replications and seed of `frames`, in a line."""
    points = frames.points
    counts = sorted(set(points["cpus"].to_list()))
    cpus = f"{counts[0]} CPU{'s' if counts[0] != 1 else ''}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} CPUs"
    times = sorted(set(points["replications"].to_list()))
    repeated = f"{times[-1]} replication{'s' if times[-1] != 1 else ''}"
    parts = (manifest.workload or "several workloads", _machines(frames), cpus, repeated, f"seed {manifest.seed}")
    return " · ".join(parts)


def _machines(frames: Frames) -> str:
    names = list(dict.fromkeys(frames.points["machine"].to_list()))
    more = len(names) - MOST_LINES
    return ", ".join(map(plain, names[:MOST_LINES])) + (f" and {more} more machines" if more > 0 else "")


def title(figure: Figure, *lines: str) -> None:
    """Lines above a figure, wrapped to its width."""
    room = figure.get_figwidth() - _MARGIN_IN
    told = "\n".join(wrapped(plain(line, _OF_A_TITLE), _TITLE_SIZE, room) for line in lines)
    figure.suptitle(told, fontsize=_TITLE_SIZE)


def panel_title(axes: Axes, text: str, inches: float) -> None:
    """A title above a panel, wrapped to so many inches."""
    axes.set_title(wrapped(text, PANEL_TITLE_SIZE, inches), fontsize=PANEL_TITLE_SIZE)


def tick_text(value: object) -> str:
    """A value at an axis: as it is, in a few short lines."""
    return wrapped(plain(setting_text(value)), _TICK_SIZE, _TICK_IN, _TICK_LINES)


def point_label(frames: Frames, point: int, keys: Sequence[str]) -> str:
    """`choice.point_label` as matplotlib shows it."""
    return plain(choice.point_label(frames, point, keys))


def plain(text: str, most: int = _MOST_CHARACTERS) -> str:
    r"""Lines that matplotlib shows as they are: printable, no longer than a figure bears, and a $ begins no mathematics."""
    return "\n".join(shown(line, most).replace("$", r"\$") for line in text.split("\n"))


def legend_below(figure: Figure | SubFigure, axes: Axes) -> None:
    """The legend of one panel, below all panels, outside the data, in as many columns as fit; none without entries."""
    handles, names = axes.get_legend_handles_labels()
    if handles:
        room = figure.bbox.width / figure.dpi - _MARGIN_IN
        texts = [wrapped(name, _LEGEND_SIZE, room - _KEY_IN) for name in names]
        entry_in = _KEY_IN + max(width_in(line, _LEGEND_SIZE) for text in texts for line in text.split("\n"))
        columns = max(1, min(len(names), int(room / entry_in)))
        figure.legend(handles, texts, loc="outside lower center", ncols=columns, fontsize=_LEGEND_SIZE, frameon=False)


def legend_beside(axes: Axes) -> None:
    """A panel's legend at its right, outside the data."""
    handles, names = axes.get_legend_handles_labels()
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}
    axes.legend(handles, [_entry(name) for name in names], fontsize=_LEGEND_SIZE, frameon=False, **place)


def legend_of_stack(figure: Figure, axes: Axes) -> None:
    """The legend of one panel at the figure's right, in the order of its bars: what is on top stands on top."""
    handles, names = axes.get_legend_handles_labels()
    place: dict[str, Any] = {"loc": "outside right center", "frameon": False}
    figure.legend(handles[::-1], [_entry(name) for name in names[::-1]], fontsize=_LEGEND_SIZE, **place)


def _entry(name: str) -> str:
    return wrapped(name, _LEGEND_SIZE, _ENTRY_IN)


def share_axis(axes: Axes, top: float) -> None:
    """The y axis of shares in per cent up to `top`, or to LEAST_TOP if that is less."""
    zero_axis(axes, max(top, LEAST_TOP))


def zero_axis(axes: Axes, top: float) -> None:
    """A linear y axis from zero to `top`, with room for marks at both."""
    axes.set_ylim(-_BELOW_ZERO * top, (1 + _ABOVE) * top)


def grid(axes: Axes, axis: Any = "both") -> None:
    """Faint grid lines behind the data."""
    axes.grid(True, axis=axis, color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)


def say(axes: Axes, text: str) -> None:
    """Write `text` in place of a panel that would be empty."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, wrap=True)


def time_axis(axes: Axes, axis: str, low_ns: float, high_ns: float) -> None:
    """Make `axis` a log axis with room around these times, labelled with times that have their unit."""
    low, high = math.log10(low_ns), math.log10(high_ns)
    # One decade at least, so that there are labels.
    wider = max(0.0, 1.0 - (high - low)) / 2
    beside = _BESIDE_DECADES * max(high - low, 1.0)
    limits = (10.0 ** (low - wider - beside), 10.0 ** (high + wider + beside))
    steps = (1, 2, 5) if high - low <= _FEW_DECADES else (1,)
    chosen = axes.xaxis if axis == "x" else axes.yaxis
    if axis == "x":
        axes.set_xscale("log")
        axes.set_xlim(*limits)
    else:
        axes.set_yscale("log")
        axes.set_ylim(*limits)
    chosen.set_major_locator(LogLocator(base=10, subs=steps, numticks=_MANY))
    chosen.set_major_formatter(FuncFormatter(lambda value, _position: time_label(value)))
    chosen.set_minor_locator(NullLocator())


def time_label(nanoseconds: float) -> str:
    """A tick's time, short: `10 ns`, `2.5 µs`."""
    for scale, unit in _TIME_UNITS:
        if abs(nanoseconds) >= scale:
            return f"{nanoseconds / scale:g} {unit}"
    return f"{nanoseconds:g} ns"


def word_ticks(axes: Axes, places: Sequence[float], values: Sequence[object]) -> None:
    """Words along x, turned where they are long or many."""
    texts = [tick_text(value) for value in values]
    turned = len(texts) * max(len(line) for text in texts for line in text.split("\n")) > _CHARACTERS_ALONG
    axes.set_xticks(places, texts, rotation=30 if turned else 0, ha="right" if turned else "center")


def cpu_axis(axes: Axes, values: Sequence[float]) -> None:
    """Ticks at the values themselves, on a log axis where they span more than a decade; crowded ones are left out."""
    chosen = sorted(set(values))
    wide = chosen[0] > 0 and chosen[-1] / chosen[0] >= _DECADE
    if wide:
        axes.set_xscale("log", base=2)
    axes.set_xticks(_apart(chosen, wide), [value_text(value) for value in _apart(chosen, wide)])
    axes.xaxis.set_minor_locator(NullLocator())
    if len(chosen) == 1:
        axes.set_xlim(chosen[0] - 1, chosen[0] + 1)


def _apart(values: Sequence[float], wide: bool) -> list[float]:
    """Those of rising `values` that stand at least a tenth of the axis apart, first and last among them."""
    if len(values) < 3:
        return list(values)
    least = (values[-1] / values[0]) ** 0.06 if wide else (values[-1] - values[0]) * 0.06
    kept = [values[0]]
    for value in values[1:-1]:
        near = (value / kept[-1], values[-1] / value) if wide else (value - kept[-1], values[-1] - value)
        if min(near) >= least:
            kept.append(value)
    return [*kept, values[-1]]

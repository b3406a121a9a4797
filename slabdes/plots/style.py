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
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from slabdes.errors import shown
from slabdes.results.text import NOTHING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from slabdes.results.frames import Frames
    from slabdes.results.manifest import Manifest

COLOURS: Final = ("#000000", "#0072B2", "#D55E00", "#CC79A7", "#7CC4EE", "#7B1E3A")
"""From Okabe and Ito's colour-blind-safe palette (2008), with two tones moved so that all differ in grey as well."""
LINES: Final = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
MARKS: Final = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p", "h", "d")
FAINT: Final = "#CCCCCC"
"""Of grid lines."""

DPI: Final = 150
NOTEBOOK_DPI: Final = 72
"""Dots an inch in notebooks, as matplotlib's own inline backend has it: a figure fits the page's width."""
_LEGEND_SIZE: Final = 8
_CHARACTER_IN: Final = 0.068
_KEY_IN: Final = 0.65
"""Widths of a legend's character and of its key with the space around, inches (measured at 8 points)."""
_TITLE_SIZE: Final = 10
_DECADE: Final = 10
_FEW_DECADES: Final = 2
_MOST_CHARACTERS: Final = 200
"""Of a line of text (assumed)."""
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


def caption(figure: Figure, what: str, manifest: Manifest, frames: Frames) -> None:
    """Title a figure: what it shows, then workload, machine, CPUs, replications and seed of `frames`."""
    points = frames.points
    machines = list(dict.fromkeys(points["machine"].to_list()))
    counts = sorted(set(points["cpus"].to_list()))
    cpus = f"{counts[0]} CPU{'s' if counts[0] != 1 else ''}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} CPUs"
    times = sorted(set(points["replications"].to_list()))
    repeated = f"{times[-1]} replication{'s' if times[-1] != 1 else ''}"
    about = (manifest.workload or "several workloads", ", ".join(machines), cpus, repeated, f"seed {manifest.seed}")
    figure.suptitle(f"{plain(what)}\n{plain(' · '.join(about))}", fontsize=_TITLE_SIZE)


def point_label(frames: Frames, point: int, keys: Sequence[str]) -> str:
    """What tells a point from others: the values of `keys`, named where the value alone does not say what it is."""
    row = frames.points.row(frames.point_numbers().index(point), named=True)
    return ", ".join(plain(name_value(key, row[key])) for key in keys)


def name_value(key: str, value: object) -> str:
    """A value with what it means: `8 CPUs`, `xeon-2s`, `limit 120`."""
    if value is None:
        value = NOTHING
    match key:
        case "cpus" | "machine.cpus":
            return f"{value} CPU{'s' if value != 1 else ''}"
        case "machine" | "machine.preset" | "machine.file" | "workload.kind":
            return str(value)
        case _:
            return f"{short_key(key)} {value}"


def short_key(key: str) -> str:
    """A dotted key's last word."""
    return "CPUs" if key == "cpus" else key.rpartition(".")[2]


def some(shown: int, of: int, what: str) -> str:
    """What a title adds where not all is shown."""
    return f"; {shown} of {of} {what}" if shown < of else ""


def plain(text: str) -> str:
    r"""Lines that matplotlib shows as they are: printable, no longer than a figure bears, and a $ begins no mathematics."""
    return "\n".join(shown(line, _MOST_CHARACTERS).replace("$", r"\$") for line in text.split("\n"))


def legend_below(figure: Figure, axes: Axes) -> None:
    """The legend of one panel, below all panels, outside the data, in as many columns as fit; none without entries."""
    handles, names = axes.get_legend_handles_labels()
    if handles:
        entry_in = _KEY_IN + max(len(name) for name in names) * _CHARACTER_IN
        columns = max(1, min(len(names), int(figure.get_figwidth() / entry_in)))
        figure.legend(handles, names, loc="outside lower center", ncols=columns, fontsize=_LEGEND_SIZE, frameon=False)


def legend_beside(axes: Axes) -> None:
    """A panel's legend at its right, outside the data."""
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=_LEGEND_SIZE, frameon=False, borderaxespad=0.0)


def grid(axes: Axes, axis: Any = "both") -> None:
    """Faint grid lines behind the data."""
    axes.grid(True, axis=axis, color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)


def say(axes: Axes, text: str) -> None:
    """Write `text` in place of a panel that would be empty."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, wrap=True)


def time_axis(axes: Axes, axis: str, low_ns: float, high_ns: float) -> None:
    """Make `axis` a log axis over the whole decades around these times, labelled with times that have their unit."""
    low, high = math.floor(math.log10(low_ns)), math.ceil(math.log10(high_ns))
    # One decade at least, and then more labels than its ends'.
    high = max(high, low + 1)
    steps = (1, 2, 5) if high - low <= _FEW_DECADES else (1,)
    if axis == "x":
        axes.set_xscale("log")
        axes.set_xlim(10.0**low, 10.0**high)
    else:
        axes.set_yscale("log")
        axes.set_ylim(10.0**low, 10.0**high)
    chosen = axes.xaxis if axis == "x" else axes.yaxis
    chosen.set_major_locator(LogLocator(base=10, subs=steps, numticks=_MANY))
    chosen.set_major_formatter(FuncFormatter(lambda value, _position: time_label(value)))
    chosen.set_minor_formatter(NullFormatter())


def time_label(nanoseconds: float) -> str:
    """A tick's time, short: `10 ns`, `2.5 µs`."""
    for scale, unit in _TIME_UNITS:
        if abs(nanoseconds) >= scale:
            return f"{nanoseconds / scale:g} {unit}"
    return f"{nanoseconds:g} ns"


def cpu_axis(axes: Axes, values: Sequence[float]) -> None:
    """Ticks at the values themselves, on a log axis where they span more than a decade; crowded ones are left out."""
    chosen = sorted(set(values))
    wide = chosen[0] > 0 and chosen[-1] / chosen[0] >= _DECADE
    if wide:
        axes.set_xscale("log", base=2)
    axes.set_xticks(_apart(chosen, wide), [f"{value:g}" for value in _apart(chosen, wide)])
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

# SPDX-License-Identifier: GPL-2.0-only
"""A chart before it is drawn: its tidy frame, and what people need to read it.

Nothing is worked out after this: whoever draws a chart, for a file or a browser, draws these rows. Leaves out looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import polars as pl

STEPS: Final = 300
"""Parts of an axis that a curve's corners are told apart by: more are not seen on a page (assumed)."""
UNITS: Final = ("ns", "1/s", "share")
_FEWEST_STEPS: Final = 10
MOST_ROWS: Final = 12_000
"""Of a chart's curves together: half a megabyte of a page (measured)."""


@dataclass(frozen=True)
class Chart:
    """One chart: `name` for programs, `title` (what it shows, and of how much of the run), `reading` (how to read it), `frame`.

    What a frame's columns are, the function says that makes it. `along` is what its axis runs along, `unit` the unit of its
    values (UNITS), where these differ from run to run.
    """

    name: str
    title: str
    reading: str
    frame: pl.DataFrame
    along: str = ""
    unit: str = ""


def unit_of(measure: str) -> str:
    """A measure's unit, one of UNITS."""
    return "ns" if measure.endswith("_ns") else "1/s" if measure.endswith("_per_s") else "share"


def thinned(curves: pl.DataFrame, keys: Sequence[str], *axes: str, most: int = MOST_ROWS) -> pl.DataFrame:
    """The rows of curves that can be told apart on logarithmic `axes` of STEPS parts, each curve's first and last among them.

    Rows are in the order of their curves, which `keys` tell apart. Where that leaves more than `most`, parts are twice as large,
    and so on up to a tenth of an axis.
    """
    steps, kept = STEPS, _thinned(curves, keys, axes, STEPS)
    while kept.height > most and steps > _FEWEST_STEPS:
        steps //= 2
        kept = _thinned(kept, keys, axes, steps)
    return kept


def _thinned(curves: pl.DataFrame, keys: Sequence[str], axes: Sequence[str], steps: int) -> pl.DataFrame:
    import polars as pl

    ends = curves.select(pl.col(axis).filter(pl.col(axis) > 0).min().log() for axis in axes).row(0)
    tops = curves.select(pl.col(axis).max().log() for axis in axes).row(0)
    if None in ends or not curves.height:
        return curves
    cells = [
        ((pl.col(axis).clip(1e-9).log() - low) / (max(top - low, 1e-9) / steps)).clip(0).floor()
        for axis, low, top in zip(axes, ends, tops, strict=True)
    ]
    moved = pl.any_horizontal((cell != cell.shift(1).over(keys)).fill_null(True) for cell in cells)
    last = pl.int_range(pl.len()).over(keys) == pl.len().over(keys) - 1
    return curves.filter(moved | last)

# SPDX-License-Identifier: GPL-2.0-only
"""Two sides of a comparison, point by point: the same machine, CPUs and settings, other allocator or tunable.

Differences are paired by replication, so that common random numbers cancel. Leaves out which difference matters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

from slabdes.errors import InputError, nearest, shown
from slabdes.results import metrics
from slabdes.results.frames import Frames
from slabdes.results.text import WIDTH, Sheet, count_text, html_table, rich_table, share_text, time_text
from slabdes.stats.intervals import CONFIDENCE, Interval, mean_interval, paired_difference

if TYPE_CHECKING:
    import polars as pl

MEASURES: Final = ("operations_per_s", "alloc_mean_ns", "free_mean_ns", "share_waiting")
"""What is compared: rates of a replication, and mean times of its allocations and frees."""
_POINT: Final = ("machine", "cpus")


@dataclass(frozen=True)
class Compared:
    """One measure at one point: the means of both sides, their ratio, and the paired difference second - first.

    `ratio` is None where the first side is 0, `difference` where the sides differ in replications.
    """

    label: Mapping[str, Any]
    measure: str
    first: Interval
    second: Interval
    ratio: float | None
    difference: Interval | None


@dataclass(frozen=True)
class Comparison:
    """What two sides differ in, a row a point and measure; printed, and shown in a notebook, as a table."""

    rows: tuple[Compared, ...]
    title: str

    def frame(self) -> pl.DataFrame:
        """The rows as a tidy frame; see `comparison_frame`."""
        return comparison_frame(list(self.rows))

    def difference(self, measure: str = MEASURES[0]) -> Interval:
        """How much the second side exceeds the first, with its interval, where one point is compared; see MEASURES.

        Raises InputError for another measure, for several points, and for sides of different replications.
        """
        mine = [row for row in self.rows if row.measure == measure]
        if not mine:
            raise InputError("compare", f"no measure {shown(measure)!r}{nearest(measure, MEASURES)}", allowed=", ".join(MEASURES))
        if len(mine) > 1:
            raise InputError("compare", f"{len(mine)} points are compared", allowed="one, or the rows of frame()")
        if mine[0].difference is None:
            sides = f"{mine[0].first.n} and {mine[0].second.n} replications"
            raise InputError("compare", sides, allowed="as many on both sides")
        return mine[0].difference

    def __str__(self) -> str:
        """The table."""
        from rich.console import Console

        text = StringIO()
        Console(file=text, width=WIDTH, highlight=False).print(rich_table(comparison_sheet(list(self.rows), self.title)))
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines())

    def _repr_html_(self) -> str:
        return html_table(comparison_sheet(list(self.rows), self.title))


def _in_full(key: str, varied: Sequence[str]) -> str:
    """The one varied key that `key` stands for, or `key` itself."""
    first, _, last = key.rpartition(".")
    meant = [name for name in varied if name.endswith(f".{last}") and name.startswith(first.partition(".")[0])]
    return meant[0] if key not in varied and len(meant) == 1 else key


def compare_by(frames: Frames, key: str, confidence: float = CONFIDENCE) -> list[Compared]:
    """Compare, within one sweep, every value of `key` with its first; each label names the value compared.

    `key` may be a swept key's last word, or have a cache's number for its name. Raises InputError if the sweep does not vary it.
    """
    varied = [*_POINT, *frames.swept_keys()]
    key = _in_full(key, varied)
    if key not in varied or frames.points[key].n_unique() < 2:
        several = [name for name in varied if frames.points[name].n_unique() > 1]
        raise InputError(
            "--by", f"{key!r} does not vary in this run{nearest(key, several)}", allowed=", ".join(several) or "nothing varies"
        )
    values = list(dict.fromkeys(frames.points[key].to_list()))
    # A key that makes the machine another one gives it another name, too.
    without = {key, "machine"} if key.startswith("machine.") else {key}
    if key == "machine":
        without |= {name for name in varied if name.startswith("machine.")}
    sides = {value: _measures(frames, _points_with(frames, key, value), without) for value in values}
    rows = [
        row
        for value in values[1:]
        for row in _compare(sides[values[0]], sides[value], {key: f"{value} / {values[0]}"}, confidence)
    ]
    if not rows:
        problem = f"no point of {key} {shown(values[0])} has its like at another value"
        raise InputError("--by", problem, allowed="a key that varies while the others stay")
    return rows


def compare_runs(first: Frames, second: Frames, confidence: float = CONFIDENCE, single: bool = False) -> list[Compared]:
    """Compare two runs at the points that both have: the same machine, CPUs, and settings that both sweep.

    With `single`, two runs of one point each are compared whatever they differ in. Raises InputError if there is no such
    point, or a run has several for the same settings.
    """
    if single and first.points.height == second.points.height == 1:
        one, other = (_measures(frames, frames.point_numbers(), set(_POINT), []) for frames in (first, second))
        return _compare(one, other, {}, confidence)
    common = [key for key in first.swept_keys() if key in second.swept_keys()]
    sides = [_measures(frames, frames.point_numbers(), set(), common) for frames in (first, second)]
    rows = _compare(sides[0], sides[1], {}, confidence)
    if not rows:
        raise InputError("compare", "the runs have no point in common", allowed="runs with the same machine, CPUs and settings")
    return rows


Measures = dict[tuple[Any, ...], tuple[dict[str, Any], dict[str, list[float]]]]
"""By a point's label values: the label, and each measure's values by replication."""


def _points_with(frames: Frames, key: str, value: Any) -> list[int]:
    return [int(row["point"]) for row in frames.points.iter_rows(named=True) if row[key] == value]


def _measures(frames: Frames, points: list[int], without: set[str], only: list[str] | None = None) -> Measures:
    keys = [key for key in (*_POINT, *(frames.swept_keys() if only is None else only)) if key not in without]
    values = metrics.by_replication(frames.of_points(points))
    result: Measures = {}
    for row in frames.points.iter_rows(named=True):
        if row["point"] not in points:
            continue
        label = {key: row[key] for key in keys}
        place = tuple(label.values())
        if place in result:
            raise InputError("compare", f"several points have {label}", allowed="one point for each setting on each side")
        mine = values.filter(point=row["point"]).sort("replication")
        result[place] = (label, {measure: [float(value) for value in mine[measure]] for measure in MEASURES})
    return result


def _compare(first: Measures, second: Measures, extra: Mapping[str, Any], confidence: float) -> list[Compared]:
    rows = []
    for place, (label, before) in first.items():
        if place not in second:
            continue
        after = second[place][1]
        for measure in MEASURES:
            one, other = mean_interval(before[measure], confidence), mean_interval(after[measure], confidence)
            paired = len(before[measure]) == len(after[measure])
            difference = paired_difference(before[measure], after[measure], confidence) if paired else None
            ratio = other.mean / one.mean if one.mean else None
            rows.append(Compared({**label, **extra}, measure, one, other, ratio, difference))
    return rows


def comparison_frame(rows: list[Compared]) -> pl.DataFrame:
    """The comparison as a tidy frame: label columns, measure, first, second, ratio, difference and its half width."""
    import polars as pl

    return pl.DataFrame(
        [
            {
                **row.label,
                "measure": row.measure,
                "first": row.first.mean,
                "second": row.second.mean,
                "ratio": row.ratio,
                "difference": None if row.difference is None else row.difference.mean,
                "half_width": None if row.difference is None else row.difference.half_width,
            }
            for row in rows
        ]
    )


def comparison_sheet(rows: list[Compared], title: str) -> Sheet:
    """The comparison as a table for people: a row a point and measure."""
    heads = (*(key.rpartition(".")[2] for key in rows[0].label), "measure", "first", "second", "ratio", "difference (95 %)")
    cells = tuple(_cells(row) for row in rows)
    return Sheet(title, heads, len(rows[0].label) + 1, cells)


_SHOWN: Final = {
    "operations_per_s": ("operations/s", count_text),
    "alloc_mean_ns": ("mean alloc", time_text),
    "free_mean_ns": ("mean free", time_text),
    "share_waiting": ("waiting", share_text),
}


def _cells(row: Compared) -> tuple[str, ...]:
    name, text = _SHOWN[row.measure]
    change = "-"
    if row.difference is not None:
        sign = "-" if row.difference.mean < 0 else "+"
        half = row.difference.half_width
        change = f"{sign}{text(abs(row.difference.mean))}" + ("" if half is None else f" ± {text(half)}")
    ratio = "-" if row.ratio is None else f"{row.ratio:.3f}"
    return (*(str(value) for value in row.label.values()), name, text(row.first.mean), text(row.second.mean), ratio, change)

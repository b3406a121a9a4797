# SPDX-License-Identifier: GPL-2.0-only
"""Where the difference between two points lies: the parts of an operation's mean time on both sides, and its paths.

Parts add up to the mean, and so do paths. Leaves out percentiles, which no parts add up to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slabdes.results import metrics
from slabdes.results.frames import SPENT_PARTS, Frames

if TYPE_CHECKING:
    import polars as pl


Split = Mapping[str, Mapping[str, float]]
"""Of each operation, ns of its mean time that each of SPENT_PARTS takes."""


@dataclass(frozen=True)
class Share:
    """What one part or path has of the mean time of an operation, in ns, on the first side and on the second."""

    name: str
    first: float
    second: float

    @property
    def change(self) -> float:
        """How much more it is on the second side."""
        return self.second - self.first


@dataclass(frozen=True)
class Causes:
    """The mean time of an operation on both sides in ns, by part and by path, those that change most first."""

    mean: Share
    parts: tuple[Share, ...]
    paths: tuple[Share, ...]


def causes(frames: Frames, points: tuple[int, int], op: str | None = None) -> Causes:
    """What makes the difference between two points, of the operations `op` ("alloc", "free", "section") or of all."""
    import polars as pl

    rows = frames.spent if op is None else frames.spent.filter(pl.col("op") == op)
    counts = frames.operations if op is None else frames.operations.filter(pl.col("op") == op)
    sides = []
    for point in points:
        count = int(counts.filter(pl.col("point") == point)["count"].sum()) or 1
        mine = rows.filter(pl.col("point") == point).with_columns(
            pl.sum_horizontal(f"{part}_ns" for part in SPENT_PARTS).alias("all")
        )
        parts = {part: float(mine[f"{part}_ns"].sum()) / count for part in SPENT_PARTS}
        sides.append((parts, _by_path(mine, count)))
    (first, first_paths), (second, second_paths) = sides
    mean = Share("mean", sum(first.values()), sum(second.values()))
    return Causes(mean, _ranked(first, second), _ranked(first_paths, second_paths))


def _by_path(rows: pl.DataFrame, count: int) -> dict[str, float]:
    import polars as pl

    sums = rows.group_by("op", "path", maintain_order=True).agg(pl.col("all").sum())
    return {f"{op} {path}": total / count for op, path, total in sums.iter_rows()}


def _ranked(first: dict[str, float], second: dict[str, float]) -> tuple[Share, ...]:
    shares = (Share(name, first.get(name, 0.0), second.get(name, 0.0)) for name in dict.fromkeys([*first, *second]))
    return tuple(sorted(shares, key=lambda share: -abs(share.change)))


def splits(frames: Frames) -> dict[int, Split]:
    """Each point's."""
    means = {(row["point"], row["op"]): row["mean_ns"] for row in metrics.summary(frames).iter_rows(named=True)}
    found: dict[int, dict[str, Mapping[str, float]]] = {point: {} for point in frames.point_numbers()}
    for row in metrics.where_operations_went(frames).iter_rows(named=True):
        mean = means[row["point"], row["op"]]
        found[row["point"]][row["op"]] = {part: row[part] * mean for part in SPENT_PARTS}
    return dict(found)

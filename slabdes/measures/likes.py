# SPDX-License-Identifier: GPL-2.0-only
"""Which points of a run are like others: which keys mean anything to their allocators, and how what they free goes back.

Leaves out what a comparison makes of them (`compare`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slabdes.config.families import Kind, by_kfree_rcu, means_nothing
from slabdes.results.run import Run


@dataclass(frozen=True)
class Likes:
    """By point: its row of `points`, its allocator, and whether all its frees are by kfree_rcu."""

    rows: Mapping[int, Mapping[str, Any]]
    kinds: Mapping[int, Kind]
    by_rcu: Mapping[int, bool]

    @staticmethod
    def of(run: Run) -> Likes:
        """As a run's manifest and its points have them."""
        raw = run.manifest.experiment
        rows = {row["point"]: row for row in run.frames.points.iter_rows(named=True)}
        given = {point: {key: value for key, value in row.items() if value is not None} for point, row in rows.items()}
        kinds = {point: kind for point, settings in given.items() if (kind := Kind.of(raw, settings)) is not None}
        return Likes(rows, kinds, {point: by_kfree_rcu(raw, settings) for point, settings in given.items()})

    def has(self, point: int, key: str) -> bool:
        """Whether a key means anything to a point's allocator."""
        return point not in self.kinds or not means_nothing(self.kinds[point], key)

    def by_value(self, key: str) -> Mapping[Any, Sequence[int]]:
        """The points to whose allocators a key means anything, by its value there."""
        found: dict[Any, list[int]] = {}
        for point, row in self.rows.items():
            if self.has(point, key):
                found.setdefault(row[key], []).append(point)
        return found

    def alike(self, points: tuple[int, int], one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        """Whether no setting differs, of the same keys, that means something to the allocators of both points."""
        differing = (key for key, value in one.items() if value != other[key])
        return not any(all(self.has(point, key) for point in points) for key in differing)

# SPDX-License-Identifier: GPL-2.0-only
"""Mean times of operations by what they were spent on, to say why a mean moves. Leaves out intervals."""

from __future__ import annotations

from collections.abc import Mapping

from slabdes.results import metrics
from slabdes.results.frames import SPENT_PARTS, Frames

Split = Mapping[str, Mapping[str, float]]
"""Of each operation, ns of its mean time that each of SPENT_PARTS takes."""


def splits(frames: Frames) -> dict[int, Split]:
    """Each point's."""
    means = {(row["point"], row["op"]): row["mean_ns"] for row in metrics.summary(frames).iter_rows(named=True)}
    found: dict[int, dict[str, Mapping[str, float]]] = {point: {} for point in frames.point_numbers()}
    for row in metrics.where_operations_went(frames).iter_rows(named=True):
        mean = means[row["point"], row["op"]]
        found[row["point"]][row["op"]] = {part: row[part] * mean for part in SPENT_PARTS}
    return dict(found)

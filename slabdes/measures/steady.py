# SPDX-License-Identifier: GPL-2.0-only
"""The steady state of a run: how long operations take after the warm-up, which MSER-5 finds in each replication's event log.

A run without a log keeps counts of times, not operations in their order: nothing is cut from its figures. Leaves out bursts and
traces, which have no steady state.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any, Final

from slabdes.measures.estimates import Row
from slabdes.results import metrics
from slabdes.results.event_log import LOG, times_in_order
from slabdes.results.frames import OPERATIONS, Frames
from slabdes.results.manifest import Manifest
from slabdes.stats.intervals import CONFIDENCE, Interval, section_interval
from slabdes.stats.samples import samples_needed
from slabdes.stats.steady import GROUP, warm_up

WITHOUT: Final = ("burst", "pages", "trace")
"""Kinds of workloads that end as they began, or in which all is taken before any is given back: with nothing to settle."""


def has_steady_state(manifest: Manifest) -> bool:
    """Whether the workload is of a kind that may settle."""
    return bool(manifest.workload) and manifest.workload not in WITHOUT


def steady(manifest: Manifest, frames: Frames, folder: Path, confidence: float = CONFIDENCE) -> list[Row]:
    """A row a point and operation, from the log in the run folder `folder`; none without one or without a steady state.

    `cut` operations of `operations` are left out at the start (means of a replication), `settled` of `replications` settle; mean
    and quantiles in ns are of the others, with intervals from each replication's. Each replication is cut where its own error
    is least. One that is too short to tell is not cut, and has not settled.
    """
    if not has_steady_state(manifest) or not (folder / LOG).is_dir():
        return []
    rows = []
    for point in frames.point_numbers():
        counts = frames.operations.filter(point=point)
        numbers = frames.runs.filter(point=point)["replication"].to_list()
        for op in OPERATIONS:
            mine = counts.filter((counts["op"] == op) & (counts["count"] > 0))
            if mine["replication"].n_unique() == len(numbers):
                rows.append(_row(point, op, [times_in_order(folder, op, point, number) for number in numbers], confidence))
    return rows


def _row(point: int, op: str, series: Sequence[Sequence[float]], confidence: float) -> Row:
    import numpy as np

    cuts = [warm_up(one) if len(one) >= 4 * GROUP else None for one in series]
    rests = [np.sort(one[cut.cut if cut else 0 :]) for one, cut in zip(series, cuts, strict=True)]
    pooled = np.sort(np.concatenate(rests))
    n = len(series)
    values: dict[str, Any] = {
        "point": point,
        "op": op,
        "cut": sum(cut.cut for cut in cuts if cut) / n,
        "operations": sum(map(len, series)) / n,
        "settled": sum(cut is not None and cut.settled for cut in cuts),
        "replications": n,
    }
    intervals: dict[str, Interval] = {
        "mean_ns": section_interval(float(pooled.mean()), [float(rest.mean()) for rest in rests], confidence, 0.0)
    }
    for name, q in metrics.QUANTILES.items():
        if len(pooled) >= samples_needed(q):
            whole, *each = (float(times[ceil(q * len(times)) - 1]) for times in (pooled, *rests))
            intervals[name] = section_interval(whole, each, confidence, 0.0)
    values |= {name: intervals[name].value if name in intervals else None for name in ("mean_ns", *metrics.QUANTILES)}
    return Row(values, intervals)

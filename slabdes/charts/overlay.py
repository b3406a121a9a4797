# SPDX-License-Identifier: GPL-2.0-only
"""Several runs on one axis: their tails with bands, and of two of them how many times as long each percentile is.

All paths of an operation together. Leaves out which points of two runs belong together (`measures.compare`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.chart import Chart
from slabdes.charts.curves import NAMES, READING, banded, curves
from slabdes.results import metrics
from slabdes.results.frames import OPERATIONS
from slabdes.stats.intervals import CONFIDENCE

if TYPE_CHECKING:
    from slabdes.measures.compare import Comparison
    from slabdes.results.frames import Frames

PERCENTILES: Final = {"mean_ns": "mean", "p50_ns": "p50", "p99_ns": "p99", "p999_ns": "p99.9"}
Part = tuple[str, str, "Frames"]
"""The setting that a curve belongs to, the run that it is of, and the frames of one of that run's points."""


def overlay(parts: Sequence[Part], confidence: float = CONFIDENCE) -> Chart:
    """Rows of `curves.curves` of all paths together, with `run`, whose they are."""
    import polars as pl

    each = []
    for setting, run, frames in parts:
        names = dict.fromkeys(frames.point_numbers(), setting)
        rows = curves(frames, names, confidence, metrics.ALL_PATHS)
        each.append(rows.with_columns(pl.lit(run).alias("run")))
    repeated = next((text for _setting, _run, frames in parts if "bands" in (text := banded(frames, confidence))), "")
    title = f"Latency: share of operations that take at least so long{repeated or banded(parts[0][2], confidence)}"
    return Chart("overlay", title, f"{READING} Where bands overlap, the runs are not told apart by this.", pl.concat(each))


def ratios(compared: Comparison, settings: Sequence[str]) -> Chart:
    """A row a pair of points, operation and percentile that both sides know: `ratio` of second to first, `low` and `high`.

    `settings` name the pairs, in their order. The ends are null for one replication.
    """
    import polars as pl

    rows: list[dict[str, Any]] = []
    for setting, pair in zip(settings, compared.pairs, strict=True):
        for op in OPERATIONS:
            for column, name in PERCENTILES.items():
                row = pair.row(f"{op}_{column}")
                if row is not None and row.ratio is not None:
                    told = {"setting": setting, "operation": NAMES[op], "percentile": name, "ratio": row.ratio.value}
                    rows.append(told | {"low": row.ratio.low, "high": row.ratio.high})
    texts: dict[str, Any] = dict.fromkeys(("setting", "operation", "percentile"), pl.String)
    first, second = compared.sides
    level = next((f"; bars: {100 * row.ratio.confidence:.3g} % intervals" for row in compared.rows if row.ratio is not None), "")
    title = f"{second}: how many times as long as {first}, by percentile{level}"
    reading = (
        "Above the line at 1 the second run is slower, beneath it faster. A bar that crosses the line tells neither from the "
        "other."
    )
    return Chart("ratios", title, reading, pl.DataFrame(rows, texts | dict.fromkeys(("ratio", "low", "high"), pl.Float64)))

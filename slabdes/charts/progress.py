# SPDX-License-Identifier: GPL-2.0-only
"""How fast a run goes over time: operations a second, and what part of the CPUs' time is waiting for locks, between looks at it.

Of each point's first replication, its warm-up included. Leaves out runs that were not looked at over time, as `history` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from slabdes.charts.chart import Chart
from slabdes.charts.choice import choose, point_label, told_apart
from slabdes.measures.names import RATES
from slabdes.results import metrics

if TYPE_CHECKING:
    import polars as pl

    from slabdes.results.frames import Frames

_SHARE: Final = "share_waiting"


def progress(frames: Frames, points: Sequence[int] | None = None) -> Chart:
    """A row a point, measure (RATES) and time between two looks: `setting`, `number`, `begin` and `end` (ns), `measure`, `value`.

    Up to the last look before the first CPU ends; of the whole run where there is none.
    """
    import polars as pl

    chosen, limited = choose(frames, points)
    keys = told_apart(frames)
    parts = [_of(frames, point, number, point_label(frames, point, keys)) for number, point in enumerate(chosen)]
    texts = {"setting": pl.String, "number": pl.Int64, "measure": pl.String}
    schema = texts | dict.fromkeys(("begin", "end", "value"), pl.Float64)
    rows = pl.concat([pl.DataFrame(schema=schema), *(part.select(list(schema)) for part in parts)])
    reading = (
        "Each step is what was done between two looks at the run, of all CPUs together: a dip is a time in which they do less. "
        "A line ends before its first CPU does; one that takes longer has longer steps. Where a line is wavy from the begin, "
        "CPUs do the same at the same time."
    )
    return Chart("progress", f"How fast it goes over time (replication 0){limited}", reading, rows)


def _of(frames: Frames, point: int, number: int, setting: str) -> pl.DataFrame:
    """The rows of a point."""
    import polars as pl

    mine = (pl.col("point") == point, pl.col("replication") == 0)
    looks = frames.progress.filter(*mine).sort("time_ns")
    looks = _all_at_work(looks, metrics.at_work(frames).filter(*mine)["end_ns"].to_list())
    took = pl.col("time_ns").diff()
    cpus = int(frames.points.filter(pl.col("point") == point)["cpus"][0])
    between = looks.select(
        pl.col("time_ns").shift().alias("begin"),
        pl.col("time_ns").alias("end"),
        (pl.col("operations").diff() * metrics.NS_PER_S / took).alias(RATES[0]),
        (pl.col("lock_wait_ns").diff() / (took * cpus)).alias(_SHARE),
    ).filter(pl.col("end") > pl.col("begin"))
    long = between.unpivot(on=list(RATES), index=["begin", "end"], variable_name="measure")
    return long.with_columns(pl.lit(setting).alias("setting"), pl.lit(number, pl.Int64).alias("number"))


def _all_at_work(looks: pl.DataFrame, ends: Sequence[float]) -> pl.DataFrame:
    """The looks until the first CPU has ended, or all where there are not two: what comes later is another, smaller load."""
    import polars as pl

    until = looks.filter(pl.col("time_ns") <= min(ends, default=0.0))
    return until if until.height > 1 else looks

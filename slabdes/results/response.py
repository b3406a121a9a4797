# SPDX-License-Identifier: GPL-2.0-only
"""Response times of operations that arrive at given times, beside how long the same operations took once they had begun.

And what a sweep of rates makes of them, load by load. Leaves out where along it they bend (`measures.knee`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slabdes.engine.records import backlog_grows
from slabdes.results.frames import OPERATIONS, Frames
from slabdes.results.metrics import NS_PER_S, labels, ratio, summary
from slabdes.results.quantiles import QUANTILES, quantiles, within_times

if TYPE_CHECKING:
    import polars as pl

RATE: Final = "workload.rate"
"""The key that a sweep of loads varies."""

_RUN: Final = ("point", "replication")


def response(frames: Frames, every: bool = False) -> pl.DataFrame:
    """A row a point and operation that arrives: the point's labels, op, operations and times as of `summary`, from arrivals on.

    Then service_mean_ns and service_p99_ns, of the same operations from their begin; late_ns, by which the means differ; growing,
    as of `loads`; not_told (see `quantiles.QUANTILES`, as of `every`). What interrupts' handlers do arrives at no time, but is in
    the service times. No rows where nothing arrives.
    """
    import polars as pl

    key = ["point", "op"]
    served = summary(frames, every).select(
        *key, pl.col("mean_ns").alias("service_mean_ns"), pl.col("p99_ns").alias("service_p99_ns")
    )
    named = [*labels(frames).columns, "op", "operations", "mean_ns", *QUANTILES, "max_ns", "not_told"]
    table = summary(frames.responding(), every).select(named).join(served, on=key).join(growing(frames), on="point")
    late = (pl.col("mean_ns") - pl.col("service_mean_ns")).alias("late_ns")
    ordered = table.select(*table.columns[:-1], late, "growing")
    return ordered.sort("point", pl.col("op").cast(pl.Enum(OPERATIONS)))


def loads(frames: Frames, every: bool = False) -> pl.DataFrame:
    """A row a point of a sweep of rates, where operations arrive: the point's labels, then figures of all operations together.

    offered_per_s (the rate asked for) and operations_per_s (answered a second, a replication's mean); mean_ns, the quantiles and
    max_ns of response times; growing, the share of replications in which the backlog grows to the end on half of the CPUs at
    work or more (see `backlog_grows`). No rows where no rates are swept.
    """
    import polars as pl

    labelled = labels(frames)
    if RATE not in labelled.columns:
        return labelled.clear()
    sums = frames.responses.group_by("point", maintain_order=True).agg(
        pl.col("count", "total_ns").sum(),
        pl.col("least_ns").min().alias("min_ns"),
        pl.col("greatest_ns").max().alias("max_ns"),
    )
    each = frames.responses.group_by(_RUN, maintain_order=True).agg(pl.col("count").sum())
    each = each.join(frames.runs.select(*_RUN, "elapsed_ns"), on=_RUN)
    rates = each.group_by("point", maintain_order=True).agg(
        ratio("count", "elapsed_ns", NS_PER_S).mean().alias("operations_per_s")
    )
    table = labelled.join(sums, on="point").join(quantiles(frames.response, ["point"], every), on="point").join(rates, on="point")
    return (
        table.join(growing(frames), on="point")
        .sort("point")
        .select(
            *labelled.columns,
            pl.col(RATE).cast(pl.Float64).alias("offered_per_s"),
            "operations_per_s",
            (pl.col("total_ns") / pl.col("count")).alias("mean_ns"),
            *within_times(),
            "max_ns",
            "growing",
        )
    )


def growing(frames: Frames) -> pl.DataFrame:
    """A row a point: the share of its replications in which half the CPUs that serve anything have a backlog that grows."""
    import polars as pl

    at_work = frames.cpus.filter(pl.sum_horizontal("allocs", "frees", "skipped", "sections") > 0)
    cpus = at_work.select(*_RUN, "late_last_ns", "late_most_ns").join(frames.runs.select(*_RUN, "elapsed_ns"), on=_RUN)
    late = backlog_grows(pl.col("late_last_ns"), pl.col("late_most_ns"), pl.col("elapsed_ns"))
    runs = cpus.group_by(_RUN, maintain_order=True).agg((late.mean() >= 0.5).alias("growing"))
    return runs.group_by("point", maintain_order=True).agg(pl.col("growing").cast(pl.Float64).mean())

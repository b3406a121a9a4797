# SPDX-License-Identifier: GPL-2.0-only
"""Operations by path and by cache: how many took it, how long they took, and what part of all operations' time that is.

Leaves out intervals, and shares by lock (`contention`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slabdes.results import metrics
from slabdes.results.frames import NO_CACHE, Frames
from slabdes.results.quantiles import not_told, quantiles, within_times

if TYPE_CHECKING:
    import polars as pl


def paths(frames: Frames, every: bool = False) -> pl.DataFrame:
    """A row a point, operation and path, most time first: operations (mean over replications), share (of the operation's).

    Then mean_ns, the quantiles, max_ns, time_share (the part of the time of all the point's operations), and not_told (see
    `quantiles.QUANTILES`, as of `every`).
    """
    import polars as pl

    key = ["point", "op", "path"]
    sums = frames.operations.group_by(key, maintain_order=True).agg(
        pl.col("count", "total_ns").sum(),
        pl.col("least_ns").min().alias("min_ns"),
        pl.col("greatest_ns").max().alias("max_ns"),
    )
    rows = sums.filter(pl.col("count") > 0).join(quantiles(frames.latency, key, every), on=key)
    rows = rows.join(frames.points.select("point", "replications"), on="point")
    return rows.sort("point", "total_ns", "op", "path", descending=[False, True, False, False]).select(
        *key,
        (pl.col("count") / pl.col("replications")).alias("operations"),
        (pl.col("count") / pl.col("count").sum().over("point", "op")).alias("share"),
        (pl.col("total_ns") / pl.col("count")).alias("mean_ns"),
        *within_times(),
        "max_ns",
        metrics.ratio("total_ns", pl.col("total_ns").sum().over("point")).alias("time_share"),
        not_told(),
    )


def caches(frames: Frames) -> pl.DataFrame:
    """A row a point and cache, most time first: allocs, frees, alloc_mean_ns, free_mean_ns, refills, grows, remote_frees.

    Counts are means over replications. time_share is the part of the time of all the point's operations on caches, lost_ns the
    time waited for the cache's own locks.
    """
    import polars as pl

    key = ["point", "cache"]
    of = {op: pl.col("op") == op for op in ("alloc", "free")}
    operations = frames.operations.filter(pl.col("cache") != NO_CACHE).group_by(key, maintain_order=True).agg(
        pl.col("total_ns").sum().alias("time"),
        *(pl.col("count").filter(is_op).sum().alias(f"{op}s") for op, is_op in of.items()),
        *(
            (pl.col("total_ns").filter(is_op).sum() / pl.col("count").filter(is_op).sum()).fill_nan(None).alias(f"{op}_mean_ns")
            for op, is_op in of.items()
        ),
    )  # fmt: skip
    counts = frames.caches.group_by("point", pl.col("name").alias("cache"), maintain_order=True).agg(
        pl.col("refills").sum(), pl.col("grown").sum().alias("grows"), pl.col("node_frees").sum().alias("remote_frees")
    )
    lost = frames.locks.group_by(key, maintain_order=True).agg(pl.col("wait_total_ns").sum().alias("lost_ns"))
    rows = operations.join(counts, on=key, how="left").join(lost, on=key, how="left")
    rows = rows.join(frames.points.select("point", "replications"), on="point")
    means = [pl.col(name).fill_null(0) / pl.col("replications") for name in ("refills", "grows", "remote_frees", "lost_ns")]
    return rows.sort("point", "time", "cache", descending=[False, True, False]).select(
        *key,
        *(pl.col(name) / pl.col("replications") for name in ("allocs", "frees")),
        "alloc_mean_ns",
        "free_mean_ns",
        *means,
        metrics.ratio("time", pl.col("time").sum().over("point")).alias("time_share"),
    )

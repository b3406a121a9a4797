# SPDX-License-Identifier: GPL-2.0-only
"""Locks and who waits for whom, in time lost: CPU time between asking for a lock and having it, a replication's mean.

Waits are timed a lock, and counted a pair of functions: a pair's time is its part of its lock's waits. Leaves out intervals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slabdes.results.frames import Frames

if TYPE_CHECKING:
    import polars as pl

LOCK: Final = ("kind", "cache", "node")
"""What a lock is known by; a node's alien locks towards other nodes go together."""
PAIR: Final = ("kind", "cache", "waiter", "holder")


def locks(frames: Frames) -> pl.DataFrame:
    """A row a point and lock, most time lost first: LOCK, lost_ns, lost_share (of what all locks cost the point), acquisitions.

    Then contended_share, bounced_share, and busy_share: the part of the run's time that it was held or handed over (of several
    locks a mean; hand-over is timed all locks together, and theirs by contended acquisitions). mean_wait_ns and max_wait_ns are
    over contended acquisitions (null without any), mean_hold_ns and max_hold_ns over all. lost_ns and acquisitions are means over
    replications. Locks never taken have no row.
    """
    import polars as pl

    summed = ["acquisitions", "contended", "bounces", "wait_total_ns", "hold_total_ns"]
    timed = frames.locks.join(frames.runs.select("point", "replication", "elapsed_ns"), on=["point", "replication"], how="left")
    table = timed.group_by("point", *LOCK, maintain_order=True).agg(
        pl.col(*summed, "elapsed_ns").sum(),
        pl.col("wait_max_ns").max().alias("max_wait_ns"),
        pl.col("hold_max_ns").max().alias("max_hold_ns"),
    )
    taken, waited = pl.col("acquisitions"), pl.col("contended") > 0
    rows = table.filter(taken > 0).join(frames.points.select("point", "replications"), on="point")
    handed = frames.cpus.group_by("point", maintain_order=True).agg(pl.col("handoff_ns").sum())
    part = pl.col("handoff_ns") * pl.col("contended") / pl.col("contended").sum().over("point")
    return (
        rows.join(handed, on="point", how="left")
        .with_columns(
            pl.col("wait_total_ns").sum().over("point").alias("all"),
            (pl.col("hold_total_ns") + pl.when(waited).then(part).otherwise(0.0)).alias("busy"),
        )
        .sort("point", "wait_total_ns", *LOCK, descending=[False, True, False, False, False])
        .select(
            "point",
            *LOCK,
            (pl.col("wait_total_ns") / pl.col("replications")).alias("lost_ns"),
            _quotient("wait_total_ns", "all").alias("lost_share"),
            (taken / pl.col("replications")).alias("acquisitions"),
            (pl.col("contended") / taken).alias("contended_share"),
            (pl.col("bounces") / taken).alias("bounced_share"),
            _quotient("busy", "elapsed_ns").alias("busy_share"),
            pl.when(waited).then(pl.col("wait_total_ns") / pl.col("contended")).alias("mean_wait_ns"),
            pl.when(waited).then(pl.col("max_wait_ns")),
            (pl.col("hold_total_ns") / taken).alias("mean_hold_ns"),
            "max_hold_ns",
        )
    )


def waits_for(frames: Frames) -> pl.DataFrame:
    """Who waits for whom: a row a point and PAIR, most time lost first: waits, share, lost_ns and lost_share.

    waits and lost_ns are means over replications; share is the part of all waits for locks of that kind, lost_share that of
    the time that all locks cost the point. `waiter` is the kernel function that began to wait, `holder` the one in which the
    lock had last been acquired.
    """
    import polars as pl

    lock = ["point", "replication", "lock"]
    points = frames.contention_points.join(frames.locks.select(*lock, "wait_total_ns"), on=lock, how="left")
    points = points.with_columns((pl.col("wait_total_ns") * pl.col("count") / pl.col("count").sum().over(lock)).alias("lost"))
    table = points.group_by("point", *PAIR, maintain_order=True).agg(pl.col("count", "lost").sum())
    rows = table.join(frames.points.select("point", "replications"), on="point")
    down = [False, True, True, *(False for _ in PAIR)]
    return (
        rows.with_columns(pl.col("lost").sum().over("point").alias("all"))
        .sort("point", "lost", "count", *PAIR, descending=down)
        .select(
            "point",
            *PAIR,
            (pl.col("count") / pl.col("replications")).alias("waits"),
            (pl.col("count") / pl.col("count").sum().over("point", "kind")).alias("share"),
            (pl.col("lost") / pl.col("replications")).alias("lost_ns"),
            _quotient("lost", "all").alias("lost_share"),
        )
    )


def _quotient(column: str, whole: str) -> pl.Expr:
    import polars as pl

    return pl.when(pl.col(whole) > 0).then(pl.col(column) / pl.col(whole)).otherwise(0.0)

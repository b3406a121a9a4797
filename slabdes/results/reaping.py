# SPDX-License-Identifier: GPL-2.0-only
"""What reap timers did: how often CPUs had their turn at the caches, how long turns took, and what they gave back.

Leaves out whom they kept waiting: `contention.waits_for` has drain_array, drain_freelist and reap_alien among its holders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slabdes.results.frames import REAP_TURN, Frames
from slabdes.results.metrics import labels, quantiles, within_times

if TYPE_CHECKING:
    import polars as pl


def reap_summary(frames: Frames) -> pl.DataFrame:
    """A row a point in which a CPU had a turn of cache_reap that it did not give up since another CPU was reaping.

    Columns after the point's labels: turns and reaped (slabs that turns destroyed), a replication's means; mean_ns, p50_ns,
    p99_ns, p999_ns and max_ns of a turn, waiting for locks included, over all replications.
    """
    import polars as pl

    is_turn = (pl.col("what") == REAP_TURN) & (pl.col("count") > 0)
    sums = frames.interrupts.filter(is_turn).group_by("point", maintain_order=True).agg(
        pl.col("count").sum().alias("all"), pl.col("total_ns").sum(),
        pl.col("least_ns").min().alias("min_ns"), pl.col("greatest_ns").max().alias("max_ns"),
    )  # fmt: skip
    times = quantiles(frames.interrupt_times.filter(pl.col("what") == REAP_TURN), ["point"])
    slabs = frames.caches.group_by("point", maintain_order=True).agg(pl.col("reaped").sum().alias("slabs"))
    table = labels(frames).join(sums, on="point").join(times, on="point").join(slabs, on="point", how="left").sort("point")
    each = ((pl.col("all"), "turns"), (pl.col("slabs").fill_null(0), "reaped"))
    return table.select(
        *labels(frames).columns, *((sum_ / pl.col("replications")).alias(name) for sum_, name in each),
        (pl.col("total_ns") / pl.col("all")).alias("mean_ns"), *within_times(), "max_ns",
    )  # fmt: skip

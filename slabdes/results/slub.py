# SPDX-License-Identifier: GPL-2.0-only
"""SLUB_STATS of a run: every counter that counted anything, all caches together, and how often for an allocation or a free.

Leaves out what each CPU counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slabdes.results.frames import NO_CACHE, Frames
from slabdes.results.rows import SLUB_STATS

if TYPE_CHECKING:
    import polars as pl


def counters(frames: Frames) -> pl.DataFrame:
    """A row a point and counter, in the kernel's order: point, counter, counted (mean over replications), each.

    `each` is for an allocation or a free of the point. No rows where the allocator is SLAB, and none of counters that are 0.
    """
    import polars as pl

    sums = frames.slub.group_by("point", maintain_order=True).agg(pl.col(SLUB_STATS).sum())
    done = frames.operations.filter(pl.col("cache") != NO_CACHE)
    operations = done.group_by("point", maintain_order=True).agg(pl.col("count").sum().alias("operations"))
    rows = sums.unpivot(SLUB_STATS, index="point", variable_name="counter", value_name="all").filter(pl.col("all") > 0)
    rows = rows.join(operations, on="point", how="left").join(frames.points.select("point", "replications"), on="point")
    order = pl.col("counter").replace_strict(list(SLUB_STATS), list(range(len(SLUB_STATS))), return_dtype=pl.Int32)
    return rows.sort("point", order).select(
        "point",
        "counter",
        (pl.col("all") / pl.col("replications")).alias("counted"),
        (pl.col("all") / pl.col("operations")).alias("each"),
    )

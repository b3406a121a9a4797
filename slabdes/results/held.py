# SPDX-License-Identifier: GPL-2.0-only
"""The memory that caches hold when a run ends: pages of their slabs, and the arrays of pointers in front of them, or sheaves.

Leaves out alien caches, whose size no tunable changes, and what a run held at most on its way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slabdes.engine.records import SHEAF_HEADER_WORDS
from slabdes.results.frames import Frames
from slabdes.results.metrics import ratio
from slabdes.units import PAGE_SIZE

if TYPE_CHECKING:
    import polars as pl

POINTER_BYTES: Final = 8
_RUN: Final = ("point", "replication")


def held(frames: Frames) -> pl.DataFrame:
    """A row a replication: point, replication, held_bytes, used_bytes, all caches together.

    Of the bytes held, used_bytes are the objects that the workload has (descriptors of other caches' slabs, too).

    The arrays are those of every CPU of the machine (limit pointers each) and of every node (shared x batchcount); sheaves are
    those that there are.
    """
    import polars as pl

    slabs = frames.slabs.group_by(*_RUN, "cache", maintain_order=True).agg(
        pl.sum_horizontal("slabs_partial", "slabs_full", "slabs_free", "slabs_cpu").sum().alias("all_slabs"),
        (pl.col("in_use") + pl.col("descriptors")).sum().alias("used"),
        pl.len().cast(pl.Int64).alias("nodes"),
    )
    cpus = frames.cpus.group_by(*_RUN, maintain_order=True).agg(pl.len().cast(pl.Int64).alias("all_cpus"))
    caches = frames.caches.drop("cache").rename({"name": "cache"})
    table = caches.join(slabs, on=[*_RUN, "cache"]).join(cpus, on=list(_RUN))
    table = table.join(frames.slub.select(*_RUN, "cache", "sheaves", "sheaf_capacity"), on=[*_RUN, "cache"], how="left")
    pages = pl.col("all_slabs") * (2 ** pl.col("gfporder")).cast(pl.Int64) * PAGE_SIZE
    pointers = pl.col("all_cpus") * pl.col("limit") + pl.col("nodes") * pl.col("shared") * pl.col("batchcount")
    pointers += (pl.col("sheaves") * (SHEAF_HEADER_WORDS + pl.col("sheaf_capacity"))).fill_null(0)
    used = (pl.col("used") * pl.col("object_size")).alias("used_bytes")
    summed = table.select(*_RUN, (pages + pointers * POINTER_BYTES).alias("held_bytes"), used)
    every = frames.runs.select(_RUN).join(
        summed.group_by(*_RUN, maintain_order=True).agg(pl.col("held_bytes", "used_bytes").sum()), on=list(_RUN), how="left"
    )
    return every.with_columns(pl.col("held_bytes", "used_bytes").fill_null(0)).sort(_RUN)


def memory(frames: Frames) -> pl.DataFrame:
    """A row a point that has caches: held_bytes, the mean over replications, and share_used, all of them together."""
    import polars as pl

    there = frames.caches.select("point").unique(maintain_order=True)
    sums = held(frames).group_by("point", maintain_order=True).agg(pl.col("held_bytes").mean(), pl.col("used_bytes").mean())
    return sums.join(there, on="point", how="semi").select(
        "point", "held_bytes", ratio("used_bytes", "held_bytes").alias("share_used")
    )


def held_values(frames: Frames) -> dict[int, list[float]]:
    """Each point's held_bytes, replication by replication."""
    found: dict[int, list[float]] = {}
    for row in held(frames).iter_rows(named=True):
        found.setdefault(row["point"], []).append(float(row["held_bytes"]))
    return found

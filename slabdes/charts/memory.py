# SPDX-License-Identifier: GPL-2.0-only
"""Where a cache's objects lie when a run ends: in use, idle in front of slabs, or free on them; and its slabs by list.

Means over replications. Leaves out the way there (`history`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from slabdes.charts.chart import Chart
from slabdes.charts.choice import choose, point_label, some, told_apart
from slabdes.charts.places import LISTS, NAMES, OBJECTS, SLUB_PLACES, SLUB_SLABS
from slabdes.units import PAGE_SIZE

if TYPE_CHECKING:
    import polars as pl

    from slabdes.results.frames import Frames

MOST_CACHES: Final = 12


def memory(frames: Frames, points: Sequence[int] | None = None) -> Chart:
    """A row a point, cache, node and place: `unit` (OBJECTS or LISTS), `part` (its column), `place`, `count`, and its `share`.

    Places are called as the cache's allocator has them; those where nothing lies at any point have no rows.
    `used`: the part of the pages held that objects in use fill, of cache and node.
    """
    import polars as pl

    chosen, limited = choose(frames, points)
    shown = frames.of_points(chosen)
    keys = told_apart(frames)
    run = ["point", "replication"]
    sizes = shown.caches.select(*run, pl.col("name").alias("cache"), "object_size", "gfporder")
    joined = shown.slabs.join(sizes, on=[*run, "cache"], how="left")
    slabs = pl.sum_horizontal(*SLUB_SLABS)
    held = slabs * (2 ** pl.col("gfporder")) * PAGE_SIZE
    per = joined.with_columns((pl.col("in_use") * pl.col("object_size")).alias("filled"), held.alias("held"))
    means = per.group_by("point", "cache", "node", maintain_order=True).agg(
        pl.col(*SLUB_PLACES, *SLUB_SLABS, "filled", "held").mean()
    )
    most = means.group_by("cache", maintain_order=True).agg(pl.col("held").sum()).sort("held", descending=True)["cache"].to_list()
    limited += some(min(len(most), MOST_CACHES), len(most), "caches, those that hold most")
    used = pl.when(pl.col("held") > 0).then(pl.col("filled") / pl.col("held")).alias("used")
    means = means.filter(pl.col("cache").is_in(most[:MOST_CACHES])).with_columns(used)
    slub = shown.slub.select("point", "cache").unique(maintain_order=True)
    of_slub = means.join(slub, on=["point", "cache"], how="semi")
    of_slab = means.join(slub, on=["point", "cache"], how="anti")
    each = [
        _rows(mine, unit, column, name)
        for unit in (OBJECTS, LISTS)
        for mine, names in zip((of_slab, of_slub), NAMES[unit], strict=True)
        for column, name in names.items()
        if mine[column].to_numpy().any()
    ]
    rows = pl.concat(each or [_rows(means, "", "used", "").clear()])
    names = {point: point_label(frames, point, keys) for point in chosen}
    whole = pl.col("count").sum().over("point", "cache", "node", "unit")
    frame = rows.with_columns(
        pl.col("point").replace_strict(list(names), list(names.values()), return_dtype=pl.String).alias("setting"),
        pl.when(whole > 0).then(pl.col("count") / whole).otherwise(0.0).alias("share"),
    ).filter(whole > 0)
    reading = (
        "A bar is all of a cache's objects, or slabs, on a node when the run ends, and each part where they lie. Idle objects "
        "are memory that is held and not used: much of them means that limits are too large for this load."
    )
    return Chart("memory", f"Where objects and slabs are when a run ends{limited}", reading, frame)


def _rows(means: pl.DataFrame, unit: str, column: str, name: str) -> pl.DataFrame:
    """What lies in one place, of each point, cache and node."""
    import polars as pl

    told = (pl.lit(text).alias(column_name) for column_name, text in (("unit", unit), ("part", column), ("place", name)))
    return means.select("point", "cache", "node", "used", *told, pl.col(column).cast(pl.Float64).alias("count"))

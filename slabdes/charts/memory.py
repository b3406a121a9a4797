# SPDX-License-Identifier: GPL-2.0-only
"""Where a cache's objects lie when a run ends: in use, idle in arrays, shared or alien caches, or free; and its slabs by list.

Means over replications. Leaves out the way there (`history`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from slabdes.charts.chart import Chart
from slabdes.charts.choice import choose, point_label, some, told_apart
from slabdes.units import PAGE_SIZE

if TYPE_CHECKING:
    from slabdes.results.frames import Frames

PLACES: Final = {
    "in_use": "in use",
    "in_arrays": "idle in CPUs' arrays",
    "in_shared": "idle in shared arrays",
    "in_alien": "idle in alien caches",
    "in_rcu": "waiting for RCU",
    "free_objects": "free on slabs",
}
SLABS: Final = {"slabs_full": "full slabs", "slabs_partial": "partial slabs", "slabs_free": "free slabs"}
MOST_CACHES: Final = 12
OBJECTS, LISTS = "objects", "slabs"


def memory(frames: Frames, points: Sequence[int] | None = None) -> Chart:
    """A row a point, cache, node and place: `unit` (OBJECTS or LISTS), `place`, `count`, and its `share` of the unit's.

    `used`: the part of the pages held that objects in use fill, of cache and node.
    """
    import polars as pl

    chosen, limited = choose(frames, points)
    shown = frames.of_points(chosen)
    keys = told_apart(frames)
    run = ["point", "replication"]
    sizes = shown.caches.select(*run, pl.col("name").alias("cache"), "object_size", "gfporder")
    joined = shown.slabs.join(sizes, on=[*run, "cache"], how="left")
    slabs = pl.sum_horizontal(*SLABS)
    held = slabs * (2 ** pl.col("gfporder")) * PAGE_SIZE
    per = joined.with_columns((pl.col("in_use") * pl.col("object_size")).alias("filled"), held.alias("held"))
    means = per.group_by("point", "cache", "node", maintain_order=True).agg(pl.col(*PLACES, *SLABS, "filled", "held").mean())
    used = pl.when(pl.col("held") > 0).then(pl.col("filled") / pl.col("held")).alias("used")
    most = means.group_by("cache", maintain_order=True).agg(pl.col("held").sum()).sort("held", descending=True)["cache"].to_list()
    limited += some(min(len(most), MOST_CACHES), len(most), "caches, those that hold most")
    means = means.filter(pl.col("cache").is_in(most[:MOST_CACHES]))
    each = [
        means.select(
            "point", "cache", "node", used, pl.lit(unit).alias("unit"), pl.lit(name).alias("place"),
            pl.col(column).cast(pl.Float64).alias("count"),
        )
        for unit, places in ((OBJECTS, PLACES), (LISTS, SLABS))
        for column, name in places.items()
    ]  # fmt: skip
    rows = pl.concat(each)
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

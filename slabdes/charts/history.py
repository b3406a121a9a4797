# SPDX-License-Identifier: GPL-2.0-only
"""How memory stood over time: a cache's slabs by list, its objects by where they lay, and what part of the memory held was used.

Of each point's first replication, its warm-up included, all nodes together. Leaves out runs that were not sampled: those of
earlier versions, and of very many caches and nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.chart import MOST_ROWS, Chart
from slabdes.charts.choice import choose, point_label, some, told_apart
from slabdes.charts.memory import MOST_CACHES
from slabdes.charts.places import NAMES, USED
from slabdes.units import PAGE_SIZE

if TYPE_CHECKING:
    import polars as pl

    from slabdes.results.frames import Frames

_RUN: Final = ("point", "cache")


def history(frames: Frames, points: Sequence[int] | None = None, most: int = 0) -> Chart:
    """A row a point, cache, moment and part: `setting`, `time` (ns), `unit` (of NAMES), `part` (its column), `place`, `count`.

    `warm_up` is when the point's warm-up ended (ns), null where none was cut. Of USED, `count` is the share of the pages held
    that objects in use fill. Caches are those that held most, at most `most`, or as many as a page has room for; parts that never
    were have no rows.
    """
    import polars as pl

    chosen, limited = choose(frames, points)
    shown = frames.of_points(chosen)
    table = _by_time(shown)
    order = (
        table.group_by("cache", maintain_order=True).agg(pl.col("held").max()).sort("held", descending=True, maintain_order=True)
    )
    caches = order.filter(pl.col("held") > 0)["cache"].to_list()
    rows_each = sum(len(names[0]) for names in NAMES.values()) * max(table["time"].n_unique() // max(len(chosen), 1), 1)
    room = most or MOST_ROWS // rows_each
    fewer = caches[: min(MOST_CACHES, max(1, room // max(len(chosen), 1)))]
    limited += some(len(fewer), len(caches), "caches, those that held most")
    slub = set(shown.slub.select(*_RUN).rows())
    keys = told_apart(frames)
    warm_ups = _warm_ups(shown)
    parts = [
        of_cache.filter(pl.col(part).is_not_null()).select(
            pl.lit(point_label(frames, point, keys)).alias("setting"), "cache", "time", pl.lit(unit).alias("unit"),
            pl.lit(part).alias("part"), pl.lit(name).alias("place"), pl.col(part).cast(pl.Float64).alias("count"),
            pl.lit(warm_ups[point], pl.Float64).alias("warm_up"),
        )
        for point in chosen
        for cache in fewer
        if (of_cache := table.filter(pl.col("point") == point, pl.col("cache") == cache)).height
        for unit, names in NAMES.items()
        for part, name in names[(point, cache) in slub].items()
        if unit == USED or of_cache[part].to_numpy().any()
    ]  # fmt: skip
    texts, numbers = (
        dict.fromkeys(("setting", "cache", "unit", "part", "place"), pl.String),
        {"time": pl.Float64, "count": pl.Float64, "warm_up": pl.Float64},
    )
    order_of = ("setting", "cache", "time", "unit", "part", "place", "count", "warm_up")
    schema: Any = {name: (texts | numbers)[name] for name in order_of}
    cut = any(end is not None for end in warm_ups.values())
    mark = " The dashed line is where the warm-up ends, which is in no other figure." if cut else ""
    reading = (
        "Layers add up to all of a cache's objects, or slabs, at a moment, all nodes together, and stay as they were seen until "
        "they are looked at again; of memory, the line is what part of the pages held objects in use fill. Where that falls and "
        f"stays low, memory is held in pieces that nobody uses.{mark}"
    )
    title = f"How memory is held over time (replication 0, {'warm-up included' if cut else 'from its begin'}){limited}"
    return Chart("history", title, reading, pl.concat([pl.DataFrame(schema=schema), *parts]))


def _warm_ups(frames: Frames) -> dict[int, float | None]:
    """When each point's warm-up ended in its first replication, where one was cut."""
    first = frames.runs.filter(frames.runs["replication"] == 0)
    return {point: end or None for point, end in first.select("point", "warm_up_ns").iter_rows()}


def _by_time(frames: Frames) -> pl.DataFrame:
    """A row a point, cache and moment: `time` and the columns of samples, all nodes together, `held` (bytes) and `used`."""
    import polars as pl

    sums = (
        frames.samples.filter(pl.col("replication") == 0)
        .drop("node", "replication")
        .group_by("point", "cache", "time_ns", maintain_order=True)
        .agg(pl.all().sum())
        .with_columns(pl.col("in_use").clip(0))
    )
    first = frames.caches.filter(pl.col("replication") == 0)
    sizes = first.select("point", pl.col("name").alias("cache"), "object_size", "gfporder")
    slabs = pl.sum_horizontal("slabs_partial", "slabs_full", "slabs_free", "slabs_cpu")
    held = (slabs * (2 ** pl.col("gfporder")).cast(pl.Int64) * PAGE_SIZE).alias("held")
    used = pl.when(pl.col("held") > 0).then(pl.col("in_use") * pl.col("object_size") / pl.col("held")).alias("used")
    return sums.join(sizes, on=list(_RUN), how="left").with_columns(held).with_columns(used).rename({"time_ns": "time"})

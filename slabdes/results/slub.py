# SPDX-License-Identifier: GPL-2.0-only
"""SLUB_STATS of a run: every counter that counted anything, all caches together, and how often for an allocation or a free.

Of one replication also as the files of sysfs show them, each cache's and CPU's.
"""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import TYPE_CHECKING, Final

from slabdes.errors import InputError, shown
from slabdes.results.frames import NO_CACHE, Frames
from slabdes.results.rows import SLUB_STATS

if TYPE_CHECKING:
    import polars as pl

_OF_SHEAVES: Final = ("sheaf_", "barn_", "free_rcu_")
"""How the counters begin that a kernel without sheaves lacks."""
_OF_CPU_SLABS: Final = SLUB_STATS[SLUB_STATS.index("free_frozen") :]
"""Those that a kernel without per-CPU slabs lacks."""


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


def in_grace(frames: Frames) -> dict[int, tuple[int, int]]:
    """Each point's frees, and objects that wait for a grace period of RCU when a run ends, all replications together.

    Both of whole runs, their warm-ups included: what waits may have been freed in one. An allocation of a warm-up that failed
    counts as half a free.
    """
    import polars as pl

    frees = dict(frames.cpus.group_by("point", maintain_order=True).agg(pl.col("frees").sum()).iter_rows())
    # What a warm-up left allocated are its allocations without its frees.
    left = dict(frames.caches.group_by("point", maintain_order=True).agg(pl.col("in_use_before").sum()).iter_rows())
    for point, cut in frames.runs.group_by("point", maintain_order=True).agg(pl.col("warm_up_operations").sum()).iter_rows():
        frees[point] += (cut - left.get(point, 0)) // 2
    waiting = dict(frames.slabs.group_by("point", maintain_order=True).agg(pl.col("in_rcu").sum()).iter_rows())
    return {point: (int(count), int(waiting.get(point, 0))) for point, count in frees.items()}


def slub_stats_text(slub: pl.DataFrame, slub_cpus: pl.DataFrame) -> str:
    """SLUB_STATS of one replication, given its frames, as `grep . */*` shows them in /sys/kernel/slab: a line each.

    A line is `CACHE/COUNTER:SUM C0=COUNT C1=COUNT`, as the kernel prints it: every counter that its version has, zeros too, and
    each CPU that counted anything. Nothing where the allocator is SLAB.
    """
    there = [
        name
        for name in sorted(SLUB_STATS)
        if (bool(slub["sheaf_capacity"].sum()) or not name.startswith(_OF_SHEAVES))
        and (bool(slub["cpu_partial_slabs"].sum()) or name not in _OF_CPU_SLABS)
    ]
    return "".join(_lines(slub, slub_cpus, there))


def _lines(slub: pl.DataFrame, slub_cpus: pl.DataFrame, counters: list[str]) -> Iterator[str]:
    by_cache = slub_cpus.sort("cpu").partition_by("cache", as_dict=True)
    for cache in slub.sort("cache").iter_rows(named=True):
        mine = by_cache.get((cache["cache"],), slub_cpus.clear())
        for counter in counters:
            counted = [f" C{row['cpu']}={row[counter]}" for row in mine.iter_rows(named=True) if row[counter]]
            yield f"{shown(cache['cache'])}/{counter}:{cache[counter]}{''.join(counted)}\n"


_IN_SYSFS: Final = ("cpu_partial", "min_partial", "remote_node_defrag_ratio")
"""Settings of a cache that root may write."""
_BUILT: Final = {
    "sheaf_capacity": ".sheaf_capacity of the struct kmem_cache_args that kmem_cache_create() takes; no smaller than by size, "
    "and of kmalloc caches by size alone (calculate_sheaf_capacity)",
    "max_full_sheaves": "MAX_FULL_SHEAVES in mm/slub.c, a constant of all caches",
    "max_empty_sheaves": "MAX_EMPTY_SHEAVES in mm/slub.c, a constant of all caches",
    "order": "slab_min_order= and slab_max_order= on the kernel's command line, for all caches",
}
"""Where else what an experiment sets stands in a kernel."""


def slub_write(name: str, key: str, value: int | str) -> str:
    """How a SLUB kernel gets a setting: what a shell, as root, writes to sysfs, or a comment that says what there is to build.

    `name` is the cache's, nothing for a switch of all. Raises InputError for a name that is no folder's.

    >>> slub_write("dentry", "min_partial", 20), slub_write("", "leftovers", "spill")
    ('echo 20 > /sys/kernel/slab/dentry/min_partial', '# leftovers = spill: a change of mm/slub.c')
    """
    if key in _IN_SYSFS:
        if "/" in name or name in ("", ".", ".."):
            raise InputError(f"cache {shown(name)}", "has no folder in /sys/kernel/slab", allowed="a name without slashes")
        return f"echo {value} > {quote(f'/sys/kernel/slab/{name}/{key}')}"
    of = f"{shown(name)}: " if name else ""
    where = _BUILT.get(key, "a change of mm/slub.c")
    return f"# {of}{key} = {value}: {where}"

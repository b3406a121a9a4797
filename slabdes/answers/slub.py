# SPDX-License-Identifier: GPL-2.0-only
"""What a run on SLUB says beside what every run says: how its caches are laid out and bounded, what it counts, limits never met.

Leaves out how a table is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from slabdes.answers.figures import count, figure, point_name
from slabdes.answers.view import MOST_POINTS, View, first_rows, make_sheet, one_point, some_points
from slabdes.measures.estimates import Row
from slabdes.results.text import Sheet

_OF_CACHES: Final = ("object_size", "num", "gfporder")
_HEADS: Final = {
    "sheaf_capacity": "sheaf",
    "max_full_sheaves": "full sheaves",
    "cpu_partial_slabs": "CPU's partial",
    "min_partial": "min_partial",
    "remote_node_defrag_ratio": "defrag ratio",
}
"""What a cache has of its own; the first three only if it has sheaves, or its CPUs slabs."""
RATIO_PER_PERCENT: Final = 10
"""remote_node_defrag_ratio is kept ten times as large as sysfs says it."""


def layout_sheet(view: View) -> Sheet:
    """Each cache's slab and what is in force of its settings; no rows where the allocator is SLAB."""
    every = [Row(values, {}) for values in _laid_out(view)]
    points = some_points(view) if len(every) <= MOST_POINTS else one_point(view)
    rows, rest = first_rows(view, every, points) if points == one_point(view) else (every, "")
    there = [key for key in _HEADS if any(row[key] for row in rows) or key in ("min_partial", "remote_node_defrag_ratio")]
    if not any(row["sheaf_capacity"] for row in rows):
        there = [key for key in there if key != "max_full_sheaves"]

    def cells(row: Row) -> Sequence[str]:
        slab = (f"{row['object_size']:,}", f"{row['num']:,}", f"{1 << row['gfporder']}")
        return row["cache"], *slab, *(_setting(row, key) for key in there)

    heads = ("cache", "bytes", "a slab", "pages", *(_HEADS[key] for key in there))
    told = "full sheaves: that a barn takes; " if "max_full_sheaves" in there else ""
    what = f"slabs, sheaves and limits in force ({told}a slab: objects of it{rest})"
    return make_sheet(view, what, rows, heads, 1, cells, points)


def _laid_out(view: View) -> Iterator[Mapping[str, Any]]:
    caches = {
        (row["point"], row["name"]): {key: row[key] for key in _OF_CACHES}
        for row in view.run.frames.caches.filter(replication=0).iter_rows(named=True)
    }
    for row in view.run.frames.slub.filter(replication=0).iter_rows(named=True):
        yield {key: row[key] for key in ("point", "cache", *_HEADS)} | caches[row["point"], row["cache"]]


def _setting(row: Row, key: str) -> str:
    """A setting as it is given: of a cache without sheaves there are none."""
    value = int(row[key])
    if key == "remote_node_defrag_ratio":
        return f"{value // RATIO_PER_PERCENT}"
    if key == "max_full_sheaves" and not row["sheaf_capacity"]:
        return "-"
    return f"{value:,}" if value or key in ("min_partial", "max_full_sheaves") else "-"


def slub_sheet(view: View) -> Sheet:
    """What SLUB counts; no rows where the allocator is SLAB."""
    points = one_point(view)
    rows = [row for row in view.figures.rows("slub") if row["point"] in points]

    def cells(row: Row) -> Sequence[str]:
        return row["counter"], count(row, "counted"), figure(row, "each", each_text)

    heads = ("counter", "counted", "an operation")
    return make_sheet(view, "SLUB_STATS, all CPUs and caches together", rows, heads, 1, cells, points)


def each_text(each: float | None) -> str:
    """How often for an operation.

    >>> each_text(0.03571), each_text(1.0)
    ('0.0357', '1')
    """
    return "" if each is None else f"{each:.3g}"


def limits_told(view: View) -> Iterator[str]:
    """Where an experiment sets max_full_sheaves and no barn came to it: that more changes nothing, and why."""
    if not _sets(view, "max_full_sheaves"):
        return
    with_sheaves = {row["point"] for row in view.run.frames.slub.iter_rows(named=True) if row["sheaf_capacity"]}
    sums = {point: mine for point, mine in _sums(view).items() if point in with_sheaves}
    never = [point for point in sums if not sums[point]["barn_put_fail"]]
    if not never:
        return
    name = point_name(view.run.frames, never[0])
    more = f" and at {len(never) - 1} more points" if len(never) > 1 else ""
    what = "max_full_sheaves" if len(never) == len(view.points) else f"With {name}{more} the barns' limit"
    put = max(sums[point]["barn_put"] for point in never)
    past = max(sums[point]["free_slowpath"] for point in never)
    flushed = any(sums[point]["sheaf_flush"] for point in never)
    why = f"no free found a barn with that many full sheaves (barn_put {put:,}, barn_put_fail 0)"
    if not put:
        why = "no full sheaf goes to a barn (barn_put 0)"
        why += f": {past:,} frees go past sheaves, as their objects are of another node" if past and not flushed else ""
    yield f"{what} bounds nothing, and a greater one changes nothing: {why}."


def _sets(view: View, key: str) -> bool:
    """Whether the experiment says a key of any cache, or sweeps it."""
    swept = any(name.startswith("cache.") and name.endswith(f".{key}") for name in view.run.frames.swept_keys())
    return swept or any(cache.get(key) is not None for cache in view.run.manifest.experiment.get("cache", ()))


def _sums(view: View) -> dict[int, dict[str, int]]:
    """Counters by point, over caches and replications; of SLUB's points alone."""
    sums: dict[int, dict[str, int]] = {}
    for row in view.run.frames.slub.iter_rows(named=True):
        mine = sums.setdefault(row["point"], dict.fromkeys(("barn_put", "barn_put_fail", "free_slowpath", "sheaf_flush"), 0))
        for counter in mine:
            mine[counter] += row[counter]
    return sums

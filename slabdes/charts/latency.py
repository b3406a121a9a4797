# SPDX-License-Identifier: GPL-2.0-only
"""Latency tails by path: the share of operations that take at least so long, each path's beside that of all together.

A path's curve begins at the path's own share, so rare paths stand below. Leaves out when in the run anything happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from slabdes.charts.chart import Chart
from slabdes.charts.choice import choose, point_label, told_apart
from slabdes.charts.curves import banded, curves
from slabdes.results import metrics
from slabdes.results.frames import Path
from slabdes.stats.intervals import CONFIDENCE

if TYPE_CHECKING:
    from slabdes.results.frames import Frames

MEANINGS: Final = {
    "hit": "the CPU's own stock",
    "shared": "refill from the shared array",
    "partial": "refill from partial slabs",
    "free": "refill from free slabs",
    "partial+free": "refill from both",
    "grow": "a new slab",
    "node-partial": "partial slab of the node asked for",
    "node-free": "free slab of the node asked for",
    "node-grow": "new slab on the node asked for",
    "fallback-partial": "partial slab of another node",
    "fallback-free": "free slab of another node",
    "fallback-grow": "new slab on another node",
    "fail": "no memory",
    "flush-shared": "to the shared array",
    "flush-lists": "to the slabs",
    "alien-put": "into an alien cache",
    "alien-drain": "full alien cache sent home",
    "alien-direct": "to the other node's lists",
    "section": "the lock taken and released",
    "pages": "page allocator",
    "spare": "the CPU's two sheaves change places",
    "barn": "a sheaf is exchanged with the barn",
    "refill": "a sheaf refilled from the node's slabs",
    "refill-remote": "a sheaf refilled, also from other nodes",
    "refill-grow": "a sheaf refilled, also from new slabs",
    "slow": "one object, past the sheaves",
    "slow-remote": "the same of another node",
    "slow-grow": "the same of a new slab",
    "get-freelist": "what others freed to the CPU's slab",
    "cpu-partial": "the CPU's partial slabs",
    "new-sheaf": "an empty sheaf is allocated",
    "flush": "a sheaf is flushed to the slabs",
    "slab": "straight to the slab, no lock",
    "slab-list": "straight to the slab, under list_lock",
    "drain": "the CPU's partial slabs go to their nodes",
    "rcu-sheaf": "by kfree_rcu, a sheaf got or handed over",
    "bulk": "one of a call's objects",
    "rcu-batch": "by kfree_rcu, the general batching",
}
"""What each path is, in a few words: the glossary has the rest."""


def place_of(path: str) -> int:
    """The place of a path among all, by which it has its look, in files as on pages."""
    return [*dict.fromkeys(one.label for one in Path)].index(path)


def latency(frames: Frames, points: Sequence[int] | None = None, confidence: float = CONFIDENCE) -> Chart:
    """Rows of `curves.curves` of the points that `choice` has, with `meaning`, what a path is.

    The path ALL_PATHS is all of an operation's paths together.
    """
    import polars as pl

    chosen, limited = choose(frames, points)
    shown = frames.of_points(chosen)
    keys = told_apart(frames)
    rows = curves(shown, {point: point_label(frames, point, keys) for point in chosen}, confidence)
    meanings = MEANINGS | {metrics.ALL_PATHS: "all paths together"}
    frame = rows.with_columns(pl.col("path").replace_strict(meanings, default="").alias("meaning"))
    title = f"Latency by path: share of all operations that take at least so long{limited}{banded(shown, confidence)}"
    reading = (
        "A point of a curve says which share of all the operations (up) takes at least how long (to the right) and goes this "
        "way: a path's curve begins at the left with the share that does. Where the curve of all together crosses 1 %, there is "
        "the p99; a path's own is in the table of paths."
    )
    return Chart("latency", title, reading, frame)

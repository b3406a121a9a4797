# SPDX-License-Identifier: GPL-2.0-only
"""Where the CPUs' time went: its parts as shares of the time between each CPU's first and last operation, point by point.

Leaves out which lock or line: the chart by node has that.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.chart import Chart
from slabdes.charts.choice import OTHERS, named_along, point_label, some, word_along
from slabdes.measures.estimates import Estimated
from slabdes.results import metrics
from slabdes.results.text import share_text

if TYPE_CHECKING:
    from slabdes.results.frames import Frames

PARTS: Final = {
    "work": "work: the rest of operations",
    "first_touch": "touch: of objects, cold descriptors",
    "pages": "pages: page allocator",
    "local_memory": "memory: the node's own",
    "remote_memory": "remote: other nodes' memory",
    "line": "lines: written last elsewhere",
    "lock_wait": "waiting: for locks",
    "handoff": "hand-off: of locks",
    "slot_wait": "for other CPUs: objects, barriers",
    "partner_wait": "for the other side: waiting",
    "think": "thinking: between operations",
}
"""Each part's name in tables and what it is, from a bar's bottom up."""
THINK: Final = "think"
MOST_LINES: Final = 9
HARDLY_BUSY: Final = 0.1
"""Where CPUs think for all but this share of their time, thinking is not drawn: nothing else would be seen."""


def time_shares(frames: Frames) -> Chart:
    """A row a point and part that is anywhere: `line` and its `number`, `place` along it and its `word`, part, meaning, share.

    `low` and `high` are where the part begins and ends in the point's bar, `half` is half its share's interval over replications
    (null without any). Where CPUs do hardly anything but think, that part has no rows.
    """
    import polars as pl

    shares = metrics.where_time_went(frames)
    along, keys = metrics.x_key(frames), metrics.series_keys(frames)
    every = list(shares.partition_by(keys, maintain_order=True)) if keys else [shares]
    lines = metrics.spread(every, MOST_LINES)
    present = [part for part in PARTS if shares[part].to_numpy().max() > 0]
    busy = max(sum(row[part] for part in present if part != THINK) for row in shares.iter_rows(named=True))
    hardly_busy = 0 < busy < HARDLY_BUSY
    parts = [part for part in present if part != THINK or not hardly_busy]
    intervals = {row["point"]: row.intervals for row in Estimated(frames).rows("time")}
    called, words = named_along(frames)
    places = {value: place for place, value in enumerate(metrics.along_x(shares[along]))}
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines):
        ordered = sorted(line.iter_rows(named=True), key=lambda row: places[row[along]])
        named = point_label(frames, line["point"][0], keys) if keys else ""
        for place, row in enumerate(ordered):
            at = {"line": named, "number": number, "point": row["point"], "place": place, "word": word_along(row, words)}
            ends = list(accumulate((row[part] for part in parts), initial=0.0))
            rows += [
                at
                | {"part": part, "meaning": PARTS[part], "share": row[part], "low": low, "high": high}
                | {"half": intervals[row["point"]][part].half_width if part in intervals[row["point"]] else None}
                for part, (low, high) in zip(parts, pairwise(ends), strict=True)
            ]
    rest = f"; the rest, at least {share_text(1 - busy)}: thinking, between operations" if hardly_busy else ""
    limited = f"{some(len(lines), len(every), 'settings')} ({OTHERS})" if len(lines) < len(every) else ""
    reading = (
        "Each bar is all the CPUs' time at one setting, and each part of it what that share went to. What grows from bar to bar "
        "is what limits."
    )
    if any(row["half"] is not None for row in rows):
        reading = f"{reading} A thin line at a part's end is that part's interval over replications."
    names: dict[str, Any] = {"line": pl.String, "number": pl.Int64, "point": pl.Int64, "place": pl.Int64, "word": pl.String}
    schema = names | {"part": pl.String, "meaning": pl.String} | dict.fromkeys(("share", "low", "high", "half"), pl.Float64)
    return Chart(
        "time",
        f"Where the CPUs' time went{rest}{limited}",
        reading,
        pl.DataFrame(rows, schema),
        called,
    )

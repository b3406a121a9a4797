# SPDX-License-Identifier: GPL-2.0-only
"""What CPUs did for the caches beside operations: how often and how long, which locks they held for it, who waited behind that.

Leaves out what each CPU did of it: the event log has every turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slabdes.results.contention import LOCK
from slabdes.results.frames import Frames, Upkeep
from slabdes.results.metrics import labels
from slabdes.results.quantiles import not_told, quantiles, within_times

if TYPE_CHECKING:
    import polars as pl

NAMES: Final = {
    "reap": "cache_reap",
    "slabinfo": "/proc/slabinfo",
    "shrink": "shrink",
    "drain": "do_drain",
    "rcu": "RCU callbacks",
    "change": "change of sheaves",
    "flush": "flush_all",
}
"""What turns of upkeep are called in tables, figures and sentences, by their labels in frames."""
KEY: Final = ("upkeep", *LOCK)
_SUMMED: Final = ("holds", "held_total_ns", "waits", "wait_total_ns")


def turns(frames: Frames, every: bool = False) -> pl.DataFrame:
    """A row a point and kind of upkeep of which a turn ended that was not given up at once (as cache_reap while another reaps).

    Columns after the point's labels: upkeep; turns, a replication's mean; mean_ns, p50_ns, p99_ns, p999_ns and max_ns of a turn,
    waiting for locks included, over all replications; held_ns (how long a turn holds locks, all together); lost_ns (what waits
    of others behind its holds took) and reaped (slabs that turns of cache_reap destroyed, else null), a replication's means;
    not_told (see `quantiles.QUANTILES`, as of `every`).
    """
    import polars as pl

    by = ["point", "upkeep"]
    known = [upkeep.label for upkeep in Upkeep]
    times, sums = (
        frame.filter(pl.col("what").is_in(known)).rename({"what": "upkeep"})
        for frame in (frames.interrupt_times, frames.interrupts)
    )
    table = sums.filter(pl.col("count") > 0).group_by(by, maintain_order=True).agg(
        pl.col("count").sum().alias("all"), pl.col("total_ns").sum(),
        pl.col("least_ns").min().alias("min_ns"), pl.col("greatest_ns").max().alias("max_ns"),
    )  # fmt: skip
    held = frames.upkeep_locks.group_by(by, maintain_order=True).agg(pl.col("held_total_ns", "wait_total_ns").sum())
    slabs = frames.caches.group_by("point", maintain_order=True).agg(pl.col("reaped").sum().alias("slabs"))
    slabs = slabs.with_columns(pl.lit(Upkeep.REAP.label).alias("upkeep"))
    table = labels(frames).join(table, on="point").join(quantiles(times, by, every), on=by)
    for more in (held, slabs):
        table = table.join(more, on=by, how="left")
    return table.sort(by).select(
        *labels(frames).columns, "upkeep", (pl.col("all") / pl.col("replications")).alias("turns"),
        (pl.col("total_ns") / pl.col("all")).alias("mean_ns"), *within_times(), "max_ns",
        (pl.col("held_total_ns").fill_null(0.0) / pl.col("all")).alias("held_ns"),
        (pl.col("wait_total_ns").fill_null(0.0) / pl.col("replications")).alias("lost_ns"),
        (pl.col("slabs") / pl.col("replications")).alias("reaped"), not_told(),
    )  # fmt: skip


def reap_summary(frames: Frames) -> pl.DataFrame:
    """The rows of `turns` that are cache_reap's."""
    import polars as pl

    return turns(frames).filter(pl.col("upkeep") == Upkeep.REAP.label).drop("upkeep")


def locks(frames: Frames) -> pl.DataFrame:
    """A row a point, kind of upkeep and lock that it held, the lock held longest first: KEY, holds, held_ns, mean_hold_ns.

    Then max_hold_ns, turn_ns (what a turn holds it for), and of the waits that began behind such a hold: waits, lost_ns (all
    together), lost_share (of the time that all locks cost the point), mean_wait_ns and max_wait_ns (null without any). holds,
    held_ns, waits and lost_ns are means over replications.
    """
    import polars as pl

    by = ["point", *KEY]
    table = frames.upkeep_locks.group_by(by, maintain_order=True).agg(
        pl.col(_SUMMED).sum(), pl.col("held_max_ns").max().alias("max_hold_ns"), pl.col("wait_max_ns").max().alias("max_wait_ns")
    )
    taken = frames.interrupts.group_by("point", "what", maintain_order=True).agg(pl.col("count").sum().alias("turns"))
    lost = frames.locks.group_by("point", maintain_order=True).agg(pl.col("wait_total_ns").sum().alias("all"))
    rows = (
        table.join(taken.rename({"what": "upkeep"}), on=["point", "upkeep"], how="left")
        .join(lost, on="point")
        .join(frames.points.select("point", "replications"), on="point")
        .sort("point", "upkeep", "held_total_ns", *LOCK, descending=[False, False, True, False, False, False])
    )

    def part(column: str, of: str, known: pl.Expr) -> pl.Expr:
        return pl.when(known).then(pl.col(column) / pl.col(of))

    held, waited = pl.col("holds") > 0, pl.col("waits") > 0
    return rows.select(
        *by,
        (pl.col("holds") / pl.col("replications")).alias("holds"),
        (pl.col("held_total_ns") / pl.col("replications")).alias("held_ns"),
        part("held_total_ns", "holds", held).alias("mean_hold_ns"),
        "max_hold_ns",
        part("held_total_ns", "turns", pl.col("turns") > 0).alias("turn_ns"),
        (pl.col("waits") / pl.col("replications")).alias("waits"),
        (pl.col("wait_total_ns") / pl.col("replications")).alias("lost_ns"),
        part("wait_total_ns", "all", pl.col("all") > 0).fill_null(0.0).alias("lost_share"),
        part("wait_total_ns", "waits", waited).alias("mean_wait_ns"),
        pl.when(waited).then(pl.col("max_wait_ns")),
    )

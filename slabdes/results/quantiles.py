# SPDX-License-Identifier: GPL-2.0-only
"""Quantiles of histograms by groups of their rows; those that too few samples tell are null, and it is said why.

Samples are counted as if all were independent, which gives the fewest that can do. Leaves out intervals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from slabdes.engine.records import SUB_BUCKET_BITS
from slabdes.errors import InputError
from slabdes.stats.samples import nearest_rank, samples_needed, too_few
from slabdes.units import PS_PER_NS

if TYPE_CHECKING:
    import polars as pl

RESOLUTION: Final = 1 / (2 << SUB_BUCKET_BITS)
"""A quantile is the middle of a bucket: it is known to this part of itself."""
QUANTILES: Final[Mapping[str, float]] = {"p50_ns": 0.5, "p99_ns": 0.99, "p999_ns": 0.999}
"""Where a table has these, one that too few samples tell (`stats.samples.samples_needed`) is null, and `not_told` says why.

With `every` they are all there: those of single replications, whose spread gives intervals."""
TOO_FEW: Final[Mapping[str, str]] = {name: too_few(q) for name, q in QUANTILES.items()}
"""What is said in place of each of them."""

_LAST_NS: Final = 1 / PS_PER_NS
"""A bucket's bounds are integer picoseconds and the upper one is outside, so the last time in it is this much less."""


def quantile(histogram: pl.DataFrame, q: float) -> float:
    """The time in ns that a share `q` (0 to 1) of the counted ones does not exceed, by nearest rank.

    `histogram` has low_ns, high_ns and count, in any order; rows of one bucket add up. The answer is the middle of a bucket,
    so it is within 0.4 % of a counted time. Raises InputError for a q outside 0 to 1 and for a histogram without counts.
    """
    import polars as pl

    if not 0 <= q <= 1:
        raise InputError("quantile", f"{q!r} is no share", allowed="0 to 1")
    if not histogram.height or not histogram["count"].sum():
        raise InputError("quantile", "no times were counted")
    grouped = histogram.select("low_ns", "high_ns", "count").with_columns(pl.lit(0, pl.UInt32).alias("point"))
    return float(_quantiles(grouped, ["point"], {"q": q}, every=True)["q"].item())


def quantiles(histogram: pl.DataFrame, by: Sequence[str], every: bool = False) -> pl.DataFrame:
    """A row for each group of `by`, with each of QUANTILES over what the group's rows count."""
    return _quantiles(histogram, by, QUANTILES, every)


def not_told() -> pl.Expr:
    """Which of QUANTILES a row lacks and why; null where it has all."""
    import polars as pl

    lacking = [pl.when(pl.col(name).is_null()).then(pl.lit(f"{name}: {why}")) for name, why in TOO_FEW.items()]
    told = pl.concat_str(lacking, separator="; ", ignore_nulls=True)
    return pl.when(told.str.len_bytes() > 0).then(told).alias("not_told")


def _quantiles(histogram: pl.DataFrame, by: Sequence[str], wanted: Mapping[str, float], every: bool) -> pl.DataFrame:
    """One row for each group of `by`, one column for each of `wanted`'s quantiles, by nearest rank."""
    import polars as pl

    ranked = cumulated(histogram, by).with_columns(pl.col("count").sum().over(by).alias("total"))
    columns = []
    for name, q in wanted.items():
        fewest = 0 if every else samples_needed(q)
        # No value has the rank after the last: the quantile is null.
        totals = ranked["total"].unique().to_list()
        ranks = {total: nearest_rank(total, q) if total >= fewest else total + 1 for total in totals}
        rank = pl.col("total").replace_strict(list(ranks), list(ranks.values()), return_dtype=pl.Int64)
        columns.append(pl.col("middle_ns").filter(pl.col("reached") >= rank).first().alias(name))
    return ranked.group_by(by, maintain_order=True).agg(columns)


def cumulated(histogram: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Buckets of each group in rising order: count, middle_ns, and `reached`, the counts up to and including the bucket."""
    import polars as pl

    return (
        histogram.filter(pl.col("count") > 0)
        .group_by([*by, "low_ns", "high_ns"], maintain_order=True)
        .agg(pl.col("count").sum())
        .sort([*by, "low_ns"])
        .with_columns(
            ((pl.col("low_ns") + pl.col("high_ns") - _LAST_NS) / 2).alias("middle_ns"),
            pl.col("count").cum_sum().over(by).alias("reached"),
        )
    )


def within_times() -> list[pl.Expr]:
    """QUANTILES within min_ns and max_ns: a bucket's middle may lie beyond the least and greatest time, which are exact."""
    import polars as pl

    return [pl.col(name).clip(pl.col("min_ns"), pl.col("max_ns")) for name in QUANTILES]

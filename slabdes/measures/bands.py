# SPDX-License-Identifier: GPL-2.0-only
"""Tail curves with a band around each: its interval at every time, from the curves of single replications.

Each time's interval is its own (pointwise). Leaves out bands that hold the whole curve at once.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from slabdes.measures.estimates import apart
from slabdes.results import metrics
from slabdes.results.frames import Frames
from slabdes.stats.intervals import CONFIDENCE, half_width

if TYPE_CHECKING:
    import polars as pl

_CURVE = ("point", "op", "path")


def ccdf_bands(frames: Frames, confidence: float = CONFIDENCE) -> pl.DataFrame:
    """`metrics.ccdf` with `low` and `high` of at_least, as `section_interval` has them; null for one replication."""
    import polars as pl

    pooled = metrics.ccdf(frames).sort(*_CURVE, "latency_ns")
    counts = dict(frames.points.select("point", "replications").iter_rows())
    factors = {point: half_width(1.0, n, confidence) * sqrt(n) for point, n in counts.items() if n > 1}
    if not factors:
        return pooled.with_columns(pl.lit(None, pl.Float64).alias(name) for name in ("low", "high"))
    separate, whose = apart(frames)
    single: dict[tuple[object, ...], list[pl.DataFrame]] = {}
    for (number, op, path), curve in metrics.ccdf(separate).sort("latency_ns").group_by(*_CURVE, maintain_order=True):
        single.setdefault((whose[number][0], op, path), []).append(curve)
    curves = pooled.partition_by(*_CURVE, maintain_order=True, as_dict=True)
    return pl.concat(_banded(curve, single[key], counts[key[0]], factors.get(key[0])) for key, curve in curves.items())


def _banded(curve: pl.DataFrame, single: list[pl.DataFrame], n: int, factor: float | None) -> pl.DataFrame:
    """One curve with its ends; `factor` turns a standard error into a half width."""
    import numpy as np
    import polars as pl

    if factor is None:
        return curve.with_columns(pl.lit(None, pl.Float64).alias(name) for name in ("low", "high"))
    share = curve["at_least"].to_numpy()
    # A replication that never came by this path has no share of it, at any time.
    squares = (n - len(single)) * share**2
    for one in single:
        # A curve holds back to the time before: its share at a time is its next bucket's, and nothing after the last.
        held = np.append(one["at_least"].to_numpy(), 0.0)
        squares = squares + (held[np.searchsorted(one["latency_ns"].to_numpy(), curve["latency_ns"].to_numpy())] - share) ** 2
    half = factor * np.sqrt(squares / (n - 1) / n)
    low, high = np.clip(share - half, 0.0, 1.0), np.clip(share + half, 0.0, 1.0)
    return curve.with_columns(pl.Series("low", low, pl.Float64), pl.Series("high", high, pl.Float64))

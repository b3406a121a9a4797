# SPDX-License-Identifier: GPL-2.0-only
"""Tail curves as they are drawn: of some points, named, as far as samples tell, with as many corners as are seen.

Leaves out how shares and intervals are made: `measures.bands` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from slabdes.charts.chart import thinned
from slabdes.measures.bands import ccdf_bands
from slabdes.results.frames import IRQ_WAIT, IRQS_OFF
from slabdes.units import percent

if TYPE_CHECKING:
    import polars as pl

    from slabdes.results.frames import Frames

NAMES: Final = {
    "alloc": "allocations",
    "free": "frees",
    "section": "critical sections",
    IRQS_OFF: "interrupts off, at a time",
    IRQ_WAIT: "waits of interrupts",
}
"""Of operations, and of times of interrupts."""
NOT_ENOUGH: Final = "not enough samples"
READING: Final = (
    "A point of a curve says which share of the operations (up) takes at least how long (to the right): where a curve "
    "crosses 1 %, there is its p99."
)
OF_INTERRUPTS: Final = (
    "A point of a curve says which share of the times (up) lasts at least how long (to the right): where a curve crosses 1 %, "
    "there is its p99."
)
LATENCY, TIME = "latency (simulated time)", "time (simulated)"
_CURVE: Final = ("point", "op", "path")


def curves(frames: Frames, settings: Mapping[int, str], confidence: float, path: str | None = None) -> pl.DataFrame:
    """Rows of `ccdf_bands` of all paths or of one, with `setting`, what the point is called, and `operation`, what op is.

    Of a curve that too few samples tell, `told` says which rows are.
    """
    import polars as pl

    rows = ccdf_bands(frames, confidence).drop("fraction")
    chosen = rows if path is None else rows.filter(pl.col("path") == path)
    kept = thinned(chosen.sort(*_CURVE, "latency_ns", maintain_order=True), (*_CURVE, "told"), "latency_ns", "at_least")
    points = {"point": list(settings), "setting": list(settings.values())}
    named = pl.DataFrame(points, {"point": pl.UInt32, "setting": pl.String})
    return kept.join(named, on="point", how="left").with_columns(
        pl.col("op").replace(NAMES).alias("operation"), pl.col("path").cast(pl.String)
    )


def banded(frames: Frames, confidence: float) -> str:
    """What a title says of where curves end, and of bands, where there are any."""
    repeated = int(frames.points["replications"].to_numpy().max()) > 1
    bands = f"bands: {percent(confidence)} intervals over replications" if repeated else "1 replication: no interval"
    return f"; {bands}; curves end where there are {NOT_ENOUGH}"

# SPDX-License-Identifier: GPL-2.0-only
"""Response times of operations that arrive beside service times: their tails, and how they bend along a sweep of rates.

Leaves out by which path an operation went: the chart by path has that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.chart import Chart
from slabdes.charts.choice import OTHERS, choose, point_label, some, told_apart
from slabdes.charts.curves import READING, banded, curves
from slabdes.charts.tails import MOST_CURVES
from slabdes.measures.estimates import Estimated, Row
from slabdes.measures.knee import Line, load_lines
from slabdes.results import metrics
from slabdes.results.response import RATE
from slabdes.stats.intervals import CONFIDENCE
from slabdes.units import percent

if TYPE_CHECKING:
    from slabdes.results.frames import Frames

FROM: Final = ("from its begin (service time)", "from its arrival (response time)")
"""What an operation's time is counted from."""
TIMES: Final = {"p99_ns": "p99", "p50_ns": "p50"}


def response(frames: Frames, points: Sequence[int] | None = None, confidence: float = CONFIDENCE) -> Chart:
    """Rows of `curves.curves` of all paths together, `counted` one of FROM; only operations that arrive have both."""
    import polars as pl

    chosen, limited = choose(frames, points)
    shown = frames.of_points(chosen)
    keys = told_apart(frames)
    names = {point: point_label(frames, point, keys) for point in chosen}
    each = [
        curves(part, names, confidence, metrics.ALL_PATHS).with_columns(pl.lit(counted).alias("counted"))
        for part, counted in zip((shown, shown.responding()), FROM, strict=True)
    ]
    what = f"Service and response times: share of operations that take at least so long{banded(shown, confidence)}{limited}"
    reading = f"{READING} What lies between the two curves is waiting to be begun."
    return Chart("response", what, reading, pl.concat(each).filter(pl.col("op").is_in(each[1]["op"].unique().to_list())))


def loads(frames: Frames, confidence: float = CONFIDENCE) -> Chart:
    """A row a load and percentile: `line` (what tells lines apart), point, `offered` and `answered` (a second), `time`, ns.

    `percentile` is one of TIMES' names, `low` and `high` the ends of its interval, `knee` whether the line bends here; time is
    null where too few samples tell it.
    """
    import polars as pl

    every = load_lines(Estimated(frames, confidence))
    lines = metrics.spread(every, MOST_CURVES)
    limited = f"{some(len(lines), len(every), 'lines')} ({OTHERS})" if len(lines) < len(every) else ""
    repeated = int(frames.points["replications"].to_numpy().max()) > 1
    bands = f"; bands: {percent(confidence)} intervals over replications" if repeated else ""
    what = (
        f"Response times by load, all operations; circles: where throughput over mean response time is greatest{bands}{limited}"
    )
    keys = metrics.series_keys(frames, RATE)
    rows = [
        {"line": point_label(frames, int(line.rows[0]["point"]), keys), **_load(line, row, place, column)}
        for line in lines
        for place, row in enumerate(line.rows)
        for column in TIMES
    ]
    reading = (
        "Each point is a rate of arrivals: as more is answered (to the right), response times rise (up). Beyond the circle, time "
        "is given for throughput at a loss."
    )
    numbers = dict.fromkeys(("offered", "answered", "time", "low", "high"), pl.Float64)
    schema: Any = {"line": pl.String, "point": pl.Int64, "percentile": pl.String, "knee": pl.Boolean, **numbers}
    return Chart("loads", what, reading, pl.DataFrame(rows, schema))


def _load(line: Line, row: Row, place: int, column: str) -> dict[str, Any]:
    interval = row.intervals.get(column)
    return {
        "point": row["point"],
        "percentile": TIMES[column],
        "knee": place == line.knee,
        "offered": float(row["offered_per_s"]),
        "answered": float(row["operations_per_s"]),
        "time": row[column],
        "low": row[column] if interval is None or interval.low is None else interval.low,
        "high": row[column] if interval is None or interval.high is None else interval.high,
    }

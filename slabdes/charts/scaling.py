# SPDX-License-Identifier: GPL-2.0-only
"""Throughput and waiting along a sweep, a line a machine and other swept keys, with intervals, and the law that a line follows.

The ideal is a line's first point, multiplied; the law is the Universal Scalability Law with its peak. Leaves out why lines bend.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.chart import Chart
from slabdes.charts.choice import OTHERS, named_along, point_label, some, word_along
from slabdes.charts.tails import MOST_CURVES
from slabdes.errors import InputError
from slabdes.measures.names import RATES
from slabdes.measures.scaling import FEWEST, laws
from slabdes.measures.scaling import scaling as rates
from slabdes.results import metrics
from slabdes.results.called import short
from slabdes.results.text import setting_text
from slabdes.stats.intervals import CONFIDENCE
from slabdes.units import percent

if TYPE_CHECKING:
    import polars as pl

    from slabdes.results.frames import Frames
    from slabdes.stats.laws import Fitted

MOST_LINES: Final = 4 * MOST_CURVES
MEASURED, IDEAL, LAW, PEAK = "measured", "ideal", "law", "peak"
"""A row is a point of the sweep; its line's fewest CPUs' throughput, times CPUs; the law fitted to the line; where that peaks."""
KEY: Final = {
    IDEAL: "ideal: the fewest CPUs' throughput, times CPUs",
    LAW: "thin: Universal Scalability Law",
    PEAK: "where the law peaks",
}
"""What a drawing's key says of them."""
_FINE: Final = 50
"""Parts of a drawn law, evenly on a logarithmic axis."""
_CPUS: Final = "cpus"


def scaling(frames: Frames, confidence: float = CONFIDENCE) -> Chart:
    """Rows of `kind` MEASURED (both of RATES), and where the sweep is by CPUs IDEAL, LAW and PEAK (throughput alone).

    `line` is what tells a line apart and `number` its place, `point` the row's point (-1 for a law's and the ideal's), `x` the
    place along the sweep (words stand at 0, 1, ...) and `word` what is written there; `value`, `low` and `high` of `measure`.
    """
    import polars as pl

    table = rates(frames, confidence)
    along, keys = metrics.x_key(frames), metrics.series_keys(frames)
    every = list(table.partition_by(keys, maintain_order=True)) if keys else [table]
    series = metrics.spread(every, MOST_LINES)
    limited = f"{some(len(series), len(every), 'lines')} ({OTHERS})" if len(series) < len(every) else ""
    fits = _laws(frames, confidence) if along == _CPUS else {}
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(series):
        name = {"line": point_label(frames, line["point"][0], keys) if keys else "", "number": number}
        rows += [name | row for row in _measured(frames, line, along)]
        if along == _CPUS:
            rows += [
                name | row for row in _by_cpus(line.sort(_CPUS), fits.get(tuple(line.row(0, named=True)[key] for key in keys)))
            ]
    title = f"Throughput and waiting by {short([along])[0]}{_intervals(frames, table, along, confidence)}{limited}"
    reading = (
        "A line that follows the ideal wastes nothing; where it bends away, CPUs wait for each other, and beyond its peak more "
        "of them do less."
        if along == _CPUS
        else "Each mark is a setting: the higher, the more the CPUs do in a second, or the longer they wait for locks. "
        "Where intervals overlap, a difference may be chance."
    )
    if fits:
        reading = f"{reading} The thin line is the Universal Scalability Law that fits best."
    elif along == _CPUS:
        reading = f"{reading} No law is fitted to fewer than {FEWEST} numbers of CPUs."
    names: dict[str, Any] = {"line": pl.String, "number": pl.Int64, "point": pl.Int64, "kind": pl.String, "measure": pl.String}
    values = {"x": pl.Float64, "word": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64}
    return Chart("scaling", title, reading, pl.DataFrame(rows, names | values), named_along(frames)[0])


def _laws(frames: Frames, confidence: float) -> dict[tuple[Any, ...], Fitted]:
    """The law of each line; none where lines are too short for one."""
    try:
        return laws(frames, confidence)
    except InputError:
        return {}


def _intervals(frames: Frames, table: pl.DataFrame, along: str, confidence: float) -> str:
    marks = "bands" if metrics.numbers(frames.points[along]) else "bars"
    repeated = int(table["replications"].to_numpy().max()) > 1
    return f"; {marks}: {percent(confidence)} intervals over replications" if repeated else ""


def _measured(frames: Frames, line: pl.DataFrame, along: str) -> Iterator[dict[str, Any]]:
    numeric = metrics.numbers(frames.points[along])
    place = {value: value if numeric else at for at, value in enumerate(metrics.along_x(frames.points[along]))}
    keys = named_along(frames)[1]

    def word(row: Mapping[str, Any]) -> str:
        return setting_text(row[along]) if len(keys) == 1 else word_along(row, keys)

    for row in sorted(line.iter_rows(named=True), key=lambda row: place[row[along]]):
        for measure, most in zip(RATES, (inf, 1.0), strict=True):
            value, half = row[measure], row[f"{measure}_half"] or 0.0
            yield {
                "point": row["point"], "kind": MEASURED, "measure": measure, "x": place[row[along]],
                "word": word(row), "value": value, "low": max(value - half, 0.0), "high": min(value + half, most),
            }  # fmt: skip


def _by_cpus(line: pl.DataFrame, fit: Fitted | None) -> Iterator[dict[str, Any]]:
    """The ideal and the law of a line, from its fewest CPUs to its most."""
    least, most = line[_CPUS][0], line[_CPUS][-1]
    if most <= least:
        return
    alone = line[RATES[0]][0] / least
    fine = [least * (most / least) ** (step / _FINE) for step in range(_FINE + 1)]
    yield from (_of_law(IDEAL, cpus, cpus * alone) for cpus in fine)
    if fit is None:
        return
    yield from (_of_law(LAW, cpus, fit.law.throughput(cpus)) for cpus in fine)
    if isfinite(fit.law.peak) and least <= fit.law.peak <= most:
        yield _of_law(PEAK, fit.law.peak, fit.law.most)


def _of_law(kind: str, cpus: float, value: float) -> dict[str, Any]:
    row = {"point": -1, "kind": kind, "measure": RATES[0], "x": cpus, "word": f"{cpus:.3g}", "value": value}
    return row | {"low": None, "high": None}

# SPDX-License-Identifier: GPL-2.0-only
"""Measures by the names that users give them: rates, times of operations, upkeep and interrupts; each point's, with intervals.

Leaves out differences between points (`compare`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Any, Final

from slabdes.errors import InputError
from slabdes.measures.estimates import Estimated, apart
from slabdes.results import metrics, upkeep
from slabdes.results.frames import IRQ_WAIT, IRQS_OFF, OPERATIONS, Frames, Upkeep
from slabdes.results.held import memory
from slabdes.results.response import response
from slabdes.results.text import bytes_text, count_text, share_text, time_text
from slabdes.stats.intervals import CONFIDENCE, Interval
from slabdes.words import DEFAULT as DEFAULT
from slabdes.words import MEASURES as MEASURES  # handed on, as all that measures have
from slabdes.words import MEMORY as MEMORY
from slabdes.words import OF_TURNS, TIMES, name_of
from slabdes.words import RATES as RATES
from slabdes.words import RESPONSE as RESPONSE
from slabdes.words import SHARES as SHARES
from slabdes.words import measure_of as measure_of

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class _Timed:
    """What has times: a table of `estimates.TABLES`, the column that says of what, whose values they are, and which times."""

    name: str
    table: Callable[..., pl.DataFrame]
    column: str
    whose: tuple[str, ...]
    times: tuple[str, ...] = tuple(TIMES.values())
    after: str = ""
    """What a measure's name has after whose values they are."""

    def whose_row(self, row: Any) -> str:
        """Whose times a row of the table has."""
        return f"{row[self.column]}{self.after}"


_TIMED: Final = (
    _Timed("summary", metrics.summary, "op", OPERATIONS),
    _Timed("response", response, "op", tuple(f"{op}{RESPONSE}" for op in OPERATIONS), after=RESPONSE),
    _Timed("upkeep", upkeep.turns, "upkeep", tuple(one.label for one in Upkeep if one), tuple(OF_TURNS.values())),
    _Timed("interrupts", metrics.interrupt_summary, "what", (IRQS_OFF, IRQ_WAIT)),
)


HIGHER_IS_BETTER: Final = ("operations_per_s", "share_used")
"""Of times, waiting and memory held, less is better."""


def asked_of(experiment: Mapping[str, Any]) -> list[str]:
    """The measures that matter, as an experiment that was run says."""
    return [measure_of(name, "measures") for name in experiment.get("measures", ())]


def resolution_of(measure: str) -> float:
    """How finely a measure is known, as a share of it: percentiles come from a histogram."""
    return metrics.RESOLUTION if measure.partition("_")[2] in metrics.QUANTILES else 0.0


def measured(frames: Frames, every: bool = False) -> dict[int, dict[str, float]]:
    """Each measure that a point has; `every` has percentiles of few samples, too."""
    found: dict[int, dict[str, float]] = {}
    for timed in _TIMED:
        for row in timed.table(frames, every).iter_rows(named=True):
            if row.get("handled") == 0:  # no source of interrupts: these are the off times of operations
                continue
            of_row = {f"{timed.whose_row(row)}_{time}": row[time] for time in timed.times if row[time] is not None}
            rates = {rate: row[rate] for rate in RATES if rate in row}
            found.setdefault(row["point"], {}).update(rates | of_row)
    for row in memory(frames).iter_rows(named=True):
        found.setdefault(row["point"], {}).update({measure: row[measure] for measure in MEMORY})
    return found


def text_of(measure: str) -> Callable[[float | None], str]:
    """How a measure's figure is written."""
    if measure in SHARES:
        return share_text
    return {"operations_per_s": count_text, "held_bytes": bytes_text}.get(measure, time_text)


def few_of(*sides: Mapping[str, float]) -> dict[str, str]:
    """The percentiles that too few samples of a side tell, of what all sides have, and what is said instead."""
    both = set.intersection(*({*side} for side in sides))
    lacking = (measure.partition("_") for measure in MEASURES if measure not in both)
    return {f"{who}_{time}": metrics.TOO_FEW[time] for who, _, time in lacking if f"{who}_mean_ns" in both}


def check_told(frames: Frames, measure: str, where: str) -> None:
    """Raise InputError for a percentile that too few samples of any point tell, all its replications together."""
    for values in measured(frames).values():
        if why := few_of(values).get(measure):
            raise InputError(where, f"{name_of(measure)}: {why}", allowed="more operations in each run, or a mean")


def intervals(frames: Frames, measure: str, confidence: float = CONFIDENCE) -> dict[int, Interval]:
    """A measure of each point that has it, with its interval over replications; not a number where too few samples tell it."""
    return intervals_of(Estimated(frames, confidence), measure)


def intervals_of(figures: Estimated, measure: str) -> dict[int, Interval]:
    """The same of figures that are there."""
    if measure in (*RATES, *MEMORY):
        rows = figures.rows("rates" if measure in RATES else "memory")
        return {row["point"]: row.intervals[measure] for row in rows}
    who, _, time = measure.partition("_")
    (timed,) = (timed for timed in _TIMED if who in timed.whose)
    rows = [row for row in figures.rows(timed.name) if timed.whose_row(row) == who]
    return {row["point"]: row.intervals.get(time, Interval(nan, None, row["replications"], figures.confidence)) for row in rows}


def alone(frames: Frames, measure: str) -> dict[int, dict[int, float]]:
    """A measure of each replication alone, by point, then by the replication's number; those without it are left out."""
    every = by_replication(*apart(frames))
    return {point: measures[measure] for point, measures in every.items() if measure in measures}


def by_replication(separate: Frames, whose: Sequence[tuple[int, int]]) -> dict[int, dict[str, dict[int, float]]]:
    """Every measure of each replication alone (see `estimates.apart`), by point, by measure, then by the replication's number."""
    found: dict[int, dict[str, dict[int, float]]] = {}
    for number, values in sorted(measured(separate, every=True).items()):
        point, replication = whose[number]
        for measure, value in values.items():
            found.setdefault(point, {}).setdefault(measure, {})[replication] = value
    return found

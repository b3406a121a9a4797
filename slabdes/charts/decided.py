# SPDX-License-Identifier: GPL-2.0-only
"""Every measure of two sides as a ratio with its interval, and what was decided of those that were asked for.

Leaves out how it is decided.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.chart import Chart
from slabdes.stats.deciding import Outcome
from slabdes.units import percent

if TYPE_CHECKING:
    from slabdes.measures.compare import Comparison

DIFFERS: Final = "decided: differs"
ALIKE: Final = "decided: alike"
OPEN: Final = "not decided"
BESIDE: Final = "differs, too"
UNTOLD: Final = "not told apart"
KINDS: Final = (DIFFERS, ALIKE, OPEN, BESIDE, UNTOLD)
_DECIDED: Final = {Outcome.HIGHER: DIFFERS, Outcome.LOWER: DIFFERS, Outcome.ALIKE: ALIKE, Outcome.OPEN: OPEN}
_TIMES: Final = 1e4
"""A ratio beyond so many times, either way, is not drawn (assumed: the others would be a point)."""


def decided(compared: Comparison, outcomes: Mapping[str, Outcome], beside: Collection[str], names: Mapping[str, str]) -> Chart:
    """A row a measure of the first pair, those asked for first: `measure`, `kind` (KINDS), `ratio`, `low` and `high`.

    `beside` are the measures that differ and were not asked for; `names` tell measures.
    """
    import polars as pl

    rows: list[dict[str, Any]] = []
    pair = compared.pairs[0]
    ordered = sorted(pair.rows, key=lambda row: row.measure not in outcomes)
    for row in ordered:
        ratio = row.ratio
        if ratio is None or not 1 / _TIMES < ratio.value < _TIMES:
            continue
        kind = _DECIDED[outcomes[row.measure]] if row.measure in outcomes else BESIDE if row.measure in beside else UNTOLD
        ends = {"low": ratio.low, "high": ratio.high}
        rows.append({"measure": names[row.measure], "kind": kind, "ratio": ratio.value, **ends})
    first, second = compared.sides
    level = next((f"; bars: {percent(row.ratio.confidence, 1)} intervals" for row in pair.rows if row.ratio is not None), "")
    left = len(pair.rows) - len(rows)
    more = f"; {left} more only in the table: one side has next to none" if left else ""
    title = f"{second}: how many times as much as {first}, by measure{level}{more}"
    reading = (
        "Right of the line at 1 the second side has more: of time or waiting that is worse, of operations/s better. Diamonds and "
        "squares were to be decided, round marks come along; a bar that crosses the line tells neither side from the other. "
        "Hollow marks are not told apart, also where a bar just clears the line: of many measures one in twenty does by chance "
        "(Holm's correction)."
    )
    kinds: dict[str, Any] = {"measure": pl.String, "kind": pl.String}
    return Chart("decided", title, reading, pl.DataFrame(rows, kinds | dict.fromkeys(("ratio", "low", "high"), pl.Float64)))

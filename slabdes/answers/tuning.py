# SPDX-License-Identifier: GPL-2.0-only
"""What a search for a setting says: which is best, by how much, what it holds, how that is known, what not to conclude.

Leaves out the search itself (`study.tune`), and sees of it only what it is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from slabdes.answers.decision import looks_text, relative_text
from slabdes.answers.figures import value_text, where_off
from slabdes.answers.named import measure_name, side_text
from slabdes.answers.steady import sides_settled
from slabdes.errors import shown
from slabdes.measures.compare import Comparison
from slabdes.results.called import called
from slabdes.results.text import Sheet, bytes_text, share_text
from slabdes.stats.deciding import Looks, Outcome
from slabdes.stats.intervals import Interval

WRITTEN: Final = "as written"


class Measured(Protocol):
    """A setting that was measured anew: its knobs, the measure, the bytes held, and those beyond the experiment's as written."""

    @property
    def settings(self) -> Mapping[str, Any]: ...  # noqa: D102 -- told above
    @property
    def value(self) -> Interval: ...  # noqa: D102
    @property
    def held(self) -> Interval: ...  # noqa: D102
    @property
    def more(self) -> Interval: ...  # noqa: D102
    @property
    def front(self) -> bool: ...  # noqa: D102


class Searched(Protocol):
    """A search that has ended (`study.tune.Tuned`); `choices` has the experiment as written first, then the best found."""

    @property
    def compared(self) -> Comparison: ...  # noqa: D102 -- told there
    @property
    def measure(self) -> str: ...  # noqa: D102
    @property
    def outcome(self) -> Outcome: ...  # noqa: D102
    @property
    def looks(self) -> Looks: ...  # noqa: D102
    @property
    def choices(self) -> Sequence[Measured]: ...  # noqa: D102
    @property
    def better(self) -> bool: ...  # noqa: D102
    @property
    def tried(self) -> int: ...  # noqa: D102
    @property
    def refused(self) -> int: ...  # noqa: D102
    @property
    def runs(self) -> int: ...  # noqa: D102
    @property
    def size(self) -> int | None: ...  # noqa: D102
    @property
    def most_held(self) -> float | None: ...  # noqa: D102


def tuning_answer(told: Searched) -> list[str]:
    """Three or four sentences."""
    answer = [_which(told)]
    if told.better:
        answer.append(_held(told.choices[1]))
    answer += _cheaper(told.measure, told.choices, 1 if told.better else 0)
    settled = sides_settled(told.compared.pairs, told.compared.sides)
    return [*answer, _known(told), *settled, _not_told(told)]


def _which(told: Searched) -> str:
    row = told.compared.pairs[0].row(told.measure)
    assert row is not None
    written, best = (settings_text(one.settings) for one in told.choices[:2])
    values = f"{side_text(row.measure, row.second)} against {side_text(row.measure, row.first)} {WRITTEN} ({written})"
    name, by = measure_name(row.measure), relative_text(row)
    tried = f"{told.tried} settings tried" + (
        "" if told.most_held is None else f" that hold {bytes_text(told.most_held)} at most"
    )
    if told.better:
        return f"{best} is the best of {tried} in {name}: {values}, {by}."
    if told.outcome is Outcome.OPEN:
        return f"It is not decided whether {best}, the best of {tried}, is better in {name} than what is written: {values}, {by}."
    if told.outcome is Outcome.ALIKE:
        return f"None of {tried} is told to be better in {name} than what is written: the best, {best}, has {values}."
    return f"What is written is better in {name} than all {tried}: the best of them, {best}, has {values}."


def _held(best: Measured) -> str:
    told = f"It holds {held_text(best.held)} when a run ends, "
    change = best.more
    if not change.value and not change.half_width:
        return f"{told}as much as {WRITTEN}."
    half = f" ±{bytes_text(change.half_width)}" if change.half_width else ""
    return f"{told}{bytes_text(abs(change.value))}{half} {'more' if change.value > 0 else 'less'} than {WRITTEN}."


def _cheaper(measure: str, measured: Sequence[Measured], chosen: int) -> Iterator[str]:
    """The choice of the front that holds least, where that is less than the chosen one."""
    front = [one for number, one in enumerate(measured) if one.front and number != chosen]
    if not front:
        return
    least = min(front, key=lambda one: one.held.value)
    if least.held.value < measured[chosen].held.value:
        name = "What is written" if least is measured[0] else settings_text(least.settings)
        figures = f"{held_text(least.held)}, at an {measure_name(measure)} of {side_text(measure, least.value)}"
        yield f"{name} holds less, {figures}; the table and the figure have the choices between."


def _known(told: Searched) -> str:
    refused = f" ({told.refused} more settings cannot be run)" if told.refused else ""
    rarely = f"{looks_text(told.looks)} in at most {share_text(1 - told.looks.confidence)} of cases"
    n = told.compared.replications[0]
    return (
        f"The search took {told.runs} runs{refused}; these figures are from {n} replications on random numbers that it had "
        f"not seen, the difference with an interval of {share_text(told.looks.level)}, so that {rarely}."
    )


def _not_told(told: Searched) -> str:
    best = "that no other setting is better"
    if told.size is None:
        best = f"{best} (not all can be tried); "
    elif told.tried + told.refused < told.size:
        best = f"{best} ({told.tried} of {told.size:,} were tried); "
    else:
        best = ""
    alike = "that both are alike; " if told.outcome is Outcome.OPEN else ""
    same = f"the same of other machines or loads, or of a real machine{where_off(told.compared.assumed)}"
    return f"Not to be concluded: {alike}{best}{same}."


def tuning_title(told: Searched) -> str:
    """What stands above the figure."""
    level, n = share_text(told.looks.level), told.compared.replications[0]
    what = f"{measure_name(told.measure)} and memory held: {told.tried} settings tried"
    return f"{what}; bars: intervals of {level} over {n} replications"


def settings_text(settings: Mapping[str, Any]) -> str:
    """What settings are called: `limit 60, batchcount 30`."""
    return shown(called(settings))


def held_text(interval: Interval) -> str:
    """Bytes with half their interval."""
    return value_text(interval, bytes_text)


def tuning_sheet(measure: str, measured: Sequence[Measured]) -> Sheet:
    """The settings measured anew, the least held first."""
    ordered = sorted(enumerate(measured), key=lambda pair: (pair[1].held.value, pair[0]))
    rows = (
        (
            settings_text(one.settings) + (f" ({WRITTEN})" if not number else ""),
            side_text(measure, one.value),
            held_text(one.held),
            "yes" if one.front else "no",
        )
        for number, one in ordered
    )
    heads = ("setting", measure_name(measure), "memory held", "on the front")
    title = "settings measured anew, the least memory first (on the front: no other one is better in both)"
    return Sheet(title, heads, 1, tuple(rows))

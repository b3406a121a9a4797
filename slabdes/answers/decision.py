# SPDX-License-Identifier: GPL-2.0-only
"""What a decision says: which of two settings is better, by how much, how sure that is, what it took, and why.

Leaves out how it was come to (`study.decide`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Final

from slabdes.answers.causes import edges, why
from slabdes.answers.comparison import dropped_remarks, few_cells, lock_sentence, spread_remark
from slabdes.answers.figures import few_remarks, listed, point_name, ratio_text, where_off
from slabdes.answers.missing import no_verdict
from slabdes.answers.named import change_text, measure_name, side_text
from slabdes.answers.steady import sides_settled
from slabdes.measures.compare import Compared, Comparison, different
from slabdes.measures.names import HIGHER_IS_BETTER, SHARES, resolution_of
from slabdes.results.frames import Frames
from slabdes.results.text import NOTHING, Sheet, share_text
from slabdes.stats.deciding import Looks, Outcome
from slabdes.stats.intervals import Interval

_DECIDED: Final = {Outcome.HIGHER: "yes", Outcome.LOWER: "yes", Outcome.ALIKE: "alike", Outcome.OPEN: "open"}


def decision_answer(compared: Comparison, outcomes: Mapping[str, Outcome], looks: Looks) -> list[str]:
    """Which side has more of each measure and by how much, what it took, why, and what not to conclude."""
    pair = compared.pairs[0]
    if none := no_verdict(compared, compared.sides, pair):
        return [none, _not_told(compared, [], 1)]
    rows = [row for measure in outcomes if (row := pair.row(measure)) is not None]
    told = [*(_which(compared, row, outcomes[row.measure], looks) for row in rows), _cost(compared, looks, len(rows))]
    apart = [row for row in rows if outcomes[row.measure] in (Outcome.HIGHER, Outcome.LOWER)]
    told += [*why(pair, apart), *edges([row.measure for row in rows], dict(zip(compared.sides, pair.placed, strict=True)))]
    told += lock_sentence(compared, pair, [*apart, *_others(compared, outcomes)]) if apart else ()
    told += sides_settled(compared.pairs, compared.sides)
    return [*told, _not_told(compared, [row.measure for row in rows if outcomes[row.measure] is Outcome.OPEN], len(rows))]


def _which(compared: Comparison, row: Compared, outcome: Outcome, looks: Looks) -> str:
    first, second = compared.sides
    values = f"{side_text(row.measure, row.second)} against {side_text(row.measure, row.first)}"
    name = measure_name(row.measure)
    by = relative_text(row)
    if outcome is Outcome.ALIKE:
        least = max(looks.indifference, resolution_of(row.measure))
        more = f" by more than {share_text(least)}" if least and row.difference.half_width else ""
        return f"{second} and {first} do not differ in {name}{more}: {values}, {by}."
    if outcome is Outcome.OPEN:
        return f"It is not decided whether {second} or {first} is better in {name}: {values}, {by}."
    better = (outcome is Outcome.HIGHER) == (row.measure in HIGHER_IS_BETTER)
    return f"{second} is {'better' if better else 'worse'} than {first} in {name}: {values}, {by}."


def relative_text(row: Compared) -> str:
    """The ratio's excess over 1 in per cent, with its interval; without one the difference, and a share's in points."""
    times = row.ratio
    if row.measure in SHARES or times is None or times.low is None or times.high is None:
        return f"a difference of {change_text(row)}"
    low, value, high = (100 * (part - 1) for part in (times.low, times.value, times.high))
    return f"{value:+.1f} % (between {low:+.1f} and {high:+.1f} %)"


def _cost(compared: Comparison, looks: Looks, measures: int) -> str:
    n, looks_at = compared.replications[0], looks.replications
    made = sum(count <= n for count in looks_at)
    told = f"It took {n} replications of each side on common random numbers, in {made} look{'s' * (made != 1)}"
    rarely = f"{looks_text(looks, measures)} in at most {share_text(1 - looks.confidence)} of cases"
    return f"{told}; intervals are of {share_text(looks.level)}, so that {rarely}."


def looks_text(looks: Looks, measures: int = 1) -> str:
    """What errs at most so often."""
    count = len(looks.replications)
    of = f" at {measures} measures (Holm's correction)" if measures > 1 else ""
    return f"the one look{of} errs" if count == 1 else f"all {count} looks{of} together err"


def _not_told(compared: Comparison, still_open: Sequence[str], measures: int) -> str:
    if still_open:
        more = f"--most {2 * compared.replications[0]} looks once more, --by 5% asks for no smaller difference"
        of = f" in {listed([measure_name(measure) for measure in still_open])}" if measures > 1 else ""
        return f"Not to be concluded: that the sides are alike{of}; {more}."
    return (
        f"Not to be concluded: the same of other settings, machines or loads, or of a real machine{where_off(compared.assumed)}."
    )


def decision_sheet(compared: Comparison, outcomes: Mapping[str, Outcome]) -> Sheet:
    """Every measure of both sides, those that differ most in proportion first; `differs` is as decided, of the others by Holm."""
    rows = sorted(compared.rows, key=lambda row: -_effect(row))
    told = _others(compared, outcomes)
    cells = (
        (
            measure_name(row.measure),
            side_text(row.measure, row.first),
            side_text(row.measure, row.second),
            ratio_text(row.ratio),
            change_text(row),
            _DECIDED[outcomes[row.measure]] if row.measure in outcomes else "yes" if row in told else "no",
        )
        for row in rows
    )
    few = ((*few_cells(measure), NOTHING) for measure in compared.pairs[0].few)
    table = (*cells, *few)
    heads = ("measure", *compared.sides, "ratio", "difference", "differs")
    title = "every measure, the largest difference first (differs: as decided above, of the others all together, Holm)"
    spread = spread_remark(rows[0].first.confidence)
    return Sheet(title, heads, 1, table, (*few_remarks(table), spread, *dropped_remarks(rows)))


def _others(compared: Comparison, outcomes: Mapping[str, Outcome]) -> list[Compared]:
    """What differs by more than chance of the measures that were not to be decided, judged all together."""
    return different([row for row in compared.rows if row.measure not in outcomes])


def differing_beside(compared: Comparison, outcomes: Mapping[str, Outcome]) -> set[str]:
    """The measures that were not to be decided, and differ by more than chance."""
    return {row.measure for row in _others(compared, outcomes)}


def _effect(row: Compared) -> float:
    low, high = sorted((row.first.value, row.second.value))
    return 0.0 if low == high else high / low if low else inf


def precision_line(frames: Frames, measure: str, point: int, interval: Interval, reached: bool, asked: float) -> str:
    """How precisely a measure is known at the point where it is known least."""
    name = point_name(frames, point)
    where = f" with {name}" if name else ""
    told = f"{measure_name(measure)[0].upper()}{measure_name(measure)[1:]} is"
    if reached:
        return f"{told} known to {share_text(asked)} at every point, from {interval.n} replications."
    figure = f"{side_text(measure, interval)}{where} after {interval.n} replications; --most asks for more"
    return f"{told} not known to {share_text(asked)}: {figure}."

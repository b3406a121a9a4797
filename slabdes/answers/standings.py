# SPDX-License-Identifier: GPL-2.0-only
"""How each of several values of a key stands: which is best where, what of it is told from chance, why, and what would tell more.

What is told apart is judged once, for all sentences: by the rows that `measures.compare.different` gives. Leaves out one value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from slabdes.answers.causes import WHY, why
from slabdes.answers.figures import listed, ratio_text
from slabdes.answers.named import HELD, USED, WAITING
from slabdes.answers.sides import pair_name, side_names, size_of, verdict
from slabdes.measures.compare import Compared, Comparison, Pair
from slabdes.measures.names import HIGHER_IS_BETTER
from slabdes.stats.deciding import FEWEST, MOST_PRECISE, replications_to_tell
from slabdes.stats.intervals import Interval

MOST_EACH: Final = 6
"""Values of a key of which each is told (assumed)."""
MOST_NAMED: Final = 4
"""Points that are named where a side is the best, or better (assumed)."""
NOT_TOLD: Final = "not told"


@dataclass(frozen=True)
class Stand:
    """A value's figure at a point, and its verdict against the first value: 1 better, -1 worse, 0 not told (`sides.verdict`)."""

    figure: Interval
    verdict: int


def better_words(measure: str) -> tuple[str, str, str]:
    """What is said of a side that is the best, better, or worse in a measure."""
    return ("best", "better", "worse") if measure in (WAITING, HELD, USED) else ("fastest", "faster", "slower")


def judge(row: Compared, judged: Collection[Compared]) -> int:
    """The verdict on a row where `judged` has what differs by more than chance."""
    return verdict(row) if row in judged else 0


def best_where(compared: Comparison, measure: str, judged: Sequence[Compared]) -> Iterator[str]:
    """Which of the values is the best at each point; nothing where no point tells any."""
    places: dict[str, dict[str, Stand]] = {}
    for pair in compared.pairs:
        if (row := pair.row(measure)) is not None:
            first, second = side_names(compared, pair)
            there = places.setdefault(pair_name(compared, pair, without=compared.key), {})
            there[first] = Stand(row.first, 0)
            there[second] = Stand(row.second, judge(row, judged))
    return best_at(places, measure in HIGHER_IS_BETTER, better_words(measure)[0])


def best_at(places: Mapping[str, Mapping[str, Stand]], more: bool, best: str) -> Iterator[str]:
    """The same of places by name, each with its values, the one that others are set against first; `more` may be better."""
    found: dict[str, list[str]] = {}
    for place, sides in places.items():
        alike = _best_of(sides, more)
        told = NOT_TOLD if len(alike) == len(sides) else " or ".join(alike)
        told += " (not told apart)" if 1 < len(alike) < len(sides) else ""
        found.setdefault(told, []).append(place)
    if [*found] == [NOT_TOLD]:
        return
    if len(found) == 1:
        yield f"The {best} is {next(iter(found))}{' everywhere' if len(places) > 1 else ''}."
        return
    where = {told: listed(at) if len(at) <= MOST_NAMED else f"{len(at)} of {len(places)} points" for told, at in found.items()}
    yield f"The {best}: {'; '.join(f'{told} with {at}' for told, at in where.items())}."


def _best_of(sides: Mapping[str, Stand], more: bool) -> list[str]:
    """The sides that may be the best: the one with the best figure, and those that are not told from it."""
    base = next(iter(sides))
    top = (max if more else min)(sides, key=lambda name: sides[name].figure.value)
    return [name for name in sides if name == top or not _told(sides, base, top, name)]


def _told(sides: Mapping[str, Stand], base: str, top: str, name: str) -> bool:
    """Whether the best figure is told from another: from the first value's as it was judged; else by that, and by intervals."""
    if base in (top, name):
        return sides[name if top == base else top].verdict != 0
    one, other = sides[top], sides[name]
    if one.verdict != other.verdict:
        return 0 not in (one.verdict, other.verdict) or not _overlap(one.figure, other.figure)
    return one.verdict != 0 and not _overlap(one.figure, other.figure)


def _overlap(one: Interval, other: Interval) -> bool:
    """Whether the intervals of two figures have anything in common, as far as is known."""
    return not one.is_beneath(other) and not other.is_beneath(one)


def each_value(compared: Comparison, measure: str, judged: Sequence[Compared]) -> Iterator[str]:
    """Where each value is better and worse, and what from where it differs most; nothing where no point tells any, or of many."""
    groups = values_of(compared)
    if len(groups) > MOST_EACH or not any(judge(row, judged) for row in _rows(compared.pairs, measure)):
        return
    _best, better, worse = better_words(measure)
    for name, pairs in groups.items():
        signs = [(pair, judge(row, judged)) for pair in pairs if (row := pair.row(measure)) is not None]
        words = ((1, better), (-1, worse), (0, "not told apart"))
        found = {word: [pair for pair, sign in signs if sign == wanted] for wanted, word in words}
        told = f"{name} is {listed([f'{word}{_where(compared, mine, len(pairs))}' for word, mine in found.items() if mine])}"
        apart = [*found[better], *found[worse]]
        if not apart:
            yield f"{told}."
            continue
        most = max(apart, key=lambda pair: size_of(pair, measure))
        row = most.row(measure)
        assert row is not None
        reasons = [reason.removeprefix(f"{WHY} ") for reason in why(most, [row])]
        there = f", most{_where(compared, [most], len(pairs))}" if len(apart) > 1 else ""
        yield f"{told}{there} ({ratio_text(row.ratio)} times): {reasons[0]}" if reasons else f"{told}."


def values_of(compared: Comparison) -> Mapping[str, Sequence[Pair]]:
    """The pairs of each value that is set against the first."""
    groups: dict[str, list[Pair]] = {}
    for pair in compared.pairs:
        groups.setdefault(side_names(compared, pair)[1], []).append(pair)
    return groups


def would_tell(compared: Comparison, measure: str, judged: Sequence[Compared]) -> Iterator[str]:
    """How many replications it would take, at this spread, to tell apart what is not; nothing from one, which has no spread."""
    rows = list(_rows(compared.pairs, measure))
    still = [row.difference for row in rows if not judge(row, judged) and row.difference.half_width and row.difference.value]
    needed = [replications_to_tell(change, len(rows), MOST_PRECISE) for change in still]
    if near := [count for count in needed if count is not None]:
        some = f"all {len(still)}" if len(near) == len(still) else f"{len(near)} of the {len(still)}"
        of = f"{some} differences that are" if len(still) > 1 else "the difference that is"
        enough = max(*near, FEWEST)
        how = f"--set replications={enough}"
        yield f"At this spread about {enough} replications ({how}), or longer runs, would tell {of} not told."
    elif still:
        what = "the difference that is" if len(still) == 1 else f"any of the {len(still)} differences that are"
        more = f"more than {MOST_PRECISE} replications would be needed"
        yield f"At this spread {more} to tell {what} not told; longer runs spread less."


def _rows(pairs: Sequence[Pair], measure: str) -> Iterator[Compared]:
    return (row for pair in pairs if (row := pair.row(measure)) is not None)


def _where(compared: Comparison, pairs: Sequence[Pair], count: int) -> str:
    """Which points these are of `count`, by what tells them apart but for the key."""
    if len(pairs) == count > 1:
        return " everywhere"
    if len(pairs) > MOST_NAMED:
        return f" at {len(pairs)} of {count} points"
    names = [name for pair in pairs if (name := pair_name(compared, pair, without=compared.key))]
    return f" with {listed(names)}" if names else ""

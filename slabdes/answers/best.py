# SPDX-License-Identifier: GPL-2.0-only
"""Which setting of a sweep is the fastest, by how much, and whether it is told from the next; in times where rates are given.

Leaves out sweeps by CPUs, which have no best setting (`answer`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import TYPE_CHECKING, Final

from slabdes.answers.figures import point_name, points_digits, ratio_text, spread_text
from slabdes.answers.missing import not_ranked
from slabdes.answers.named import RATE, measure_name, side_text
from slabdes.answers.tables import View
from slabdes.measures.names import HIGHER_IS_BETTER, SHARES, alone, asked_of, intervals_of, text_of
from slabdes.stats.intervals import Interval
from slabdes.stats.pairs import difference, dropped, ratio

if TYPE_CHECKING:
    from slabdes.results.frames import Frames

MOSTLY: Final = 0.5
"""The share of CPUs' time from which on thinking, or when operations arrive, tells how many there are a second (assumed)."""
LOADS: Final = frozenset({"cpus", "machine.cpus", "workload.rate", "workload.think_ns"})
"""How much is asked of the allocator: nobody chooses it, so none of these is the best."""
LEADING_TIMES: Final = ("alloc", "section", "free")
"""Operations whose mean time is told in place of a rate: the first that there is."""


def thinking_tells(shares: Iterable[float]) -> bool:
    """Whether the rates of these points, by their shares of time spent thinking, say nothing of the allocator."""
    return min(shares, default=0.0) >= MOSTLY


def best(view: View) -> str:
    """The sentence on several settings."""
    if why := not_ranked(view):
        return why
    measure, values = _lead(view)
    text = f"a mean {measure.partition('_')[0]} of {{}}" if measure != RATE else "{} operations/s"
    of = "the slowest" if measure == RATE else "that of the slowest"
    return _ranked(view, measure, values, ("the fastest", text, of))


def asked_answer(view: View) -> list[str]:
    """A sentence on each of the measures that matter, as the experiment says; why not, once."""
    return list(dict.fromkeys(best_in(view, measure) for measure in asked_of(view.run.manifest.experiment)))


def best_in(view: View, measure: str) -> str:
    """The same for a measure that is asked for; just its figure where no two settings have it."""
    found = intervals_of(view.figures, measure)
    values = {point: interval for point, interval in found.items() if isfinite(interval.value)}
    name = measure_name(measure)
    if len(values) > 1 and _varying(view.run.frames) <= LOADS:
        told = [
            f"{side_text(measure, values[point])} with {point_name(view.run.frames, point)}"
            for point in (min(values), max(values))
        ]
        return f"{name[0].upper()}{name[1:]} goes from {told[0]} to {told[1]}."
    if len(values) > 1:
        return not_ranked(view) or _ranked(view, measure, values, (f"the best in {name}", "{}", "that of the worst"))
    figures = [side_text(measure, interval) for interval in found.values()] or ["nothing here has any"]
    return f"{name[0].upper()}{name[1:]}: {figures[0]}."


def _varying(frames: Frames) -> set[str]:
    """The settings in which points differ."""
    return {key for key in ("machine", "cpus", *frames.swept_keys()) if frames.points[key].n_unique() > 1}


def _ranked(view: View, measure: str, values: Mapping[int, Interval], words: tuple[str, str, str]) -> str:
    """Which point is the best: `words` are what it is then, how its figure is said, and what the worst one's is."""
    frames, (title, text, of) = view.run.frames, words
    each = alone(frames, measure)
    # The worst first.
    ordered = sorted(values, key=lambda point: values[point].value, reverse=measure not in HIGHER_IS_BETTER)
    worst, top = ordered[0], ordered[-1]
    told = f"Of {len(values)} settings {point_name(frames, top)} is {title}, with {text.format(side_text(measure, values[top]))}"
    if values[worst].value:
        times = ratio_text(ratio(values[worst].value, each[worst], values[top].value, each[top], paired=True))
        told += f", {times} times {of}, {point_name(frames, worst)}"
    return f"{told}; {_distinct(view, measure, {point: values[point].value for point in ordered[-2:]}, each, len(values))}."


def _lead(view: View) -> tuple[str, dict[int, Interval]]:
    """The measure that settings are ranked by, and each point's."""
    if thinking_tells(row["think"] for row in view.figures.rows("time")):
        for op in LEADING_TIMES:
            rows = {row["point"]: row.intervals["mean_ns"] for row in view.figures.rows("summary") if row["op"] == op}
            if len(rows) == len(view.points):
                return f"{op}_mean_ns", rows
    return RATE, {row["point"]: row.intervals[RATE] for row in view.figures.rows("rates")}


def _distinct(view: View, measure: str, last: dict[int, float], each: dict[int, dict[int, float]], count: int) -> str:
    """Whether the best, the second of the `last` two of `count`, with their values, is told from the next by more than chance."""
    (behind, one), (top, other) = last.items()
    ones, others = each.get(behind, {}), each.get(top, {})
    gap = difference(one, ones, other, others, paired=True)
    if gap.low is None or gap.high is None:
        return "from one replication, it is not known whether by chance"
    more = measure in HIGHER_IS_BETTER
    name = f"the next, {point_name(view.run.frames, behind)}" if count > 2 else "the other"
    left = left_out(dropped(ones, others))
    if (gap.low > 0) if more else (gap.high < 0):
        far = abs(gap.value)
        much = f"{points_digits(far)} points" if measure in SHARES else text_of(measure)(far)
        return f"that is {f'{much} {spread_text(gap)}'.strip()} {'more' if more else 'less'} than {name}{left}"
    return f"it is not told from {name}: their difference lies within its interval{left}"


def left_out(count: int) -> str:
    """What is said of replications that are in no pair; nothing without any."""
    return f" ({count} replication{'s' * (count != 1)} that one side lacks left out)" if count else ""

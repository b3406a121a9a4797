# SPDX-License-Identifier: GPL-2.0-only
"""What a comparison says: which side is faster and by how much, where the difference lies, what not to conclude; then tables.

Differences of shares are in percentage points. Leaves out how they are computed (`measures.compare`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from slabdes.answers.best import LEADING_TIMES, thinking_tells
from slabdes.answers.causes import edges, opposed, why
from slabdes.answers.figures import few_remarks, listed, lock_name, needs, ratio_text, short, some_assumed, times_text
from slabdes.answers.missing import no_verdict
from slabdes.answers.named import HELD, RATE, TIME_NAMES, USED, WAITING, change_text, measure_name, side_text
from slabdes.answers.sides import crossed, label_keys, pair_name, plain, rows_of, side_names, size_of, verdict
from slabdes.answers.standings import best_where, better_words, each_value, judge, values_of, would_tell
from slabdes.answers.steady import sides_settled
from slabdes.measures.causes import splits
from slabdes.measures.compare import Compared, Comparison, Pair, different
from slabdes.measures.differences import Setting
from slabdes.results.contention import LOCK
from slabdes.results.text import NOTHING, Sheet, share_text, time_text
from slabdes.stats.intervals import CONFIDENCE

MOST_PAIRS: Final = 2
"""Pairs of points of which every measure is shown (assumed: a screen)."""
MOST_SETTINGS: Final = 4
MOST_NAMED: Final = 4
"""Measures that a remark names."""
SINGLE: Final = "1 replication: no interval, so nothing is concluded from these differences; --set replications=5 gives them."


def spread_remark(level: float) -> str:
    """What ± is beneath a comparison.

    >>> spread_remark(0.95)
    "±: half the 95 % interval over replications, in % of a side's figure or of a ratio (of a share, in points)."
    """
    of = "in % of a side's figure or of a ratio (of a share, in points)"
    return f"±: half the {100 * level:.3g} % interval over replications, {of}."


def comparison_remarks(compared: Comparison) -> list[str]:
    """What is said once beneath the tables: what ± is, what is judged together, what is in no pair. Nothing without intervals."""
    if min(compared.replications) < 2:
        return []
    points, judged, measures = len(compared.pairs), leads(compared), len(compared.rows)
    all_of = "them" if len(judged) == 1 else f"them and of all {len(judged)} measures that matter"
    faster = f"which of the {points} points are faster or slower is judged of all of {all_of} together, " if points > 1 else ""
    told = f"{faster}which times and waiting differ of all {measures} measures together"
    together = f"{told[0].upper()}{told[1:]} (Holm's correction), so that any is wrong in at most {share_text(1 - CONFIDENCE)} of"
    return [
        spread_remark(CONFIDENCE),
        f"{together} cases; each interval is of its figure alone.",
        *dropped_remarks(compared.rows),
    ]


def dropped_remarks(rows: Sequence[Compared]) -> Iterator[str]:
    """Which measures some replications have on one side only, and how many."""
    counts: dict[int, dict[str, None]] = {}
    for row in rows:
        if row.dropped:
            counts.setdefault(row.dropped, {})[measure_name(row.measure)] = None
    everything = {measure_name(row.measure) for row in rows}
    for count, names in counts.items():
        some = [*list(names)[:MOST_NAMED], *([f"{len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else [])]
        whose = "" if names.keys() == everything else f" of {listed(some)}"
        yield f"{count} replication{'s' * (count != 1)}{whose} that one side lacks: in no pair, left out of the difference."


def comparison_answer(compared: Comparison) -> list[str]:
    """Three to seven sentences, made from the figures."""
    measures = leads(compared)
    pair = focus(compared, measures[0])
    first, second = side_names(compared, pair)
    if none := no_verdict(compared, (first, second), pair):
        return [none, _not_told(compared)]
    if all(not one.difference.value for one in compared.rows):
        return [f"{second} and {first} do not differ in any figure."]
    judged = different(rows_of(compared, *measures))
    known = pair.row(measures[0])
    because = [*why(pair, [known])] if known is not None and known in judged else []
    because += edges(measures, dict(zip((first, second), pair.placed, strict=True)))
    told = [
        *because,
        *lock_sentence(compared, pair, [*judged, *different(compared.rows)]),
        *_times(compared, pair),
        *_opposed(compared, pair),
        *_memory(compared, pair),
    ]
    settled = sides_settled(compared.pairs, (first, second) if len(compared.pairs) == 1 else compared.sides)
    each: list[str] = []
    if len(values_of(compared)) > 1:
        each = [*best_where(compared, measures[0], judged), *each_value(compared, measures[0], judged)]
    there = told[len(because) :] if each else told
    which = [told for measure in measures for told in (_which(compared, measure, judged), *would_tell(compared, measure, judged))]
    return [*which, *each, *there, *settled, _not_told(compared)]


def _memory(compared: Comparison, pair: Pair) -> Iterator[str]:
    """What caches hold, where that differs by more than chance, and how much of it is used."""
    held, used = pair.row(HELD), pair.row(USED)
    if held is None or used is None or held not in different(compared.rows):
        return
    sides = [side_text(HELD, side) for side in (held.first, held.second)]
    parts = [share_text(side.value) for side in (used.first, used.second)]
    yield f"When runs end caches hold {sides[0]}, then {sides[1]}; {parts[0]}, then {parts[1]} of it is used."


def leads(compared: Comparison) -> list[str]:
    """What a comparison begins with: the measures asked for, as far as all points have them, else `lead`."""
    there = [measure for measure in compared.asked if all(pair.row(measure) for pair in compared.pairs)]
    return there or [lead(compared)]


def lead(compared: Comparison) -> str:
    """What it begins with where nobody asks: how long operations take, where thinking tells how many there are a second."""
    if not thinking_tells(share for pair in compared.pairs for share in pair.thinking):
        return RATE
    times = (f"{op}_mean_ns" for op in LEADING_TIMES)
    return next((time for time in times if all(pair.row(time) for pair in compared.pairs)), RATE)


def focus(compared: Comparison, measure: str) -> Pair:
    """The pair that differs most in a measure, in proportion."""
    return max(compared.pairs, key=lambda pair: size_of(pair, measure))


def _which(compared: Comparison, measure: str, judged: Sequence[Compared]) -> str:
    """Which side is faster in a measure; `judged` has what differs by more than chance."""
    pair = focus(compared, measure)
    row = pair.row(measure)
    assert row is not None
    first, second = side_names(compared, pair)
    _best, faster, slower = better_words(measure)
    what = "operations/s" if measure == RATE else f"in {measure_name(measure)}"
    rates = f"{side_text(row.measure, row.second)} {what} against {side_text(row.measure, row.first)}"
    as_many = {RATE: "as many", WAITING: "as much", HELD: "as much", USED: "as much"}.get(measure, "as long")
    ratio = "" if row.ratio is None else f", {times_text(row.ratio, as_many)}"
    name = pair_name(compared, pair)
    at = f" with {name}" if name else ""
    if len(compared.pairs) == 1:
        if row.difference.half_width is None:
            return f"{second} against {first}{at}: {rates}{ratio} ({change_text(row)}); whether by chance is not known."
        if row not in judged:
            return f"{second} is not told from {first}{at}: {rates}, a difference of {change_text(row)}."
        return f"{second} is {faster if verdict(row) > 0 else slower} than {first}{at}: {rates}{ratio} ({change_text(row)})."
    several = len(values_of(compared)) > 1
    found = [judge(one, judged) for one in rows_of(compared, measure)]
    many = f"{len(found)} {'pairs of points' if crossed(compared) else 'points'}"
    if not any(found):
        told = f"{'None of the others is' if several else f'{second} is not'} told from {first} at any of {many}"
        return f"{told}; they differ most{at}: {rates}{ratio} ({change_text(row)})."
    words = ((1, faster), (-1, slower), (0, "not told apart"))
    counted = [f"{word} at {found.count(sign)}" for sign, word in words if found.count(sign)]
    told = f"{'The others are' if several else f'{second} is'} {listed(counted)} of {many}, against {first}"
    return f"{told}; they differ most{at}: {rates}{ratio} ({change_text(row)})."


def lock_sentence(compared: Comparison, pair: Pair, differing: Sequence[Compared]) -> Iterator[str]:
    """What waiting does, and which lock that is; `differing` is what differs by more than chance."""
    row = pair.row(WAITING)
    if row is None or not max(row.first.value, row.second.value):
        return
    before_text, after_text = (side_text(row.measure, side) for side in (row.first, row.second))
    there = "There waiting" if len(compared.pairs) > 1 else "Waiting"
    told = f"{there} for locks goes from {before_text} to {after_text} of CPU time"
    told += f" ({change_text(row)}{'' if row in differing else ', not told from chance'})"
    locks = {lock: (pair.lost[0].get(lock, 0.0), pair.lost[1].get(lock, 0.0)) for lock in {**pair.lost[0], **pair.lost[1]}}
    lock, (before, after) = max(locks.items(), key=lambda item: abs(item[1][1] - item[1][0]), default=(None, (0.0, 0.0)))
    if lock is not None and before != after:
        name = lock_name(dict(zip(LOCK, lock, strict=True)))
        told += f"; most of the change is at {name}: {time_text(before)} lost to it a replication, then {time_text(after)}"
    yield f"{told}."


def _times(compared: Comparison, pair: Pair) -> Iterator[str]:
    """Which times are better and worse by more than chance, all measures of all points looked at together."""
    told = [row for row in different(compared.rows) if row in pair.rows]
    for sign, word in ((1, "Shorter"), (-1, "Longer")):
        rows = [row for row in told if row.measure.partition("_")[2] in TIME_NAMES and verdict(row) == sign]
        if rows:
            some = [_change(row) for row in rows[:4]]
            yield f"{word}: {listed([*some, f'{len(rows) - 4} more'] if len(rows) > 4 else some)}."


def _opposed(compared: Comparison, pair: Pair) -> Iterator[str]:
    """Why a mean time moves against waiting, where both do by more than chance."""
    told_apart = different(compared.rows)
    waiting = pair.row(WAITING)
    for op in ("alloc", "free"):
        mean = pair.row(f"{op}_mean_ns")
        if waiting is None or mean is None or waiting not in told_apart or mean not in told_apart:
            continue
        if told := opposed(op, splits(pair.spent[0]), splits(pair.spent[1]), waiting.difference.value):
            yield told
            return


def _change(row: Compared) -> str:
    return f"{measure_name(row.measure)} {time_text(row.first.value)} to {time_text(row.second.value)}"


def _not_told(compared: Comparison) -> str:
    """What not to conclude."""
    if min(compared.replications) < 2:
        return SINGLE
    told = []
    differing = [setting for setting in compared.differing if setting.key not in ("seed", "replications")]
    if len(differing) > 1:
        told.append("what each of the settings that differ does")
    if any(setting.key.startswith(("machine.preset", "machine.file")) for setting in differing):
        told.append("anything but what the machines make of it")
    if compared.left_out:
        told.append(f"anything of {compared.left_out} point{'s' * (compared.left_out != 1)} without a like on the other side")
    told.append("a difference whose interval holds 0")
    if compared.assumed:
        told.append(f"by how much to the last digit, as costs are assumed ({some_assumed(compared.assumed)})")
    return f"Not to be concluded: {'; '.join(told)}."


def comparison_about(compared: Comparison, run: str = "") -> list[str]:
    """What the sides are and what else differs between them, a line each."""
    if compared.key:
        other = "every value" if compared.sides[1] == "others" else compared.sides[1]
        return [f"{run or 'one run'}, by {compared.key}: {other} against {compared.sides[0]}; paired by replication"]
    lines = [f"first: {compared.sides[0]}; second: {compared.sides[1]}"]
    if compared.differing:
        some = [_setting(setting) for setting in compared.differing[:MOST_SETTINGS]]
        rest = f", and {len(compared.differing) - MOST_SETTINGS} more" if len(compared.differing) > MOST_SETTINGS else ""
        lines.append(f"they differ in {'; '.join(some)}{rest}")
    else:
        lines.append("their settings are the same")
    if not compared.paired:
        lines.append("warning: seeds differ, so nothing cancels: intervals are wider than they need be")
    if any(setting.key in ("machine.preset", "machine.file") or "itself" in setting.key for setting in compared.differing):
        lines.append("warning: the machines differ")
    return lines


def _setting(setting: Setting) -> str:
    return f"{setting.key} ({plain(setting.first)}, then {plain(setting.second)})"


def comparison_sheets(compared: Comparison, everything: bool = False) -> list[Sheet]:
    """Every measure of each pair; of many pairs, the rates of each and every measure of the one that differs most."""
    if everything or len(compared.pairs) <= MOST_PAIRS:
        return [_sheet(compared, compared.pairs, "both sides", None)]
    measures = leads(compared)
    pair = focus(compared, measures[0])
    title = f"where they differ most: {pair_name(compared, pair)} (--all shows every point)"
    rates = [_sheet(compared, compared.pairs, measure_name(measure), (measure,)) for measure in measures if measure != WAITING]
    return [
        *rates,
        _sheet(compared, compared.pairs, "share of CPU time waiting for locks", (WAITING,)),
        _sheet(compared, [pair], title, None),
    ]


def _sheet(compared: Comparison, pairs: Sequence[Pair], title: str, measures: Sequence[str] | None) -> Sheet:
    keys = label_keys(compared) if len(pairs) > 1 else []
    several = measures is None or len(measures) > 1
    rows = [
        (*(plain(row.label[key]) for key in keys), *([measure_name(row.measure)] if several else []), *_cells(row))
        for pair in pairs
        for row in sorted(pair.rows, key=lambda row: _turn(compared, row))
        if measures is None or row.measure in measures
    ]
    for pair in pairs if several else ():
        rows += [(*(plain(pair.label[key]) for key in keys), *few_cells(measure)) for measure in pair.few]
    heads = (*short(keys), *(["measure"] if several else []), *_heads(compared), "ratio", "difference")
    return Sheet(title, heads, len(keys) + several, tuple(rows), few_remarks(rows))


def _turn(compared: Comparison, row: Compared) -> int:
    """Where a row stands: what was asked for first."""
    return compared.asked.index(row.measure) if row.measure in compared.asked else len(compared.asked)


def few_cells(measure: str) -> Sequence[str]:
    """The cells of a percentile that the samples of either side do not tell."""
    lacking = needs(measure.partition("_")[2])
    return measure_name(measure), lacking, lacking, NOTHING, NOTHING


def _cells(row: Compared) -> Sequence[str]:
    return side_text(row.measure, row.first), side_text(row.measure, row.second), ratio_text(row.ratio), change_text(row)


def _heads(compared: Comparison) -> tuple[str, str]:
    if not compared.key:
        return ("first", "second")
    word = short([compared.key])[0]
    return f"{word} {compared.sides[0]}", f"{word} {compared.sides[1]}" if compared.sides[1] != "others" else "this one"

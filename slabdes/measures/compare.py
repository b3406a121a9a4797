# SPDX-License-Identifier: GPL-2.0-only
"""Two sides of a comparison, point by point: the same machine, CPUs and settings, other allocator or tunable.

Differences are paired by replication where both sides have the same seed, so that common random numbers cancel. Leaves out words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from slabdes.config.families import CHOOSING
from slabdes.errors import InputError, nearest, shown
from slabdes.measures.assumed import assumed_costs
from slabdes.measures.causes import Accounts, accounts
from slabdes.measures.differences import Setting, differences, setting_of
from slabdes.measures.estimates import Row, apart
from slabdes.measures.likes import Likes
from slabdes.measures.names import MEASURES, SHARES, asked_of, by_replication, few_of, measured, resolution_of
from slabdes.measures.percentiles import Placed, placed
from slabdes.measures.steady import steady
from slabdes.results import contention, metrics
from slabdes.results.frames import Frames
from slabdes.results.run import Run
from slabdes.results.slub import in_grace
from slabdes.results.text import setting_text
from slabdes.stats.deciding import holm, p_value_of
from slabdes.stats.intervals import CONFIDENCE, Interval, section_interval
from slabdes.stats.pairs import difference, dropped, ratio
from slabdes.words import name_of

if TYPE_CHECKING:
    import polars as pl

_POINT: Final = ("machine", "cpus")
_AS_CPUS: Final = {"cpus", "machine.cpus"}
Label = Mapping[str, Any]


@dataclass(frozen=True)
class Compared:
    """One measure of one pair of points: both sides, second / first (None where the first is 0), and second - first.

    `dropped` replications have the measure on one side only: they are in no pair.
    """

    label: Label
    measure: str
    first: Interval
    second: Interval
    ratio: Interval | None
    difference: Interval
    dropped: int = 0


@dataclass(frozen=True)
class Pair:
    """Two points side by side: what both have in common, which ones they are, every measure, and the locks' cost to each.

    `few` are the percentiles that the samples of either side do not tell, with what is said instead; `lost` has the time lost
    to each lock, a replication's mean in ns, by LOCK of `contention`; `spent` what the time of operations was spent on;
    `thinking` is the share of the CPUs' time that they spend between operations, `placed` which paths each percentile lies among,
    `steady` what was cut as warm-up, None where that was not looked for; `each_spent` is `spent` of each pair of replications;
    `in_grace` the share of all frees that wait for a grace period of RCU when runs end, `by_rcu` whether frees are by kfree_rcu.
    """

    label: Label
    points: tuple[int, int]
    rows: tuple[Compared, ...]
    few: Mapping[str, str]
    lost: tuple[Mapping[tuple[Any, ...], float], Mapping[tuple[Any, ...], float]]
    spent: tuple[Accounts, Accounts]
    thinking: tuple[float, float]
    placed: tuple[Mapping[str, Placed], Mapping[str, Placed]] = ({}, {})
    steady: tuple[Row | None, Row | None] = (None, None)
    each_spent: tuple[tuple[Accounts, Accounts], ...] = ()
    in_grace: tuple[float, float] = (0.0, 0.0)
    by_rcu: tuple[bool, bool] = (False, False)

    def row(self, measure: str) -> Compared | None:
        """One measure, None where a side lacks it."""
        return next((row for row in self.rows if row.measure == measure), None)


@dataclass(frozen=True)
class Comparison:
    """What is compared: `sides` names them, `key` is what they differ by (empty for two runs), `pairs` are the points.

    `differing` are other settings that differ between two runs; `left_out` points have no like on the other side; `paired`
    says whether common random numbers cancel, `replications` how many there are on each side. `asked` are the measures that
    matter, as the experiment says; `assumed` is how many costs of which machines are assumed (`assumed.assumed_costs`).
    """

    sides: tuple[str, str]
    key: str
    pairs: tuple[Pair, ...]
    differing: tuple[Setting, ...]
    left_out: int
    paired: bool
    replications: tuple[int, int]
    asked: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()

    def frame(self) -> pl.DataFrame:
        """Every measure of every pair as a tidy frame; see `comparison_frame`."""
        return comparison_frame(self.pairs)

    def difference(self, measure: str = MEASURES[0]) -> Interval:
        """How much the second side exceeds the first, with its interval, where one point is compared; see MEASURES.

        Raises InputError for another measure, and for several points.
        """
        mine = [row for row in self.rows if row.measure == measure]
        few = [pair.few[measure] for pair in self.pairs if measure in pair.few]
        if few and not mine:
            raise InputError("compare", f"{name_of(measure)}: {few[0]}", allowed="more operations or replications")
        if not mine:
            raise InputError("compare", f"no measure {shown(measure)!r}{nearest(measure, MEASURES)}", allowed=", ".join(MEASURES))
        if len(mine) > 1:
            raise InputError("compare", f"{len(mine)} points are compared", allowed="one, or the rows of frame()")
        return mine[0].difference

    @property
    def rows(self) -> list[Compared]:
        """Every measure of every pair."""
        return [row for pair in self.pairs for row in pair.rows]


@dataclass(frozen=True)
class _Side:
    """One point: what it is known by, and each measure of all replications and of each."""

    point: int
    label: dict[str, Any]
    pooled: dict[str, float]
    alone: dict[str, dict[int, float]]
    lost: dict[tuple[Any, ...], float]
    spent: Accounts
    each_spent: dict[int, Accounts]
    thinking: float
    placed: Mapping[str, Placed]
    steady: Row | None
    in_grace: float
    by_rcu: bool


def compare(
    first: Run,
    second: Run | None,
    by: str,
    sides: tuple[str, str] = ("first", "second"),
    confidence: float = CONFIDENCE,
    against: str = "",
) -> Comparison:
    """Compare two runs, or the values of a key of one. Raises InputError where both are given, or neither."""
    if (second is None) == (not by):
        raise InputError("compare", "give a second run or by", allowed="two runs, or one run and by, such as cache.0.limit")
    if against and not by:
        raise InputError("--against", f"{shown(against)} beside a second run", allowed="one run and --by KEY")
    return compare_by(first, by, confidence, against) if second is None else compare_runs(first, second, sides, confidence)


def compare_by(run: Run, key: str, confidence: float = CONFIDENCE, against: str = "") -> Comparison:
    """Compare, within one sweep, every value of `key` with `against`, or with its first; each label names the value compared.

    `key` may be a swept key's last word, or have a cache's number for its name. Raises InputError if the sweep does not vary it,
    or has no such value.
    """
    frames = run.frames
    varied = [*_POINT, *frames.swept_keys()]
    key = frames.key_named(key)
    likes = Likes.of(run)
    many = {name: likes.by_value(name) for name in varied}
    if len(many.get(key, ())) < 2:
        several = [name for name in varied if len(many[name]) > 1]
        raise InputError(
            "--by", f"{key!r} does not vary in this run{nearest(key, several)}", allowed=", ".join(several) or "nothing varies"
        )
    values = _from([*many[key]], key, against)
    # A key that makes the machine another one gives it another name, too.
    without = {key, "machine"} if key.startswith("machine.") else {key}
    if key == "machine":
        without |= {name for name in varied if name.startswith("machine.")}
    without |= _AS_CPUS if key in _AS_CPUS else set()
    # Keys that are zipped with this one go with it, and so do the columns that they set.
    zipped = set(run.manifest.experiment.get("zip", {}))
    if without & zipped:
        without |= zipped | (_AS_CPUS if zipped & _AS_CPUS else set()) | ({"machine"} if any(map(_of_machine, zipped)) else set())
    keys = [name for name in varied if name not in without]
    sides = {value: _sides(frames, many[key][value], keys, {}, likes=likes) for value in values}
    extra: list[Label] = [{key: value} if len(values) > 2 else {} for value in values[1:]]
    loosely = likes if key in CHOOSING else None
    found = [
        _pairs(sides[values[0]], sides[value], more, True, confidence, loosely)
        for value, more in zip(values[1:], extra, strict=True)
    ]
    pairs = [pair for some in found for pair in some]
    # Frees that are at once are not like those by kfree_rcu: such pairs are told where there are no others.
    pairs = [pair for pair in pairs if len({*pair.by_rcu}) == 1] or pairs if loosely else pairs
    if not pairs:
        problem = f"no point of {key} {shown(setting_text(values[0]))} has its like at another value"
        raise InputError("--by", problem, allowed="a key that varies while the others stay")
    names = (setting_text(values[0]), setting_text(values[1]) if len(values) == 2 else "others")
    left = frames.points.height - len({point for pair in pairs for point in pair.points})
    repeated = run.manifest.replications
    asked = tuple(asked_of(run.manifest.experiment))
    return Comparison(names, key, tuple(pairs), (), left, True, (repeated, repeated), asked, assumed_costs(run))


def _from(values: list[Any], key: str, against: str) -> list[Any]:
    """The values of a key, that which the others are set against first: the one that is written so."""
    if not against:
        return values
    known = [setting_text(value) for value in values]
    named = [value for value, text in zip(values, known, strict=True) if against in (text, str(value))]
    if not named:
        raise InputError(f"--against {shown(against)}", f"no value of {key}{nearest(against, known)}", allowed=", ".join(known))
    return [named[0], *(value for value in values if value != named[0])]


def compare_runs(
    first: Run, second: Run, sides: tuple[str, str] = ("first", "second"), confidence: float = CONFIDENCE
) -> Comparison:
    """Compare two runs at the points that both have: the same CPUs and settings, and the same machine if any has.

    A setting that only one of them sweeps is taken from the other's experiment. Raises InputError for workloads of different
    kinds, where no point has its like, and where several points of a run have the same settings.
    """
    kinds = (first.manifest.workload, second.manifest.workload)
    if kinds[0] != kinds[1]:
        raise InputError("compare", f"workloads {kinds[0]} and {kinds[1]}", allowed="two runs of the same kind of workload")
    differing = differences(first.manifest, second.manifest)
    swept = list(dict.fromkeys([*first.frames.swept_keys(), *second.frames.swept_keys()]))
    seeds = first.manifest.seed == second.manifest.seed
    ways = [(*_POINT, *swept), ("cpus", *_not_of_machine(swept))]
    ways += [()] if first.points.height == second.points.height == 1 else []
    for keys in ways:
        found = [
            _sides(run.frames, run.frames.point_numbers(), keys, run.manifest.experiment, likes=Likes.of(run))
            for run in (first, second)
        ]
        alike = all(len(sides) == run.points.height for sides, run in zip(found, (first, second), strict=True))
        pairs = _pairs(found[0], found[1], {}, seeds, confidence) if alike else []
        if pairs:
            break
    else:
        raise InputError("compare", "the runs have no point in common", allowed="runs with the same CPUs and settings")
    left = len(found[0]) + len(found[1]) - 2 * len(pairs)
    repeated = (first.manifest.replications, second.manifest.replications)
    asked = tuple(asked_of(first.manifest.experiment) or asked_of(second.manifest.experiment))
    return Comparison(sides, "", tuple(pairs), tuple(differing), left, seeds, repeated, asked, assumed_costs(first, second))


def compare_points(frames: Frames, points: tuple[int, int], confidence: float = CONFIDENCE, why: bool = True) -> Pair:
    """Two points of one study side by side, paired by replication; without `why`, just what differs, not what from.

    Raises InputError for a point that is not there.
    """
    before, after = (next(iter(_sides(frames, [point], (), {}, why).values())) for point in points)
    return _pair({}, before, after, True, confidence)


def _of_machine(key: str) -> bool:
    return key.startswith("machine.")


def _not_of_machine(keys: Sequence[str]) -> list[str]:
    return [key for key in keys if not _of_machine(key)]


def _sides(
    frames: Frames,
    points: Sequence[int],
    keys: Sequence[str],
    experiment: Mapping[str, Any],
    why: bool = True,
    likes: Likes | None = None,
) -> dict[tuple[Any, ...], _Side]:
    """Each of these points by the values of `keys`; those that are no column are the experiment's."""
    some = frames.of_points(points)
    separate, whose = apart(some)
    alone, pooled = by_replication(separate, whose), measured(some)
    lost: dict[int, dict[tuple[Any, ...], float]] = {point: {} for point in points}
    for row in contention.locks(some).iter_rows(named=True):
        lost[row["point"]][tuple(row[key] for key in contention.LOCK)] = row["lost_ns"]
    spent = accounts(some) if why else {}
    each_spent = accounts(separate) if why else {}
    settled = {row["point"]: row for row in steady(some)} if why else {}
    thinking = dict(metrics.where_time_went(some).select("point", "think").iter_rows())
    waiting = {point: left / frees for point, (frees, left) in in_grace(some).items() if frees}
    result: dict[tuple[Any, ...], _Side] = {}
    for row in some.points.iter_rows(named=True):
        point = row["point"]
        label = {key: row[key] if key in row else setting_of(experiment, key) for key in keys}
        place = tuple(label.values())
        each = {name: alone[point].get(name, {}) for name in pooled[point]}
        places = placed(some, point, each) if why else {}
        parts = {replication: each_spent[number] for number, (owner, replication) in enumerate(whose) if owner == point and why}
        told = spent.get(point, {}), parts, thinking[point], places, settled.get(point), waiting.get(point, 0.0)
        by_rcu = likes is not None and likes.by_rcu[point]
        result[place] = _Side(point, label, pooled[point], each, lost[point], *told, by_rcu)
    return result


def _pairs(
    first: Mapping[tuple[Any, ...], _Side],
    second: Mapping[tuple[Any, ...], _Side],
    extra: Label,
    paired: bool,
    confidence: float,
    loosely: Likes | None = None,
) -> list[Pair]:
    """Each point with its like; `loosely` with all that differ in settings alone which one side's allocator has not."""
    found = []
    for place, before in first.items():
        if loosely is None:
            like = [second[place]] if place in second else []
        else:
            like = [one for one in second.values() if loosely.alike((before.point, one.point), before.label, one.label)]
        for after in like:
            both = {key: after.label[key] if value is None else value for key, value in before.label.items()}
            found.append(_pair({**both, **extra}, before, after, paired, confidence))
    return found


def _pair(label: Label, before: _Side, after: _Side, paired: bool, confidence: float) -> Pair:
    """Two points with every measure that both have."""
    both = [measure for measure in MEASURES if measure in before.pooled and measure in after.pooled]
    rows = tuple(_compared(label, measure, before, after, paired, confidence) for measure in both)
    few = few_of(before.pooled, after.pooled)
    sides = (before.lost, after.lost), (before.spent, after.spent), (before.thinking, after.thinking)
    each = [(before.each_spent[number], after.each_spent[number]) for number in before.each_spent if number in after.each_spent]
    settled, frees = (before.steady, after.steady), ((before.in_grace, after.in_grace), (before.by_rcu, after.by_rcu))
    more = (before.placed, after.placed), settled, tuple(each) if paired else ()
    return Pair(label, (before.point, after.point), rows, few, *sides, *more, *frees)


def _compared(label: Label, measure: str, before: _Side, after: _Side, paired: bool, confidence: float) -> Compared:
    most = 1.0 if measure in SHARES else float("inf")
    coarse = resolution_of(measure)
    first, second = (
        section_interval(one.pooled[measure], [*one.alone[measure].values()], confidence, 0.0, most, coarse * one.pooled[measure])
        for one in (before, after)
    )
    known = coarse * max(first.value, second.value)
    sides = (first.value, before.alone[measure], second.value, after.alone[measure], paired, confidence)
    gone = dropped(before.alone[measure], after.alone[measure]) if paired else 0
    return Compared(label, measure, first, second, ratio(*sides, coarse), difference(*sides, known), gone)


def different(rows: Sequence[Compared]) -> list[Compared]:
    """Those of several measures, looked at together, that differ by more than chance: any is wrong as rarely as one interval is.

    Holm's correction, see `stats.deciding.holm`; where there are several looks, intervals are of each look's part.
    """
    worth = holm([p_value_of(row.difference) for row in rows])
    return [row for row, p in zip(rows, worth, strict=True) if p <= 1 - row.first.confidence and not row.difference.contains(0.0)]


def comparison_frame(pairs: Sequence[Pair]) -> pl.DataFrame:
    """The comparison as a tidy frame: label columns, measure, then first, second, ratio and difference with low and high.

    Then the replications it is from, those `dropped` since one side lacks the measure, and `why` there is none of this, of
    percentiles that too few samples tell.
    """
    import polars as pl

    rows = [_plain(row) for pair in pairs for row in pair.rows]
    few = [{**pair.label, "measure": measure, "why": why} for pair in pairs for measure, why in pair.few.items()]
    return pl.DataFrame([*rows, *few], infer_schema_length=None)


def _plain(row: Compared) -> dict[str, Any]:
    change = row.difference
    return {
        **row.label,
        "measure": row.measure,
        "first": row.first.value,
        "first_low": row.first.low,
        "first_high": row.first.high,
        "second": row.second.value,
        "second_low": row.second.low,
        "second_high": row.second.high,
        "ratio": None if row.ratio is None else row.ratio.value,
        "ratio_low": None if row.ratio is None else row.ratio.low,
        "ratio_high": None if row.ratio is None else row.ratio.high,
        "difference": change.value,
        "low": change.low,
        "high": change.high,
        "half_width": change.half_width,
        "level": row.first.confidence,
        "replications": change.n,
        "dropped": row.dropped,
        "why": None,
    }

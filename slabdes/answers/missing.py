# SPDX-License-Identifier: GPL-2.0-only
"""What was asked of a run and never came: it goes before the rest of the answer, once, however many replications there are.

Leaves out what came (`answer`), and warnings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from slabdes.answers.figures import listed, point_name
from slabdes.answers.tables import View
from slabdes.measures.compare import Comparison, Pair
from slabdes.measures.likes import Likes
from slabdes.results.slub import in_grace
from slabdes.results.text import share_text, time_text

_NS_PER_MS: Final = 1e6
_ASKED: Final = {
    "/proc/slabinfo was never read": ("slabinfo", ("upkeep.slabinfo_every_ms",)),
    "No cache was shrunk": ("shrink", ("upkeep.shrink_at_ms", "upkeep.shrink_every_ms")),
    "No sheaf was changed": ("change", ("change.at_ms",)),
}
"""What to say of a kind of upkeep, and an experiment's keys: the first that is not 0 says when it comes first."""


MOST_OF_THEM: Final = 0.5
"""As many frees that wait for a grace period when a run ends are told first, and decide nothing (assumed)."""


def never_came(view: View) -> Iterator[str]:
    """A sentence for each kind of upkeep that was to come and did not, about the points at which it did not come at all.

    The same of grace periods that most frees of a point wait for.
    """
    turns = view.run.upkeep_summary()
    for told, (kind, keys) in _ASKED.items():
        came = set(turns.filter(upkeep=kind)["point"]) if "point" in turns.columns else set()
        missing = [point for point in view.points if point not in came and _first(view, point, keys)]
        early = [point for point in missing if _first(view, point, keys) * _NS_PER_MS < _warm_up(view, point)]
        if early:
            when = time_text(_first(view, early[0], keys) * _NS_PER_MS)
            cut = f"the warm-up of {time_text(_warm_up(view, early[0]))}{_where(view, early)}"
            yield f'What comes at {when} ({keys[0]}) lies in {cut}, and is in no figure: warm_up = "none" counts it.'
        if late := [point for point in missing if point not in early]:
            after = f"the first time comes after {time_text(_first(view, late[0], keys) * _NS_PER_MS)}"
            yield f"{told}{_where(view, late)}: {after}, {_longest(view, late[0])}."
    yield from _no_grace(view)


def _no_grace(view: View) -> Iterator[str]:
    """That kfree_rcu has given nothing back: then frees cost nothing here, and allocations take new slabs."""
    counts = _waiting(view)
    missing = [*counts]
    if missing:
        frees, waiting = counts[missing[0]]
        told = f"None of {frees:,}" if waiting >= frees else f"{frees - waiting:,} of {frees:,}"
        grace = time_text(float(_asked(view, missing[0], "rcu", "grace_ms")) * _NS_PER_MS)
        lasts = f"{_longest(view, missing[0])}, a grace period takes {grace} (rcu.grace_ms)"
        yield f"{told} frees by kfree_rcu came back{_where(view, missing)}: {lasts}; what they cost is in no figure."


def _waiting(view: View) -> dict[int, tuple[int, int]]:
    """The points most of whose frees wait for a grace period when runs end: frees, and how many of them wait."""
    by_rcu, counts = Likes.of(view.run).by_rcu, in_grace(view.run.frames)
    found = {point: counts[point] for point in counts if by_rcu[point]}
    return {point: (frees, left) for point, (frees, left) in found.items() if frees and left >= MOST_OF_THEM * frees}


def not_ranked(view: View) -> str:
    """Why no setting of a run is the best: frees are at once in some and by kfree_rcu in others, or have not come back there."""
    by_rcu = Likes.of(view.run).by_rcu
    later, once = ([point for point in view.points if by_rcu[point] is said] for said in (True, False))
    frames = view.run.frames
    if later and once:
        mixed = f"frees are at once with {point_name(frames, once[0])}, and by kfree_rcu with {point_name(frames, later[0])}"
        return f"Of {len(view.points)} settings none is called the best: {mixed}, so that what they cost is not alike."
    if still := _waiting(view):
        waiting = f"most frees by kfree_rcu still wait for their grace period{_where(view, [*still])} when runs end"
        return f"Of {len(view.points)} settings none is called the best: {waiting}."
    return ""


def _where(view: View, points: Sequence[int]) -> str:
    """The first of some points by name, if it has one, and how many others there are."""
    name = point_name(view.run.frames, points[0])
    more = f", and at {len(points) - 1} more point{'s' * (len(points) > 2)}" if len(points) > 1 else ""
    return f"{f' with {name}' if name else ''}{more}"


def _longest(view: View, point: int) -> str:
    return f"the longest run took {time_text(max(view.run.frames.runs.filter(point=point)['elapsed_ns'].to_list()))}"


def _first(view: View, point: int, keys: tuple[str, ...]) -> float:
    """When a kind of upkeep is to come first, ms; 0 if it is not."""
    return next((value for key in keys if (value := float(_asked(view, point, *key.split(".")) or 0))), 0.0)


def _warm_up(view: View, point: int) -> float:
    """How long the warm-up of a point's replications is at most, ns; 0 where it is not cut."""
    return max(map(float, view.run.frames.runs.filter(point=point)["warm_up_ns"].to_list()), default=0.0)


def _asked(view: View, point: int, table: str, key: str) -> Any:
    """What a point's experiment says of a key: swept, or for all points; None if nothing."""
    (row,) = view.run.points.filter(point=point).to_dicts()
    swept = row.get(f"{table}.{key}")
    return view.run.manifest.experiment.get(table, {}).get(key) if swept is None else swept


def _of_rcu(compared: Comparison) -> bool:
    """Whether it is frees by kfree_rcu that are compared: all that differs is of [rcu]."""
    differing = [setting.key for setting in compared.differing if setting.key not in ("seed", "replications")]
    return all(key.startswith("rcu.") for key in ([compared.key] if compared.key else differing))


def no_verdict(compared: Comparison, names: tuple[str, str], first: Pair) -> str:
    """Why nothing is to be compared: frees of one side alone are by kfree_rcu, or such have not come back; or nothing."""
    unlike = [pair.by_rcu for pair in (first, *compared.pairs) if len({*pair.by_rcu}) > 1]
    if unlike and not _of_rcu(compared):
        later, once = names if unlike[0][0] else names[::-1]
        told = f"frees of {once} are at once, those of {later} by kfree_rcu, so that what they cost is not alike"
        return f"No verdict: {told}; --set rcu.frees=false has both at once."
    pairs = [pair for pair in (first, *compared.pairs) if max(pair.in_grace) >= MOST_OF_THEM]
    if not pairs:
        return ""
    sides = [name for name, share in zip(names, pairs[0].in_grace, strict=True) if share >= MOST_OF_THEM]
    share = share_text(max(pairs[0].in_grace))
    more = "" if len(compared.pairs) == 1 else f" at {len({pair.points for pair in pairs})} of {len(compared.pairs)} points"
    waiting = f"{share} of frees by kfree_rcu still wait for their grace period when runs end{more}"
    missing = "what they cost, and what allocations get from them, is in no figure"
    return f"No verdict: of {listed(sides)} {waiting}, so that {missing}; a longer run or a shorter rcu.grace_ms has it."

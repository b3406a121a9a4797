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
    counts = {point: counted for point, counted in in_grace(view.run.frames).items() if _asked(view, point, "rcu", "frees")}
    missing = [point for point, (frees, waiting) in counts.items() if frees and waiting >= MOST_OF_THEM * frees]
    if missing:
        frees, waiting = counts[missing[0]]
        told = f"None of {frees:,}" if waiting >= frees else f"{frees - waiting:,} of {frees:,}"
        grace = time_text(float(_asked(view, missing[0], "rcu", "grace_ms")) * _NS_PER_MS)
        lasts = f"{_longest(view, missing[0])}, a grace period takes {grace} (rcu.grace_ms)"
        yield f"{told} frees by kfree_rcu came back{_where(view, missing)}: {lasts}; what they cost is in no figure."


def _where(view: View, points: Sequence[int]) -> str:
    """The first of some points by name, if it has one, and how many others there are."""
    name = point_name(view.run.frames, points[0])
    more = f", and at {len(points) - 1} more points" if len(points) > 1 else ""
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


def no_verdict(compared: Comparison, names: tuple[str, str], first: Pair) -> str:
    """Why nothing is to be compared: frees by kfree_rcu that have not come back; nothing where they have."""
    pairs = [pair for pair in (first, *compared.pairs) if max(pair.in_grace) >= MOST_OF_THEM]
    if not pairs:
        return ""
    sides = [name for name, share in zip(names, pairs[0].in_grace, strict=True) if share >= MOST_OF_THEM]
    share = share_text(max(pairs[0].in_grace))
    more = "" if len(compared.pairs) == 1 else f" at {len({pair.points for pair in pairs})} of {len(compared.pairs)} points"
    waiting = f"{share} of frees by kfree_rcu still wait for their grace period when runs end{more}"
    missing = "what they cost, and what allocations get from them, is in no figure"
    return f"No verdict: of {listed(sides)} {waiting}, so that {missing}; a longer run or a shorter rcu.grace_ms has it."

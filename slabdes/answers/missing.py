# SPDX-License-Identifier: GPL-2.0-only
"""What was asked of a run and never came: it goes before the rest of the answer, once, however many replications there are.

Leaves out what came (`answer`), and warnings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from slabdes.answers.figures import point_name
from slabdes.answers.tables import View
from slabdes.results.slub import in_grace
from slabdes.results.text import time_text

_NS_PER_MS: Final = 1e6
_ASKED: Final = {
    "slabinfo": ("/proc/slabinfo was never read", ("slabinfo_every_ms",)),
    "shrink": ("No cache was shrunk", ("shrink_at_ms", "shrink_every_ms")),
}
"""By kind of upkeep: what to say, and the keys of an experiment's upkeep; the first that is not 0 says when it comes first."""


MOST_OF_THEM: Final = 0.5
"""As many frees that wait for a grace period when a run ends are told first, and decide nothing (assumed)."""


def never_came(view: View) -> Iterator[str]:
    """A sentence for each kind of upkeep that was to come and did not, about the points at which it did not come at all.

    The same of grace periods that most frees of a point wait for.
    """
    turns = view.run.upkeep_summary()
    for kind, (told, keys) in _ASKED.items():
        came = set(turns.filter(upkeep=kind)["point"]) if "point" in turns.columns else set()
        missing = [point for point in view.points if point not in came and _first(view, point, keys)]
        if missing:
            after = f"the first time comes after {time_text(_first(view, missing[0], keys) * _NS_PER_MS)}"
            yield f"{told}{_where(view, missing)}: {after}, {_longest(view, missing[0])}."
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
    return next((value for key in keys if (value := float(_asked(view, point, "upkeep", key) or 0))), 0.0)


def _asked(view: View, point: int, table: str, key: str) -> Any:
    """What a point's experiment says of a key: swept, or for all points; None if nothing."""
    (row,) = view.run.points.filter(point=point).to_dicts()
    swept = row.get(f"{table}.{key}")
    return view.run.manifest.experiment.get(table, {}).get(key) if swept is None else swept

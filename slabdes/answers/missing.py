# SPDX-License-Identifier: GPL-2.0-only
"""What was asked of a run and never came: it goes before the rest of the answer, once, however many replications there are.

Leaves out what came (`answer`), and warnings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from slabdes.answers.figures import point_name
from slabdes.answers.tables import View
from slabdes.results.text import time_text

_NS_PER_MS: Final = 1e6
_ASKED: Final = {
    "slabinfo": ("/proc/slabinfo was never read", ("slabinfo_every_ms",)),
    "shrink": ("No cache was shrunk", ("shrink_at_ms", "shrink_every_ms")),
}
"""By kind of upkeep: what to say, and the keys of an experiment's upkeep; the first that is not 0 says when it comes first."""


_MOST_OF_THEM: Final = 0.5
"""As many frees that wait for a grace period when a run ends are told first (assumed)."""


def never_came(view: View) -> Iterator[str]:
    """A sentence for each kind of upkeep that was to come and did not, about the points at which it did not come at all.

    The same of grace periods that most frees of a point wait for, of the first such point.
    """
    turns = view.run.upkeep_summary()
    for kind, (told, keys) in _ASKED.items():
        came = set(turns.filter(upkeep=kind)["point"]) if "point" in turns.columns else set()
        missing = [(point, first) for point in view.points if point not in came and (first := _first(view, point, keys))]
        if missing:
            point, first = missing[0]
            name = point_name(view.run.frames, point)
            more = f", and at {len(missing) - 1} more points" if len(missing) > 1 else ""
            elapsed = max(view.run.frames.runs.filter(point=point)["elapsed_ns"].to_list())
            after = f"the first time comes after {time_text(first * _NS_PER_MS)}, the longest run took {time_text(elapsed)}"
            yield f"{told}{f' with {name}' if name else ''}{more}: {after}."
    yield from _no_grace(view)


def _no_grace(view: View) -> Iterator[str]:
    """That kfree_rcu has given nothing back: then frees cost nothing here, and allocations take new slabs."""
    for point in view.points:
        (row,) = view.run.points.filter(point=point).to_dicts()
        asked = view.run.manifest.experiment.get("rcu", {})
        if not row.get("rcu.frees", asked.get("frees")):
            continue
        frees = sum(view.run.frames.cpus.filter(point=point)["frees"].to_list())
        waiting = sum(view.run.frames.slabs.filter(point=point)["in_rcu"].to_list())
        if frees and waiting >= _MOST_OF_THEM * frees:
            name = point_name(view.run.frames, point)
            elapsed = max(view.run.frames.runs.filter(point=point)["elapsed_ns"].to_list())
            grace = float(row.get("rcu.grace_ms") or asked.get("grace_ms") or 0) * _NS_PER_MS
            told = f"None of {frees:,}" if waiting >= frees else f"{frees - waiting:,} of {frees:,}"
            lasts = f"the longest run took {time_text(elapsed)}, a grace period takes {time_text(grace)} (rcu.grace_ms)"
            where = f" with {name}" if name else ""
            yield f"{told} frees by kfree_rcu came back{where}: {lasts}; what they cost is in no figure."
            return


def _first(view: View, point: int, keys: tuple[str, ...]) -> float:
    """When a kind of upkeep is to come first, ms; 0 if it is not."""
    (row,) = view.run.points.filter(point=point).to_dicts()
    asked = view.run.manifest.experiment.get("upkeep", {})
    return next((value for key in keys if (value := float(row.get(f"upkeep.{key}") or asked.get(key) or 0))), 0.0)

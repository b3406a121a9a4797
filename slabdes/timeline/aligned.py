# SPDX-License-Identifier: GPL-2.0-only
"""Two runs on one time axis: the second is moved so that one operation, told by its CPU and number, begins in both at once.

Leaves out running them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from slabdes.engine.watch import SeenOperation, Watch, Watched
from slabdes.errors import InputError
from slabdes.results.text import time_text
from slabdes.timeline.answer import longest_wait
from slabdes.timeline.spans import Counter, Timeline
from slabdes.units import ps_to_ns


def anchor_of(seen: Watched, of_longest: bool) -> SeenOperation:
    """The operation that two runs are aligned by: the one that waits longest, or the first that begins in the window.

    Raises InputError where there is none.
    """
    operations: list[SeenOperation] = sorted(seen.watch.of(SeenOperation), key=lambda row: (row.start, row.cpu))
    wait = longest_wait(seen) if of_longest else None
    if wait is not None:
        of_wait = (row for row in operations if row.cpu == wait["cpu"] and row.start <= wait["asked_ps"] <= row.end)
        if (found := next(of_wait, None)) is not None:
            return found
    found = next((row for row in operations if row.start >= seen.watch.start), None)
    if found is None:
        raise InputError("--vs", "no operation begins in the window", allowed="a window with one, to align both runs by")
    return found


def beside(seen: Watched, anchor: SeenOperation, start: int) -> Watch:
    """What to watch of another run, in which the same operation begins at `start`: as much before it and after it."""
    watch = seen.watch
    begin = max(0, start - (anchor.start - watch.start))
    return Watch(begin, start + watch.end - anchor.start, start, watch.most)


def moved(made: Timeline, by: int) -> Timeline:
    """A timeline `by` picoseconds later; what would begin before 0 begins there."""
    for track in made.tracks:
        for span in track.spans:
            span.start, span.end = max(0, span.start + by), max(0, span.end + by)
    counters = [
        Counter(counter.name, [(max(0, time + by), value) for time, value in counter.samples]) for counter in made.counters
    ]
    return replace(made, counters=counters)


def sentences(second: Watched, anchor: SeenOperation) -> Iterator[str]:
    """By what both are aligned, and how long that takes in each."""
    same = next(row for row in second.watch.of(SeenOperation) if (row.cpu, row.number) == (anchor.cpu, anchor.number))
    paths = " and ".join(dict.fromkeys(f"{row.path.operation.label} {row.path.label}" for row in (anchor, same)))
    times = [time_text(ps_to_ns(row.end - row.start)) for row in (anchor, same)]
    yield (
        f"Both begin at the same place on the axis with operation {anchor.number} of CPU {anchor.cpu} ({paths}), "
        f"which takes {times[0]} in the first and {times[1]} in the second."
    )

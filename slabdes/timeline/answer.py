# SPDX-License-Identifier: GPL-2.0-only
"""What a timeline's file holds, in sentences: which part of which run, its longest wait, and how to open it.

Leaves out the file itself.
"""

from __future__ import annotations

from typing import Any, Final

from slabdes.answers.figures import listed
from slabdes.engine.watch import SeenHold, SeenOperation, Watched
from slabdes.results.text import count_text, time_text
from slabdes.timeline.spans import Names, Timeline, named_lock
from slabdes.units import ps_to_ns

OPEN: Final = (
    "Open it: ui.perfetto.dev -> Open trace file (the browser reads it, nothing is sent), or without a network "
    "chrome://tracing -> Load."
)


def window_sentence(begin_with: str, seen: Watched, made: Timeline) -> str:
    """What is shown of a run."""
    begin, end = bounds(seen)
    operations, holds = seen.watch.of(SeenOperation), seen.watch.of(SeenHold)
    waits = sum(row.asked < row.granted for row in holds)
    cpus = len({row.cpu for row in seen.watch.rows})
    flows = [f"{count_text(number)} {name if number == 1 else _PLURAL[name]}" for name, number in made.flows.items() if number]
    counted = [_counted(len(operations), "operation"), _counted(len(holds), "hold of locks", "holds of locks")]
    counted += [_counted(waits, "wait"), *flows]
    narrowed = "; all that was asked for would be too much for a viewer (--most), so the window is narrower" * seen.watch.narrowed
    times = f"from {_time(begin)} to {_time(end)}, {_time(end - begin)} of {made.name}"
    return f"{begin_with} {times}, on {_counted(cpus, 'CPU')}: {listed(counted)}{narrowed}."


_PLURAL: Final = {"hand-off": "hand-offs", "freed elsewhere": "objects freed by another CPU"}


def bounds(seen: Watched) -> tuple[int, int]:
    """The window as it was seen: no longer than the run."""
    end = min(seen.watch.end, max(seen.elapsed, seen.watch.latest)) if seen.whole else seen.watch.end
    return seen.watch.start, end


def longest_wait(seen: Watched) -> dict[str, Any] | None:
    """The longest wait for a lock that is seen, as plain values; None where nobody waited."""
    holds = seen.watch.of(SeenHold)
    waits = [row for row in holds if row.asked < row.granted]
    if not waits:
        return None
    longest = max(waits, key=lambda row: (row.granted - row.asked, -row.asked))
    names = Names(seen)
    ahead = [row for row in holds if row.lock == longest.lock and row.granted < longest.granted and row.released > longest.asked]
    last = max(ahead, key=lambda row: row.released, default=None)
    return {
        "cpu": longest.cpu,
        "function": names.function(longest),
        "lock": named_lock(seen.locks[longest.lock]),
        "asked_ps": longest.asked,
        "granted_ps": longest.granted,
        "wait_ps": longest.granted - longest.asked,
        "handoff_ps": longest.handoff,
        "holds_ahead": len(ahead),
        "cpus_ahead": sorted({row.cpu for row in ahead}),
        "behind": None if last is None else {"cpu": last.cpu, "function": names.function(last)},
    }


def wait_sentence(seen: Watched, of_run: bool) -> str:
    """Who waited longest in the window, where and behind whom; `of_run`: it is the whole run's, too."""
    found = longest_wait(seen)
    if found is None:
        return "Nobody waits for a lock in it."
    whose = "The longest wait of the run" if of_run else "Its longest wait"
    who = f"CPU {found['cpu']} in {found['function']} waits {_time(found['wait_ps'])} for {found['lock']}"
    told = f"{whose}: from {_time(found['asked_ps'])} on {who}"
    last = found["behind"]
    if last is None:
        return f"{told}."
    ahead, cpus = found["holds_ahead"], len(found["cpus_ahead"])
    if ahead == 1:
        return f"{told}, behind CPU {last['cpu']} in {last['function']}."
    return f"{told}, behind {ahead} holds by {_counted(cpus, 'CPU')}, the last CPU {last['cpu']}'s in {last['function']}."


def _time(picoseconds: int) -> str:
    return time_text(ps_to_ns(picoseconds))


def _counted(number: int, one: str, several: str = "") -> str:
    return f"{count_text(number)} {one if number == 1 else several or one + 's'}"

# SPDX-License-Identifier: GPL-2.0-only
"""What lessons count in told operations, and how they draw their settings. Leaves out what is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from slabdes.engine.story import Step, Told
from slabdes.paths.outcome import Path
from slabdes.results.text import numbers_text, time_text
from slabdes.streams import MASK64, below, mix64
from slabdes.units import ps_to_ns

_T = TypeVar("_T")


class Draw:
    """Settings drawn from a seed: the same for good."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._word = seed

    def among(self, *choices: _T) -> _T:
        """One of them, each as likely."""
        self._word = mix64((self._word + 1) & MASK64)
        return choices[below(self._word, len(choices))]

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        number: int = self.among(*range(low, high + 1))
        return number


def of_path(told: Sequence[Told], path: Path) -> list[Told]:
    """The operations that went one path."""
    return [one for one in told if one.path is path]


def lock_steps(one: Told) -> int:
    """How often an operation takes a node's list_lock."""
    return len([step for step in one.steps if step.kind.startswith("lock ") and "list_lock" in step.words])


def objects_moved(told: Sequence[Told]) -> str:
    """How many objects each operation gives back to slabs."""
    moved = [sum(1 + step.like for step in one.steps if step.kind == "note_returned") for one in told]
    return " or ".join(str(number) for number in sorted(set(moved))) or "none"


def longest_wait(told: Sequence[Told]) -> tuple[Told, Step]:
    """The step that waits longest for a lock, and its operation."""
    return max(((one, step) for one in told for step in one.steps), key=lambda pair: waited(pair[1]))


def waited(step: Step) -> int:
    """Picoseconds that a step waits for a lock and for its hand-off."""
    return step.took.get("lock_wait", 0) + step.took.get("handoff", 0)


def held_by(step: Step) -> str:
    """How long that is."""
    return f"{time_text(ps_to_ns(waited(step)))} with the hand-off"


def numbers(told: Sequence[Told], name_cpus: bool = False) -> str:
    """Numbers of operations of one CPU, or with their CPUs where there are several."""
    cpus = sorted({one.cpu for one in told})
    if len(cpus) <= 1 and not name_cpus:
        return numbers_text(sorted(one.number for one in told)) or "none"
    of_each = ((cpu, numbers_text(sorted(one.number for one in told if one.cpu == cpu))) for cpu in cpus)
    return "; ".join(f"{which} of CPU {cpu}" for cpu, which in of_each) or "none"


def times(number: int) -> str:
    """So many times."""
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")

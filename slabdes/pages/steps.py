# SPDX-License-Identifier: GPL-2.0-only
"""A run's first operations as a page shows them, one at a time. Leaves out telling them, and the words (`explain`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from slabdes.engine.story import Told
from slabdes.errors import MAX_LINE, Impossible, InputError, SlabdesError, shown
from slabdes.explain import text

MOST_STEPS: Final = 200
"""On a page (a choice: some 40 kB)."""


@dataclass(frozen=True)
class ShownStep:
    """A step: the kernel function, what it does, and what that takes."""

    function: str
    words: str
    took: str


@dataclass(frozen=True)
class ShownOperation:
    """An operation: its headline, the cache before and after it line by line, its steps, and what it takes in all."""

    headline: str
    before: tuple[str, ...]
    steps: tuple[ShownStep, ...]
    after: tuple[str, ...]
    total: str


@dataclass(frozen=True)
class Steps:
    """Operations, which ones they are, and the command that tells more; or instead of them `why` there are none."""

    command: str
    about: str = ""
    operations: tuple[ShownOperation, ...] = ()
    why: str = ""


def steps_of(told: Sequence[Told], command: str) -> Steps:
    """What was told of one CPU's first operations; there is one at least."""
    cpu = told[0].cpu
    operations = tuple(_within(told, MOST_STEPS))
    which = f"The first {len(operations)} operations" if len(operations) > 1 else "The first operation"
    about = (
        f"{which} of CPU {cpu} in replication 0, counted from 0, as the model tells them: each step with the kernel's function "
        "and what it takes. Slabs are numbered in the order in which they are made, and stand with how many of their objects are "
        "in use: 6(5/15)."
    )
    return Steps(f"{command} --cpu {cpu} --first 40", about, operations)


def untold(error: SlabdesError, command: str) -> Steps:
    """That nothing can be told, and why."""
    why = error.problem if isinstance(error, InputError) else str(error)
    return Steps(
        "" if isinstance(error, Impossible) else command, why=f"The first operations are not told here: {shown(why, MAX_LINE)}."
    )


def _within(told: Sequence[Told], left: int) -> Iterator[ShownOperation]:
    """Operations until so many steps are shown."""
    for one in told:
        if left > 0:
            yield _shown(one, left)
        left -= len(one.steps)


def _shown(told: Told, most: int) -> ShownOperation:
    steps = [ShownStep(step.function, _line(text.words(step)), text.parts(step)) for step in told.steps[:most]]
    if more := len(told.steps) - len(steps):
        steps.append(ShownStep("", f"{more} more step{'s' * (more > 1)}, which the command below tells", ""))
    return ShownOperation(
        headline=_line(text.headline(told)),
        before=tuple(map(_line, text.before(told))),
        steps=tuple(steps),
        after=tuple(map(_line, text.after(told))),
        total=text.total(told),
    )


def _line(line: str) -> str:
    """Names of caches come from input; a number and its unit stay together."""
    return "\u00a0".join(shown(part, 4 * MAX_LINE) for part in line.split("\u00a0"))

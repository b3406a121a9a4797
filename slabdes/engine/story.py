# SPDX-License-Identifier: GPL-2.0-only
"""Operations as they went, step by step: what was done where and what it took, and the arrays and lists before and after.

Leaves out how an engine is watched, and how a story is printed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from slabdes.paths.outcome import Path

MOST_SLABS: Final = 8
"""Slabs of a list that a picture names; of more it has the number (a choice)."""


@dataclass(frozen=True)
class ArrayPicture:
    """An array: what it is, how many objects it has and has room for, and whether it was used since the last reap.

    `batchcount` is 0 for arrays whose batchcount nobody reads.
    """

    name: str
    avail: int
    limit: int
    batchcount: int
    touched: bool


Slabs = tuple[str, tuple[tuple[int, int, int], ...], int]
"""A list of slabs: its name, the first as (number, in use, objects), and how many there are."""


@dataclass(frozen=True)
class NodePicture:
    """A node's lists, its counters by name, and its arrays, or how many sheaves its barn has."""

    node: int
    lists: tuple[Slabs, ...]
    counters: tuple[tuple[str, int], ...]
    arrays: tuple[ArrayPicture, ...]


@dataclass(frozen=True)
class Picture:
    """A cache as a CPU finds it: its array, or main sheaf, or slab; what `more` it has, and its `slabs`; and every node."""

    array: ArrayPicture
    nodes: tuple[NodePicture, ...]
    more: tuple[ArrayPicture, ...] = ()
    slabs: tuple[Slabs, ...] = ()


@dataclass
class Step:
    """What is done in a kernel function, and what it takes by the parts of `records.Spent`, picoseconds.

    `work` and `pages` are as charged; a CPU lives through them a little later, with jitter and a sibling thread's slowdown.
    `like`: how many more of the kind followed.
    """

    function: str
    kind: str
    words: str
    took: dict[str, int]
    like: int = 0


@dataclass
class Told:
    """One operation. `drawn` is what jitter and a sibling thread add to the work that is charged: with it steps add up to it."""

    cpu: int
    number: int
    cache: str
    start: int
    before: Picture | None
    end: int = 0
    path: Path = Path.HIT
    object: int = -1
    after: Picture | None = None
    steps: list[Step] = field(default_factory=list)
    drawn: int = 0
    within: bool = False
    """Whether an interrupt's handler does it."""

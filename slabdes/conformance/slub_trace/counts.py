# SPDX-License-Identifier: GPL-2.0-only
"""What a replay counts for each cache, and the pointers that differ. Leaves out the replay itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from slabdes.conformance.kernel_trace.resync import Resync

MAX_EXAMPLES: Final = 8
"""Differing pointers that are told one by one, a cache."""


@dataclass(frozen=True)
class Difference:
    """One object whose pointer differs. `position` counts operations from the first dump; addresses are 0 if unknown."""

    position: int
    cpu: int
    ours: int
    recorded: int
    resync: Resync


@dataclass
class CacheReplay:
    """What the replay counted for one cache."""

    allocs: int = 0
    frees: int = 0
    differing: int = 0
    learned: int = 0
    """Slabs whose address was learned from their first pointer."""
    resyncs: Counter[Resync] = field(default_factory=Counter)
    odd: Counter[str] = field(default_factory=Counter)
    """What the trace shows and the model does not have, in words."""
    examples: list[Difference] = field(default_factory=list)

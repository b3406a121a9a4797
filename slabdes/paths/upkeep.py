# SPDX-License-Identifier: GPL-2.0-only
"""What an experiment has CPUs do for any allocator's caches beside operations. Leaves out the turns themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOST_SPINS: Final = 1_000
"""Looks of who shrinks before it goes on without CPUs that have interrupts off and wait for others (assumed)."""
ONCE: Final = 1 << 60
"""Between two turns of what is done once: more than any run lasts."""


@dataclass(frozen=True)
class UpkeepSettings:
    """What CPUs do beside reaping, picoseconds: 0 for never. `retry`: until who finds the caches' mutex taken tries again.

    `shrink_cache` is a cache's index, or -1 for all.
    """

    slabinfo_every: int
    slabinfo_cpu: int
    shrink_first: int
    shrink_every: int
    shrink_cpu: int
    shrink_cache: int
    retry: int

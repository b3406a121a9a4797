# SPDX-License-Identifier: GPL-2.0-only
"""What the frame `runs` tells of a replication's warm-up, which is in none of the counts.

Leaves out what is made of it (`measures.steady`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from slabdes.engine.records import WarmUp
from slabdes.units import ps_to_ns

COLUMNS: Final[Mapping[str, str]] = {
    "warm_up": "id",
    "warm_up_ns": "ns",
    "warm_up_operations": "count",
    "all_operations": "count",
}
NOT_LOOKED_FOR: Final = 0
SETTLED: Final = 1
UNSETTLED: Final = 2
"""What `warm_up` says of a steady state: that none was looked for, that there is one after `warm_up_ns`, that none is seen."""


def warm_up_row(told: WarmUp | None) -> tuple[int, float, int, int]:
    """A replication's values of COLUMNS."""
    if told is None:
        return NOT_LOOKED_FOR, 0.0, 0, 0
    return SETTLED if told.settled else UNSETTLED, ps_to_ns(told.time), told.cut, told.operations

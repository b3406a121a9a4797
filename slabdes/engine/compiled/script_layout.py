# SPDX-License-Identifier: GPL-2.0-only
"""What an op script's run holds beyond a timed one's, and the kinds of events that compiled code writes down for it.

A run's record of this type makes numba compile the paths anew, with the parts that only scripts need (`variants`).
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Final

import numpy as np

from slabdes.engine.compiled.layout import RUN, record

EVENT: Final = record("kind", "cpu", "a", "b", "c", "d", "e", "f")
"""One event; what the operands mean, `Event` says."""
SCRIPT_RUN: Final = np.dtype(
    [
        *((name, "i8") for name in RUN.names or ()),
        *(
            (name, "i8")
            for name in (
                "events", "n_events", "event_room", "most_moved", "interrupts", "new_shared", "cpus_of_node", "node_of_cpu",
                "old_arrays", "new_arrays", "turn", "caller", "jiffies", "failing_calls", "failing_node",
            )
        ),
    ],
    align=True,
)  # fmt: skip
"""RUN and then: pointers to events, the order in which CPUs are interrupted, and a tune's new arrays and limits;
the CPU whose paths go on and the one that interrupted it; what a script sets."""
ONLY_SCRIPTS_HAVE: Final = "events"
"""The field that tells the two types of run apart."""


class Event(IntEnum):
    """The Kernel's notes, as compiled code writes them down. In brackets: operands a, b, ..."""

    LOCKED = auto()
    """[lock, LockSite]"""
    UNLOCKED = auto()
    """[lock]"""
    MOVED = auto()
    """[entry of the array they left, entry of the one they went to, number]; entries tell arrays apart"""
    ALIEN_DRAINED = auto()
    """as MOVED"""
    TAKEN = auto()
    """[slab, list it was on, list it is on, number]"""
    TAKEN_STRAIGHT = auto()
    """[slab, list it was on, list it is on]"""
    TAKEN_FROM_NEW = auto()
    """[slab, number]"""
    NO_MORE_SLABS = auto()
    """[cache, avail of the CPU's array]"""
    DIRECT_GROW = auto()
    """[cache]"""
    FREE_BLOCK = auto()
    """[cache, node, number]"""
    RETURNED = auto()
    """[object, list its slab was on, list it is on]"""
    GIVEN_UP = auto()
    """[slab]"""
    DRAINED = auto()
    """[slab]"""
    DO_DRAIN = auto()
    """[]"""
    PAGES = auto()
    """[cache, node asked for, whether no other would do, slab, node, slab's serial]"""
    SLAB_MADE = auto()
    """[slab, node, colour's offset]"""
    FALLBACK = auto()
    """[cache, node]"""

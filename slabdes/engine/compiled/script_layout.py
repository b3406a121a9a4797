# SPDX-License-Identifier: GPL-2.0-only
"""What an op script's run holds beyond a timed one's, and the kinds of events that compiled code writes down for it.

A run's record of this type makes numba compile the paths anew, with the parts that only scripts need (`variants`). What a script
has of SLUB alone is in `slub.script_layout`.
"""

from __future__ import annotations

from enum import IntEnum, auto

from slabdes.engine.compiled.run_layout import Run


class EventRow:
    """One event; what the operands mean, `Event` says."""

    kind: int
    cpu: int
    a: int
    b: int
    c: int
    d: int
    e: int
    f: int


class Script(Run):
    """What every allocator's scripts have: events and their room; the order in which CPUs are interrupted.

    And the CPU whose paths go on, and the one that interrupted it.
    """

    events: int
    n_events: int
    event_room: int
    interrupts: int
    turn: int
    caller: int


class ScriptRun(Script):
    """A run of a script on SLAB.

    How many objects a step moves at most; a tune's new arrays; what a script sets.
    """

    most_moved: int
    new_shared: int
    cpus_of_node: int
    node_of_cpu: int
    old_arrays: int
    new_arrays: int
    jiffies: int
    failing_calls: int
    failing_node: int


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

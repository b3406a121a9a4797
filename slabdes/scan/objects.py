# SPDX-License-Identifier: GPL-2.0-only
"""Compiled following of objects: a table of those that are allocated, and rows that say the same counted together.

Leaves out what follows from it: which cache an object is of is learned in `workload.trace.caches`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from slabdes.scan.bytes import NONE, Table, inline
from slabdes.scan.rows import (
    ALLOC,
    CPU,
    FLAGS,
    HAS_OBJECT,
    IS_ALLOC,
    KMALLOC,
    NAME,
    NODE,
    OBJECT,
    POINTER,
    REQ,
    SITE,
    TIME,
    WHAT,
)
from slabdes.workload.trace.events import MAX_CPU

KEY, FIRST, SECOND, THIRD = range(4)
"""Columns of the table of live objects: the pointer, and three numbers about its allocation; FIRST is negative where none is."""
LIVE, SALT, REALLOCATED, STRAY, SLOTS, KEPT = range(6)
"""The state beside it: objects in it, what pointers are mixed with, allocations of known pointers, frees of unknown ones,
slots given out, and events kept of the last rows."""
EVENT_COLUMNS: Final = 3
EVENT_TIME, EVENT_POINTER, EVENT_REST = range(EVENT_COLUMNS)
"""Columns of a kept event: one of an object whose allocation is known."""
FLAGS_AT, NODE_AT, CPU_AT, WORD_AT = 4, 12, 24, 40
"""Bits of EVENT_REST from which on there are gfp flags, the node plus 1, the CPU, and of an allocation its group, of a free the
number of its name; what it is stands below them."""
_FLAGS, _NODES, _CPUS = (1 << NODE_AT - FLAGS_AT) - 1, (1 << CPU_AT - NODE_AT) - 1, (1 << WORD_AT - CPU_AT) - 1
CPU_BITS: Final = MAX_CPU.bit_length()
FIRST_LIVE: Final = 1 << 17
"""Places that the table has at first."""
_FACTOR: Final = -7046029254386353131
"""2^64 divided by the golden ratio, as a signed number (Knuth's multiplicative hashing)."""


def empty_live(places: int) -> Table:
    """A table of live objects with so many places, a power of two."""
    return np.full((places, 4), -1, np.int64)


@inline
def _home(key: int, salt: int, mask: int) -> int:
    mixed = (key ^ salt) * _FACTOR
    return ((mixed ^ mixed >> 32) * _FACTOR >> 20) & mask


@inline
def _find(live: Table, key: int, salt: int) -> int:
    """Where an object is, or NONE."""
    mask = live.shape[0] - 1
    place = _home(key, salt, mask)
    while live[place, FIRST] >= 0:
        if live[place, KEY] == key:
            return place
        place = (place + 1) & mask
    return NONE


@inline
def _put(live: Table, salt: int, key: int, first: int, second: int, third: int) -> None:
    """Put an object in that is not there."""
    mask = live.shape[0] - 1
    place = _home(key, salt, mask)
    while live[place, FIRST] >= 0:
        place = (place + 1) & mask
    live[place, KEY], live[place, FIRST], live[place, SECOND], live[place, THIRD] = key, first, second, third


@inline
def _take(live: Table, salt: int, place: int) -> None:
    """Take the object at a place out; those behind it move up, so that each is found from its home on."""
    mask = live.shape[0] - 1
    hole = place
    while True:
        place = (place + 1) & mask
        if live[place, FIRST] < 0:
            break
        home = _home(live[place, KEY], salt, mask)
        if ((place - home) & mask) >= ((place - hole) & mask):
            for column in range(4):
                live[hole, column] = live[place, column]
            hole = place
    live[hole, FIRST] = NONE


def move_live(old: Table, new: Table, state: Table) -> None:
    """Put all objects of one table into another, empty one."""
    for place in range(old.shape[0]):
        if old[place, FIRST] >= 0:
            _put(new, state[SALT], old[place, KEY], old[place, FIRST], old[place, SECOND], old[place, THIRD])


def classify(rows: Table, what: int, chosen: Table, slots: Table, classes: Table, first: Table, counts: Table) -> int:
    """Number the rows of one kind with an object that say the same but for time, pointer and node; how many numbers there are.

    Rows whose entry in `chosen` is negative are left out; with the others it is part of what they say. Of each number, `first`
    has a row and `counts` how many; `slots` is scratch space.
    """
    mask = slots.shape[0] - 1
    slots[:] = NONE
    known = 0
    for row in range(rows.shape[0]):
        classes[row] = NONE
        if rows[row, OBJECT] != HAS_OBJECT or rows[row, WHAT] != what or chosen[row] < 0:
            continue
        mixed = chosen[row] ^ rows[row, CPU] << 48
        for column in (KMALLOC, REQ, ALLOC, NAME, SITE):
            mixed = (mixed ^ rows[row, column]) * _FACTOR
            mixed ^= mixed >> 29
        place = mixed & mask
        while slots[place] >= 0:
            other = first[slots[place]]
            if chosen[row] == chosen[other] and _says_the_same(rows, row, other):
                break
            place = (place + 1) & mask
        if slots[place] < 0:
            slots[place] = known
            first[known] = row
            counts[known] = 0
            known += 1
        classes[row] = slots[place]
        counts[slots[place]] += 1
    return known


@inline
def _says_the_same(rows: Table, one: int, other: int) -> bool:
    same = True
    for column in (CPU, KMALLOC, REQ, ALLOC, NAME, SITE):
        same &= rows[one, column] == rows[other, column]
    return same


def follow(rows: Table, said: Table, live: Table, state: Table, most: int, kept: Table) -> int:
    """Follow the objects of rows; the first row with which more than `most` are live, or NONE.

    Of an allocation `said` has its group and CPU; of a free it gets those of the object's allocation, or NONE. What `make_steps`
    needs of the events is put into `kept`, and their number into the state.
    """
    state[KEPT] = 0
    for row in range(rows.shape[0]):
        if rows[row, OBJECT] != HAS_OBJECT:
            continue
        key = rows[row, POINTER]
        place = _find(live, key, state[SALT])
        is_alloc = rows[row, WHAT] == IS_ALLOC
        if is_alloc or place >= 0:
            event = kept[state[KEPT]]
            event[EVENT_TIME], event[EVENT_POINTER] = rows[row, TIME], key
            event[EVENT_REST] = _packed(rows[row], said[row] >> CPU_BITS if is_alloc else rows[row, NAME])
            state[KEPT] += 1
        if is_alloc:
            if place >= 0:
                state[REALLOCATED] += 1
                live[place, FIRST] = said[row]
                continue
            _put(live, state[SALT], key, said[row], 0, 0)
            state[LIVE] += 1
            if state[LIVE] > most:
                return row
        elif place >= 0:
            said[row] = live[place, FIRST]
            _take(live, state[SALT], place)
            state[LIVE] -= 1
        else:
            said[row] = NONE
            state[STRAY] += 1
    return NONE


@inline
def _packed(row: Table, word: int) -> int:
    """What of an event a number has room for; see WORD_AT and those below it."""
    place = row[CPU] << CPU_AT | (row[NODE] + 1) << NODE_AT | row[FLAGS] << FLAGS_AT | row[WHAT]
    return int(word << WORD_AT | place)


STEP_COLUMNS: Final = 11
STEP_TIME, STEP_SLOT, STEP_CACHE, STEP_NODE, STEP_OP, STEP_FLAGS, STEP_CPU = range(7)
OPEN_FATE, OPEN_NAME, OPEN_CPU, OPEN_STEP = range(7, STEP_COLUMNS)
"""Columns of a step on its way to its CPU's file. Where the free tells the cache, OPEN_FATE is not NONE, and the last three are
the name that the free gives, and the CPU and the number of the allocation's step."""


def make_steps(
    events: Table, fates: Table, caches: Table, opens: Table, live: Table, state: Table, counts: Table, start: int, steps: Table
) -> int:
    """The steps of kept events, whose number it returns. Of each group `fates` has the fate, or NONE if it is left out.

    `caches` and `opens` have of each fate the cache, and whether the free may tell another one. `counts` has the steps of each
    CPU so far, `start` the time that times are counted from, or NONE where they are not kept.
    """
    made = 0
    for event in range(events.shape[0]):
        key, rest = events[event, EVENT_POINTER], events[event, EVENT_REST]
        word, cpu, what = rest >> WORD_AT, rest >> CPU_AT & _CPUS, rest & 1
        place = _find(live, key, state[SALT])
        step = steps[made]
        step[OPEN_FATE] = NONE
        if what == IS_ALLOC:
            if place >= 0:
                _take(live, state[SALT], place)
                state[LIVE] -= 1
            fate = fates[word]
            if fate < 0:
                continue
            step[STEP_SLOT], step[STEP_NODE] = state[SLOTS], (rest >> NODE_AT & _NODES) - 1
            step[STEP_FLAGS] = rest >> FLAGS_AT & _FLAGS
            _put(live, state[SALT], key, state[SLOTS], fate << CPU_BITS | cpu, counts[cpu])
            state[LIVE] += 1
            state[SLOTS] += 1
        else:
            if place < 0:
                continue
            step[STEP_SLOT], step[STEP_NODE], step[STEP_FLAGS] = live[place, FIRST], NONE, 0
            fate = live[place, SECOND] >> CPU_BITS
            if opens[fate]:
                step[OPEN_FATE], step[OPEN_NAME] = fate, word
                step[OPEN_CPU], step[OPEN_STEP] = live[place, SECOND] & ((1 << CPU_BITS) - 1), live[place, THIRD]
            _take(live, state[SALT], place)
            state[LIVE] -= 1
        step[STEP_CACHE], step[STEP_OP], step[STEP_CPU] = caches[fate], what, cpu
        step[STEP_TIME] = events[event, EVENT_TIME] - start if start != NONE else 0
        counts[cpu] += 1
        made += 1
    return made

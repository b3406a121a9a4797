"""Slots in compiled code, through which objects pass between CPUs: a table by slot number, or a hash table where they are sparse.

Holds full slots, those that are waited for and, where a window bounds them, when each was emptied; nothing else.
"""

from __future__ import annotations

from slabdes.engine.compiled.clock import Record
from slabdes.engine.compiled.numba_tools import function, inline, int64, slots_at, uint64
from slabdes.streams import mix64
from slabdes.workload.synthetic import SLOT_BITS

_COUNTER = (1 << SLOT_BITS) - 1
FREE_PLACE = -1
NO_SLOT = -1


@inline
def _home(run: Record, key: int) -> int:
    return int64(mix64(uint64(key))) & run.slot_mask


@inline
def find_slot(run: Record, key: int) -> int:
    """The place of a slot, or NO_SLOT if nothing is held about it."""
    if run.hashed:
        return _find(run, key)
    return (key >> SLOT_BITS) * run.slot_stride + (key & _COUNTER)


@function
def _find(run: Record, key: int) -> int:
    slots = slots_at(run.slots)
    place = _home(run, key)
    while slots[place].key != key:
        if slots[place].key == FREE_PLACE:
            return NO_SLOT
        place = (place + 1) & run.slot_mask
    return place


@inline
def make_slot(run: Record, key: int) -> int:
    """The place of a slot, an empty one if nothing was held about it."""
    if run.hashed:
        return _make(run, key)
    return (key >> SLOT_BITS) * run.slot_stride + (key & _COUNTER)


@function
def _make(run: Record, key: int) -> int:
    slots = slots_at(run.slots)
    place = _home(run, key)
    while slots[place].key != key:
        if slots[place].key == FREE_PLACE:
            run.n_slots += 1
            slot = slots[place]
            slot.key = key
            slot.full = 0
            slot.waiting = 0
            slot.emptied = 0
            break
        place = (place + 1) & run.slot_mask
    return place


@inline
def forget_slot(run: Record, place: int) -> None:
    """Hold nothing about a slot any more, if there is nothing to be held."""
    if run.hashed:
        _forget(run, place)


@function
def _forget(run: Record, place: int) -> None:
    """Later entries of the slot's chain move up."""
    slots = slots_at(run.slots)
    slot = slots[place]
    if slot.full or slot.waiting or slot.emptied:
        return
    run.n_slots -= 1
    mask = run.slot_mask
    hole = place
    after = (hole + 1) & mask
    while slots[after].key != FREE_PLACE:
        # An entry may move into the hole unless its own home lies between the two.
        if ((after - _home(run, slots[after].key)) & mask) >= ((after - hole) & mask):
            there, here = slots[after], slots[hole]
            here.key = there.key
            here.obj = there.obj
            here.full_at = there.full_at
            here.emptied = there.emptied
            here.waiting = there.waiting
            here.full = there.full
            hole = after
        after = (after + 1) & mask
    slots[hole].key = FREE_PLACE


@function
def rehash(run: Record, old: int, places: int) -> None:
    """Move all entries of a table of `places` places at address `old` into the present one, which is empty."""
    table = slots_at(old)
    run.n_slots = 0
    for place in range(places):
        there = table[place]
        if there.key != FREE_PLACE:
            here = slots_at(run.slots)[_make(run, there.key)]
            here.obj = there.obj
            here.full_at = there.full_at
            here.emptied = there.emptied
            here.waiting = there.waiting
            here.full = there.full

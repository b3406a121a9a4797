"""Slots in compiled code, through which objects pass between CPUs: a table by slot number, or a hash table for sparse ones.

Holds full slots, those that are waited for and, where a window bounds them, when each was emptied; nothing else.
"""

from __future__ import annotations

from slabdes.engine.compiled.clock import Record, schedule
from slabdes.engine.compiled.numba_tools import cpus_at, function, inline, int64, slots_at, uint64
from slabdes.streams import mix64
from slabdes.workload.synthetic import SLOT_BITS

_COUNTER = (1 << SLOT_BITS) - 1
FREE_PLACE = -1
NO_SLOT = -1


@inline
def _home(run: Record, key: int) -> int:
    return int64(mix64(uint64(key))) & run.slot_mask


@function
def find_slot(run: Record, key: int) -> int:
    """The place of a slot, or NO_SLOT if nothing is held about it."""
    if not run.hashed:
        return (key >> SLOT_BITS) * run.slot_stride + (key & _COUNTER)
    slots = slots_at(run.slots)
    place = _home(run, key)
    while slots[place].key != key:
        if slots[place].key == FREE_PLACE:
            return NO_SLOT
        place = (place + 1) & run.slot_mask
    return place


@function
def make_slot(run: Record, key: int) -> int:
    """The place of a slot, an empty one if nothing was held about it."""
    if not run.hashed:
        return (key >> SLOT_BITS) * run.slot_stride + (key & _COUNTER)
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


@function
def forget_slot(run: Record, place: int) -> None:
    """Hold nothing about a slot any more, if there is nothing to be held; later ones of its chain move up."""
    slots = slots_at(run.slots)
    slot = slots[place]
    if not run.hashed or slot.full or slot.waiting or slot.emptied:
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


@inline
def unblock(run: Record, cpu: Record) -> None:
    """Let a blocked CPU look again, unless it is reaping meanwhile."""
    if cpu.blocked:
        cpu.blocked = 0
        run.n_blocked -= 1
        schedule(run, cpu.number, run.now)


@function
def wake(run: Record, slot: Record) -> None:
    """Tell the CPU that waits for a slot that it has changed."""
    if slot.waiting:
        waiting = slot.waiting - 1
        slot.waiting = 0
        unblock(run, cpus_at(run.cpus)[waiting])


@function
def rehash(run: Record, old: int, places: int) -> None:
    """Move all entries of a table of `places` places at address `old` into the present one, which is empty."""
    table = slots_at(old)
    run.n_slots = 0
    for place in range(places):
        there = table[place]
        if there.key != FREE_PLACE:
            here = slots_at(run.slots)[make_slot(run, there.key)]
            here.obj = there.obj
            here.full_at = there.full_at
            here.emptied = there.emptied
            here.waiting = there.waiting
            here.full = there.full

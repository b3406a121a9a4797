# SPDX-License-Identifier: GPL-2.0-only
"""Slots in compiled code, through which objects pass between CPUs: a table by slot number, or a hash table for sparse ones.

Holds full slots, those that are waited for and, where a window bounds them, when each was emptied; nothing else.

How objects change hands. A program knows no objects: it allocates *into a slot* and frees *what is in a slot*, by a number.
That is what lets one CPU allocate and another free, in a run whose CPUs run ahead of each other by different amounts. A slot
has one CPU that fills it and one that empties it, and goes round: empty, full, empty. Three times tell all about it:

- the allocation ends at `full_at`. The free's CPU may ask before, in its own time or in the engine's order of visits: either
  the slot is not full yet, and it blocks until the filler wakes it, or it is full with a `full_at` that lies ahead. In both
  cases it goes on at the later of the two times; so the outcome does not depend on who was visited first.
- a failed allocation fills its slot, too, with NO_OBJECT: the free that belongs to it is then a skip, and nobody waits for
  ever.
- in a windowed workload (producer_consumer) the filler waits likewise until the slot was `emptied`, so that a producer is at
  most a window ahead. Elsewhere slots are filled only when the program itself knows that they are empty, and `emptied` is not
  kept.

A SIGNAL fills a slot of its own with no object, and one AWAIT empties it: so a CPU waits until another has come to some place
of its program, by the same rules and without a look at it, whatever that place means (`workload/trace/loops`).

If every CPU that still has a program is blocked, nothing can happen any more: the run ends with one line that names who waits
for which slot. With two fillers, or two who empty, a slot would hand objects over in the order of visits, and the engines would
differ; workloads are made so that it cannot be, and traces are given a slot for each object.

Slots of synthetic programs are dense, a table; those of traces and of scripts may be any number, a hash table with linear
probing that is kept at most half full. A slot about which nothing is left to know is taken out, and later entries of its chain
move up, so that a run of 10^9 operations needs room for the slots in use only.
"""

from __future__ import annotations

from slabdes.engine.compiled.clock import schedule
from slabdes.engine.compiled.cpu_layout import Cpu, Why
from slabdes.engine.compiled.layout import Slot
from slabdes.engine.compiled.numba_tools import cpus_at, function, inline, int64, slots_at, uint64
from slabdes.engine.compiled.run_layout import Run
from slabdes.streams import mix64
from slabdes.workload.synthetic import SLOT_BITS

_FILLED, _AT_BARRIER = int(Why.FILLED), int(Why.BARRIER)
_COUNTER = (1 << SLOT_BITS) - 1
FREE_PLACE = -1
NO_SLOT = -1


@inline
def _home(run: Run, key: int) -> int:
    return int64(mix64(uint64(key))) & run.slot_mask


@function
def find_slot(run: Run, key: int) -> int:
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
def make_slot(run: Run, key: int) -> int:
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


@inline
def _take_over(here: Slot, there: Slot) -> None:
    here.obj = there.obj
    here.full_at = there.full_at
    here.emptied = there.emptied
    here.waiting = there.waiting
    here.full = there.full


@function
def forget_slot(run: Run, place: int) -> None:
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
            _take_over(here, there)
            hole = after
        after = (after + 1) & mask
    slots[hole].key = FREE_PLACE


@inline
def unblock(run: Run, cpu: Cpu) -> None:
    """Let a blocked CPU look again, unless it is reaping meanwhile."""
    if cpu.blocked:
        cpu.blocked = 0
        run.n_blocked -= 1
        schedule(run, cpu.number, run.now)


@function
def wake(run: Run, slot: Slot) -> None:
    """Tell the CPU that waits for a slot that it has changed."""
    if slot.waiting:
        waiting = slot.waiting - 1
        slot.waiting = 0
        unblock(run, cpus_at(run.cpus)[waiting])


@inline
def fill(run: Run, cpu: Cpu, obj: int) -> None:
    """Put an object, or NO_OBJECT, into the present step's slot: who waits for that is woken."""
    slot = slots_at(run.slots)[make_slot(run, cpu.what)]
    slot.obj = obj
    slot.full_at = cpu.clock
    slot.full = 1
    wake(run, slot)


@function
def rehash(run: Run, old: int, places: int) -> None:
    """Move all entries of a table of `places` places at address `old` into the present one, which is empty."""
    table = slots_at(old)
    run.n_slots = 0
    for place in range(places):
        there = table[place]
        if there.key != FREE_PLACE:
            _take_over(slots_at(run.slots)[make_slot(run, there.key)], there)


@inline
def emptied(run: Run, cpu: Cpu) -> None:
    """The present step's slot, which its object has left: who waits for that is woken."""
    if run.windowed:
        place = make_slot(run, cpu.what)
        slot = slots_at(run.slots)[place]
        slot.full = 0
        slot.emptied = cpu.clock
        wake(run, slot)
        forget_slot(run, place)


@function
def is_ready(run: Run, cpu: Cpu) -> bool:
    """Whether that for which a CPU blocks has happened."""
    if cpu.why == _AT_BARRIER:
        return not cpu.at_barrier
    place = find_slot(run, cpu.what)
    full = place != NO_SLOT and slots_at(run.slots)[place].full != 0
    return full == (cpu.why == _FILLED)


@inline
def open_barrier(run: Run, cpu: Cpu) -> None:
    """Let all CPUs that wait at the barrier go on, at the last one's time."""
    cpus = cpus_at(run.cpus)
    for number in range(run.n_cpus):
        other = cpus[number]
        if other.at_barrier:
            other.at_barrier = 0
            other.barrier_time = run.latest
            if number != cpu.number:
                unblock(run, other)
    run.arrived = 0
    run.latest = 0

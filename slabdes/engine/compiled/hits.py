# SPDX-License-Identifier: GPL-2.0-only
"""Allocations and frees that only touch what is the CPU's own, taken in a row while nobody else can see them.

A CPU's clock, its hash and its stream of jitter are local variables in these loops, which is where the engine's speed comes
from; the transitions are the allocator's. Leaves out everything that may wait.
"""

from __future__ import annotations

from slabdes.allocator.state import NO_OBJECT, OBJECT_BITS, OBJECT_MASK
from slabdes.engine.compiled.clock import GAMMA_WORD, count_response, drawn_factor, histogram_at, wrap_up
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.layout import N_PATHS, Slot, dtype_of
from slabdes.engine.compiled.logged import log_operation
from slabdes.engine.compiled.numba_tools import (
    inline,
    ints_at,
    slabs_at,
    slots_at,
    uint64,
)
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.slots import NO_SLOT, find_slot, forget_slot, make_slot, wake
from slabdes.engine.compiled.stocks import Own, accepts, counters, has_any, home_of, kept, or_gathered, put, room, take, with_own
from slabdes.engine.compiled.touches import freed_touch, looks_up, object_touch
from slabdes.engine.cpu import FIXED_BITS, NEVER, fold, what_word
from slabdes.engine.records import bucket_of
from slabdes.engine.working_set import CODE, CODE_BITS, near
from slabdes.paths.outcome import Path
from slabdes.workload.programs import ANY_NODE, Op

_HIT, _FREE_HIT = int(Path.HIT), int(Path.FREE_HIT)
_ALLOC, _FREE = int(Op.ALLOC), int(Op.FREE)
SLOT_BYTES = dtype_of(Slot).itemsize


@inline
def _can_run(run: Run, cpu: Cpu, cost: int) -> bool:
    """Whether the CPU owes nothing, so that each operation's own work is all that it settles."""
    return cost > 0 and cpu.work == 0 and cpu.page_work == 0


@inline
def _fill_slot(slot: Slot, obj: int, clock: int) -> None:
    slot.obj = obj
    slot.full_at = clock
    slot.full = 1


@inline
def _allocs(run: Run, cpu: Cpu, most: int, own: Own) -> int:
    """Take up to `most` allocations like the CPU's present step, into slots in a row; how many only hit."""
    cache = cpu.cache
    most = min(most, kept(own))
    if not most or run.windowed or cpu.want != ANY_NODE or not _can_run(run, cpu, cpu.alloc_hit):
        return 0
    words, slabs, touched, stats = ints_at(run.words), slabs_at(run.slabs), ints_at(run.touched), counters(run, cpu)
    buckets = ints_at(histogram_at(run, (cache + 1) * N_PATHS + _HIT))
    cost, think, me, timer_at, young = cpu.alloc_hit, cpu.think, cpu.number, cpu.timer_at, near(cpu)
    clock, digest, key, jitter, slowdown = cpu.clock, cpu.digest, cpu.jitter_key, cpu.jitter, cpu.slowdown
    slots = slots_at(run.slots + SLOT_BYTES * make_slot(run, cpu.what))
    greatest, touches, done, least = 0, 0, 0, NEVER
    while done < most:
        start = clock + think
        if start >= timer_at or not has_any(own):
            break
        obj = take(own, words, slabs, stats)
        key += GAMMA_WORD
        took = (cost * drawn_factor(slowdown, jitter, key)) >> FIXED_BITS
        slab = slabs[obj >> OBJECT_BITS]
        link = slab.bufctl + (obj & OBJECT_MASK)
        stamp = touched[link]
        if stamp & CODE != me or cpu.touched_bytes - (stamp >> CODE_BITS) > young:
            cold = object_touch(run, cpu, obj, link)
            touches += cold
            took += cold
        clock = start + took
        least = min(least, took)
        greatest = max(greatest, took)
        buckets[bucket_of(took)] += 1
        digest = fold(digest, uint64(start), uint64(clock), uint64(what_word(obj, cache, _HIT)))
        log_operation(run, me, start, clock, cache, _HIT, obj)
        _fill_slot(slots[done], obj, clock)
        done += 1
    if done == 1:
        # Nobody else waits for a slot of steps that are alike: their CPU empties it itself.
        wake(run, slots[0])
    cpu.allocs += done
    cpu.first_touch_time += touches
    if jitter:
        cpu.jitter_key = key
    cpu.digest = digest
    _lived(run, cpu, (cache + 1) * N_PATHS + _HIT, done, clock, least, greatest, touches)
    return done


@inline
def _lived(run: Run, cpu: Cpu, number: int, done: int, clock: int, least: int, greatest: int, touches: int) -> None:
    """Account for `done` hits, counted in histogram `number`, that end at `clock`."""
    if not done:
        return
    think_time = done * cpu.think
    total = clock - cpu.clock - think_time
    cpu.clock = clock
    cpu.think_time += think_time
    cpu.work_time += total - touches
    cpu.beyond_work |= touches
    wrap_up(run, number, done, total, least, greatest)


@inline
def _slots_emptied(run: Run, slot: Slot, place: int, clock: int) -> None:
    """Where slots are windows or hashed, no steps are alike: there is but one."""
    if run.windowed:
        slot.emptied = clock
        wake(run, slot)
    if run.hashed:
        forget_slot(run, place)


@inline
def _frees(run: Run, cpu: Cpu, most: int, own: Own) -> int:
    """Take up to `most` frees like the CPU's present step, from slots in a row; how many only hit."""
    cache = cpu.cache
    most = min(most, room(own))
    place = find_slot(run, cpu.what)
    if most <= 0 or place == NO_SLOT or not _can_run(run, cpu, cpu.free_hit) or (run.slot_lines and cpu.partner >= 0):
        return 0
    words, slabs, touched, stats = ints_at(run.words), slabs_at(run.slabs), ints_at(run.touched), counters(run, cpu)
    buckets = ints_at(histogram_at(run, (cache + 1) * N_PATHS + _FREE_HIT))
    cost, think, me, timer_at = cpu.free_hit, cpu.think, cpu.number, cpu.timer_at
    touching, young = run.writes_objects or looks_up(run, cache), near(cpu) if run.writes_objects else cpu.cache_bytes
    clock, digest, key, jitter, slowdown = cpu.clock, cpu.digest, cpu.jitter_key, cpu.jitter, cpu.slowdown
    home, slots = home_of(run, cpu), slots_at(run.slots + SLOT_BYTES * place)
    greatest, touches, done, least = 0, 0, 0, NEVER
    while done < most:
        start = clock + think
        if start >= timer_at:
            break
        slot = slots[done]
        obj = slot.obj
        if not slot.full or slot.full_at > start or obj == NO_OBJECT:
            break
        slab = slabs[obj >> OBJECT_BITS]
        if not accepts(own, obj >> OBJECT_BITS, slab.nodeid, home):
            break
        slot.full = 0
        key += GAMMA_WORD
        took = (cost * drawn_factor(slowdown, jitter, key)) >> FIXED_BITS
        if touching:
            link = slab.bufctl + (obj & OBJECT_MASK)
            stamp = touched[link]
            if stamp & CODE != me or cpu.touched_bytes - (stamp >> CODE_BITS) > young:
                cold = freed_touch(run, cpu, obj, link)
                touches += cold
                took += cold
        put(own, words, slabs, stats, obj)
        clock = start + took
        least = min(least, took)
        greatest = max(greatest, took)
        buckets[bucket_of(took)] += 1
        digest = fold(digest, uint64(start), uint64(clock), uint64(what_word(obj, cache, _FREE_HIT)))
        log_operation(run, me, start, clock, cache, _FREE_HIT, obj)
        done += 1
    if done:
        _slots_emptied(run, slots[0], place, clock)
    cpu.frees += done
    cpu.descriptor_read_time += touches
    if jitter:
        cpu.jitter_key = key
    cpu.digest = digest
    _lived(run, cpu, (cache + 1) * N_PATHS + _FREE_HIT, done, clock, least, greatest, touches)
    return done


alloc_hits = with_own(_allocs)
free_hits = or_gathered(_frees, with_own(_frees))


@inline
def hits_in_a_row(run: Run, cpu: Cpu, most: int) -> int:
    """Take up to `most` steps like the present one, as long as they only hit; how many. Of those that arrive, none are alike."""
    hits, path = 0, _HIT
    if cpu.op == _ALLOC:
        hits = alloc_hits(run, cpu, most)
    elif cpu.op == _FREE:
        hits = free_hits(run, cpu, most)
        path = _FREE_HIT
    if run.arrivals and hits:
        count_response(run, cpu, cpu.cache, path)
    return hits

"""Shrinking a cache and tuning it, as compiled phases: the rest of `paths/slab/reap.py`, cut where it waits.

Other CPUs drain on stacks of their own: `interrupt` lets one go first. A tune's new arrays are there before it begins.
"""

from __future__ import annotations

from slabdes.allocator.transitions import NO_SLAB, has_used_slabs
from slabdes.engine.compiled.clock import Record, call, end_of_path
from slabdes.engine.compiled.codes import (
    DESTROY,
    DO_DRAIN,
    DRAIN_ALIEN,
    DRAIN_ALIENS,
    DRAIN_FREELIST,
    DRAIN_LOCKED,
    FREE_BLOCK,
    SHRINK,
    STAGE,
    TUNE,
    TUNE_NODE,
)
from slabdes.engine.compiled.locks import GO, look, spin_lock, spin_unlock
from slabdes.engine.compiled.notes import note_do_drain
from slabdes.engine.compiled.numba_tools import arrays_at, caches_at, cpus_at, function, inline, ints_at, l3s_at, slabs_at
from slabdes.engine.compiled.upkeep_paths import NO_ARRAY
from slabdes.paths.sites import LockSite

_AT_DODRAIN, _AT_DRAINALIENS = int(LockSite.DODRAIN), int(LockSite.DRAINALIENS)
_AT_TUNE = int(LockSite.TUNE)


@inline
def interrupt(run: Record, cpu: Record, other: int, pc: int, cache: int) -> None:
    """Let a CPU, perhaps this one, run a path before this CPU's own goes on."""
    if other != cpu.number:
        run.caller = cpu.number
        run.turn = other
    call(run, cpus_at(run.cpus)[other], pc, cache, 0, 0, 0, 0)


@function
def kmem_cache_shrink(run: Record, cpu: Record, frame: Record) -> int:
    """Arguments: cache. Result: 1 if slabs are left, else 0. Stages 0 to 2 and 6 are loops over CPUs or nodes."""
    stage = frame.pc & STAGE
    cache = frame.cache
    if stage == 0:
        if frame.b < run.n_cpus:
            other = ints_at(run.interrupts)[frame.b]
            frame.b += 1
            interrupt(run, cpu, other, DO_DRAIN, cache)
            return GO
        return _next_loop(frame)
    if frame.b < run.n_nodes:
        l3 = l3s_at(run.l3s)[cache * run.n_nodes + frame.b]
        if stage == 1:
            call(run, cpu, DRAIN_ALIENS, cache, frame.b, 0, 0, 0)
        elif stage == 2:
            _drain_shared(run, cpu, cache, l3)
        elif stage == 3:
            frame.pc = SHRINK + 4
            return look(run, cpu)
        elif stage == 4:
            frame.pc = SHRINK + 5
            call(run, cpu, DRAIN_FREELIST, cache, frame.b, 0, l3.free_objects, 0)
            return GO
        else:
            frame.pc = SHRINK + 3
            if has_used_slabs(slabs_at(run.slabs), l3):
                frame.a = 1
        frame.b += 1
        return GO
    if stage < 3:
        return _next_loop(frame)
    end_of_path(cpu, frame.a)
    return GO


@inline
def _next_loop(frame: Record) -> int:
    frame.pc += 1
    frame.b = 0
    return GO


@inline
def _drain_shared(run: Record, cpu: Record, cache: int, l3: Record) -> None:
    """drain_array of a node's shared array, by force."""
    if run.shrink_locks_empty_shared or (l3.shared != NO_ARRAY and arrays_at(run.arrays)[l3.shared].avail):
        call(run, cpu, DRAIN_LOCKED, cache, l3.node, 0, l3.shared, 1)


@function
def do_drain(run: Record, cpu: Record, frame: Record) -> int:
    """Free a CPU's whole array. Arguments: cache."""
    stage = frame.pc & STAGE
    cache = frame.cache
    l3 = l3s_at(run.l3s)[cache * run.n_nodes + cpu.node]
    ac = arrays_at(run.arrays)[caches_at(run.caches)[cache].array + cpu.number]
    frame.pc += 1
    if stage == 0:
        return spin_lock(run, cpu, l3.list_lock, _AT_DODRAIN)
    if stage == 1:
        note_do_drain(run, cpu)
        call(run, cpu, FREE_BLOCK, cache, cpu.node, 0, ac.entry, ac.avail)
    elif stage == 2:
        ac.avail = 0
        frame.head = cpu.ret
        return spin_unlock(run, cpu, l3.list_lock)
    elif stage == 3:
        call(run, cpu, DESTROY, cache, 0, 0, frame.head, 0)
    else:
        end_of_path(cpu, 0)
    return GO


@function
def drain_alien_caches(run: Record, cpu: Record, frame: Record) -> int:
    """Send all of a node's alien caches home (drain_alien_cache). Arguments: cache, node."""
    stage = frame.pc & STAGE
    l3 = l3s_at(run.l3s)[frame.cache * run.n_nodes + frame.node]
    if stage == 0:
        if frame.b == frame.node:
            frame.b += 1
        if l3.alien == NO_ARRAY or frame.b >= run.n_nodes:
            end_of_path(cpu, 0)
            return GO
        frame.pc = DRAIN_ALIENS + 1
        return spin_lock(run, cpu, arrays_at(run.arrays)[l3.alien + frame.b].lock, _AT_DRAINALIENS)
    if stage == 1:
        frame.pc = DRAIN_ALIENS + 2
        call(run, cpu, DRAIN_ALIEN, frame.cache, frame.b, 0, l3.alien + frame.b, 0)
    elif stage == 2:
        frame.head = cpu.ret
        frame.pc = DRAIN_ALIENS + 3
        return spin_unlock(run, cpu, arrays_at(run.arrays)[l3.alien + frame.b].lock)
    else:
        frame.b += 1
        frame.pc = DRAIN_ALIENS
        call(run, cpu, DESTROY, frame.cache, 0, 0, frame.head, 0)
    return GO


@function
def do_tune_cpucache(run: Record, cpu: Record, frame: Record) -> int:
    """Arguments: cache, a: the first of the old arrays, b: the first of the new ones; see also TUNE_NODE."""
    stage = frame.pc & STAGE
    if stage == 0:
        caches_at(run.caches)[frame.cache].array = frame.b
        frame.i = 0
        frame.pc = TUNE + 1
        return GO
    if stage == 5:
        if frame.i == run.n_nodes:
            end_of_path(cpu, 0)
            return GO
        call(run, cpu, TUNE_NODE, frame.cache, frame.i, 0, 0, 0)
        frame.i += 1
        return GO
    if frame.i == run.n_cpus:
        frame.i = 0
        frame.pc = TUNE + 5
        return GO
    ac = arrays_at(run.arrays)[frame.a + frame.i]
    node = cpus_at(run.cpus)[frame.i].node
    l3 = l3s_at(run.l3s)[frame.cache * run.n_nodes + node]
    if stage == 1:
        frame.pc = TUNE + 2
        return spin_lock(run, cpu, l3.list_lock, _AT_TUNE)
    if stage == 2:
        frame.pc = TUNE + 3
        call(run, cpu, FREE_BLOCK, frame.cache, node, 0, ac.entry, ac.avail)
    elif stage == 3:
        frame.head = cpu.ret
        frame.pc = TUNE + 4
        return spin_unlock(run, cpu, l3.list_lock)
    else:
        frame.i += 1
        frame.pc = TUNE + 1
        call(run, cpu, DESTROY, frame.cache, 0, 0, frame.head, 0)
    return GO


@function
def alloc_kmemlist(run: Record, cpu: Record, frame: Record) -> int:
    """A node's part of a tune: `run.new_shared` and `run.new_limits` by node. Arguments: cache, node."""
    stage = frame.pc & STAGE
    l3 = l3s_at(run.l3s)[frame.cache * run.n_nodes + frame.node]
    new_limit = ints_at(run.new_limits)[frame.node]
    if stage == 0:
        frame.pc = TUNE_NODE + 1 if run.tune_locks_twice else TUNE_NODE + 3
        return spin_lock(run, cpu, l3.list_lock, _AT_TUNE)
    if stage == 1:
        l3.free_limit = new_limit
        frame.pc = TUNE_NODE + 2
        return spin_unlock(run, cpu, l3.list_lock)
    if stage == 2:
        frame.pc = TUNE_NODE + 3
        return spin_lock(run, cpu, l3.list_lock, _AT_TUNE)
    if stage == 3:
        frame.head = NO_SLAB
        frame.pc = TUNE_NODE + 5
        if l3.shared != NO_ARRAY:
            shared = arrays_at(run.arrays)[l3.shared]
            frame.pc = TUNE_NODE + 4
            call(run, cpu, FREE_BLOCK, frame.cache, frame.node, 0, shared.entry, shared.avail)
    elif stage in (4, 5):
        if stage == 4:
            frame.head = cpu.ret
        l3.shared = ints_at(run.new_shared)[frame.node]
        l3.free_limit = new_limit
        frame.pc = TUNE_NODE + 6
        return spin_unlock(run, cpu, l3.list_lock)
    elif stage == 6:
        frame.pc = TUNE_NODE + 7
        call(run, cpu, DESTROY, frame.cache, 0, 0, frame.head, 0)
    else:
        end_of_path(cpu, 0)
    return GO

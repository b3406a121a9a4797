"""How an allocation runs, as compiled phases: `engine/alloc_paths.py` cut where it waits, stage by stage.

Each function takes the run, the CPU and the path's frame, does what comes next and says how to go on. A path that is
called ends with its result in `cpu.ret`. Leaves out time and locks.
"""

from __future__ import annotations

from slabdes.allocator.state import NO_OBJECT, OBJECT_BITS, ListName
from slabdes.allocator.transitions import (
    NO_SLAB,
    ac_get,
    advanced_colour,
    alloc_block,
    alloc_hit,
    first_slab,
    init_slab,
    insert_slab,
    next_colour,
    refill_batchcount,
    slab_get_obj,
    take_objects,
    take_one,
    transfer_objects,
)
from slabdes.engine.compiled.account import disable_irqs
from slabdes.engine.compiled.clock import Record, call, end_of_path, under_way
from slabdes.engine.compiled.codes import (
    ALLOC,
    FALLBACK,
    FREE_PAGES,
    GROW_BEGIN,
    GROW_END,
    NODE_ALLOC,
    PAGES,
    REFILL,
    STAGE,
)
from slabdes.engine.compiled.interrupts import before_irqs_off, irq_restore, irqs_on
from slabdes.engine.compiled.locks import GO, WAIT, look, spin_lock, spin_unlock
from slabdes.engine.compiled.notes import (
    note_array_seen,
    note_coloured,
    note_counted,
    note_direct_grow,
    note_fallback,
    note_free_objects_read,
    note_linked,
    note_moved,
    note_no_more_slabs,
    note_slab_made,
    note_taken,
    note_taken_from_new,
    note_taken_straight,
    note_unlinking,
    note_unlocked_look,
)
from slabdes.engine.compiled.numba_tools import (
    arrays_at,
    caches_at,
    function,
    inline,
    ints_at,
    l3s_at,
    slabs_at,
    stats_at,
)
from slabdes.engine.compiled.page_paths import drop_slab
from slabdes.engine.compiled.variants import fallback_start
from slabdes.engine.lock_sites import LockSite
from slabdes.engine.records import Path
from slabdes.workload.programs import MAY_WAIT, THISNODE

_HIT, _SHARED, _PARTIAL, _FREE = int(Path.HIT), int(Path.SHARED), int(Path.PARTIAL), int(Path.FREE)
_PARTIAL_FREE, _GROW, _FAIL = int(Path.PARTIAL_FREE), int(Path.GROW), int(Path.FAIL)
_NODE_PARTIAL, _NODE_FREE, _NODE_GROW = int(Path.NODE_PARTIAL), int(Path.NODE_FREE), int(Path.NODE_GROW)
_FALLBACK_GROW = int(Path.FALLBACK_GROW)
_TO_FALLBACK = int(Path.FALLBACK_PARTIAL) - int(Path.NODE_PARTIAL)
"""From a path on a node to the same path after a fallback."""
_AT_REFILL, _AT_NODEALLOC = int(LockSite.REFILL), int(LockSite.NODEALLOC)
_AT_COLOUR, _AT_GROW = int(LockSite.COLOUR), int(LockSite.GROW)
_ON_PARTIAL, _ON_FREE = int(ListName.PARTIAL), int(ListName.FREE)


@function
def cache_alloc_refill(run: Record, cpu: Record, frame: Record) -> int:
    """Arguments: cache, node (the CPU's), flags."""
    stage = frame.pc & STAGE
    cache = frame.cache
    l3 = l3s_at(run.l3s)[cache * run.n_nodes + cpu.node]
    ac = arrays_at(run.arrays)[caches_at(run.caches)[cache].array + cpu.number]
    stats = stats_at(run.stats)[cache]
    words = ints_at(run.words)
    if stage == 0:
        stats.refills += 1
        frame.grown = 0
        cpu.work += run.slow_path
        stage = 1
    if stage == 1:
        frame.batch = refill_batchcount(ac)
        stage = 3
        if run.unlocked_look:
            frame.pc = REFILL + 2
            if look(run, cpu) == WAIT:
                return WAIT
            stage = 2
    if stage == 2:
        note_unlocked_look(run, cpu, l3)
        if l3.free_objects or (l3.shared >= 0 and arrays_at(run.arrays)[l3.shared].avail):
            stage = 3
        else:
            note_direct_grow(run, cpu, cache)
            stage = 5
    if stage == 3:
        frame.pc = REFILL + 4
        if spin_lock(run, cpu, l3.list_lock, _AT_REFILL) == WAIT:
            return WAIT
        stage = 4
    if stage == 4:
        _refill_from_node(run, cpu, cache, frame.batch)
        frame.pc = REFILL + 5
        if spin_unlock(run, cpu, l3.list_lock) == WAIT:
            return WAIT
        stage = 5
    if stage == 5 and not ac.avail:
        if frame.grown:
            stats.retries += 1
        frame.pc = REFILL + 6
        call(run, cpu, GROW_BEGIN, cache, cpu.node, frame.flags | THISNODE, NO_SLAB, 0)
        return GO
    if stage == 6:
        slab = cpu.ret
        frame.grown = 1 if slab != NO_SLAB else 0
        if frame.grown:
            if run.private_slab and not ac.avail:
                nr = alloc_block(words, slabs_at(run.slabs)[slab], stats, ac, slab, frame.batch)
                note_taken_from_new(run, cpu, slab, nr)
            frame.pc = REFILL + 7
            call(run, cpu, GROW_END, cache, 0, 0, slab, 0)
            return GO
        stage = 7
    if stage == 7 and not ac.avail:
        if frame.grown:
            frame.pc = REFILL + 1
            return GO
        cpu.path = _FAIL
        end_of_path(cpu, NO_OBJECT)
        return GO
    if frame.grown or stage == 7:
        cpu.path = _GROW
    ac.touched = 1
    end_of_path(cpu, ac_get(words, ac))
    return GO


@function
def _refill_from_node(run: Record, cpu: Record, cache: int, batchcount: int) -> None:
    l3 = l3s_at(run.l3s)[cache * run.n_nodes + cpu.node]
    arrays = arrays_at(run.arrays)
    ac = arrays[caches_at(run.caches)[cache].array + cpu.number]
    words = ints_at(run.words)
    slabs = slabs_at(run.slabs)
    if l3.shared >= 0:
        shared = arrays[l3.shared]
        note_array_seen(run, cpu, shared)
        nr = transfer_objects(words, ac, shared, batchcount)
        if nr:
            shared.touched = 1
            note_moved(run, cpu, shared, ac, nr)
            cpu.path = _SHARED
            return
    note_counted(run, cpu, l3)
    from_partial = False
    from_free = False
    while batchcount > 0:
        slab = first_slab(slabs, l3)
        if slab == NO_SLAB:
            note_no_more_slabs(run, cpu, cache, ac)
            break
        was = slabs[slab].which
        note_unlinking(run, cpu, slab)
        nr = take_objects(words, slabs, l3, stats_at(run.stats)[cache], ac, slab, batchcount)
        note_taken(run, cpu, l3, slab, was, nr)
        batchcount -= nr
        from_partial |= was == _ON_PARTIAL
        from_free |= was == _ON_FREE
    l3.free_objects -= ac.avail
    if from_free:
        cpu.path = _PARTIAL_FREE if from_partial else _FREE
    elif from_partial:
        cpu.path = _PARTIAL


@function
def kmem_cache_alloc(run: Record, cpu: Record, frame: Record) -> int:
    """Arguments: cache, node (the CPU's own if none was asked for), flags. Memory policies are not part of timed runs."""
    stage = frame.pc & STAGE
    if stage == 0 and frame.node == cpu.node:
        ac = arrays_at(run.arrays)[caches_at(run.caches)[frame.cache].array + cpu.number]
        stats = stats_at(run.stats)[frame.cache]
        if ac.avail:
            cpu.path = _HIT
            end_of_path(cpu, alloc_hit(ints_at(run.words), stats, ac))
            return GO
        stats.allocmiss += 1
        frame.pc = ALLOC + 1
        depth = cpu.sp
        status = cache_alloc_refill(run, cpu, call(run, cpu, REFILL, frame.cache, cpu.node, frame.flags, 0, 0))
        if under_way(cpu, status, depth):
            return status
        stage = 1
    if stage == 2 or (stage == 1 and cpu.ret != NO_OBJECT):
        end_of_path(cpu, cpu.ret)
    else:
        frame.pc = ALLOC + 2
        call(run, cpu, NODE_ALLOC, frame.cache, frame.node, frame.flags, 0, 0)
    return GO


@function
def cache_alloc_node(run: Record, cpu: Record, frame: Record) -> int:
    """____cache_alloc_node. Arguments: cache, node, flags."""
    stage = frame.pc & STAGE
    cache = frame.cache
    l3 = l3s_at(run.l3s)[cache * run.n_nodes + frame.node]
    if stage == 0:
        frame.grown = 0
        cpu.work += run.slow_path
        stage = 1
    if stage == 1:
        frame.pc = NODE_ALLOC + 2
        return spin_lock(run, cpu, l3.list_lock, _AT_NODEALLOC)
    if stage == 2:
        note_counted(run, cpu, l3)
        slabs = slabs_at(run.slabs)
        slab = first_slab(slabs, l3)
        frame.pc = NODE_ALLOC + 4
        if slab != NO_SLAB:
            frame.was = slabs[slab].which
            note_unlinking(run, cpu, slab)
            frame.obj = take_one(ints_at(run.words), slabs, l3, stats_at(run.stats)[cache], slab)
            note_taken_straight(run, cpu, l3, slab, frame.was)
            frame.pc = NODE_ALLOC + 3
        return spin_unlock(run, cpu, l3.list_lock)
    if stage == 3:
        path = _NODE_PARTIAL if frame.was == _ON_PARTIAL else _NODE_FREE
        cpu.path = _NODE_GROW if frame.grown else path
        end_of_path(cpu, frame.obj)
    elif stage == 4:
        if frame.grown:
            stats_at(run.stats)[cache].retries += 1
        frame.pc = NODE_ALLOC + 5
        call(run, cpu, GROW_BEGIN, cache, frame.node, frame.flags | THISNODE, NO_SLAB, 0)
    elif stage == 5:
        slab = cpu.ret
        if slab == NO_SLAB:
            frame.pc = NODE_ALLOC + 7
            call(run, cpu, FALLBACK, cache, 0, frame.flags, 0, 0)
            return GO
        frame.grown = 1
        frame.pc = NODE_ALLOC + 1
        if run.private_slab:
            frame.obj = slab_get_obj(ints_at(run.words), slabs_at(run.slabs)[slab], slab)
            frame.pc = NODE_ALLOC + 6
        call(run, cpu, GROW_END, cache, 0, 0, slab, 0)
    elif stage == 6:
        cpu.path = _NODE_GROW
        end_of_path(cpu, frame.obj)
    else:
        end_of_path(cpu, cpu.ret)
    return GO


@function
def fallback_alloc(run: Record, cpu: Record, frame: Record) -> int:
    """Arguments: cache, flags."""
    stage = frame.pc & STAGE
    cache = frame.cache
    if stage == 0:
        cpu.path = _FAIL
        if frame.flags & THISNODE:
            end_of_path(cpu, NO_OBJECT)
            return GO
        frame.node = fallback_start(run, cpu)
        note_fallback(run, cpu, cache, frame.node)
        frame.i = 0
        stage = 1
    if stage == 1:
        if frame.i < run.n_nodes:
            frame.pc = FALLBACK + 2
            return look(run, cpu)
        frame.pc = FALLBACK + 4
        call(run, cpu, PAGES, cache, cpu.node, 0, 0, 0)
        if frame.flags & MAY_WAIT:
            irqs_on(run, cpu)
    elif stage == 2:
        node = ints_at(run.zonelists)[frame.node * run.n_nodes + frame.i]
        frame.i += 1
        frame.pc = FALLBACK + 1
        l3 = l3s_at(run.l3s)[cache * run.n_nodes + node]
        note_free_objects_read(run, cpu, l3)
        if l3.free_objects:
            frame.pc = FALLBACK + 3
            call(run, cpu, NODE_ALLOC, cache, node, frame.flags | THISNODE, 0, 0)
    elif stage == 3:
        frame.pc = FALLBACK + 1
        if cpu.ret != NO_OBJECT:
            cpu.path += _TO_FALLBACK
            end_of_path(cpu, cpu.ret)
    elif stage == 4:
        frame.home = cpu.ret2
        frame.slab = cpu.ret
        frame.pc = FALLBACK + 8
        if frame.flags & MAY_WAIT:
            before_irqs_off(run, cpu)
    elif stage == 8:
        if frame.flags & MAY_WAIT:
            disable_irqs(cpu)
        frame.pc = FALLBACK + 5
        cpu.ret = NO_SLAB
        if frame.slab != NO_SLAB:
            call(run, cpu, GROW_BEGIN, cache, frame.home, frame.flags, frame.slab, 0)
    elif stage == 5:
        if cpu.ret == NO_SLAB:
            cpu.path = _FAIL
            end_of_path(cpu, NO_OBJECT)
            return GO
        frame.pc = FALLBACK + 6
        call(run, cpu, GROW_END, cache, 0, 0, cpu.ret, 0)
    elif stage == 6:
        frame.pc = FALLBACK + 7
        call(run, cpu, NODE_ALLOC, cache, frame.home, frame.flags | THISNODE, 0, 0)
    elif cpu.ret != NO_OBJECT:
        cpu.path = _FALLBACK_GROW
        end_of_path(cpu, cpu.ret)
    else:
        frame.i = 0
        frame.pc = FALLBACK + 1
    return GO


@function
def cache_grow_begin(run: Record, cpu: Record, frame: Record) -> int:
    """Arguments: cache, node, flags, a: a slab whose pages a fallback has got already, or NO_SLAB."""
    stage = frame.pc & STAGE
    cache = frame.cache
    if stage == 0:
        frame.colour = 0
        frame.slab = frame.a
        if not run.unlocked_colour:
            frame.pc = GROW_BEGIN + 1
            return spin_lock(run, cpu, l3s_at(run.l3s)[cache * run.n_nodes + frame.node].list_lock, _AT_COLOUR)
        stage = 2
    if stage == 1:
        l3 = l3s_at(run.l3s)[cache * run.n_nodes + frame.node]
        note_coloured(run, cpu, l3)
        frame.colour = next_colour(caches_at(run.caches)[cache], l3)
        frame.pc = GROW_BEGIN + 2
        return spin_unlock(run, cpu, l3.list_lock)
    if stage == 2:
        frame.home = frame.node
        frame.pc = GROW_BEGIN + 4
        if frame.slab == NO_SLAB:
            frame.pc = GROW_BEGIN + 3
            call(run, cpu, PAGES, cache, frame.node, 0, 1 if frame.flags & THISNODE else 0, 0)
        if frame.flags & MAY_WAIT:
            irqs_on(run, cpu)
        return GO
    if stage == 3:
        frame.slab = cpu.ret
        frame.home = cpu.ret2
        stage = 4
    if stage == 4:
        if frame.slab == NO_SLAB:
            return _grown(run, cpu, frame, NO_SLAB)
        if run.unlocked_colour:
            frame.pc = GROW_BEGIN + 5
            return look(run, cpu)
        stage = 6
    if stage == 5:
        l3 = l3s_at(run.l3s)[cache * run.n_nodes + frame.home]
        note_coloured(run, cpu, l3)
        frame.colour = advanced_colour(caches_at(run.caches)[cache], l3)
        stage = 6
    return _make_slab(run, cpu, frame, stage)


@inline
def _make_slab(run: Record, cpu: Record, frame: Record, stage: int) -> int:
    """The last stages of cache_grow_begin: the descriptor, then the slab; or the pages go back."""
    cache = frame.cache
    record = caches_at(run.caches)[cache]
    if stage == 6:
        if record.slabp_cache >= 0:
            frame.path = cpu.path
            cpu.work += run.alloc_hit
            disable_irqs(cpu)
            frame.pc = GROW_BEGIN + 7
            call(run, cpu, ALLOC, record.slabp_cache, frame.home, frame.flags & ~THISNODE, 0, 0)
            return GO
    elif stage == 7:
        cpu.path = frame.path
        slabs = slabs_at(run.slabs)
        slabs[frame.slab].descriptor = cpu.ret
        if cpu.ret != NO_OBJECT:
            there = slabs[cpu.ret >> OBJECT_BITS].nodeid
            l3s_at(run.l3s)[record.slabp_cache * run.n_nodes + there].descriptors += 1
        frame.pc = GROW_BEGIN + 9
        irq_restore(run, cpu)
        return GO
    elif stage == 9:
        if slabs_at(run.slabs)[frame.slab].descriptor == NO_OBJECT:
            frame.pc = GROW_BEGIN + 8
            call(run, cpu, FREE_PAGES, cache, frame.home, 0, 0, 0)
            return GO
    elif stage == 8:
        drop_slab(run, cache, frame.slab)
        return _grown(run, cpu, frame, NO_SLAB)
    else:
        disable_irqs(cpu)
        end_of_path(cpu, frame.slab)
        return GO
    init_slab(ints_at(run.words), slabs_at(run.slabs)[frame.slab], frame.home, frame.colour)
    record.ctor_calls += record.ctor * record.num
    note_slab_made(run, cpu, frame.slab, record.num)
    return _grown(run, cpu, frame, frame.slab)


@inline
def _grown(run: Record, cpu: Record, frame: Record, slab: int) -> int:
    """The slab, or NO_SLAB, is all that there will be: interrupts go off again."""
    frame.slab = slab
    frame.pc = GROW_BEGIN + 10
    if frame.flags & MAY_WAIT:
        if before_irqs_off(run, cpu):
            return GO
        disable_irqs(cpu)
    end_of_path(cpu, slab)
    return GO


@function
def cache_grow_end(run: Record, cpu: Record, frame: Record) -> int:
    """Arguments: cache, a: the slab."""
    stage = frame.pc & STAGE
    slabs = slabs_at(run.slabs)
    l3 = l3s_at(run.l3s)[frame.cache * run.n_nodes + slabs[frame.a].nodeid]
    if stage == 0:
        frame.pc = GROW_END + 1
        return spin_lock(run, cpu, l3.list_lock, _AT_GROW)
    if stage == 1:
        note_counted(run, cpu, l3)
        insert_slab(slabs, l3, stats_at(run.stats)[frame.cache], frame.a)
        note_linked(run, cpu, l3, frame.a)
        frame.pc = GROW_END + 2
        return spin_unlock(run, cpu, l3.list_lock)
    end_of_path(cpu, 0)
    return GO

"""How a free runs, as compiled phases: `engine/free_paths.py` cut where it waits, stage by stage.

Slabs to destroy are chained by their `link`; a path that gives slabs up ends with the first one's number, NO_SLAB for none.
"""

from __future__ import annotations

from slabdes.allocator.state import NO_OBJECT, OBJECT_BITS
from slabdes.allocator.transitions import (
    NO_SLAB,
    SLAB_DESTROYED,
    ac_put,
    excess_slab,
    flush_to_shared,
    free_block_object,
    free_hit,
    set_freeable,
    shift_down,
    transfer_objects,
)
from slabdes.engine.compiled.account import disable_irqs
from slabdes.engine.compiled.clock import Record, call, end_of_path, under_way
from slabdes.engine.compiled.codes import (
    DESTROY,
    DRAIN_ALIEN,
    FLUSH,
    FREE,
    FREE_BLOCK,
    FREE_PAGES,
    STAGE,
)
from slabdes.engine.compiled.interrupts import irq_restore
from slabdes.engine.compiled.locks import GO, WAIT, spin_lock, spin_unlock
from slabdes.engine.compiled.notes import (
    note_alien_drained,
    note_array_seen,
    note_counted,
    note_entries,
    note_free_block,
    note_given_up,
    note_moved,
    note_returned,
    note_unlinking,
)
from slabdes.engine.compiled.numba_tools import arrays_at, caches_at, function, ints_at, l3s_at, slabs_at, stats_at
from slabdes.engine.compiled.page_paths import drop_slab
from slabdes.engine.lock_sites import LockSite
from slabdes.engine.records import Path

_AT_ALIEN, _AT_REMOTEFREE = int(LockSite.ALIEN), int(LockSite.REMOTEFREE)
_AT_ALIENDRAIN, _AT_FLUSH = int(LockSite.ALIENDRAIN), int(LockSite.FLUSH)
_FREE_HIT, _ALIEN_PUT, _ALIEN_DRAIN = int(Path.FREE_HIT), int(Path.ALIEN_PUT), int(Path.ALIEN_DRAIN)
_ALIEN_DIRECT, _FLUSH_SHARED, _FLUSH_LISTS = int(Path.ALIEN_DIRECT), int(Path.FLUSH_SHARED), int(Path.FLUSH_LISTS)


@function
def slabs_destroy(run: Record, cpu: Record, frame: Record) -> int:
    """slabs_destroy and slab_destroy. Arguments: cache, a: the first of a chain of slabs, or NO_SLAB."""
    stage = frame.pc & STAGE
    if stage == 1:
        slab = slabs_at(run.slabs)[frame.a]
        frame.head = slab.link
        frame.obj = slab.descriptor
        slab.descriptor = NO_OBJECT
        drop_slab(run, frame.cache, frame.a)
        frame.a = frame.head
        frame.pc = DESTROY
        descriptors = caches_at(run.caches)[frame.cache].slabp_cache
        if descriptors >= 0:
            frame.path = cpu.path
            frame.home = slabs_at(run.slabs)[frame.obj >> OBJECT_BITS].nodeid
            cpu.work += run.free_hit
            disable_irqs(cpu)
            frame.pc = DESTROY + 2
            call(run, cpu, FREE, descriptors, 0, 0, frame.obj, 0)
        return GO
    if stage == 2:
        descriptors = caches_at(run.caches)[frame.cache].slabp_cache
        l3s_at(run.l3s)[descriptors * run.n_nodes + frame.home].descriptors -= 1
        cpu.path = frame.path
        frame.pc = DESTROY
        irq_restore(run, cpu)
        return GO
    if frame.a == NO_SLAB:
        end_of_path(cpu, 0)
        return GO
    frame.pc = DESTROY + 1
    call(run, cpu, FREE_PAGES, frame.cache, slabs_at(run.slabs)[frame.a].nodeid, 0, 0, 0)
    return GO


@function
def free_block(run: Record, cpu: Record, frame: Record) -> int:
    """Arguments: cache, node, a: where in `words` the objects begin, b: how many. list_lock is held."""
    stage = frame.pc & STAGE
    cache = frame.cache
    l3 = l3s_at(run.l3s)[cache * run.n_nodes + frame.node]
    slabs = slabs_at(run.slabs)
    words = ints_at(run.words)
    if stage == 0:
        frame.head = NO_SLAB
        frame.tail = NO_SLAB
        frame.i = 0
        frame.pc = FREE_BLOCK + 1
        if frame.b:
            note_counted(run, cpu, l3)
            note_free_block(run, cpu, cache, frame.node, frame.b)
    while frame.i < frame.b:
        obj = words[frame.a + frame.i]
        frame.i += 1
        slab = obj >> OBJECT_BITS
        was = slabs[slab].which
        note_unlinking(run, cpu, slab)
        now = free_block_object(words, slabs, l3, stats_at(run.stats)[cache], obj, not run.trim_after_batch)
        note_returned(run, cpu, l3, obj, was, now)
        if now != SLAB_DESTROYED:
            continue
        slabs[slab].link = NO_SLAB
        if not run.pages_after_unlock:
            call(run, cpu, DESTROY, cache, 0, 0, slab, 0)
            return GO
        if frame.head == NO_SLAB:
            frame.head = slab
        else:
            slabs[frame.tail].link = slab
        frame.tail = slab
    while run.trim_after_batch:
        slab = excess_slab(slabs, l3)
        if slab == NO_SLAB:
            break
        note_given_up(run, cpu, l3, slab)
        slabs[slab].link = frame.head
        frame.head = slab
    end_of_path(cpu, frame.head)
    return GO


@function
def drain_alien_cache(run: Record, cpu: Record, frame: Record) -> int:
    """__drain_alien_cache. Arguments: cache, node (the objects' home), a: the alien cache's number."""
    stage = frame.pc & STAGE
    arrays = arrays_at(run.arrays)
    alien = arrays[frame.a]
    remote = l3s_at(run.l3s)[frame.cache * run.n_nodes + frame.node]
    if stage == 0:
        if not alien.avail:
            end_of_path(cpu, NO_SLAB)
            return GO
        frame.pc = DRAIN_ALIEN + 1
        return spin_lock(run, cpu, remote.list_lock, _AT_ALIENDRAIN)
    if stage == 1:
        if remote.shared >= 0:
            shared = arrays[remote.shared]
            note_array_seen(run, cpu, shared)
            nr = transfer_objects(ints_at(run.words), shared, alien, alien.limit)
            note_alien_drained(run, cpu, alien, shared, nr)
        note_entries(run, cpu, alien, 0, alien.avail)
        frame.pc = DRAIN_ALIEN + 2
        call(run, cpu, FREE_BLOCK, frame.cache, frame.node, 0, alien.entry, alien.avail)
        return GO
    if stage == 2:
        alien.avail = 0
        frame.head = cpu.ret
        frame.pc = DRAIN_ALIEN + 3
        return spin_unlock(run, cpu, remote.list_lock)
    end_of_path(cpu, frame.head)
    return GO


@function
def cache_flusharray(run: Record, cpu: Record, frame: Record) -> int:
    """Arguments: cache, node (the CPU's)."""
    stage = frame.pc & STAGE
    cache = frame.cache
    arrays = arrays_at(run.arrays)
    ac = arrays[caches_at(run.caches)[cache].array + cpu.number]
    l3 = l3s_at(run.l3s)[cache * run.n_nodes + cpu.node]
    if stage == 0:
        cpu.work += run.slow_path
        frame.pc = FLUSH + 1
        if spin_lock(run, cpu, l3.list_lock, _AT_FLUSH) == WAIT:
            return WAIT
        stage = 1
    if stage == 1:
        frame.nr = ac.batchcount
        frame.head = NO_SLAB
        nr = 0
        if l3.shared >= 0:
            shared = arrays[l3.shared]
            note_array_seen(run, cpu, shared)
            nr = flush_to_shared(ints_at(run.words), shared, ac, ac.batchcount)
            if nr:
                cpu.path = _FLUSH_SHARED
                frame.nr = nr
                note_moved(run, cpu, ac, shared, nr)
        if not nr:
            cpu.path = _FLUSH_LISTS
            frame.pc = FLUSH + 2
            depth = cpu.sp
            status = free_block(run, cpu, call(run, cpu, FREE_BLOCK, cache, cpu.node, 0, ac.entry, ac.batchcount))
            if under_way(cpu, status, depth):
                return status
            stage = 2
        else:
            stage = 3
    if stage == 2:
        frame.head = cpu.ret
        stage = 3
    if stage == 3:
        set_freeable(l3, stats_at(run.stats)[cache])
        frame.pc = FLUSH + 4
        if spin_unlock(run, cpu, l3.list_lock) == WAIT:
            return WAIT
        stage = 4
    if stage == 4:
        shift_down(ints_at(run.words), ac, frame.nr)
        if frame.head == NO_SLAB:
            end_of_path(cpu, 0)
            return GO
        frame.pc = FLUSH + 5
        call(run, cpu, DESTROY, cache, 0, 0, frame.head, 0)
        return GO
    end_of_path(cpu, 0)
    return GO


@function
def _cache_free_alien(run: Record, cpu: Record, frame: Record) -> int:
    """Another node's object: to the alien cache for it (b), or straight to its slab."""
    cache = frame.cache
    l3s = l3s_at(run.l3s)
    l3 = l3s[cache * run.n_nodes + cpu.node]
    stats_at(run.stats)[cache].node_frees += 1
    cpu.work += run.slow_path
    if l3.alien >= 0:
        frame.b = l3.alien + frame.node
        frame.pc = FREE + 1
        return spin_lock(run, cpu, arrays_at(run.arrays)[frame.b].lock, _AT_ALIEN)
    cpu.path = _ALIEN_DIRECT
    frame.pc = FREE + 3
    return spin_lock(run, cpu, l3s[cache * run.n_nodes + frame.node].list_lock, _AT_REMOTEFREE)


@function
def kmem_cache_free(run: Record, cpu: Record, frame: Record) -> int:
    """Arguments: cache, a: the object."""
    stage = frame.pc & STAGE
    cache = frame.cache
    words = ints_at(run.words)
    arrays = arrays_at(run.arrays)
    l3s = l3s_at(run.l3s)
    if stage == 0:
        stats = stats_at(run.stats)[cache]
        frame.node = slabs_at(run.slabs)[frame.a >> OBJECT_BITS].nodeid
        if frame.node != cpu.node:
            return _cache_free_alien(run, cpu, frame)
        ac = arrays[caches_at(run.caches)[cache].array + cpu.number]
        if ac.avail < ac.limit:
            cpu.path = _FREE_HIT
            free_hit(words, stats, ac, frame.a)
            end_of_path(cpu, 0)
            return GO
        stats.freemiss += 1
        frame.pc = FREE + 6
        depth = cpu.sp
        status = cache_flusharray(run, cpu, call(run, cpu, FLUSH, cache, cpu.node, 0, 0, 0))
        if under_way(cpu, status, depth):
            return status
        stage = 6
    if stage == 1:
        alien = arrays[frame.b]
        cpu.path = _ALIEN_PUT
        if alien.avail == alien.limit:
            stats_at(run.stats)[cache].node_overflow += 1
            cpu.path = _ALIEN_DRAIN
            frame.pc = FREE + 2
            call(run, cpu, DRAIN_ALIEN, cache, frame.node, 0, frame.b, 0)
            return GO
        frame.head = NO_SLAB
        stage = 2
    elif stage == 2:
        frame.head = cpu.ret
    if stage == 2:
        alien = arrays[frame.b]
        note_entries(run, cpu, alien, alien.avail, 1)
        ac_put(words, alien, frame.a)
        frame.pc = FREE + 5
        return spin_unlock(run, cpu, arrays[frame.b].lock)
    if stage == 3:
        words[run.scratch + cpu.number] = frame.a
        frame.pc = FREE + 4
        call(run, cpu, FREE_BLOCK, cache, frame.node, 0, run.scratch + cpu.number, 1)
    elif stage == 4:
        frame.head = cpu.ret
        frame.pc = FREE + 5
        return spin_unlock(run, cpu, l3s[cache * run.n_nodes + frame.node].list_lock)
    elif stage == 5:
        frame.pc = FREE + 7
        call(run, cpu, DESTROY, cache, 0, 0, frame.head, 0)
    elif stage == 6:
        ac_put(words, arrays[caches_at(run.caches)[cache].array + cpu.number], frame.a)
        end_of_path(cpu, 0)
    else:
        end_of_path(cpu, 0)
    return GO

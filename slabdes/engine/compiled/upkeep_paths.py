"""The reap timer's turn, as compiled phases: `paths/slab/reap.py` cut where it waits. Leaves out shrink and tuning."""

from __future__ import annotations

from slabdes.allocator.lists import list_empty
from slabdes.allocator.timers import REAPTIMEOUT_LIST3_SECONDS, following_reap
from slabdes.allocator.transitions import NO_SLAB, drain_count, last_free_slab, reap_slab_count, shift_down
from slabdes.engine.compiled.clock import Record, call, end_of_path, set_timer, settle
from slabdes.engine.compiled.codes import (
    DESTROY,
    DRAIN_ALIEN,
    DRAIN_FREELIST,
    DRAIN_LOCKED,
    FREE_BLOCK,
    REAP,
    STAGE,
)
from slabdes.engine.compiled.locks import GO, look, spin_lock, spin_trylock, spin_unlock_irq
from slabdes.engine.compiled.notes import (
    note_array_seen,
    note_counted,
    note_drained,
    note_entries,
    note_unlinking,
    touch_slab,
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
from slabdes.engine.compiled.variants import jiffies_of, reap_time
from slabdes.paths.sites import LockSite

_AT_ALIENREAP, _AT_DRAINFREELIST = int(LockSite.ALIENREAP), int(LockSite.DRAINFREELIST)
_AT_SHAREDDRAIN, _AT_DRAINARRAY = int(LockSite.SHAREDDRAIN), int(LockSite.DRAINARRAY)
NOBODY_REAPS = -1
NO_ARRAY = -1


@function
def cache_reap(run: Record, cpu: Record, frame: Record) -> int:
    """One turn of a CPU's reap timer: stages 0 to 2 and 12 on are cache_reap, the others reap_cache."""
    stage = frame.pc & STAGE
    if stage == 0:
        cpu.clock = max(cpu.clock, cpu.reap_at)
        frame.pc = REAP + 1
        return look(run, cpu)
    if stage == 1:
        if run.reaper != NOBODY_REAPS:
            return _end_of_turn(run, cpu)
        run.reaper = cpu.number
        frame.cache = run.all_caches
        stage = 2
    if stage == 2:
        frame.cache -= 1
        if frame.cache >= 0:
            cpu.work += run.reap_base
        frame.pc = REAP + 3 if frame.cache >= 0 else REAP + 12
        return look(run, cpu)
    if stage == 12:
        run.reaper = NOBODY_REAPS
        cpu.reap_node = (cpu.reap_node + 1) % run.n_nodes
        return _end_of_turn(run, cpu)
    return _reap_cache(run, cpu, frame, stage)


@inline
def _end_of_turn(run: Record, cpu: Record) -> int:
    cpu.reap_due = following_reap(cpu.number, jiffies_of(run, cpu), run.hz)
    cpu.reap_at = reap_time(run, cpu)
    set_timer(cpu)
    settle(run, cpu)
    end_of_path(cpu, 0)
    return GO


@function
def _reap_cache(run: Record, cpu: Record, frame: Record, stage: int) -> int:
    cache = frame.cache
    l3 = l3s_at(run.l3s)[cache * run.n_nodes + cpu.node]
    arrays = arrays_at(run.arrays)
    frame.pc = REAP + 7
    if stage == 3:
        frame.a = l3.alien + cpu.reap_node
        if l3.alien >= 0 and cpu.reap_node != cpu.node and arrays[frame.a].avail:
            frame.pc = REAP + 4
            return look(run, cpu)
    elif stage == 4:
        if spin_trylock(run, cpu, arrays[frame.a].lock, _AT_ALIENREAP):
            frame.pc = REAP + 5
            call(run, cpu, DRAIN_ALIEN, cache, cpu.reap_node, 0, frame.a, 0)
            return GO
    elif stage == 5:
        frame.head = cpu.ret
        frame.pc = REAP + 6
        return spin_unlock_irq(run, cpu, arrays[frame.a].lock)
    elif stage == 6:
        call(run, cpu, DESTROY, cache, 0, 0, frame.head, 0)
        return GO
    elif stage == 7:
        frame.pc = REAP + 8
        _drain_array(run, cpu, cache, caches_at(run.caches)[cache].array + cpu.number)
        return GO
    elif stage == 8:
        frame.pc = REAP + 9
        return look(run, cpu)
    else:
        return _reap_lists(run, cpu, frame, stage)
    return GO


@inline
def _reap_lists(run: Record, cpu: Record, frame: Record, stage: int) -> int:
    cache = frame.cache
    l3 = l3s_at(run.l3s)[cache * run.n_nodes + cpu.node]
    frame.pc = REAP + 2
    if stage == 9:
        now = jiffies_of(run, cpu)
        if l3.next_reap > now:
            return GO
        l3.next_reap = now + REAPTIMEOUT_LIST3_SECONDS * run.hz
        frame.pc = REAP + 10
        if l3.shared >= 0:
            _drain_array(run, cpu, cache, l3.shared)
    elif stage == 10:
        frame.pc = REAP + 11
        return look(run, cpu)
    elif stage == 11:
        if l3.free_touched:
            l3.free_touched = 0
            return GO
        frame.pc = REAP + 13
        call(run, cpu, DRAIN_FREELIST, cache, cpu.node, 0, reap_slab_count(l3, caches_at(run.caches)[cache].num), 0)
    else:
        stats_at(run.stats)[cache].reaped += cpu.ret
    return GO


@inline
def _drain_array(run: Record, cpu: Record, cache: int, array: int) -> None:
    """Begin to free some of an array that has not been used since the last look."""
    ac = arrays_at(run.arrays)[array]
    if not ac.avail:
        return
    if ac.touched:
        ac.touched = 0
    else:
        call(run, cpu, DRAIN_LOCKED, cache, cpu.node, 0, array, 0)


@function
def drain_array_locked(run: Record, cpu: Record, frame: Record) -> int:
    """Arguments: cache, node, a: the array's number, or NO_ARRAY, b: whether all of it goes."""
    stage = frame.pc & STAGE
    ac = arrays_at(run.arrays)[max(frame.a, 0)]
    l3 = l3s_at(run.l3s)[frame.cache * run.n_nodes + frame.node]
    frame.pc += 1
    if stage == 0:
        return spin_lock(run, cpu, l3.list_lock, _AT_SHAREDDRAIN if frame.b else _AT_DRAINARRAY)
    if stage == 1:
        if frame.a != NO_ARRAY:
            note_array_seen(run, cpu, ac)
        if frame.a == NO_ARRAY or not ac.avail:
            frame.head = NO_SLAB
            frame.pc += 1
            return spin_unlock_irq(run, cpu, l3.list_lock)
        note_entries(run, cpu, ac, 0, ac.avail)
        frame.nr = drain_count(ac, frame.b != 0)
        call(run, cpu, FREE_BLOCK, frame.cache, frame.node, 0, ac.entry, frame.nr)
        return GO
    if stage == 2:
        frame.head = cpu.ret
        shift_down(ints_at(run.words), ac, frame.nr)
        return spin_unlock_irq(run, cpu, l3.list_lock)
    if stage == 3:
        call(run, cpu, DESTROY, frame.cache, 0, 0, frame.head, 0)
        return GO
    end_of_path(cpu, 0)
    return GO


@function
def drain_freelist(run: Record, cpu: Record, frame: Record) -> int:
    """Arguments: cache, node, a: how many slabs at most."""
    stage = frame.pc & STAGE
    slabs = slabs_at(run.slabs)
    l3 = l3s_at(run.l3s)[frame.cache * run.n_nodes + frame.node]
    if stage == 0:
        frame.nr = 0
        stage = 1
    if stage == 1 and frame.nr < frame.a:
        frame.pc = DRAIN_FREELIST + 2
        return look(run, cpu)
    if stage == 2 and not list_empty(slabs, l3.slabs_free):
        frame.pc = DRAIN_FREELIST + 3
        return spin_lock(run, cpu, l3.list_lock, _AT_DRAINFREELIST)
    if stage == 3:
        note_counted(run, cpu, l3)
        slab = slabs[l3.slabs_free].prev
        if slab != l3.slabs_free:
            note_unlinking(run, cpu, slab)
        frame.slab = last_free_slab(slabs, l3)
        if frame.slab != NO_SLAB:
            touch_slab(run, cpu, frame.slab)
            cpu.work += run.list_move
        frame.pc = DRAIN_FREELIST + 4
        return spin_unlock_irq(run, cpu, l3.list_lock)
    if stage == 4 and frame.slab != NO_SLAB:
        slabs[frame.slab].link = NO_SLAB
        frame.nr += 1
        note_drained(run, cpu, frame.slab)
        frame.pc = DRAIN_FREELIST + 1
        call(run, cpu, DESTROY, frame.cache, 0, 0, frame.slab, 0)
        return GO
    end_of_path(cpu, frame.nr)
    return GO

"""What a handler does, in compiled code: a path on top of the one that it interrupts, which goes on below it afterwards.

Leaves out when a handler begins (`interrupts`).
"""

from __future__ import annotations

from slabdes.allocator.state import NO_OBJECT
from slabdes.engine.compiled.account import (
    IRQ_WAIT,
    begin_account,
    disable_irqs,
    end_account,
    end_interrupt,
    remember_accounts,
)
from slabdes.engine.compiled.clock import (
    GAMMA_WORD,
    Record,
    add,
    count,
    descriptor_read,
    exponential_draw,
    first_touch,
    link_of,
    set_timer,
    settle,
)
from slabdes.engine.compiled.codes import INTERRUPT, STAGE
from slabdes.engine.compiled.layout import Status
from slabdes.engine.compiled.numba_tools import function, inline, ints_at
from slabdes.engine.compiled.slab_paths import paths
from slabdes.engine.timed import MOST_IN_A_ROW
from slabdes.paths.outcome import Path
from slabdes.streams import mix64

begin_kmem_cache_alloc, begin_kmem_cache_free = paths.begin_kmem_cache_alloc, paths.begin_kmem_cache_free
_GO, _STORM = int(Status.GO), int(Status.STORM)
_FAIL = int(Path.FAIL)


@inline
def _gap(run: Record, cpu: Record) -> int:
    if run.irq_periodic:
        return run.irq_mean
    cpu.irq_key += GAMMA_WORD
    return exponential_draw(run, mix64(cpu.irq_key), run.irq_mean)


@function
def handle_interrupts(run: Record, cpu: Record, frame: Record) -> int:
    """Local variables: a when the handler began, b what the CPU has still to do, i objects allocated, nr handlers in a row."""
    stage = frame.pc & STAGE
    if stage == 0:
        _begin(run, cpu, frame)
        stage = 1
    elif stage == 2:
        _allocated(run, cpu, frame)
        stage = 1
    elif stage == 4:
        settle(run, cpu)
        cpu.frees += 1
        count(run, cpu, frame.cache, cpu.path, frame.batch, frame.slab)
        end_account(run, cpu, cpu.path)
        stage = 3
    if stage == 1:
        if frame.i < run.irq_objects:
            frame.i += 1
            frame.batch = cpu.clock
            begin_account(run, cpu)
            cpu.work += run.alloc_hit
            frame.pc = INTERRUPT + 2
            begin_kmem_cache_alloc(run, cpu, frame.cache, 0)
            return _GO
        stage = 3
    if cpu.held > run.irq_keep:
        _free_oldest(run, cpu, frame)
        return _GO
    return _end(run, cpu, frame)


@inline
def _begin(run: Record, cpu: Record, frame: Record) -> None:
    came = max(max(cpu.irq_at, cpu.irqs_on_at), run.now)
    frame.b = cpu.clock - came
    cpu.clock = came
    add(run.irq_buckets, run.irq_counts, IRQ_WAIT, came - cpu.irq_at)
    cpu.interrupts += 1
    cpu.irq_at += _gap(run, cpu)
    while cpu.irq_at <= came:
        cpu.interrupts_lost += 1
        cpu.irq_at += _gap(run, cpu)
    set_timer(cpu)
    frame.i = 0
    frame.a = came
    remember_accounts(run, cpu)
    disable_irqs(cpu)
    cpu.work += run.irq_work
    settle(run, cpu)


@inline
def _allocated(run: Record, cpu: Record, frame: Record) -> None:
    settle(run, cpu)
    obj = cpu.ret
    path = _FAIL
    cpu.allocs += 1
    if obj == NO_OBJECT:
        cpu.failed += 1
    else:
        path = cpu.path
        first_touch(run, cpu, link_of(run, obj))
        room = run.irq_keep + run.irq_objects
        ints_at(run.rings)[cpu.number * room + (cpu.oldest + cpu.held) % room] = obj
        cpu.held += 1
    count(run, cpu, frame.cache, path, frame.batch, obj)
    end_account(run, cpu, path)


@inline
def _free_oldest(run: Record, cpu: Record, frame: Record) -> None:
    room = run.irq_keep + run.irq_objects
    obj = ints_at(run.rings)[cpu.number * room + cpu.oldest]
    cpu.oldest = (cpu.oldest + 1) % room
    cpu.held -= 1
    frame.batch = cpu.clock
    begin_account(run, cpu)
    cpu.work += run.free_hit
    descriptor_read(run, cpu, link_of(run, obj))
    frame.slab = obj
    frame.pc = INTERRUPT + 4
    begin_kmem_cache_free(run, cpu, frame.cache, obj)


@inline
def _end(run: Record, cpu: Record, frame: Record) -> int:
    end_interrupt(run, cpu, frame.a)
    cpu.clock += frame.b
    frame.nr += 1
    if frame.nr == MOST_IN_A_ROW:
        return _STORM
    if cpu.irq_at <= cpu.clock:
        frame.pc = INTERRUPT
        return _GO
    cpu.path = frame.path
    cpu.ret = frame.obj
    cpu.ret2 = frame.home
    cpu.sp -= 1
    return _GO

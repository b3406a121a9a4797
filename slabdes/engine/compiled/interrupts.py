"""Interrupts in compiled code: TimedKernel's irqs_on, irqs_off and take_interrupts, and the handler as a path of its own.

A handler is put on top of the path under way, which goes on below it afterwards: whoever calls a function here that may do
so returns to the driver. Leaves out when a program's CPU looks for interrupts (`program`).
"""

from __future__ import annotations

from slabdes.allocator.state import NO_OBJECT
from slabdes.engine.compiled.account import (
    IRQ_WAIT,
    begin_account,
    disable_irqs,
    enable_irqs,
    end_account,
    end_interrupt,
    remember_accounts,
)
from slabdes.engine.compiled.clock import (
    GAMMA_WORD,
    Record,
    add,
    call,
    count,
    descriptor_read,
    exponential_draw,
    first_touch,
    link_of,
    set_timer,
    settle,
)
from slabdes.engine.compiled.codes import ALLOC, FREE, INTERRUPT, STAGE
from slabdes.engine.compiled.layout import Status
from slabdes.engine.compiled.numba_tools import frames_at, function, inline, ints_at
from slabdes.paths.interrupts import MOST_IN_A_ROW
from slabdes.paths.outcome import Path
from slabdes.streams import mix64

_GO, _STORM = int(Status.GO), int(Status.STORM)
_FAIL = int(Path.FAIL)


@function
def irqs_on(run: Record, cpu: Record) -> None:
    """Interrupts go on in the middle of a path; a handler may now be on top of it."""
    settle(run, cpu)
    enable_irqs(run, cpu, cpu.clock)
    cpu.work += run.irq_pair
    take_interrupts(run, cpu)


@function
def before_irqs_off(run: Record, cpu: Record) -> bool:
    """Interrupts are about to go off: whether some came meanwhile, to be handled first. Then comes disable_irqs."""
    settle(run, cpu)
    take_interrupts(run, cpu)
    return frames_at(run.frames)[cpu.frame0 + cpu.sp].pc == INTERRUPT


@function
def irq_restore(run: Record, cpu: Record) -> None:
    """An inner operation is over; a handler may now be on top of the path."""
    enable_irqs(run, cpu, cpu.clock)
    take_interrupts(run, cpu)


@inline
def take_interrupts(run: Record, cpu: Record) -> None:
    """If interrupts are on, let those that have come be handled next, each in the middle of what the CPU was doing then."""
    if not cpu.irqs_off_depth and cpu.irq_at <= cpu.clock:
        _interrupt(run, cpu)


@function
def _interrupt(run: Record, cpu: Record) -> None:
    settle(run, cpu)
    frame = call(run, cpu, INTERRUPT, run.irq_cache, cpu.node, 0, 0, 0)
    frame.nr = 0
    frame.path = cpu.path
    frame.obj = cpu.ret
    frame.home = cpu.ret2


@function
def begin_bulk(run: Record, cpu: Record) -> None:
    """TimedCpu.begin_bulk."""
    disable_irqs(cpu)
    cpu.in_bulk = 1
    cpu.alloc_hit = run.alloc_bulk
    cpu.free_hit = run.free_bulk
    set_timer(cpu)
    cpu.work += run.irq_pair
    settle(run, cpu)


@function
def end_bulk(run: Record, cpu: Record) -> None:
    """TimedCpu.end_bulk; a handler may now be on top of the program."""
    cpu.in_bulk = 0
    cpu.alloc_hit = run.alloc_hit
    cpu.free_hit = run.free_hit
    set_timer(cpu)
    enable_irqs(run, cpu, cpu.clock)
    take_interrupts(run, cpu)


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
            call(run, cpu, ALLOC, frame.cache, cpu.node, 0, 0, 0)
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
    call(run, cpu, FREE, frame.cache, 0, 0, obj, 0)


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

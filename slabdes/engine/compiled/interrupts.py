"""Interrupts in compiled code: TimedKernel's irqs_on, irqs_off and take_interrupts, and the handler as a path of its own.

A handler is put on top of the path under way, which goes on below it afterwards: whoever calls a function here that may do
so returns to the driver. Leaves out when a program's CPU looks for interrupts (`program`).
"""

from __future__ import annotations

from slabdes.engine.compiled.account import (
    disable_irqs,
    enable_irqs,
)
from slabdes.engine.compiled.clock import (
    CALLED,
    GO,
    Record,
    call,
    set_timer,
    settle,
)
from slabdes.engine.compiled.codes import INTERRUPT
from slabdes.engine.compiled.layout import Status
from slabdes.engine.compiled.numba_tools import function, inline
from slabdes.paths.outcome import Path

_GO, _STORM = int(Status.GO), int(Status.STORM)
_FAIL = int(Path.FAIL)


@function
def irqs_on(run: Record, cpu: Record) -> int:
    """Interrupts go on in the middle of a path."""
    settle(run, cpu)
    enable_irqs(run, cpu, cpu.clock)
    cpu.work += run.irq_pair
    return take_interrupts(run, cpu)


@function
def before_irqs_off(run: Record, cpu: Record) -> int:
    """Interrupts are about to go off: some may have come meanwhile."""
    settle(run, cpu)
    return take_interrupts(run, cpu)


@inline
def irqs_off(run: Record, cpu: Record) -> None:
    """Interrupts go off."""
    disable_irqs(cpu)


@inline
def irq_save(run: Record, cpu: Record) -> None:
    """Interrupts go off for an inner operation."""
    disable_irqs(cpu)


@function
def irq_restore(run: Record, cpu: Record) -> int:
    """An inner operation is over."""
    enable_irqs(run, cpu, cpu.clock)
    return take_interrupts(run, cpu)


@inline
def take_interrupts(run: Record, cpu: Record) -> int:
    """If interrupts are on, let those that have come be handled next, each in the middle of what the CPU was doing then."""
    if not cpu.irqs_off_depth and cpu.irq_at <= cpu.clock:
        _interrupt(run, cpu)
        return CALLED
    return GO


@function
def _interrupt(run: Record, cpu: Record) -> None:
    settle(run, cpu)
    frame = call(run, cpu, INTERRUPT)
    frame.cache = run.irq_cache
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

# SPDX-License-Identifier: GPL-2.0-only
"""What paths ask for about interrupts, in compiled form: when one comes, what it costs, what handlers hold.

What an interrupt does is a path (`paths.interrupts`). Leaves out when a program's CPU looks for interrupts (`program`).
"""

from __future__ import annotations

from slabdes.engine.compiled.clock import CALLED, GAMMA_WORD, GO, call, exponential_draw, set_timer
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.layout import Status
from slabdes.engine.compiled.numba_tools import by_run, function, inline, ints_at
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.slub.layout import SlubRun
from slabdes.streams import mix64

_STORM = int(Status.STORM)


@inline
def interrupted(run: Run, cpu: Cpu) -> int:
    """If interrupts are on and some have come, let them be handled next: on top of the path under way."""
    if not cpu.irqs_off_depth and cpu.irq_at <= cpu.clock:
        call(run, cpu, run.take_interrupts)
        return CALLED
    return GO


@function
def next_interrupt(run: Run, cpu: Cpu) -> None:
    """Move `cpu.irq_at` on to when the interrupt after that comes."""
    gap = run.irq_mean
    if not run.irq_periodic:
        cpu.irq_key += GAMMA_WORD
        gap = exponential_draw(run, mix64(cpu.irq_key), run.irq_mean)
    cpu.irq_at += gap
    set_timer(run, cpu)


@inline
def interrupt_storm(run: Run, cpu: Cpu) -> int:
    """The CPU does nothing any more but handle interrupts."""
    return _STORM


def _hits_nothing(run: SlubRun, cpu: Cpu) -> None:
    cpu.alloc_hit = 0
    cpu.free_hit = 0


def _hits_cheaply(run: Run, cpu: Cpu) -> None:
    cpu.alloc_hit = run.alloc_bulk
    cpu.free_hit = run.free_bulk


_hits_in_bulk = by_run(SlubRun, _hits_nothing, _hits_cheaply)
"""What hits cost within a bulk call; on SLUB there are none, as its objects do not come or go one by one."""


@inline
def set_bulk(run: Run, cpu: Cpu, in_bulk: bool) -> None:
    """A bulk call begins or ends."""
    cpu.in_bulk = in_bulk
    if in_bulk:
        _hits_in_bulk(run, cpu)
    else:
        cpu.alloc_hit = run.alloc_hit
        cpu.free_hit = run.free_hit
    set_timer(run, cpu)


@inline
def _room(run: Run) -> int:
    return run.irq_keep + run.irq_objects


@function
def hold(run: Run, cpu: Cpu, obj: int) -> None:
    """The CPU's handlers hold one more object."""
    ints_at(run.rings)[cpu.number * _room(run) + (cpu.oldest + cpu.held) % _room(run)] = obj
    cpu.held += 1


@inline
def held(run: Run, cpu: Cpu) -> int:
    """How many they hold."""
    return cpu.held


@function
def oldest_held(run: Run, cpu: Cpu) -> int:
    """The oldest of them, which they hold no longer."""
    obj = ints_at(run.rings)[cpu.number * _room(run) + cpu.oldest]
    cpu.oldest = (cpu.oldest + 1) % _room(run)
    cpu.held -= 1
    return obj

"""What an interrupt does to a CPU: its handler takes over wherever interrupts are on, works, allocates and frees.

A source is an edge-triggered line: one interrupt can be pending, more are lost. Leaves out when interrupts are on (the kernel).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slabdes.allocator.state import NO_OBJECT
from slabdes.engine.cpu import TimedCpu
from slabdes.engine.timed import MOST_IN_A_ROW, interrupt_storm, next_gap
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Path
from slabdes.paths.slab.alloc import kmem_cache_alloc
from slabdes.paths.slab.free import kmem_cache_free

if TYPE_CHECKING:
    from slabdes.engine.reference.kernel import TimedKernel


def take_interrupts(kernel: TimedKernel, cpu: TimedCpu) -> Waits[None]:
    """Handle the interrupts that have come, each in the middle of what the CPU was doing then."""
    cpu.settle()
    in_a_row = 0
    while cpu.irq_at <= cpu.clock:
        came = max(cpu.irq_at, cpu.irqs_on_at, kernel.now)
        left = cpu.clock - came
        cpu.clock = came
        yield from _handle(kernel, cpu)
        cpu.clock += left
        in_a_row += 1
        if in_a_row == MOST_IN_A_ROW:
            raise interrupt_storm(cpu.number)


def _handle(kernel: TimedKernel, cpu: TimedCpu) -> Waits[None]:
    """Handle the interrupt that is pending: work, allocate atomically, free the oldest objects beyond those kept."""
    settings = kernel.settings.interrupts
    assert settings is not None
    cpu.irq_wait.add(cpu.clock - cpu.irq_at)
    cpu.interrupts += 1
    cpu.irq_at += next_gap(settings, cpu.irq_words)
    while cpu.irq_at <= cpu.clock:
        cpu.interrupts_lost += 1
        cpu.irq_at += next_gap(settings, cpu.irq_words)
    path, altfail = cpu.path, cpu.altfail
    began = cpu.begin_interrupt()
    cpu.work += settings.work
    cpu.settle()
    for _object in range(settings.objects):
        yield from _alloc(kernel, cpu, settings.cache)
    held = kernel.held_by_handlers[cpu.number]
    while len(held) > settings.keep:
        yield from _free(kernel, cpu, settings.cache, held.popleft())
    cpu.end_interrupt(began)
    cpu.path, cpu.altfail = path, altfail


def _alloc(kernel: TimedKernel, cpu: TimedCpu, number: int) -> Waits[None]:
    start = cpu.clock
    cpu.begin_account()
    cpu.work += kernel.costs.alloc_hit
    obj = yield from kmem_cache_alloc(kernel, cpu, kernel.state.caches[number], 0)
    cpu.settle()
    cpu.allocs += 1
    path = Path.FAIL
    if obj == NO_OBJECT:
        cpu.failed += 1
    else:
        path = cpu.path
        kernel.first_touch(cpu, obj)
        kernel.held_by_handlers[cpu.number].append(obj)
    cpu.count(number, path, start, obj)
    cpu.end_account(path)


def _free(kernel: TimedKernel, cpu: TimedCpu, number: int, obj: int) -> Waits[None]:
    start = cpu.clock
    cpu.begin_account()
    cpu.work += kernel.costs.free_hit
    kernel.descriptor_read(cpu, obj)
    yield from kmem_cache_free(kernel, cpu, kernel.state.caches[number], obj)
    cpu.settle()
    cpu.frees += 1
    cpu.count(number, cpu.path, start, obj)
    cpu.end_account(cpu.path)

# SPDX-License-Identifier: GPL-2.0-only
"""What shrinking and tuning ask for, in compiled form: interrupts of all CPUs, and a tune's new arrays, which Python has made.

Other CPUs drain on stacks of their own, one after the other: the CPU that has interrupted them goes on afterwards. Only op
scripts do all this.
"""

from __future__ import annotations

from collections.abc import Callable

from slabdes.engine.compiled.clock import CALLED, GO, call, end_of_path
from slabdes.engine.compiled.codes import EACH_CPU
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.layout import Frame
from slabdes.engine.compiled.numba_tools import cpus_at, function, inline, ints_at
from slabdes.engine.compiled.script_layout import ScriptRun
from slabdes.engine.compiled.slab.records import caches_at


@inline
def drain_each_cpu(run: ScriptRun, cpu: Cpu, cache: int) -> int:
    """Have every CPU run do_drain."""
    frame = call(run, cpu, EACH_CPU)
    frame.cache = cache
    frame.i = 0
    return CALLED


@function
def interrupt_next(run: ScriptRun, cpu: Cpu, frame: Frame, begin_do_drain: Callable[..., Frame]) -> int:
    """Let the next CPU, perhaps this one, drain before this one goes on."""
    if frame.i == run.n_cpus:
        end_of_path(cpu, 0)
        return GO
    other = ints_at(run.interrupts)[frame.i]
    frame.i += 1
    if other != cpu.number:
        run.caller = cpu.number
        run.turn = other
    begin_do_drain(run, cpus_at(run.cpus)[other], frame.cache)
    return CALLED


@inline
def swap_arrays(run: ScriptRun, cpu: Cpu, cache: int, limit: int, batchcount: int) -> None:
    """Every CPU has its new array."""
    record = caches_at(run.caches)[cache]
    run.old_arrays = record.array
    record.array = run.new_arrays


@inline
def old_array(run: ScriptRun, cpu: Cpu, number: int) -> int:
    """A CPU's array before that."""
    return run.old_arrays + number


@inline
def new_shared(run: ScriptRun, cpu: Cpu, cache: int, node: int) -> int:
    """A node's new shared array."""
    return ints_at(run.new_shared)[node]


@inline
def nr_cpus_node(run: ScriptRun, node: int) -> int:
    """How many CPUs a node has."""
    return ints_at(run.cpus_of_node)[node]

# SPDX-License-Identifier: GPL-2.0-only
"""What shrinking and tuning ask for, in compiled form: interrupts of all CPUs, and a tune's new arrays, which Python has made.

Other CPUs drain on stacks of their own, one after the other: the CPU that has interrupted them goes on afterwards. Only op
scripts do all this.
"""

from __future__ import annotations

from typing import Any

from slabdes.engine.compiled.clock import CALLED, GO, Record, call, end_of_path
from slabdes.engine.compiled.codes import EACH_CPU
from slabdes.engine.compiled.numba_tools import caches_at, cpus_at, function, inline, ints_at


@inline
def drain_each_cpu(run: Record, cpu: Record, cache: int) -> int:
    """Have every CPU run do_drain."""
    frame = call(run, cpu, EACH_CPU)
    frame.cache = cache
    frame.i = 0
    return CALLED


@function
def interrupt_next(run: Record, cpu: Record, frame: Record, begin_do_drain: Any) -> int:
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
def swap_arrays(run: Record, cpu: Record, cache: int, limit: int, batchcount: int) -> None:
    """Every CPU has its new array."""
    record = caches_at(run.caches)[cache]
    run.old_arrays = record.array
    record.array = run.new_arrays


@inline
def old_array(run: Record, cpu: Record, number: int) -> int:
    """A CPU's array before that."""
    return run.old_arrays + number


@inline
def new_shared(run: Record, cpu: Record, cache: int, node: int) -> int:
    """A node's new shared array."""
    return ints_at(run.new_shared)[node]


@inline
def nr_cpus_node(run: Record, node: int) -> int:
    """How many CPUs a node has."""
    return ints_at(run.cpus_of_node)[node]

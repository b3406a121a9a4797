# SPDX-License-Identifier: GPL-2.0-only
"""What shrinking and tuning ask for, in compiled form: interrupts of all CPUs, and a tune's new arrays, which Python has made.

Only op scripts do all this.
"""

from __future__ import annotations

from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.each_cpu import call_each_cpu
from slabdes.engine.compiled.numba_tools import inline, ints_at
from slabdes.engine.compiled.script_layout import ScriptRun
from slabdes.engine.compiled.slab.records import caches_at


@inline
def drain_each_cpu(run: ScriptRun, cpu: Cpu, cache: int) -> int:
    """Have every CPU run do_drain."""
    return call_each_cpu(run, cpu, cache)


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

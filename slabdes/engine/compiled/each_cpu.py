# SPDX-License-Identifier: GPL-2.0-only
"""Interrupts of all CPUs by one that waits for them, in compiled code: each runs a path on a stack of its own, one by one.

The CPU that has interrupted them goes on afterwards. Only op scripts do this. Leaves out which path.
"""

from __future__ import annotations

from collections.abc import Callable

from slabdes.engine.compiled.clock import CALLED, GO, call, end_of_path
from slabdes.engine.compiled.codes import EACH_CPU
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.layout import Frame
from slabdes.engine.compiled.numba_tools import cpus_at, function, inline, ints_at
from slabdes.engine.compiled.script_layout import Script


@inline
def call_each_cpu(run: Script, cpu: Cpu, cache: int) -> int:
    """Have every CPU run the path, in the script's order."""
    frame = call(run, cpu, EACH_CPU)
    frame.cache = cache
    frame.i = 0
    return CALLED


@function
def interrupt_next(run: Script, cpu: Cpu, frame: Frame, begin: Callable[..., Frame]) -> int:
    """Let the next CPU, perhaps this one, run the path that `begin` begins before this one goes on."""
    if frame.i == run.n_cpus:
        end_of_path(cpu, 0)
        return GO
    other = ints_at(run.interrupts)[frame.i]
    frame.i += 1
    if other != cpu.number:
        run.caller = cpu.number
        run.turn = other
    begin(run, cpus_at(run.cpus)[other], frame.cache)
    return CALLED

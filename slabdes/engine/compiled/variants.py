# SPDX-License-Identifier: GPL-2.0-only
"""Where an op script's run and a timed one differ in the compiled paths, chosen by the type of the run's record.

A script's steps are written down, its jiffies and page failures are given. A timed run is compiled without all
that. Leaves out who reads what is written down (`serial`).
"""

from __future__ import annotations

from slabdes.allocator.state import NO_NODE
from slabdes.engine.compiled import clock
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.numba_tools import by_run, events_at
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.script_layout import ScriptRun


def _write(run: ScriptRun, cpu: Cpu, kind: int, a: int, b: int, c: int, d: int, e: int, f: int) -> None:
    event = events_at(run.events)[run.n_events]
    run.n_events += 1
    event.kind = kind
    event.cpu = cpu.number
    event.a = a
    event.b = b
    event.c = c
    event.d = d
    event.e = e
    event.f = f


def _write_nothing(run: Run, cpu: Cpu, kind: int, a: int, b: int, c: int, d: int, e: int, f: int) -> None:
    pass


write = by_run(ScriptRun, _write, _write_nothing)
"""Write an event of a script down."""


def _scripted_length(run: ScriptRun, node: int) -> int:
    if run.failing_calls and (run.failing_node == NO_NODE or run.failing_node == node):
        run.failing_calls -= 1
        return 0
    return run.n_nodes


def _all_nodes(run: Run, node: int) -> int:
    return run.n_nodes


zones_length = by_run(ScriptRun, _scripted_length, _all_nodes)
"""How many nodes' pages will do for a call of the page allocator's: none if a script says that it fails."""


def _scripted_jiffies(run: ScriptRun, cpu: Cpu) -> int:
    return run.jiffies


jiffies = by_run(ScriptRun, _scripted_jiffies, clock.jiffies_of)
"""The CPU's time in jiffies."""


def _at_once(run: Run, cpu: Cpu) -> int:
    return 0


reap_time = by_run(ScriptRun, _at_once, clock.reap_time)
"""When the CPU's reap timer fires, picoseconds: in a script, whenever it says so."""

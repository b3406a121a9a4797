# SPDX-License-Identifier: GPL-2.0-only
"""Where an op script's run and a timed one differ in the compiled paths, chosen by the type of the run's record.

A script's steps are written down, its jiffies and page failures are given. A timed run is compiled without all
that. Leaves out who reads what is written down (`serial`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from slabdes.allocator.state import NO_NODE
from slabdes.engine.compiled import clock
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.layout import Status
from slabdes.engine.compiled.numba_tools import by_record, by_run, events_at
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.script_layout import Script, ScriptRun
from slabdes.engine.compiled.slub.script_layout import ScriptSlubRun


def _write(run: Script, cpu: Cpu, kind: int, a: int, b: int, c: int, d: int, e: int, f: int) -> None:
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


write: Final[Callable[[Run, Cpu, int, int, int, int, int, int, int], None]] = by_record({Script: _write}, _write_nothing)
"""Write an event of a script down."""


_GO, _EVENTS = int(Status.GO), int(Status.EVENTS)
EVENTS_OF_A_LOOK = 64
"""More than SLUB's paths write down between two looks beside a few events for each slab."""
EVENTS_OF_A_SLAB = 4


def _stop_if_full(run: ScriptSlubRun) -> int:
    return _EVENTS if run.n_events + EVENTS_OF_A_SLAB * run.n_slabs + EVENTS_OF_A_LOOK > run.event_room else _GO


def _go_on(run: Run) -> int:
    return _GO


after_look = by_run(ScriptSlubRun, _stop_if_full, _go_on)
"""How a look ends that need not wait: a log's run stops where its events have to be read first."""


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

# SPDX-License-Identifier: GPL-2.0-only
"""A CPU's turns of upkeep in compiled code. SLUB has none.

Leaves out when they are due (`program`), and what they do (the paths).
"""

from __future__ import annotations

from slabdes.engine.compiled.clock import CALLED, GO, end_of_path, set_timer, upkeep_time
from slabdes.engine.compiled.codes import REAP
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.families import Begin, helper
from slabdes.engine.compiled.layout import Frame, Status
from slabdes.engine.compiled.numba_tools import by_run
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.slub.layout import SlubRun
from slabdes.engine.compiled.variants import reap_time

begin_take_turn: Begin = helper("begin_take_turn")
_STALLED = int(Status.STALLED)


def _turn(run: Run, cpu: Cpu, frame: Frame) -> int:
    """Run._take_turn."""
    if frame.pc == REAP:
        cpu.clock = max(cpu.clock, upkeep_time(cpu))
        frame.pc = REAP + 1
        begin_take_turn(run, cpu, run.hz, cpu.reap_at)
        return CALLED
    cpu.reap_at = reap_time(run, cpu)
    set_timer(run, cpu)
    end_of_path(cpu, 0)
    return GO


def _never(run: SlubRun, cpu: Cpu, frame: Frame) -> int:
    return _STALLED


turn = by_run(SlubRun, _never, _turn)
"""The CPU's turn of upkeep that is due first."""

# SPDX-License-Identifier: GPL-2.0-only
"""A CPU's turns of upkeep in compiled code, each allocator's.

Leaves out when they are due (`program`), and what they do (the paths).
"""

from __future__ import annotations

from slabdes.engine.compiled.clock import CALLED, GO, end_of_path, set_timer, upkeep_time
from slabdes.engine.compiled.codes import REAP
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.families import Begin, helper
from slabdes.engine.compiled.layout import Frame
from slabdes.engine.compiled.numba_tools import by_run
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.slub.layout import SlubRun
from slabdes.engine.compiled.variants import reap_time

begin_take_turn: Begin = helper("begin_take_turn")


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


def _slub_turn(run: SlubRun, cpu: Cpu, frame: Frame) -> int:
    """SlubRun._take_turn."""
    if frame.pc == REAP:
        cpu.clock = max(cpu.clock, upkeep_time(cpu))
        frame.pc = REAP + 1
        begin_take_turn(run, cpu)
        return CALLED
    set_timer(run, cpu)
    end_of_path(cpu, 0)
    return GO


def _set_timer(run: SlubRun, cpu: Cpu) -> None:
    if run.grace:
        set_timer(run, cpu)


def _unchanged(run: Run, cpu: Cpu) -> None:
    pass


turn = by_run(SlubRun, _slub_turn, _turn)
"""The CPU's turn of upkeep that is due first."""
timer_after_free = by_run(SlubRun, _set_timer, _unchanged)
"""What a free that was more than a hit has made of when the CPU's next turn is due: one by kfree_rcu may be waited for."""

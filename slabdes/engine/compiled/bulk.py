# SPDX-License-Identifier: GPL-2.0-only
"""Bulk calls of a program in compiled code: how each allocator begins and ends one, and what becomes of its objects meanwhile.

Leaves out what calls do, which are paths (`paths.interrupts`, `paths.slub.calls`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from slabdes.engine.compiled.clock import GO
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.families import helper, path
from slabdes.engine.compiled.numba_tools import by_run
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.slub.layout import SlubRun

_begin_bulk: Final[Callable[[Run, Cpu], None]] = helper("begin_bulk")
_end_bulk, _begin_end_bulk = path("end_bulk")
_begin_call, _begin_begin_call = path("begin_call")
_end_call, _begin_end_call = path("end_call")
_next_of_call: Final[Callable[[Run, Cpu], int]] = helper("next_of_call")
_join_call: Final[Callable[[Run, Cpu, int], None]] = helper("join_call")


def _begin_as_slub(run: SlubRun, cpu: Cpu) -> int:
    return _begin_call(run, cpu, _begin_begin_call(run, cpu, cpu.cache, cpu.what, cpu.flags))


def _begin_as_slab(run: Run, cpu: Cpu) -> int:
    _begin_bulk(run, cpu)
    return GO


def _end_as_slub(run: SlubRun, cpu: Cpu) -> int:
    return _end_call(run, cpu, _begin_end_call(run, cpu, cpu.cache, cpu.what))


def _end_as_slab(run: Run, cpu: Cpu) -> int:
    return _end_bulk(run, cpu, _begin_end_bulk(run, cpu))


begin_bulk: Final = by_run(SlubRun, _begin_as_slub, _begin_as_slab)
"""The bulk call that is the CPU's present step begins."""
end_bulk: Final = by_run(SlubRun, _end_as_slub, _end_as_slab)
"""It ends."""


def _hand_out(run: SlubRun, cpu: Cpu) -> bool:
    if cpu.in_bulk:
        cpu.ret = _next_of_call(run, cpu)
        return True
    return False


def _gather(run: SlubRun, cpu: Cpu, obj: int) -> bool:
    if cpu.in_bulk:
        _join_call(run, cpu, obj)
        return True
    return False


def _never(run: Run, cpu: Cpu) -> bool:
    return False


def _never_gathered(run: Run, cpu: Cpu, obj: int) -> bool:
    return False


handed_out: Final = by_run(SlubRun, _hand_out, _never)
"""Whether the object is one that a bulk call has allocated already: then it is in `cpu.ret`."""
gathered: Final = by_run(SlubRun, _gather, _never_gathered)
"""Whether it is freed at the end of a bulk call, with others."""

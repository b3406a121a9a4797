# SPDX-License-Identifier: GPL-2.0-only
"""What shrinking and flushing RCU sheaves ask for, in compiled form: every CPU does its part. Only logs do all this."""

from __future__ import annotations

from slabdes.engine.compiled.clock import CALLED, call
from slabdes.engine.compiled.codes import EACH_RCU
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.each_cpu import call_each_cpu
from slabdes.engine.compiled.numba_tools import inline
from slabdes.engine.compiled.slub.script_layout import ScriptSlubRun


@inline
def flush_each_cpu(run: ScriptSlubRun, cpu: Cpu, cache: int) -> int:
    """Have every CPU run flush_cpu."""
    return call_each_cpu(run, cpu, cache)


@inline
def flush_each_rcu(run: ScriptSlubRun, cpu: Cpu, cache: int) -> int:
    """Have every CPU hand its RCU sheaf over."""
    call(run, cpu, EACH_RCU).cache = cache
    return CALLED

# SPDX-License-Identifier: GPL-2.0-only
"""What a SLUB log decides where a timed run has a rule: fates of searches, failures, what comes in at a point.

`services` and `notes` choose these by the type of the run's record.
"""

from __future__ import annotations

from slabdes.allocator.slub.state import CYCLES_MASK
from slabdes.engine.compiled.clock import GO
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.layout import Status
from slabdes.engine.compiled.numba_tools import ints_at
from slabdes.engine.compiled.slub.records import slub_caches_at
from slabdes.engine.compiled.slub.script_layout import ScriptSlubRun, SlubEvent
from slabdes.engine.compiled.variants import write

_LET_IN = int(Status.LET_IN)
_PAGES_FAIL = int(SlubEvent.PAGES_FAIL)


def let_in(run: ScriptSlubRun, cpu: Cpu, point: int) -> int:
    """Stop where Python has something."""
    if run.let_in_at == point:
        run.let_in_at = -1
        return _LET_IN
    return GO


def cycles(run: ScriptSlubRun, cpu: Cpu) -> int:
    """What makes the next search end as it is to."""
    if run.skip_at == run.n_skips:
        return 0
    run.skip_at += 1
    return CYCLES_MASK if ints_at(run.skips)[run.skip_at - 1] else 0


def ask_pages(run: ScriptSlubRun, cpu: Cpu, cache: int, order: int, fallback: bool, node: int, thisnode: bool) -> None:
    """A slab's pages are about to be asked for: it may be this request that fails."""
    failing = run.failing_second if fallback else run.failing_first
    if failing:
        if fallback:
            run.failing_second -= 1
        else:
            run.failing_first -= 1
        run.no_pages = 1
        write(run, cpu, _PAGES_FAIL, fallback, 0, 0, 0, 0, 0)


def zones(run: ScriptSlubRun, node: int) -> int:
    """How many nodes' pages will do."""
    if run.no_pages:
        run.no_pages = 0
        return 0
    return run.nodes_with_memory


def sheaf_memory(run: ScriptSlubRun, cpu: Cpu, cache: int, capacity: int) -> bool:
    """Whether there is memory for a sheaf."""
    if run.failing_sheaves and capacity == slub_caches_at(run.caches)[cache].sheaf_capacity:
        run.failing_sheaves -= 1
        return False
    return True

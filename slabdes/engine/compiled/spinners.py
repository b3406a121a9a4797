# SPDX-License-Identifier: GPL-2.0-only
"""What those who spin on a lock's line cost its holder, in compiled code: judged at the grant, and for late ones at the release.

The counterpart of TimedKernel._set_toll and _late_toll. Leaves out who waits, and what a release costs (`locks`).
"""

from __future__ import annotations

from slabdes.allocator.transitions import NO_SLAB
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.layout import Lock
from slabdes.engine.compiled.numba_tools import cpus_at, function, inline, ints_at
from slabdes.engine.compiled.run_layout import Run
from slabdes.locks.disciplines import all_spinners_delay
from slabdes.locks.spinlock import FREE
from slabdes.paths.charges import late_toll, share_behind


@inline
def set_toll(run: Run, cpu: Cpu, held: Lock) -> None:
    """What a write to the lock's line will cost its new holder, because of who spins on it now (SpinLock.spinner)."""
    held.relinked, held.written = NO_SLAB, 0
    held.toll = _toll(run, cpu, held, False) if held.waiters and run.spinners_slow_holder else 0


@inline
def late_cost(run: Run, cpu: Cpu, held: Lock) -> int:
    """What the hold's writes cost beside, since CPUs have begun to spin during it; paid once."""
    if held.toll or not held.waiters or not run.late_spinners:
        return 0
    written, held.written = held.written, 0
    return late_toll(written, _toll(run, cpu, held, True))


@function
def _toll(run: Run, cpu: Cpu, held: Lock, late: bool) -> int:
    """What a write to the lock's line costs; `late`: each waiter's part times the thousandths of the hold that it spun."""
    cpus = cpus_at(run.cpus)
    spinner = held.first
    if held.passed != FREE and held.passed != held.last:
        spinner = cpus[held.passed].next_waiter
    toll = _part(run, cpu, held, spinner, late)
    if run.all_spin:
        from_all, waiter = 0, held.first
        for _place in range(held.waiters):
            from_all += _part(run, cpu, held, waiter, late)
            waiter = cpus[waiter].next_waiter
        toll = max(toll, all_spinners_delay(from_all, run.spinner_milli))
    return toll


@inline
def _part(run: Run, cpu: Cpu, held: Lock, waiter: int, late: bool) -> int:
    way = ints_at(run.transfer)[waiter * run.n_cpus + cpu.number]
    return way * share_behind(held.granted_at, cpus_at(run.cpus)[waiter].asked, cpu.clock) if late else way

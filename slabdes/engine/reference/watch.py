# SPDX-License-Identifier: GPL-2.0-only
"""The reference engine, watched: it runs as ever, and tells a `Watch` what happens, up to the end of the window.

Operations, holds and turns are told by the event log's own calls, so that times are the log's. Leaves out what is made of it.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, Final, cast

import simpy

from slabdes.allocator.state import NO_OBJECT, NOBODY, KmemCache, SlabState
from slabdes.allocator.versions import Version
from slabdes.config import Experiment
from slabdes.engine.cpu import TimedCpu
from slabdes.engine.event_log import EventLog
from slabdes.engine.records import LockKind
from slabdes.engine.reference.clocked import ClockedKernel
from slabdes.engine.reference.kernel import TimedKernel
from slabdes.engine.reference.process import Progress, Run
from slabdes.engine.reference.run import set_up, set_up_slub
from slabdes.engine.reference.slub import TimedSlubKernel
from slabdes.engine.timed import TimedLock, TimedSettings
from slabdes.engine.watch import (
    FLUSH,
    GROW,
    REFILL,
    SeenGrow,
    SeenHold,
    SeenInterrupt,
    SeenLock,
    SeenOperation,
    SeenStep,
    SeenTurn,
    Watch,
    Watched,
)
from slabdes.engine.working_set import FORGOTTEN, allocated_by
from slabdes.machine.topology import Machine
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Path, Upkeep
from slabdes.paths.sites import LockSite
from slabdes.paths.slab import alloc, free
from slabdes.paths.slub import alloc as sheaf_alloc
from slabdes.paths.slub import cpu_slab, cpu_slab_free, flush, slabs
from slabdes.paths.slub.functions import kernel_function
from slabdes.workload.programs import Workload

_STEPS: Final[dict[CodeType, tuple[str, str]]] = {
    function.__code__: (kernel_function(function.__name__), kind)
    for kind, functions in {
        REFILL: (alloc.cache_alloc_refill, sheaf_alloc.refill_sheaf, cpu_slab.___slab_alloc, slabs.slab_alloc_slow),
        FLUSH: (
            free.cache_flusharray,
            free.__drain_alien_cache,
            flush.sheaf_flush_unused,
            flush.sheaf_flush_main,
            cpu_slab.put_partials,
            cpu_slab_free._put_cpu_partial,
        ),
        GROW: (slabs.allocate_slab,),
    }.items()
    for function in functions
}
"""What is shown of operations' slow paths, by the code of the functions: their names, and of which kind they are."""


@dataclass
class _Within:
    """A function that has not returned: since when, and its latest step."""

    frame: FrameType
    start: int
    latest: int


class Watching(ClockedKernel[Any]):
    """A kernel that knows since when each CPU has been at what it has not ended."""

    watch: Watch

    def __init__(self, env: simpy.Environment, state: Any, machine: Machine, settings: TimedSettings[Any]) -> None:
        super().__init__(env, state, machine, settings)
        self.begun: list[list[int]] = [[] for _cpu in range(machine.n_cpus)]
        self.at_turns: set[int] | None = None
        self._within: list[list[_Within]] = [[] for _cpu in range(machine.n_cpus)]

    def look(self, cpu: TimedCpu) -> Waits[None]:
        self._comes_to(cpu)
        yield from super().look(cpu)
        self._comes_to(cpu)

    def spin_lock(self, cpu: TimedCpu, lock: int, site: LockSite) -> Waits[None]:
        yield from super().spin_lock(cpu, lock, site)
        self._comes_to(cpu)

    def spin_unlock(self, cpu: TimedCpu, lock: int) -> Waits[None]:
        yield from super().spin_unlock(cpu, lock)
        self._comes_to(cpu)

    def _comes_to(self, cpu: TimedCpu) -> None:
        """A CPU is at a step, the latest of the functions on the stack that call for it; others have returned."""
        if not self.begun[cpu.number]:
            return
        frames: list[FrameType] = []
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            if frame.f_code in _STEPS:
                frames.append(frame)
            frame = frame.f_back
        within = self._within[cpu.number]
        while within and not any(within[-1].frame is one for one in frames):
            ended = within.pop()
            if ended.latest > ended.start:
                self.watch.see(SeenStep(cpu.number, ended.start, ended.latest, *_STEPS[ended.frame.f_code]))
        for one in within:
            one.latest = cpu.clock
        within += [_Within(one, cpu.clock, cpu.clock) for one in frames[::-1][len(within) :]]

    def remember_accounts(self, cpu: TimedCpu) -> None:
        self.begun[cpu.number].append(cpu.clock)
        super().remember_accounts(cpu)

    def account_for(self, cpu: TimedCpu, path: Path) -> int:
        self.ends(cpu)
        return super().account_for(cpu, path)

    def account_for_interrupt(self, cpu: TimedCpu, began: int) -> None:
        self.ends(cpu)
        super().account_for_interrupt(cpu, began)
        self.watch.see(SeenInterrupt(cpu.number, began, cpu.clock))

    def ends(self, cpu: TimedCpu) -> None:
        """What a CPU began last has ended."""
        self._comes_to(cpu)
        self.begun[cpu.number].pop()

    def was_held(self, _cpu: int, _site: LockSite, _asked: int, _released: int) -> None:
        """A CPU has released a lock that it took from there."""

    def free_and_shared(self, _record: TimedLock) -> tuple[int, int]:
        """A list_lock's free_objects and shared->avail, where its allocator has them; else -1."""
        return -1, -1

    def owner_of(self, cache: int, obj: int) -> int:
        """The CPU that allocated an object last."""
        by = allocated_by(self.touched[self._link(obj)]) if cache >= 0 and obj != NO_OBJECT else FORGOTTEN
        return by if by < FORGOTTEN else NOBODY

    def is_over(self) -> bool:
        """Whether all that began within the window has ended."""
        end = self.watch.end
        if self.now < end:
            return False
        if self.at_turns is None:
            self.at_turns = {cpu.number for cpu in self.cpus if cpu.upkeep}
        return not self.at_turns and all(not begun or begun[0] >= end for begun in self.begun)


class WatchedKernel(Watching, TimedKernel):
    """SLAB, watched: it knows since when a cache grows, too."""

    def __init__(self, env: simpy.Environment, state: SlabState, machine: Machine, settings: TimedSettings[Version]) -> None:
        super().__init__(env, state, machine, settings)
        self.growing: list[list[tuple[int, bool]]] = [[] for _cpu in range(machine.n_cpus)]
        """Since when each CPU makes a slab, and whether it has asked for pages; an inner one, for descriptors, is last."""
        self._growing_before: list[list[int]] = [[] for _cpu in range(machine.n_cpus)]

    def remember_accounts(self, cpu: TimedCpu) -> None:
        self._growing_before[cpu.number].append(len(self.growing[cpu.number]))
        super().remember_accounts(cpu)

    def ends(self, cpu: TimedCpu) -> None:
        super().ends(cpu)
        del self.growing[cpu.number][self._growing_before[cpu.number].pop() :]

    def kmem_getpages(self, cpu: TimedCpu, cache: KmemCache, node: int, thisnode: bool) -> Waits[int]:
        growing = self.growing[cpu.number]
        if growing and not growing[-1][1]:
            growing[-1] = (growing[-1][0], True)
        else:
            growing.append((cpu.clock, True))
        return super().kmem_getpages(cpu, cache, node, thisnode)

    def was_held(self, cpu: int, site: LockSite, asked: int, released: int) -> None:
        growing = self.growing[cpu]
        if site is LockSite.COLOUR:
            growing.append((asked, False))
        elif site is LockSite.GROW and growing:
            self.watch.see(SeenGrow(cpu, growing.pop()[0], released))

    def free_and_shared(self, record: TimedLock) -> tuple[int, int]:
        if record.kind is not LockKind.LIST:
            return super().free_and_shared(record)
        l3 = self.state.caches[record.cache].nodelists[record.node]
        return l3.free_objects, l3.shared.avail if l3.shared else -1


class WatchedSlubKernel(Watching, TimedSlubKernel):
    """SLUB, watched."""


class _Told(EventLog):
    """The log that a watched run writes: into its Watch."""

    def __init__(self, kernel: Watching) -> None:
        super().__init__(lambda _kind, _rows: None)
        self._kernel = kernel
        self._see = kernel.watch.see
        self._numbers: Counter[int] = Counter()

    def operation(self, cpu: int, start: int, end: int, cache: int, path: int, what: int) -> None:
        number = self._numbers[cpu]
        self._numbers[cpu] = number + 1
        self._see(SeenOperation(cpu, start, end, cache, Path(path), what, number, self._kernel.owner_of(cache, what)))

    def hold(self, lock: int, cpu: int, asked: int, granted: int, released: int) -> None:
        record = self._kernel.locks[lock]
        free, shared = self._kernel.free_and_shared(record)
        handoff = record.handoff if asked < granted else 0
        site = LockSite(record.acquired_from)
        self._kernel.was_held(cpu, site, asked, released)
        self._see(SeenHold(cpu, asked, released, granted, lock, handoff, site, free, shared))

    def turn(self, cpu: int, start: int, end: int, upkeep: int, taken: bool) -> None:
        self._see(SeenTurn(cpu, start, end, Upkeep(upkeep), taken))
        if self._kernel.at_turns is not None:
            self._kernel.at_turns.discard(cpu)


def run_watched(
    experiment: Experiment,
    machine: Machine,
    workload: Workload,
    replication: int,
    watch: Watch,
    progress: Progress | None = None,
) -> Watched:
    """Simulate one replication until all that began in the watch's window has ended, or the run has."""
    run: Run
    if experiment.allocator.is_slub:
        run = set_up_slub(experiment, machine, workload, replication, progress, WatchedSlubKernel)
    else:
        run = set_up(experiment, machine, workload, replication, progress, WatchedKernel)
    kernel = cast(Watching, run.kernel)
    kernel.watch = watch
    told = _Told(kernel)
    for cpu in kernel.cpus:
        cpu.log = told
    run.live(kernel.is_over)
    caches = tuple(cache.name for cache in kernel.state.caches)
    ids = machine.node_ids
    return Watched(
        watch,
        tuple(
            SeenLock(lock.kind, caches[lock.cache] if lock.cache >= 0 else "", ids[lock.node], ids[lock.other])
            for lock in kernel.locks
        ),
        caches,
        tuple(ids[node] for node in machine.node_of_cpu),
        frozenset(workload.programs),
        kernel.settings.version,
        kernel.now,
        run.finished.processed,
    )

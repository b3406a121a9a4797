# SPDX-License-Identifier: GPL-2.0-only
"""The reference engine, telling each operation step by step: the paths' own notes, locks and pages, where they come from.

Every operation goes the whole way, hits too, which takes the same time to the picosecond. Leaves out printing.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from types import FrameType
from typing import Any, Final, cast

import simpy

from slabdes.allocator.lists import list_entries
from slabdes.allocator.state import BATCHCOUNT_UNUSED, ArrayCache, KmemCache, KmemList3, SlabState, obj_to_index, virt_to_slab
from slabdes.allocator.versions import Version
from slabdes.config import Experiment
from slabdes.engine.cpu import TimedCpu
from slabdes.engine.records import LockKind, Spent
from slabdes.engine.reference.kernel import TimedKernel
from slabdes.engine.reference.process import Progress
from slabdes.engine.reference.run import set_up
from slabdes.engine.reference.slab_run import SlabRun
from slabdes.engine.story import MOST_SLABS, ArrayPicture, NodePicture, Picture, Step, Told
from slabdes.engine.timed import TimedLock, TimedSettings
from slabdes.locks.spinlock import FREE
from slabdes.machine.topology import Machine
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Operation, Path
from slabdes.paths.sites import LockSite, function_at
from slabdes.paths.slab.functions import kernel_function
from slabdes.paths.slab.words import WORDS, array_words, list_words, words_of
from slabdes.workload.programs import Workload

_PARTS: Final = [part.name for part in fields(Spent)]
_PAGES, _WORK, _INTERRUPTS = (_PARTS.index(name) for name in ("pages", "work", "interrupts"))
_TELLING: Final = ("slabdes.paths.slab.", "slabdes.paths.pages")
"""Modules whose functions are the kernel's."""


class StoryRun(SlabRun):
    """A Run in which no hit takes the short cut."""

    def _alloc_hits(self, cpu: TimedCpu, number: int, slot: int) -> bool:
        return False

    def _free_hits(self, cpu: TimedCpu, number: int, slot: int) -> bool:
        return False


class _Telling:
    """An operation that is being told, and what had been charged when its last step ended."""

    def __init__(self, told: Told, charged: list[int]) -> None:
        self.told = told
        self.charged = charged


class StoryKernel(TimedKernel):
    """A TimedKernel whose `told` are the operations that have ended, in that order: of all CPUs, or of the one that is `only`."""

    def __init__(self, env: simpy.Environment, state: SlabState, machine: Machine, settings: TimedSettings[Version]) -> None:
        super().__init__(env, state, machine, settings)
        self.only: int | None = None
        self.told: list[Told] = []
        self.open: list[list[_Telling]] = [[] for _cpu in range(machine.n_cpus)]
        self._numbers: Counter[int] = Counter()
        self._raw = [[0, 0] for _cpu in range(machine.n_cpus)]
        """Work, and work on pages, as it was charged, less what the CPU lived through for it."""

    # What has been charged.

    def settle(self, cpu: TimedCpu) -> None:
        was = cpu.work + cpu.work_time, cpu.page_work + cpu.page_time
        super().settle(cpu)
        raw = self._raw[cpu.number]
        raw[0] += was[0] - cpu.work_time
        raw[1] += was[1] - cpu.page_time

    def look(self, cpu: TimedCpu) -> Waits[None]:
        self.settle(cpu)
        yield from super().look(cpu)

    def _charged(self, cpu: TimedCpu) -> list[int]:
        charged = list(cpu.accounts())
        raw = self._raw[cpu.number]
        charged[_WORK] += cpu.work + raw[0]
        charged[_PAGES] += cpu.page_work + raw[1]
        return charged

    # Steps.

    def tells_of(self, cpu: TimedCpu) -> bool:
        """Whether what a CPU does is told."""
        return self.only is None or self.only == cpu.number

    def step(self, cpu: TimedCpu, function: str, kind: str, words: str) -> None:
        """Something has been done; what has been charged since the step before is what it took."""
        if not self.open[cpu.number] or not words:
            return
        telling = self.open[cpu.number][-1]
        now = self._charged(cpu)
        took = {part: new - old for part, new, old in zip(_PARTS, now, telling.charged, strict=True) if new != old}
        telling.charged = now
        last = telling.told.steps[-1] if telling.told.steps else None
        if last is not None and (last.function, last.kind) == (function, kind) and kind in _ALIKE:
            last.like += 1
            last.took = {part: last.took.get(part, 0) + took.get(part, 0) for part in {**last.took, **took}}
            return
        telling.told.steps.append(Step(function, kind, words, took))

    def where(self) -> str:
        """The path's function that calls the kernel now, by its own name."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            name = frame.f_code.co_name
            if frame.f_globals["__name__"].startswith(_TELLING) and (not name.startswith("_") or name.startswith("__")):
                return name
            frame = frame.f_back
        return ""

    # Operations.

    def remember_accounts(self, cpu: TimedCpu) -> None:
        within = bool(self.open[cpu.number])
        told = Told(cpu.number, -1, "", cpu.clock, None, within=within)
        self.open[cpu.number].append(_Telling(told, self._charged(cpu)))
        super().remember_accounts(cpu)

    def kmem_cache_alloc(self, cpu: TimedCpu, cache: KmemCache, flags: int) -> Waits[int]:
        self._begins(cpu, cache)
        return super().kmem_cache_alloc(cpu, cache, flags)

    def kmem_cache_alloc_node(self, cpu: TimedCpu, cache: KmemCache, flags: int, node: int) -> Waits[int]:
        self._begins(cpu, cache)
        return super().kmem_cache_alloc_node(cpu, cache, flags, node)

    def kmem_cache_free(self, cpu: TimedCpu, cache: KmemCache, obj: int) -> Waits[None]:
        self._begins(cpu, cache)
        return super().kmem_cache_free(cpu, cache, obj)

    def _begins(self, cpu: TimedCpu, cache: KmemCache) -> None:
        told = self.open[cpu.number][-1].told
        told.cache, told.before = cache.name, self.picture(cpu, cache) if self.tells_of(cpu) else None

    def first_touch(self, cpu: TimedCpu, obj: int) -> None:
        self._hands_out(cpu, obj)
        before = cpu.clock
        super().first_touch(cpu, obj)
        if cpu.clock > before:
            self.step(cpu, "the caller", "touch", "touches the object, which is cold: new, or last allocated by another CPU")

    def descriptor_read(self, cpu: TimedCpu, obj: int) -> None:
        before = cpu.clock
        super().descriptor_read(cpu, obj)
        if cpu.clock > before:
            slab = virt_to_slab(obj)
            self.step(cpu, "kmem_cache_free", "touch", f"reads the descriptor of slab {slab}: another CPU allocated the object")

    def _hands_out(self, cpu: TimedCpu, obj: int) -> None:
        what = f"object {obj_to_index(obj)} of slab {virt_to_slab(obj)}"
        told = self.open[cpu.number][-1].told
        left = next(cache for cache in self.state.caches if cache.name == told.cache).array[cpu.number].avail
        function, words = "____cache_alloc", f"hands out {what}, the top of the array; {left} left"
        if cpu.path is Path.HIT:
            words = f"ac->avail is {left + 1}, a hit: {words}"
        elif cpu.path >= Path.NODE_PARTIAL:
            function, words = "____cache_alloc_node", f"hands out {what}; no array has changed"
        self.step(cpu, function, "end", words)

    def count(self, cpu: TimedCpu, cache: int, path: Path, start: int, what: int) -> None:
        super().count(cpu, cache, path, start, what)
        told = self.open[cpu.number][-1].told
        told.number = self._numbers[cpu.number]
        self._numbers[cpu.number] += 1
        told.end, told.path = cpu.clock, path
        if cache >= 0:
            self._counted(cpu, self.state.caches[cache], path, what, told)
        told.drawn = told.end - told.start - sum(sum(step.took.values()) for step in told.steps)

    def _counted(self, cpu: TimedCpu, cache: KmemCache, path: Path, obj: int, told: Told) -> None:
        told.object = obj
        avail = cache.array[cpu.number].avail
        if path is Path.FAIL:
            self.step(cpu, "kmem_cache_alloc", "end", "returns NULL")
        elif path in (Path.FREE_HIT, Path.FLUSH_SHARED, Path.FLUSH_LISTS):
            hit = f"ac->avail was {avail - 1}, below ac->limit, a hit: " if path is Path.FREE_HIT else ""
            self.step(cpu, "kmem_cache_free", "end", f"{hit}puts the object on the array's top; {avail} are there")
        elif path.operation is Operation.FREE:
            self.step(cpu, "kmem_cache_free", "end", "is done; this CPU's array has not changed")
        told.after = self.picture(cpu, cache) if self.tells_of(cpu) else None

    def account_for(self, cpu: TimedCpu, path: Path) -> int:
        telling = self.open[cpu.number].pop()
        if self.tells_of(cpu):
            self.told.append(telling.told)
        return super().account_for(cpu, path)

    def account_for_interrupt(self, cpu: TimedCpu, began: int) -> None:
        self.open[cpu.number].pop()
        super().account_for_interrupt(cpu, began)
        if self.open[cpu.number]:
            outer, now = self.open[cpu.number][-1], self._charged(cpu)
            now[_INTERRUPTS] = outer.charged[_INTERRUPTS]
            outer.charged = now
            self.step(cpu, "", "interrupt", "an interrupt comes; its handler takes the CPU")

    # Locks, pages, interrupts.

    def spin_lock(self, cpu: TimedCpu, lock: int, site: LockSite) -> Waits[None]:
        yield from self.look(cpu)
        record = self.locks[lock]
        again = self._again(cpu, f"lock {site.name}")
        behind, contended = self._behind(record), record.contended
        yield from super().spin_lock(cpu, lock, site)
        free = record.contended == contended
        words = f"takes {self.lock_name(record)}, which is free" if free else f"waits for {self.lock_name(record)}, {behind}"
        self.step(cpu, function_at(site, self.version), f"lock {site.name}", again + words)

    def _again(self, cpu: TimedCpu, kind: str) -> str:
        steps = self.open[cpu.number][-1].told.steps if self.open[cpu.number] else []
        retries = kind in ("lock REFILL", "lock NODEALLOC") and any(step.kind == kind for step in steps)
        return "goto retry: " if retries else ""

    def _behind(self, record: TimedLock) -> str:
        if record.acquired_by == FREE:
            return ""
        if record.next != FREE:
            return f"which is on its way to CPU {record.next}"
        holder = f"which CPU {record.acquired_by} has taken in {function_at(LockSite(record.acquired_from), self.version)}"
        ahead = len(record.waiters)
        return holder + (f", behind {ahead} that wait{'s' * (ahead == 1)}" if ahead else "")

    def lock_name(self, record: TimedLock) -> str:
        """A lock as the kernel's own text has it."""
        node = self.machine.node_ids[record.node]
        if record.kind is LockKind.SECTION:
            return "the lock"
        if record.kind is LockKind.ZONE:
            return f"zone->lock of node {node}"
        if record.kind is LockKind.ALIEN:
            return f"the lock of node {node}'s alien cache for node {self.machine.node_ids[record.other]}"
        return f"list_lock of node {node}"

    def spin_unlock(self, cpu: TimedCpu, lock: int) -> Waits[None]:
        record = self.locks[lock]
        where, waits = function_at(LockSite(record.acquired_from), self.version), len(record.waiters)
        yield from super().spin_unlock(cpu, lock)
        to = f"; {waits} wait{'s' * (waits == 1)} for it" if waits else ""
        self.step(cpu, where, "unlock", f"releases {self.lock_name(record)}{to}")

    def _function(self) -> str:
        return kernel_function(self.where(), self.version)

    def irqs_on(self, cpu: TimedCpu) -> Waits[None]:
        where = self._function()
        yield from super().irqs_on(cpu)
        self.step(cpu, where, "irqs", "may wait (__GFP_WAIT): interrupts go on")

    def irqs_off(self, cpu: TimedCpu) -> Waits[None]:
        where = self._function()
        yield from super().irqs_off(cpu)
        self.step(cpu, where, "irqs", "interrupts go off again")

    # Pictures.

    def picture(self, cpu: TimedCpu, cache: KmemCache) -> Picture:
        """A cache as it is now."""
        return Picture(_array(cache.array[cpu.number]), tuple(self._node(l3) for l3 in cache.nodelists))

    def _node(self, l3: KmemList3) -> NodePicture:
        slabs = self.state.slabs
        lists = []
        for which, head in enumerate((l3.slabs_partial, l3.slabs_full, l3.slabs_free)):
            numbers = list(list_entries(slabs, head))
            some = tuple((number, slabs[number].inuse, slabs[number].num) for number in numbers[:MOST_SLABS])
            lists.append((list_words(which), some, len(numbers)))
        arrays = tuple(_array(array) for array in (l3.shared, *(l3.alien or ())) if array is not None)
        return NodePicture(self.machine.node_ids[l3.node], tuple(lists), l3.free_objects, l3.free_limit, arrays)


_ALIKE: Final = ("note_returned",)
"""Steps that are told once for all of a kind in a row."""


def _array(array: ArrayCache) -> ArrayPicture:
    batchcount = 0 if array.batchcount == BATCHCOUNT_UNUSED else array.batchcount
    return ArrayPicture(array_words(array), array.avail, array.limit, batchcount, bool(array.touched))


def _telling(name: str, priced: Callable[..., None]) -> Callable[..., None]:
    """A note that is priced as ever, then told."""

    def note(self: StoryKernel, cpu: TimedCpu, *what: Any) -> None:
        priced(self, cpu, *what)
        where = self.where()
        words = words_of(name, where, self.state, cpu, *what)
        self.step(cpu, kernel_function(where, self.version), name, words)

    return note


for _name in WORDS:
    setattr(StoryKernel, _name, _telling(_name, getattr(TimedKernel, _name)))


def tell(
    experiment: Experiment,
    machine: Machine,
    workload: Workload,
    replication: int,
    first: int,
    cpu: int | None = None,
    progress: Progress | None = None,
) -> list[Told]:
    """The `first` operations that begin, of all CPUs or one, in the order in which they do; fewer if the run has no more."""
    run = set_up(experiment, machine, workload, replication, progress, StoryKernel, StoryRun)
    kernel = cast(StoryKernel, run.kernel)
    kernel.only = cpu

    def is_over() -> bool:
        if len(kernel.told) < first:
            return False
        open_since = [telling[0].told.start for telling in kernel.open if telling]
        reached = min([kernel.now, *open_since])
        return sum(one.start < reached for one in kernel.told) >= first

    run.live(is_over)
    return sorted(kernel.told, key=lambda one: (one.start, one.cpu, one.end))[:first]

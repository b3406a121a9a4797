# SPDX-License-Identifier: GPL-2.0-only
"""A kernel on SimPy's clock that tells each operation step by step, whichever allocator it has: its notes, locks and pages.

Every operation goes the whole way, hits too, which takes the same time to the picosecond. Leaves out what an allocator's notes
mean, and how its memory looks (`story`, `slub_story`).
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from types import FrameType
from typing import Any, Final

import simpy

from slabdes.allocator.lists import list_entries
from slabdes.allocator.state import Slab, virt_to_slab
from slabdes.engine.cpu import TimedCpu
from slabdes.engine.records import LockKind, Spent
from slabdes.engine.reference.charges import State
from slabdes.engine.reference.clocked import ClockedKernel
from slabdes.engine.reference.process import Run
from slabdes.engine.story import MOST_SLABS, Picture, Slabs, Step, Told
from slabdes.engine.timed import AnyKernel, TimedLock, TimedSettings
from slabdes.locks.spinlock import FREE
from slabdes.machine.topology import Machine
from slabdes.paths.kernel import Waits
from slabdes.paths.operations import KmemCache
from slabdes.paths.outcome import Operation, Path
from slabdes.paths.sites import LockSite, function_at

_PARTS: Final = [part.name for part in fields(Spent)]
_PAGES, _WORK, _INTERRUPTS = (_PARTS.index(name) for name in ("pages", "work", "interrupts"))
_PATHS: Final = "slabdes.paths."
"""Modules whose functions are the kernel's begin so."""
_ALIKE: Final = ("note_returned", "note_freed", "note_copied")
"""Steps that are told once for all of a kind in a row."""


class WholeRun(Run):
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


class TellingWaits(ClockedKernel[KmemCache]):
    """What of a kernel tells of charges, steps and locks; what it tells goes to the operation that is `open`.

    Apart from TellingKernel, since it has to come after an allocator's kernel that charges for something before it waits.
    """

    def __init__(
        self, env: simpy.Environment, state: State[KmemCache], machine: Machine, settings: TimedSettings[AnyKernel]
    ) -> None:
        super().__init__(env, state, machine, settings)
        self.only: int | None = None
        self.told: list[Told] = []
        self.open: list[list[_Telling]] = [[] for _cpu in range(machine.n_cpus)]
        self._numbers: Counter[int] = Counter()
        self._raw = [[0, 0] for _cpu in range(machine.n_cpus)]
        """Work, and work on pages, as it was charged, less what the CPU lived through for it."""

    @abstractmethod
    def path_name(self, module: str, name: str) -> str:
        """What a function of the paths is called for words; nothing for one that is a part of the function that calls it."""

    @abstractmethod
    def kernel_name(self, name: str) -> str:
        """What the kernel's version calls a function of that name."""

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
            module = str(frame.f_globals["__name__"])
            if module.startswith(_PATHS) and (name := self.path_name(module.removeprefix(_PATHS), frame.f_code.co_name)):
                return name
            frame = frame.f_back
        return ""

    # Locks, pages, interrupts.

    def spin_lock(self, cpu: TimedCpu, lock: int, site: LockSite) -> Waits[None]:
        yield from self.look(cpu)
        record = self.locks[lock]
        again = self._again(cpu, f"lock {site.name}")
        behind, contended = self._behind(record), record.contended
        yield from super().spin_lock(cpu, lock, site)
        free = record.contended == contended
        words = f"takes {self.lock_name(record)}, which is free" if free else f"waits for {self.lock_name(record)}, {behind}"
        self.step(cpu, function_at(site, self.settings.version), f"lock {site.name}", again + words)

    def _again(self, cpu: TimedCpu, kind: str) -> str:
        steps = self.open[cpu.number][-1].told.steps if self.open[cpu.number] else []
        retries = kind in ("lock REFILL", "lock NODEALLOC") and any(step.kind == kind for step in steps)
        return "goto retry: " if retries else ""

    def _behind(self, record: TimedLock) -> str:
        if record.acquired_by == FREE:
            return ""
        if record.next != FREE:
            return f"which is on its way to CPU {record.next}"
        holder = (
            f"which CPU {record.acquired_by} has taken in {function_at(LockSite(record.acquired_from), self.settings.version)}"
        )
        ahead = len(record.waiters)
        return holder + (f", behind {ahead} that wait{'s' * (ahead == 1)}" if ahead else "")

    def lock_name(self, record: TimedLock) -> str:
        """A lock as the kernel's own text has it."""
        node = self.machine.node_ids[record.node]
        if record.kind is LockKind.SECTION:
            return "the lock"
        if record.kind is LockKind.ZONE:
            return f"zone->lock of node {node}"
        if record.kind is LockKind.BARN:
            return f"the lock of node {node}'s barn"
        if record.kind is LockKind.ALIEN:
            return f"the lock of node {node}'s alien cache for node {self.machine.node_ids[record.other]}"
        return f"list_lock of node {node}"

    def spin_unlock(self, cpu: TimedCpu, lock: int) -> Waits[None]:
        record = self.locks[lock]
        where, waits = function_at(LockSite(record.acquired_from), self.settings.version), len(record.waiters)
        yield from super().spin_unlock(cpu, lock)
        to = f"; {waits} wait{'s' * (waits == 1)} for it" if waits else ""
        self.step(cpu, where, "unlock", f"releases {self.lock_name(record)}{to}")


class TellingKernel(TellingWaits[KmemCache]):
    """A kernel whose `told` are the operations that have ended, in that order: of all CPUs, or of the one that is `only`."""

    # What each allocator says of itself.

    @abstractmethod
    def picture(self, cpu: TimedCpu, cache: KmemCache) -> Picture:
        """A cache as it is now, and what the CPU has of it."""

    @abstractmethod
    def hands_out(self, cpu: TimedCpu, cache: KmemCache, obj: int) -> tuple[str, str]:
        """How an allocation ends, and in which function."""

    @abstractmethod
    def takes_back(self, cpu: TimedCpu, cache: KmemCache, path: Path) -> tuple[str, str]:
        """How a free ends, likewise."""

    # Operations.

    def remember_accounts(self, cpu: TimedCpu) -> None:
        within = bool(self.open[cpu.number])
        told = Told(cpu.number, -1, "", cpu.clock, None, within=within)
        self.open[cpu.number].append(_Telling(told, self._charged(cpu)))
        super().remember_accounts(cpu)

    def begins(self, cpu: TimedCpu, cache: KmemCache) -> None:
        """An operation of that cache begins."""
        told = self.open[cpu.number][-1].told
        told.cache, told.before = cache.name, self.picture(cpu, cache) if self.tells_of(cpu) else None

    def first_touch(self, cpu: TimedCpu, obj: int) -> None:
        self.step(cpu, *self._end(self.hands_out(cpu, self._cache(cpu), obj)))
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

    def count(self, cpu: TimedCpu, cache: int, path: Path, start: int, what: int) -> None:
        super().count(cpu, cache, path, start, what)
        told = self.open[cpu.number][-1].told
        told.number = self._numbers[cpu.number]
        self._numbers[cpu.number] += 1
        told.end, told.path = cpu.clock, path
        if cache >= 0:
            self._ends(cpu, self.state.caches[cache], path, what, told)
        told.drawn = told.end - told.start - sum(sum(step.took.values()) for step in told.steps)

    def _ends(self, cpu: TimedCpu, cache: KmemCache, path: Path, obj: int, told: Told) -> None:
        told.object = obj
        if path is Path.FAIL:
            self.step(cpu, "kmem_cache_alloc", "end", "returns NULL")
        elif path.operation is Operation.FREE:
            self.step(cpu, *self._end(self.takes_back(cpu, cache, path)))
        told.after = self.picture(cpu, cache) if self.tells_of(cpu) else None

    @staticmethod
    def _end(said: tuple[str, str]) -> tuple[str, str, str]:
        function, words = said
        return function, "end", words

    def _cache(self, cpu: TimedCpu) -> KmemCache:
        name = self.open[cpu.number][-1].told.cache
        return next(cache for cache in self.state.caches if cache.name == name)

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


def slabs_of(slabs: Sequence[Slab], name: str, numbers: Iterable[int]) -> Slabs:
    """A list of slabs as a picture has it."""
    every = list(numbers)
    return name, tuple((number, slabs[number].inuse, slabs[number].num) for number in every[:MOST_SLABS]), len(every)


def listed(slabs: Sequence[Slab], name: str, head: int) -> Slabs:
    """The same of one that is linked from its head on."""
    return slabs_of(slabs, name, list_entries(slabs, head))


def tell_all(kernel: type[TellingKernel[Any]], priced: type, words: Mapping[str, Callable[..., str]]) -> None:
    """Have each operation begin as a told one, and each note be priced as ever, then told."""
    for name in ("kmem_cache_alloc", "kmem_cache_alloc_node", "kmem_cache_free"):
        setattr(kernel, name, _told_operation(getattr(priced, name)))
    for name in words:
        setattr(kernel, name, _told_note(name, getattr(priced, name), words[name]))


def _told_operation(operation: Callable[..., Waits[Any]]) -> Callable[..., Waits[Any]]:
    def told(self: TellingKernel[Any], cpu: TimedCpu, cache: Any, *what: Any) -> Waits[Any]:
        self.begins(cpu, cache)
        return operation(self, cpu, cache, *what)

    return told


def _told_note(name: str, priced: Callable[..., None], words: Callable[..., str]) -> Callable[..., None]:
    def note(self: TellingKernel[Any], cpu: TimedCpu, *what: Any) -> None:
        priced(self, cpu, *what)
        where = self.where()
        self.step(cpu, self.kernel_name(where), name, words(where, self.state, cpu, *what))

    return note

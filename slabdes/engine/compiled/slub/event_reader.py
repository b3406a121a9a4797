# SPDX-License-Identifier: GPL-2.0-only
"""Tells a SlubKernel without a clock what compiled code has written down, as the generators would have told it themselves.

A note can ask the state for what the step has just changed: that much of it is kept up to date, event by event.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from slabdes.allocator.slub.state import SlabSheaf
from slabdes.allocator.state import Slab
from slabdes.engine.clockless_slub import ClocklessSlub
from slabdes.engine.compiled.script_layout import Event
from slabdes.engine.compiled.slub.script_layout import SlubEvent
from slabdes.paths.sites import LockSite
from slabdes.paths.slub.kernel import SlubCpu

_LOCKED, _UNLOCKED = int(Event.LOCKED), int(Event.UNLOCKED)
_FIRST: Final = int(min(SlubEvent))
_OF_NOTHING = range(SlubEvent.SWAPPED, SlubEvent.OVERSIZE)
_OF_NUMBERS = range(SlubEvent.OVERSIZE, SlubEvent.LIST_REFILLED)
_OF_SLABS = range(SlubEvent.LIST_REFILLED, SlubEvent.LIST_TAKEN)
_OF_SLABS_AND_NUMBERS = range(SlubEvent.LIST_TAKEN, SlubEvent.CMPXCHG)
_OF_NODES = range(SlubEvent.ISOLATED, SlubEvent.RETURNED)
_OF_NODES_AND_NUMBERS = range(SlubEvent.RETURNED, SlubEvent.GROWN)
_OF_CACHES = range(SlubEvent.GROWN, SlubEvent.SHEAF_ALLOCATED)
_OF_SHEAVES = range(SlubEvent.SHEAF_ALLOCATED, SlubEvent.CALL_RCU)


class SlubEventReader:
    """Reads events for one kernel, whose caches are all there."""

    def __init__(self, kernel: ClocklessSlub) -> None:
        self._kernel = kernel
        self._n_locks = kernel.state.n_locks
        self._notes: list[Any] = [getattr(kernel, f"note_{event.name.lower()}", None) for event in SlubEvent]

    def read(self, events: Iterable[tuple[int, ...]]) -> None:
        """Tell the kernel of events, in order."""
        kernel = self._kernel
        for kind, number, first, *more in events:
            cpu = kernel.cpus[number]
            if kind == _LOCKED:
                # No zone locks: a kernel without a clock has its own page allocator.
                if first < self._n_locks:
                    kernel.finish(kernel.spin_lock(cpu, first, LockSite(more[0])))
            elif kind == _UNLOCKED:
                if first < self._n_locks:
                    kernel.finish(kernel.spin_unlock(cpu, first))
            else:
                self._note(kind, cpu, first, more)

    def _note(self, kind: int, cpu: SlubCpu, first: int, more: list[int]) -> None:
        note = self._notes[kind - _FIRST]
        if kind in _OF_NOTHING:
            note(cpu)
        elif kind in _OF_NUMBERS:
            note(cpu, first)
        elif kind < SlubEvent.SHEAF_ALLOCATED:
            self._note_slab(kind, cpu, note, first, more)
        elif kind in _OF_SHEAVES:
            self.see_sheaf(first, more[0], more[1])
            note(cpu, first)
        else:
            self._serve(kind, cpu, first, more)

    def _note_slab(self, kind: int, cpu: SlubCpu, note: Any, number: int, more: list[int]) -> None:
        nr = more[0]
        slab = self._see_slab(number, more)
        cache = self._kernel.state.caches[slab.cache]
        if kind in _OF_SLABS:
            note(cpu, number)
        elif kind in _OF_SLABS_AND_NUMBERS:
            note(cpu, number, nr)
        elif kind in _OF_NODES:
            note(cpu, cache.node[slab.nodeid], number)
        elif kind in _OF_NODES_AND_NUMBERS:
            note(cpu, cache.node[slab.nodeid], number, nr)
        elif kind in _OF_CACHES:
            slab.cache = nr
            note(cpu, self._kernel.state.caches[nr], number)
        else:
            self._kernel.finish(self._kernel.cmpxchg(cpu, number))

    def _serve(self, kind: int, cpu: SlubCpu, first: int, more: list[int]) -> None:
        """What is no note but was asked of the kernel."""
        kernel = self._kernel
        match SlubEvent(kind), more:
            case SlubEvent.CALL_RCU, [size, node, cache, flushing, *_]:
                self.see_sheaf(first, size, node)
                kernel.call_rcu(cpu, kernel.state.caches[cache], first, bool(flushing))
            case SlubEvent.BATCH_RCU, [obj, *_]:
                kernel.batch_rcu(cpu, kernel.state.caches[first], obj)
            case SlubEvent.PAGES_FAIL, _:
                kernel.pages_fail(cpu, bool(first))
            case _:
                raise AssertionError(f"an event that nobody reads: {SlubEvent(kind)!r} {first} {more}")

    def _see_slab(self, number: int, more: list[int]) -> Slab:
        """What a step has changed of a slab; where a new one's chain lies, the state learns when all of it is brought back."""
        slabs = self._kernel.state.slabs
        _nr, serial, num, inuse, node = more
        for new in range(len(slabs), number + 1):
            slabs.append(Slab(new, 0, 0, 0))
        slab = slabs[number]
        slab.serial, slab.num, slab.inuse, slab.nodeid = serial, num, inuse, node
        return slab

    def see_sheaf(self, number: int, size: int, node: int) -> None:
        """The same of a sheaf."""
        sheaves = self._kernel.state.sheaves
        for _new in range(len(sheaves), number + 1):
            sheaves.append(SlabSheaf(0, 0))
        sheaves[number].size, sheaves[number].node = size, node

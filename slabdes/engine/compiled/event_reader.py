# SPDX-License-Identifier: GPL-2.0-only
"""Tells a Kernel without a clock what compiled code has written down, as the generators would have told it themselves.

A note can ask the state for what the step has just changed: that much of it is kept up to date, event by event.
"""

from __future__ import annotations

from collections.abc import Iterable

from slabdes.allocator.state import OBJECT_BITS, ArrayCache, KmemCache, KmemList3, ListName, Slab
from slabdes.allocator.transitions import NO_SLAB, SLAB_DESTROYED
from slabdes.engine.clockless import ClocklessKernel
from slabdes.engine.compiled.script_layout import Event
from slabdes.paths.sites import LockSite
from slabdes.paths.slab.kernel import SlabCpu


class EventReader:
    """Reads events for one kernel; `arrays` are all its ArrayCaches, each with a word of its own at least."""

    def __init__(self, kernel: ClocklessKernel, arrays: Iterable[ArrayCache]) -> None:
        self._kernel = kernel
        self._n_locks = kernel.state.n_locks
        self._arrays = {array.entry: array for array in arrays if array.limit}
        self._cache_of: dict[int, KmemCache] = {}
        for cache in kernel.state.caches:
            beside = (array for l3 in cache.nodelists for array in (l3.shared, *(l3.alien or ())) if array is not None)
            self._cache_of.update((array.entry, cache) for array in (*cache.array, *beside))

    def read(self, events: list[tuple[int, ...]]) -> None:
        """Tell the kernel of events, in order."""
        for kind, cpu, *operands in events:
            self._note(Event(kind), self._kernel.cpus[cpu], operands)

    def _note(self, kind: Event, cpu: SlabCpu, operands: list[int]) -> None:
        kernel = self._kernel
        match kind, operands:
            case Event.LOCKED, [lock, site, *_]:
                # No zone locks: a kernel without a clock has its own page allocator.
                if lock < self._n_locks:
                    kernel.finish(kernel.spin_lock(cpu, lock, LockSite(site)))
            case Event.UNLOCKED, [lock, *_]:
                if lock < self._n_locks:
                    kernel.finish(kernel.spin_unlock(cpu, lock))
            case Event.MOVED, [frm, to, nr, *_]:
                kernel.note_moved(cpu, self._cache_of[frm], self._arrays[frm], self._arrays[to], nr)
            case Event.ALIEN_DRAINED, [frm, to, nr, *_]:
                kernel.note_alien_drained(cpu, self._cache_of[frm], self._arrays[frm], self._arrays[to], nr)
            case Event.FREE_BLOCK, [cache, node, nr, *_]:
                of = kernel.state.caches[cache]
                kernel.note_free_block(cpu, of, of.nodelists[node], nr)
            case Event.RETURNED, [obj, was, now, *_]:
                slab, of, l3 = self._slab(obj >> OBJECT_BITS)
                if now != SLAB_DESTROYED:
                    slab.which = ListName(now)
                kernel.note_returned(cpu, of, l3, obj, was, now)
            case Event.DO_DRAIN, _:
                kernel.note_do_drain(cpu)
            case Event.DRAINED, [slab, *_]:
                kernel.note_drained(cpu, self._slab(slab)[1], slab)
            case Event.GIVEN_UP, [slab, *_]:
                kernel.note_given_up(cpu, *self._slab(slab)[1:], slab)
            case _:
                self._note_alloc(kind, cpu, operands)

    def _note_alloc(self, kind: Event, cpu: SlabCpu, operands: list[int]) -> None:
        """What only allocations do."""
        kernel = self._kernel
        caches = kernel.state.caches
        match kind, operands:
            case Event.TAKEN, [number, was, now, nr, *_]:
                slab, of, l3 = self._slab(number)
                slab.which = ListName(now)
                kernel.note_taken(cpu, of, l3, number, was, nr)
            case Event.TAKEN_STRAIGHT, [number, was, now, *_]:
                slab, of, l3 = self._slab(number)
                slab.which = ListName(now)
                kernel.note_taken_straight(cpu, of, l3, number, was)
            case Event.TAKEN_FROM_NEW, [number, nr, *_]:
                kernel.note_taken_from_new(cpu, self._slab(number)[1], number, nr)
            case Event.NO_MORE_SLABS, [cache, avail, *_]:
                caches[cache].array[cpu.number].avail = avail
                kernel.note_no_more_slabs(cpu, caches[cache])
            case Event.DIRECT_GROW, [cache, *_]:
                kernel.note_direct_grow(cpu, caches[cache])
            case Event.PAGES, [cache, node, thisnode, number, got, serial]:
                if number != NO_SLAB:
                    self._given(caches[cache], number, got, serial)
                kernel.note_pages(cpu, caches[cache], node, bool(thisnode), number, got)
            case Event.SLAB_MADE, [number, node, colouroff, *_]:
                slab, of, _l3 = self._slab(number)
                slab.nodeid, slab.colouroff = node, colouroff
                kernel.note_slab_made(cpu, of, number)
            case Event.FALLBACK, [cache, node, *_]:
                kernel.note_fallback(cpu, caches[cache], node)
            case _:
                raise AssertionError(f"an event that nobody reads: {kind!r} {operands}")

    def _given(self, cache: KmemCache, number: int, node: int, serial: int) -> None:
        """Pages became a slab."""
        slabs = self._kernel.state.slabs
        if number == len(slabs):
            # Where its chain lies, the state learns when all of it is brought back.
            slabs.append(Slab(number, cache.index, cache.num, 0))
        slabs[number].serial, slabs[number].nodeid = serial, node

    def _slab(self, number: int) -> tuple[Slab, KmemCache, KmemList3]:
        state = self._kernel.state
        slab = state.slabs[number]
        cache = state.caches[slab.cache]
        return slab, cache, cache.nodelists[slab.nodeid]

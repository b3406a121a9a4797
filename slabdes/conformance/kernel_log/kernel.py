# SPDX-License-Identifier: GPL-2.0-only
"""The engine without a clock that writes its steps down as the 6.1 logs do, and counts what they count."""

from __future__ import annotations

from dataclasses import dataclass, fields

from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import ArrayCache, KmemCache, KmemList3, ListName, SlabState
from slabdes.allocator.versions import Version
from slabdes.engine.clockless import ClocklessKernel
from slabdes.paths.kernel import Waits
from slabdes.paths.sites import LockSite
from slabdes.paths.slab.kernel import SlabCpu

SITES = {
    LockSite.REFILL: "refill",
    LockSite.GROW: "grow",
    LockSite.NODEALLOC: "nodealloc",
    LockSite.FLUSH: "flush",
    LockSite.ALIENDRAIN: "aliendrain",
    LockSite.REMOTEFREE: "remotefree1",
    LockSite.DRAINARRAY: "drainarray",
    LockSite.DRAINFREELIST: "drainfreelist",
    LockSite.DODRAIN: "dodrain",
    LockSite.SHAREDDRAIN: "shareddrain",
    LockSite.TUNE: "tune",
    LockSite.ALIEN: "alien",
}
"""Where the logs saw locks taken, in their order; acquisitions from elsewhere were not logged."""
_LISTS = {ListName.PARTIAL: "partial", ListName.FREE: "free"}


@dataclass
class EventCounters:
    """The logs' EVENTS line, in its order."""

    refill_shared: int = 0
    refill_shared_objs: int = 0
    refill_slab_objs: int = 0
    refill_partial_slabs: int = 0
    refill_free_slabs: int = 0
    direct_grow: int = 0
    must_grow: int = 0
    flush_shared: int = 0
    flush_shared_objs: int = 0
    flush_slabs: int = 0
    flush_slabs_objs: int = 0
    fb_destroyed: int = 0
    alien_to_shared: int = 0
    alien_to_slabs: int = 0

    def text(self) -> str:
        """As the logs print them."""
        return " ".join(f"{part.name}={getattr(self, part.name)}" for part in fields(self))


class LogKernel(ClocklessKernel):
    """A ClocklessKernel for one cache of a 6.1 log."""

    def __init__(self, state: SlabState, policy: MemPolicy, version: Version) -> None:
        super().__init__(state, policy, version)
        self.events = EventCounters()
        self.locks = dict.fromkeys(SITES, 0)
        self.lock_nodes: dict[int, int] = {}
        self.freeing_from = LockSite.FLUSH
        self.interrupt_order: tuple[int, ...] = ()

    def name_locks(self, cache: KmemCache) -> None:
        """Learn the node that the logs name for each lock: an alien cache's is the one whose objects it holds."""
        for l3 in cache.nodelists:
            self.lock_nodes[l3.list_lock] = l3.node
            for other, alien in enumerate(l3.alien or ()):
                if alien is not None:
                    self.lock_nodes[alien.lock] = other

    def spin_lock(self, cpu: SlabCpu, lock: int, site: LockSite) -> Waits[None]:
        self.freeing_from = site
        if site in self.locks:
            self.locks[site] += 1
            self.tokens.append(f"L({SITES[site]},n{self.lock_nodes[lock]})")
        yield from ()

    def interrupted(self, cpu: SlabCpu) -> tuple[SlabCpu, ...]:
        """The CPUs in the order in which the recorded interrupts arrived."""
        order = self.interrupt_order or tuple(other.number for other in self.cpus)
        return tuple(self.cpus[number] for number in order)

    def note_moved(self, cpu: SlabCpu, cache: KmemCache, frm: ArrayCache, to: ArrayCache, nr: int) -> None:
        if to is cache.array[cpu.number]:
            self.events.refill_shared += 1
            self.events.refill_shared_objs += nr
            self.tokens.append(f"shared>ac({nr})")
        else:
            self.events.flush_shared += 1
            self.events.flush_shared_objs += nr
            self.tokens.append(f"ac>shared({nr})")

    def note_alien_drained(self, cpu: SlabCpu, cache: KmemCache, alien: ArrayCache, shared: ArrayCache, nr: int) -> None:
        self.events.alien_to_shared += nr
        home = next(l3.node for l3 in cache.nodelists if l3.shared is shared)
        self.tokens.append(f"alien>shared(n{home},{nr})")

    def note_taken(self, cpu: SlabCpu, cache: KmemCache, l3: KmemList3, slab: int, was: int, nr: int) -> None:
        self.events.refill_slab_objs += nr
        self.events.refill_partial_slabs += was == ListName.PARTIAL
        self.events.refill_free_slabs += was == ListName.FREE
        self.tokens.append(f"take(S{self.state.slabs[slab].serial},{_LISTS[ListName(was)]},{nr})")

    def note_taken_straight(self, cpu: SlabCpu, cache: KmemCache, l3: KmemList3, slab: int, was: int) -> None:
        self.tokens.append(f"nodetake(S{self.state.slabs[slab].serial})")

    def note_taken_from_new(self, cpu: SlabCpu, cache: KmemCache, slab: int, nr: int) -> None:
        self.tokens.append(f"take(S{self.state.slabs[slab].serial},new,{nr})")

    def note_no_more_slabs(self, cpu: SlabCpu, cache: KmemCache) -> None:
        self.events.must_grow += not cache.array[cpu.number].avail
        self.tokens.append("nomoreslabs")

    def note_direct_grow(self, cpu: SlabCpu, cache: KmemCache) -> None:
        self.events.direct_grow += 1
        self.tokens.append("directgrow")

    def note_slab_made(self, cpu: SlabCpu, cache: KmemCache, slab: int) -> None:
        record = self.state.slabs[slab]
        self.tokens.append(f"grow(S{record.serial},n{record.nodeid},colour={record.colouroff // cache.colour_off})")

    def note_free_block(self, cpu: SlabCpu, cache: KmemCache, l3: KmemList3, nr: int) -> None:
        if self.freeing_from is LockSite.FLUSH:
            self.events.flush_slabs += 1
            self.events.flush_slabs_objs += nr
        elif self.freeing_from is LockSite.ALIENDRAIN:
            self.events.alien_to_slabs += nr
        self.tokens.append(f"freeblock(n{l3.node},{nr})")

    def note_given_up(self, cpu: SlabCpu, cache: KmemCache, l3: KmemList3, slab: int) -> None:
        self.events.fb_destroyed += 1
        self.tokens.append(f"drop(S{self.state.slabs[slab].serial})")

    def note_drained(self, cpu: SlabCpu, cache: KmemCache, slab: int) -> None:
        self.tokens.append(f"drop(S{self.state.slabs[slab].serial})")

    def note_do_drain(self, cpu: SlabCpu) -> None:
        self.tokens.append(f"cpu{cpu.number}")

# SPDX-License-Identifier: GPL-2.0-only
"""The clockless kernel of a trace's replay, and what it counts for each cache. Leaves out the order of events: see replay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import KmemCache, KmemList3, SlabState
from slabdes.allocator.transitions import NO_SLAB
from slabdes.allocator.versions import LINUX_6_1
from slabdes.conformance.kernel_log.kernel import SITES, EventCounters, LogKernel
from slabdes.conformance.kernel_trace.resync import Resync
from slabdes.dumps.addresses import Addresses
from slabdes.paths.sites import LockSite
from slabdes.paths.slab.kernel import SlabCpu


class Cause(Enum):
    """Why a pointer differs, as far as the trace itself can show."""

    INTERRUPT = "interrupt"
    """An interrupt used the cache between an operation and its line, so that the trace shows the two the wrong way round."""
    FOLLOWS = "follows"
    """One of the two objects had changed places before: this is the rest of an earlier difference."""
    ORDER = "order"
    """Two CPUs used the cache, or freed the two objects, within CLOSE events: the trace may show them the wrong way round."""
    UNKNOWN = "unexplained"
    """None of these."""


@dataclass(frozen=True)
class Difference:
    """One allocation whose pointer differs. `position` counts events from the first dump; addresses are 0 if unknown."""

    position: int
    cpu: int
    ours: int
    recorded: int
    resync: Resync
    cause: Cause
    tokens: str


@dataclass
class CacheReplay:
    """What the replay counted for one cache."""

    allocs: int = 0
    frees: int = 0
    differing: int = 0
    learned: int = 0
    """Slabs whose address was learned from their first pointer."""
    odd_colours: int = 0
    """Learned addresses that the colour here does not explain."""
    resyncs: Counter[Resync] = field(default_factory=Counter)
    causes: Counter[Cause] = field(default_factory=Counter)
    moved: int = 0
    """Allocations moved before the interrupt that delayed their line."""
    held_back: int = 0
    """Operations that waited for the one on another CPU that must have preceded them, which the trace shows later."""
    unplaced_frees: int = 0
    """Frees of objects that are not in use here."""
    failures: int = 0
    """Allocations that failed here."""
    examples: list[Difference] = field(default_factory=list)
    events: EventCounters = field(default_factory=EventCounters)
    locks: dict[LockSite, int] = field(default_factory=lambda: dict.fromkeys(SITES, 0))


class Unlearned:
    """Slabs of a cache whose address is not known yet, by their colour's offset, oldest first; `first` of all is the oldest."""

    def __init__(self) -> None:
        self._made = 0
        self._by_offset: dict[int, dict[int, int]] = {}
        """Offset to slabs and when each was made."""
        self._offset_of: dict[int, int] = {}

    def add(self, slab: int, offset: int) -> None:
        """A new slab."""
        self._made += 1
        self._by_offset.setdefault(offset, {})[slab] = self._made
        self._offset_of[slab] = offset

    def remove(self, slab: int) -> None:
        """Its address is known now, or it is gone."""
        offset = self._offset_of.pop(slab)
        slabs = self._by_offset[offset]
        del slabs[slab]
        if not slabs:
            del self._by_offset[offset]

    def first(self, fits: Callable[[int], bool]) -> int:
        """The oldest slab whose offset `fits`, or NO_SLAB."""
        oldest = [next(iter(slabs.items())) for offset, slabs in self._by_offset.items() if fits(offset)]
        return min(oldest, key=lambda item: item[1])[0] if oldest else NO_SLAB


class TraceKernel(LogKernel):
    """A LogKernel for many caches, which tells when slabs are made and destroyed."""

    def __init__(self, state: SlabState, addresses: Addresses, descriptors: Mapping[int, int]) -> None:
        super().__init__(state, MemPolicy(state.n_nodes), LINUX_6_1)
        self.addresses = addresses
        self.descriptors = dict(descriptors)
        """By object, the slab whose free list it holds."""
        self.unlearned: dict[int, Unlearned] = {}
        """By cache, slabs whose address is not known yet."""

    def note_slab_made(self, cpu: SlabCpu, cache: KmemCache, slab: int) -> None:
        """The new slab's address will be known from its first recorded pointer."""
        super().note_slab_made(cpu, cache, slab)
        self.unlearned.setdefault(cache.index, Unlearned()).add(slab, self.state.slabs[slab].colouroff)

    def note_given_up(self, cpu: SlabCpu, cache: KmemCache, l3: KmemList3, slab: int) -> None:
        """Its pages may become another slab's; its free list is given back."""
        super().note_given_up(cpu, cache, l3, slab)
        self.descriptors.pop(self.state.slabs[slab].descriptor, None)
        if slab in self.addresses.of:
            self.addresses.forget(cache, slab)
        else:
            self.unlearned[cache.index].remove(slab)

    def know(self, cache: KmemCache, slab: int, address: int) -> None:
        """A new slab's address is learned."""
        self.unlearned[cache.index].remove(slab)
        self.addresses.learn(cache, slab, address)

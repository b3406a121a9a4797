# SPDX-License-Identifier: GPL-2.0-only
"""SLUB's operations told step by step: its pictures and ends, and what comes of atomic operations.

Leaves out what every told kernel does (`telling`), and words of notes (`paths.slub.words`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from slabdes.allocator.lists import free_chain
from slabdes.allocator.slub.state import FROZEN, NO_SHEAF, KmemCache, KmemCacheCpu
from slabdes.allocator.state import NOBODY, obj_to_index, virt_to_slab
from slabdes.engine.cpu import TimedCpu
from slabdes.engine.reference.slub import SlubRun, TimedSlubKernel
from slabdes.engine.reference.telling import TellingKernel, TellingWaits, WholeRun, listed, slabs_of, tell_all
from slabdes.engine.story import ArrayPicture, NodePicture, Picture
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Path
from slabdes.paths.slub.functions import kernel_function
from slabdes.paths.slub.words import WORDS

_PAST_SHEAVES = (Path.SLOW, Path.SLOW_REMOTE, Path.SLOW_GROW)
_INTO_SLABS = (Path.FREE_SLAB, Path.FREE_LIST, Path.FREE_CPU_PARTIAL, Path.FREE_DRAIN)
_OF_SHEAVES = (Path.SPARE, Path.BARN, Path.REFILL, Path.REFILL_REMOTE, Path.REFILL_GROW)


class SlubStoryRun(WholeRun, SlubRun):
    """A run on SLUB in which no hit takes the short cut."""


# TellingWaits comes after the allocator's kernel, whose spin_lock charges for interrupts before it waits.
class SlubStoryKernel(TellingKernel[KmemCache], TimedSlubKernel, TellingWaits[KmemCache]):
    """A kernel with SLUB that tells."""

    def path_name(self, module: str, name: str) -> str:
        if module == "pages":
            return "" if name.startswith("_") else name
        return kernel_function(name) if module.startswith("slub.") else ""

    def kernel_name(self, name: str) -> str:
        return name

    # Atomic operations.

    def load_state(self, cpu: TimedCpu, slab: int) -> Waits[None]:
        where = self.where()
        yield from super().load_state(cpu, slab)
        one = self.state.slabs[slab]
        self._read[cpu.number] = self._word(slab)
        self.step(cpu, where, "load", f"reads the state word of slab {slab}: {one.inuse} of {one.num} in use")

    def cmpxchg(self, cpu: TimedCpu, slab: int) -> Waits[None]:
        where = self.where()
        yield from super().cmpxchg(cpu, slab)
        changed = self._word(slab) != self._read[cpu.number]
        came = "another CPU has changed it meanwhile: it fails" if changed else "it is as it was read: it is updated"
        self.step(cpu, where, "cmpxchg", f"cmpxchg on the state word of slab {slab}: {came}")

    @property
    def _read(self) -> dict[int, tuple[int, int, bool]]:
        """The state word that each CPU has read last."""
        words: dict[int, tuple[int, int, bool]] = self.__dict__.setdefault("_words_read", {})
        return words

    def _word(self, slab: int) -> tuple[int, int, bool]:
        one = self.state.slabs[slab]
        return one.free, one.inuse, one.which == FROZEN

    # How operations end.

    def hands_out(self, cpu: TimedCpu, cache: KmemCache, obj: int) -> tuple[str, str]:
        what = f"object {obj_to_index(obj)} of slab {virt_to_slab(obj)}"
        if cpu.path is Path.BULK:
            return "kmem_cache_alloc_bulk", f"hands out {what}"
        hit = cpu.path is Path.HIT
        if cpu.path in _PAST_SHEAVES:
            return "___slab_alloc", f"hands out {what}; no sheaf has changed"
        if cache.sheaf_capacity and (hit or cpu.path in _OF_SHEAVES):
            left = self.state.sheaves[cache.cpu_sheaves[cpu.number].main].size
            why = f"main->size is {left + 1}, a hit: " if hit else ""
            return "alloc_from_pcs", f"{why}hands out {what}, the top of the main sheaf; {left} left"
        left = len(self._private(cache, cache.cpu_slab[cpu.number]))
        why = f"the CPU's own slab has {left + 1} free, a hit: " if hit else ""
        return (
            "slab_alloc_node" if hit else "___slab_alloc"
        ), f"{why}hands out {what}, the first of the private chain; {left} left"

    def takes_back(self, cpu: TimedCpu, cache: KmemCache, path: Path) -> tuple[str, str]:
        if path is Path.FREE_BULK:
            return "kmem_cache_free_bulk", "an object of the call is free"
        if path is Path.RCU_BATCH:
            return "kvfree_call_rcu", "queues the object for the general batching"
        if path in _INTO_SLABS:
            return "kmem_cache_free", "is done: the object is free in its slab"
        if self.grace:
            return "__kfree_rcu_sheaf", f"the object is on the rcu sheaf; {self._rcu_size(cpu, cache)}"
        hit = path is Path.FREE_HIT
        if cache.sheaf_capacity:
            size = self.state.sheaves[cache.cpu_sheaves[cpu.number].main].size
            why = f"main->size was {size - 1}, below its capacity, a hit: " if hit else ""
            return "free_to_pcs", f"{why}puts the object on the main sheaf, which has {size} now"
        size = len(self._private(cache, cache.cpu_slab[cpu.number]))
        return (
            "do_slab_free",
            f"its slab is this CPU's own, a hit: puts the object in front of the private chain, which has {size} now",
        )

    def _rcu_size(self, cpu: TimedCpu, cache: KmemCache) -> str:
        number = cache.cpu_sheaves[cpu.number].rcu
        return "it was full" if number == NO_SHEAF else f"{self.state.sheaves[number].size} are there"

    # Pictures.

    def picture(self, cpu: TimedCpu, cache: KmemCache) -> Picture:
        own = [*self._sheaves(cpu, cache)]
        slabs = []
        if cache.cpu_slab:
            c = cache.cpu_slab[cpu.number]
            own.append(self._own_slab(cpu, cache, c))
            slabs.append(slabs_of(self.state.slabs, f"the partial slabs of CPU {cpu.number}", self._stack(c)))
        nodes = tuple(self._node(cache, node) for node in range(self.state.n_nodes))
        return Picture(own[0], nodes, tuple(own[1:]), tuple(slabs))

    def _sheaves(self, cpu: TimedCpu, cache: KmemCache) -> Iterator[ArrayPicture]:
        if not cache.sheaf_capacity:
            return
        pcs = cache.cpu_sheaves[cpu.number]
        for name, number in (("main", pcs.main), ("spare", pcs.spare), ("rcu", pcs.rcu)):
            if number != NO_SHEAF:
                sheaf = self.state.sheaves[number]
                yield ArrayPicture(f"the {name} sheaf of CPU {cpu.number}", sheaf.size, sheaf.capacity, 0, False)

    def _own_slab(self, cpu: TimedCpu, cache: KmemCache, c: KmemCacheCpu) -> ArrayPicture:
        if c.slab == NOBODY:
            return ArrayPicture(f"CPU {cpu.number} has no slab of its own", 0, 0, 0, False)
        name = f"the private chain of CPU {cpu.number}, of slab {c.slab}"
        return ArrayPicture(name, len(self._private(cache, c)), self.state.slabs[c.slab].num, 0, False)

    def _private(self, cache: KmemCache, c: KmemCacheCpu) -> list[int]:
        return [] if c.slab == NOBODY else list(free_chain(self.state, cache.name, self.state.slabs[c.slab], c.free))

    def _stack(self, c: KmemCacheCpu) -> Iterator[int]:
        number = c.partial
        while number != NOBODY:
            yield number
            number = self.state.slabs[number].link

    def _node(self, cache: KmemCache, node: int) -> NodePicture:
        n = cache.node[node]
        at = self.machine.node_ids[node]
        arrays = []
        if cache.sheaf_capacity and cache.barn:
            barn = cache.barn[node]
            kinds = (("full", barn.nr_full, cache.full_limit), ("empty", barn.nr_empty, cache.empty_limit))
            arrays = [ArrayPicture(f"{kind} sheaves in the barn of node {at}", nr, most, 0, False) for kind, nr, most in kinds]
        counters = (("nr_partial", n.nr_partial), ("nr_slabs", n.nr_slabs))
        return NodePicture(at, (listed(self.state.slabs, "partial", n.partial),), counters, tuple(arrays))


def _beginning(note: Callable[..., None]) -> Callable[..., None]:
    def begin(self: SlubStoryKernel, cpu: TimedCpu, cache: KmemCache, *what: Any) -> None:
        self.begins(cpu, cache)
        note(self, cpu, cache, *what)

    return begin


tell_all(SlubStoryKernel, TimedSlubKernel, WORDS)
# A bulk call is one told operation.
for _name in ("note_alloc_call", "note_prefill_call", "note_free_call"):
    setattr(SlubStoryKernel, _name, _beginning(getattr(SlubStoryKernel, _name)))

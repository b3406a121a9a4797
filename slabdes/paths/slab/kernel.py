# SPDX-License-Identifier: GPL-2.0-only
"""An engine, as the SLAB allocator's paths see it: a Kernel with the allocator's state, its notes and its reaping.

Leaves out the paths themselves.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import ArrayCache, KmemCache, SlabState, new_slab
from slabdes.allocator.versions import Version
from slabdes.paths.kernel import CpuContext, Kernel, Waits
from slabdes.paths.slab.notes import SlabNotes


class SlabCpu(CpuContext):
    """A CpuContext with its reap timer. `altfail`: whether its policy's node had nothing."""

    __slots__ = ("altfail", "reap_due", "reap_node")
    altfail: bool
    reap_due: int
    reap_node: int

    def __init__(self, number: int, node: int, policy: MemPolicy) -> None:
        super().__init__(number, node, policy)
        self.altfail = False
        self.reap_node = (node + 1) % policy.n_nodes
        self.reap_due = 0


Cpu = TypeVar("Cpu", bound=SlabCpu)
"""An engine's own kind of CPU."""


class SlabKernel(Kernel[Cpu], SlabNotes[Cpu]):
    """A Kernel for caches of slabs."""

    state: SlabState
    version: Version

    @abstractmethod
    def reap_mutex_trylock(self, cpu: Cpu) -> Waits[bool]:
        """cache_chain_mutex, as cache_reap asks for it."""

    @abstractmethod
    def reap_mutex_unlock(self, cpu: Cpu) -> Waits[None]:
        """Give cache_chain_mutex back."""

    def new_slab(self, cpu: Cpu, cache: KmemCache) -> int:
        """A slab for `cache`, on no list."""
        return new_slab(self.state, cache)

    def on_stack(self, cpu: Cpu, obj: int) -> int:
        """Where in `words` the CPU keeps a single object while it frees it (C's `&objp`)."""
        place = self.state.stack + cpu.number
        self.state.words[place] = obj
        return place


class ShrinkingKernel(SlabKernel[Cpu]):
    """A SlabKernel that can also make every CPU run something at once and find memory for new arrays, as shrink and tuning do."""

    @abstractmethod
    def drain_each_cpu(self, cpu: Cpu, cache: KmemCache) -> Waits[None]:
        """Have every CPU run do_drain, in the order in which the interrupts reach them (on_each_cpu)."""

    @abstractmethod
    def swap_arrays(self, cpu: Cpu, cache: KmemCache, limit: int, batchcount: int) -> None:
        """Give every CPU a new array in place of its old one (alloc_arraycache, do_ccupdate_local)."""

    @abstractmethod
    def old_array(self, cpu: Cpu, number: int) -> ArrayCache:
        """CPU `number`'s array before that."""

    @abstractmethod
    def new_shared(self, cpu: Cpu, cache: KmemCache, node: int) -> ArrayCache | None:
        """A node's new shared array, as the tunables ask for it."""

    @abstractmethod
    def nr_cpus_node(self, node: int) -> int:
        """How many CPUs a node has."""

"""An engine, as the SLAB allocator's paths see it: a Kernel with the allocator's state, its notes and its reaping.

Leaves out the paths themselves.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import SlabState
from slabdes.allocator.versions import Version
from slabdes.paths.kernel import CpuContext, Kernel, Waits
from slabdes.paths.slab.notes import SlabNotes


class SlabCpu(CpuContext):
    """A CpuContext with its reap timer. `altfail`: whether its policy's node had nothing."""

    __slots__ = ("altfail", "reap_due", "reap_node")

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


class InterruptingKernel(SlabKernel[Cpu]):
    """A SlabKernel that can make every CPU run something at once, as shrink and tuning do."""

    @abstractmethod
    def on_each_cpu(self, cpu: Cpu) -> Waits[tuple[Cpu, ...]]:
        """Interrupt every CPU: their contexts, in the order in which they run the function."""

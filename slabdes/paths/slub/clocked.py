# SPDX-License-Identifier: GPL-2.0-only
"""What SLUB's paths ask for where there is a clock, in terms of what every engine with one has: paths themselves, written once.

Others come in wherever a CPU waits, so also between reading a slab's state word and updating it. Leaves out grace periods
(`grace`) and shrink.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

from slabdes.allocator.slub.state import KmemCache
from slabdes.allocator.state import NO_NODE
from slabdes.paths.charges import ClockedCpu
from slabdes.paths.kernel import Waits
from slabdes.paths.operations import OperatingKernel
from slabdes.paths.outcome import Path
from slabdes.paths.pages import get_pages, give_pages
from slabdes.paths.slub.alloc import kmem_cache_alloc_node
from slabdes.paths.slub.kernel import Point, SlubCpu, SlubKernel
from slabdes.paths.slub.pcs_free import kmem_cache_free
from slabdes.paths.slub.prices import SlubCharges, state_loaded, state_updated
from slabdes.paths.slub.rcu import kfree_rcu


class ClockedSlubCpu(SlubCpu, ClockedCpu):
    """A CPU with a clock, on SLUB. `rcu_at` is when the first callback is due that waits there, picoseconds."""

    __slots__ = ()

    rcu_at: int


Cpu = TypeVar("Cpu", bound=ClockedSlubCpu)
"""An engine's own kind of CPU."""


class ClockedSlubKernel(SlubCharges[Cpu], OperatingKernel[Cpu, KmemCache], SlubKernel[Cpu]):
    """An engine with a clock and books, as SLUB's paths see it.

    `grace` is how long a grace period of RCU lasts, picoseconds, where all frees are kfree_rcu's; otherwise 0.
    """

    grace: int

    @abstractmethod
    def until_noticed(self, cpu: Cpu, period: int) -> int:
        """Picoseconds from the end of grace period number `period` until this CPU notices it."""


def slub_alloc(k: ClockedSlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int) -> Waits[int]:
    """An object of any node, as the version allocates it, or NO_OBJECT."""
    return (yield from slub_alloc_node(k, cpu, cache, flags, NO_NODE))


def slub_alloc_node(k: ClockedSlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, node: int) -> Waits[int]:
    """An object of `node`, if it is not NO_NODE, or of another unless THISNODE is asked for; or NO_OBJECT.

    A node that is not there is in no mask of nodes with slabs: any will do (6.12; assumed of 7.3).
    """
    asked = node if node < k.state.n_nodes else NO_NODE
    return (yield from kmem_cache_alloc_node(k, cpu, cache, flags, asked))


def slub_free(k: ClockedSlubKernel[Cpu], cpu: Cpu, cache: KmemCache, obj: int) -> Waits[None]:
    """Give an object back, at once or once a grace period is over."""
    if k.grace:
        cpu.path = Path.FREE_HIT
        yield from kfree_rcu(k, cpu, cache, obj)
    else:
        yield from kmem_cache_free(k, cpu, cache, obj)


def load_state(k: ClockedSlubKernel[Cpu], cpu: Cpu, slab: int) -> Waits[None]:
    """Ask for a slab's state word at the CPU's own time, and read it when it has come."""
    yield from k.look(cpu)
    state_loaded(k, cpu, slab)
    yield from k.look(cpu)


def cmpxchg(k: ClockedSlubKernel[Cpu], cpu: Cpu, slab: int) -> Waits[None]:
    """Update it when that is done; who has updated it before then is seen."""
    yield from k.look(cpu)
    state_updated(k, cpu, slab)
    yield from k.look(cpu)


def let_in(k: ClockedSlubKernel[Cpu], cpu: Cpu, point: Point) -> Waits[None]:
    """Others come in wherever this CPU waits, and its own interrupts do not."""
    yield from k.look(cpu)


def slab_pages(
    k: ClockedSlubKernel[Cpu], cpu: Cpu, cache: KmemCache, order: int, fallback: bool, node: int, thisnode: bool
) -> Waits[int]:
    """Pages from the first zone that has them; the node they lie on, or NO_NODE."""
    for zone in k.zones(node):
        if thisnode and zone != node:
            break
        if (yield from get_pages(k, cpu, zone, order)):
            return zone
    return NO_NODE


def free_slab_pages(k: ClockedSlubKernel[Cpu], cpu: Cpu, cache: KmemCache, order: int, node: int) -> Waits[None]:
    """Pages back to their zone."""
    yield from give_pages(k, cpu, node, order)


def sheaf_memory(k: ClockedSlubKernel[Cpu], cpu: Cpu, cache: KmemCache, capacity: int) -> Waits[bool]:
    """There always is some (assumed): a sheaf is small."""
    yield from k.look(cpu)
    return True

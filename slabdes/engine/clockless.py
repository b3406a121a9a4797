# SPDX-License-Identifier: GPL-2.0-only
"""The engine without a clock: locks are always free, pages come from a ring of nodes, and every step may be written down.

What is every allocator's comes first, then SLAB's; SLUB's is in `clockless_slub`. Leaves out concurrency, as one operation
completes before the next, and how steps are written.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from slabdes.allocator.create import alloc_arraycache, alloc_shared
from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import NO_NODE, ArrayCache, KmemCache, SlabState
from slabdes.allocator.versions import Version
from slabdes.paths.kernel import Cpu, Locks, Looks, Waits
from slabdes.paths.sites import LockSite
from slabdes.paths.slab.kernel import ShrinkingKernel, SlabCpu
from slabdes.paths.slab.shrink import do_drain

UNLIMITED = -1


class Clockless(Locks[Cpu], Looks[Cpu]):
    """What does not depend on the allocator: `tokens` collects what the current operation does, `now` is in jiffies."""

    def __init__(self) -> None:
        self.now = 0
        self.tokens: list[str] = []

    def take_tokens(self) -> str:
        """What has been done since the last call."""
        text = " ".join(self.tokens)
        self.tokens.clear()
        return text

    def finish(self, path: Generator[Any, Any, Any]) -> Any:
        """Run a path to its end and return its result: with no clock it never waits."""
        try:
            waited = next(path)
        except StopIteration as stop:
            return stop.value
        raise AssertionError(f"a path waited for {waited!r} in an engine without a clock")

    def spin_lock(self, cpu: Cpu, lock: int, site: LockSite) -> Waits[None]:
        yield from ()

    def spin_trylock(self, cpu: Cpu, lock: int, site: LockSite) -> Waits[bool]:
        yield from self.spin_lock(cpu, lock, site)
        return True

    def spin_unlock(self, cpu: Cpu, lock: int) -> Waits[None]:
        yield from ()

    def look(self, cpu: Cpu) -> Waits[None]:
        yield from ()

    def jiffies(self, cpu: Cpu) -> int:
        return self.now


class ClocklessKernel(Clockless[SlabCpu], ShrinkingKernel[SlabCpu]):
    """A Kernel for one recorded script or log of SLAB."""

    def __init__(self, state: SlabState, policy: MemPolicy, version: Version) -> None:
        super().__init__()
        self.state = state
        self.version = version
        self.policy = policy
        self.cpus = tuple(SlabCpu(number, node, policy) for number, node in enumerate(state.node_of_cpu))
        self.old_arrays: list[ArrayCache] = []
        self.failing_calls = 0
        self.failing_node = NO_NODE
        self.page_limit = [UNLIMITED] * state.n_nodes
        self.pages_out = [0] * state.n_nodes

    def reap_mutex_trylock(self, cpu: SlabCpu) -> Waits[bool]:
        yield from ()
        return True

    def reap_mutex_unlock(self, cpu: SlabCpu) -> Waits[None]:
        yield from ()

    def kmem_getpages(self, cpu: SlabCpu, cache: KmemCache, node: int, thisnode: bool) -> Waits[int]:
        yield from ()
        if self.failing_calls and self.failing_node in (NO_NODE, node):
            self.failing_calls -= 1
            return NO_NODE
        pages = 1 << cache.gfporder
        for candidate in (node,) if thisnode else self.zonelist(node):
            limit = self.page_limit[candidate]
            if limit == UNLIMITED or self.pages_out[candidate] + pages <= limit:
                self.pages_out[candidate] += pages
                return candidate
        return NO_NODE

    def kmem_freepages(self, cpu: SlabCpu, cache: KmemCache, node: int) -> Waits[None]:
        yield from ()
        self.pages_out[node] -= 1 << cache.gfporder

    def zonelist(self, node: int) -> tuple[int, ...]:
        n = self.state.n_nodes
        return tuple((node + step) % n for step in range(n))

    def interrupted(self, cpu: SlabCpu) -> tuple[SlabCpu, ...]:
        """All CPUs in the order in which an interrupt that `cpu` sends to each reaches them: itself last."""
        return (*(other for other in self.cpus if other is not cpu), cpu)

    def drain_each_cpu(self, cpu: SlabCpu, cache: KmemCache) -> Waits[None]:
        for other in self.interrupted(cpu):
            yield from do_drain(self, other, cache)

    def swap_arrays(self, cpu: SlabCpu, cache: KmemCache, limit: int, batchcount: int) -> None:
        self.old_arrays = cache.array
        cache.array = [alloc_arraycache(self.state, ac.name, limit, batchcount) for ac in cache.array]

    def old_array(self, cpu: SlabCpu, number: int) -> ArrayCache:
        return self.old_arrays[number]

    def new_shared(self, cpu: SlabCpu, cache: KmemCache, node: int) -> ArrayCache | None:
        return alloc_shared(self.state, cache, node)

    def nr_cpus_node(self, node: int) -> int:
        return self.state.nr_cpus_node(node)

"""The engine without a clock: locks are always free, pages come from a ring of nodes, and every step is written down.

Steps are written as the golden data's event tokens. Leaves out concurrency: one operation completes before the next.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import NO_NODE, OBJECT_BITS, OBJECT_MASK, ArrayCache, KmemCache, KmemList3, SlabState
from slabdes.allocator.transitions import NO_SLAB
from slabdes.allocator.versions import LINUX_2_6_34, Version
from slabdes.engine.kernel import CpuContext, InterruptingKernel, Waits
from slabdes.engine.lock_sites import LockSite

UNLIMITED = -1


class ClocklessKernel(InterruptingKernel[CpuContext]):
    """A Kernel for one recorded script or log: `tokens` collects what the current operation does, `now` is in jiffies."""

    def __init__(self, state: SlabState, policy: MemPolicy, version: Version) -> None:
        self.state = state
        self.version = version
        self.policy = policy
        self.cpus = tuple(CpuContext(number, node, policy) for number, node in enumerate(state.node_of_cpu))
        self.now = 0
        self.tokens: list[str] = []
        self.failing_calls = 0
        self.failing_node = NO_NODE
        self.page_limit = [UNLIMITED] * state.n_nodes
        self.pages_given = [0] * state.n_nodes

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

    def spin_lock(self, cpu: CpuContext, lock: int, site: LockSite) -> Waits[None]:
        yield from ()

    def spin_trylock(self, cpu: CpuContext, lock: int, site: LockSite) -> Waits[bool]:
        yield from self.spin_lock(cpu, lock, site)
        return True

    def spin_unlock(self, cpu: CpuContext, lock: int) -> Waits[None]:
        yield from ()

    def reap_mutex_trylock(self, cpu: CpuContext) -> Waits[bool]:
        yield from ()
        return True

    def reap_mutex_unlock(self, cpu: CpuContext) -> Waits[None]:
        yield from ()

    def kmem_getpages(self, cpu: CpuContext, cache: KmemCache, node: int, thisnode: bool) -> Waits[int]:
        yield from ()
        if self.failing_calls and self.failing_node in (NO_NODE, node):
            self.failing_calls -= 1
            return NO_NODE
        pages = 1 << cache.gfporder
        for candidate in (node,) if thisnode else self.zonelist(node):
            limit = self.page_limit[candidate]
            if limit == UNLIMITED or self.pages_given[candidate] + pages <= limit:
                self.pages_given[candidate] += pages
                return candidate
        return NO_NODE

    def kmem_freepages(self, cpu: CpuContext, cache: KmemCache, node: int) -> Waits[None]:
        # A page limit counts pages given in total: the recordings' pages are always fresh.
        yield from ()

    def zonelist(self, node: int) -> tuple[int, ...]:
        n = self.state.n_nodes
        return tuple((node + step) % n for step in range(n))

    def look(self, cpu: CpuContext) -> Waits[None]:
        yield from ()

    def jiffies(self, cpu: CpuContext) -> int:
        return self.now

    def on_each_cpu(self, cpu: CpuContext) -> Waits[tuple[CpuContext, ...]]:
        yield from ()
        return (*(other for other in self.cpus if other is not cpu), cpu)


class ConformanceKernel(ClocklessKernel):
    """Writes steps down as the golden data's event tokens."""

    def __init__(self, state: SlabState, policy: MemPolicy) -> None:
        super().__init__(state, policy, LINUX_2_6_34)
        self.lock_tokens: dict[int, str] = {}

    def name_locks(self, cache: KmemCache) -> None:
        """Learn how the golden data write the locks of a new cache."""
        prefix = _prefix(cache)
        for l3 in cache.nodelists:
            self.lock_tokens[l3.list_lock] = f"{prefix}L{l3.node}"
            for other, alien in enumerate(l3.alien or ()):
                if alien is not None:
                    self.lock_tokens[alien.lock] = f"{prefix}A{l3.node}.{other}"

    def spin_lock(self, cpu: CpuContext, lock: int, site: LockSite) -> Waits[None]:
        self.tokens.append(f"+{self.lock_tokens[lock]}")
        yield from ()

    def spin_unlock(self, cpu: CpuContext, lock: int) -> Waits[None]:
        self.tokens.append(f"-{self.lock_tokens[lock]}")
        yield from ()

    def note_moved(self, cpu: CpuContext, cache: KmemCache, frm: ArrayCache, to: ArrayCache, nr: int) -> None:
        self.tokens.append(f"M:{_prefix(cache)}{frm.name}>{_prefix(cache)}{to.name}:{nr}")

    def note_taken(self, cpu: CpuContext, cache: KmemCache, l3: KmemList3, slab: int, was: int, nr: int) -> None:
        record = self.state.slabs[slab]
        self.tokens.append(f"{_prefix(cache)}T{record.serial}:{_LETTER[was]}{_LETTER[record.which]}:{nr}")

    def note_returned(self, cpu: CpuContext, cache: KmemCache, l3: KmemList3, obj: int, was: int, now: int) -> None:
        serial = self.state.slabs[obj >> OBJECT_BITS].serial
        self.tokens.append(f"{_prefix(cache)}R{serial}.{obj & OBJECT_MASK}:{_LETTER[was]}{_LETTER[now]}")

    def note_drained(self, cpu: CpuContext, cache: KmemCache, slab: int) -> None:
        self.tokens.append(f"{_prefix(cache)}D{self.state.slabs[slab].serial}")

    def note_pages(self, cpu: CpuContext, cache: KmemCache, node: int, thisnode: bool, slab: int, got: int) -> None:
        answer = "fail" if slab == NO_SLAB else f"{self.state.slabs[slab].serial}@{got}"
        self.tokens.append(f"{_prefix(cache)}pg:{node}{'t' if thisnode else 'a'}:{answer}")

    def note_fallback(self, cpu: CpuContext, cache: KmemCache, node: int) -> None:
        self.tokens.append(f"{_prefix(cache)}fb@{node}")


_LETTER = "PUEX"
"""Lists by ListName, and SLAB_DESTROYED: partial, full (used up), free (empty), destroyed."""


def _prefix(cache: KmemCache) -> str:
    return f"{cache.index}/" if cache.index else ""

# SPDX-License-Identifier: GPL-2.0-only
"""The engine without a clock that writes every step down as the golden data's event tokens. Leaves out what an op record says."""

from __future__ import annotations

from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import OBJECT_BITS, OBJECT_MASK, ArrayCache, KmemCache, KmemList3, SlabState
from slabdes.allocator.transitions import NO_SLAB
from slabdes.allocator.versions import LINUX_2_6_34
from slabdes.engine.clockless import ClocklessKernel
from slabdes.paths.kernel import Waits
from slabdes.paths.sites import LockSite
from slabdes.paths.slab.kernel import SlabCpu


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

    def spin_lock(self, cpu: SlabCpu, lock: int, site: LockSite) -> Waits[None]:
        self.tokens.append(f"+{self.lock_tokens[lock]}")
        yield from ()

    def spin_unlock(self, cpu: SlabCpu, lock: int) -> Waits[None]:
        self.tokens.append(f"-{self.lock_tokens[lock]}")
        yield from ()

    def note_moved(self, cpu: SlabCpu, cache: KmemCache, frm: ArrayCache, to: ArrayCache, nr: int) -> None:
        self.tokens.append(f"M:{_prefix(cache)}{frm.name}>{_prefix(cache)}{to.name}:{nr}")

    def note_taken(self, cpu: SlabCpu, cache: KmemCache, l3: KmemList3, slab: int, was: int, nr: int) -> None:
        record = self.state.slabs[slab]
        self.tokens.append(f"{_prefix(cache)}T{record.serial}:{_LETTER[was]}{_LETTER[record.which]}:{nr}")

    def note_returned(self, cpu: SlabCpu, cache: KmemCache, l3: KmemList3, obj: int, was: int, now: int) -> None:
        serial = self.state.slabs[obj >> OBJECT_BITS].serial
        self.tokens.append(f"{_prefix(cache)}R{serial}.{obj & OBJECT_MASK}:{_LETTER[was]}{_LETTER[now]}")

    def note_drained(self, cpu: SlabCpu, cache: KmemCache, slab: int) -> None:
        self.tokens.append(f"{_prefix(cache)}D{self.state.slabs[slab].serial}")

    def note_pages(self, cpu: SlabCpu, cache: KmemCache, node: int, thisnode: bool, slab: int, got: int) -> None:
        answer = "fail" if slab == NO_SLAB else f"{self.state.slabs[slab].serial}@{got}"
        self.tokens.append(f"{_prefix(cache)}pg:{node}{'t' if thisnode else 'a'}:{answer}")

    def note_fallback(self, cpu: SlabCpu, cache: KmemCache, node: int) -> None:
        self.tokens.append(f"fb@{node}")


_LETTER = "PUEX"
"""Lists by ListName, and SLAB_DESTROYED: partial, full (used up), free (empty), destroyed."""


def _prefix(cache: KmemCache) -> str:
    return f"{cache.index}/" if cache.index else ""

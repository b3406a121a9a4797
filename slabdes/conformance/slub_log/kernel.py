# SPDX-License-Identifier: GPL-2.0-only
"""SLUB's engine without a clock that writes its steps down as the 7.3 logs do, and counts locks by site as they do.

What a log prescribes comes in here, too: interrupted operations, the order of CPUs, the cycle counter's doings.
"""

from __future__ import annotations

from collections.abc import Sequence

from slabdes.allocator.slub.state import KmemCache, KmemCacheNode, SlubState
from slabdes.allocator.slub.versions import SlubVersion
from slabdes.engine.clockless_slub import ClocklessSlub
from slabdes.paths.kernel import Waits
from slabdes.paths.sites import LockSite
from slabdes.paths.slub.kernel import SlubCpu

SITES = {
    LockSite.BARN_GETEMPTY: "getempty",
    LockSite.BARN_PUTEMPTY: "putempty",
    LockSite.BARN_PUTFULL: "putfull",
    LockSite.BARN_GETANY: "getany",
    LockSite.BARN_REPEMPTY: "repempty",
    LockSite.BARN_REPFULL: "repfull",
    LockSite.BARN_SHRINK: "bshrink",
    LockSite.SLUB_BULK: "bulk",
    LockSite.SLUB_TRYBULK: "trybulk",
    LockSite.SLUB_ONE: "one",
    LockSite.SLUB_NEWSLAB: "newslab",
    LockSite.SLUB_RETURN: "return",
    LockSite.SLUB_BACK: "back",
    LockSite.SLUB_FREE: "free",
    LockSite.SLUB_SHRINK: "shrink",
}
"""Where the logs saw locks taken, in their order: those of barns, then list_locks."""
CPU_SLAB_SITES = {
    LockSite.SLUB_PARTIAL: "partial",
    LockSite.SLUB_DEACTIVATE: "deactivate",
    LockSite.SLUB_PUT: "put",
    LockSite.SLUB_FREE: "free",
    LockSite.SLUB_SHRINK: "shrink",
}
"""The same where CPUs have slabs of their own (6.12)."""
_WORDS = SITES | CPU_SLAB_SITES


class LogKernel(ClocklessSlub):
    """A ClocklessSlub for one cache of a log."""

    def __init__(self, state: SlubState, zonelists: Sequence[Sequence[int]], version: SlubVersion) -> None:
        super().__init__(state, zonelists, version)
        self.locks = dict.fromkeys(_WORDS, 0)
        self.lock_nodes: dict[int, str] = {}
        self.recorded_turns: Sequence[int] = ()

    def name_locks(self, cache: KmemCache) -> None:
        """Learn how the logs write a cache's locks."""
        for barn in cache.barn:
            self.lock_nodes[barn.lock] = f"B(%s,n{barn.node})"
        for n in cache.node:
            self.lock_nodes[n.list_lock] = f"L(%s,n{n.node})"

    def spin_lock(self, cpu: SlubCpu, lock: int, site: LockSite) -> Waits[None]:
        self.locks[site] += 1
        self.tokens.append(self.lock_nodes[lock] % _WORDS[site])
        yield from ()

    def cmpxchg(self, cpu: SlubCpu, slab: int) -> Waits[None]:
        self.tokens.append(f"cas({self._slab(slab)})")
        yield from ()

    def come_in(self) -> None:
        assert self.injected is not None
        self.tokens.append(f"@{self.injected[0].name.lower()}")
        super().come_in()

    def in_turn(self, numbers: list[int]) -> list[int]:
        """As it was recorded; CPUs that were not seen then come last."""
        seen = [number for number in self.recorded_turns if number in numbers]
        return [*seen, *(number for number in numbers if number not in seen)]

    def pages_fail(self, cpu: SlubCpu, fallback: bool) -> None:
        super().pages_fail(cpu, fallback)
        self.tokens.append(f"nopage{int(fallback)}")

    def _slab(self, slab: int) -> str:
        return f"S{self.state.slabs[slab].serial}"

    def _say(self, token: str) -> None:
        self.tokens.append(token)

    def note_swapped(self, cpu: SlubCpu) -> None:
        self._say("swap")

    def note_main_to_spare(self, cpu: SlubCpu) -> None:
        self._say("main>spare")

    def note_spare_used(self, cpu: SlubCpu) -> None:
        self._say("usespare")

    def note_kept_as_spare(self, cpu: SlubCpu) -> None:
        self._say("tospare")

    def note_spare_to_rcu(self, cpu: SlubCpu) -> None:
        self._say("spare>rcu")

    def note_no_full(self, cpu: SlubCpu) -> None:
        self._say("nofull")

    def note_many_full(self, cpu: SlubCpu) -> None:
        self._say("big")

    def note_no_empty(self, cpu: SlubCpu) -> None:
        self._say("noempty")

    def note_sheaf_allocated(self, cpu: SlubCpu, sheaf: int) -> None:
        self._say("sheafalloc")

    def note_no_sheaf(self, cpu: SlubCpu) -> None:
        self._say("nosheaf")

    def note_sheaf_freed(self, cpu: SlubCpu) -> None:
        self._say("sheaffree")

    def note_oversize(self, cpu: SlubCpu, capacity: int) -> None:
        self._say(f"oversize({capacity})")

    def note_refill(self, cpu: SlubCpu, want: int) -> None:
        self._say(f"refill({want})")

    def note_direct(self, cpu: SlubCpu, want: int) -> None:
        self._say(f"direct({want})")

    def note_isolated(self, cpu: SlubCpu, n: KmemCacheNode, slab: int) -> None:
        record = self.state.slabs[slab]
        free = "" if self.state.caches[record.cache].cpu_slab else f",{record.num - record.inuse}"
        self._say(f"isolate({self._slab(slab)}{free})")

    def note_list_taken(self, cpu: SlubCpu, slab: int, nr: int) -> None:
        self._say(f"take({self._slab(slab)},{nr})")

    def note_returned(self, cpu: SlubCpu, n: KmemCacheNode, slab: int, nr: int) -> None:
        self._say(f"return({self._slab(slab)},{nr})")

    def note_put_back(self, cpu: SlubCpu, n: KmemCacheNode, slab: int) -> None:
        self._say(f"back({self._slab(slab)})")

    def note_grown(self, cpu: SlubCpu, cache: KmemCache, slab: int) -> None:
        record = self.state.slabs[slab]
        self._say(f"grow({self._slab(slab)},n{record.nodeid})")
        if record.num != cache.num:
            self._say(f"objects({record.num})")

    def note_taken_from_new(self, cpu: SlubCpu, slab: int, nr: int) -> None:
        self._say(f"new({self._slab(slab)},{nr})")

    def note_slow(self, cpu: SlubCpu) -> None:
        self._say("slow")

    def note_mismatch(self, cpu: SlubCpu) -> None:
        self._say("mismatch")

    def note_one(self, cpu: SlubCpu, n: KmemCacheNode, slab: int) -> None:
        self._say(f"one({self._slab(slab)})")

    def note_unlisted(self, cpu: SlubCpu, n: KmemCacheNode, slab: int) -> None:
        self._say(f"unlist({self._slab(slab)})")

    def note_search(self, cpu: SlubCpu) -> None:
        self._say("any")

    def note_search_skipped(self, cpu: SlubCpu) -> None:
        self._say("anyskip")

    def note_freed(self, cpu: SlubCpu, slab: int, nr: int) -> None:
        self._say(f"free({self._slab(slab)},{nr})")

    def note_added(self, cpu: SlubCpu, n: KmemCacheNode, slab: int) -> None:
        self._say(f"add({self._slab(slab)})")

    def note_kept(self, cpu: SlubCpu, slab: int) -> None:
        self._say(f"keep({self._slab(slab)})")

    def note_off_list(self, cpu: SlubCpu, slab: int) -> None:
        self._say(f"offlist({self._slab(slab)})")

    def note_dropped(self, cpu: SlubCpu, cache: KmemCache, slab: int) -> None:
        self._say(f"drop({self._slab(slab)})")

    def note_flush(self, cpu: SlubCpu, nr: int) -> None:
        self._say(f"flush({nr})")

    def note_flush_main(self, cpu: SlubCpu, nr: int) -> None:
        self._say(f"flushmain({nr})")

    def note_block(self, cpu: SlubCpu, nr: int) -> None:
        self._say(f"pcs({nr})")

    def note_rest(self, cpu: SlubCpu, nr: int) -> None:
        self._say(f"rest({nr})")

    def note_remote(self, cpu: SlubCpu, nr: int) -> None:
        self._say(f"remote({nr})")

    def note_submitted(self, cpu: SlubCpu, sheaf: int) -> None:
        self._say(f"submit({self.state.sheaves[sheaf].size})")

    def note_rcu_flushed(self, cpu: SlubCpu, sheaf: int) -> None:
        self._say(f"rcuflush({self.state.sheaves[sheaf].size})")

    def note_callback(self, cpu: SlubCpu, sheaf: int) -> None:
        record = self.state.sheaves[sheaf]
        self._say(f"cb(cpu{cpu.number},n{record.node},{record.size})")

    def note_flushing_callback(self, cpu: SlubCpu, sheaf: int) -> None:
        self._say(f"cbflush(cpu{cpu.number},{self.state.sheaves[sheaf].size})")

    def note_turn(self, cpu: SlubCpu) -> None:
        self._say(f"cpu{cpu.number}")

    def note_list_refilled(self, cpu: SlubCpu, slab: int) -> None:
        self._say(f"refill({self._slab(slab)})")

    def note_forgotten(self, cpu: SlubCpu, slab: int) -> None:
        self._say(f"unfreeze({self._slab(slab)})")

    def note_popped(self, cpu: SlubCpu, slab: int) -> None:
        self._say(f"pop({self._slab(slab)})")

    def note_frozen(self, cpu: SlubCpu, slab: int) -> None:
        self._say(f"freeze({self._slab(slab)})")

    def note_to_cpu_partial(self, cpu: SlubCpu, slab: int, nr: int) -> None:
        self._say(f"cpupartial({self._slab(slab)},{nr})")

    def note_drained(self, cpu: SlubCpu) -> None:
        self._say("drain")

    def note_deactivated(self, cpu: SlubCpu, slab: int, nr: int) -> None:
        self._say(f"deactivate({self._slab(slab)},{nr})")

    def note_listed(self, cpu: SlubCpu, n: KmemCacheNode, slab: int, tail: bool) -> None:
        self._say(f"{'tail' if tail else 'head'}({self._slab(slab)})")

    def note_freed_frozen(self, cpu: SlubCpu, slab: int) -> None:
        self._say("frozen")

    def batch_rcu(self, cpu: SlubCpu, cache: KmemCache, obj: int) -> None:
        super().batch_rcu(cpu, cache, obj)
        self._say("krc")

# SPDX-License-Identifier: GPL-2.0-only
"""How an operation was served: the outcomes that paths tell apart, of every allocator and of the page allocator.

Leaves out how long it took and what is counted about it (records).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Path(IntEnum):
    """How an operation was served, in the golden data's terms; `label` is the golden name.

    From SPARE on they are SLUB's alone. An allocation with sheaves: from the CPU's spare sheaf, a full one of the barn, one that
    was refilled from the node's partial list, also from other nodes' (REMOTE), also from new slabs (GROW); or past the sheaves,
    one object (SLOW). With per-CPU slabs: from the slab's own shared chain, a partial slab of the CPU's, else PARTIAL,
    FALLBACK_PARTIAL and GROW as SLAB's. A free: the spare sheaf had room, the barn gave an empty sheaf, one was allocated, one
    was flushed; or past the sheaves, into the slab without a lock or under list_lock. With per-CPU slabs the slab may become a
    partial slab of the CPU's, and those before it be drained. By kfree_rcu an object goes to the CPU's RCU sheaf (a hit), which
    is got, or full and handed over (RCU_SHEAF), or to the general batching (RCU_BATCH). An object of a bulk call is of no
    other path (BULK, FREE_BULK).
    """

    HIT = 0
    SHARED = 1
    PARTIAL = 2
    FREE = 3
    PARTIAL_FREE = 4
    GROW = 5
    NODE_PARTIAL = 6
    NODE_FREE = 7
    NODE_GROW = 8
    FALLBACK_PARTIAL = 9
    FALLBACK_FREE = 10
    FALLBACK_GROW = 11
    FAIL = 12
    FREE_HIT = 13
    FLUSH_SHARED = 14
    FLUSH_LISTS = 15
    ALIEN_PUT = 16
    ALIEN_DRAIN = 17
    ALIEN_DIRECT = 18
    SECTION = 19
    GET_PAGES = 20
    GIVE_PAGES = 21
    SPARE = 22
    BARN = 23
    REFILL = 24
    REFILL_REMOTE = 25
    REFILL_GROW = 26
    SLOW = 27
    SLOW_REMOTE = 28
    SLOW_GROW = 29
    GET_FREELIST = 30
    CPU_PARTIAL = 31
    FREE_SPARE = 32
    FREE_BARN = 33
    FREE_NEW_SHEAF = 34
    FREE_FLUSH = 35
    FREE_SLAB = 36
    FREE_LIST = 37
    FREE_CPU_PARTIAL = 38
    FREE_DRAIN = 39
    RCU_SHEAF = 40
    RCU_BATCH = 41
    BULK = 42
    FREE_BULK = 43

    @property
    def label(self) -> str:
        """The golden data's word for this path: a CPU-array hit is `hit` for allocations and frees alike."""
        return _LABELS[self]

    @property
    def operation(self) -> Operation:
        """What kind of operation takes this path."""
        if self is Path.SECTION:
            return Operation.SECTION
        allocates = self <= Path.FAIL or self in (Path.GET_PAGES, Path.BULK) or Path.SPARE <= self <= Path.CPU_PARTIAL
        return Operation.ALLOC if allocates else Operation.FREE


class Operation(IntEnum):
    """The kinds of operation that latencies are told apart by."""

    ALLOC = 0
    FREE = 1
    SECTION = 2

    @property
    def label(self) -> str:
        """`alloc`, `free` or `section`."""
        return self.name.lower()


class Upkeep(IntEnum):
    """What a CPU does for the caches beside operations; `NONE` while it does operations."""

    NONE = 0
    REAP = 1
    SLABINFO = 2
    SHRINK = 3
    DRAIN = 4
    RCU = 5
    CHANGE = 6
    """Of SLUB's sheaves, while it runs."""
    FLUSH = 7
    """On SLUB, what DRAIN is on SLAB: a CPU gives up what it has for who shrinks or changes."""

    @property
    def label(self) -> str:
        """`reap`, `slabinfo` and so on, as frames and tables call it."""
        return self.name.lower()


_LABELS: Final = {
    Path.HIT: "hit",
    Path.SHARED: "shared",
    Path.PARTIAL: "partial",
    Path.FREE: "free",
    Path.PARTIAL_FREE: "partial+free",
    Path.GROW: "grow",
    Path.NODE_PARTIAL: "node-partial",
    Path.NODE_FREE: "node-free",
    Path.NODE_GROW: "node-grow",
    Path.FALLBACK_PARTIAL: "fallback-partial",
    Path.FALLBACK_FREE: "fallback-free",
    Path.FALLBACK_GROW: "fallback-grow",
    Path.FAIL: "fail",
    Path.FREE_HIT: "hit",
    Path.FLUSH_SHARED: "flush-shared",
    Path.FLUSH_LISTS: "flush-lists",
    Path.ALIEN_PUT: "alien-put",
    Path.ALIEN_DRAIN: "alien-drain",
    Path.ALIEN_DIRECT: "alien-direct",
    Path.SECTION: "section",
    Path.GET_PAGES: "pages",
    Path.GIVE_PAGES: "pages",
    Path.SPARE: "spare",
    Path.BARN: "barn",
    Path.REFILL: "refill",
    Path.REFILL_REMOTE: "refill-remote",
    Path.REFILL_GROW: "refill-grow",
    Path.SLOW: "slow",
    Path.SLOW_REMOTE: "slow-remote",
    Path.SLOW_GROW: "slow-grow",
    Path.GET_FREELIST: "get-freelist",
    Path.CPU_PARTIAL: "cpu-partial",
    Path.FREE_SPARE: "spare",
    Path.FREE_BARN: "barn",
    Path.FREE_NEW_SHEAF: "new-sheaf",
    Path.FREE_FLUSH: "flush",
    Path.FREE_SLAB: "slab",
    Path.FREE_LIST: "slab-list",
    Path.FREE_CPU_PARTIAL: "cpu-partial",
    Path.FREE_DRAIN: "drain",
    Path.RCU_SHEAF: "rcu-sheaf",
    Path.RCU_BATCH: "rcu-batch",
    Path.BULK: "bulk",
    Path.FREE_BULK: "bulk",
}

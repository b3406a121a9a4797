# SPDX-License-Identifier: GPL-2.0-only
"""What a SLUB log's run holds beyond a timed one's, and the kinds of events that compiled code writes down for it.

An event stands for the note of its name, or for the service. Leaves out what fills the record (`slub.script_memory`).
"""

from __future__ import annotations

from enum import IntEnum, auto

from slabdes.engine.compiled.script_layout import Event, Script
from slabdes.engine.compiled.slub.layout import SlubRun


class ScriptSlubRun(Script, SlubRun):
    """A run of a log.

    `let_in_at` is the Point at which Python has something, or -1; an operation has ended when its CPU's stack has fewer than
    `floor` paths. `skips` are the fates of the next searches, from `skip_at` on. How many first and second requests for a
    slab's pages fail next, and requests for a sheaf; `no_pages`: the present one does.
    """

    let_in_at: int
    floor: int
    skips: int
    skip_at: int
    n_skips: int
    failing_first: int
    failing_second: int
    failing_sheaves: int
    no_pages: int


class SlubEvent(IntEnum):
    """SLUB's notes, as compiled code writes them down, behind the kinds of events that every allocator has."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[int]) -> int:
        return len(Event) + 1 + count

    # [number, or nothing]
    SWAPPED = auto()
    MAIN_TO_SPARE = auto()
    SPARE_USED = auto()
    KEPT_AS_SPARE = auto()
    SPARE_TO_RCU = auto()
    NO_FULL = auto()
    MANY_FULL = auto()
    NO_EMPTY = auto()
    NO_SHEAF = auto()
    SHEAF_FREED = auto()
    SLOW = auto()
    MISMATCH = auto()
    SEARCH = auto()
    SEARCH_SKIPPED = auto()
    DRAINED = auto()
    TURN = auto()
    OVERSIZE = auto()
    REFILL = auto()
    DIRECT = auto()
    FLUSH = auto()
    FLUSH_MAIN = auto()
    BLOCK = auto()
    REST = auto()
    REMOTE = auto()
    # [slab, number, or nothing; the slab's serial, num, inuse, node]
    LIST_REFILLED = auto()
    FORGOTTEN = auto()
    POPPED = auto()
    FROZEN = auto()
    KEPT = auto()
    OFF_LIST = auto()
    FREED_FROZEN = auto()
    LIST_TAKEN = auto()
    TAKEN_FROM_NEW = auto()
    FREED = auto()
    TO_CPU_PARTIAL = auto()
    DEACTIVATED = auto()
    CMPXCHG = auto()
    """The service."""
    # The same; the note's kmem_cache_node is that of the slab's node, and the number another if the note has none.
    ISOLATED = auto()
    PUT_BACK = auto()
    UNLISTED = auto()
    ADDED = auto()
    ONE = auto()
    RETURNED = auto()
    LISTED = auto()
    # The same; the number is the cache's.
    GROWN = auto()
    DROPPED = auto()
    # [sheaf, its size, its node]
    SHEAF_ALLOCATED = auto()
    SUBMITTED = auto()
    RCU_FLUSHED = auto()
    CALLBACK = auto()
    FLUSHING_CALLBACK = auto()
    CALL_RCU = auto()
    """[sheaf, its size, its node, cache, whether it is to be flushed]: the service."""
    BATCH_RCU = auto()
    """[cache, object]: the service."""
    PAGES_FAIL = auto()
    """[whether it is the second request]: a request for pages is one of those that are to fail."""

# SPDX-License-Identifier: GPL-2.0-only
"""The compiled engine's memory: the fields of each kind of record, and what a CPU, a frame and the whole run are.

Every field is a 64-bit integer, so that one address reaches a record from any function. Leaves out what fills them
(`pack`) and what works on them.
"""

from __future__ import annotations

from dataclasses import fields
from enum import IntEnum
from typing import Final

import numpy as np

from slabdes.allocator.state import CacheStats
from slabdes.engine.records import SUB_BUCKET_BITS, Spent
from slabdes.paths.outcome import Path

N_PATHS: Final = len(Path)
BUCKETS: Final = (64 - SUB_BUCKET_BITS) << SUB_BUCKET_BITS
"""Room for every bucket of a 63-bit value."""
HASHES: Final = frozenset({"digest", "jitter_key", "draw_key", "irq_key", "race_key"})
"""Fields that hold unsigned words."""


def record(*names: str) -> np.dtype[np.void]:
    """A record of 64-bit integers."""
    return np.dtype([(name, "u8" if name in HASHES else "i8") for name in names], align=True)


ARRAY: Final = record("avail", "batchcount", "entry", "limit", "line", "lock", "touched")
SLAB: Final = record(
    "bufctl", "serial", "nodeid", "inuse", "free", "num", "next", "prev", "which", "line", "cache", "descriptor", "link",
    "colouroff",
)  # fmt: skip
"""As state.Slab, what a hit reads first; `link` chains slabs that are on no list: spare ones, and those about to be destroyed."""
L3: Final = record(
    "node", "slabs_partial", "slabs_full", "slabs_free", "free_objects", "free_slabs", "free_limit", "colour_next",
    "free_touched", "next_reap", "list_lock", "line", "shared", "alien", "descriptors",
)  # fmt: skip
"""As state.KmemList3; `shared` is an array's number, `alien` that of the first alien cache, for node 0; -1 without."""
STATS: Final = record(*(field.name for field in fields(CacheStats)))
CACHE: Final = record(
    "num", "gfporder", "colour", "colour_off", "slabp_cache", "slabs_created", "slabs_destroyed", "spare", "array", "ctor",
    "ctor_calls", "mem_spread", "limit", "batchcount", "shared",
)  # fmt: skip
"""As state.KmemCache; `array` is the number of CPU 0's array, `spare` the first spare slab."""
LOCK: Final = record(
    "line", "holder", "granted_at", "first", "last", "waiters", "next", "handoff", "before", "passed", "passed_since",
    "queue_area", "changed_at", "acquisitions", "contended", "bounces", "con_bounces", "acq_bounces", "acquired_by",
    "acquired_from", "since", "toll", "relinked", "posted", "digest",
)  # fmt: skip
"""As TimedLock; `first` and `last` are waiters, `before` the waiter before `next`, `passed` the last one passed over, or FREE."""
COUNTS: Final = record("count", "total", "least", "greatest")
"""A histogram's sums; its buckets lie in a table."""
SPENT: Final = record(*(field.name for field in fields(Spent) if field.name != "work"))
"""As Spent, without the part that the others leave."""
SLOT: Final = record("key", "obj", "full_at", "emptied", "waiting", "full")
"""A slot of the workload; `waiting` is one more than the CPU that waits for it. In a hash table `key` -1 is a free place."""
STEP: Final = record("think", "op", "cache", "slot", "node", "flags")
CPU: Final = record(
    "number", "node", "clock", "work", "page_work", "slowdown", "jitter", "jitter_key", "race_key", "digest",
    "allocs", "frees", "failed", "skipped", "sections",
    "think_time", "lock_wait", "handoff_time", "slot_wait", "line_time", "local_memory_time",
    "remote_memory_time", "page_time", "first_touch_time", "descriptor_read_time", "work_time", "idle_time",
    "level", "beyond_work", "interrupt_time", "interrupts", "interrupts_lost", "irq_at", "irq_key", "irqs_off_depth",
    "irqs_off_at", "irqs_on_at", "oldest", "held", "timer_at",
    "path", "reap_node", "reap_due", "reap_at",
    "micro", "lock", "site", "asked", "next_waiter", "ret", "ret2", "sp", "frame0",
    "blocked", "why", "at_barrier", "barrier_time", "when", "after",
    "think", "op", "cache", "slot", "want", "flags", "blocks", "alike",
    "kind", "phase", "round", "index", "turn", "live", "live0", "base", "draw_key", "pos", "end", "ended",
    "cache0", "call_end", "in_bulk", "alloc_hit", "free_hit", "altfail", "policy",
)  # fmt: skip
"""A CPU: its clock and accounts, what it waits for, its step, and where its program is.

`beyond_work` is not 0 once time has gone to anything but work since accounts were remembered with none open: until then, there
is no growth to be looked for.
"""
POLICY: Final = record("n_nodes", "kind", "node")
"""As mempolicy.MemPolicy."""
POINTERS: Final = (
    "words", "touched", "slabs", "arrays", "l3s", "stats", "caches", "locks", "owner", "home", "transfer", "dram", "cpus",
    "frames", "tree", "zonelists", "free_pages", "pcp", "page_batch", "page_high", "lock_buckets", "lock_counts", "lock_points",
    "buckets", "counts", "spent", "accounts", "irq_buckets", "irq_counts", "rings", "slots", "lives", "spares", "steps",
    "exponential", "policies",
)  # fmt: skip
COSTS: Final = (
    "alloc_hit", "free_hit", "alloc_bulk", "free_bulk", "lock_op", "irq_pair", "slow_path", "move_object", "slab_object",
    "list_move", "grow_base", "init_object", "page_alloc_order0", "page_free_order0", "page_alloc_higher", "page_free_higher",
    "page_per_order", "pcp_refill_page", "first_touch", "descriptor_read", "reap_base",
)  # fmt: skip
"""Costs of the machine that the engine charges, picoseconds, under their own names."""
DISCIPLINES: Final = ("tas", "ticket", "qspinlock", "cna")
"""Lock disciplines that compiled code knows (`locks._release`): each is a flag of the run. Any other is refused."""
RULES: Final = (
    "unlocked_look", "private_slab", "unlocked_colour", "trim_after_batch", "pages_after_unlock",
    "shrink_locks_empty_shared", "tune_locks_twice",
    "line_of_list_lock", "line_of_free_objects", "line_of_colour_next",
    *DISCIPLINES, "handoff_milli", "cna_threshold", "hz", "spinners_slow_holder", "posted_neighbour_writes",
    "array_lines", "lock_races",
    "windowed", "barrier", "irq_periodic", "irq_mean", "irq_cache", "irq_objects", "irq_keep", "irq_work",
)  # fmt: skip
WORKLOAD: Final = (
    "objects", "rounds", "n_caches", "bulk", "has_barrier", "burst_think", "think_mean", "think_random", "hold_mean",
    "hold_random", "window", "operations", "target", "flags", "chunk",
)  # fmt: skip
RUN: Final = np.dtype(
    [
        (name, "i8")
        for name in (
            *POINTERS, *COSTS, *RULES, *WORKLOAD,
            "n_cpus", "n_nodes", "all_caches", "bits", "leaves", "now", "horizon", "time_limit", "overflow", "starting",
            "current", "n_slabs", "slab_room", "n_words", "word_room", "n_lines", "line_room", "most_objects", "scratch",
            "first_zone_lock", "section_lock", "reaper", "unfinished", "n_blocked", "arrived", "latest",
            "hashed", "slot_mask", "slot_stride", "n_slots", "done", "pause_at", "stages_left",
        )
    ],
    align=True,
)  # fmt: skip
"""The whole run: where everything lies, what it costs, and what is not any CPU's own."""


class Status(IntEnum):
    """What a compiled function says: go on with the CPU, wait for its event, or something that Python must see to."""

    GO = 0
    WAIT = 1
    FINISHED = 2
    STALLED = 3
    OVERFLOW = 4
    PAUSE = 5
    STEPS = 6
    """The CPU `current` needs more steps of its program."""
    SLABS = 7
    """There may be no room for another slab."""
    SLOTS = 8
    """The hash table of slots is half full."""
    EVENTS = 9
    """There may be no room for what a script's next step would write down."""
    STORM = 10
    """A CPU does nothing any more but handle interrupts."""
    LOG = 11
    """The event log's buffers are to be emptied."""
    CALLED = 12
    """Another path of the CPU, now on top of this one, comes first."""


class Micro(IntEnum):
    """What a CPU does first when its event comes."""

    NOTHING = 0
    TAKE = 1
    GRANTED = 2
    RELEASE = 3
    FINISH = 4


class ProgramKind(IntEnum):
    """Where a CPU's steps come from: nowhere, Python, or one of the synthetic programs, drawn in compiled code."""

    NONE = 0
    STREAM = 1
    BURST = 2
    MIX = 3
    PASS = 4
    SECTION = 5


class Why(IntEnum):
    """What a blocked CPU waits for."""

    FILLED = 0
    EMPTIED = 1
    BARRIER = 2

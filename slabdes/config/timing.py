# SPDX-License-Identifier: GPL-2.0-only
"""Rules of the clock, as an experiment's [timing] has them: which there are, and what each says.

Leaves out what they cost (`machine.costs`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, Strict

from slabdes.config.fields import Frozen, Truth


class TimingConfig(Frozen):
    """Rules of the clock that an experiment may change."""

    jitter: Annotated[float, Strict(), Field(ge=0, le=0.9)] = 0.15
    """Local work varies uniformly by up to this share (assumed; without it a closed system falls into step)."""
    hz: Annotated[int, Strict(), Field(ge=100, le=10_000)] = 1000
    """Jiffies a second, for the reap timers."""
    spinners_slow_holder: Truth = True
    """Whether the holder's writes to the lock's line cost a transfer each while others spin on it."""
    late_spinners: Truth = True
    """Whether CPUs that begin to spin during a hold slow its holder, too, where none did when it began."""
    all_spinners: Truth = True
    """Whether all CPUs that spin on a lock's line (tas, ticket) cost its writer something, not just one."""
    posted_neighbour_writes: Truth = True
    """Whether a hold pays only the dearest of its writes to neighbours on lists, not each of them."""
    array_lines: Truth = True
    """Whether pointers of an array beyond the header's cache line lie on lines of their own."""
    lock_races: Truth = True
    """Whether any of those whose requests for a free lock are on their way together may be first (tas), not just the newcomer."""
    arrival_races: Truth = True
    """Whether such a race goes to whose request arrives first, by distance and time, instead of to each alike."""
    copy_lines: Truth = True
    """Whether each further line of a copy costs a share of its transfer (copy_line_share), beside the dearest one's."""
    descriptor_once: Truth = True
    """Whether of frees in a row of one slab's objects only the first reads a cold descriptor."""
    slot_lines: Truth = True
    """Whether a consumer waits for the lines of the ring through which objects pass (producer_consumer), eight slots a line."""
    ring_indexes: Truth = True
    """Whether both ends of such a ring read how far the other one is, on a line that goes to and fro; only with slot_lines."""
    early_lookups: Truth = True
    """Whether descriptors that a flush needs have been read by the frees before it, so that their lines lengthen no hold."""
    higher_page_lists: Truth = True
    """Whether CPUs have lists of blocks of 2 to 8 pages, as kernels since 5.14 (6.1 and SLUB); else each takes the zone lock."""
    smt_siblings: Truth = True
    """Whether local work takes longer (smt_slowdown) while the workload uses both threads of a core."""
    first_touch: Truth = True
    """Whether an object or a descriptor costs extra where another CPU, or nobody, touched it last."""
    working_sets: Truth = True
    """Whether what a CPU's part of the last-level cache has lost since it was touched comes from memory; nothing is lost where
    the machine does not say how large its caches are (llc_mib)."""


class TimingRule(StrEnum):
    """Rules of the clock that can be left out, by their keys in [timing]."""

    SPINNERS_SLOW_HOLDER = "spinners_slow_holder"
    LATE_SPINNERS = "late_spinners"
    ALL_SPINNERS = "all_spinners"
    POSTED_NEIGHBOUR_WRITES = "posted_neighbour_writes"
    ARRAY_LINES = "array_lines"
    LOCK_RACES = "lock_races"
    ARRIVAL_RACES = "arrival_races"
    COPY_LINES = "copy_lines"
    DESCRIPTOR_ONCE = "descriptor_once"
    SLOT_LINES = "slot_lines"
    RING_INDEXES = "ring_indexes"
    EARLY_LOOKUPS = "early_lookups"
    HIGHER_PAGE_LISTS = "higher_page_lists"
    SMT_SIBLINGS = "smt_siblings"
    FIRST_TOUCH = "first_touch"
    WORKING_SETS = "working_sets"
    JITTER = "jitter"

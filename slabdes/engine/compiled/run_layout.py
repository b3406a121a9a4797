# SPDX-License-Identifier: GPL-2.0-only
"""A whole run in compiled code: where everything lies, what it costs, the rules, the workload, and what is not any CPU's own.

Leaves out what lies there (`layout`, `cpu_layout`).
"""

from __future__ import annotations

from typing import Final

from slabdes.allocator.page_lists import LIST_ORDERS
from slabdes.allocator.pages import TOP_ORDER
from slabdes.allocator.versions import Switches
from slabdes.engine.fields import fields_of
from slabdes.locks.disciplines import LockParameters
from slabdes.paths.charges import ClockRules
from slabdes.paths.upkeep import UpkeepSettings


class Addresses:
    """Where arrays lie: of records (`layout`), or of integers; `sizes` and `looked_up` are caches', `touched` and `seen` are stamps."""

    words: int
    touched: int
    sizes: int
    looked_up: int
    slabs: int
    arrays: int
    l3s: int
    stats: int
    caches: int
    locks: int
    stamps: int
    home: int
    transfer: int
    moves: int
    dram: int
    cpus: int
    frames: int
    tree: int
    zonelists: int
    free_pages: int
    pcp: int
    pcp_lists: int
    pcp_warm: int
    page_batch: int
    page_high: int
    page_blocks: int
    page_lone: int
    page_giver: int
    page_given: int
    lock_buckets: int
    lock_counts: int
    lock_points: int
    upkeep_counts: int
    buckets: int
    counts: int
    response_buckets: int
    response_counts: int
    spent: int
    accounts: int
    irq_buckets: int
    irq_counts: int
    rings: int
    slots: int
    lives: int
    spares: int
    steps: int
    exponential: int
    policies: int


PAGE_POOL: Final = {
    "PagePool.free": "ints_at(run.free_pages)",
    "PagePool.batch": "ints_at(run.page_batch)",
    "PagePool.high": "ints_at(run.page_high)",
    "PagePool.blocks": f"table_at(run.page_blocks, {TOP_ORDER + 1})",
    "PagePool.lone": "ints_at(run.page_lone)",
    "PagePool.giver": f"table_at(run.page_giver, {TOP_ORDER + 1})",
    "PagePool.given": f"table_at(run.page_given, {TOP_ORDER + 1})",
    "PagePool.pcp": "table_at(run.pcp, run.n_nodes)",
    "PagePool.lists": f"table_at(run.pcp_lists, run.n_nodes * {LIST_ORDERS})",
    "PagePool.warm": f"table_at(run.pcp_warm, run.n_nodes * {LIST_ORDERS})",
}
"""How lowered paths of either allocator reach a page pool's tables (lowering.target.Target.flat)."""


class Costs:
    """Costs of the machine that the engine charges, picoseconds, under their own names."""

    alloc_hit: int
    free_hit: int
    alloc_bulk: int
    free_bulk: int
    lock_op: int
    irq_pair: int
    slow_path: int
    move_object: int
    slab_object: int
    list_move: int
    grow_base: int
    init_object: int
    page_alloc_order0: int
    page_free_order0: int
    page_take: int
    page_split: int
    page_check: int
    page_cold: int
    pcp_refill_page: int
    pcp_trim_page: int
    first_touch: int
    descriptor_read: int
    ipi: int
    reap_base: int


class Layout:
    """On which line of a kmem_list3 its fields lie (allocator.versions.L3Layout)."""

    line_of_list_lock: int
    line_of_free_objects: int
    line_of_colour_next: int


class Disciplines:
    """Lock disciplines that compiled code knows (`locks._choose`): each is a flag of the run. Any other is refused."""

    tas: int
    ticket: int
    qspinlock: int
    cna: int


class Rules(Switches, Layout, Disciplines, LockParameters, ClockRules):
    """The kernel version, and what an experiment says of locks and of time (LockParameters, ClockRules).

    `unqueued`: the discipline is not queued (locks.disciplines.Discipline): a contended lock is free once it is released.
    `all_spin`: as the discipline's.
    """

    unqueued: int
    all_spin: int
    hz: int


class Interrupts:
    """Interrupt sources (paths.interrupts.InterruptSettings)."""

    irq_periodic: int
    irq_mean: int
    irq_cache: int
    irq_objects: int
    irq_keep: int
    irq_work: int


class Workload:
    """What programs have in common: a window, given times, a barrier's CPUs, a preset's numbers, `chunk` steps from Python.

    `arrive_*` are how operations arrive that are drawn here (workload.arrivals.Arrivals).
    """

    windowed: int
    arrivals: int
    arrive_gap: int
    arrive_random: int
    arrive_on: int
    arrive_off: int
    barrier: int
    objects: int
    rounds: int
    n_caches: int
    bulk_alloc: int
    bulk_free: int
    of_one_cache: int
    has_barrier: int
    burst_think: int
    think_mean: int
    think_random: int
    hold_mean: int
    hold_random: int
    hold_one_in: int
    window: int
    operations: int
    target: int
    chunk: int


class Slots:
    """The table of slots, by number or hashed (`slots`)."""

    hashed: int
    slot_mask: int
    slot_stride: int
    n_slots: int


class Sizes:
    """How many there are of what, and room for how many. In `words`, CPUs' places for single objects begin at `scratch`."""

    n_cpus: int
    n_nodes: int
    all_caches: int
    most_objects: int
    n_slabs: int
    slab_room: int
    n_words: int
    word_room: int
    n_lines: int
    line_room: int
    scratch: int
    first_zone_lock: int
    section_lock: int


class Events:
    """The tree of CPUs' events: its leaves, the bits of a key that name a CPU; the time now, and what bounds it (`clock`).

    At `mark_at` Python is to close the books: `mark_key` is before all keys of that time. Both are NEVER if it is not.
    """

    bits: int
    leaves: int
    now: int
    horizon: int
    time_limit: int
    mark_at: int
    mark_key: int
    overflow: int
    starting: int
    current: int


class Numbers:
    """Numbers of lowered paths that others begin: the one that handles interrupts, which locks begin when they are released."""

    take_interrupts: int


class Progress:
    """How far CPUs are together: who reaps, who has not ended, who waits, and what brings the run back to Python."""

    reaper: int
    unfinished: int
    n_blocked: int
    arrived: int
    latest: int
    done: int
    pause_at: int
    stages_left: int


class Run(Addresses, Costs, Rules, Interrupts, UpkeepSettings, Workload, Slots, Sizes, Events, Numbers, Progress):
    """The whole run."""


DISCIPLINES: Final = tuple(fields_of(Disciplines))

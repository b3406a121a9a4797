# SPDX-License-Identifier: GPL-2.0-only
"""SLUB's memory in compiled code: what a run has beyond one on SLAB, and caches as records.

KmemCacheCpu, KmemCacheNode, NodeBarn, PercpuSheaves, SlabSheaf and SlubStats are records as the allocator has them: those of a
cache's CPUs and nodes lie in a row. Leaves out what fills them (`slub.pack`) and what works on them.
"""

from __future__ import annotations

from slabdes.allocator.slub.versions import SlubSwitches
from slabdes.engine.compiled.logged import LoggedRun
from slabdes.engine.compiled.run_layout import Run
from slabdes.paths.slub.upkeep import ChangeSettings


class SlubCosts:
    """Costs of the machine that SLUB alone is charged, picoseconds, under their own names."""

    irq_save: int
    local_trylock: int
    cpu_cmpxchg: int
    cmpxchg_double: int


class SlubSizes:
    """How many sheaves there are, and room for how many; the most objects and lines of one."""

    n_sheaves: int
    sheaf_room: int
    most_capacity: int
    most_sheaf_lines: int
    nodes_with_memory: int


class SlubRun(SlubSwitches, SlubCosts, SlubSizes, ChangeSettings, Run):
    """A run on SLUB: its version's switches.

    Where its records lie; where in `words` CPUs' batches, arrays of bulk calls (`call_room` objects each) and shrink's chains
    begin; `prefill`, objects of the sheaf that a call takes its own from; the picoseconds of a cycle of the counter, and of a
    grace period, if all frees are by kfree_rcu, within `stagger` of whose end CPUs notice it. A record of this type makes numba
    compile the engine anew, with SLUB's paths (`families`).
    """

    all_sheaves: int
    cpu_sheaves: int
    own_slabs: int
    nodes: int
    barns: int
    rcu: int
    in_hand: int
    has_memory: int
    batches: int
    call_arrays: int
    call_room: int
    prefill: int
    promoted: int
    cycle_ps: int
    grace: int
    stagger: int


class LoggedSlubRun(SlubRun, LoggedRun):
    """A run on SLUB with an event log."""


class RcuSheaf:
    """A SlabSheaf's first fields, of one that kfree_rcu fills: another type has other code for hits. `gathered` is its size."""

    gathered: int
    capacity: int
    entry: int


class SlubCache:
    """As slub.state.KmemCache."""

    num: int
    order: int
    min_order: int
    min_objects: int
    min_partial: int
    sheaf_capacity: int
    ratio: int
    full_limit: int
    empty_limit: int
    slabs_created: int
    slabs_destroyed: int
    grows_failed: int
    spare: int
    spare_sheaves: int
    cpu_partial_slabs: int

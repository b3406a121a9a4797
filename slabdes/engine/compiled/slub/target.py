# SPDX-License-Identifier: GPL-2.0-only
"""SLUB's paths, as the lowering is told of them: where their records lie and who does what they ask for.

Leaves out the text that comes of it (`slub.paths`).
"""

from __future__ import annotations

from functools import cache
from typing import Final

from slabdes.allocator.slub.state import (
    InHand,
    KfreeRcuCpu,
    KmemCache,
    KmemCacheCpu,
    KmemCacheNode,
    NodeBarn,
    PercpuSheaves,
    SlabSheaf,
    SlubState,
    SlubStats,
)
from slabdes.allocator.state import Slab
from slabdes.engine.compiled import codes, layout
from slabdes.engine.compiled.cache import kept_text
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.layout import names_of
from slabdes.engine.compiled.run_layout import PAGE_POOL
from slabdes.engine.compiled.slub.layout import SlubCache, SlubRun
from slabdes.lowering.lower import Lowered, lower
from slabdes.lowering.target import Table, Target
from slabdes.paths.charges import Tolls
from slabdes.paths.slub import prices
from slabdes.paths.slub.calls import CallingCpu, CallingKernel
from slabdes.paths.slub.kernel import FlushingSlubKernel


class _Cpu(CallingCpu):
    """What paths and prices see of a CPU."""


class _Kernel(CallingKernel[_Cpu], FlushingSlubKernel[_Cpu]):
    """All that paths and prices ask for."""

    state: SlubState


def _table(record: type, name: str, text: str, held: type | None = None) -> Table:
    return Table(record, name, text, frozenset(names_of(held or record)))


_BOTHS: Final = ("numba_tools", "clock", "account", "interrupts", "locks", "zones", "charges", "touches")
_PATHS: Final = (
    "alloc",
    "cpu_slab",
    "cpu_slab_free",
    "free",
    "pcs_free",
    "bulk",
    "calls",
    "prefill",
    "sheaves",
    "slabs",
    "flush",
    "rcu",
    "shrink",
    "clocked",
    "grace",
    "upkeep",
    "prices",
)
SLUB: Final = Target(
    name="SLUB",
    modules=(
        *(f"slabdes.paths.slub.{name}" for name in _PATHS),
        *(f"slabdes.paths.{name}" for name in ("pages", "operations", "interrupts", "accounts", "upkeep")),
    ),
    kernel=_Kernel,
    cpu=_Cpu,
    tables=(
        _table(KmemCache, "caches", "slub_caches_at(run.caches)", SlubCache),
        _table(KfreeRcuCpu, "rcu", "rcu_cpus_at(run.rcu)"),
        _table(InHand, "in_hand", "in_hand_at(run.in_hand)"),
        _table(KmemCacheCpu, "cpu_slabs", "cpu_slabs_at(run.own_slabs)"),
        _table(KmemCacheNode, "nodes", "nodes_at(run.nodes)"),
        _table(NodeBarn, "barns", "barns_at(run.barns)"),
        _table(PercpuSheaves, "cpu_sheaves", "cpu_sheaves_at(run.cpu_sheaves)"),
        _table(SlabSheaf, "sheaves", "sheaves_at(run.all_sheaves)"),
        _table(SlubStats, "stats", "slub_stats_at(run.stats)"),
        _table(Slab, "slabs", "slabs_at(run.slabs)"),
        _table(Tolls, "locks", "locks_at(run.locks)", layout.Lock),
    ),
    services=(
        *(f"slabdes.engine.compiled.{name}" for name in _BOTHS),
        *(f"slabdes.engine.compiled.slub.{name}" for name in ("records", "services", "notes", "each_cpu")),
    ),
    shared=("slabdes.allocator", "slabdes.paths.charges"),
    entries=(
        "allocate",
        "give_back",
        "hold_section",
        "take_block",
        "give_block",
        "begin_call",
        "end_call",
        "take_interrupts",
        "take_turn",
    ),
    rest=(
        "kmem_cache_free",
        "kmem_cache_alloc_bulk",
        "kmem_cache_free_bulk",
        "kmem_cache_prefill_sheaf",
        "kmem_cache_refill_sheaf",
        "kmem_cache_return_sheaf",
        "kfree_rcu",
        "rcu_free_sheaf",
        "rcu_free_sheaf_nobarn",
        "kvfree_rcu_bulk",
        "kmem_cache_shrink",
        "flush_cpu",
        "flush_rcu_all_sheaves",
    ),
    helpers=("next_of_call", "join_call", "flush_rcu_sheaf", "kmem_cache_alloc_from_sheaf"),
    run_fields=frozenset(names_of(SlubRun)),
    cpu_fields=frozenset(names_of(Cpu)),
    at_once=frozenset(
        {
            *("kmem_cache_alloc_node", "kmem_cache_free", "kfree_rcu", "refill_objects_node", "slab_free"),
            *("load_state", "cmpxchg", "slab_pages"),
        }
    ),
    own_numbers=frozenset({("KmemCache", "index")}),
    flat={
        "SlubState.words": "ints_at(run.words)",
        "SlubState.has_memory": "ints_at(run.has_memory)",
        **PAGE_POOL,
    },
    stand_for={
        "kmem_cache_alloc": "slub_alloc",
        "kmem_cache_alloc_node": "slub_alloc_node",
        "kmem_cache_free": "slub_free",
    }
    | {name: name for name in ("load_state", "cmpxchg", "slab_pages", "free_slab_pages", "call_rcu", "batch_rcu")}
    | {name: name for name in vars(prices) if name.startswith("note_")},
    renamed={f"InterruptSettings.{name}": f"irq_{name}" for name in ("cache", "objects", "keep", "work")},
    declared="run_layout.py, layout.py, cpu_layout.py or slub/layout.py, fill it in pack.py or slub/pack.py",
    first_number=codes.N_PATHS,
)


@cache
def lowered() -> Lowered:
    """The paths, lowered now or by an earlier run of the same sources."""
    return kept_text("slub", lambda: lower(SLUB))

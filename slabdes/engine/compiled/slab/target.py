# SPDX-License-Identifier: GPL-2.0-only
"""The SLAB allocator's paths, as the lowering is told of them: where its records lie and who does what the paths ask for.

Leaves out the text that comes of it (`slab.paths`).
"""

from __future__ import annotations

from functools import cache
from typing import Final

from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import ArrayCache, CacheStats, KmemCache, KmemList3, Slab, SlabState
from slabdes.allocator.versions import L3Layout
from slabdes.engine.compiled import codes, layout
from slabdes.engine.compiled.cache import kept_text
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.layout import names_of
from slabdes.engine.compiled.run_layout import PAGE_POOL, Run
from slabdes.engine.compiled.slab.layout import L3, Cache
from slabdes.engine.fields import fields_of
from slabdes.lowering.lower import Lowered, lower
from slabdes.lowering.target import Table, Target
from slabdes.paths.charges import Tolls
from slabdes.paths.interrupts import InterruptedKernel
from slabdes.paths.slab import prices
from slabdes.paths.slab.kernel import ShrinkingKernel
from slabdes.paths.slab.upkeep import UpkeepCpu, UpkeepKernel


class _Cpu(UpkeepCpu):
    """What paths and prices see of a CPU."""


class _Kernel(ShrinkingKernel[_Cpu], UpkeepKernel[_Cpu], InterruptedKernel[_Cpu, KmemCache]):
    """All that paths and prices ask for."""

    state: SlabState


def _table(record: type, name: str, text: str, held: type) -> Table:
    return Table(record, name, text, frozenset(names_of(held)))


_STAND_FOR: Final = (
    *(name for name in vars(prices) if name.startswith("note_")),
    "kmem_getpages", "kmem_freepages", "irqs_on", "irqs_off", "irq_save", "irq_restore",
    "kmem_cache_alloc", "kmem_cache_alloc_node", "kmem_cache_free",
)  # fmt: skip
"""Services that are paths or price lists themselves."""
_BOTHS: Final = ("numba_tools", "clock", "account", "interrupts", "locks", "variants", "zones", "charges", "touches")
SLAB: Final = Target(
    name="SLAB",
    modules=(
        "slabdes.paths.slab.alloc",
        "slabdes.paths.slab.free",
        "slabdes.paths.slab.reap",
        "slabdes.paths.slab.shrink",
        "slabdes.paths.slab.slabinfo",
        "slabdes.paths.slab.upkeep",
        "slabdes.paths.slab.prices",
        "slabdes.paths.pages",
        "slabdes.paths.operations",
        "slabdes.paths.interrupts",
        "slabdes.paths.accounts",
        "slabdes.paths.upkeep",
    ),
    kernel=_Kernel,
    cpu=_Cpu,
    tables=(
        _table(KmemCache, "caches", "caches_at(run.caches)", Cache),
        _table(KmemList3, "l3s", "l3s_at(run.l3s)", L3),
        _table(ArrayCache, "arrays", "arrays_at(run.arrays)", ArrayCache),
        _table(Slab, "slabs", "slabs_at(run.slabs)", Slab),
        _table(CacheStats, "stats_of", "stats_at(run.stats)", CacheStats),
        _table(Tolls, "locks", "locks_at(run.locks)", layout.Lock),
        _table(MemPolicy, "policies", "policies_at(run.policies)", MemPolicy),
    ),
    services=(
        *(f"slabdes.engine.compiled.{name}" for name in _BOTHS),
        *(f"slabdes.engine.compiled.slab.{name}" for name in ("records", "services", "notes", "each_cpu")),
    ),
    shared=("slabdes.allocator", "slabdes.paths.charges"),
    entries=(
        "allocate",
        "give_back",
        "hold_section",
        "take_block",
        "give_block",
        "end_bulk",
        "take_interrupts",
        "kmem_cache_alloc",
        "kmem_cache_alloc_node",
        "kmem_cache_free",
        "cache_reap",
        "take_turn",
        "do_drain",
    ),
    rest=("reap_cache", "kmem_cache_shrink", "do_tune_cpucache"),
    helpers=("begin_bulk",),
    run_fields=frozenset(names_of(Run)),
    cpu_fields=frozenset(names_of(Cpu)),
    at_once=frozenset({"kmem_cache_alloc", "kmem_cache_free", "cache_alloc_refill", "cache_flusharray", "free_block"}),
    own_numbers=frozenset({("KmemCache", "index")}),
    parts=frozenset({("KmemCache", "stats")}),
    flat={
        "SlabState.words": "ints_at(run.words)",
        "SlabState.node_of_cpu": "ints_at(run.node_of_cpu)",
        **PAGE_POOL,
    },
    stand_for={name: name for name in _STAND_FOR},
    renamed={f"L3Layout.{name}": f"line_of_{name}" for name in fields_of(L3Layout)}
    | {f"InterruptSettings.{name}": f"irq_{name}" for name in ("cache", "objects", "keep", "work")},
    declared="run_layout.py, cpu_layout.py or slab/layout.py, fill it in pack.py or slab/pack.py (a switch: versions.Switches)",
    first_number=codes.N_PATHS,
)


@cache
def lowered() -> Lowered:
    """The paths, lowered now or by an earlier run of the same sources."""
    return kept_text("slab", lambda: lower(SLAB))

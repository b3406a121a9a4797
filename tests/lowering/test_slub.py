# SPDX-License-Identifier: GPL-2.0-only
"""SLUB's paths can be lowered as they stand, and with a clock and its price list, though no compiled engine runs them yet."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from slabdes.allocator.page_lists import LIST_ORDERS
from slabdes.allocator.pages import TOP_ORDER
from slabdes.allocator.slub.state import (
    InHand,
    KfreeRcuCpu,
    KmemCache,
    KmemCacheCpu,
    KmemCacheNode,
    NodeBarn,
    PercpuSheaves,
    SlabSheaf,
    SlubStats,
)
from slabdes.allocator.slub.versions import SlubSwitches
from slabdes.allocator.state import Slab
from slabdes.engine.fields import fields_of
from slabdes.lowering.lower import lower
from slabdes.lowering.records import annotated
from slabdes.lowering.target import Table, Target
from slabdes.machine.costs import COST_NAMES
from slabdes.paths.charges import ClockRules, Tolls
from slabdes.paths.slub import prices
from slabdes.paths.slub.clocked import ClockedSlubCpu, ClockedSlubKernel
from slabdes.paths.slub.kernel import FlushingSlubKernel, SlubCpu

MODULES = (
    "alloc",
    "bulk",
    "cpu_slab",
    "cpu_slab_free",
    "flush",
    "free",
    "pcs_free",
    "prefill",
    "rcu",
    "sheaves",
    "shrink",
    "slabs",
)
TABLES = {
    KmemCache: "caches",
    KfreeRcuCpu: "rcu",
    InHand: "in_hand",
    KmemCacheCpu: "cpu_slabs",
    KmemCacheNode: "nodes",
    NodeBarn: "barns",
    PercpuSheaves: "cpu_sheaves",
    SlabSheaf: "sheaves",
    SlubStats: "stats",
    Slab: "slabs",
}
ENTRIES = (
    "kmem_cache_alloc",
    "kmem_cache_alloc_node",
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
    "flush_rcu_all_sheaves",
    "kmem_cache_shrink",
    "pcs_flush_all",
    "cpu_slab_alloc",
    "flush_cpu_slab",
)


class _Cpu(SlubCpu):
    """A CPU of some engine."""


class _Kernel(FlushingSlubKernel[_Cpu]):
    """And the engine."""


def services(kernel: type, lowered: frozenset[str] = frozenset()) -> str:
    """A module that has what paths ask for, by name and number of arguments, but for what is lowered itself."""
    lines = ["GO = CALLED = 0"]
    for name, method in inspect.getmembers(kernel, inspect.isfunction):
        if not name.startswith("_") and name not in lowered:
            lines.append(f"def {name}(run, {', '.join(list(inspect.signature(method).parameters)[1:])}): return 0")
    for rows in ("cpu_slab", "cpu_sheaves", "stats", "node", "barn", "zonelist", "zones"):
        lines += [f"def {rows}_item(run, of, at): return 0", f"def {rows}_length(run, of): return 0"]
    tables = (f"{name}_at" for name in TABLES.values())
    others = ("function", "inline", "call", "end_of_path", "ints_at", "table_at", "locks_at", *tables)
    return "\n".join([*lines, *(f"def {name}(what): return what" for name in others)])


def test_every_path_of_slub_has_a_compiled_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slub_services.py").write_text(services(FlushingSlubKernel))
    monkeypatch.syspath_prepend(tmp_path)
    target = Target(
        name="SLUB",
        modules=tuple(f"slabdes.paths.slub.{module}" for module in MODULES),
        kernel=_Kernel,
        cpu=_Cpu,
        tables=tuple(
            Table(record, name, f"{name}_at(run.{name})", frozenset(field for field, _kind, _known in annotated(record)))
            for record, name in TABLES.items()
        ),
        services=("slub_services",),
        shared=("slabdes.allocator", "slabdes.paths.charges"),
        entries=ENTRIES,
        run_fields=frozenset({"promoted", *fields_of(SlubSwitches)}),
        cpu_fields=frozenset({"number", "node", "path", "batches"}),
        own_numbers=frozenset({("KmemCache", "index")}),
        flat={f"SlubState.{name}": f"ints_at(run.{name})" for name in ("words", "has_memory")},
        helpers=("pcs_used", "cpu_slab_used", "flush_rcu_sheaf", "kmem_cache_alloc_from_sheaf"),
    )
    text = lower(target).text
    assert all(f"def {entry}(run, cpu, frame)" in text for entry in ENTRIES)


CLOCKED_MODULES = (
    *(f"slabdes.paths.slub.{module}" for module in (*MODULES, "clocked", "grace", "prices")),
    *(f"slabdes.paths.{module}" for module in ("accounts", "operations", "pages")),
)
STAND_FOR = {
    "kmem_cache_alloc": "slub_alloc",
    "kmem_cache_alloc_node": "slub_alloc_node",
    "kmem_cache_free": "slub_free",
    **{name: name for name in vars(prices) if name.startswith("note_")},
    **{
        name: name
        for name in ("call_rcu", "batch_rcu", "load_state", "cmpxchg", "let_in", "slab_pages", "free_slab_pages", "sheaf_memory")
    },
}


class _ClockedCpu(ClockedSlubCpu):
    """A CPU of some engine with a clock."""


class _ClockedKernel(ClockedSlubKernel[_ClockedCpu], FlushingSlubKernel[_ClockedCpu]):
    """And the engine."""


def test_operations_on_slub_with_their_prices_have_a_compiled_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "clocked_services.py").write_text(services(_ClockedKernel, frozenset(STAND_FOR)))
    monkeypatch.syspath_prepend(tmp_path)
    tables = TABLES | {Tolls: "locks"}
    target = Target(
        name="SLUB with a clock",
        modules=CLOCKED_MODULES,
        kernel=_ClockedKernel,
        cpu=_ClockedCpu,
        tables=tuple(
            Table(record, name, f"{name}_at(run.{name})", frozenset(field for field, _kind, _known in annotated(record)))
            for record, name in tables.items()
        ),
        services=("clocked_services",),
        shared=("slabdes.allocator", "slabdes.paths.charges"),
        entries=("allocate", "give_back", "take_callbacks"),
        run_fields=frozenset({"promoted", "n_nodes", "grace", *fields_of(SlubSwitches), *fields_of(ClockRules), *COST_NAMES}),
        cpu_fields=frozenset(field for field, _kind, _known in annotated(_ClockedCpu)) | {"number", "node", "path"},
        own_numbers=frozenset({("KmemCache", "index")}),
        flat={f"SlubState.{name}": f"ints_at(run.{name})" for name in ("words", "has_memory")}
        | {f"PagePool.{name}": f"ints_at(run.{name})" for name in ("free", "batch", "high", "lone")}
        | {f"PagePool.{name}": f"table_at(run.{name}, {TOP_ORDER + 1})" for name in ("blocks", "giver", "given")}
        | {"PagePool.pcp": "table_at(run.pcp, run.n_nodes)"}
        | {f"PagePool.{name}": f"table_at(run.{name}, run.n_nodes * {LIST_ORDERS})" for name in ("lists", "warm")},
        stand_for=STAND_FOR,
    )
    text = lower(target).text
    for name in ("allocate", "give_back", "take_callbacks", "cmpxchg", "note_isolated", "state_updated"):
        assert f"def {name}(run, cpu" in text

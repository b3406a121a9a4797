# SPDX-License-Identifier: GPL-2.0-only
"""SLUB's paths can be lowered as they stand, though no engine has the services that they ask for yet."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from slabdes.allocator.slub.state import KmemCache, KmemCacheCpu, KmemCacheNode, NodeBarn, PercpuSheaves, SlabSheaf, SlubStats
from slabdes.allocator.state import Slab
from slabdes.lowering.lower import lower
from slabdes.lowering.records import annotated
from slabdes.lowering.target import Table, Target
from slabdes.paths.slub.kernel import SlubCpu, SlubKernel

MODULES = (
    "alloc",
    "bulk",
    "cpu_slab",
    "cpu_slab_bulk",
    "cpu_slab_free",
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
    "cpu_slab_free",
    "cpu_slab_alloc_bulk",
    "cpu_slab_free_bulk",
    "flush_cpu_slab",
)


class _Cpu(SlubCpu):
    """A CPU of some engine."""


class _Kernel(SlubKernel[_Cpu]):
    """And the engine."""


def services() -> str:
    """A module that has what paths ask for, by name and number of arguments."""
    lines = ["GO = CALLED = 0"]
    for name, method in inspect.getmembers(SlubKernel, inspect.isfunction):
        if not name.startswith("_"):
            lines.append(f"def {name}(run, {', '.join(list(inspect.signature(method).parameters)[1:])}): return 0")
    for rows in ("cpu_slab", "cpu_sheaves", "stats", "node", "barn", "zonelist"):
        lines += [f"def {rows}_item(run, of, at): return 0", f"def {rows}_length(run, of): return 0"]
    others = ("function", "inline", "call", "end_of_path", "ints_at", *(f"{name}_at" for name in TABLES.values()))
    return "\n".join([*lines, *(f"def {name}(what): return what" for name in others)])


def test_every_path_of_slub_has_a_compiled_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slub_services.py").write_text(services())
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
        shared=("slabdes.allocator",),
        entries=ENTRIES,
        run_fields=frozenset({"promoted"}),
        cpu_fields=frozenset({"number", "node", "path", "batches"}),
        own_numbers=frozenset({("KmemCache", "index")}),
        flat={f"SlubState.{name}": f"ints_at(run.{name})" for name in ("words", "has_memory")},
        helpers=("pcs_used", "cpu_slab_used", "flush_rcu_sheaf", "kmem_cache_alloc_from_sheaf"),
    )
    text = lower(target).text
    assert all(f"def {entry}(run, cpu, frame)" in text for entry in ENTRIES)

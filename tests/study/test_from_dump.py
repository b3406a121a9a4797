# SPDX-License-Identifier: GPL-2.0-only
"""A replay of all caches from a dump's state: what the dump lacks is left out and said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import slabdes
from slabdes.errors import InputError

FOLDER = Path(__file__).parents[1] / "kernel61/traces/1cpu_local_fork1"


def experiment(**workload: Any) -> dict[str, Any]:
    trace = {"kind": "trace", "file": str(FOLDER / "trace.txt.gz"), "from_dump": str(FOLDER / "dumps.txt.gz"), **workload}
    return {"machine": {"preset": "xeon-vm-1cpu"}, "allocator": "6.1", "engine": "reference", "workload": trace}


def test_all_caches_are_those_that_the_dump_has_too() -> None:
    run = slabdes.simulate(experiment())
    (told,) = [warning for warning in run.manifest.warnings if "left out: " in warning]
    assert "not in dumps.txt.gz" in told
    assert "alloc_vmap_area" in told
    assert {"kmalloc-1k", "vm_area_struct"} <= set(run.caches["name"])


def test_counters_are_the_runs_own_and_not_those_since_the_recorded_system_booted() -> None:
    run = slabdes.simulate(experiment(caches=["kmalloc-1k", "vm_area_struct"]))
    cache = run.caches.sum().row(0, named=True)
    row = {
        (row["op"], row["path"]): row["count"]
        for row in run.operations.group_by("op", "path").agg(count=pl.col("count").sum()).to_dicts()
    }
    allocs = sum(count for (op, _path), count in row.items() if op == "alloc")
    assert cache["allochit"] + cache["allocmiss"] == allocs
    assert cache["grown"] == row.get(("alloc", "grow"), 0)


def test_a_cache_that_is_named_and_not_in_the_dump_is_still_refused() -> None:
    with pytest.raises(InputError, match="no cache 'cache-64@alloc_vmap_area'"):
        slabdes.simulate(experiment(caches=["cache-64@alloc_vmap_area"]))


def test_a_dump_without_any_of_the_caches_is_refused(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.write_text("t-1 [0] 1.0: kmem_cache_alloc: call_site=f ptr=100 name=none bytes_req=8 bytes_alloc=8 gfp_flags=0\n")
    with pytest.raises(InputError, match="none of the trace's caches; allowed: a dump with none"):
        slabdes.simulate(experiment(file=str(trace)))

# SPDX-License-Identifier: GPL-2.0-only
"""A trace on a machine without a node that it asks for: both engines serve it alike, and nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import slabdes

FIELDS = "bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL"


def experiment(trace: Path, engine: str, allocator: str) -> dict[str, Any]:
    workload = {"kind": "trace", "file": str(trace), "caches": []}
    return {"machine": {"preset": "numa-2x4"}, "allocator": allocator, "engine": engine, "workload": workload}


@pytest.mark.parametrize("allocator", ["2.6.34", "6.1"])
def test_requests_for_a_node_that_is_not_there_are_served_by_both_engines_alike(tmp_path: Path, allocator: str) -> None:
    pytest.importorskip("numba")
    trace = tmp_path / "trace"
    allocs = (f"t-1 [{n % 2}] 1.{n:06d}: kmalloc_node: call_site=f ptr={n + 1:x}00 {FIELDS} node={n % 5 - 1}" for n in range(300))
    frees = (f"t-1 [{(n + 1) % 2}] 1.{n + 500:06d}: kfree: call_site=f ptr={n + 1:x}00" for n in range(300))
    trace.write_text("\n".join([*allocs, *frees]))
    reference, compiled = (slabdes.simulate(experiment(trace, engine, allocator)) for engine in ("reference", "compiled"))
    assert reference.digest == compiled.digest
    assert reference.check() == []
    assert any("120 allocations ask for nodes 2, 3" in warning for warning in reference.manifest.warnings)

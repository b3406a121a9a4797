# SPDX-License-Identifier: GPL-2.0-only
"""What a replay's answer says of its trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slabdes.config import parse_experiment
from slabdes.study.plan import plan
from slabdes.study.told import about_traces

Told = Callable[..., str]


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """All that is said of a replay of 11 allocations that are 100 us apart."""

    def of(fields: str = "name=x", allocator: str = "6.1", **workload: Any) -> str:
        trace = tmp_path / "t.txt"
        fields = f"call_site=f bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL {fields}"
        trace.write_text("\n".join(f"t-1 [0] 1.{100 * n:06d}: kmem_cache_alloc: ptr={n + 1:x}00 {fields}" for n in range(11)))
        traced = {"kind": "trace", "file": str(trace), **workload}
        raw = {"machine": {"preset": "uma-4"}, "allocator": allocator, "workload": traced}
        return "\n".join(about_traces(plan(parse_experiment(raw, "test"), tmp_path / "spools")))

    return of


def test_how_far_apart_copies_begin_is_told_where_there_are_several(told: Told) -> None:
    # 1 % of 1 ms.
    assert "Copies begin by chance within 10.0 µs of each other, 1 % of the trace's length" in told(copies=2)
    assert "Copies" not in told()


def test_that_the_allocator_is_another_kernels_is_told_and_that_it_is_the_traces_is_not(told: Told) -> None:
    assert (
        "The trace seems to be of a kernel later than 6.1 (allocations name their cache), and runs on the allocator of 6.1"
        in told()
    )
    assert "a kernel 6.0 or 6.1" in told("accounted=false", allocator="4.7")
    assert told("accounted=false") == ""

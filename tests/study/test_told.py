# SPDX-License-Identifier: GPL-2.0-only
"""What a replay's answer says of its trace."""

from __future__ import annotations

from pathlib import Path

from slabdes.config import parse_experiment
from slabdes.study.plan import plan
from slabdes.study.told import about_traces


def test_how_far_apart_copies_begin_is_told_where_there_are_several(tmp_path: Path) -> None:
    trace = tmp_path / "t.txt"
    fields = "call_site=f bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL name=x"
    trace.write_text("\n".join(f"t-1 [0] 1.{100 * n:06d}: kmem_cache_alloc: ptr={n + 1:x}00 {fields}" for n in range(11)))
    workload = {"kind": "trace", "file": str(trace)}

    def told(copies: int) -> tuple[str, ...]:
        raw = {"machine": {"preset": "uma-4"}, "workload": workload | {"copies": copies}}
        return about_traces(plan(parse_experiment(raw, "test"), tmp_path / f"spools{copies}"))

    # 11 allocations 100 us apart: 1 ms, of which 1 % is 10 us.
    assert any("Copies begin by chance within 10.0 µs of each other, 1 % of the trace's length" in one for one in told(2))
    assert not any("Copies" in one for one in told(1))

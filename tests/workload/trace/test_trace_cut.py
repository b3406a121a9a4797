# SPDX-License-Identifier: GPL-2.0-only
"""The first operations of a spool are what a trace that ends there has: the same steps, flows and peaks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from slabdes.workload.trace.cut import first_of
from slabdes.workload.trace.spool import Spool, load_trace
from slabdes.workload.trace.think import Think

RECORDED = Think.parse("recorded")


def steps(spool: Spool) -> dict[int, list[object]]:
    return {cpu: list(spool.steps(cpu, think=RECORDED)) for cpu in spool.cpus}


def line(number: int) -> str:
    """Allocations in turn by two CPUs; each object is freed by the other one, three events later."""
    cpu, time = number // 2 % 2, f"1.{number:06d}"
    if number % 2 and number > 3:
        return f"t-1 [{1 - cpu}] {time}: kmem_cache_free: call_site=g ptr={number - 3:x}00 name=x"
    fields = "call_site=f bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL"
    return f"t-1 [{cpu}] {time}: kmem_cache_alloc: {fields} ptr={number:x}00 name={'xy'[number % 4 == 1]}"


@pytest.mark.parametrize("operations", [1, 2, 7, 20])
def test_a_cut_is_the_spool_of_a_trace_that_ends_there(write_trace: Callable[..., Path], tmp_path: Path, operations: int) -> None:
    lines = [line(number) for number in range(1, 41)]
    whole = load_trace(write_trace(*lines), ("x",), tmp_path / "whole")
    cut = first_of(whole, operations, tmp_path / "cut")
    of_x = [number for number, text in enumerate(lines) if text.endswith("name=x")]
    short = load_trace(write_trace(*lines[: of_x[operations - 1] + 1], name="short.txt"), ("x",), tmp_path / "short")
    assert cut.operations == operations
    assert steps(cut) == steps(short)
    assert (cut.cpus, cut.span_ns, cut.objects) == (short.cpus, short.span_ns, short.objects)
    assert (cut.exchange.flows, cut.exchange.most_live) == (short.exchange.flows, short.exchange.most_live)


def test_a_real_traces_begin_is_cut_likewise_where_frees_tell_caches(unix_dgram: Path, tmp_path: Path) -> None:
    whole = load_trace(unix_dgram, (), tmp_path / "whole")
    assert first_of(whole, whole.operations, tmp_path / "none") is whole
    cut = first_of(whole, 1000, tmp_path / "cut")
    assert sum(len(of_cpu) for of_cpu in steps(cut).values()) == cut.operations == 1000
    for cpu, mine in steps(cut).items():
        assert steps(whole)[cpu][: len(mine)] == mine

# SPDX-License-Identifier: GPL-2.0-only
"""A large trace is read once, whichever caches are asked for, and a folder that cannot hold its events is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("numba")

from slabdes.config import TraceWorkload
from slabdes.errors import InputError
from slabdes.scan import trace as scan_trace
from slabdes.scan.reader import RowReader
from slabdes.study.spools import Spools
from slabdes.workload.trace.spool import load_trace


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small one that is taken for large."""
    monkeypatch.setattr(scan_trace, "_is_large", lambda _path: True)
    fields = "call_site=f bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL"
    lines = (f"t-1 [{n % 2}] 1.{n:06d}: kmem_cache_alloc: ptr={n + 1:x}00 {fields} name={'xy'[n % 2]}\n" for n in range(60))
    path = tmp_path / "t.txt"
    path.write_text("".join(lines))
    return path


def test_every_choice_of_caches_is_made_from_one_reading(trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    batches = RowReader.batches
    monkeypatch.setattr(RowReader, "batches", lambda reader: read.append(reader.lines.path) or batches(reader))
    told: list[tuple[int, int]] = []
    spools = Spools(tmp_path / "spools")
    for caches in ((), ("x",), ("y", "x")):
        config = TraceWorkload(kind="trace", file=trace, caches=caches)
        spool = spools.spool(config, lambda _what, done, total: told.append((done, total)))
        plain = load_trace(trace, caches, tmp_path / "plain")
        assert (spool.caches, spool.cpus, spool.exchange.flows) == (plain.caches, plain.cpus, plain.exchange.flows)
    assert read == [trace]
    assert told[-1][0] == told[-1][1]


def test_where_events_cannot_be_kept_is_told(trace: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot spool the trace: "):
        Spools(trace / "inside a file").index(trace)

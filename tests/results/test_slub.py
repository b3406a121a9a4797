# SPDX-License-Identifier: GPL-2.0-only
"""What a run on SLUB shows: counters, and the kernel's text formats in SLUB's form."""

from __future__ import annotations

import pytest

from slabdes.answers.screen import as_plain
from slabdes.answers.tables import slub_sheet, view_of
from slabdes.api import Run, simulate
from slabdes.results.slub import counters


@pytest.fixture(scope="module")
def run() -> Run:
    raw = {"allocator": "7.3", "replications": 2, "machine": {"preset": "uma-4"}, "warm_up": "none"}
    raw |= {"cache": [{"name": "a", "size": 256}], "workload": {"kind": "burst", "objects": 300, "rounds": 3}}
    return simulate(raw)


def test_every_object_is_counted_once_on_the_fast_or_the_slow_path(run: Run) -> None:
    counted = dict(counters(run.frames).select("counter", "counted").iter_rows())
    allocs, frees = (sum(counted.get(f"{op}_{way}", 0) for way in ("fastpath", "slowpath")) for op in ("alloc", "free"))
    assert allocs == frees == 4 * 300 * 3
    assert counted["barn_get"] > 0


def test_slabinfo_and_lock_stat_have_slubs_form(run: Run) -> None:
    header, names, row = run.slabinfo().splitlines()
    assert header == "slabinfo - version: 2.1"
    assert names.endswith("<active_slabs> <num_slabs> <sharedavail>")
    slabs = run.slabs.filter(replication=0)
    number = slabs.select("slabs_partial", "slabs_full", "slabs_free").to_series().sum()
    assert ": tunables    0    0    0 : slabdata" in row
    assert int(row.split()[-2]) >= number
    assert "&barn->lock" in run.lock_stat()
    assert "barn_replace_empty_sheaf" in run.lock_stat()


def test_the_answer_shows_slubs_counters_by_the_names_that_sysfs_has(run: Run) -> None:
    sheet = slub_sheet(view_of(run))
    assert "barn_get_fail" in [row[0] for row in sheet.rows]
    assert as_plain(run)["slub"][0]["alloc_fastpath"] > 0

# SPDX-License-Identifier: GPL-2.0-only
"""What a run on SLUB shows: counters, and the kernel's text formats in SLUB's form."""

from __future__ import annotations

import pytest

from slabdes.answers.screen import as_plain
from slabdes.answers.tables import slub_sheet, view_of
from slabdes.api import Run, simulate
from slabdes.errors import InputError
from slabdes.results.slub import counters, in_grace, slub_write


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


def test_frees_that_wait_for_a_grace_period_are_some_of_a_whole_runs_whatever_was_warm_up() -> None:
    raw = {"allocator": "7.3", "machine": {"preset": "uma-4"}, "cache": [{"name": "a", "size": 256, "sheaf_capacity": 8}]}
    raw |= {"workload": {"kind": "mix", "operations": 12_000, "live": 40}, "rcu": {"frees": True, "grace_ms": 20.0}}
    whole, cut = (simulate(raw | {"replications": 2, "engine": "reference", "warm_up": rule}) for rule in ("none", "mser"))
    assert cut.frames.runs["warm_up_operations"].sum() > 1000
    assert cut.frames.cpus["frees"].sum() < whole.frames.cpus["frees"].sum()
    (frees, waiting), *_others = in_grace(whole.frames).values()
    assert in_grace(cut.frames) == {0: (frees, waiting)}
    assert waiting == frees == whole.frames.cpus["frees"].sum()


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


def test_counters_by_cpu_are_written_as_sysfs_has_them(run: Run) -> None:
    # 4 CPUs, 900 allocations and frees each; whatever did not happen reads 0, and CPUs that counted nothing are left out.
    lines = run.slub_stats(replication=0).splitlines()
    assert [line.partition(":")[0] for line in lines] == sorted(line.partition(":")[0] for line in lines)
    found = dict(line.split(":", 1) for line in lines)
    assert found["a/alloc_fastpath"] == "3600 C0=900 C1=900 C2=900 C3=900"
    assert found["a/order_fallback"] == "0"
    assert not {name for name in found if "cpu_partial" in name}, "7.3 has no per-CPU slabs"
    # CPU 0 creates the cache, and with it each CPU's main sheaf.
    assert int(found["a/sheaf_alloc"].split()[1].removeprefix("C0=")) >= 4
    assert run.frames.slub_cpus["cpu"].to_list() == [0, 1, 2, 3] * 2


@pytest.mark.parametrize(("allocator", "counter"), [("6.12", "cpu_partial_node"), ("7.3", "barn_get")])
def test_a_version_has_its_own_counters(allocator: str, counter: str) -> None:
    raw = {"allocator": allocator, "machine": {"preset": "uma-4", "cpus": 1}, "cache": [{"name": "a", "size": 256}]}
    text = simulate(raw | {"workload": {"kind": "burst", "objects": 1}}).slub_stats()
    assert f"a/{counter}:" in text
    assert ("a/barn_get:" in text) != ("a/cpu_partial_node:" in text)


def test_a_slab_of_a_cpus_own_counts_as_all_active_and_a_nodes_partial_slab_does_not() -> None:
    # As tests/kernel612 records b_fifo_256: one object allocated and freed leaves 32 active of 32, as the CPU keeps the slab.
    # With 7.3 the sheaf of 28 holds 28 of them, and the slab with the other 4 is on its node's partial list: 28 active.
    raw = {"machine": {"preset": "numa-2x4"}, "cache": [{"name": "a", "size": 256}]}
    raw["workload"] = {"kind": "burst", "objects": 1}
    raw["machine"]["cpus"] = 1
    active = [simulate(raw | {"allocator": allocator}).slabinfo().splitlines()[-1].split()[1:3] for allocator in ("6.12", "7.3")]
    assert active == [["32", "32"], ["28", "32"]]


def test_what_sysfs_does_not_take_is_said_to_be_built() -> None:
    assert slub_write("a b", "cpu_partial", 30) == "echo 30 > '/sys/kernel/slab/a b/cpu_partial'"
    assert slub_write("a", "sheaf_capacity", 60).startswith(
        "# a: sheaf_capacity = 60: .sheaf_capacity of the struct kmem_cache_args"
    )
    assert (
        slub_write("a", "max_full_sheaves", 20)
        == "# a: max_full_sheaves = 20: MAX_FULL_SHEAVES in mm/slub.c, a constant of all caches"
    )
    with pytest.raises(InputError, match="has no folder in /sys/kernel/slab"):
        slub_write("../x", "min_partial", 5)

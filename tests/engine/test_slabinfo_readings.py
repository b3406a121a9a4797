# SPDX-License-Identifier: GPL-2.0-only
"""Reading /proc/slabinfo holds list_lock while it walks, is told with who waits behind it, and is the same on both engines."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import slabdes
from slabdes.answers.answer import answer
from slabdes.answers.screen import as_plain
from slabdes.answers.tables import upkeep_sheet, view_of
from slabdes.machine import load_machine

RAW = {
    "machine": {"preset": "numa-2x4"},
    "cache": [{"name": "size-256", "size": 256}],
    "workload": {"kind": "burst", "objects": 400, "rounds": 3, "think_ns": 100},
    "timing": {"jitter": 0},
}
EVERY_US = 100
UPKEEP = {"slabinfo_every_ms": EVERY_US / 1000, "slabinfo_cpu": 5}


def simulated(engine: str = "reference", **more: Any) -> slabdes.Run:
    return slabdes.simulate(RAW | {"upkeep": UPKEEP, "engine": engine} | more)


@pytest.fixture(scope="module")
def run() -> slabdes.Run:
    return simulated()


def test_each_beat_is_a_reading_that_takes_each_nodes_lock_once(run: slabdes.Run) -> None:
    (turns,) = run.upkeep_summary().iter_rows(named=True)
    assert turns["upkeep"] == "slabinfo"
    assert turns["turns"] == run.points["elapsed_ns"][0] // (EVERY_US * 1000)
    held = run.per_upkeep()
    assert sorted(held["node"]) == [0, 1]
    assert set(held["holds"]) == {turns["turns"]}
    assert run.check() == []


def test_who_waits_behind_a_reading_is_told_in_tables_json_and_a_sentence(run: slabdes.Run) -> None:
    behind = run.waits_for().filter(pl.col("holder") == "s_show")
    assert behind["waits"].sum() == run.per_upkeep()["waits"].sum() > 0
    assert upkeep_sheet(view_of(run)).rows[0][0] == "/proc/slabinfo"
    assert as_plain(run)["upkeep"][0]["upkeep"] == "slabinfo"
    (told,) = (sentence for sentence in answer(view_of(run)) if "slabinfo" in sentence)
    assert told.startswith("Readings of /proc/slabinfo (")
    without = slabdes.simulate(RAW | {"engine": "reference"})
    assert without.summary()["max_ns"][0] < run.summary()["max_ns"][0]
    assert not [sentence for sentence in answer(view_of(without)) if "slabinfo" in sentence]


def held_by_a_reading_of(objects: int, allocator: str) -> float:
    """ns that the only node's lock is held for where a CPU alone has so many objects, and reads at the end of its thought."""
    workload = {"kind": "burst", "objects": objects, "rounds": 1, "think_ns": 0}
    machine = {"preset": "uma-4", "cpus": 1}
    cache = [{"name": "size-4096", "size": 4096, "limit": 1, "batchcount": 1, "shared": 0}]
    upkeep = {"slabinfo_every_ms": 0.03, "slabinfo_cpu": 3}
    read = simulated(machine=machine, cache=cache, workload=workload, upkeep=upkeep, allocator=allocator)
    return float(read.per_upkeep()["max_hold_ns"][0])


def test_a_walk_costs_each_slab_its_line_and_counters_cost_none() -> None:
    """CPU 3 reads, while CPU 0 fills a slab an object: a reading fetches the line of each."""
    few, many = (held_by_a_reading_of(objects, "4.7") for objects in (100, 400))
    assert many > few + 200 * load_machine("uma-4").costs.slab_object / 1000
    counted = {held_by_a_reading_of(objects, "6.1") for objects in (100, 400)}
    assert max(counted) < few / 3


@pytest.mark.parametrize("allocator", ["2.6.34", "6.1"])
def test_both_engines_read_alike(allocator: str) -> None:
    one, other = (simulated(engine, allocator=allocator) for engine in ("reference", "compiled"))
    assert one.digest == other.digest
    assert one.per_upkeep().equals(other.per_upkeep())
    assert one.upkeep_summary().equals(other.upkeep_summary())


def test_a_run_without_readings_is_what_it_was() -> None:
    plain = slabdes.simulate(RAW | {"engine": "reference"})
    assert plain.digest == simulated(upkeep={"slabinfo_every_ms": 0}).digest
    late = simulated(upkeep={"slabinfo_every_ms": 1e6})
    assert late.digest == plain.digest
    assert answer(view_of(late))[0].startswith("/proc/slabinfo was never read")


@pytest.mark.parametrize(
    ("upkeep", "told"),
    [
        ({"slabinfo_every_ms": 1, "slabinfo_cpu": 8}, r"upkeep.slabinfo_cpu: there is no CPU 8; allowed: 0 to 7"),
        ({"slabinfo_every_ms": 1e-6}, r"slabinfo_every_ms 1e-06; allowed: 0, or 0.001 and more"),
        ({"slabinfo_every": 1}, r"did you mean slabinfo_every_ms"),
    ],
)
def test_what_is_asked_for_wrongly_is_told_in_a_line(upkeep: dict[str, float], told: str) -> None:
    with pytest.raises(slabdes.InputError, match=told):
        simulated(upkeep=upkeep)

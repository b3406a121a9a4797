# SPDX-License-Identifier: GPL-2.0-only
"""Shrinking caches at a time or every so often: every CPU drains its arrays, free slabs go, and both engines agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import slabdes
from slabdes.answers.answer import answer
from slabdes.answers.tables import upkeep_sheet, view_of

RAW = {
    "machine": {"preset": "numa-2x4"},
    "cache": [{"name": "size-256", "size": 256}, {"name": "size-64", "size": 64}],
    "workload": {"kind": "burst", "objects": 400, "rounds": 3, "think_ns": 100},
}
ONCE = {"shrink_at_ms": 0.1, "shrink_cpu": 5}


def simulated(engine: str = "reference", **upkeep: Any) -> slabdes.Run:
    return slabdes.simulate(RAW | {"upkeep": upkeep, "engine": engine})


def turns(run: slabdes.Run) -> dict[str, float]:
    return {row["upkeep"]: row["turns"] for row in run.upkeep_summary().iter_rows(named=True)}


def test_a_shrink_has_one_cpu_shrink_and_all_others_drain_their_arrays() -> None:
    run = simulated(**ONCE)
    assert turns(run) == {"shrink": 1, "drain": 7}
    drained = run.per_upkeep().filter(upkeep="drain")
    assert drained["holds"].sum() == 7 * len(RAW["cache"])  # each takes its node's lock once a cache, whatever it holds
    assert {row[0] for row in upkeep_sheet(view_of(run)).rows} == {"shrink", "do_drain"}
    assert run.check() == []


def test_only_the_cache_that_is_named_is_shrunk_and_every_so_often_is_more_than_once() -> None:
    run = simulated(shrink_every_ms=0.1, shrink_cache="size-64")
    assert turns(run)["shrink"] == run.points["elapsed_ns"][0] // 100_000 > 1
    assert set(run.per_upkeep()["cache"]) <= {"size-64", ""}  # zones have none


def test_upkeep_is_drawn_with_its_times_and_the_locks_that_it_holds(tmp_path: Path) -> None:
    run = simulated(shrink_every_ms=0.1, slabinfo_every_ms=0.1)
    turns, locks = run.plot.upkeep().axes
    assert [label.get_text() for label in turns.get_yticklabels()] == ["do_drain", "shrink", "/proc/slabinfo"]
    means = {row["mean_ns"] for row in run.upkeep_summary().iter_rows(named=True)}
    assert set(turns.lines[0].get_xdata()) == means
    held = run.per_upkeep().sort("held_ns", descending=True, maintain_order=True)
    assert locks.lines[0].get_xdata().tolist() == held["turn_ns"].head(len(locks.get_yticks())).to_list()
    assert tmp_path / "figures/upkeep.png" in run.plot.save(tmp_path / "figures")


def test_free_slabs_go() -> None:
    """The one CPU at work has 600 us of allocations and frees behind it: nearly all of its objects are free."""
    more = {"machine": {"preset": "numa-2x4", "cpus": 1}, "engine": "reference"}
    more["workload"] = {"kind": "burst", "objects": 300, "rounds": 2, "think_ns": 1000}
    usual, shrunk = (slabdes.simulate(RAW | more | {"upkeep": upkeep}) for upkeep in ({}, {"shrink_at_ms": 0.59}))
    assert usual.caches["slabs_destroyed"].sum() < shrunk.caches["slabs_destroyed"].sum()


def test_both_engines_shrink_alike() -> None:
    one, other = (
        simulated(engine, shrink_at_ms=0.05, shrink_every_ms=0.07, shrink_cpu=2) for engine in ("reference", "compiled")
    )
    assert one.digest == other.digest
    assert one.per_upkeep().equals(other.per_upkeep())
    assert one.upkeep_summary().equals(other.upkeep_summary())


def test_an_invariant_that_a_shrink_broke_would_be_seen() -> None:
    run = slabdes.simulate(RAW | {"upkeep": ONCE, "engine": "reference", "debug": True})
    assert run.digest == simulated(**ONCE).digest


def test_what_never_came_is_told_first_and_once() -> None:
    raw = RAW | {"replications": 3, "upkeep": {"shrink_at_ms": 1e6, "slabinfo_every_ms": 1e5}, "engine": "reference"}
    told = answer(view_of(slabdes.simulate(raw)))
    assert told[0].startswith("/proc/slabinfo was never read: the first time comes after 100 s, the longest run took ")
    assert told[1].startswith("No cache was shrunk: the first time comes after 1000 s, ")
    assert sum("was never read" in sentence for sentence in told) == 1
    swept = slabdes.simulate(raw | {"upkeep": {}, "sweep": {"upkeep.shrink_at_ms": [0, 0.1, 1e6]}})
    assert answer(view_of(swept))[0].startswith("No cache was shrunk with ")


@pytest.mark.parametrize(
    ("upkeep", "told"),
    [
        ({"shrink_at_ms": 1, "shrink_cpu": 8}, r"upkeep.shrink_cpu: there is no CPU 8; allowed: 0 to 7"),
        (
            {"shrink_at_ms": 1, "shrink_cache": "filp"},
            r"shrink_cache: 'filp' is not a cache of the workload; allowed: size-256, size-64",
        ),
        ({"shrink_every_ms": 1e-6}, r"shrink_every_ms 1e-06; allowed: 0, or 0.001 and more"),
    ],
)
def test_what_is_asked_for_wrongly_is_told_in_a_line(upkeep: dict[str, Any], told: str) -> None:
    with pytest.raises(slabdes.InputError, match=told):
        simulated(**upkeep)

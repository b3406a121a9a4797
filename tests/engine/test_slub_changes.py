# SPDX-License-Identifier: GPL-2.0-only
"""SLUB's caches shrunk, or their sheaves changed, at a time of the run: CPUs flush, barns are emptied, both engines agree."""

from __future__ import annotations

from typing import Any

import pytest

import slabdes
from slabdes.config import parse_experiment
from slabdes.engine.marks import Marking
from slabdes.engine.reference.run import run_reference
from slabdes.errors import InputError
from slabdes.study.plan import machine_of
from slabdes.study.steady import marking_of
from slabdes.units import NS_PER_MS
from slabdes.workload.synthetic import build_synthetic

RAW = {
    "allocator": "7.3",
    "machine": {"preset": "numa-2x4"},
    "cache": [{"name": "size-256", "size": 256}, {"name": "size-64", "size": 64}],
    "workload": {"kind": "burst", "objects": 400, "rounds": 3, "think_ns": 100},
    "seed": 1,
}
MORE = {"change": {"at_ms": 0.1, "sheaf_capacity": 100, "cpu": 5}}


def simulated(engine: str = "reference", **more: Any) -> slabdes.Run:
    return slabdes.simulate(RAW | more | {"engine": engine})


def turns(run: slabdes.Run) -> dict[str, float]:
    return {row["upkeep"]: row["turns"] for row in run.upkeep_summary().iter_rows(named=True)}


def counted(run: slabdes.Run, name: str) -> int:
    return int(run.slub[name].sum())


def test_a_shrink_has_every_cpu_flush_its_sheaves_and_empty_slabs_go() -> None:
    usual, shrunk = (simulated(upkeep=upkeep, debug=True) for upkeep in ({}, {"shrink_at_ms": 0.1, "shrink_cpu": 5}))
    assert (turns(usual), turns(shrunk)) == ({}, {"shrink": 1, "flush": 7})
    assert counted(shrunk, "sheaf_flush") > counted(usual, "sheaf_flush")
    assert usual.caches["slabs_destroyed"].sum() < shrunk.caches["slabs_destroyed"].sum()
    assert shrunk.check() == []


def test_so_it_does_where_cpus_have_slabs_of_their_own() -> None:
    shrunk = simulated(allocator="6.12", upkeep={"shrink_at_ms": 0.1}, debug=True)
    assert turns(shrunk) == {"shrink": 1, "flush": 7}
    assert counted(shrunk, "cpuslab_flush") > 0
    assert shrunk.check() == []


def test_a_new_capacity_is_every_cpus_from_its_turn_on() -> None:
    usual, changed = simulated(debug=True), simulated(debug=True, **MORE)
    assert turns(changed) == {"change": 1, "flush": 7}
    assert usual.slub["sheaf_capacity"].to_list() == [28, 60]
    assert changed.slub["sheaf_capacity"].to_list() == [100, 100]
    # Sheaves of 100 objects are fetched from barns less often than those of 28 and 60.
    assert counted(changed, "barn_get") < counted(usual, "barn_get")
    assert changed.check() == []


def test_a_change_that_names_a_cache_leaves_the_others() -> None:
    changed = simulated(change=MORE["change"] | {"cache": "size-64"})
    assert changed.slub["sheaf_capacity"].to_list() == [28, 100]


def test_a_barns_limit_alone_is_changed_by_one_cpu_without_the_others() -> None:
    changed = simulated(change={"at_ms": 0.05, "max_full_sheaves": 0}, debug=True)
    assert turns(changed) == {"change": 1}
    assert changed.slub["max_full_sheaves"].to_list() == [0, 0]
    assert counted(changed, "sheaf_flush") > counted(simulated(), "sheaf_flush")


@pytest.mark.parametrize(
    "more",
    [
        MORE,
        {"upkeep": {"shrink_every_ms": 0.05, "shrink_cpu": 2}, "rcu": {"frees": True, "grace_ms": 0.02}},
        {"allocator": "6.12", "upkeep": {"shrink_every_ms": 0.05}},
        {"slub": {"leftovers": "spill"}, "change": {"at_ms": 0.1, "sheaf_capacity": 3}},
    ],
    ids=["a capacity", "shrinks, with kfree_rcu", "shrinks of 6.12", "a capacity, where leftovers are spilled"],
)
def test_both_engines_do_so_alike(more: dict[str, Any]) -> None:
    one, other = (simulated(engine, **more) for engine in ("reference", "compiled"))
    assert one.digest == other.digest
    assert one.upkeep_summary().equals(other.upkeep_summary())
    assert one.samples.equals(other.samples)
    assert one.slub.equals(other.slub)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize(
    ("allocator", "what"),
    [("7.3", {"change": {"sheaf_capacity": 1}}), ("7.3", {}), ("6.18", {"rcu": {"frees": True, "grace_ms": 0.001}})],
    ids=["a change", "a shrink", "a shrink, with kfree_rcu"],
)
def test_what_is_on_its_way_when_the_runs_end_cuts_a_turn_off_is_in_use_by_nobody(
    engine: str, allocator: str, what: dict[str, Any]
) -> None:
    raw = {"allocator": allocator, "cache": [{"name": "c", "size": 256, "sheaf_capacity": 40}]}
    raw |= {"workload": {"kind": "burst", "objects": 400}} | {key: of for key, of in what.items() if key == "rcu"}
    usual = simulated(**raw)
    cut_off = []
    for halvings in range(5, 11):
        at = (1 - 0.5**halvings) * usual.runs["elapsed_ns"].item() / NS_PER_MS
        more = {"change": what["change"] | {"at_ms": at}} if "change" in what else {"upkeep": {"shrink_at_ms": at}}
        run = simulated(engine, **raw | more)
        assert run.check() == []
        assert run.slabs["in_use"].sum() == 0
        told = turns(run)
        cut_off.append("flush" in told and not {"shrink", "change"}.intersection(told))
    assert any(cut_off)


def test_a_change_happens_at_its_time_wherever_marks_fall() -> None:
    # CPUs are ahead of the run's time while they think: their turns are not.
    cache = [{"name": "c", "size": 256, "sheaf_capacity": 28}, {"name": "d", "size": 64}]
    workload = {"kind": "mix", "operations": 120, "live": 20, "think_ns": 5000}
    change = {"at_ms": 0.01, "sheaf_capacity": 20, "max_full_sheaves": 1}
    raw = {"seed": 241, "machine": {"preset": "numa-2x4", "cpus": 3}, "cache": cache, "workload": workload, "change": change}
    one = parse_experiment(RAW | raw, "test")
    machine = machine_of(one)
    every = [Marking(width, None, samples=True) for width in (5_000_000, 40_000_000)]
    usual = marking_of(one, machine, build_synthetic(one, machine, 0), 0)
    whole, *marked = (
        run_reference(one, machine, build_synthetic(one, machine, 0), marking=marking) for marking in (None, *every, usual)
    )
    assert [records.digest for records in marked] == 3 * [whole.digest]
    assert 10_000_000 in [sample.time for sample in marked[2].samples]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"change": {"at_ms": 1}}, r"at_ms goes with sheaf_capacity or max_full_sheaves"),
        ({"rcu": {"grace_ms": 2, "stagger_ms": 4}}, r"stagger_ms 4 is longer than grace_ms; allowed: 0 to 2"),
        ({"change": {"sheaf_capacity": 7}}, r"at_ms goes with sheaf_capacity"),
        ({"change": {"at_ms": 1e-9, "sheaf_capacity": 7}}, r"change.at_ms"),
        ({"change": {"at_ms": 1, "sheaf_capacity": 0}}, r"change.sheaf_capacity"),
        (MORE | {"upkeep": {"shrink_at_ms": 1}}, r"\[change\] beside upkeep.shrink_at_ms .*; allowed: one of them"),
        (MORE | {"allocator": "6.12"}, r"sheaves, which allocator 6.12 has not; allowed: allocator 6.18, 7.0"),
        (MORE | {"allocator": "6.1"}, r"sheaves, which allocator 6.1 has not"),
        ({"change": {"at_ms": 1, "sheaf_capacity": 7, "cpu": 8}}, r"change.cpu: there is no CPU 8; allowed: 0 to 7"),
        ({"change": {"at_ms": 1, "sheaf_capacity": 7, "cache": "filp"}}, r"change.cache: 'filp' is not a cache of the workload"),
        ({"upkeep": {"slabinfo_every_ms": 1}}, r"upkeep.slabinfo_every_ms is simulated on SLAB alone"),
    ],
)
def test_what_is_asked_for_wrongly_is_told_in_a_line(more: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        simulated(**more)

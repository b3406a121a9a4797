# SPDX-License-Identifier: GPL-2.0-only
"""Keys that only one allocator has are refused on the other, in one line that says what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from slabdes.config import AllocatorVersion, parse_experiment
from slabdes.errors import InputError


def given(allocator: str, cache: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    raw = {"allocator": allocator, "machine": {"preset": "uma-4"}, "cache": [{"name": "a", "size": 64} | (cache or {})]}
    return raw | {"workload": {"kind": "burst", "objects": 1}} | more


@pytest.mark.parametrize(
    ("allocator", "cache", "told"),
    [
        (
            "7.3",
            {"limit": 12},
            "limit is no tunable of allocator 7.3; allowed: sheaf_capacity, max_full_sheaves, max_empty_sheaves",
        ),
        ("7.3", {"cpu_partial": 12}, "cpu_partial is no tunable of allocator 7.3; allowed: sheaf_capacity"),
        ("6.12", {"sheaf_capacity": 12}, "sheaf_capacity is no tunable of allocator 6.12; allowed: cpu_partial, min_partial"),
        ("6.1", {"min_partial": 5}, "min_partial is no tunable of allocator 6.1; allowed: limit, batchcount, shared"),
        ("7.3", {"sheaf_capacity": 0}, "cache.a.sheaf_capacity: 0 is out of range; allowed: 1 to 508"),
        ("7.3", {"sheaf_capacity": 509}, "cache.a.sheaf_capacity: 509 is out of range; allowed: 1 to 508"),
        ("7.3", {"flags": ["MEM_SPREAD"]}, "flag MEM_SPREAD does nothing in allocator 7.3"),
        ("7.3", {"flags": ["NOLEAKTRACE"], "sheaf_capacity": 4}, "sheaf_capacity with NOLEAKTRACE"),
    ],
)
def test_a_cache_key_of_another_allocator_is_refused(allocator: str, cache: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as error:
        parse_experiment(given(allocator, cache), "file")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("allocator", "slub", "told"),
    [
        (
            "6.1",
            {"barns": "memory"},
            "slub.barns is no switch of allocator 6.1; allowed: none of [slub]; allocator 6.18, 7.0, 7.1",
        ),
        ("6.12", {"leftovers": "head"}, "slub.leftovers is no switch of allocator 6.12; allowed: none of [slub]; allocator 7.0"),
        (
            "6.18",
            {"refill_order": "list"},
            "slub.refill_order is no switch of allocator 6.18; allowed: cpu_slabs, empty_main, barns, refill",
        ),
        (
            "7.3",
            {"leftovers": "middle"},
            "slub.leftovers: 'middle' is not one of them; allowed: 'tail', 'head', 'group' or 'spill'",
        ),
        ("7.3", {"left": "tail"}, "slub.left: unknown key (did you mean leftovers?)"),
    ],
)
def test_a_switch_that_a_version_has_not_is_refused(allocator: str, slub: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as error:
        parse_experiment(given(allocator, slub=slub), "file")
    assert told in str(error.value)


def test_frees_by_rcu_are_refused_on_slab_and_in_traces() -> None:
    with pytest.raises(
        InputError, match=r"rcu\.frees is simulated on SLUB alone, not on allocator 6\.1; allowed: allocator 6\.12"
    ):
        parse_experiment(given("6.1", rcu={"frees": True}), "file")
    trace = given("7.3", rcu={"frees": True}, workload={"kind": "trace", "file": "t.txt"})
    with pytest.raises(InputError, match=r"rcu\.frees with a trace, whose frees are as they were recorded; allowed: false"):
        parse_experiment(trace, "file")


@pytest.mark.parametrize(
    ("key", "more"),
    [
        ("switches", {"switches": ["private_slab"]}),
        ("noaliencache", {"noaliencache": True}),
        ("reap_drains_all_aliens", {"reap_drains_all_aliens": True}),
        ("interrupts", {"interrupts": {"mean_ns": 1000.0}}),
        ("upkeep.slabinfo_every_ms", {"upkeep": {"slabinfo_every_ms": 1.0}}),
    ],
)
def test_what_is_simulated_on_slab_alone_is_refused_on_slub(key: str, more: dict[str, Any]) -> None:
    with pytest.raises(
        InputError, match=rf"{key} is simulated on SLAB alone, not on allocator 6\.12; allowed: allocator 2\.6\.34"
    ):
        parse_experiment(given("6.12", **more), "file")
    assert parse_experiment(given("6.1", **more), "file").allocator is AllocatorVersion.V6_1


@pytest.mark.parametrize("version", ["6.12", "7.3"])
def test_bulk_calls_on_slub_are_bounded_and_free_nothing_by_kfree_rcu(version: str) -> None:
    most = {"kind": "burst", "objects": 4, "bulk": 4096}
    assert parse_experiment(given(version, workload=most), "file")
    assert parse_experiment(given("6.1", workload=most | {"bulk": 4097}), "file")
    with pytest.raises(InputError, match=rf"workload\.bulk 4097 on allocator {version}; allowed: 0 to 4096"):
        parse_experiment(given(version, workload=most | {"bulk": 4097}), "file")
    with pytest.raises(InputError, match=r'workload\.bulk with rcu\.frees, .*; allowed: workload\.bulk_of = "alloc"'):
        parse_experiment(given(version, rcu={"frees": True}, workload=most), "file")
    assert parse_experiment(given(version, rcu={"frees": True}, workload=most | {"bulk_of": "alloc"}), "file")


@pytest.mark.parametrize(
    ("version", "more", "told"),
    [
        ("6.12", {}, r"workload\.prefill is of sheaves, which allocator 6\.12 has not; allowed: allocator 6\.18, 7\.0"),
        ("6.1", {}, r"workload\.prefill is of sheaves, which allocator 6\.1 has not"),
        ("7.3", {"bulk": 0}, r'workload\.prefill 10 with bulk 0 of "both", .*; allowed: bulk 1 to prefill'),
        ("7.3", {"bulk": 11}, r"workload\.prefill 10 with bulk 11"),
        ("7.3", {"bulk_of": "free"}, r'workload\.prefill 10 with bulk 3 of "free", .*; allowed: .* bulk_of "alloc" or "both"'),
        ("7.3", {"prefill": 4097}, r"prefill at most 4096"),
    ],
)
def test_a_prefilled_sheaf_that_no_call_empties_is_refused(version: str, more: dict[str, Any], told: str) -> None:
    asked = {"kind": "burst", "objects": 4, "bulk": 3, "prefill": 10}
    with pytest.raises(InputError, match=told):
        parse_experiment(given(version, workload=asked | more), "file")
    assert parse_experiment(given("7.3", workload=asked), "file")


@pytest.mark.parametrize(
    ("version", "slub", "told"),
    [
        ("7.3", {"capacity_base": 300, "capacity_most": 240}, "capacity_base 300 is greater than capacity_most 240"),
        ("7.3", {"capacity_most": 509}, "capacity_most"),
        ("7.3", {"capacity_per_cpu": -1}, "capacity_per_cpu"),
        ("6.12", {"capacity_per_cpu": 1}, r"slub\.capacity_per_cpu is no switch of allocator 6\.12; .* allocator 6\.18, 7\.0"),
    ],
)
def test_a_rule_of_capacities_that_cannot_be_is_refused(version: str, slub: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        parse_experiment(given(version, slub=slub), "file")


def test_versions_are_slab_up_to_6_1_and_slub_from_6_12_on() -> None:
    assert [version.value for version in AllocatorVersion if version.is_slub] == ["6.12", "6.18", "7.0", "7.1", "7.2", "7.3"]
    assert parse_experiment(given("7.3") | {"allocator": 7.3}, "file").allocator is AllocatorVersion.V7_3


def test_a_table_that_a_sweep_sets_is_one_allocators_own() -> None:
    tables = [{"name": "a", "size": 64, "limit": 60}, {"name": "a", "size": 64, "sheaf_capacity": 60}]
    assert parse_experiment(given("7.3", zip={"allocator": ["6.1", "7.3"], "cache.0": tables}), "file").zip
    with pytest.raises(InputError, match=r"limit is no tunable of allocator 7\.3; allowed: sheaf_capacity"):
        parse_experiment(given("7.3", zip={"allocator": ["7.3", "6.1"], "cache.0": tables}), "file")
